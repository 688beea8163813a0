/*
 * rowtype.c - remembers what the rows of plans look like.
 *
 * PostgreSQL looks each column's type up in its catalogs when a plan is made ready. What
 * it finds there of a type does not change while a plan with a column of it is valid.
 *
 * Locking: none; all memory is of this session.
 *
 * src/statement/rowtype.c
 */
#include "postgres.h"

#include "executor/executor.h"
#include "utils/memutils.h"

#include "statement/rowtype.h"

#define CF_ROWTYPE_SLOTS 128	/* plans that share one forget about each other */
#define CF_ROWTYPE_COLUMNS 64	/* rows of more are described anew each time */

typedef struct Kept
{
	uint64		number;			/* of the plan that was executed last */
	TupleDesc	desc;			/* in TopMemoryContext; NULL: it was executed once */
} Kept;

static Kept kept[CF_ROWTYPE_SLOTS];

static void
begin_slot(Kept *slot, uint64 number)
{
	TupleDesc	old = slot->desc;

	slot->desc = NULL;
	slot->number = number;
	if (old != NULL)
		FreeTupleDesc(old);
}

TupleDesc
cf_rowtype_of(uint64 number, List *targetlist)
{
	Kept	   *slot = &kept[number % CF_ROWTYPE_SLOTS];
	TupleDesc	desc;
	MemoryContext old;

	if (slot->number == number && slot->desc != NULL)
		return CreateTupleDescCopy(slot->desc);
	desc = ExecTypeFromTL(targetlist);
	if (slot->number != number)
	{
		begin_slot(slot, number);
		return desc;
	}
	if (desc->natts > CF_ROWTYPE_COLUMNS)
		return desc;
	old = MemoryContextSwitchTo(TopMemoryContext);
	slot->desc = CreateTupleDescCopy(desc);
	MemoryContextSwitchTo(old);
	return desc;
}
