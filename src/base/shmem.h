/*
 * shmem.h - one shared memory segment a subsystem.
 *
 * A subsystem hands over a description of its segment from _PG_init; shmem.c
 * reserves the memory and the locks and calls it back to initialise them.
 *
 * src/base/shmem.h
 */
#ifndef CF_BASE_SHMEM_H
#define CF_BASE_SHMEM_H

#include "postgres.h"

#include "storage/lwlock.h"

typedef struct CfShmemSegment
{
	const char *name;			/* also the name of the LWLock tranche */
	int			nlocks;			/* locks in that tranche, 0 for none */
	Size		(*size) (void); /* bytes */

	/* Runs once, in the postmaster (or after a crash), on zeroed memory. */
	void		(*init) (void *memory, LWLockPadded *locks);

	/* Runs in every process image that maps the memory, after init. */
	void		(*attach) (void *memory, LWLockPadded *locks);
} CfShmemSegment;

extern void cf_shmem_register(const CfShmemSegment *segment);
extern void cf_shmem_install_hooks(void);

/* False if the library was not in shared_preload_libraries. */
extern bool cf_shmem_ready(void);

/* The same, with one WARNING in each session. */
extern bool cf_shmem_ready_or_warn(void);

/* Raises an error with a hint unless cf_shmem_ready(). */
extern void cf_shmem_require(void);

/*
 * What pg_stat_activity shows while a session waits: for another session's or
 * server's load, and for Redis.
 */
extern uint32 cf_wait_event_flight;
extern uint32 cf_wait_event_redis;

#endif							/* CF_BASE_SHMEM_H */
