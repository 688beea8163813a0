/*
 * atomic.h - what port/atomics.h of the oldest major lacks.
 *
 * src/atomic.h
 */
#ifndef CF_ATOMIC_H
#define CF_ATOMIC_H

#include "postgres.h"

#include "port/atomics.h"

/* The larger of the two stays. A full barrier only if that is the new one. */
static inline void
cf_atomic_raise_to(pg_atomic_uint64 *target, uint64 value)
{
	uint64		old = pg_atomic_read_u64(target);

	while (value > old &&
		   !pg_atomic_compare_exchange_u64(target, &old, value))
		;
}

#endif							/* CF_ATOMIC_H */
