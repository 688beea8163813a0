/*
 * ring.h - what Redis is to be told, in shared memory, on its way to the publisher.
 *
 * A ring of bytes that holds items, each with its length before it. Sessions append
 * in their COMMIT callback: a copy under a lock, nothing that waits, allocates or
 * fails. The publisher (publisher.h) takes items off the other end when Redis has
 * got them, or when they are given up. Where the ring is full, items are dropped:
 * what Redis keeps for that costs space until its time to live, and nothing else,
 * for every server judges by its own history what it finds there.
 *
 * A position is the number of bytes that were appended before it since the server
 * started. Who wants to know when his items are through keeps the position after
 * them (cachefront.redis_commit = sync).
 *
 * Locking: the tranche's one lock guards the bytes and the end of the ring; held for
 * a copy. The positions, and who waits, are atomics.
 *
 * src/publish/ring.h
 */
#ifndef CF_PUBLISH_RING_H
#define CF_PUBLISH_RING_H

#include "postgres.h"

#include "base/compat.h"
#include "storage/itemptr.h"

#include "codec/key.h"

typedef enum CfRingKind
{
	CF_RING_KEY,				/* drop what Redis has of a key */
	CF_RING_VALUE,				/* a value of cache_set, which memory has */
	CF_RING_ROW					/* what came since the last one is in this row of cache_outbox */
} CfRingKind;

/* What every item begins with. */
typedef struct CfRingItem
{
	uint32		len;			/* of all of it, a multiple of 8 */
	uint16		kind;			/* CfRingKind */
	uint16		text_len;		/* of the text at its end */
} CfRingItem;

/* The text is the name of the key in Redis. */
typedef struct CfRingKey
{
	CfRingItem	item;
	char		text[FLEXIBLE_ARRAY_MEMBER];
} CfRingKey;

/* The text are the namespace, of ns_len bytes with a closing zero, and the key. */
typedef struct CfRingValue
{
	CfRingItem	item;
	uint64		lsn;			/* of the commit; see cf_ring_set_lsn */
	uint64		hash;			/* of the key */
	CfIdentity	id;
	Oid			dboid;
	uint16		ns_len;
	bool		touched;		/* it has a new time to live, and nothing else */
	char		text[FLEXIBLE_ARRAY_MEMBER];
} CfRingValue;

typedef struct CfRingRow
{
	CfRingItem	item;
	Oid			dboid;
	TransactionId xid;			/* that wrote it: the place may be another row's by now */
	ItemPointerData tid;
} CfRingRow;

extern void cf_ring_register(void);

/* ---- sessions ---- */

/* Items that are made for one cf_ring_append. All zero is an empty one. */
typedef struct CfRingMessage
{
	char	   *data;			/* in context, which cf_ring_add_... set */
	Size		len;
	Size		size;
	int			nkeys;
	int			nvalues;
	int			ndropped;		/* items that would not have found room in any ring */
} CfRingMessage;

/* In TopTransactionContext; raise an error only if out of memory. */
extern void cf_ring_add_key(CfRingMessage *message, const char *name, int len);
extern void cf_ring_add_value(CfRingMessage *message, const char *ns, const CfKey *key,
							  const CfIdentity *id, bool touched);
extern void cf_ring_add_row(CfRingMessage *message, Oid dboid, TransactionId xid,
							const ItemPointerData *tid);

/* Now the commit's LSN is known. Cannot fail. */
extern void cf_ring_set_lsn(CfRingMessage *message, uint64 lsn);

/*
 * Appends what there is room for, in whole items; counts what is dropped. urgent:
 * somebody waits for it. Wakes the publisher if it sleeps. *all is false if
 * something was dropped. Gives the position after it. Cannot fail.
 */
extern uint64 cf_ring_append(const CfRingMessage *message, bool urgent, bool *all);

/* Is everything up to a position through: with Redis, or given up? */
extern bool cf_ring_is_through(uint64 position);

/*
 * Waits until it is, for at most so many ms; not if nobody would do it, not while
 * Redis is out of use, and no longer than until a cancel or the end of the session,
 * which are noticed though interrupts are held off, and left for others to act
 * upon. Holds up no DROP DATABASE meanwhile. True: it is through, and Redis has got
 * what went with it. Cannot fail.
 */
extern pg_nodiscard bool cf_ring_wait(uint64 position, int timeout_ms);

/* ---- the publisher ---- */

extern void cf_ring_begin_publishing(void);

/*
 * Copies whole items from the ring's front into a buffer of so many bytes, and
 * gives how many bytes of it they take; *after: the position after them.
 */
extern Size cf_ring_take(char *buffer, Size room, uint64 *after);

/* An item may be larger than a buffer, but not larger than this. */
#define CF_RING_MAX_ITEM (4 * 1024)

/*
 * What was taken up to a position is through; all: Redis has got all of it. Lets
 * sessions go on.
 */
extern void cf_ring_advance(uint64 after, bool all);

/* All who wait go on: Redis is out of use. */
extern void cf_ring_release_waiters(void);

/* Does somebody wait for what is there? */
extern bool cf_ring_is_urgent(void);

/*
 * Sleeps until there is something, or for so many ms. gather: only what somebody
 * waits for ends it before that.
 */
extern void cf_ring_sleep(long timeout_ms, bool gather);

/* ---- reporting ---- */

typedef struct CfRingReport
{
	uint64		bytes;			/* on their way */
	uint64		size;
} CfRingReport;

extern void cf_ring_report(CfRingReport *report);

#endif							/* CF_PUBLISH_RING_H */
