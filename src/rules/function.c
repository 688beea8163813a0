/*
 * function.c - the traits of functions, remembered by the session.
 *
 * src/rules/function.c
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/proclang.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "parser/parse_coerce.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "base/compat.h"
#include "base/guc.h"
#include "base/memo.h"
#include "rules/builtin.h"
#include "rules/function.h"
#include "rules/timeword.h"

typedef struct Known
{
	Oid			key;			/* of the function */
	CfTraits	traits;
	bool		named;			/* by cachefront.transparent_functions, of this generation: */
	uint32		generation;
} Known;

static CfMemo known_functions = CF_MEMO("cachefront functions", Known, 4096);

/* The key is a type: see cf_function_traits_of_value. */
static CfMemo known_values = CF_MEMO("cachefront types", Known, 4096);

static void
function_changed(Datum arg, int cache, uint32 hash)
{
	cf_memo_forget(&known_functions);
	cf_memo_forget(&known_values);
}

static void
type_changed(Datum arg, int cache, uint32 hash)
{
	cf_memo_forget(&known_values);
}

/*
 * Those of our own library that read the cache; they note what they depend on. But
 * what cache_get has found may be gone at any time, to make room.
 */
static bool
is_own_read(const char *source, const char *library, CfTraits *traits)
{
	const char *base = strrchr(library, '/');

	if (strcmp(base != NULL ? base + 1 : library, "cachefront") != 0)
		return false;
	*traits = CF_TRAIT_WATCHED;
#ifdef CF_DEBUG
	if (strcmp(source, "cachefront_debug_pid") == 0)
		return true;
#endif
	if (strcmp(source, "cachefront_get") == 0)
		*traits |= CF_TRAIT_UNTRACKED;
	else if (strncmp(source, "cachefront_fetch", strlen("cachefront_fetch")) != 0)
		return false;
	return true;
}

static char *
text_column(HeapTuple tuple, AttrNumber column)
{
	bool		isnull;
	Datum		value = SysCacheGetAttr(PROCOID, tuple, column, &isnull);

	return isnull ? pstrdup("") : TextDatumGetCString(value);
}

static CfTraits
traits_of_internal(Form_pg_proc form, HeapTuple tuple)
{
	Oid			builtin;

	/* The parts of an aggregate are looked at one by one. */
	if (form->prokind == PROKIND_AGGREGATE)
		return 0;
	if (form->oid < FirstNormalObjectId)
		return form->provolatile == PROVOLATILE_IMMUTABLE ? 0 :
			cf_builtin_traits(NameStr(form->proname));
	/* Another name for one of PostgreSQL's own. */
	builtin = fmgr_internal_function(text_column(tuple, Anum_pg_proc_prosrc));
	return OidIsValid(builtin) && builtin < FirstNormalObjectId ?
		cf_function_traits(builtin) : CF_TRAIT_SESSION;
}

/*
 * In C, or in a language that we do not see into: it may read any setting, and
 * keep what it wants in its session. Who calls it STABLE or IMMUTABLE says
 * that it does not do the latter. In C, IMMUTABLE is believed to be what it says;
 * of other languages it is known to be said of functions that read tables.
 */
static CfTraits
traits_of_unknown(Form_pg_proc form, HeapTuple tuple)
{
	CfTraits	traits;

	if (form->prolang == ClanguageId &&
		is_own_read(text_column(tuple, Anum_pg_proc_prosrc),
					text_column(tuple, Anum_pg_proc_probin), &traits))
		return traits;
	if (form->provolatile == PROVOLATILE_VOLATILE)
		return CF_TRAIT_SESSION | CF_TRAIT_UNSEEN;
	if (form->prolang == ClanguageId && form->provolatile == PROVOLATILE_IMMUTABLE)
		return CF_TRAIT_SETTINGS;
	return CF_TRAIT_SETTINGS | CF_TRAIT_UNSEEN;
}

bool
cf_function_is_in_c(Oid function)
{
	HeapTuple	tuple;
	Oid			language;

	if (function < FirstNormalObjectId)
		return true;
	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	if (!HeapTupleIsValid(tuple))
		return false;
	language = ((Form_pg_proc) GETSTRUCT(tuple))->prolang;
	ReleaseSysCache(tuple);
	return language == INTERNALlanguageId || language == ClanguageId;
}

static bool
is_watched_language(Oid language)
{
	return language == SQLlanguageId || language == get_language_oid("plpgsql", true);
}

static CfTraits
find_traits(Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Form_pg_proc form;
	CfTraits	traits = 0;

	if (!HeapTupleIsValid(tuple))
		return 0;
	form = (Form_pg_proc) GETSTRUCT(tuple);
	if (form->prolang == INTERNALlanguageId)
		traits = traits_of_internal(form, tuple);
	else if (!is_watched_language(form->prolang))
		traits = traits_of_unknown(form, tuple);
	else
		traits = CF_TRAIT_WATCHED |
			(form->provolatile == PROVOLATILE_IMMUTABLE ? CF_TRAIT_FOLDED : 0);
	if (!CF_MAY_EXECUTE(function, ACL_ID_PUBLIC))
		traits |= CF_TRAIT_GRANTED;
	ReleaseSysCache(tuple);
	return traits;
}

static void
register_once(void)
{
	static bool registered = false;

	if (likely(registered))
		return;
	CacheRegisterSyscacheCallback(PROCOID, function_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(TYPEOID, type_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(CLAOID, type_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(CASTSOURCETARGET, type_changed, (Datum) 0);
	registered = true;
}

CfTraits
cf_function_traits(Oid function)
{
	CfMemoTicket ticket;
	Known	   *known;
	CfTraits	traits;

	register_once();
	known = cf_memo_find(&known_functions, &function, &ticket);
	if (likely(known != NULL))
		return known->traits;
	/* To look it up may bring the news that some function has changed. */
	traits = find_traits(function);
	known = cf_memo_enter(&known_functions, &function, ticket);
	if (known != NULL)
	{
		known->traits = traits;
		known->generation = 0;
	}
	return traits;
}

static bool
is_word(const char *word, size_t len, const char *text)
{
	return strlen(text) == len && memcmp(word, text, len) == 0;
}

/* "name", "schema.name" or "schema.*". */
static bool
matches(const char *word, size_t len, const char *schema, const char *name)
{
	const char *dot = memchr(word, '.', len);
	const char *last = dot != NULL ? dot + 1 : word;
	size_t		rest = word + len - last;

	if (dot == NULL)
		return is_word(word, len, name);
	return is_word(word, dot - word, schema) &&
		(is_word(last, rest, "*") || is_word(last, rest, name));
}

static bool
is_in_setting(const char *schema, const char *name)
{
	const char *p = cf_guc_transparent_functions;

	while (*p != '\0')
	{
		size_t		word = strcspn(p, ", \t\n");

		if (word > 0 && matches(p, word, schema, name))
			return true;
		p += word;
		p += strspn(p, ", \t\n");
	}
	return false;
}

static bool
find_named(Oid function)
{
	char	   *name = get_func_name(function);
	char	   *schema;

	if (name == NULL)
		return false;
	schema = get_namespace_name(get_func_namespace(function));
	return schema != NULL && is_in_setting(schema, name);
}

bool
cf_function_is_named(Oid function)
{
	CfMemoTicket ticket;
	Known	   *known;
	bool		named;

	if (function < FirstNormalObjectId || cf_guc_transparent_functions[0] == '\0')
		return false;
	(void) cf_function_traits(function);
	known = cf_memo_find(&known_functions, &function, &ticket);
	if (known != NULL && known->generation == cf_guc_transparent_functions_generation)
		return known->named;
	named = find_named(function);
	known = cf_memo_find(&known_functions, &function, &ticket);
	if (known != NULL)
	{
		known->named = named;
		known->generation = cf_guc_transparent_functions_generation;
	}
	return named;
}

static int
add_part(Oid *parts, int n, Oid part)
{
	if (OidIsValid(part))
		parts[n++] = part;
	return n;
}

int
cf_function_parts(Oid aggregate, Oid *parts)
{
	HeapTuple	tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(aggregate));
	Form_pg_aggregate form;
	int			n = 0;

	if (!HeapTupleIsValid(tuple))
		return 0;
	form = (Form_pg_aggregate) GETSTRUCT(tuple);
	n = add_part(parts, n, form->aggtransfn);
	n = add_part(parts, n, form->aggfinalfn);
	n = add_part(parts, n, form->aggcombinefn);
	n = add_part(parts, n, form->aggserialfn);
	n = add_part(parts, n, form->aggdeserialfn);
	n = add_part(parts, n, form->aggmtransfn);
	n = add_part(parts, n, form->aggminvtransfn);
	n = add_part(parts, n, form->aggmfinalfn);
	ReleaseSysCache(tuple);
	return n;
}

static bool
is_internal(Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	bool		found = HeapTupleIsValid(tuple) &&
		((Form_pg_proc) GETSTRUCT(tuple))->prolang == INTERNALlanguageId;

	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	return found;
}

CfTraits
cf_function_trusted_traits(Oid function)
{
	CfTraits	traits = cf_function_traits(function);

	if (function < FirstNormalObjectId || (traits & CF_TRAIT_WATCHED) != 0 || is_internal(function))
		return traits;
	if (!cf_function_is_named(function))
		return traits | CF_TRAIT_UNSEEN;
	return CF_TRAIT_SETTINGS | CF_TRAIT_WATCHED | (traits & CF_TRAIT_GRANTED);
}

/* An aggregate is said to be IMMUTABLE, whatever it is made of. */
static bool
are_parts_served(Oid aggregate)
{
	Oid			parts[CF_MAX_PARTS];
	int			n = cf_function_parts(aggregate, parts);

	for (int i = 0; i < n; i++)
	{
		if (!cf_function_is_served(parts[i]))
			return false;
	}
	return n > 0;
}

bool
cf_function_is_served(Oid function)
{
	if (function < FirstNormalObjectId)
		return true;
	if (get_func_prokind(function) == PROKIND_AGGREGATE)
		return are_parts_served(function);
	return func_volatile(function) != PROVOLATILE_VOLATILE &&
		((cf_function_traits(function) & CF_TRAIT_WATCHED) != 0 || is_internal(function) ||
		 cf_function_is_named(function));
}

static CfTraits
traits_of_columns(Oid type)
{
	TupleDesc	desc = lookup_rowtype_tupdesc_noerror(type, -1, true);
	CfTraits	traits = 0;

	if (desc == NULL)
		return 0;
	for (int i = 0; i < desc->natts; i++)
	{
		if (!TupleDescAttr(desc, i)->attisdropped)
			traits |= cf_function_traits_of_type(TupleDescAttr(desc, i)->atttypid);
	}
	ReleaseTupleDesc(desc);
	return traits;
}

CfTraits
cf_function_traits_of_type(Oid type)
{
	Oid			base = getBaseType(type);
	Oid			element = get_element_type(base);
	Oid			input;
	Oid			output;
	Oid			param;
	bool		varlena;
	CfTraits	traits = 0;

	check_stack_depth();
	if (OidIsValid(element))
		return cf_function_traits_of_type(element);
	if (base != RECORDOID && get_typtype(base) == TYPTYPE_COMPOSITE)
		return traits_of_columns(base);
	if (get_typtype(base) == TYPTYPE_PSEUDO)
		return 0;
	if (get_typtype(base) == TYPTYPE_RANGE)
		traits = cf_function_traits_of_type(get_range_subtype(base));
	else if (get_typtype(base) == TYPTYPE_MULTIRANGE)
		traits = cf_function_traits_of_type(get_multirange_range(base));
	getTypeInputInfo(base, &input, &param);
	getTypeOutputInfo(base, &output, &varlena);
	return (traits | cf_function_traits(input) | cf_function_traits(output)) &
		~(CF_TRAIT_GRANTED | CF_TRAIT_WATCHED | CF_TRAIT_FOLDED | CF_TRAIT_CLOCK);
}

static bool
is_in_c(Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	bool		found = HeapTupleIsValid(tuple) &&
		((Form_pg_proc) GETSTRUCT(tuple))->prolang == ClanguageId;

	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	return found;
}

/*
 * What sorts and groups values. In C it reads nothing, though many forget to
 * declare that.
 */
static CfTraits
traits_of_support(Oid function)
{
	return OidIsValid(function) && !is_in_c(function) ? cf_function_traits(function) : 0;
}

/* A cast that to_json and its like would call by themselves. */
static CfTraits
traits_of_json_cast(Oid type)
{
	Oid			function;

	return find_coercion_pathway(JSONOID, type, COERCION_EXPLICIT,
								 &function) == COERCION_PATH_FUNC ?
		cf_function_traits(function) : 0;
}

static CfTraits
find_traits_of_value(Oid type)
{
	TypeCacheEntry *entry;
	CfTraits	traits = cf_function_traits_of_type(type);

	if (get_typtype(type) == TYPTYPE_DOMAIN || get_typtype(type) == TYPTYPE_COMPOSITE ||
		OidIsValid(get_element_type(type)))
		return traits;
	entry = lookup_type_cache(type, TYPECACHE_EQ_OPR | TYPECACHE_CMP_PROC |
							  TYPECACHE_HASH_PROC);
	if (OidIsValid(entry->eq_opr))
		traits |= traits_of_support(get_opcode(entry->eq_opr));
	return traits | traits_of_support(entry->cmp_proc) |
		traits_of_support(entry->hash_proc) | traits_of_json_cast(type);
}

/* Those of PostgreSQL's own types whose values are names of what is in catalogs. */
static bool
is_name_type(Oid type)
{
	switch (type)
	{
		case REGCLASSOID:
		case REGCLASSARRAYOID:
		case REGCOLLATIONOID:
		case REGCOLLATIONARRAYOID:
		case REGCONFIGOID:
		case REGCONFIGARRAYOID:
		case REGDICTIONARYOID:
		case REGDICTIONARYARRAYOID:
		case REGNAMESPACEOID:
		case REGNAMESPACEARRAYOID:
		case REGOPEROID:
		case REGOPERARRAYOID:
		case REGOPERATOROID:
		case REGOPERATORARRAYOID:
		case REGPROCOID:
		case REGPROCARRAYOID:
		case REGPROCEDUREOID:
		case REGPROCEDUREARRAYOID:
		case REGROLEOID:
		case REGROLEARRAYOID:
		case REGTYPEOID:
		case REGTYPEARRAYOID:
		case ACLITEMOID:
		case ACLITEMARRAYOID:
			return true;
		default:
			return false;
	}
}

CfTraits
cf_function_traits_of_value(Oid type)
{
	const CfTraits brought = CF_TRAIT_LIGHT_NAMES | CF_TRAITS_UNCOVERED;
	CfMemoTicket ticket;
	Known	   *known;
	CfTraits	traits;

	if (type < FirstNormalObjectId)
		return (is_name_type(type) ? CF_TRAIT_UNTRACKED : 0) |
			(cf_function_type_has_light_names(type) ? CF_TRAIT_LIGHT_NAMES : 0);
	register_once();
	known = cf_memo_find(&known_values, &type, &ticket);
	if (likely(known != NULL))
		return known->traits;
	traits = find_traits_of_value(type) & brought;
	known = cf_memo_enter(&known_values, &type, ticket);
	if (known != NULL)
		known->traits = traits;
	return traits;
}

bool
cf_function_type_has_light_names(Oid type)
{
	switch (type)
	{
		case REGCLASSOID:
		case REGCLASSARRAYOID:
		case REGROLEOID:
		case REGROLEARRAYOID:
		case ACLITEMOID:
		case ACLITEMARRAYOID:
			return true;
		default:
			/* Rows of the catalogs have some, too; but no entry of a catalog is exact. */
			return type >= FirstNormalObjectId &&
				(cf_function_traits_of_type(type) & CF_TRAIT_LIGHT_NAMES) != 0;
	}
}

bool
cf_function_holds_words(Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	bool		is_text;
	char	   *source;

	if (!HeapTupleIsValid(tuple))
		return true;
	/* BEGIN ATOMIC: its literals were read when it was made. */
	(void) SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosqlbody, &is_text);
	source = text_column(tuple, Anum_pg_proc_prosrc);
	ReleaseSysCache(tuple);
	return is_text && cf_timeword_is_in(source, strlen(source));
}

/* The types of its columns, of a composite type. */
static bool
columns_read_no_clock(Oid type)
{
	TupleDesc	desc = lookup_rowtype_tupdesc_noerror(type, -1, true);
	bool		found = desc == NULL;

	for (int i = 0; !found && i < desc->natts; i++)
		found = !TupleDescAttr(desc, i)->attisdropped &&
			!cf_function_reads_no_clock(TupleDescAttr(desc, i)->atttypid);
	if (desc != NULL)
		ReleaseTupleDesc(desc);
	return !found;
}

/* 'today' is a date, 'now' a time, also as elements of arrays and as columns of rows. */
bool
cf_function_reads_no_clock(Oid type)
{
	Oid			base = getBaseType(type);
	Oid			element = get_element_type(base);

	check_stack_depth();
	if (OidIsValid(element))
		return cf_function_reads_no_clock(element);
	switch (base)
	{
		case BOOLOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case FLOAT4OID:
		case FLOAT8OID:
		case NUMERICOID:
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case NAMEOID:
		case CHAROID:
		case BYTEAOID:
		case UUIDOID:
		case JSONOID:
		case JSONBOID:
		case INETOID:
		case CIDROID:
		case INTERVALOID:
		case MACADDROID:
		case MACADDR8OID:
		case BITOID:
		case VARBITOID:
		case CASHOID:
		case OIDOID:
		case XMLOID:
		case TSVECTOROID:
		case POINTOID:
		case LSEGOID:
		case PATHOID:
		case BOXOID:
		case POLYGONOID:
		case LINEOID:
		case CIRCLEOID:
		case PG_LSNOID:
			return true;
		case RECORDOID:
			return false;
		default:
			break;
	}
	switch (get_typtype(base))
	{
		case TYPTYPE_ENUM:
			return true;
		case TYPTYPE_RANGE:
			return cf_function_reads_no_clock(get_range_subtype(base));
		case TYPTYPE_MULTIRANGE:
			return cf_function_reads_no_clock(get_multirange_range(base));
		case TYPTYPE_COMPOSITE:
			return columns_read_no_clock(base);
		default:
			return false;
	}
}
