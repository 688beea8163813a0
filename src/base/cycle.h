/*
 * cycle.h - sessions that wait for each other where the deadlock detector does not see it.
 *
 * Who sleeps until another session has loaded or set a value says for whom he waits. Each
 * deadlock_timeout he looks whether that one waits, over locks and other such waits, for
 * him, and then gives up.
 *
 * src/base/cycle.h
 */
#ifndef CF_BASE_CYCLE_H
#define CF_BASE_CYCLE_H

#include "postgres.h"

extern void cf_cycle_register(void);

/*
 * This session waits for the one with that process id (0: for none in particular), until
 * it says otherwise. Not nested; neither fails. The end of the process ends it.
 */
extern void cf_cycle_begin_wait(int pid);
extern void cf_cycle_end_wait(void);

/*
 * Does that session wait, directly or through others, for this one? Allocates; takes
 * the lock manager's locks for a moment.
 */
extern bool cf_cycle_leads_to_me(int pid);

#endif							/* CF_BASE_CYCLE_H */
