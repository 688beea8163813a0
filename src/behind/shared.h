/*
 * shared.h - what is known of queues in shared memory: which databases have
 * something in theirs, when the worker is to look, and how its writers do.
 *
 * All of it can be found out again from the tables: after a start, of a standby that was promoted
 * too, each database is looked at once.
 *
 * Locking: one LWLock, held for some comparisons; nothing here waits or fails.
 *
 * src/behind/shared.h
 */
#ifndef CF_BEHIND_SHARED_H
#define CF_BEHIND_SHARED_H

#include "postgres.h"

#include "datatype/timestamp.h"

#include "codec/key.h"

#define CF_BEHIND_ERROR 256

extern void cf_behind_shared_register(void);

/* ---- sessions ---- */

/*
 * After a write was buffered; it is to be applied flush_us after the commit, or when flush_rows
 * keys wait (0: however many).
 */
extern void cf_behind_added(int64 flush_us, int flush_rows);

/* At the transaction's end. At PREPARE as at COMMIT: nobody is told of what comes later. */
extern void cf_behind_committed(void);
extern void cf_behind_aborted(void);

/* The worker is to try all that there is, now. */
extern void cf_behind_request(void);

typedef enum CfBehindDatabase
{
	CF_BEHIND_EMPTY,
	CF_BEHIND_PENDING,			/* maybe in transactions that are under way */
	CF_BEHIND_UNKNOWN			/* not looked at since the start */
} CfBehindDatabase;

extern CfBehindDatabase cf_behind_database(Oid dboid);

/* ---- the launcher ---- */

/* A database that is to be looked at; a dropped one is forgotten. */
extern void cf_behind_want_look(Oid dboid);
extern int	cf_behind_count_looks(void);
extern void cf_behind_forget(Oid dboid);
extern void cf_behind_postpone(Oid dboid);	/* no worker can connect to it */
extern void cf_behind_all_known(void);
extern bool cf_behind_take_overflow(void);
extern Oid	cf_behind_next_database(int *next);

/* ---- the worker of a database ---- */

typedef struct CfBehindRound
{
	uint32		version;		/* of what sessions have added */
	bool		forced;			/* somebody waits for all of it */
	bool		early;			/* it is not time yet, but many wait */
} CfBehindRound;

/* Is it time? Then what comes from now on is of the next round. */
extern bool cf_behind_begin_round(CfBehindRound *round);

/* Nothing was found, unless somebody has added something since the round began. */
extern void cf_behind_end_empty(const CfBehindRound *round);

/* due: steady. full: a writer had flush_rows keys, whatever their time was. */
extern void cf_behind_end_round(const CfBehindRound *round, TimestampTz due, bool full);

/* Milliseconds to the next one; -1: there is none. */
extern int	cf_behind_wait_ms(void);

/* ---- writers ---- */

typedef struct CfWriterState
{
	int64		flushed;		/* writes that were applied */
	int64		statements;
	int64		unmatched;
	int64		retries;
	int			failures;		/* in a row, of what is nobody's row */
	TimestampTz retry_at;		/* steady; 0: it runs */
	char		error[CF_BEHIND_ERROR]; /* the last one, or "" */
} CfWriterState;

/* All zero where there is no room for one. */
extern void cf_behind_get_state(const char *writer, CfWriterState *state);
extern void cf_behind_count(const char *writer, int64 flushed, int64 statements,
							int64 unmatched, int64 retries);
extern void cf_behind_failed(const char *writer, const char *error, bool pause);
extern void cf_behind_succeeded(const char *writer);
extern void cf_behind_forget_state(const char *writer);

#endif							/* CF_BEHIND_SHARED_H */
