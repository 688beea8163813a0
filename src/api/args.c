/*
 * args.c - checks and takes apart the arguments of SQL-callable functions.
 *
 * src/api/args.c
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "api/args.h"
#include "base/memo.h"

/* What an argument's type is like. */
typedef struct ArgType
{
	Oid			key;			/* of the type */
	int16		typlen;
	bool		typbyval;
	bool		is_row;			/* one value for each of its columns */
	bool		is_array;
} ArgType;

static CfMemo arg_types = CF_MEMO("cachefront argument types", ArgType, 256);

static void
check_length(const text *value, int max, const char *what)
{
	int			len = VARSIZE_ANY_EXHDR(value);

	if (len == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must not be empty", what)));
	if (len > max)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is too long", what),
				 errdetail("It has %d bytes, the limit is %d.", len, max),
				 errhint("Use a hash of what it is made of, such as md5().")));
}

void
cf_check_key(const text *key)
{
	check_length(key, CF_MAX_KEY, "cache key");
}

void
cf_check_tag(const text *tag)
{
	check_length(tag, CF_MAX_TAG, "cache tag");
	if (!cf_tag_is_reserved(VARDATA_ANY(tag), VARSIZE_ANY_EXHDR(tag)))
		return;
	if (VARSIZE_ANY_EXHDR(tag) == 1)
		ereport(ERROR,
				(errcode(ERRCODE_RESERVED_NAME),
				 errmsg("cache tag must not be a single control character")));
	ereport(ERROR,
			(errcode(ERRCODE_RESERVED_NAME),
			 errmsg("cache tag \"%s\" is reserved", text_to_cstring(tag)),
			 errdetail("Tags that begin with \"table:\" or \"rule:\" are the cache's own."),
			 errhint("Choose another name. To drop what was read from a table, use cache_invalidate_table.")));
}

void
cf_arg_key(FunctionCallInfo fcinfo, int i, CfKey *key)
{
	text	   *value;

	if (PG_ARGISNULL(i))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("cache key must not be null"),
				 errhint("What is put together by || is null as soon as one part is; format() and concat() take a null part for nothing.")));
	value = PG_GETARG_TEXT_PP(i);
	cf_check_key(value);
	cf_key_init(key, MyDatabaseId, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
}

char *
cf_arg_cache_name(FunctionCallInfo fcinfo, int i)
{
	char	   *name;

	if (PG_ARGISNULL(i))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("cache name must not be null")));
	name = text_to_cstring(PG_GETARG_TEXT_PP(i));
	if (name[0] == '\0' || strlen(name) >= CF_MAX_CACHE_NAME ||
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:/") != strlen(name) ||
		name[strlen(name) - 1] == ':')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("invalid cache name \"%s\"", name),
				 errdetail("A name has 1 to %d letters, digits and characters of \"_-.:/\", and no colon at its end.",
						   CF_MAX_CACHE_NAME - 1)));
	return name;
}

int64
cf_arg_ttl(FunctionCallInfo fcinfo, int i)
{
	if (PG_ARGISNULL(i))
		return 0;
	return cf_ttl_check(PG_GETARG_INTERVAL_P(i), "ttl", false);
}

text	  **
cf_arg_texts(FunctionCallInfo fcinfo, int i, const char *what, int *n)
{
	Datum	   *values;
	bool	   *nulls;
	text	  **result;

	*n = 0;
	if (PG_ARGISNULL(i))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", what)));
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(i), TEXTOID, -1, false, TYPALIGN_INT,
					  &values, &nulls, n);
	result = palloc(sizeof(text *) * Max(*n, 1));
	for (int k = 0; k < *n; k++)
	{
		if (nulls[k])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("%s must not be null", what),
					 errdetail("It is number %d of the list.", k + 1)));
		result[k] = DatumGetTextPP(values[k]);
	}
	return result;
}

ArrayType *
cf_arg_tags(FunctionCallInfo fcinfo, int i)
{
	text	  **tags;
	int			n;

	if (PG_ARGISNULL(i))
		return NULL;
	tags = cf_arg_texts(fcinfo, i, "cache tag", &n);
	for (int k = 0; k < n; k++)
		cf_check_tag(tags[k]);
	return PG_GETARG_ARRAYTYPE_P(i);
}

static void
allocate_params(CfArgs *args, int n)
{
	char	   *block;

	args->n = 0;
	if (n > CF_MAX_ARGS)
		ereport(ERROR,
				(errcode(ERRCODE_TOO_MANY_ARGUMENTS),
				 errmsg("args has too many values"),
				 errdetail("It has %d, the limit is %d.", n, CF_MAX_ARGS)));
	if (n == 0)
		return;
	block = palloc(n * (sizeof(Datum) + sizeof(Oid) + sizeof(int16) + 2 * sizeof(bool)));
	args->values = (Datum *) block;
	args->types = (Oid *) (args->values + n);
	args->typlens = (int16 *) (args->types + n);
	args->typbyvals = (bool *) (args->typlens + n);
	args->nulls = args->typbyvals + n;
}

static void
add_param(CfArgs *args, Oid type, int16 typlen, bool typbyval, Datum value, bool isnull)
{
	int			i = args->n++;

	/* params.c takes text for untyped. */
	if (type == UNKNOWNOID)
	{
		type = TEXTOID;
		typlen = -1;
		if (!isnull)
			value = CStringGetTextDatum(DatumGetCString(value));
	}
	args->types[i] = type;
	args->typlens[i] = typlen;
	args->typbyvals[i] = typbyval;
	args->values[i] = value;
	args->nulls[i] = isnull;
}

static void
add_row(CfArgs *args, HeapTupleHeader row)
{
	TupleDesc	desc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(row),
											  HeapTupleHeaderGetTypMod(row));
	HeapTupleData tuple;
	Datum	   *values;
	bool	   *nulls;

	values = palloc(Max(desc->natts, 1) * (sizeof(Datum) + sizeof(bool)));
	nulls = (bool *) (values + desc->natts);
	MemSet(&tuple, 0, sizeof(tuple));
	tuple.t_len = HeapTupleHeaderGetDatumLength(row);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_data = row;
	heap_deform_tuple(&tuple, desc, values, nulls);

	allocate_params(args, desc->natts);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (!att->attisdropped)
			add_param(args, att->atttypid, att->attlen, att->attbyval,
					  values[i], nulls[i]);
	}
	ReleaseTupleDesc(desc);
}

/*
 * An array of text or varchar is a list of values: what drivers can pass
 * without knowing types. A value that is such an array itself comes in a row.
 */
static void
add_list(CfArgs *args, ArrayType *array)
{
	Datum	   *values;
	bool	   *nulls;
	int			n;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("args must not be an array of more than one dimension"),
				 errhint("An array of text holds one value for each parameter. An array that is itself the value of $1 is passed as ROW(array).")));
	deconstruct_array(array, ARR_ELEMTYPE(array), -1, false, TYPALIGN_INT,
					  &values, &nulls, &n);
	args->list = true;
	allocate_params(args, n);
	for (int i = 0; i < n; i++)
		add_param(args, TEXTOID, -1, false, values[i], nulls[i]);
}

static void
type_changed(Datum arg, int cache, uint32 hash)
{
	cf_memo_forget(&arg_types);
}

static void
register_once(void)
{
	static bool registered = false;

	if (!registered)
		CacheRegisterSyscacheCallback(TYPEOID, type_changed, (Datum) 0);
	registered = true;
}

static void
look_up_type(ArgType *type)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type->key));
	Form_pg_type form;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", type->key);
	form = (Form_pg_type) GETSTRUCT(tuple);
	type->typlen = form->typlen;
	type->typbyval = form->typbyval;
	type->is_array = form->typcategory == TYPCATEGORY_ARRAY;
	type->is_row = type->key == RECORDOID || form->typtype == TYPTYPE_COMPOSITE ||
		(form->typtype == TYPTYPE_DOMAIN && type_is_rowtype(type->key));
	ReleaseSysCache(tuple);
}

/* Every call comes this way, so the catalog is asked once. */
static ArgType
find_type(Oid oid)
{
	CfMemoTicket ticket;
	ArgType    *found = cf_memo_find(&arg_types, &oid, &ticket);
	ArgType		type = {.key = oid};

	if (likely(found != NULL))
		return *found;
	register_once();
	look_up_type(&type);
	found = cf_memo_enter(&arg_types, &oid, ticket);
	if (found != NULL)
		*found = type;
	return type;
}

void
cf_arg_params(FunctionCallInfo fcinfo, int i, CfArgs *args)
{
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, i);
	bool		isnull = PG_ARGISNULL(i);
	ArgType		known;

	MemSet(args, 0, sizeof(*args));
	if (!OidIsValid(type))
		ereport(ERROR,
				(errcode(ERRCODE_INDETERMINATE_DATATYPE),
				 errmsg("could not determine the data type of args")));
	/* Left out. */
	if (type == UNKNOWNOID && isnull)
		return;
	if (type == TEXTARRAYOID || type == VARCHARARRAYOID)
	{
		if (!isnull)
			add_list(args, PG_GETARG_ARRAYTYPE_P(i));
		return;
	}
	known = find_type(type);
	args->array = known.is_array;
	if (known.is_row)
	{
		if (!isnull)
			add_row(args, PG_GETARG_HEAPTUPLEHEADER(i));
		return;
	}
	allocate_params(args, 1);
	args->optional = isnull && type == TEXTOID;
	add_param(args, type, known.typlen, known.typbyval, isnull ? (Datum) 0 : PG_GETARG_DATUM(i),
			  isnull);
}

char *
cf_arg_print(Oid type, Datum value)
{
	Oid			output;
	bool		is_varlena;

	getTypeOutputInfo(type, &output, &is_varlena);
	return OidOutputFunctionCall(output, value);
}

char *
cf_arg_signature(const char *name, const Oid *types, int n)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "%s(", name);
	for (int i = 0; i < n; i++)
		appendStringInfo(&text, "%s%s", i > 0 ? ", " : "", format_type_be(types[i]));
	appendStringInfoChar(&text, ')');
	return text.data;
}

void
cf_arg_request(FunctionCallInfo fcinfo, CfRequest *request)
{
	cf_arg_key(fcinfo, 0, &request->key);
	request->cache = NULL;
	request->shape = 0;
	request->tree = NULL;
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("query must not be null"),
				 errhint("The second argument is the text of a SELECT.")));
	request->query = PG_GETARG_TEXT_PP(1);
	cf_arg_params(fcinfo, 2, &request->args);
	request->form = CF_FORM_JSON;
	request->part = CF_L1_PART_ALL;
	request->rows_desc = NULL;
	request->binding = CF_BOUND_NONE;
	request->rows_sink = NULL;
	request->miss = NULL;
	request->ttl = 0;
	request->tags = NULL;
}
