/*
 * atomic.h - what port/atomics.h of the oldest major lacks.
 *
 * src/base/atomic.h
 */
#ifndef CF_BASE_ATOMIC_H
#define CF_BASE_ATOMIC_H

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

/*
 * What all processes together do at most so often: is it this one's turn, now? Then
 * *last is now. Times are of one clock and in one unit; 0: never.
 */
static inline bool
cf_atomic_take_turn(pg_atomic_uint64 *last, int64 now, int64 every)
{
	uint64		before = pg_atomic_read_u64(last);

	return now - (int64) before >= every &&
		pg_atomic_compare_exchange_u64(last, &before, (uint64) now);
}

#endif							/* CF_BASE_ATOMIC_H */
