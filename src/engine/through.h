/*
 * through.h - write-through: what a commit loads itself, and publishes when it is visible.
 *
 * At PRE_COMMIT the writing session loads keys that it has changed, with its own writes
 * in the result (api/refresh.c), and keeps them here. In the COMMIT callback they become
 * entries, each of which is as current as any that a reader would have loaded after the
 * commit. What cannot be proven to be so is dropped: the key is invalidated, then. The
 * protocol is that of test/model/through.pml.
 *
 * Locking: none of its own; see l1/table.h.
 *
 * src/engine/through.h
 */
#ifndef CF_ENGINE_THROUGH_H
#define CF_ENGINE_THROUGH_H

#include "load/loader.h"
#include "request/request.h"

/*
 * PRE_COMMIT: loads a request, whose identity is there, and keeps the result. False: it must
 * not be shared. Raises the query's errors.
 */
extern bool cf_through_load(const CfRequest *request);

/* Is a result of this key kept? */
extern bool cf_through_has(const CfKey *key);

/*
 * PRE_COMMIT, when all are loaded, and before any clock is raised: drops what does not show
 * all that the transaction has written.
 */
extern void cf_through_close(void);

/*
 * PRE_COMMIT, when all clocks are raised, and may still be lowered: notes which those are.
 * Raises an error only if memory is out.
 */
extern void cf_through_note_raised(void);

/*
 * COMMIT, visible, before any clock is settled: the number that those of the transaction
 * are to be settled with, or 0 if nothing is kept. Cannot fail, as the next two.
 */
extern uint64 cf_through_look(void);

/* When they are settled, and a late write (capture/writeset.h) has moved the database's clock. */
extern void cf_through_publish(void);

extern void cf_through_reset(void);

#endif							/* CF_ENGINE_THROUGH_H */
