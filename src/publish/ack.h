/*
 * ack.h - what is known of the rows of cache_outbox, in all databases.
 *
 * The publisher has no database: so it notes here which rows Redis has got, and the
 * database's worker deletes them. And here is noted in which databases somebody has
 * to look for rows that Redis may not have got: after a start in all of them.
 * A database that finds no room makes it all of them as well.
 *
 * Locking: the tranche's one lock; held for a copy. None can fail.
 *
 * src/publish/ack.h
 */
#ifndef CF_PUBLISH_ACK_H
#define CF_PUBLISH_ACK_H

#include "postgres.h"

#include "publish/ring.h"

typedef struct CfAck
{
	Oid			dboid;
	TransactionId xid;
	ItemPointerData tid;
} CfAck;

extern void cf_ack_register(void);

/* Publisher: Redis has got what is in a row. */
extern void cf_ack_row(const CfRingRow *row);

/* Worker: takes acknowledged rows of a database, at most room; how many. */
extern int	cf_ack_take(Oid dboid, CfAck *acks, int room);

/* Somebody has to look into the table; wakes nobody. */
extern void cf_ack_want_look(Oid dboid);

/* The same, but in all databases not at once: what has just failed fails again. */
extern void cf_ack_want_later_look(Oid dboid);

/* Is it time for looks? And is there one to be had? */
extern bool cf_ack_is_time(void);
extern bool cf_ack_is_look_due(void);

/* Worker: was it wanted, and is it time? From now on it is not. */
extern bool cf_ack_take_look(Oid dboid);

/* Launcher: a database with acknowledged rows, and if looks, with a look that is due. */
extern Oid	cf_ack_next_database(int *next, bool looks);

/* Launcher: how many are to be looked into; that it is all of them is told once. */
extern int	cf_ack_count_looks(bool *all);

#endif							/* CF_PUBLISH_ACK_H */
