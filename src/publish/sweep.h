/*
 * sweep.h - removes from Redis what nobody asks for any more: keys that start alike.
 *
 * That is what a database leaves when it goes, or gets another name, and what a named loader
 * leaves under an old version (oldkeys.h). It ends with its times to live. Until then it takes
 * room; so the publisher looks for it, in small steps, when there is nothing else
 * to do. Nothing rests on it: what is asked for is forgotten where there is too much of
 * it, where Redis refuses to be looked through, and when the server ends.
 *
 * Locking: the tranche's one lock guards the list; held for a copy.
 *
 * src/publish/sweep.h
 */
#ifndef CF_PUBLISH_SWEEP_H
#define CF_PUBLISH_SWEEP_H

#include "postgres.h"

#define CF_SWEEP_START_MAX 128

extern void cf_sweep_register(void);

/*
 * Session: nobody asks any more for keys of a place that start so, in less than
 * CF_SWEEP_START_MAX bytes. Cannot fail.
 */
extern void cf_sweep_keys(const char *place, const char *start);

/*
 * Session: a database that had this name is gone. Nothing if its keys bear another name
 * (cachefront.namespace), for they may be other databases' as well. Cannot fail.
 */
extern void cf_sweep_database(const char *name);

/* Publisher, in a memory context that is reset: a step. False: there is none to be made now. */
extern bool cf_sweep_step(void);

#endif							/* CF_PUBLISH_SWEEP_H */
