/*
 * horizon.h - the LSN before which nothing counts that Redis holds, on disk.
 *
 * Some commits Redis never hears of: while it is switched off; of roles, which
 * concern all databases, while it is down; where the outbox cannot be written.
 * And a Redis that was replaced for a while has missed all that came meanwhile.
 * After each of these everything that was filled before is given up. A crash
 * must not forget that, so it is in a file of the data directory, written before
 * the commit becomes visible.
 *
 * Writing server only. Nothing here raises an error: a file that cannot be
 * written is logged, and holds for as long as the server runs.
 *
 * src/l2/horizon.h
 */
#ifndef CF_L2_HORIZON_H
#define CF_L2_HORIZON_H

#include "postgres.h"

extern void cf_horizon_register(void);

/* Has this server ever used Redis? Else there is nothing to give up. */
extern bool cf_horizon_is_used(void);

/*
 * A commit that Redis will not hear of: begin in PRE_COMMIT, end when the
 * transaction is over. In between no horizon can be set, for nobody knows yet
 * which LSN the commit will have.
 */
extern void cf_horizon_begin_miss(void);
extern void cf_horizon_end_miss(void);

/*
 * The horizon for a run of Redis, which is raised to now if it was to be, or if
 * the run is another than before. False: not now, a commit is under way.
 */
extern bool cf_horizon_get(const char *run_id, uint64 *lsn);

#endif							/* CF_L2_HORIZON_H */
