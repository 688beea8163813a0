/*
 * tracked.c - of which tables does the server notice every change by itself?
 *
 * An allow-list: heap tables. Rows of a foreign table change elsewhere, those of
 * another access method perhaps without being counted, sequences outside of
 * transactions. A standby notices them in the WAL (history/follow.h).
 *
 * src/rules/tracked.c
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "utils/syscache.h"

#include "base/guc.h"
#include "rules/tracked.h"

bool
cf_is_system_relation(Oid relid)
{
	return relid < FirstNormalObjectId;
}

/* A partitioned table has no rows of its own; its partitions are judged by themselves. */
static bool
is_of_known_kind(Form_pg_class form)
{
	switch (form->relkind)
	{
		case RELKIND_PARTITIONED_TABLE:
			return true;
		case RELKIND_RELATION:
		case RELKIND_MATVIEW:
			return form->relam == HEAP_TABLE_AM_OID;
		default:
			return false;
	}
}

bool
cf_is_tracked(Oid relid)
{
	HeapTuple	tuple;
	bool		tracked;

	if (!cf_guc_track_changes || cf_is_system_relation(relid))
		return false;
	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	if (!HeapTupleIsValid(tuple))
		return false;
	tracked = is_of_known_kind((Form_pg_class) GETSTRUCT(tuple));
	ReleaseSysCache(tuple);
	return tracked;
}
