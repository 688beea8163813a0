/*
 * eligible.c - looks at a statement for whatever keeps it from being served.
 *
 * src/statement/eligible.c
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "optimizer/optimizer.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "base/compat.h"
#include "load/watch.h"
#include "rules/function.h"
#include "rules/security.h"
#include "rules/tracked.h"
#include "rules/traits.h"
#include "statement/eligible.h"

#define CF_TRAITS_REFUSED \
	(CF_TRAITS_UNCOVERED | CF_TRAIT_SESSION | CF_TRAIT_CHANCE | CF_TRAIT_NAMES | \
	 CF_TRAIT_LIGHT_NAMES | CF_TRAIT_RIGHTS | CF_TRAIT_GRANTED | CF_TRAIT_WATCHED | \
	 CF_TRAIT_FOLDED)

/* ---- conversions -------------------------------------------------------- */

/*
 * Of the columns that json_to_record(...) AS t(a type), XMLTABLE and JSON_TABLE define:
 * are their values made of their texts, and by nothing else? The checks of a domain may
 * call whatever they like, and no expression shows them.
 */
static bool
all_are_plainly_read(const List *types)
{
	ListCell   *cell;

	foreach(cell, types)
	{
		if (get_typtype(lfirst_oid(cell)) == TYPTYPE_DOMAIN ||
			!cf_function_reads_no_clock(lfirst_oid(cell)))
			return false;
	}
	return true;
}

static bool
populates_rows(Oid function)
{
	switch (function)
	{
		case F_JSON_POPULATE_RECORD:
		case F_JSON_POPULATE_RECORDSET:
		case F_JSONB_POPULATE_RECORD:
		case F_JSONB_POPULATE_RECORDSET:
			return true;
		default:
			return false;
	}
}

/* ---- before planning ---------------------------------------------------- */

typedef struct Seen
{
	bool		table;
	CfEligibility verdict;
} Seen;

static bool
refuse(Seen *seen, CfEligibility why)
{
	seen->verdict = why;
	return true;
}

static bool
look_at_range(RangeTblEntry *rte, Seen *seen)
{
	ListCell   *cell;

	if (rte->tablesample != NULL)
		return refuse(seen, CF_NOT_PLAIN);
	switch (rte->rtekind)
	{
		case RTE_RELATION:
			if (cf_is_system_relation(rte->relid))
				return refuse(seen, CF_NOT_TRACKED);
			seen->table = true;
			break;
		case RTE_FUNCTION:
			foreach(cell, rte->functions)
			{
				if (!all_are_plainly_read(lfirst_node(RangeTblFunction, cell)->funccoltypes))
					return refuse(seen, CF_NOT_STABLE);
			}
			break;
		case RTE_TABLEFUNC:
			if (!all_are_plainly_read(rte->tablefunc->coltypes))
				return refuse(seen, CF_NOT_STABLE);
			break;
		case RTE_NAMEDTUPLESTORE:
			return refuse(seen, CF_NOT_PLAIN);
		default:
			break;
	}
	return false;
}

static bool look_walker(Node *node, void *context);

static bool
look_at_query(Query *query, Seen *seen)
{
	ListCell   *cell;

	if (query->commandType != CMD_SELECT || query->utilityStmt != NULL || query->rowMarks != NIL ||
		query->hasModifyingCTE || query->hasForUpdate)
		return refuse(seen, CF_NOT_SELECT);
	foreach(cell, query->rtable)
	{
		if (look_at_range(lfirst_node(RangeTblEntry, cell), seen))
			return true;
	}
	return query_tree_walker(query, look_walker, seen, QTW_EXAMINE_SORTGROUP);
}

static bool
is_foreign_function(Oid function, void *context)
{
	return function >= FirstNormalObjectId || populates_rows(function);
}

static bool
look_walker(Node *node, void *context)
{
	Seen	   *seen = context;

	if (node == NULL)
		return false;
	if (CF_IS_JSON_EXPR(node))
		return refuse(seen, CF_NOT_STABLE);
	switch (nodeTag(node))
	{
		case T_Query:
			return look_at_query((Query *) node, seen);
		case T_SortGroupClause:
			/* The functions behind operators are looked at in the plan. */
			if (((SortGroupClause *) node)->eqop >= FirstNormalObjectId ||
				((SortGroupClause *) node)->sortop >= FirstNormalObjectId)
				return refuse(seen, CF_NOT_BUILTIN);
			return false;
		case T_CoerceViaIO:
			if (!cf_function_reads_no_clock(((CoerceViaIO *) node)->resulttype))
				return refuse(seen, CF_NOT_STABLE);
			break;
		case T_CurrentOfExpr:
		case T_NextValueExpr:
		case T_SetToDefault:
			return refuse(seen, CF_NOT_PLAIN);
		default:
			break;
	}
	if (check_functions_in_node(node, is_foreign_function, NULL))
		return refuse(seen, CF_NOT_BUILTIN);
	return expression_tree_walker(node, look_walker, context);
}

/* Can a value of the type lie in the cache and come out in another session? */
static bool
is_kept(Oid type)
{
	Oid			base = getBaseType(type);
	Oid			element = get_element_type(base);

	if (base == RECORDOID || base == RECORDARRAYOID)
		return false;
	if (OidIsValid(element))
		return is_kept(element);
	return get_typtype(base) != TYPTYPE_PSEUDO;
}

static bool
has_kept_columns(const Query *query)
{
	ListCell   *cell;

	foreach(cell, query->targetList)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, cell);

		if (!entry->resjunk && !is_kept(exprType((Node *) entry->expr)))
			return false;
	}
	return true;
}

/* What moves in both directions, or updates where it stands, needs the plan itself. */
bool
cf_eligible_cursor(int options)
{
	return (options & (CURSOR_OPT_FAST_PLAN | CURSOR_OPT_SCROLL | CURSOR_OPT_HOLD)) == 0;
}

CfEligibility
cf_eligible_query(Query *query)
{
	Seen		seen = {false, CF_ELIGIBLE};

	if (look_at_query(query, &seen))
		return seen.verdict;
	if (!seen.table)
		return CF_NOT_A_TABLE;
	if (!has_kept_columns(query))
		return CF_NOT_A_ROW;
	if (cf_security_reads_temporary(query))
		return CF_NOT_TRACKED;
	return contain_volatile_functions((Node *) query) ? CF_NOT_STABLE : CF_ELIGIBLE;
}

/* ---- after planning ----------------------------------------------------- */

CfEligibility
cf_eligible_plan(PlannedStmt *stmt, CfBinding *binding)
{
	CfTraitsFound found = {0};
	CfSources	sources = {0};
	ListCell   *cell;

	cf_traits_of_plan(stmt, &found);
	if ((found.traits & CF_TRAITS_REFUSED) != 0)
		return CF_NOT_STABLE;
	cf_security_add_plan(&sources, stmt, false);
	if (sources.temporary)
		return CF_NOT_TRACKED;
	foreach(cell, sources.relids)
	{
		if (!cf_is_tracked(lfirst_oid(cell)))
			return CF_NOT_TRACKED;
	}
	*binding = cf_watch_binding(found.traits);
	/* All that it read may be known to give nothing, and be gone from the plan. */
	return sources.relids != NIL ? CF_ELIGIBLE : CF_NOT_A_TABLE;
}

const char *
cf_eligible_reason(CfEligibility eligibility)
{
	switch (eligibility)
	{
		case CF_ELIGIBLE:
			return NULL;
		case CF_NOT_SELECT:
			return "it writes, locks rows, or is no query";
		case CF_NOT_A_TABLE:
			return "it reads no table";
		case CF_NOT_TRACKED:
			return "it reads a relation whose changes are not noticed: a catalog, a foreign or a temporary table";
		case CF_NOT_BUILTIN:
			return "it calls a function that did not come with PostgreSQL";
		case CF_NOT_STABLE:
			return "it depends on time, chance, the session, or on what changes without notice";
		case CF_NOT_A_ROW:
			return "a column of it has no type that can be kept";
		case CF_NOT_PLAIN:
			return "it is a cursor that may scroll, or reads a sample or a transition table";
	}
	return NULL;
}
