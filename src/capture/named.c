/*
 * named.c - types, operators, casts and schemas that a transaction has changed.
 *
 * An operator that is changed in place counts for who has it in a view as well, who need not
 * name it: nobody can say who that is. So does a base type; only a superuser makes those.
 *
 * src/capture/named.c
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_cast.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "parser/parse_type.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "capture/named.h"
#include "capture/temporary.h"
#include "codec/key.h"
#include "rules/security.h"

/* ---- what the hook sees ------------------------------------------------- */

/* Of a relation's rows, or arrays of those: it comes and goes with the relation. */
static bool
is_rowtype(Oid type)
{
	Oid			element = get_element_type(type);
	Oid			relid = get_typ_typrelid(OidIsValid(element) ? element : type);

	return OidIsValid(relid) && get_rel_relkind(relid) != RELKIND_COMPOSITE_TYPE;
}

/* A base type, or a shell of one, may be anything. */
static bool
is_fine_type(Oid type)
{
	Oid			element = get_element_type(type);

	if (type < FirstNormalObjectId)
		return false;
	switch (get_typtype(OidIsValid(element) ? element : type))
	{
		case TYPTYPE_COMPOSITE:
		case TYPTYPE_DOMAIN:
		case TYPTYPE_ENUM:
		case TYPTYPE_RANGE:
		case TYPTYPE_MULTIRANGE:
			return !OidIsValid(element) || element >= FirstNormalObjectId;
		default:
			return false;
	}
}

static bool
is_light_type(Oid type)
{
	return type >= FirstNormalObjectId &&
		(is_rowtype(type) || cf_security_is_temporary_type(type));
}

static void
remember_type(CfNote *note)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(note->oid));

	if (!HeapTupleIsValid(tuple))
		return;
	note->schema = ((Form_pg_type) GETSTRUCT(tuple))->typnamespace;
	note->name = ((Form_pg_type) GETSTRUCT(tuple))->typname;
	ReleaseSysCache(tuple);
}

static void
type_seen(ObjectAccessType access, Oid type)
{
	if (access != OAT_DROP)
		remember_type(cf_note_add(CF_NOTE_SEEN_TYPE, type));
	else if (is_light_type(type))
		(void) cf_note_add(CF_NOTE_GONE_LIGHT_TYPE, type);
	else if (is_fine_type(type))
	{
		remember_type(cf_note_add(CF_NOTE_GONE_TYPE, type));
		cf_temporary_type_goes(type);
	}
}

static void
operator_seen(Oid operator)
{
	CfNote	   *note = cf_note_add(CF_NOTE_SEEN_OPERATOR, operator);
	HeapTuple	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(operator));

	if (!HeapTupleIsValid(tuple))
		return;
	note->schema = ((Form_pg_operator) GETSTRUCT(tuple))->oprnamespace;
	note->name = ((Form_pg_operator) GETSTRUCT(tuple))->oprname;
	ReleaseSysCache(tuple);
}

/* It has no cache by its OID. */
static void
find_cast(CfNote *note)
{
	Relation	rel = table_open(CastRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_cast_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(note->oid));
	scan = systable_beginscan(rel, CastOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		note->source = ((Form_pg_cast) GETSTRUCT(tuple))->castsource;
		note->target = ((Form_pg_cast) GETSTRUCT(tuple))->casttarget;
		note->temporary = cf_security_is_temporary_type(note->source);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

static void
note_schema(Oid schema)
{
	CfNote	   *note = cf_note_add(CF_NOTE_SEEN_SCHEMA, schema);
	char	   *name = get_namespace_name(schema);

	if (name != NULL)
		namestrcpy(&note->name, name);
}

void
cf_named_seen(ObjectAccessType access, Oid class_id, Oid object_id)
{
	switch (class_id)
	{
		case TypeRelationId:
			type_seen(access, object_id);
			break;
		case OperatorRelationId:
			operator_seen(object_id);
			break;
		case CastRelationId:
			find_cast(cf_note_add(CF_NOTE_SEEN_CAST, object_id));
			break;
		case NamespaceRelationId:
			note_schema(object_id);
			break;
		default:
			break;
	}
}

/* ---- what a statement is about ------------------------------------------ */

static void
note_schemas(const List *schemas)
{
	ListCell   *cell;

	foreach(cell, schemas)
	{
		Oid			schema = get_namespace_oid(strVal(lfirst(cell)), true);

		if (OidIsValid(schema))
			note_schema(schema);
	}
}

static void
note_type(List *names)
{
	Oid			type = LookupTypeNameOid(NULL, makeTypeNameFromNameList(names), true);

	if (OidIsValid(type))
		type_seen(OAT_POST_ALTER, type);
}

void
cf_named_note_stmt(Node *stmt)
{
	if (IsA(stmt, GrantStmt) && ((GrantStmt *) stmt)->objtype == OBJECT_SCHEMA)
		note_schemas(((GrantStmt *) stmt)->objects);
	else if (IsA(stmt, AlterDomainStmt))
		note_type(((AlterDomainStmt *) stmt)->typeName);
	else if (IsA(stmt, AlterEnumStmt))
		note_type(((AlterEnumStmt *) stmt)->typeName);
}

/* ---- the commit --------------------------------------------------------- */

/* In pg_catalog a name is found before all others, by sessions of any path. */
static bool
add_name(CfClockSet *clocks, Oid schema, const char *name)
{
	if (OidIsValid(schema) && !isAnyTempNamespace(schema))
		cf_clockset_add(clocks, cf_clock_of_name(MyDatabaseId, schema, name));
	return schema != PG_CATALOG_NAMESPACE;
}

static bool
judge_type(CfNote *note, CfClockSet *clocks)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(note->oid));
	bool		fine;

	note->hash = GetSysCacheHashValue1(TYPEOID, ObjectIdGetDatum(note->oid));
	if (HeapTupleIsValid(tuple) ? is_light_type(note->oid) :
		cf_note_has(CF_NOTE_GONE_LIGHT_TYPE, note->oid))
		fine = true;
	else
	{
		fine = add_name(clocks, note->schema, NameStr(note->name));
		cf_clockset_add(clocks, cf_clock_of_definition(MyDatabaseId, note->oid));
		if (HeapTupleIsValid(tuple))
			fine &= is_fine_type(note->oid) &&
				add_name(clocks, ((Form_pg_type) GETSTRUCT(tuple))->typnamespace,
						 NameStr(((Form_pg_type) GETSTRUCT(tuple))->typname));
	}
	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	return fine;
}

static bool
judge_operator(CfNote *note, CfClockSet *clocks)
{
	HeapTuple	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(note->oid));
	Form_pg_operator form;
	bool		fine;

	note->hash = GetSysCacheHashValue1(OPEROID, ObjectIdGetDatum(note->oid));
	if (!HeapTupleIsValid(tuple))
		return add_name(clocks, note->schema, NameStr(note->name));
	form = (Form_pg_operator) GETSTRUCT(tuple);
	/* What there was before, and still is, has been changed in place. */
	fine = (!OidIsValid(note->schema) || isAnyTempNamespace(form->oprnamespace)) &&
		add_name(clocks, form->oprnamespace, NameStr(form->oprname));
	ReleaseSysCache(tuple);
	return fine;
}

/*
 * It is looked for where a value of its source is to become one of its target. Of sources
 * that come with PostgreSQL values are everywhere.
 */
static bool
judge_cast(CfNote *note, CfClockSet *clocks)
{
	if (!OidIsValid(note->source))
		find_cast(note);
	/* Made and gone. */
	if (!OidIsValid(note->source))
		return true;
	note->hash = GetSysCacheHashValue2(CASTSOURCETARGET, ObjectIdGetDatum(note->source),
									   ObjectIdGetDatum(note->target));
	if (note->temporary)
		return true;
	cf_clockset_add(clocks, cf_clock_of_definition(MyDatabaseId, note->source));
	return note->source >= FirstNormalObjectId;
}

static bool
judge_schema(CfNote *note, CfClockSet *clocks)
{
	char	   *name = get_namespace_name(note->oid);

	note->hash = GetSysCacheHashValue1(NAMESPACEOID, ObjectIdGetDatum(note->oid));
	/* A session's first temporary object needs one. */
	if (isAnyTempNamespace(note->oid))
		return true;
	if (NameStr(note->name)[0] != '\0')
		cf_clockset_add(clocks, cf_clock_of_name(MyDatabaseId, InvalidOid, NameStr(note->name)));
	if (name != NULL)
		cf_clockset_add(clocks, cf_clock_of_name(MyDatabaseId, InvalidOid, name));
	return note->oid != PG_CATALOG_NAMESPACE;
}

bool
cf_named_judge(CfNote *note, CfClockSet *clocks)
{
	switch (note->kind)
	{
		case CF_NOTE_SEEN_TYPE:
		case CF_NOTE_GONE_TYPE:
		case CF_NOTE_GONE_LIGHT_TYPE:
			return judge_type(note, clocks);
		case CF_NOTE_SEEN_OPERATOR:
			return judge_operator(note, clocks);
		case CF_NOTE_SEEN_CAST:
			return judge_cast(note, clocks);
		case CF_NOTE_SEEN_SCHEMA:
			return judge_schema(note, clocks);
		default:
			return true;
	}
}
