/*
 * setting.c - does a query depend on a setting that its identity leaves out?
 *
 * Multi-tenant applications keep the tenant in a custom setting and read it by
 * current_setting(), often behind a function or in a policy. A result that
 * depends on it must not be shared unless the cache's scope names it.
 *
 * The query itself is looked at as a tree. Of functions in SQL or another
 * language only the text is at hand: it is searched for current_setting('...')
 * and for the names of other functions, which are searched in turn. What
 * cannot be read for certain counts as a setting that is read.
 *
 * src/rules/setting.c
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/scansup.h"
#include "rewrite/rewriteHandler.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "compat.h"
#include "rules/security.h"

#define CF_MAX_FUNCTIONS 200	/* looked at for one query */

typedef struct Search
{
	const char *allowed;
	List	   *seen;			/* OIDs of functions */
} Search;

/* Part of every identity (engine/identity.c), by session or by role. */
static const char *const known_settings[] = {
	"timezone", "datestyle", "intervalstyle", "extra_float_digits",
	"bytea_output", "xmloption", "xmlbinary", "search_path", "role",
	"session_authorization", "is_superuser", "row_security", "array_nulls",
	"transform_null_equals", "standard_conforming_strings", "backslash_quote",
	"quote_all_identifiers", "lc_monetary", "lc_numeric", "lc_time",
	"lc_messages", "default_text_search_config", "transaction_isolation"
};

static bool search_function(Oid function, Search *search);

/* Settings that the same for all sessions of the server, as of a reload. */
static bool
is_server_wide(const char *name)
{
	struct config_generic *setting = cf_find_setting(name);

	return setting != NULL &&
		(setting->context == PGC_INTERNAL || setting->context == PGC_POSTMASTER);
}

static bool
is_harmless(const char *name, const Search *search)
{
	if (pg_strcasecmp(name, search->allowed) == 0)
		return true;
	for (int i = 0; i < lengthof(known_settings); i++)
	{
		if (pg_strcasecmp(name, known_settings[i]) == 0)
			return true;
	}
	return strchr(name, '.') == NULL && is_server_wide(name);
}

static bool
call_reads_setting(FuncExpr *func, const Search *search)
{
	Node	   *arg = linitial(func->args);

	if (!IsA(arg, Const))
		return true;
	if (((Const *) arg)->constisnull)
		return false;
	return !is_harmless(TextDatumGetCString(((Const *) arg)->constvalue), search);
}

static bool
search_function_callback(Oid function, void *search)
{
	return search_function(function, search);
}

static bool
search_walker(Node *node, void *context)
{
	Search	   *search = context;

	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, search_walker, context, 0);
	if (IsA(node, FuncExpr))
	{
		FuncExpr   *func = (FuncExpr *) node;

		if ((func->funcid == F_CURRENT_SETTING_TEXT ||
			 func->funcid == F_CURRENT_SETTING_TEXT_BOOL) &&
			call_reads_setting(func, search))
			return true;
		if (func->funcid == F_PG_SHOW_ALL_SETTINGS)
			return true;
	}
	return check_functions_in_node(node, search_function_callback, context) ||
		expression_tree_walker(node, search_walker, context);
}

static bool
is_name_start(char c)
{
	return isalpha((unsigned char) c) || c == '_' || IS_HIGHBIT_SET(c);
}

static bool
is_name_part(char c)
{
	return is_name_start(c) || isdigit((unsigned char) c) || c == '$';
}

static const char *
skip_space(const char *p)
{
	while (isspace((unsigned char) *p))
		p++;
	return p;
}

/* What follows current_setting in a text: ('name' is read, all else unknown. */
static bool
text_call_reads_setting(const char *p, const Search *search)
{
	const char *end;

	p = skip_space(p);
	if (*p != '(')
		return true;
	p = skip_space(p + 1);
	/* In a string literal of dynamic SQL quotes are doubled. */
	while (*p == '\'')
		p++;
	end = strpbrk(p, "'\\");
	if (end == NULL || *end != '\'')
		return true;
	return !is_harmless(pnstrdup(p, end - p), search);
}

/* All functions of a name, whatever the schema or the arguments. */
static bool
search_functions_named(const char *name, Search *search)
{
	CatCList   *list;
	bool		reads = false;

	if (strlen(name) >= NAMEDATALEN)
		return false;
	list = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(name));
	for (int i = 0; i < list->n_members && !reads; i++)
	{
		Form_pg_proc form = (Form_pg_proc) GETSTRUCT(&list->members[i]->tuple);

		reads = search_function(form->oid, search);
	}
	ReleaseCatCacheList(list);
	return reads;
}

static bool
text_reads_setting(const char *text, Search *search)
{
	for (const char *p = text; *p != '\0';)
	{
		const char *start = p;
		char	   *name;
		bool		quoted;

		if (!is_name_start(*p))
		{
			p++;
			continue;
		}
		while (is_name_part(*p))
			p++;
		quoted = *p == '"';
		name = pnstrdup(start, p - start);
		if (pg_strcasecmp(name, "current_setting") == 0)
		{
			if (text_call_reads_setting(quoted ? p + 1 : p, search))
				return true;
			continue;
		}
		if (pg_strcasecmp(name, "pg_settings") == 0 || pg_strcasecmp(name, "show") == 0)
			return true;
		if (*skip_space(quoted ? p + 1 : p) != '(')
			continue;
		if (!quoted)
			name = downcase_identifier(name, strlen(name), false, false);
		if (search_functions_named(name, search))
			return true;
	}
	return false;
}

/* The text of a function; of one with an SQL-standard body, as it is printed. */
static char *
function_text(HeapTuple tuple)
{
	bool		isnull;
	Datum		value;

	value = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosqlbody, &isnull);
	if (!isnull)
		return TextDatumGetCString(DirectFunctionCall1(pg_get_function_sqlbody,
													   ObjectIdGetDatum(((Form_pg_proc) GETSTRUCT(tuple))->oid)));
	value = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc, &isnull);
	return isnull ? pstrdup("") : TextDatumGetCString(value);
}

static bool
search_function(Oid function, Search *search)
{
	HeapTuple	tuple;
	Oid			language;
	bool		reads = false;

	if (function < FirstNormalObjectId || list_member_oid(search->seen, function))
		return false;
	if (list_length(search->seen) >= CF_MAX_FUNCTIONS)
		return true;
	check_stack_depth();
	search->seen = lappend_oid(search->seen, function);
	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	if (!HeapTupleIsValid(tuple))
		return false;
	language = ((Form_pg_proc) GETSTRUCT(tuple))->prolang;
	if (language != INTERNALlanguageId && language != ClanguageId)
		reads = text_reads_setting(function_text(tuple), search);
	ReleaseSysCache(tuple);
	return reads;
}

bool
cf_security_reads_setting(Query *query, const char *allowed)
{
	Search		search = {allowed, NIL};

	return search_walker((Node *) query, &search);
}

bool
cf_security_view_reads_setting(Oid view, const char *allowed)
{
	Relation	rel = table_open(view, AccessShareLock);
	bool		reads = cf_security_reads_setting(get_view_query(rel), allowed);

	table_close(rel, AccessShareLock);
	return reads;
}
