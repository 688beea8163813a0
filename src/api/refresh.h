/*
 * refresh.h - write-through: what a transaction is to load at its commit.
 *
 * src/api/refresh.h
 */
#ifndef CF_API_REFRESH_H
#define CF_API_REFRESH_H

#include "postgres.h"

#include "utils/timeout.h"

#include "rules/define.h"

/*
 * PRE_COMMIT, before anything looks at what the transaction has changed, for deferred
 * triggers may fire once more: loads the keys that are due (txn/due.h), and invalidates
 * each of them, so that what is not published in the end is gone. An error of a loader
 * fails nothing; one of a trigger does, as does a cancel.
 */
extern void cf_refresh_pre_commit(void);

/* PRE_PREPARE: only invalidates them. */
extern void cf_refresh_pre_prepare(void);

/*
 * May changes of a table make a cache load? Of scope 'shared' it is loaded as its owner: only
 * if the table's owner could do as much. Of any other as whoever writes: only if its owner
 * could put a trigger there that is run so.
 */
extern bool cf_refresh_is_trusted(Oid table, Oid cache_owner, CfScope scope);

/*
 * From here to cf_refresh_end_timer, which must follow on every way out, what runs is cancelled
 * after so many milliseconds, and again after as many.
 */
extern TimeoutId cf_refresh_begin_timer(int milliseconds);
extern void cf_refresh_end_timer(TimeoutId timer);

#endif							/* CF_API_REFRESH_H */
