/*
 * commit.h - the writer's side of the freshness protocol. See
 * docs/consistency.md, "The life of a commit".
 *
 * src/commit/commit.h
 */
#ifndef CF_COMMIT_COMMIT_H
#define CF_COMMIT_COMMIT_H

#include "postgres.h"

#include "base/compat.h"
#include "l1/clock.h"

/*
 * Has the running transaction itself touched what a clock stands for? DDL may
 * have touched anything. Never fails.
 */
extern pg_nodiscard bool cf_commit_touches(CfClockRef clock);

/* Before that: takes what the tables' own counts tell. May raise errors. */
extern void cf_commit_collect(void);

/* Step 1: may still fail the transaction, but has no reason to. */
extern void cf_commit_prepare(void);

/* Step 3, after the commit is visible, with that number, or 0 for a new one. Never fails. */
extern void cf_commit_settle(uint64 seq);

/*
 * Its end, where the DDL epoch was raised: after that is settled. Until then the
 * log must stay. Never fails.
 */
extern pg_nodiscard bool cf_commit_stores_later(void);
extern void cf_commit_store(void);

/* After that: the LSN as of which all was settled. */
extern uint64 cf_commit_lsn(void);

/* The transaction is rolled back, or the session ends before its end. */
extern void cf_commit_abandon(void);

/*
 * PRE_PREPARE: leaves with the prepared transaction what it has invalidated, see
 * twophase.h. Raises an error if it has stored values. kept: see there.
 */
extern void cf_commit_prepare_transaction(bool kept);

#endif							/* CF_COMMIT_COMMIT_H */
