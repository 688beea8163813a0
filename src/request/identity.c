/*
 * identity.c - computes identities; the settings' part is kept between calls.
 *
 * Settings are compared with a copy rather than hashed at every call. The
 * search path counts as the schemas that it resolves to, so that "$user" and
 * missing schemas mean what they mean to the parser. All other settings count
 * only for results that may depend on them: see rules/setting.h.
 *
 * src/request/identity.c
 */
#include "postgres.h"

#include "access/gin.h"
#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "parser/parser.h"
#include "parser/parse_expr.h"
#include "pgtime.h"
#include "tsearch/ts_cache.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/bytea.h"
#include "utils/datum.h"
#include "utils/float.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/rls.h"
#include "utils/typcache.h"
#include "utils/xml.h"

#include "base/compat.h"
#include "base/named_setting.h"
#include "request/identity.h"
#include "request/params.h"

#define CF_PATH_MAX 64

/*
 * Settings that change what a query returns or how it prints: type, name here,
 * value now. A time zone is interned, one pointer a zone; all above 0 of
 * extra_float_digits print the shortest text that reads back.
 */
#define CF_IDENTITY_SETTINGS(X) \
	X(int, date_style, DateStyle) \
	X(int, date_order, DateOrder) \
	X(int, interval_style, IntervalStyle) \
	X(int, extra_float_digits, Min(extra_float_digits, 1)) \
	X(int, bytea_output, bytea_output) \
	X(int, xmloption, xmloption) \
	X(int, xmlbinary, xmlbinary) \
	X(int, backslash_quote, (int) backslash_quote) \
	X(int, gin_fuzzy_search_limit, GinFuzzySearchLimit) \
	X(bool, row_security, row_security) \
	X(bool, array_nulls, Array_nulls) \
	X(bool, transform_null_equals, Transform_null_equals) \
	X(bool, standard_conforming_strings, standard_conforming_strings) \
	X(bool, quote_all_identifiers, quote_all_identifiers)

#define CF_DECLARE_SETTING(type, name, value) type name;
#define CF_COPY_SETTING(type, name, value) now->name = (value);
#define CF_COMPARE_SETTING(type, name, value) && then->name == (value)

typedef struct Settings
{
	int			npath;
	Oid			path[CF_PATH_MAX];
	pg_tz	   *timezone;
	CF_IDENTITY_SETTINGS(CF_DECLARE_SETTING)
} Settings;

/*
 * Settings that are known by name alone: PostgreSQL exports no variable, or they are
 * of PL/pgSQL, which a session may load at any time, also in the midst of a query. What
 * its functions do depends on them, and every query may call one.
 */
static CfNamedSetting named_settings[] = {
	{"timezone_abbreviations"}, {"restrict_nonsystem_relation_kind"},
	{"plpgsql.check_asserts"}, {"plpgsql.extra_errors"}, {"plpgsql.print_strict_params"},
	{"plpgsql.variable_conflict"}
};

/* Settings that are text, and have a variable. */
static char *const *const variables[] = {
	&locale_monetary, &locale_numeric, &locale_time, &locale_messages, &TSCurrentConfig
};

#define CF_NVARIABLES lengthof(variables)
#define CF_NSTRINGS (CF_NVARIABLES + lengthof(named_settings))

/* Those with a variable first. */
static void
collect_strings(const char *strings[CF_NSTRINGS])
{
	for (int i = 0; i < CF_NVARIABLES; i++)
		strings[i] = *variables[i];
	cf_named_settings_find(named_settings, lengthof(named_settings));
	for (int i = 0; i < lengthof(named_settings); i++)
		strings[CF_NVARIABLES + i] = cf_named_setting_value(&named_settings[i]);
}

static void
collect_settings(Settings *now)
{
	/* Padding is hashed, the unused end of path is not. */
	memset(now, 0, sizeof(*now));
	now->npath = fetch_search_path_array(now->path, CF_PATH_MAX);
	now->timezone = session_timezone;
	CF_IDENTITY_SETTINGS(CF_COPY_SETTING)
}

static bool
path_is(const Settings *then)
{
	Oid			path[CF_PATH_MAX];
	int			npath = fetch_search_path_array(path, CF_PATH_MAX);

	/* A path too long to compare is hashed by its text at every call. */
	if (npath != then->npath || npath > CF_PATH_MAX)
		return false;
	for (int i = 0; i < npath; i++)
	{
		if (path[i] != then->path[i])
			return false;
	}
	return true;
}

static bool
settings_are(const Settings *then)
{
	return path_is(then) && then->timezone == session_timezone
		CF_IDENTITY_SETTINGS(CF_COMPARE_SETTING);
}

static void
hash_settings(const Settings *settings, const char *const *strings, CfHash128 *hash)
{
	const char *zone = pg_get_timezone_name(settings->timezone);
	const char *rest = (const char *) settings +
		offsetof(Settings, timezone) + sizeof(pg_tz *);

	cf_hash128_init(hash, 0);
	cf_hash128_add(hash, settings->path,
				   Min(settings->npath, CF_PATH_MAX) * sizeof(Oid));
	if (settings->npath > CF_PATH_MAX)
		cf_hash128_add(hash, namespace_search_path, strlen(namespace_search_path));
	cf_hash128_add(hash, zone, strlen(zone));
	cf_hash128_add(hash, rest, (const char *) (settings + 1) - rest);
	for (int i = 0; i < CF_NSTRINGS; i++)
		cf_hash128_add(hash, strings[i] ? strings[i] : "",
					   strings[i] ? strlen(strings[i]) : 0);
}

static inline bool
is_text(const char *now, const char *then)
{
	return now == NULL ? *then == '\0' : strcmp(now, then) == 0;
}

static inline bool
strings_are(char *const *then)
{
	for (int i = 0; i < CF_NVARIABLES; i++)
	{
		if (!is_text(*variables[i], then[i]))
			return false;
	}
	return cf_named_settings_are(named_settings, lengthof(named_settings), then + CF_NVARIABLES);
}

/* The hash of the session's settings, computed anew only when one changed. */
static const CfHash128 *
settings_hash(void)
{
	static Settings last;
	static char *last_strings[CF_NSTRINGS];
	static CfHash128 hash;
	static bool valid = false;
	const char *strings[CF_NSTRINGS];

	if (likely(valid && settings_are(&last) && strings_are(last_strings)))
		return &hash;

	collect_strings(strings);
	valid = false;
	for (int i = 0; i < CF_NSTRINGS; i++)
	{
		if (last_strings[i] != NULL)
			pfree(last_strings[i]);
		last_strings[i] = NULL;
		last_strings[i] = MemoryContextStrdup(TopMemoryContext,
											  strings[i] ? strings[i] : "");
	}
	collect_settings(&last);
	hash_settings(&last, strings, &hash);
	valid = true;
	return &hash;
}

/*
 * The hash of settings and query text. A session asks the same few queries
 * again and again; to compare a text costs a fraction of hashing it.
 */
#define CF_KNOWN_QUERIES 16
#define CF_KNOWN_QUERY_MAX 4096 /* bytes; longer texts are hashed every time */

typedef struct KnownQuery
{
	CfHash128	settings;
	CfHash128	hash;
	CfHashStream stream;		/* begun with the hash */
	int			len;
	char	   *text;			/* in TopMemoryContext, or NULL */
} KnownQuery;

/* It is there until the next call. */
static const KnownQuery *
find_query(const text *query)
{
	static KnownQuery known[CF_KNOWN_QUERIES];
	static KnownQuery too_long;
	const char *text = VARDATA_ANY(query);
	int			len = VARSIZE_ANY_EXHDR(query);
	KnownQuery *slot = &known[len % CF_KNOWN_QUERIES];
	const CfHash128 *settings = settings_hash();
	CfHash128	hash = *settings;

	if (slot->text != NULL && slot->len == len &&
		cf_hash128_equal(&slot->settings, settings) && memcmp(slot->text, text, len) == 0)
		return slot;

	cf_hash128_add(&hash, text, len);
	if (len > CF_KNOWN_QUERY_MAX)
		slot = &too_long;
	slot->hash = hash;
	cf_hash_stream_begin(&slot->stream, &hash);
	if (slot == &too_long)
		return slot;
	if (slot->text != NULL)
		pfree(slot->text);
	slot->text = NULL;
	slot->text = MemoryContextAlloc(TopMemoryContext, Max(len, 1));
	memcpy(slot->text, text, len);
	slot->len = len;
	slot->settings = *settings;
	return slot;
}

/* The same of a statement that is known by what it means. */
typedef struct KnownTree
{
	CfHash128	tree;
	KnownQuery	query;
} KnownTree;

static const KnownQuery *
query_of_tree(const CfHash128 *tree, const CfHash128 *settings)
{
	static KnownTree known[CF_KNOWN_QUERIES];
	KnownTree  *slot = &known[tree->h[0] % CF_KNOWN_QUERIES];
	KnownQuery *query = &slot->query;

	if (query->len != 0 && cf_hash128_equal(&slot->tree, tree) &&
		cf_hash128_equal(&query->settings, settings))
		return query;
	slot->tree = *tree;
	query->settings = *settings;
	query->len = sizeof(*tree);
	query->hash = *settings;
	cf_hash128_add(&query->hash, tree, sizeof(*tree));
	cf_hash_stream_begin(&query->stream, &query->hash);
	return query;
}

static const KnownQuery *
query_of(const CfRequest *request)
{
	if (request->tree == NULL)
		return find_query(request->query);
	return query_of_tree(request->tree,
						 request->settings != NULL ? request->settings : settings_hash());
}

CfHash128
cf_identity_of_settings(void)
{
	return *settings_hash();
}

CfHash128
cf_identity_of_query(const text *query)
{
	return find_query(query)->hash;
}

static void add_value(CfHashStream *stream, Oid type, int16 typlen, bool typbyval, Datum value,
					  bool isnull);
static void add_reference(CfHashStream *stream, Oid type, int16 typlen, Datum value);

/*
 * The bytes of a record name its type by a number that means another type in
 * another session: so its columns count, with what shows of them.
 */
static void
add_record(CfHashStream *stream, Datum record)
{
	HeapTupleHeader row = DatumGetHeapTupleHeader(record);
	TupleDesc	desc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(row),
											  HeapTupleHeaderGetTypMod(row));
	HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(row), .t_data = row};
	Datum	   *values = palloc(Max(desc->natts, 1) * sizeof(Datum));
	bool	   *nulls = palloc(Max(desc->natts, 1) * sizeof(bool));

	check_stack_depth();
	heap_deform_tuple(&tuple, desc, values, nulls);
	/* An unnamed type is RECORD here as well, whatever its number. */
	cf_hash_stream_put_u64(stream, ((uint64) desc->tdtypeid << 32) | (uint32) desc->natts);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped)
			continue;
		cf_hash_stream_put(stream, NameStr(att->attname), strlen(NameStr(att->attname)));
		cf_hash_stream_put_u64(stream,
							   ((uint64) (uint32) att->atttypmod << 32) | att->attcollation);
		add_value(stream, att->atttypid, att->attlen, att->attbyval, values[i], nulls[i]);
	}
	ReleaseTupleDesc(desc);
}

/* An array of unnamed records: its shape, then each as add_record has it. */
static void
add_record_array(CfHashStream *stream, Datum value)
{
	ArrayType  *array = DatumGetArrayTypeP(value);
	Datum	   *values;
	bool	   *nulls;
	int			n;

	cf_hash_stream_put(stream, ARR_DIMS(array), 2 * ARR_NDIM(array) * sizeof(int));
	deconstruct_array(array, RECORDOID, -1, false, TYPALIGN_DOUBLE, &values, &nulls, &n);
	for (int i = 0; i < n; i++)
		add_value(stream, RECORDOID, -1, false, values[i], nulls[i]);
}

static void
add_value(CfHashStream *stream, Oid type, int16 typlen, bool typbyval, Datum value, bool isnull)
{
	cf_hash_stream_put_u64(stream, ((uint64) type << 1) | isnull);
	if (isnull)
		return;
	if (typbyval)
		cf_hash_stream_put_u64(stream, (uint64) value);
	else
		add_reference(stream, type, typlen, value);
}

static void
add_reference(CfHashStream *stream, Oid type, int16 typlen, Datum value)
{
	if (unlikely(type == RECORDOID))
		add_record(stream, value);
	else if (unlikely(type == RECORDARRAYOID))
		add_record_array(stream, value);
	else if (typlen == -1)
	{
		struct varlena *packed = PG_DETOAST_DATUM_PACKED(value);

		cf_hash_stream_put(stream, VARDATA_ANY(packed), VARSIZE_ANY_EXHDR(packed));
		if ((Pointer) packed != DatumGetPointer(value))
			pfree(packed);
	}
	else if (typlen == -2)
		cf_hash_stream_put(stream, DatumGetCString(value), strlen(DatumGetCString(value)));
	else
		cf_hash_stream_put(stream, DatumGetPointer(value), typlen);
}

/* The stream has begun with the hash. */
static void
add_args(CfHashStream *stream, const CfArgs *args, CfHash128 *hash)
{
	if (args->n == 0)
		return;
	for (int i = 0; i < args->n; i++)
		add_value(stream, args->types[i], args->typlens[i], args->typbyvals[i],
				  args->values[i], args->nulls[i]);
	cf_hash_stream_end(stream, hash);
}

static void
add_columns(CfHash128 *hash, TupleDesc desc)
{
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		cf_hash128_add_u64(hash, ((uint64) att->atttypid << 32) | (uint32) att->atttypmod);
		cf_hash128_add_u64(hash, att->attcollation);
	}
}

static void
set_roles(const CfDefinition *def, CfIdentity *id)
{
	bool		shared = def->scope == CF_SCOPE_SHARED;

	id->role = shared ? InvalidOid : GetUserId();
	id->session_role = shared ? InvalidOid : GetSessionUserId();
}

static void
add_scope(CfHash128 *hash, const CfDefinition *def)
{
	const char *value;

	if (def->scope != CF_SCOPE_SETTING)
		return;
	value = GetConfigOption(def->setting, true, false);
	cf_hash128_add(hash, def->setting, strlen(def->setting));
	cf_hash128_add_u64(hash, value == NULL ? 0 : 1);
	if (value != NULL)
		cf_hash128_add(hash, value, strlen(value));
	if (def->more_settings)
		cf_hash128_add(hash, &def->more_values, sizeof(def->more_values));
}

void
cf_identity_of_request(CfRequest *request)
{
	CfIdentity *id = &request->id;
	const KnownQuery *query = query_of(request);
	CfHashStream stream = query->stream;

	set_roles(&request->def, id);
	id->form = request->form;
	id->hash = query->hash;
	cf_params_resolve(request, &id->hash);
	add_args(&stream, &request->args, &id->hash);
	if (request->rows_desc != NULL)
		add_columns(&id->hash, request->rows_desc);
	add_scope(&id->hash, &request->def);
	if (unlikely(request->binding != CF_BOUND_NONE))
	{
		cf_hash128_add_u64(&id->hash, request->binding);
		cf_setting_add(&id->hash, request->binding);
	}
}

bool
cf_identity_still_holds(const CfRequest *request)
{
	CfRequest	now = *request;

	now.settings = NULL;
	cf_request_define(&now);
	cf_identity_of_request(&now);
	return cf_identity_equal(&now.id, &request->id);
}

void
cf_identity_of_value(const CfDefinition *def, CfIdentity *id)
{
	set_roles(def, id);
	id->form = CF_FORM_VALUE;
	cf_hash128_init(&id->hash, CF_FORM_VALUE);
	add_scope(&id->hash, def);
}
