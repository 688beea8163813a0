/*
 * writeset.h - the tables that a transaction has changed, as PostgreSQL itself
 * knows them.
 *
 * For its statistics PostgreSQL counts the rows that a transaction inserts,
 * updates and deletes, by table, with savepoints undone (pgstat_relation.c). At
 * PRE_COMMIT that is a complete list of what the transaction has changed,
 * whoever wrote: clients, functions, cascades, COPY, logical replication. So no
 * rule and no trigger is needed to know that a result is out of date.
 *
 * Each such table moves the clock of its tag, 'table:OID', and those of all its
 * ancestors, partitioned or not: raised at PRE_COMMIT, settled in the COMMIT
 * callback.
 *
 * Locking: none; all state is of this process. The clocks are atomics.
 *
 * src/capture/writeset.h
 */
#ifndef CF_CAPTURE_WRITESET_H
#define CF_CAPTURE_WRITESET_H

#include "postgres.h"

#include "nodes/pg_list.h"

#include "l1/clock.h"

/* What a transaction has done to one table, as of now. */
typedef struct CfWrittenTable
{
	Oid			relid;			/* a leaf, where it is partitioned */
	int64		rows;			/* inserted, updated and deleted */
	bool		truncated;		/* or dropped: the counts are of after that */
} CfWrittenTable;

extern void cf_writeset_install_hooks(void);

/* Is the write set used? Not before shared memory is there. */
extern bool cf_writeset_in_use(void);

/*
 * PRE_COMMIT, before the epochs. False: the transaction is blind (rule 14 of
 * docs/consistency.md), and has to move the clock of the database.
 */
extern pg_nodiscard bool cf_writeset_begin_commit(void);

/*
 * PRE_COMMIT, when nothing of ours will write any more: raises the clocks. Looks
 * into catalogs, and raises an error only if memory is out or the query is
 * cancelled; ABORT lowers what is raised.
 */
extern void cf_writeset_raise(void);

/* After that: the clocks that are raised; *n: how many. Valid until COMMIT. */
extern const CfClockRef *cf_writeset_raised(int *n);

/*
 * COMMIT: settles the clocks that somebody depends on, with that number (0: a new one),
 * and lowers the others. What
 * has been written since they were raised, by another extension's callback, was visible
 * before its clock was raised: then the database's clock moves, and the session
 * logs it when it begins its next commit, or ends. Cannot fail.
 */
extern void cf_writeset_settle(uint64 seq);

/* A TRUNCATE begins: after cf_writeset_raise it is a late change. */
extern void cf_writeset_note_truncate(void);

/* Counts and logs that something changed after we had looked. Cannot fail. */
extern void cf_writeset_note_breach(void);

/* ABORT: lowers what is raised. Cannot fail. */
extern void cf_writeset_abandon(void);

/*
 * Takes the tables that the transaction has changed so far for _touches, which
 * is asked under locks. May raise errors.
 */
extern void cf_writeset_collect(void);

/*
 * As of the last _collect: has the transaction changed what the clock stands for?
 * Also true where nobody can know. Cannot fail.
 */
extern bool cf_writeset_touches(CfClockRef clock);

/*
 * PRE_PREPARE: the clocks of all that the transaction has changed; *n: how many.
 * Valid until the next call of any of these. Otherwise as _raise.
 */
extern const CfClockRef *cf_writeset_clocks(int *n);

/* The table, and all that it inherits from, at whatever distance; palloc'd. */
extern List *cf_writeset_family(Oid relid);

/*
 * Calls back once a table of the write set, inside of subtransactions once a level of
 * them. Temporary tables and catalogs are left out.
 */
extern void cf_writeset_each(void (*callback) (const CfWrittenTable *table, void *arg), void *arg);

/*
 * Was, at any time in this transaction, track_counts off, so that PostgreSQL may
 * not have counted? Then the write set proves nothing.
 */
extern bool cf_writeset_is_blind(void);

#endif							/* CF_CAPTURE_WRITESET_H */
