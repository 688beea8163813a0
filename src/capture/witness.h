/*
 * witness.h - did the triggers of row rules see every change?
 *
 * A trigger may be disabled, or not fire in a session that replays what others have
 * written; on one partition it may be missing. What covers a result by some rows
 * only is worth nothing then. So each call of a rule's trigger is counted, and with
 * the commit compared with the rows that PostgreSQL has counted for the table
 * (writeset.h), each rule by itself. Where the two differ, all that the rule covers
 * is invalidated.
 *
 * Locking: none; all state is of this process.
 *
 * src/capture/witness.h
 */
#ifndef CF_CAPTURE_WITNESS_H
#define CF_CAPTURE_WITNESS_H

#include "postgres.h"

#include "access/xact.h"

#include "l1/clock.h"

extern void cf_witness_install_hooks(void);

/* A trigger has been called for a row. Raises an error only if memory is out. */
extern void cf_witness_event(Oid trigger);

/*
 * PRE_COMMIT, before the log is carried out: adds the tags of rules whose triggers
 * have missed something. Looks into catalogs.
 */
extern void cf_witness_pre_commit(void);

/* Own writes, as cf_writeset_collect and _touches: the clocks of such rules' tags. */
extern void cf_witness_collect(void);
extern bool cf_witness_touches(CfClockRef clock);

extern void cf_witness_subxact(SubXactEvent event);
extern void cf_witness_reset(void);

#endif							/* CF_CAPTURE_WITNESS_H */
