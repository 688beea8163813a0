/*
 * owntable.c - tables of the extension that it reads and writes by their access method.
 *
 * src/rules/owntable.c
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"

#include "rules/owntable.h"

static Oid
find_extension_schema(void)
{
	Relation	rel = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	Oid			schema = InvalidOid;

	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber,
				F_NAMEEQ, CStringGetDatum("cachefront"));
	scan = systable_beginscan(rel, ExtensionNameIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		schema = ((Form_pg_extension) GETSTRUCT(tuple))->extnamespace;
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return schema;
}

Oid
cf_own_table_definitions(void)
{
	Oid			schema = find_extension_schema();

	return OidIsValid(schema) ?
		get_relname_relid(CF_OWN_TABLE_DEFINITIONS, schema) : InvalidOid;
}

Oid
cf_own_table_relid(const char *name)
{
	Oid			definitions = cf_own_table_definitions();
	Oid			relid;

	if (!OidIsValid(definitions))
		return InvalidOid;
	relid = get_relname_relid(name, get_rel_namespace(definitions));
	if (OidIsValid(relid) &&
		getExtensionOfObject(RelationRelationId, relid) == get_extension_oid("cachefront", true))
		return relid;
	return InvalidOid;
}

bool
cf_own_table_has_settings(Oid relid, const char *name)
{
	if (strcmp(name, CF_OWN_TABLE_DEFINITIONS) == 0)
		return relid == cf_own_table_definitions();
	return strcmp(name, CF_OWN_TABLE_MARKS) == 0 && relid == cf_own_table_relid(name);
}

bool
cf_own_table_fits(Relation rel, const CfOwnTable *table)
{
	TupleDesc	desc = RelationGetDescr(rel);

	if (rel->rd_rel->relkind != RELKIND_RELATION || desc->natts < table->natts)
		return false;
	for (int i = 0; i < table->natts; i++)
	{
		if (TupleDescAttr(desc, i)->atttypid != table->types[i])
			return false;
	}
	return true;
}

Relation
cf_own_table_open(const CfOwnTable *table, Oid relid, const char *command, const char *hint)
{
	Relation	rel;

	PreventCommandIfReadOnly(command);
	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table \"%s\" does not exist", table->name),
				 errhint("%s", hint)));
	rel = table_open(relid, ShareRowExclusiveLock);
	if (!cf_own_table_fits(rel, table))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("table \"%s\" has other columns than this version of cachefront",
						table->name),
				 errhint("Run ALTER EXTENSION cachefront UPDATE, or restore its columns.")));
	return rel;
}

CatalogIndexState
cf_own_table_open_indexes(Relation rel, const CfOwnTable *table)
{
	CatalogIndexState indexes = CatalogOpenIndexes(rel);

	for (int i = 0; i < indexes->ri_NumIndices; i++)
	{
		IndexInfo  *info = indexes->ri_IndexRelationInfo[i];

		if (info->ii_Expressions != NIL || info->ii_Predicate != NIL ||
			info->ii_ExclusionOps != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("table \"%s\" cannot have index \"%s\"", table->name,
							RelationGetRelationName(indexes->ri_IndexRelationDescs[i])),
					 errdetail("It has an expression, a predicate or an exclusion constraint.")));
	}
	return indexes;
}

HeapTuple
cf_own_table_find(Relation rel, int column, const char *name)
{
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple;
	HeapTuple	found = NULL;

	while (found == NULL && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		null;
		Datum		value = heap_getattr(tuple, column, RelationGetDescr(rel), &null);

		if (!null && strcmp(TextDatumGetCString(value), name) == 0)
			found = heap_copytuple(tuple);
	}
	systable_endscan(scan);
	return found;
}

Oid
cf_own_table_owner(Relation rel, HeapTuple row, int column)
{
	bool		null;
	Datum		value = heap_getattr(row, column, RelationGetDescr(rel), &null);

	return null ? InvalidOid : get_role_oid(NameStr(*DatumGetName(value)), true);
}

void
cf_own_table_require_owner(const char *kind, const char *name, Oid owner)
{
	/* Of a role that is gone, the database's owner disposes. */
	if (has_privs_of_role(GetUserId(), OidIsValid(owner) ? owner : ROLE_PG_DATABASE_OWNER))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("must be owner of %s \"%s\"", kind, name),
			 OidIsValid(owner) ?
			 errdetail("It belongs to role \"%s\".", GetUserNameFromId(owner, false)) :
			 errdetail("The role that it belonged to does not exist.")));
}

static void
changed(Relation rel, CatalogIndexState indexes)
{
	CatalogCloseIndexes(indexes);
	/* What the table's own trigger does for changes by SQL. */
	CacheInvalidateRelcache(rel);
	table_close(rel, NoLock);
	CommandCounterIncrement();
}

void
cf_own_table_put(Relation rel, const CfOwnTable *table, CatalogIndexState indexes,
				 HeapTuple old, Oid owner, const Datum *values, const bool *nulls)
{
	TupleDesc	desc = RelationGetDescr(rel);
	int			last = table->natts - 1;
	Datum	   *row = palloc0(desc->natts * sizeof(Datum));
	bool	   *row_nulls = palloc(desc->natts * sizeof(bool));
	bool	   *replace = palloc0(desc->natts * sizeof(bool));
	char	   *name = GetUserNameFromId(OidIsValid(owner) ? owner : GetUserId(), false);

	memset(row_nulls, true, desc->natts * sizeof(bool));
	memcpy(row, values, last * sizeof(Datum));
	memcpy(row_nulls, nulls, last * sizeof(bool));
	row[last] = DirectFunctionCall1(namein, CStringGetDatum(name));
	row_nulls[last] = false;
	memset(replace, true, table->natts * sizeof(bool));
	if (old == NULL)
		CatalogTupleInsertWithInfo(rel, heap_form_tuple(desc, row, row_nulls), indexes);
	else
		CatalogTupleUpdateWithInfo(rel, &old->t_self,
								   heap_modify_tuple(old, desc, row, row_nulls, replace),
								   indexes);
	changed(rel, indexes);
}

void
cf_own_table_delete(Relation rel, HeapTuple row)
{
	CatalogTupleDelete(rel, &row->t_self);
	changed(rel, CatalogOpenIndexes(rel));
}

Datum
cf_own_table_changed(FunctionCallInfo fcinfo, const char *function)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" was not called by trigger manager", function)));
	CacheInvalidateRelcache(((TriggerData *) fcinfo->context)->tg_relation);
	return PointerGetDatum(NULL);
}
