/*
 * define.c - this session's copy of the table cache_definitions.
 *
 * The table is the only record. Its statement trigger sends a relation cache
 * invalidation, which reaches every session at commit and makes it read the
 * table again at its next fetch; so definitions are transactional, survive
 * pg_dump and need no shared memory. The idea is pg_cron's.
 *
 * src/rules/define.c
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "common/int.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "base/guc.h"
#include "base/relchange.h"
#include "base/shmem.h"
#include "rules/define.h"
#include "rules/owntable.h"
#include "rules/deftable.h"

/* A row of the table; negative where the column is NULL. */
typedef struct Definition
{
	char		name[CF_MAX_CACHE_NAME];	/* hash key */
	CfStatsSlot stats_slot;
	int64		ttl;
	int64		negative_ttl;
	int64		stale_ttl;
	int64		max_stale;
	int64		refresh_after;
	CfFreshness freshness;
	double		jitter;
	double		xfetch_beta;
	CfScope		scope;
	char		setting[NAMEDATALEN];
	bool		has_owner;		/* a role of that name exists */
	CfLoaderDefinition loader;	/* in definitions_context */
} Definition;

/* The session's copy of the table. */
static struct
{
	bool		valid;
	Oid			relid;
	MemoryContext context;		/* of all of it */
	HTAB	   *table;
}			definitions;

static void
relation_changed(Oid relid)
{
	if (relid == InvalidOid || relid == definitions.relid ||
		!OidIsValid(definitions.relid))
		definitions.valid = false;
}

/* An owner may have come or gone. */
static void
role_changed(Datum arg, int cache, uint32 hash)
{
	definitions.valid = false;
}

/* Microseconds, as near as 64 bits allow. */
static int64
interval_us(const Interval *interval)
{
	int64		days = (int64) interval->month * DAYS_PER_MONTH + interval->day;
	int64		us;

	if (pg_mul_s64_overflow(days, USECS_PER_DAY, &us))
		return days < 0 ? PG_INT64_MIN : PG_INT64_MAX;
	if (pg_add_s64_overflow(us, interval->time, &us))
		return us < 0 ? PG_INT64_MIN : PG_INT64_MAX;
	return us;
}

int64
cf_ttl_check(const Interval *ttl, const char *what, bool zero_ok)
{
	int64		us = interval_us(ttl);

	if (us < 0 || (us == 0 && !zero_ok))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg(zero_ok ? "%s must not be negative" :
						"%s must be greater than zero", what)));
	if (us > CF_MAX_TTL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must not exceed one year", what)));
	return us;
}

int64
cf_ttl_bounded(const Interval *ttl)
{
	return Max(Min(interval_us(ttl), CF_MAX_TTL), 0);
}

char *
cf_define_search_path(void)
{
	List	   *schemas = fetch_search_path(false);
	StringInfoData path;
	ListCell   *cell;

	initStringInfo(&path);
	foreach(cell, schemas)
	{
		char	   *name = get_namespace_name(lfirst_oid(cell));

		if (name != NULL && !isAnyTempNamespace(lfirst_oid(cell)))
			appendStringInfo(&path, "%s, ", quote_identifier(name));
	}
	appendStringInfoString(&path, "pg_temp");
	return path.data;
}

bool
cf_scope_parse(const char *text, CfScope *scope, char *setting)
{
	setting[0] = '\0';
	if (strcmp(text, "role") == 0)
		*scope = CF_SCOPE_ROLE;
	else if (strcmp(text, "shared") == 0)
		*scope = CF_SCOPE_SHARED;
	else if (strncmp(text, "setting:", 8) == 0 && text[8] != '\0' &&
			 strlen(text + 8) < NAMEDATALEN)
	{
		*scope = CF_SCOPE_SETTING;
		strlcpy(setting, text + 8, NAMEDATALEN);
	}
	else
		return false;
	return true;
}

bool
cf_freshness_parse(const char *text, CfFreshness *freshness)
{
	*freshness = strcmp(text, "declared") == 0 ?
		CF_FRESHNESS_DECLARED : CF_FRESHNESS_PROVEN;
	return *freshness == CF_FRESHNESS_DECLARED || strcmp(text, "proven") == 0;
}

static int64
column_us(const Datum *values, const bool *nulls, int column)
{
	/* Written by hand it may be out of bounds. */
	return nulls[column - 1] ? -1 :
		Min(interval_us(DatumGetIntervalP(values[column - 1])), CF_MAX_TTL);
}

static double
column_number(const Datum *values, const bool *nulls, int column, double max)
{
	double		value = nulls[column - 1] ? -1.0 : DatumGetFloat8(values[column - 1]);

	/* Written by hand it may be anything, also not a number. */
	return value >= 0 ? Min(value, max) : -1.0;
}

static char *
column_text(const Datum *values, const bool *nulls, int column)
{
	return nulls[column - 1] ? NULL : TextDatumGetCString(values[column - 1]);
}

/* Allocates in CurrentMemoryContext. */
static void
read_loader(const Datum *values, const bool *nulls, CfLoaderDefinition *loader)
{
	Datum	   *types;
	bool	   *null_types;

	MemSet(loader, 0, sizeof(*loader));
	loader->query = column_text(values, nulls, CF_DEF_QUERY);
	loader->version = column_text(values, nulls, CF_DEF_VERSION);
	loader->search_path = column_text(values, nulls, CF_DEF_SEARCH_PATH);
	if (!nulls[CF_DEF_OWNER - 1])
		loader->owner = pstrdup(NameStr(*DatumGetName(values[CF_DEF_OWNER - 1])));
	if (loader->version == NULL)
		loader->version = pstrdup("auto");
	if (loader->search_path == NULL)
		loader->search_path = pstrdup("pg_catalog, pg_temp");
	if (nulls[CF_DEF_ARG_TYPES - 1])
		return;
	deconstruct_array(DatumGetArrayTypeP(values[CF_DEF_ARG_TYPES - 1]), REGTYPEOID, sizeof(Oid),
					  true, TYPALIGN_INT, &types, &null_types, &loader->nargs);
	loader->arg_types = palloc(Max(loader->nargs, 1) * sizeof(Oid));
	for (int i = 0; i < loader->nargs; i++)
		loader->arg_types[i] = null_types[i] ? TEXTOID : DatumGetObjectId(types[i]);
}

static void
add_definition(HTAB *hash, HeapTuple tuple, TupleDesc desc)
{
	Datum		values[CF_DEF_COLUMNS];
	bool		nulls[CF_DEF_COLUMNS];
	char		name[CF_MAX_CACHE_NAME];
	Definition *definition;

	/* A later version of the table may have more columns than this library knows. */
	for (int i = 0; i < CF_DEF_COLUMNS; i++)
		values[i] = heap_getattr(tuple, i + 1, desc, &nulls[i]);
	if (nulls[CF_DEF_NAME - 1])
		return;
	strlcpy(name, TextDatumGetCString(values[CF_DEF_NAME - 1]), sizeof(name));
	definition = hash_search(hash, name, HASH_ENTER, NULL);
	definition->stats_slot = cf_shmem_ready() ?
		cf_stats_slot(MyDatabaseId, name) : CF_STATS_DEFAULT;
	definition->ttl = column_us(values, nulls, CF_DEF_TTL);
	definition->negative_ttl = column_us(values, nulls, CF_DEF_NEGATIVE_TTL);
	definition->stale_ttl = column_us(values, nulls, CF_DEF_STALE_TTL);
	definition->max_stale = column_us(values, nulls, CF_DEF_MAX_STALE);
	definition->refresh_after = column_us(values, nulls, CF_DEF_REFRESH_AFTER);
	/* Written by hand it may be anything. */
	if (nulls[CF_DEF_FRESHNESS - 1] ||
		!cf_freshness_parse(TextDatumGetCString(values[CF_DEF_FRESHNESS - 1]),
							&definition->freshness))
		definition->freshness = CF_FRESHNESS_PROVEN;
	definition->jitter = column_number(values, nulls, CF_DEF_JITTER, 1.0);
	definition->xfetch_beta = column_number(values, nulls, CF_DEF_XFETCH_BETA, 1000.0);
	/* A scope that somebody wrote into the table by hand: the narrowest. */
	if (nulls[CF_DEF_SCOPE - 1] ||
		!cf_scope_parse(TextDatumGetCString(values[CF_DEF_SCOPE - 1]),
						&definition->scope, definition->setting))
	{
		definition->scope = CF_SCOPE_ROLE;
		definition->setting[0] = '\0';
	}
	read_loader(values, nulls, &definition->loader);
	definition->has_owner = definition->loader.owner != NULL &&
		OidIsValid(get_role_oid(definition->loader.owner, true));
}

static void
read_definitions(void)
{
	HASHCTL		control = {
		.keysize = CF_MAX_CACHE_NAME,
		.entrysize = sizeof(Definition),
	};
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "cachefront definitions",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old;
	HTAB	   *hash;
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;

	control.hcxt = context;
	hash = hash_create("cachefront definitions", 16, &control,
					   HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);

	/* An invalidation that arrives while we read makes us read again. */
	definitions.valid = true;
	old = MemoryContextSwitchTo(context);
	PG_TRY();
	{
		definitions.relid = cf_own_table_definitions();
		if (OidIsValid(definitions.relid))
		{
			rel = table_open(definitions.relid, AccessShareLock);
			scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
			while (HeapTupleIsValid(tuple = systable_getnext(scan)) &&
				   cf_deftable_has_our_shape(rel))
				add_definition(hash, tuple, RelationGetDescr(rel));
			systable_endscan(scan);
			table_close(rel, AccessShareLock);
		}
	}
	PG_CATCH();
	{
		definitions.valid = false;
		MemoryContextSwitchTo(old);
		MemoryContextDelete(context);
		PG_RE_THROW();
	}
	PG_END_TRY();

	MemoryContextSwitchTo(old);
	if (definitions.context != NULL)
		MemoryContextDelete(definitions.context);
	definitions.context = context;
	definitions.table = hash;
}

/*
 * The definition of the longest name that the first len bytes of a key start
 * with; *rest is how many bytes are left for shorter names.
 */
static const Definition *
find_definition(const char *key, int len, int *rest)
{
	char		name[CF_MAX_CACHE_NAME];

	for (len = cf_key_prefix(key, len); len > 0; len = cf_key_prefix(key, len))
	{
		Definition *found;

		if (len >= CF_MAX_CACHE_NAME)
			continue;
		memcpy(name, key, len);
		name[len] = '\0';
		found = hash_search(definitions.table, name, HASH_FIND, NULL);
		if (found != NULL)
		{
			*rest = len;
			return found;
		}
	}
	return NULL;
}

static void
add_setting(const char *name, CfDefinition *result)
{
	const char *value = GetConfigOption(name, true, false);

	if (!result->more_settings)
		cf_hash128_init(&result->more_values, 0);
	result->more_settings = true;
	cf_hash128_add(&result->more_values, name, strlen(name));
	cf_hash128_add_u64(&result->more_values, value == NULL ? 0 : 1);
	if (value != NULL)
		cf_hash128_add(&result->more_values, value, strlen(value));
}

/* The scope that is as narrow as what was found so far, and as another definition. */
static void
narrow_scope(const Definition *found, CfDefinition *result)
{
	switch (found->scope)
	{
		case CF_SCOPE_SHARED:
			break;
		case CF_SCOPE_ROLE:
			if (result->scope == CF_SCOPE_SHARED)
				result->scope = CF_SCOPE_ROLE;
			break;
		case CF_SCOPE_SETTING:
			if (result->scope != CF_SCOPE_SETTING)
			{
				result->scope = CF_SCOPE_SETTING;
				strlcpy(result->setting, found->setting, NAMEDATALEN);
			}
			else if (pg_strcasecmp(found->setting, result->setting) != 0)
				add_setting(found->setting, result);
			break;
	}
}

/* What the definition leaves open, no session lengthens for all the others. */
static void
bound_by_server(const Definition *found, CfDefinition *result)
{
	if (found->ttl <= 0)
		result->ttl = Min(result->ttl,
						  cf_guc_of_server(CF_SERVER_DEFAULT_TTL) * USECS_PER_SEC);
	if (found->negative_ttl <= 0)
		result->negative_ttl = Min(result->negative_ttl,
								   cf_guc_of_server(CF_SERVER_NEGATIVE_TTL) * USECS_PER_SEC);
	if (found->stale_ttl < 0)
		result->stale_ttl = Min(result->stale_ttl,
								cf_guc_of_server(CF_SERVER_STALE_TTL) * USECS_PER_SEC);
}

static void
require_definitions(void)
{
	/* Without the library's hooks nothing tells that the table changed. */
	if (unlikely(!definitions.valid || !cf_shmem_ready()))
		read_definitions();
}

/* What holds for keys of no cache. */
static void
set_defaults(CfDefinition *result)
{
	result->name[0] = '\0';
	result->stats_slot = CF_STATS_DEFAULT;
	result->ttl = cf_guc_default_ttl * USECS_PER_SEC;
	result->negative_ttl = cf_guc_negative_ttl * USECS_PER_SEC;
	result->stale_ttl = cf_guc_stale_ttl * USECS_PER_SEC;
	result->max_stale = cf_guc_max_stale * INT64CONST(1000);
	result->max_stale_defined = false;
	result->refresh_after = 0;
	result->jitter = cf_guc_ttl_jitter;
	result->xfetch_beta = cf_guc_xfetch_beta;
	result->freshness = CF_FRESHNESS_PROVEN;
	result->scope = CF_SCOPE_ROLE;
	result->setting[0] = '\0';
	result->paused = false;
	result->more_settings = false;
}

static void
apply_definition(const Definition *found, CfDefinition *result)
{
	strlcpy(result->name, found->name, CF_MAX_CACHE_NAME);
	result->stats_slot = found->stats_slot;
	if (found->ttl > 0)
		result->ttl = found->ttl;
	if (found->negative_ttl > 0)
		result->negative_ttl = found->negative_ttl;
	if (found->stale_ttl >= 0)
		result->stale_ttl = found->stale_ttl;
	result->max_stale_defined = found->max_stale >= 0;
	if (found->max_stale >= 0)
		result->max_stale = found->max_stale;
	/* Of another scope nobody else can load it; written by hand it may be anything. */
	if (found->loader.query != NULL && found->scope == CF_SCOPE_SHARED)
		result->refresh_after = Max(found->refresh_after, 0);
	result->freshness = found->freshness;
	if (found->jitter >= 0)
		result->jitter = found->jitter;
	if (found->xfetch_beta >= 0)
		result->xfetch_beta = found->xfetch_beta;
	result->scope = CF_SCOPE_SHARED;
	narrow_scope(found, result);
}

void
cf_define_find(const CfKey *key, CfDefinition *result)
{
	const Definition *found = NULL;
	const Definition *shorter;
	int			rest = 0;

	require_definitions();
	set_defaults(result);
	if (hash_get_num_entries(definitions.table) > 0)
		found = find_definition(key->data, key->len, &rest);
	if (found == NULL)
		return;
	apply_definition(found, result);
	while ((shorter = find_definition(key->data, rest, &rest)) != NULL)
		narrow_scope(shorter, result);
	if (result->scope == CF_SCOPE_SHARED)
		bound_by_server(found, result);
}

static const Definition *
find_named(const char *name)
{
	require_definitions();
	return strlen(name) >= CF_MAX_CACHE_NAME ? NULL :
		hash_search(definitions.table, name, HASH_FIND, NULL);
}

void
cf_define_find_named(const char *name, CfDefinition *result)
{
	const Definition *found = find_named(name);

	set_defaults(result);
	if (found == NULL)
		return;
	apply_definition(found, result);
	result->paused = !found->has_owner;
	if (result->scope == CF_SCOPE_SHARED)
		bound_by_server(found, result);
}

CfStatsSlot
cf_define_stats_slot(const char *name)
{
	CfDefinition def;

	cf_define_find_named(name, &def);
	return def.stats_slot;
}

bool
cf_define_find_loader(const char *name, CfLoaderDefinition *result)
{
	const Definition *found = find_named(name);

	if (found == NULL)
		return false;
	*result = found->loader;
	/* The next look may read all of them again. */
	result->owner = result->owner == NULL ? NULL : pstrdup(result->owner);
	if (result->query == NULL)
		return true;
	result->query = pstrdup(result->query);
	result->version = pstrdup(result->version);
	result->search_path = pstrdup(result->search_path);
	result->arg_types = palloc(Max(result->nargs, 1) * sizeof(Oid));
	if (result->nargs > 0)
		memcpy(result->arg_types, found->loader.arg_types, result->nargs * sizeof(Oid));
	return true;
}

List *
cf_define_names(void)
{
	HASH_SEQ_STATUS scan;
	const Definition *definition;
	List	   *names = NIL;

	require_definitions();
	hash_seq_init(&scan, definitions.table);
	while ((definition = hash_seq_search(&scan)) != NULL)
		names = lappend(names, pstrdup(definition->name));
	return names;
}

int
cf_define_count(void)
{
	if (!definitions.valid)
		read_definitions();
	return (int) hash_get_num_entries(definitions.table);
}

static bool
is_narrower(const Definition *outer, const Definition *inner)
{
	if (outer->scope == CF_SCOPE_SETTING)
		return inner->scope != CF_SCOPE_SETTING ||
			pg_strcasecmp(outer->setting, inner->setting) != 0;
	return outer->scope == CF_SCOPE_ROLE && inner->scope == CF_SCOPE_SHARED;
}

static void
notice_narrower(const Definition *outer, const Definition *inner)
{
	if (is_narrower(outer, inner))
		ereport(NOTICE,
				(errmsg("the scope of cache \"%s\" also holds for cache \"%s\"",
						outer->name, inner->name),
				 errdetail("Keys of the one may look as if they belonged to the other; so the narrowest scope of all caches with whose names a key begins holds for it.")));
}

void
cf_define_notice_nesting(const char *name)
{
	int			len = strlen(name);
	const Definition *self;
	const Definition *other;
	HASH_SEQ_STATUS scan;
	int			rest = len;

	if (!definitions.valid)
		read_definitions();
	self = hash_search(definitions.table, name, HASH_FIND, NULL);
	if (self == NULL)
		return;
	while ((other = find_definition(name, rest, &rest)) != NULL)
		notice_narrower(other, self);
	hash_seq_init(&scan, definitions.table);
	while ((other = hash_seq_search(&scan)) != NULL)
	{
		if (strncmp(other->name, name, len) == 0 && other->name[len] == ':')
			notice_narrower(self, other);
	}
}

void
cf_define_register(void)
{
	cf_relchange_register(relation_changed);
	CacheRegisterSyscacheCallback(AUTHOID, role_changed, (Datum) 0);
}
