/*
 * follow.h - a standby's history: what the WAL says, before it shows.
 *
 * On a standby one process, the follower, reads the WAL that is about to be replayed,
 * notes what commits change, then publishes how far it has come. Whoever uses
 * a value of an older LSN first makes sure that this is as far as replay is:
 * then the history has all that any snapshot may show by now.
 *
 * After a promotion the history goes on, once the follower has come to the end
 * of recovery; from then on it is the COMMIT callbacks that note what changes.
 *
 * Locking: atomics only.
 *
 * src/history/follow.h
 */
#ifndef CF_HISTORY_FOLLOW_H
#define CF_HISTORY_FOLLOW_H

#include "postgres.h"

#include "base/compat.h"

extern void cf_follow_register(void);

/*
 * Does the history have all that a snapshot taken before this call may show? A
 * standby's session waits up to about a millisecond for that. On a server that writes it
 * is true, but shortly after a promotion. Raises no error; not to be called with a lock.
 */
extern pg_nodiscard bool cf_follow_catch_up(void);

/*
 * Was this server a standby with a follower, so that its history goes on from before
 * it began to write? Then its floor need not be raised to where that was.
 */
extern bool cf_follow_has_followed(void);

/* Server that writes: the follower, if there was one, has come to the end of recovery. */
extern bool cf_follow_is_complete(void);

/* It is just being promoted: the follower has still to come to the end of recovery. */
extern bool cf_follow_is_finishing(void);

/*
 * Where the server writes, begins its line (cf_line_begin); false: not yet, for the follower
 * has to come to the end of recovery. True also where there is nothing to begin.
 */
extern pg_nodiscard bool cf_follow_begin_line(void);

/* Reporting: how many bytes of what is replayed are unread; -1: nobody reads. */
extern int64 cf_follow_unread(void);

extern PGDLLEXPORT void cachefront_follower_main(Datum arg);

#endif							/* CF_HISTORY_FOLLOW_H */
