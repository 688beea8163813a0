/*
 * security.c - what a plan reads, and whether others may see the result.
 *
 * src/rules/security.c
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/nbtree.h"
#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"
#include "utils/syscache.h"

#include "base/compat.h"
#include "rules/function.h"
#include "rules/security.h"
#include "rules/traits.h"

/*
 * Views stay in the range table beside what they expand to. And the planner takes
 * each constant of type oid for a relation, whatever it is the number of.
 */
static bool
holds_rows(char relkind)
{
	return relkind != RELKIND_VIEW && relkind != RELKIND_COMPOSITE_TYPE && relkind != '\0';
}

void
cf_security_add_plan(CfSources *sources, PlannedStmt *plan, bool inner)
{
	ListCell   *cell;

	if (inner)
		sources->defined.any = true;
	foreach(cell, plan->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, cell);
		int			rls;

		if (rte->rtekind != RTE_RELATION || !holds_rows(rte->relkind))
			continue;
		if (get_rel_persistence(rte->relid) == RELPERSISTENCE_TEMP)
			sources->temporary = true;
		rls = check_enable_rls(rte->relid, CF_RTE_USER(plan, rte), true);
		sources->row_security |= rls == RLS_ENABLED;
		sources->has_policies |= rls != RLS_NONE;
	}
	foreach(cell, plan->relationOids)
	{
		Oid			relid = lfirst_oid(cell);

		if (!holds_rows(get_rel_relkind(relid)))
			continue;
		sources->relids = list_append_unique_oid(sources->relids, relid);
		if (inner)
			sources->inner = list_append_unique_oid(sources->inner, relid);
	}
}

static bool
add_if_opaque(Oid function, void *context)
{
	List	  **functions = context;

	/* PostgreSQL's own functions, and those in C, read no tables of the user's. */
	if (!cf_function_is_in_c(function))
		*functions = list_append_unique_oid(*functions, function);
	return false;
}

static void
add_parts(Oid aggregate, void *context)
{
	Oid			parts[CF_MAX_PARTS];
	int			n = cf_function_parts(aggregate, parts);

	for (int i = 0; i < n; i++)
		(void) add_if_opaque(parts[i], context);
}

static void
add_valid(Oid function, void *context)
{
	if (OidIsValid(function))
		(void) add_if_opaque(function, context);
}

/* What sorts, groups, or makes rows distinct. */
static void
add_ordering(const SortGroupClause *clause, void *context)
{
	Oid			family;
	Oid			type;
	CfStrategy	strategy;
	RegProcedure left;
	RegProcedure right;

	add_valid(get_opcode(clause->eqop), context);
	if (get_op_hash_functions(clause->eqop, &left, &right))
		add_valid(left, context);
	if (!OidIsValid(clause->sortop))
		return;
	add_valid(get_opcode(clause->sortop), context);
	if (get_ordering_op_properties(clause->sortop, &family, &type, &strategy))
		add_valid(get_opfamily_proc(family, type, type, BTORDER_PROC), context);
}

static bool
opaque_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_Query:
			return query_tree_walker((Query *) node, opaque_walker, context,
									 QTW_EXAMINE_SORTGROUP);
		case T_Aggref:
			add_parts(((Aggref *) node)->aggfnoid, context);
			break;
		case T_WindowFunc:
			add_parts(((WindowFunc *) node)->winfnoid, context);
			break;
		case T_CoerceToDomain:
			(void) cf_traits_walk_domain(((CoerceToDomain *) node)->resulttype,
										 opaque_walker, context);
			break;
		case T_SortGroupClause:
			add_ordering((SortGroupClause *) node, context);
			return false;
		case T_SetOperationStmt:
			(void) opaque_walker((Node *) ((SetOperationStmt *) node)->groupClauses, context);
			break;
		default:
			break;
	}
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

static bool
is_user_function(Oid function, void *context)
{
	return function >= FirstNormalObjectId;
}

static bool
user_function_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, user_function_walker, context, 0);
	return check_functions_in_node(node, is_user_function, context) ||
		expression_tree_walker(node, user_function_walker, context);
}

bool
cf_security_calls_user_function(Query *query)
{
	return user_function_walker((Node *) query, NULL);
}

static bool
is_temporary_function(Oid function, void *context)
{
	return function >= FirstNormalObjectId && isAnyTempNamespace(get_func_namespace(function));
}

bool
cf_security_is_temporary_type(Oid type)
{
	HeapTuple	tuple;
	bool		temporary;

	if (type < FirstNormalObjectId)
		return false;
	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	if (!HeapTupleIsValid(tuple))
		return false;
	temporary = isAnyTempNamespace(((Form_pg_type) GETSTRUCT(tuple))->typnamespace);
	ReleaseSysCache(tuple);
	return temporary;
}

static bool
any_temporary_type(const List *types)
{
	ListCell   *cell;

	foreach(cell, types)
	{
		if (cf_security_is_temporary_type(lfirst_oid(cell)))
			return true;
	}
	return false;
}

/* Of the columns that json_to_record(...) AS t(a type), XMLTABLE and JSON_TABLE define. */
static bool
defines_temporary_column(const RangeTblEntry *rte)
{
	ListCell   *cell;

	foreach(cell, rte->functions)
	{
		if (any_temporary_type(lfirst_node(RangeTblFunction, cell)->funccoltypes))
			return true;
	}
	return rte->tablefunc != NULL && any_temporary_type(rte->tablefunc->coltypes);
}

/* Where a type is named in an expression it shows as one of these. */
static bool
names_temporary_type(Node *node)
{
	if (CF_IS_JSON_EXPR(node))
		return cf_security_is_temporary_type(exprType(node));
	switch (nodeTag(node))
	{
		case T_Const:
		case T_Param:
		case T_FuncExpr:
		case T_RelabelType:
		case T_CoerceViaIO:
		case T_ArrayCoerceExpr:
		case T_ConvertRowtypeExpr:
		case T_CoerceToDomain:
		case T_RowExpr:
		case T_ArrayExpr:
			return cf_security_is_temporary_type(exprType(node));
		default:
			return false;
	}
}

/* A relation that was given by name: 'orders'::regclass. */
static bool
is_temporary_name(Node *node)
{
	Const	   *constant = (Const *) node;

	return IsA(node, Const) && constant->consttype == REGCLASSOID && !constant->constisnull &&
		get_rel_relkind(DatumGetObjectId(constant->constvalue)) != '\0' &&
		get_rel_persistence(DatumGetObjectId(constant->constvalue)) == RELPERSISTENCE_TEMP;
}

static bool
temporary_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		ListCell   *cell;

		foreach(cell, ((Query *) node)->rtable)
		{
			if (defines_temporary_column(lfirst_node(RangeTblEntry, cell)))
				return true;
		}
		return query_tree_walker((Query *) node, temporary_walker, context, 0);
	}
	return names_temporary_type(node) || is_temporary_name(node) ||
		check_functions_in_node(node, is_temporary_function, context) ||
		expression_tree_walker(node, temporary_walker, context);
}

/* A permanent table may have children that are temporary. */
static bool
is_or_has_temporary(Oid relid)
{
	ListCell   *cell;

	if (get_rel_persistence(relid) == RELPERSISTENCE_TEMP)
		return true;
	if (!has_subclass(relid))
		return false;
	foreach(cell, find_all_inheritors(relid, NoLock, NULL))
	{
		if (get_rel_persistence(lfirst_oid(cell)) == RELPERSISTENCE_TEMP)
			return true;
	}
	return false;
}

bool
cf_security_reads_temporary(Query *query)
{
	List	   *relids;
	List	   *items;
	bool		row_security;
	Oid			schema;
	Oid			toast_schema;
	ListCell   *cell;

	/* Another session's functions and types can be named as well: pg_temp_3.x. */
	if (temporary_walker((Node *) query, NULL))
		return true;
	GetTempNamespaceState(&schema, &toast_schema);
	if (likely(!OidIsValid(schema)))
		return false;
	extract_query_dependencies((Node *) query, &relids, &items, &row_security);
	foreach(cell, relids)
	{
		if (is_or_has_temporary(lfirst_oid(cell)))
			return true;
	}
	return false;
}
