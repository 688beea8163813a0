/*
 * clockset.h - a set of clocks, of which most transactions need a few.
 *
 * Its array outlives the transaction, so that a small one need not allocate.
 *
 * Locking: none; a set is of one process.
 *
 * src/txn/clockset.h
 */
#ifndef CF_TXN_CLOCKSET_H
#define CF_TXN_CLOCKSET_H

#include "postgres.h"

#include "l1/clock.h"

/* All zeros: empty. */
typedef struct CfClockSet
{
	int			n;
	int			room;
	CfClockRef *clock;			/* in TopMemoryContext */
} CfClockSet;

/* Raises an error only if memory is out: the set is as before, then. */
extern void cf_clockset_make_room(CfClockSet *set);

/* Likewise. */
static inline void
cf_clockset_add(CfClockSet *set, CfClockRef clock)
{
	if (unlikely(set->n == set->room))
		cf_clockset_make_room(set);
	set->clock[set->n++] = clock;
}

/* After the last was added: each clock once, in order. Cannot fail. */
extern void cf_clockset_finish(CfClockSet *set);

/* Of a finished set. Cannot fail. */
extern bool cf_clockset_has(const CfClockSet *set, CfClockRef clock);

/* Empties it; gives back an array that has grown large. Cannot fail. */
extern void cf_clockset_reset(CfClockSet *set);

#endif							/* CF_TXN_CLOCKSET_H */
