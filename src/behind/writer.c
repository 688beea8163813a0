/*
 * writer.c - writers: the table cache_writers, and this session's copy of it.
 *
 * As with cache_definitions (rules/owntable.h) the table is the only record, is written
 * through its access method, and tells sessions of changes by relation cache
 * invalidations. A writer's statement runs as the role whose name stands in its row: so
 * whoever can write the table by SQL is held by its trigger to roles that are his
 * (cachefront_writers_changed).
 *
 * src/behind/writer.c
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/relchange.h"
#include "behind/writer.h"
#include "rules/owntable.h"

#define CF_MAX_FLUSH_US (INT64CONST(3600) * USECS_PER_SEC)

/* The session's copy of the table. */
static struct
{
	bool		valid;
	Oid			relid;
	MemoryContext context;		/* of all of it */
	HTAB	   *table;
}			writers;

static void
relation_changed(Oid relid)
{
	if (relid == InvalidOid || relid == writers.relid || !OidIsValid(writers.relid))
		writers.valid = false;
}

void
cf_writer_register(void)
{
	cf_relchange_register(relation_changed);
}

static const Oid types[CF_WRITER_COLUMNS] = {TEXTOID, TEXTOID, REGTYPEARRAYOID, REGTYPEOID,
	TEXTOID, TEXTOID, INTERVALOID, INT4OID, TEXTOID, TEXTOID, NAMEARRAYOID, TEXTOID, NAMEOID};
static const CfOwnTable table = {"cache_writers", CF_WRITER_COLUMNS, types};

/* ---- a row ---- */

static char *
text_of(const Datum *values, const bool *nulls, int column)
{
	return nulls[column - 1] ? NULL : TextDatumGetCString(values[column - 1]);
}

static bool
says(const Datum *values, const bool *nulls, int column, const char *word)
{
	char	   *text = text_of(values, nulls, column);

	return text != NULL && strcmp(text, word) == 0;
}

static void
read_types(CfWriter *writer, Datum array)
{
	Datum	   *types;
	bool	   *null_types;

	deconstruct_array(DatumGetArrayTypeP(array), REGTYPEOID, sizeof(Oid), true, TYPALIGN_INT,
					  &types, &null_types, &writer->nargs);
	writer->arg_types = palloc(Max(writer->nargs, 1) * sizeof(Oid));
	for (int i = 0; i < writer->nargs; i++)
		writer->arg_types[i] = null_types[i] ? InvalidOid : DatumGetObjectId(types[i]);
}

static void
read_roles(CfWriter *writer, Datum array)
{
	Datum	   *names;
	bool	   *null_names;
	int			n;

	deconstruct_array(DatumGetArrayTypeP(array), NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR,
					  &names, &null_names, &n);
	for (int i = 0; i < n; i++)
	{
		if (!null_names[i])
			writer->writers = lappend(writer->writers, pstrdup(NameStr(*DatumGetName(names[i]))));
	}
}

static int64
flush_us(Datum value)
{
	Interval   *interval = DatumGetIntervalP(value);
	int64		us = interval->time;

	if (interval->month != 0 || interval->day != 0)
		us = CF_MAX_FLUSH_US;
	return Max(Min(us, CF_MAX_FLUSH_US), 0);
}

static CfMerge
read_merge(const Datum *values, const bool *nulls)
{
	if (says(values, nulls, CF_WRITER_MERGE, "last"))
		return CF_MERGE_LAST;
	if (says(values, nulls, CF_WRITER_MERGE, "max"))
		return CF_MERGE_MAX;
	if (says(values, nulls, CF_WRITER_MERGE, "min"))
		return CF_MERGE_MIN;
	return CF_MERGE_SUM;
}

CfWriter *
cf_writer_read(const Datum *values, const bool *nulls)
{
	CfWriter   *writer = palloc0(sizeof(CfWriter));

	strlcpy(writer->name, text_of(values, nulls, CF_WRITER_NAME), sizeof(writer->name));
	writer->write = text_of(values, nulls, CF_WRITER_WRITE);
	if (writer->write == NULL)
		writer->write = pstrdup("");
	if (!nulls[CF_WRITER_ARG_TYPES - 1])
		read_types(writer, values[CF_WRITER_ARG_TYPES - 1]);
	writer->value_type = nulls[CF_WRITER_VALUE_TYPE - 1] ? InvalidOid :
		DatumGetObjectId(values[CF_WRITER_VALUE_TYPE - 1]);
	writer->merge = read_merge(values, nulls);
	writer->flush_us = nulls[CF_WRITER_FLUSH_INTERVAL - 1] ? USECS_PER_SEC :
		flush_us(values[CF_WRITER_FLUSH_INTERVAL - 1]);
	writer->flush_rows = nulls[CF_WRITER_FLUSH_ROWS - 1] ? 1000 :
		Max(Min(DatumGetInt32(values[CF_WRITER_FLUSH_ROWS - 1]), 10000), 1);
	writer->in_memory = says(values, nulls, CF_WRITER_BUFFER, "memory");
	writer->ignore_missing = says(values, nulls, CF_WRITER_MISSING, "ignore");
	writer->definer = says(values, nulls, CF_WRITER_SECURITY, "definer");
	if (!nulls[CF_WRITER_WRITERS - 1])
		read_roles(writer, values[CF_WRITER_WRITERS - 1]);
	writer->search_path = text_of(values, nulls, CF_WRITER_SEARCH_PATH);
	if (writer->search_path == NULL)
		writer->search_path = pstrdup("pg_catalog, pg_temp");
	if (!nulls[CF_WRITER_OWNER - 1])
		writer->owner = pstrdup(NameStr(*DatumGetName(values[CF_WRITER_OWNER - 1])));
	return writer;
}

CfWriter *
cf_writer_copy(const CfWriter *writer)
{
	CfWriter   *copy = palloc(sizeof(CfWriter));
	ListCell   *cell;

	*copy = *writer;
	copy->write = pstrdup(writer->write);
	copy->arg_types = palloc(Max(writer->nargs, 1) * sizeof(Oid));
	if (writer->nargs > 0)
		memcpy(copy->arg_types, writer->arg_types, writer->nargs * sizeof(Oid));
	copy->writers = NIL;
	foreach(cell, writer->writers)
		copy->writers = lappend(copy->writers, pstrdup(lfirst(cell)));
	copy->search_path = pstrdup(writer->search_path);
	copy->owner = writer->owner == NULL ? NULL : pstrdup(writer->owner);
	return copy;
}

/* ---- the session's copy ---- */

static void
read_row(HTAB *hash, HeapTuple tuple, TupleDesc desc)
{
	Datum		values[CF_WRITER_COLUMNS];
	bool		nulls[CF_WRITER_COLUMNS];
	CfWriter   *writer;

	for (int i = 0; i < CF_WRITER_COLUMNS; i++)
		values[i] = heap_getattr(tuple, i + 1, desc, &nulls[i]);
	if (nulls[CF_WRITER_NAME - 1])
		return;
	writer = cf_writer_read(values, nulls);
	*(CfWriter *) hash_search(hash, writer->name, HASH_ENTER, NULL) = *writer;
}

static void
read_rows(HTAB *hash)
{
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;

	writers.relid = cf_own_table_relid(table.name);
	if (!OidIsValid(writers.relid))
		return;
	rel = table_open(writers.relid, AccessShareLock);
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (cf_own_table_fits(rel, &table) && HeapTupleIsValid(tuple = systable_getnext(scan)))
		read_row(hash, tuple, RelationGetDescr(rel));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

static void
read_writers(void)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "cachefront writers",
												  ALLOCSET_SMALL_SIZES);
	HASHCTL		control = {
		.keysize = CF_MAX_CACHE_NAME,
		.entrysize = sizeof(CfWriter),
		.hcxt = context,
	};
	HTAB	   *hash = hash_create("cachefront writers", 16, &control,
								   HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	MemoryContext old = MemoryContextSwitchTo(context);

	/* An invalidation that arrives while we read makes us read again. */
	writers.valid = true;
	PG_TRY();
	{
		read_rows(hash);
	}
	PG_CATCH();
	{
		writers.valid = false;
		MemoryContextSwitchTo(old);
		MemoryContextDelete(context);
		PG_RE_THROW();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	if (writers.context != NULL)
		MemoryContextDelete(writers.context);
	writers.context = context;
	writers.table = hash;
}

const CfWriter *
cf_writer_find(const char *name)
{
	if (strlen(name) >= CF_MAX_CACHE_NAME)
		return NULL;
	if (unlikely(!writers.valid))
		read_writers();
	return hash_search(writers.table, name, HASH_FIND, NULL);
}

List *
cf_writer_list(void)
{
	HASH_SEQ_STATUS scan;
	const CfWriter *writer;
	List	   *list = NIL;

	if (!writers.valid)
		read_writers();
	hash_seq_init(&scan, writers.table);
	while ((writer = hash_seq_search(&scan)) != NULL)
		list = lappend(list, cf_writer_copy(writer));
	return list;
}

/* ---- changes ---- */

void
cf_writer_require_owner(const CfWriter *writer)
{
	Oid			owner = writer->owner == NULL ? InvalidOid : get_role_oid(writer->owner, true);

	/* What is written there runs as the owner. */
	if (OidIsValid(owner) ? CF_CAN_BE_ROLE(GetUserId(), owner) :
		has_privs_of_role(GetUserId(), ROLE_PG_DATABASE_OWNER))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("must be owner of writer \"%s\"", writer->name),
			 OidIsValid(owner) ?
			 errdetail("It belongs to role \"%s\".", GetUserNameFromId(owner, false)) :
			 errdetail("The role that it belonged to does not exist.")));
}

static Relation
open_table(const char *command)
{
	return cf_own_table_open(&table, cf_own_table_relid(table.name), command,
							 "Run CREATE EXTENSION cachefront, or ALTER EXTENSION cachefront UPDATE.");
}

static CfWriter *
writer_of_row(Relation rel, HeapTuple row)
{
	Datum	   *values = palloc(RelationGetDescr(rel)->natts * sizeof(Datum));
	bool	   *nulls = palloc(RelationGetDescr(rel)->natts * sizeof(bool));

	heap_deform_tuple(row, RelationGetDescr(rel), values, nulls);
	return cf_writer_read(values, nulls);
}

void
cf_writer_store(const char *name, const Datum *values, const bool *nulls)
{
	Relation	rel = open_table("cache_define_writer()");
	CatalogIndexState indexes = cf_own_table_open_indexes(rel, &table);
	HeapTuple	old = cf_own_table_find(rel, CF_WRITER_NAME, name);
	Oid			owner = InvalidOid;

	if (old != NULL)
	{
		cf_writer_require_owner(writer_of_row(rel, old));
		owner = cf_own_table_owner(rel, old, CF_WRITER_OWNER);
	}
	cf_own_table_put(rel, &table, indexes, old, owner, values, nulls);
}

bool
cf_writer_delete(const char *name)
{
	Relation	rel = open_table("cache_drop_writer()");
	HeapTuple	row = cf_own_table_find(rel, CF_WRITER_NAME, name);

	if (row == NULL)
	{
		table_close(rel, NoLock);
		return false;
	}
	cf_writer_require_owner(writer_of_row(rel, row));
	cf_own_table_delete(rel, row);
	return true;
}
