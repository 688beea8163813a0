/*
 * lookback.h - reads the WAL of before the server started, for a lower floor.
 *
 * By the follower's process only (follow.h), in small steps.
 *
 * src/history/lookback.h
 */
#ifndef CF_HISTORY_LOOKBACK_H
#define CF_HISTORY_LOOKBACK_H

#include "postgres.h"

/*
 * The history is complete from this LSN on, which is its floor, and the line up to
 * another one before it (0: it is not known): begins with what of the WAL before is
 * still there, reach_mb at most, but for the line's sake.
 */
extern void cf_lookback_begin(uint64 floor, uint64 line_known, int reach_mb);

/* False: nothing is left to do. */
extern bool cf_lookback_step(void);

/* Is the line known up to the floor that was looked back from? */
extern bool cf_lookback_found_line(void);

/* Server that writes: waits until it has begun to, then does all of it. */
extern void cf_lookback_of_writer(void);

#endif							/* CF_HISTORY_LOOKBACK_H */
