/*
 * restart.h - what is in memory outlives a clean restart.
 *
 * src/warm/restart.h
 */
#ifndef CF_WARM_RESTART_H
#define CF_WARM_RESTART_H

#include "postgres.h"

/* Shared memory is set up: takes what was saved. After all that entries rest on. */
extern void cf_restart_register(void);

#endif							/* CF_WARM_RESTART_H */
