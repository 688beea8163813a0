/*
 * security.c - what a plan reads, and whether others may see the result.
 *
 * src/rules/security.c
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"
#include "utils/syscache.h"

#include "compat.h"
#include "rules/security.h"

/* Views stay in the range table beside what they expand to. */
static bool
holds_rows(char relkind)
{
	return relkind != RELKIND_VIEW && relkind != RELKIND_COMPOSITE_TYPE;
}

void
cf_security_add_plan(CfSources *sources, PlannedStmt *plan)
{
	ListCell   *cell;

	foreach(cell, plan->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, cell);

		if (rte->rtekind != RTE_RELATION || !holds_rows(rte->relkind))
			continue;
		if (get_rel_persistence(rte->relid) == RELPERSISTENCE_TEMP)
			sources->temporary = true;
		if (check_enable_rls(rte->relid, CF_RTE_USER(plan, rte), true) == RLS_ENABLED)
			sources->row_security = true;
	}
	foreach(cell, plan->relationOids)
	{
		Oid			relid = lfirst_oid(cell);

		if (holds_rows(get_rel_relkind(relid)))
			sources->relids = list_append_unique_oid(sources->relids, relid);
	}
}

/* True for current_setting(name) where the name is or may be a custom one. */
static bool
is_custom_setting(FuncExpr *func, const char *allowed)
{
	Node	   *arg;
	char	   *name;

	if (func->funcid != F_CURRENT_SETTING_TEXT &&
		func->funcid != F_CURRENT_SETTING_TEXT_BOOL)
		return false;
	arg = linitial(func->args);
	if (!IsA(arg, Const))
		return true;
	if (((Const *) arg)->constisnull)
		return false;
	name = TextDatumGetCString(((Const *) arg)->constvalue);
	return strchr(name, '.') != NULL && pg_strcasecmp(name, allowed) != 0;
}

static bool
reads_setting_walker(Node *node, void *allowed)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, reads_setting_walker, allowed, 0);
	if (IsA(node, FuncExpr) && is_custom_setting((FuncExpr *) node, allowed))
		return true;
	return expression_tree_walker(node, reads_setting_walker, allowed);
}

bool
cf_security_reads_setting(Query *query, const char *allowed)
{
	return reads_setting_walker((Node *) query, unconstify(char *, allowed));
}

/* C and internal functions are taken to read no tables of the user's. */
static bool
is_opaque_function(Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Oid			language;

	if (!HeapTupleIsValid(tuple))
		return true;
	language = ((Form_pg_proc) GETSTRUCT(tuple))->prolang;
	ReleaseSysCache(tuple);
	return language != INTERNALlanguageId && language != ClanguageId;
}

static bool
add_if_opaque(Oid function, void *context)
{
	List	  **functions = context;

	if (is_opaque_function(function))
		*functions = list_append_unique_oid(*functions, function);
	return false;
}

static bool
opaque_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, opaque_walker, context, 0);
	(void) check_functions_in_node(node, add_if_opaque, context);
	return expression_tree_walker(node, opaque_walker, context);
}

List *
cf_security_opaque_functions(Query *query)
{
	List	   *functions = NIL;

	(void) opaque_walker((Node *) query, &functions);
	return functions;
}

bool
cf_security_reads_temporary(Query *query)
{
	List	   *relids;
	List	   *items;
	bool		row_security;
	ListCell   *cell;

	extract_query_dependencies((Node *) query, &relids, &items, &row_security);
	foreach(cell, relids)
	{
		if (get_rel_persistence(lfirst_oid(cell)) == RELPERSISTENCE_TEMP)
			return true;
	}
	return false;
}
