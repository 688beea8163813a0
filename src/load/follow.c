/*
 * follow.c - what functions of a plain statement read and do.
 *
 * src/load/follow.c
 */
#include "postgres.h"

#include "load/follow.h"

void
cf_follow_begin(CfLoad *load, const CfDefinition *def)
{
	load->def = def;
	load->context = CurrentMemoryContext;
	load->outer = NULL;
	cf_watch_prepare(&load->watch, CurrentMemoryContext);
	load->watch.trusting = true;
}

bool
cf_follow_enter(CfLoad *load)
{
	if (cf_load_active())
		return false;
	cf_load_enter(load);
	return true;
}

void
cf_follow_leave(CfLoad *load)
{
	cf_load_leave(load);
}

void
cf_follow_start(CfLoad *load, QueryDesc *query, int eflags,
				void (*start) (QueryDesc *query, int eflags))
{
	cf_watch_executor_start(query, eflags, true, start);
}

void
cf_follow_end(CfLoad *load)
{
	cf_watch_finish(&load->watch);
	load->sources.traits |= load->watch.traits;
	load->sources.callers_rights |= load->watch.callers_rights;
	/* Kept rows of a cursor are as private as a temporary table. */
	load->sources.temporary |= load->watch.may_read_held || load->watch.read_otherwise;
}
