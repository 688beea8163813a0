/*
 * save.h - the history outlives a clean restart.
 *
 * The postmaster writes it to a file when it ends, if the control file says that
 * the server was shut down cleanly as one that writes; and takes it from there at
 * its next start, if the control file still tells of that very shutdown. So what
 * Redis has is as good after the restart as before.
 *
 * src/history/save.h
 */
#ifndef CF_HISTORY_SAVE_H
#define CF_HISTORY_SAVE_H

#include "postgres.h"

/* Shared memory is set up: takes what was saved. After cf_history_register. */
extern void cf_history_save_register(void);

#endif							/* CF_HISTORY_SAVE_H */
