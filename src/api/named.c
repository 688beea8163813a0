/*
 * named.c - named loaders: a definition's query, under its settings.
 *
 * The key of a value is made here: name, version, arguments. Whatever the session
 * has set, arguments are read and printed, and the query is run, under the same
 * settings, so that all callers have the same keys and entries.
 *
 * Locking: none.
 *
 * src/api/named.c
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "parser/parse_coerce.h"
#include "parser/parse_expr.h"
#include "parser/parser.h"
#include "pgtime.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/bytea.h"
#include "utils/float.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/xml.h"

#include "api/args.h"
#include "api/named.h"
#include "base/compat.h"
#include "base/debug_point.h"
#include "base/memo.h"
#include "base/relchange.h"
#include "base/shmem.h"
#include "base/subxact.h"
#include "load/select.h"
#include "publish/oldkeys.h"
#include "request/identity.h"
#include "request/version.h"

PG_FUNCTION_INFO_V1(cachefront_key);
PG_FUNCTION_INFO_V1(cachefront_check);

#define CF_MAX_KEY_ARG 512		/* bytes of a key's argument; what is longer is hashed */
#define CF_MAX_KEY_ARGS 900		/* bytes of all of them together */

/* ---- settings ---- */

/*
 * All that is part of an identity (request/identity.c) and has no fixed meaning: name, value, and
 * whether it has that value. To ask the variable costs a hundredth of asking by name.
 */
#define CF_NAMED_SETTINGS(X) \
	X("datestyle", "ISO, MDY", DateStyle == USE_ISO_DATES && DateOrder == DATEORDER_MDY) \
	X("intervalstyle", "postgres", IntervalStyle == INTSTYLE_POSTGRES) \
	X("timezone", "UTC", strcmp(pg_get_timezone_name(session_timezone), "UTC") == 0) \
	X("extra_float_digits", "1", extra_float_digits == 1) \
	X("bytea_output", "hex", bytea_output == BYTEA_OUTPUT_HEX) \
	X("row_security", "on", row_security) \
	X("lc_monetary", "C", strcmp(locale_monetary, "C") == 0) \
	X("lc_numeric", "C", strcmp(locale_numeric, "C") == 0) \
	X("lc_time", "C", strcmp(locale_time, "C") == 0) \
	X("xmloption", "content", xmloption == XMLOPTION_CONTENT) \
	X("xmlbinary", "base64", xmlbinary == XMLBINARY_BASE64) \
	X("array_nulls", "on", Array_nulls) \
	X("transform_null_equals", "off", !Transform_null_equals) \
	X("standard_conforming_strings", "on", standard_conforming_strings) \
	X("quote_all_identifiers", "off", !quote_all_identifiers) \
	X("backslash_quote", "safe_encoding", backslash_quote == BACKSLASH_QUOTE_SAFE_ENCODING)

#define CF_SET_UNLESS(name, value, has_it) \
	if (!(has_it)) \
		set(name, value);

static void
set(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
							 false);
}

int
cf_named_begin_settings(const char *search_path)
{
	int			level = NewGUCNestLevel();

	CF_NAMED_SETTINGS(CF_SET_UNLESS)
	if (strcmp(namespace_search_path, search_path) != 0)
		set("search_path", search_path);
	return level;
}

void
cf_named_end(int level)
{
	AtEOXact_GUC(true, level);
}

/* ---- the query ---- */

static void
fill_request(CfRequest *request, const char *name, const CfLoaderDefinition *loader)
{
	CfArgs	   *args = &request->args;
	int			n = loader->nargs;

	MemSet(request, 0, sizeof(*request));
	request->cache = name;
	request->query = cstring_to_text(loader->query);
	request->form = CF_FORM_JSON;
	request->part = CF_L1_PART_ALL;
	request->binding = CF_BOUND_NONE;
	args->n = n;
	args->declared = args->resolved = true;
	args->types = loader->arg_types;
	args->typlens = palloc(Max(n, 1) * sizeof(int16));
	args->typbyvals = palloc(Max(n, 1) * sizeof(bool));
	args->values = palloc0(Max(n, 1) * sizeof(Datum));
	args->nulls = palloc(Max(n, 1) * sizeof(bool));
	for (int i = 0; i < n; i++)
	{
		args->nulls[i] = true;
		get_typlenbyval(args->types[i], &args->typlens[i], &args->typbyvals[i]);
	}
}

/* Under the settings of the definition. */
static Query *
analyse(const CfRequest *request)
{
	ErrorContextCallback callback;
	Query	   *query;

	cf_request_begin_errors(&callback, request);
	query = cf_select_analyse(request, text_to_cstring(request->query));
	error_context_stack = callback.previous;
	return query;
}

void
cf_named_check(const char *name, const CfLoaderDefinition *loader)
{
	CfRequest	request;
	ErrorContextCallback callback;
	Query	   *query;
	int			level;

	for (int i = 0; i < loader->nargs; i++)
	{
		if (!SearchSysCacheExists1(TYPEOID, ObjectIdGetDatum(loader->arg_types[i])))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("type of argument $%d of cache \"%s\" does not exist", i + 1, name)));
		if (get_typtype(loader->arg_types[i]) == TYPTYPE_PSEUDO)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("argument $%d of a cache cannot be of type %s", i + 1,
							format_type_be(loader->arg_types[i]))));
	}
	level = cf_named_begin_settings(loader->search_path);
	fill_request(&request, name, loader);
	PushActiveSnapshot(GetTransactionSnapshot());
	query = analyse(&request);
	cf_request_begin_errors(&callback, &request);
	(void) pg_plan_query(query, loader->query, 0, NULL);
	error_context_stack = callback.previous;
	PopActiveSnapshot();
	cf_named_end(level);
}

/* An error sets the role back. */
void
cf_named_check_as(Oid owner, const char *name, const CfLoaderDefinition *loader)
{
	Oid			role;
	int			context;

	GetUserIdAndSecContext(&role, &context);
	SetUserIdAndSecContext(owner, context | SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_RESTRICTED_OPERATION);
	cf_named_check(name, loader);
	SetUserIdAndSecContext(role, context);
}

/* ---- the version ---- */

typedef struct Shape
{
	CfHash128	key;			/* of query, settings, types of the arguments */
	uint32		version;
} Shape;

static CfMemo shapes = CF_MEMO("cachefront shapes", Shape, 256);

static void
definition_changed(Oid relid)
{
	cf_memo_forget(&shapes);
}

static void
register_once(void)
{
	static bool registered = false;

	if (registered)
		return;
	registered = true;
	cf_relchange_register_any(definition_changed);
}

static uint32
find_shape(const CfRequest *request)
{
	Query	   *query;
	TupleDesc	desc;

	PushActiveSnapshot(GetTransactionSnapshot());
	query = analyse(request);
	desc = ExecCleanTypeFromTL(query->targetList);
	PopActiveSnapshot();
	return cf_version_of_shape(desc, request->query);
}

/* The parser is asked once a session, until a definition changes. */
static uint32
shape_of(const CfRequest *request)
{
	CfHash128	key = cf_identity_of_query(request->query);
	CfMemoTicket ticket;
	Shape	   *found;
	uint32		version;

	for (int i = 0; i < request->args.n; i++)
		cf_hash128_add_u64(&key, request->args.types[i]);
	found = cf_memo_find(&shapes, &key, &ticket);
	if (likely(found != NULL))
		return found->version;
	version = find_shape(request);
	cf_oldkeys_note(request->cache, version);
	found = cf_memo_enter(&shapes, &key, ticket);
	if (found != NULL)
		found->version = version;
	return version;
}

/* ---- arguments ---- */

static bool
converts(Oid from, Oid to)
{
	return cf_arg_is_string(from) ||
		(cf_arg_is_integer(from) && cf_arg_is_integer(getBaseType(to))) ||
		can_coerce_type(1, &from, &to, COERCION_IMPLICIT);
}

static void
require_fit(const char *name, const CfLoaderDefinition *loader, const CfNamedArgs *given)
{
	if (given->n != loader->nargs)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("wrong number of arguments for cache \"%s\"", name),
				 errdetail("It takes %s, and got %d.", cf_arg_signature(name, loader->arg_types, loader->nargs), given->n)));
	for (int i = 0; i < given->n; i++)
	{
		if (!converts(given->types[i], loader->arg_types[i]))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("argument $%d of cache \"%s\" is of type %s but should be of type %s",
							i + 1, name, format_type_be(given->types[i]),
							format_type_be(loader->arg_types[i])),
					 errdetail("It takes %s.", cf_arg_signature(name, loader->arg_types, loader->nargs)),
					 errhint("Cast it, or pass it as text.")));
	}
}

typedef struct Position
{
	const char *cache;
	int			number;
} Position;

static void
argument_error_callback(void *arg)
{
	const Position *position = arg;

	errcontext("argument $%d of cache \"%s\"", position->number, position->cache);
}

/* By the text of a value, which an input function reads; also of NULL, for domains. */
static void
take_argument(CfRequest *request, const CfNamedArgs *given, int i)
{
	CfArgs	   *args = &request->args;
	Position	position = {request->cache, i + 1};
	ErrorContextCallback callback = {error_context_stack, argument_error_callback, &position};
	Oid			type = given->types[i];
	Oid			input;
	Oid			ioparam;

	args->nulls[i] = given->nulls[i];
	args->values[i] = given->values[i];
	if (type == args->types[i])
		return;
	error_context_stack = &callback;
	getTypeInputInfo(args->types[i], &input, &ioparam);
	args->values[i] = OidInputFunctionCall(input,
										   given->nulls[i] ? NULL :
										   cf_arg_print(type, given->values[i]),
										   ioparam, -1);
	error_context_stack = callback.previous;
}

/* ---- the key ---- */

static void
add_hash(StringInfo key, char kind, const char *data, int len)
{
	CfHash128	hash;

	cf_hash128_init(&hash, 0);
	cf_hash128_add(&hash, data, len);
	appendStringInfo(key, "%%%c%016llx%016llx", kind,
					 (unsigned long long) hash.h[0], (unsigned long long) hash.h[1]);
}

static void
add_argument(StringInfo key, const char *value)
{
	int			begin = key->len;

	for (const char *c = value; *c != '\0'; c++)
	{
		unsigned char byte = (unsigned char) *c;

		if (byte == '%' || byte == ':' || byte < ' ' || byte == 0x7f)
			appendStringInfo(key, "%%%02X", byte);
		else
			appendStringInfoChar(key, *c);
	}
	if (key->len - begin <= CF_MAX_KEY_ARG)
		return;
	key->len = begin;
	key->data[begin] = '\0';
	add_hash(key, 'H', value, strlen(value));
}

static void
add_arguments(StringInfo key, const CfArgs *args)
{
	StringInfoData texts;

	initStringInfo(&texts);
	for (int i = 0; i < args->n; i++)
	{
		if (i > 0)
			appendStringInfoChar(&texts, ':');
		if (args->nulls[i])
			appendStringInfoString(&texts, "%N");
		else
			add_argument(&texts, cf_arg_print(args->types[i], args->values[i]));
	}
	if (texts.len > CF_MAX_KEY_ARGS)
		add_hash(key, 'A', texts.data, texts.len);
	else
		appendBinaryStringInfo(key, texts.data, texts.len);
}

/* name:vVERSION:ARGUMENTS, or name:ARGUMENTS. */
static void
make_key(CfRequest *request, const CfLoaderDefinition *loader)
{
	StringInfoData key;

	initStringInfo(&key);
	appendStringInfo(&key, "%s:", request->cache);
	if (strcmp(loader->version, "auto") == 0)
	{
		request->shape = shape_of(request);
		appendStringInfo(&key, "v%08x:", request->shape);
	}
	else if (strcmp(loader->version, "none") != 0)
		appendStringInfo(&key, "v%s:", loader->version);
	add_arguments(&key, &request->args);
	cf_key_init(&request->key, MyDatabaseId, key.data, key.len);
}

/* ---- a call ---- */

static char *
take_name(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("cache name must not be null")));
	return text_to_cstring(PG_GETARG_TEXT_PP(0));
}

static void
find_loader(const char *name, CfLoaderDefinition *loader)
{
	if (!cf_define_find_loader(name, loader))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("cache \"%s\" does not exist", name),
				 errhint("Define it with cache_define(name, query => ..., arg_types => ...).")));
	if (loader->query == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cache \"%s\" has no query", name),
				 errhint("Give it one with cache_alter(name, query => ..., arg_types => ...), or call cache_fetch.")));
}

static void
take_given(FunctionCallInfo fcinfo, CfNamedArgs *given)
{
	MemSet(given, 0, sizeof(*given));
	if (PG_NARGS() < 2)
		return;
	given->n = extract_variadic_args(fcinfo, 1, false, &given->values, &given->types,
									 &given->nulls);
	if (given->n < 0)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the list of arguments must not be null")));
}

int
cf_named_begin_with(const char *name, const CfNamedArgs *given, CfRequest *request)
{
	CfLoaderDefinition loader;
	int			level;

	register_once();
	AcceptInvalidationMessages();
	find_loader(name, &loader);
	require_fit(name, &loader, given);
	level = cf_named_begin_settings(loader.search_path);
	fill_request(request, name, &loader);
	for (int i = 0; i < given->n; i++)
		take_argument(request, given, i);
	make_key(request, &loader);
	CF_WAIT_POINT("named-after-key");
	return level;
}

int
cf_named_begin(FunctionCallInfo fcinfo, CfRequest *request)
{
	char	   *name = take_name(fcinfo);
	CfNamedArgs given;

	take_given(fcinfo, &given);
	return cf_named_begin_with(name, &given, request);
}

void
cf_named_require(const char *name, CfLoaderDefinition *loader)
{
	AcceptInvalidationMessages();
	find_loader(name, loader);
}

Datum
cachefront_key(PG_FUNCTION_ARGS)
{
	CfRequest	request;
	int			level = cf_named_begin(fcinfo, &request);

	cf_named_end(level);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(request.key.data, request.key.len));
}

/* ---- cache_check ---- */

typedef struct Check
{
	const char *name;
	Oid			owner;			/* or InvalidOid, if it is gone */
	CfLoaderDefinition loader;
} Check;

static void
check(void *arg)
{
	Check	   *call = arg;

	cf_named_check_as(call->owner, call->name, &call->loader);
}

static void
put_problem(ReturnSetInfo *rsinfo, const char *name, const char *severity, const char *problem,
			const char *hint)
{
	Datum		values[] = {CStringGetTextDatum(name), CStringGetTextDatum(severity),
	CStringGetTextDatum(problem), CStringGetTextDatum(hint)};
	bool		nulls[] = {false, false, false, false};

	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

static void
check_one(ReturnSetInfo *rsinfo, Check *call)
{
	const char *owner = call->loader.owner;
	ErrorData  *error;

	call->owner = owner == NULL ? InvalidOid : get_role_oid(owner, true);
	if (!OidIsValid(call->owner))
		put_problem(rsinfo, call->name, "warning",
					call->loader.query == NULL ? "the role that it belonged to does not exist" :
					"the role that it belonged to does not exist: nothing is cached, and no value refreshed",
					"The database's owner may define it again.");
	if (call->loader.query == NULL || !OidIsValid(call->owner))
		return;
	error = cf_subxact_try(check, call);
	if (error == NULL)
		return;
	if (cf_subxact_ends_all(error->sqlerrcode))
		ReThrowError(error);
	put_problem(rsinfo, call->name, "error", error->message,
				"Change its query with cache_alter, or drop it with cache_drop.");
	FreeErrorData(error);
}

Datum
cachefront_check(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell   *cell;

	cf_shmem_require();
	InitMaterializedSRF(fcinfo, 0);
	AcceptInvalidationMessages();
	foreach(cell, cf_define_names())
	{
		Check		call = {.name = lfirst(cell)};

		if (cf_define_find_loader(call.name, &call.loader))
			check_one(rsinfo, &call);
	}
	return (Datum) 0;
}
