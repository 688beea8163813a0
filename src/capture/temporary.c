/*
 * temporary.c - which messages of the catalog are about temporary objects.
 *
 * A message names a cache and a hash of its key. So of each object in the session's
 * temporary schema the hashes of the rows that it is made of are compared: found by
 * its dependency on the schema, or, if it is dropped, noted before. Likewise labels and
 * ranges of any type that is noted: its own clock moves for them.
 *
 * src/capture/temporary.c
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_ts_config.h"
#include "catalog/pg_ts_config_map.h"
#include "catalog/pg_type.h"
#include "utils/catcache.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "base/compat.h"
#include "capture/note.h"
#include "capture/temporary.h"

/* A row of the catalog, as messages name it. */
typedef struct Row
{
	int			cache;
	uint32		hash;
} Row;

/* The rows of all that is in the temporary schema, from the first question on. */
static struct
{
	MemoryContext context;		/* of all of it; or NULL */
	Row		   *row;
	int			n;
	int			room;
}			rows;

typedef void (*AddRow) (int cache, uint32 hash);

static void
add_to_rows(int cache, uint32 hash)
{
	if (rows.n == rows.room)
	{
		rows.room = Max(2 * rows.room, 64);
		rows.row = rows.row == NULL ? MemoryContextAlloc(rows.context, rows.room * sizeof(Row)) :
			repalloc(rows.row, rows.room * sizeof(Row));
	}
	rows.row[rows.n].cache = cache;
	rows.row[rows.n].hash = hash;
	rows.n++;
}

static void
add_to_notes(int cache, uint32 hash)
{
	cf_note_add(CF_NOTE_ROW_GONE, (Oid) cache)->hash = hash;
}

/* ---- of what rows is it made? ------------------------------------------- */

static void
add_type_alone(Oid type, AddRow add)
{
	if (OidIsValid(type))
		add(TYPEOID, GetSysCacheHashValue1(TYPEOID, ObjectIdGetDatum(type)));
}

static void
add_enum(Oid type, AddRow add)
{
	CatCList   *values = SearchSysCacheList1(ENUMTYPOIDNAME, ObjectIdGetDatum(type));

	for (int i = 0; i < values->n_members; i++)
	{
		Form_pg_enum value = (Form_pg_enum) GETSTRUCT(&values->members[i]->tuple);

		add(ENUMOID, GetSysCacheHashValue1(ENUMOID, ObjectIdGetDatum(value->oid)));
	}
	ReleaseSysCacheList(values);
}

/* With its multirange, and the cast from one to the other. */
static void
add_range(Oid type, AddRow add)
{
	Oid			multirange = get_range_multirange(type);

	add(RANGETYPE, GetSysCacheHashValue1(RANGETYPE, ObjectIdGetDatum(type)));
	if (!OidIsValid(multirange))
		return;
	add_type_alone(multirange, add);
	add_type_alone(get_array_type(multirange), add);
	add(CASTSOURCETARGET, GetSysCacheHashValue2(CASTSOURCETARGET, ObjectIdGetDatum(type),
												ObjectIdGetDatum(multirange)));
}

static void
add_type(Oid type, AddRow add)
{
	add_type_alone(get_array_type(type), add);
	switch (get_typtype(type))
	{
		case TYPTYPE_ENUM:
			add_enum(type, add);
			break;
		case TYPTYPE_RANGE:
			add_range(type, add);
			break;
		default:
			break;
	}
}

static void
add_ts_config(Oid config, AddRow add)
{
	CatCList   *map = SearchSysCacheList1(TSCONFIGMAP, ObjectIdGetDatum(config));

	for (int i = 0; i < map->n_members; i++)
	{
		Form_pg_ts_config_map entry = (Form_pg_ts_config_map) GETSTRUCT(&map->members[i]->tuple);

		add(TSCONFIGMAP, GetSysCacheHashValue3(TSCONFIGMAP, ObjectIdGetDatum(config),
											   Int32GetDatum(entry->maptokentype),
											   Int32GetDatum(entry->mapseqno)));
	}
	ReleaseSysCacheList(map);
}

static void
add_object(Oid class_id, Oid object_id, AddRow add)
{
	int			cache = is_objectclass_supported(class_id) ? get_object_catcache_oid(class_id) : -1;

	if (cache < 0)
		return;
	add(cache, GetSysCacheHashValue1(cache, ObjectIdGetDatum(object_id)));
	switch (class_id)
	{
		case TypeRelationId:
			add_type(object_id, add);
			break;
		case ProcedureRelationId:
			add(AGGFNOID, GetSysCacheHashValue1(AGGFNOID, ObjectIdGetDatum(object_id)));
			break;
		case TSConfigRelationId:
			add_ts_config(object_id, add);
			break;
		default:
			break;
	}
}

/* What a type is made of, but types and casts, of which there are notes. */
static void
add_parts(Oid type, AddRow add)
{
	char		kind = get_typtype(type);

	if (kind == TYPTYPE_ENUM)
		add_enum(type, add);
	else if (kind == TYPTYPE_RANGE)
		add(RANGETYPE, GetSysCacheHashValue1(RANGETYPE, ObjectIdGetDatum(type)));
}

/* ---- what is dropped ---------------------------------------------------- */

static bool
is_temporary(Oid class_id, Oid object_id)
{
	int			cache;
	AttrNumber	column;
	HeapTuple	tuple;
	Datum		schema;
	bool		isnull;

	if (!is_objectclass_supported(class_id))
		return false;
	cache = get_object_catcache_oid(class_id);
	column = get_object_attnum_namespace(class_id);
	if (cache < 0 || column == InvalidAttrNumber)
		return false;
	tuple = SearchSysCache1(cache, ObjectIdGetDatum(object_id));
	if (!HeapTupleIsValid(tuple))
		return false;
	schema = SysCacheGetAttr(cache, tuple, column, &isnull);
	ReleaseSysCache(tuple);
	return !isnull && isAnyTempNamespace(DatumGetObjectId(schema));
}

/* Of relations there is a note of their own. */
void
cf_temporary_goes(Oid class_id, Oid object_id)
{
	if (class_id != RelationRelationId && is_temporary(class_id, object_id))
		add_object(class_id, object_id, add_to_notes);
}

void
cf_temporary_type_goes(Oid type)
{
	add_parts(type, add_to_notes);
}

/* ---- what is there ------------------------------------------------------ */

static void
find_rows(Oid schema)
{
	Relation	rel = table_open(DependRelationId, AccessShareLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(NamespaceRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(schema));
	scan = systable_beginscan(rel, DependReferenceIndexId, true, NULL, 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend depend = (Form_pg_depend) GETSTRUCT(tuple);

		if (depend->classid != RelationRelationId)
			add_object(depend->classid, depend->objid, add_to_rows);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

static void
find_rows_of_noted(void)
{
	const CfNote *note;

	for (int i = 0; (note = cf_note_at(i)) != NULL; i++)
	{
		if (note->kind == CF_NOTE_SEEN_TYPE && SearchSysCacheExists1(TYPEOID, note->oid))
			add_parts(note->oid, add_to_rows);
	}
}

static void
find_rows_once(void)
{
	Oid			schema;
	Oid			toast_schema;

	if (rows.context != NULL)
		return;
	rows.context = AllocSetContextCreate(TopMemoryContext, "cachefront temporary objects",
										 ALLOCSET_SMALL_SIZES);
	GetTempNamespaceState(&schema, &toast_schema);
	if (OidIsValid(schema))
		find_rows(schema);
	find_rows_of_noted();
}

bool
cf_temporary_is(int cache, uint32 hash)
{
	const CfNote *note;

	for (int i = 0; (note = cf_note_at(i)) != NULL; i++)
	{
		if (note->kind == CF_NOTE_ROW_GONE && note->oid == (Oid) cache && note->hash == hash)
			return true;
	}
	find_rows_once();
	for (int i = 0; i < rows.n; i++)
	{
		if (rows.row[i].cache == cache && rows.row[i].hash == hash)
			return true;
	}
	return false;
}

void
cf_temporary_reset(void)
{
	if (rows.context != NULL)
		MemoryContextDelete(rows.context);
	rows.context = NULL;
	rows.row = NULL;
	rows.n = rows.room = 0;
}
