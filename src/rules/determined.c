/*
 * determined.c - do the rows of its tables alone decide a query's rows?
 *
 * LIMIT without a total order takes any rows; a sum of floats depends on the
 * order that they come in; of equal values that look different, as 1.0 and 1.00,
 * GROUP BY shows any. So this is a list of what is known to be the same in each
 * plan, and whatever is not on it may differ. A function of a user's, in a
 * language that runs queries of its own, is not looked into.
 *
 * Locking: none but those of the catalog's caches.
 *
 * src/rules/determined.c
 */
#include "postgres.h"

#include "access/nbtree.h"
#include "access/sysattr.h"
#include "access/transam.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "base/compat.h"
#include "rules/determined.h"
#include "rules/security.h"

/* Is what is equal, by the type's own operator, the same byte by byte? */
static bool
is_equal_same(Oid type, Oid collation)
{
	Oid			base = getBaseType(type);
	TypeCacheEntry *cache = lookup_type_cache(base, TYPECACHE_BTREE_OPFAMILY);
	Oid			function;

	/* Blanks at the end of char(n) do not count, and a type modifier may differ. */
	if (base >= FirstNormalObjectId || base == BPCHAROID || !OidIsValid(cache->btree_opf))
		return false;
	function = get_opfamily_proc(cache->btree_opf, cache->btree_opintype,
								 cache->btree_opintype, BTEQUALIMAGE_PROC);
	return OidIsValid(function) && function < FirstNormalObjectId &&
		DatumGetBool(OidFunctionCall1Coll(function, collation,
										  ObjectIdGetDatum(cache->btree_opintype)));
}

static bool
is_expr_equal_same(Node *expr)
{
	return is_equal_same(exprType(expr), exprCollation(expr));
}

/* Does the clause sort by what the type itself takes for equal? */
static bool
is_sorted_by_default(const SortGroupClause *clause, Node *expr)
{
	return clause->eqop == lookup_type_cache(getBaseType(exprType(expr)), TYPECACHE_EQ_OPR)->eq_opr;
}

/* GROUP BY and DISTINCT show one of what is equal. */
static bool
are_groups_determined(List *clauses, List *targetlist)
{
	ListCell   *cell;

	foreach(cell, clauses)
	{
		SortGroupClause *clause = lfirst_node(SortGroupClause, cell);
		Node	   *expr = (Node *) get_sortgroupclause_tle(clause, targetlist)->expr;

		if (!is_sorted_by_default(clause, expr) || !is_expr_equal_same(expr))
			return false;
	}
	return true;
}

static bool
is_set_determined(const SetOperationStmt *set)
{
	ListCell   *type;
	ListCell   *collation;

	if (set->op == SETOP_UNION && set->all)
		return true;
	forboth(type, set->colTypes, collation, set->colCollations)
	{
		if (!is_equal_same(lfirst_oid(type), lfirst_oid(collation)))
			return false;
	}
	return true;
}

static bool
is_exact_number(Oid type)
{
	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case NUMERICOID:
		case CASHOID:
			return true;
		default:
			return false;
	}
}

/* Are all that an aggregate takes in a row told apart by its own ORDER BY? */
static bool
is_order_total(const Aggref *agg)
{
	ListCell   *cell;

	if (agg->aggorder == NIL)
		return false;
	foreach(cell, agg->args)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, cell);

		if (entry->resjunk || IsA(entry->expr, Const))
			continue;
		if (get_sortgroupref_clause_noerr(entry->ressortgroupref, agg->aggorder) == NULL ||
			!is_expr_equal_same((Node *) entry->expr))
			return false;
	}
	return true;
}

/* By the function's name: of PostgreSQL's own there is none that means two things. */
static bool
is_aggregate_determined(const Aggref *agg)
{
	static const char *const any[] = {"count", "bool_and", "bool_or", "every",
	"bit_and", "bit_or", "bit_xor"};
	const char *name = get_func_name(agg->aggfnoid);
	Node	   *first = agg->args == NIL ? NULL :
		(Node *) linitial_node(TargetEntry, agg->args)->expr;

	if (agg->aggfnoid >= FirstNormalObjectId || name == NULL || agg->aggkind != AGGKIND_NORMAL)
		return false;
	for (int i = 0; i < lengthof(any); i++)
	{
		if (strcmp(name, any[i]) == 0)
			return true;
	}
	if (first == NULL || (agg->aggdistinct != NIL && !is_expr_equal_same(first)))
		return false;
	if (strcmp(name, "sum") == 0 || strcmp(name, "avg") == 0)
		return is_exact_number(exprType(first));
	if (strcmp(name, "min") == 0 || strcmp(name, "max") == 0)
		return is_expr_equal_same(first);
	if (strcmp(name, "array_agg") == 0 || strcmp(name, "string_agg") == 0)
		return is_order_total(agg);
	return false;
}

static bool
is_source_determined(const RangeTblEntry *rte)
{
	switch (rte->rtekind)
	{
		case RTE_RELATION:
			return rte->tablesample == NULL;
		case RTE_SUBQUERY:
		case RTE_JOIN:
		case RTE_FUNCTION:
		case RTE_VALUES:
		case RTE_CTE:
		case RTE_RESULT:
			return true;
		default:
			return CF_IS_GROUP_RTE(rte);
	}
}

/*
 * The one table whose rows a query gives, none of them twice, or NULL. Rows of
 * plain children have a primary key of their own.
 */
static const RangeTblEntry *
find_only_table(const Query *query, Index *rtindex)
{
	Node	   *from = list_length(query->jointree->fromlist) == 1 ?
		linitial(query->jointree->fromlist) : NULL;
	const RangeTblEntry *rte;

	if (from == NULL || !IsA(from, RangeTblRef) || query->hasAggs || query->hasTargetSRFs ||
		query->groupClause != NIL || query->groupingSets != NIL ||
		query->distinctClause != NIL || query->setOperations != NULL)
		return NULL;
	*rtindex = ((RangeTblRef *) from)->rtindex;
	rte = rt_fetch(*rtindex, query->rtable);
	if (rte->rtekind != RTE_RELATION ||
		(rte->relkind == RELKIND_RELATION ? has_subclass(rte->relid) :
		 rte->relkind != RELKIND_PARTITIONED_TABLE))
		return NULL;
	return rte;
}

/* Rows of one table, in an order that its primary key makes total. */
static bool
is_limit_determined(const Query *query)
{
	Index		rtindex;
	const RangeTblEntry *rte = find_only_table(query, &rtindex);
	Oid			constraint;
	Bitmapset  *columns;
	ListCell   *cell;

	columns = rte != NULL ? get_primary_key_attnos(rte->relid, false, &constraint) : NULL;
	if (columns == NULL)
		return false;
	foreach(cell, query->sortClause)
	{
		SortGroupClause *clause = lfirst_node(SortGroupClause, cell);
		Var		   *var = (Var *) get_sortgroupclause_tle(clause, query->targetList)->expr;

		if (IsA(var, Var) && var->varno == (int) rtindex && var->varlevelsup == 0 &&
			is_sorted_by_default(clause, (Node *) var))
			columns = bms_del_member(columns,
									 var->varattno - FirstLowInvalidHeapAttributeNumber);
	}
	return bms_is_empty(columns);
}

/* What the clauses of one level do; the walker looks at their expressions. */
static bool
is_level_determined(const Query *query)
{
	ListCell   *cell;

	if (query->commandType != CMD_SELECT || query->hasWindowFuncs || query->hasDistinctOn ||
		query->hasRecursive || query->rowMarks != NIL)
		return false;
	if ((query->limitOffset != NULL || query->limitCount != NULL) && !is_limit_determined(query))
		return false;
	foreach(cell, query->rtable)
	{
		if (!is_source_determined(lfirst_node(RangeTblEntry, cell)))
			return false;
	}
	return are_groups_determined(query->groupClause, query->targetList) &&
		are_groups_determined(query->distinctClause, query->targetList);
}

static bool
is_undetermined(Node *node, void *context)
{
	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_Query:
			return !is_level_determined((Query *) node) ||
				query_tree_walker((Query *) node, is_undetermined, context, 0);
		case T_SetOperationStmt:
			if (!is_set_determined((SetOperationStmt *) node))
				return true;
			break;
		case T_Aggref:
			if (!is_aggregate_determined((Aggref *) node))
				return true;
			break;
		case T_SubLink:
			/* Its elements are in whatever order the rows come. */
			if (((SubLink *) node)->subLinkType == ARRAY_SUBLINK)
				return true;
			break;
		case T_Var:
			/* Who locks a row changes it, and nobody is told. */
			return ((Var *) node)->varattno < 0 &&
				((Var *) node)->varattno != TableOidAttributeNumber;
		default:
			break;
	}
	return expression_tree_walker(node, is_undetermined, context);
}

bool
cf_query_is_determined(Query *query)
{
	return cf_security_opaque_functions(query) == NIL &&
		!is_undetermined((Node *) query, NULL);
}
