/*
 * flush.h - the worker's part: what is in the queue is applied.
 *
 * src/behind/flush.h
 */
#ifndef CF_BEHIND_FLUSH_H
#define CF_BEHIND_FLUSH_H

#include "postgres.h"

#define CF_POLL_US USECS_PER_SEC	/* between looks for what nobody tells of */

/*
 * Worker: a round, if it is time; true if so. An error ends the worker, and the launcher
 * starts another.
 */
extern bool cf_flush_work(void);

#endif							/* CF_BEHIND_FLUSH_H */
