/*
 * clockset.c - a set of clocks.
 *
 * src/txn/clockset.c
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "txn/clockset.h"

#define CF_FEW_CLOCKS 64
#define CF_MANY_CLOCKS 8192		/* an array of more is given back */

void
cf_clockset_make_room(CfClockSet *set)
{
	int			room = Max(2 * set->room, CF_FEW_CLOCKS);
	Size		size = room * sizeof(CfClockRef);

	set->clock = set->clock == NULL ? MemoryContextAlloc(TopMemoryContext, size) :
		repalloc_huge(set->clock, size);
	set->room = room;
}

static int
compare_clocks(const void *a, const void *b)
{
	CfClockRef	left = *(const CfClockRef *) a;
	CfClockRef	right = *(const CfClockRef *) b;

	return (left > right) - (left < right);
}

void
cf_clockset_finish(CfClockSet *set)
{
	int			n = 0;

	if (set->n < 2)
		return;
	qsort(set->clock, set->n, sizeof(CfClockRef), compare_clocks);
	for (int i = 1; i < set->n; i++)
	{
		if (set->clock[i] != set->clock[n])
			set->clock[++n] = set->clock[i];
	}
	set->n = n + 1;
}

bool
cf_clockset_has(const CfClockSet *set, CfClockRef clock)
{
	return set->n > 0 &&
		bsearch(&clock, set->clock, set->n, sizeof(CfClockRef), compare_clocks) != NULL;
}

void
cf_clockset_reset(CfClockSet *set)
{
	set->n = 0;
	if (set->room <= CF_MANY_CLOCKS)
		return;
	pfree(set->clock);
	set->clock = NULL;
	set->room = 0;
}
