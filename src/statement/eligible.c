/*
 * eligible.c - looks at a statement for whatever keeps it from being served.
 *
 * src/statement/eligible.c
 */
#include "postgres.h"

#include "access/nbtree.h"
#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "optimizer/optimizer.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "base/compat.h"
#include "load/watch.h"
#include "rules/function.h"
#include "rules/security.h"
#include "rules/tracked.h"
#include "rules/traits.h"
#include "statement/eligible.h"

#define CF_TRAITS_REFUSED \
	(CF_TRAITS_UNCOVERED | CF_TRAIT_SESSION | CF_TRAIT_CHANCE | CF_TRAIT_CLOCK | \
	 CF_TRAIT_EFFECT | CF_TRAIT_NAMES | CF_TRAIT_LIGHT_NAMES | CF_TRAIT_RIGHTS)

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
	bool		table;			/* or a function in place of one, which may read some */
	List	   *functions;		/* OIDs of users' */
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
				const RangeTblFunction *function = lfirst_node(RangeTblFunction, cell);

				seen->table |= IsA(function->funcexpr, FuncExpr) &&
					((FuncExpr *) function->funcexpr)->funcid >= FirstNormalObjectId;
				if (cf_traits_reads_columns(function) &&
					!all_are_plainly_read(function->funccoltypes))
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
is_not_served(Oid function, void *context)
{
	Seen	   *seen = context;

	if (function < FirstNormalObjectId)
		return populates_rows(function);
	seen->functions = list_append_unique_oid(seen->functions, function);
	return !cf_function_is_served(function);
}

/* What sorts, groups, or makes rows distinct; of a builtin type it is PostgreSQL's own. */
static bool
orders_by_what_is_not_served(const SortGroupClause *clause, Seen *seen)
{
	Oid			family;
	Oid			type;
	CfStrategy	strategy;
	RegProcedure left;
	RegProcedure right;

	if (clause->eqop < FirstNormalObjectId && clause->sortop < FirstNormalObjectId)
		return false;
	if (is_not_served(get_opcode(clause->eqop), seen) ||
		(get_op_hash_functions(clause->eqop, &left, &right) && is_not_served(left, seen)))
		return true;
	if (!OidIsValid(clause->sortop))
		return false;
	return is_not_served(get_opcode(clause->sortop), seen) ||
		!get_ordering_op_properties(clause->sortop, &family, &type, &strategy) ||
		is_not_served(get_opfamily_proc(family, type, type, BTORDER_PROC), seen);
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
			if (orders_by_what_is_not_served((SortGroupClause *) node, seen))
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
	if (check_functions_in_node(node, is_not_served, seen))
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

/* One that is held is run once more when its transaction ends, in the middle of that. */
bool
cf_eligible_cursor(int options)
{
	return (options & CURSOR_OPT_HOLD) == 0;
}

/* Might PostgreSQL find a row of a table where it stands (execCurrent.c)? */
static bool
stands_on_a_row(const Plan *plan)
{
	ListCell   *cell;
	List	   *inputs;

	if (plan == NULL)
		return false;
	switch (nodeTag(plan))
	{
		case T_SeqScan:
		case T_SampleScan:
		case T_IndexScan:
		case T_IndexOnlyScan:
		case T_BitmapHeapScan:
		case T_TidScan:
		case T_TidRangeScan:
		case T_ForeignScan:
		case T_CustomScan:
			return true;
		case T_Append:
			inputs = ((const Append *) plan)->appendplans;
			break;
		case T_MergeAppend:
			inputs = ((const MergeAppend *) plan)->mergeplans;
			break;
		case T_SubqueryScan:
			return stands_on_a_row(((const SubqueryScan *) plan)->subplan);
		case T_Result:
		case T_Limit:
			return stands_on_a_row(plan->lefttree);
		default:
			return false;
	}
	foreach(cell, inputs)
	{
		if (stands_on_a_row(lfirst(cell)))
			return true;
	}
	return false;
}

/* Those of DECLARE and of PL/pgSQL may be what WHERE CURRENT OF means. */
bool
cf_eligible_cursor_plan(const PlannedStmt *stmt, int options)
{
	return (options & CURSOR_OPT_FAST_PLAN) == 0 || !stands_on_a_row(stmt->planTree);
}

bool
cf_eligible_means_temporary(void)
{
	Oid			schema;
	Oid			toast_schema;

	GetTempNamespaceState(&schema, &toast_schema);
	return OidIsValid(schema);
}

/* What is not a part of its text when a function is taken apart shows in these. */
static List *
dates_of(Query *query)
{
	CfTraitsFound found = {0};

	cf_traits_of_expr((Node *) query, &found);
	return copyObject(found.dates);
}

CfEligibility
cf_eligible_query(Query *query, CfCalls *calls)
{
	Seen		seen = {.verdict = CF_ELIGIBLE};

	MemSet(calls, 0, sizeof(*calls));
	if (look_at_query(query, &seen))
		return seen.verdict;
	if (!seen.table)
		return CF_NOT_A_TABLE;
	if (!has_kept_columns(query))
		return CF_NOT_A_ROW;
	if (cf_security_reads_temporary(query) ||
		(seen.functions != NIL && cf_eligible_means_temporary()))
		return CF_NOT_TRACKED;
	if (contain_volatile_functions((Node *) query))
		return CF_NOT_STABLE;
	calls->functions = seen.functions;
	if (calls->functions != NIL)
		calls->dates = dates_of(query);
	return CF_ELIGIBLE;
}

/* ---- after planning ----------------------------------------------------- */

/* What a function read while it was planned is in the plan, for as long as that is kept. */
static bool
holds_what_was_read(const CfLoad *planning)
{
	return planning->watch.plan_reads || planning->ninner_deps > 0 ||
		planning->sources.uncovered || planning->sources.temporary ||
		planning->bypass != CF_BYPASS_NONE;
}

/*
 * Is a function of those that were taken apart in planning one whose text may have a word such
 * as 'today'? They are known by a hash; one that was in another's text is not.
 */
static bool
takes_words_apart(const PlannedStmt *stmt, const List *functions)
{
	ListCell   *cell;
	ListCell   *item;

	foreach(item, stmt->invalItems)
	{
		const PlanInvalItem *inlined = lfirst_node(PlanInvalItem, item);

		if (inlined->cacheId != PROCOID)
			continue;
		foreach(cell, functions)
		{
			if (GetSysCacheHashValue1(PROCOID, ObjectIdGetDatum(lfirst_oid(cell))) ==
				inlined->hashValue)
				break;
		}
		if (cell == NULL || cf_function_holds_words(lfirst_oid(cell)))
			return true;
	}
	return false;
}

static CfEligibility
judge_sources(PlannedStmt *stmt, bool watched)
{
	CfSources	sources = {0};
	ListCell   *cell;

	cf_security_add_plan(&sources, stmt, false);
	if (sources.temporary)
		return CF_NOT_TRACKED;
	foreach(cell, sources.relids)
	{
		if (!cf_is_tracked(lfirst_oid(cell)))
			return CF_NOT_TRACKED;
	}
	/*
	 * All that it read may be known to give nothing, and be gone from the plan. What functions
	 * read shows when they run.
	 */
	return sources.relids != NIL || watched ? CF_ELIGIBLE : CF_NOT_A_TABLE;
}

CfEligibility
cf_eligible_plan(PlannedStmt *stmt, const CfLoad *planning, CfCalls *calls)
{
	CfTraitsFound found = {.trusting = true};

	cf_traits_of_plan(stmt, &found);
	if (takes_words_apart(stmt, calls->functions))
		cf_traits_add_new_dates(&found, calls->dates);
	if (planning != NULL)
		found.traits |= planning->sources.traits;
	if ((found.traits & CF_TRAITS_REFUSED) != 0 ||
		(planning != NULL && holds_what_was_read(planning)))
		return CF_NOT_STABLE;
	/* Nobody sees what they do in other processes. */
	if (stmt->parallelModeNeeded && (found.traits & CF_TRAIT_WATCHED) != 0)
		return CF_NOT_SEEN;
	calls->watched = calls->functions != NIL || (found.traits & CF_TRAIT_WATCHED) != 0;
	calls->by_role = calls->watched ||
		(found.traits & (CF_TRAIT_GRANTED | CF_TRAIT_ROLE)) != 0;
	calls->binding = cf_watch_binding(found.traits);
	return judge_sources(stmt, calls->watched);
}

bool
cf_eligible_run(const CfLoad *load)
{
	return (load->sources.traits & CF_TRAITS_REFUSED) == 0 && !load->sources.temporary &&
		load->bypass == CF_BYPASS_NONE;
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
			return "it calls a function that is VOLATILE, or that is not seen into (cachefront.transparent_functions)";
		case CF_NOT_STABLE:
			return "it depends on time, chance, the session, or on what changes without notice";
		case CF_NOT_SEEN:
			return "functions that it calls would run in parallel workers, where they are not seen";
		case CF_NOT_A_ROW:
			return "a column of it has no type that can be kept";
		case CF_NOT_PLAIN:
			return "it reads a sample or a transition table";
	}
	return NULL;
}
