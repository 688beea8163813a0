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
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "compat.h"
#include "memo.h"
#include "rules/builtin.h"
#include "rules/function.h"

typedef struct Known
{
	Oid			key;			/* of the function */
	CfTraits	traits;
} Known;

static CfMemo known_functions = CF_MEMO("cachefront functions", Known, 4096);

static void
function_changed(Datum arg, int cache, uint32 hash)
{
	cf_memo_forget(&known_functions);
}

/* Those of our own library that read the cache; they note what they depend on. */
static bool
is_own_read(const char *source, const char *library)
{
	const char *base = strrchr(library, '/');

	if (strcmp(base != NULL ? base + 1 : library, "cachefront") != 0)
		return false;
#ifdef CF_DEBUG
	if (strcmp(source, "cachefront_debug_pid") == 0)
		return true;
#endif
	return strncmp(source, "cachefront_fetch", strlen("cachefront_fetch")) == 0 ||
		strcmp(source, "cachefront_get") == 0;
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
 * that it does not do the latter.
 */
static CfTraits
traits_of_unknown(Form_pg_proc form, HeapTuple tuple)
{
	if (form->prolang == ClanguageId &&
		is_own_read(text_column(tuple, Anum_pg_proc_prosrc),
					text_column(tuple, Anum_pg_proc_probin)))
		return 0;
	if (form->provolatile == PROVOLATILE_VOLATILE)
		return CF_TRAIT_SESSION;
	return CF_TRAIT_SETTINGS |
		(form->provolatile == PROVOLATILE_STABLE ? CF_TRAIT_UNSEEN : 0);
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
		known->traits = traits;
	return traits;
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

	check_stack_depth();
	if (OidIsValid(element))
		return cf_function_traits_of_type(element);
	if (base != RECORDOID && get_typtype(base) == TYPTYPE_COMPOSITE)
		return traits_of_columns(base);
	if (get_typtype(base) == TYPTYPE_PSEUDO)
		return 0;
	getTypeInputInfo(base, &input, &param);
	getTypeOutputInfo(base, &output, &varlena);
	return (cf_function_traits(input) | cf_function_traits(output)) & ~CF_TRAIT_GRANTED;
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
