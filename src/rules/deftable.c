/*
 * deftable.c - the rows of the table cache_definitions.
 *
 * Rows are written through the table's access method, not by SQL: see owntable.h.
 *
 * A definition names its owner by name: then a role can be dropped, and a dump
 * restored where it does not exist.
 *
 * src/rules/deftable.c
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "rules/define.h"
#include "rules/deftable.h"
#include "rules/owntable.h"

static const Oid types[CF_DEF_COLUMNS] = {TEXTOID, INTERVALOID, INTERVALOID, INTERVALOID,
	FLOAT8OID, FLOAT8OID, TEXTOID, INTERVALOID, TEXTOID, TEXTOID, REGTYPEARRAYOID, TEXTOID,
	INTERVALOID, TEXTOID, NAMEOID};
static const CfOwnTable definitions = {CF_OWN_TABLE_DEFINITIONS, CF_DEF_COLUMNS, types};

bool
cf_deftable_has_our_shape(Relation rel)
{
	return cf_own_table_fits(rel, &definitions);
}

/* For writing; raises an error if it cannot be written to. */
static Relation
open_table(const char *command)
{
	return cf_own_table_open(&definitions, cf_own_table_definitions(), command,
							 "Run CREATE EXTENSION cachefront.");
}

/* The row of a name, copied, or NULL. Nobody else changes it meanwhile. */
static HeapTuple
find_row(Relation rel, const char *name)
{
	return cf_own_table_find(rel, CF_DEF_NAME, name);
}

static Oid
owner_of(Relation rel, HeapTuple row)
{
	return cf_own_table_owner(rel, row, CF_DEF_OWNER);
}

static void
require_owner(const char *name, Oid owner)
{
	cf_own_table_require_owner("cache", name, owner);
}

/* Who defines a part of another's cache would take its keys out of that. */
static void
require_owner_of_shorter(Relation rel, const char *name)
{
	for (int len = cf_key_prefix(name, strlen(name)); len > 0; len = cf_key_prefix(name, len))
	{
		char	   *shorter = pnstrdup(name, len);
		HeapTuple	row = find_row(rel, shorter);

		if (row != NULL)
			require_owner(shorter, owner_of(rel, row));
	}
}

void
cf_deftable_store(const char *name, const Datum *values, const bool *nulls)
{
	Relation	rel = open_table("cache_define()");
	CatalogIndexState indexes = cf_own_table_open_indexes(rel, &definitions);
	HeapTuple	old = find_row(rel, name);
	Oid			owner = old != NULL ? owner_of(rel, old) : InvalidOid;
	Datum		row[CF_DEF_COLUMNS] = {0};
	bool		row_nulls[CF_DEF_COLUMNS];

	if (old != NULL)
		require_owner(name, owner);
	else
		require_owner_of_shorter(rel, name);
	memset(row_nulls, true, sizeof(row_nulls));
	row[CF_DEF_NAME - 1] = CStringGetTextDatum(name);
	row_nulls[CF_DEF_NAME - 1] = false;
	memcpy(row + CF_DEF_TTL - 1, values, CF_DEF_CHOSEN * sizeof(Datum));
	memcpy(row_nulls + CF_DEF_TTL - 1, nulls, CF_DEF_CHOSEN * sizeof(bool));
	cf_own_table_put(rel, &definitions, indexes, old, owner, row, row_nulls);
}

bool
cf_deftable_get(const char *name, Datum *values, bool *nulls, Oid *owner)
{
	Relation	rel = open_table("cache_define()");
	HeapTuple	row = find_row(rel, name);

	if (row != NULL)
	{
		*owner = owner_of(rel, row);
		require_owner(name, *owner);
		for (int i = 0; i < CF_DEF_CHOSEN; i++)
			values[i] = heap_getattr(row, CF_DEF_TTL + i, RelationGetDescr(rel), &nulls[i]);
	}
	table_close(rel, NoLock);
	return row != NULL;
}

bool
cf_deftable_delete(const char *name)
{
	Relation	rel = open_table("cache_drop()");
	HeapTuple	row = find_row(rel, name);

	if (row == NULL)
	{
		table_close(rel, NoLock);
		return false;
	}
	require_owner(name, owner_of(rel, row));
	cf_own_table_delete(rel, row);
	return true;
}
