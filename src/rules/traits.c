/*
 * traits.c - looks at every expression of a plan.
 *
 * PostgreSQL has no public walker of plans. A kind of plan node that is not
 * known here counts as one that does anything.
 *
 * src/rules/traits.c
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/transam.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "base/compat.h"
#include "rules/setting.h"
#include "rules/timeword.h"
#include "rules/traits.h"

#define CF_TRAITS_ANY \
	(CF_TRAIT_ALL_SETTINGS | CF_TRAIT_SESSION | CF_TRAIT_RIGHTS | CF_TRAIT_UNSEEN)

static bool traits_walker(Node *node, void *context);
static void walk_plan(Plan *plan, CfTraitsFound *found);

static void
add_function(CfTraitsFound *found, Oid function, CfTraits traits)
{
	found->traits |= traits;
	if (found->want_functions && (traits & ~CF_TRAITS_QUIET) != 0)
		found->functions = list_append_unique_oid(found->functions, function);
}

/* What is no function. */
static void
add_other(CfTraitsFound *found, const char *what, CfTraits traits)
{
	CfTraitsOther *other;
	ListCell   *cell;

	found->traits |= traits;
	if (!found->want_functions)
		return;
	foreach(cell, found->others)
	{
		if (strcmp(((CfTraitsOther *) lfirst(cell))->what, what) == 0)
			return;
	}
	other = palloc(sizeof(CfTraitsOther));
	other->what = what;
	other->traits = traits;
	found->others = lappend(found->others, other);
}

static CfTraits
traits_of(const CfTraitsFound *found, Oid function)
{
	return found->trusting ? cf_function_trusted_traits(function) : cf_function_traits(function);
}

/* By an operator or an aggregate, it gets the name from who knows where. */
static bool
note_function(Oid function, void *context)
{
	CfTraits	traits = traits_of(context, function);

	if ((traits & CF_TRAIT_NAMED_SETTING) != 0)
		traits |= CF_TRAIT_ALL_SETTINGS;
	add_function(context, function, traits & ~CF_TRAIT_NAMED_SETTING);
	return false;
}

static void
add_aggregate(CfTraitsFound *found, Oid function)
{
	Oid			parts[CF_MAX_PARTS];
	int			n = cf_function_parts(function, parts);

	for (int i = 0; i < n; i++)
		(void) note_function(parts[i], found);
}

/* What it reads is said by its first argument, if that is a constant. */
static CfTraits
traits_of_named_setting(FuncExpr *call)
{
	Const	   *name = linitial(call->args);
	CfBinding	binding;

	if (!IsA(name, Const))
		return CF_TRAIT_ALL_SETTINGS;
	if (name->constisnull)
		return 0;
	if (!cf_setting_binding(TextDatumGetCString(name->constvalue), &binding))
		return CF_TRAIT_SESSION;
	return binding == CF_BOUND_SETTINGS ? CF_TRAIT_SETTINGS : CF_TRAIT_ALL_SETTINGS;
}

bool
cf_traits_walk_domain(Oid type, bool (*walker) (Node *node, void *context), void *context)
{
	MemoryContext memory;
	DomainConstraintRef *ref;
	ListCell   *cell;
	bool		found = false;

	if (!DomainHasConstraints(type))
		return false;
	memory = AllocSetContextCreate(CurrentMemoryContext, "cachefront domain",
								   ALLOCSET_SMALL_SIZES);
	ref = MemoryContextAllocZero(memory, sizeof(DomainConstraintRef));
	InitDomainConstraintRef(type, ref, memory, false);
	foreach(cell, ref->constraints)
		found |= walker((Node *) ((DomainConstraintState *) lfirst(cell))->check_expr, context);
	MemoryContextDelete(memory);
	return found;
}

/* Text, or JSON, is read as a value of the type. No expression shows what checks it. */
static void
add_input(CfTraitsFound *found, Oid type)
{
	if (get_typtype(type) == TYPTYPE_DOMAIN)
		cf_traits_of_domain(type, found);
	if (!cf_function_reads_no_clock(type))
		found->traits |= CF_TRAIT_CLOCK;
}

static void
add_inputs(CfTraitsFound *found, const List *types)
{
	ListCell   *cell;

	foreach(cell, types)
		add_input(found, lfirst_oid(cell));
}

static void
add_conversion(CfTraitsFound *found, Oid from, Oid to)
{
	found->traits |= cf_function_traits_of_type(from) | cf_function_traits_of_type(to);
	add_input(found, to);
}

/*
 * What is printed by to_json, format or array_to_string shows in no function of
 * the tree; but the value is of a type, where it comes from. A constant is not
 * more than a name in the text of the query is: DDL drops what has one.
 */
static CfTraits
traits_of_value(Node *node)
{
	switch (nodeTag(node))
	{
		case T_Const:
			return cf_function_traits_of_value(((Const *) node)->consttype) & ~CF_TRAIT_UNTRACKED;
		case T_Var:
		case T_Param:
		case T_FuncExpr:
		case T_OpExpr:
		case T_Aggref:
		case T_WindowFunc:
		case T_FieldSelect:
		case T_RelabelType:
			return cf_function_traits_of_value(exprType(node));
		default:
			return 0;
	}
}

/* Where a row lies, and who has written it, changes while the row does not. */
static bool
is_system_column(const Var *var)
{
	return var->varattno < 0 && var->varattno != TableOidAttributeNumber;
}

static void
add_value_function(CfTraitsFound *found, const SQLValueFunction *function)
{
	switch (function->op)
	{
		case SVFOP_CURRENT_ROLE:
		case SVFOP_CURRENT_USER:
		case SVFOP_USER:
		case SVFOP_SESSION_USER:
			found->traits |= CF_TRAIT_ROLE;
			break;
		case SVFOP_CURRENT_SCHEMA:
			add_other(found, "CURRENT_SCHEMA", CF_TRAIT_SETTINGS);
			break;
		case SVFOP_CURRENT_CATALOG:
			break;
		default:
			add_other(found, "CURRENT_DATE, CURRENT_TIME, CURRENT_TIMESTAMP or the like",
					  CF_TRAIT_CHANCE);
			break;
	}
}

/* A literal is read when its text is analysed; of a function's, each time that it runs. */
static void
note_constant(Const *constant, CfTraitsFound *found)
{
	if (!constant->constisnull && constant->consttype != UNKNOWNOID &&
		!cf_function_reads_no_clock(constant->consttype))
		found->dates = lappend(found->dates, constant);
}

/* Of other types nobody knows what words they have. */
static bool
is_plain_date(Oid type)
{
	switch (type)
	{
		case DATEOID:
		case TIMEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return true;
		default:
			return false;
	}
}

static bool
is_made_of_dates(Oid type)
{
	Oid			base = getBaseType(type);
	Oid			part = get_element_type(base);

	if (!OidIsValid(part))
		part = get_range_subtype(base);
	return OidIsValid(part) ? is_made_of_dates(part) : is_plain_date(base) || base == TIMETZOID;
}

void
cf_traits_add_dates(CfTraitsFound *found, const char *text)
{
	ListCell   *cell;

	if (found->dates != NIL && (text == NULL || cf_timeword_is_in(text, strlen(text))))
		found->traits |= CF_TRAIT_CLOCK;
	foreach(cell, found->dates)
	{
		if (!is_plain_date(lfirst_node(Const, cell)->consttype))
			found->traits |= CF_TRAIT_CLOCK;
	}
	list_free(found->dates);
	found->dates = NIL;
}

void
cf_traits_explain_dates(CfTraitsFound *found, const char *text)
{
	bool		made_of_dates = false;
	ListCell   *cell;

	foreach(cell, found->dates)
		made_of_dates |= is_made_of_dates(lfirst_node(Const, cell)->consttype);
	if (made_of_dates && cf_timeword_is_in(text, strlen(text)))
		found->traits |= CF_TRAIT_CLOCK;
	list_free(found->dates);
	found->dates = NIL;
}

void
cf_traits_add_new_dates(CfTraitsFound *found, const List *before)
{
	ListCell   *cell;

	foreach(cell, found->dates)
	{
		if (!list_member(before, lfirst(cell)))
			found->traits |= CF_TRAIT_CLOCK;
	}
	list_free(found->dates);
	found->dates = NIL;
}

static bool
traits_walker(Node *node, void *context)
{
	CfTraitsFound *found = context;
	CfTraits	traits;

	if (node == NULL)
		return false;
	traits = traits_of_value(node);
	if (unlikely((traits & CF_TRAITS_UNCOVERED) != 0))
		add_other(found, "a type whose values are names, or whose functions are not seen", traits);
	found->traits |= traits;
	if (CF_IS_JSON_EXPR(node))
		add_input(found, exprType(node));
	switch (nodeTag(node))
	{
		case T_Const:
			note_constant((Const *) node, found);
			return false;
		case T_Var:
			if (is_system_column((Var *) node))
				add_other(found, "a system column", CF_TRAIT_UNTRACKED);
			return false;
		case T_SQLValueFunction:
			add_value_function(found, (SQLValueFunction *) node);
			return false;
		case T_Query:
			return query_tree_walker((Query *) node, traits_walker, context, 0);
		case T_FuncExpr:
			if (cf_function_traits(((FuncExpr *) node)->funcid) & CF_TRAIT_NAMED_SETTING)
			{
				found->named++;
				add_function(found, ((FuncExpr *) node)->funcid,
							 traits_of_named_setting((FuncExpr *) node));
				return expression_tree_walker(node, traits_walker, context);
			}
			break;
		case T_Aggref:
			add_aggregate(found, ((Aggref *) node)->aggfnoid);
			break;
		case T_WindowFunc:
			add_aggregate(found, ((WindowFunc *) node)->winfnoid);
			break;
		case T_CoerceViaIO:
			add_conversion(found, exprType((Node *) ((CoerceViaIO *) node)->arg),
						   ((CoerceViaIO *) node)->resulttype);
			break;
		case T_CoerceToDomain:
			(void) cf_traits_walk_domain(((CoerceToDomain *) node)->resulttype,
										 traits_walker, context);
			break;
		default:
			break;
	}
	(void) check_functions_in_node(node, note_function, context);
	return expression_tree_walker(node, traits_walker, context);
}

/* As an integer it is not known for one any more: 'joe'::regrole::oid. */
static bool
light_constant_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, light_constant_walker, context, 0);
	if (IsA(node, Const))
		return cf_function_type_has_light_names(((Const *) node)->consttype);
	return expression_tree_walker(node, light_constant_walker, context);
}

bool
cf_traits_has_light_name(Query *query)
{
	return light_constant_walker((Node *) query, NULL);
}

void
cf_traits_of_domain(Oid type, CfTraitsFound *found)
{
	(void) cf_traits_walk_domain(type, traits_walker, found);
}

void
cf_traits_of_expr(Node *expr, CfTraitsFound *found)
{
	(void) traits_walker(expr, found);
}

static void
walk(void *expr, CfTraitsFound *found)
{
	(void) traits_walker((Node *) expr, found);
}

static void
walk_plans(List *plans, CfTraitsFound *found)
{
	ListCell   *cell;

	foreach(cell, plans)
		walk_plan((Plan *) lfirst(cell), found);
}

static void
walk_operators(const Oid *operators, int n, CfTraitsFound *found)
{
	for (int i = 0; i < n; i++)
		(void) note_function(get_opcode(operators[i]), found);
}

static void
walk_nestloop(NestLoop *join, CfTraitsFound *found)
{
	ListCell   *cell;

	foreach(cell, join->nestParams)
		walk(lfirst_node(NestLoopParam, cell)->paramval, found);
}

static void
walk_window(WindowAgg *window, CfTraitsFound *found)
{
	walk(window->startOffset, found);
	walk(window->endOffset, found);
	walk(window->runConditionOrig, found);
	walk_operators(window->partOperators, window->partNumCols, found);
	walk_operators(window->ordOperators, window->ordNumCols, found);
	if (OidIsValid(window->startInRangeFunc))
		(void) note_function(window->startInRangeFunc, found);
	if (OidIsValid(window->endInRangeFunc))
		(void) note_function(window->endInRangeFunc, found);
}

bool
cf_traits_reads_columns(const RangeTblFunction *function)
{
	/* A user's function gives values of the types; it makes them where it is seen. */
	return function->funccoltypes != NIL &&
		(!IsA(function->funcexpr, FuncExpr) ||
		 ((FuncExpr *) function->funcexpr)->funcid < FirstNormalObjectId);
}

/* What json_to_record(...) AS t(a type) and the like define. */
static void
walk_columns(FunctionScan *scan, CfTraitsFound *found)
{
	ListCell   *cell;

	foreach(cell, scan->functions)
	{
		const RangeTblFunction *function = lfirst_node(RangeTblFunction, cell);

		if (cf_traits_reads_columns(function))
			add_inputs(found, function->funccoltypes);
	}
}

/* What a node has beside its target list, its condition and its two inputs. */
static void
walk_node(Plan *plan, CfTraitsFound *found)
{
	switch (nodeTag(plan))
	{
		case T_ProjectSet:
		case T_SeqScan:
		case T_Material:
		case T_Gather:
		case T_LockRows:
		case T_CteScan:
		case T_NamedTuplestoreScan:
		case T_WorkTableScan:
		case T_BitmapIndexScan: /* its conditions are the heap scan's, too */
			break;
		case T_Unique:
			walk_operators(((Unique *) plan)->uniqOperators, ((Unique *) plan)->numCols, found);
			break;
		case T_Group:
			walk_operators(((Group *) plan)->grpOperators, ((Group *) plan)->numCols, found);
			break;
		case T_Agg:
			walk_operators(((Agg *) plan)->grpOperators, ((Agg *) plan)->numCols, found);
			break;
		case T_SetOp:
			walk_operators(CF_SETOP_OPERATORS((SetOp *) plan), ((SetOp *) plan)->numCols, found);
			break;
		case T_RecursiveUnion:
			walk_operators(((RecursiveUnion *) plan)->dupOperators,
						   ((RecursiveUnion *) plan)->numCols, found);
			break;
		case T_Result:
			walk(((Result *) plan)->resconstantqual, found);
			break;
		case T_Append:
			walk_plans(((Append *) plan)->appendplans, found);
			break;
		case T_MergeAppend:
			walk_plans(((MergeAppend *) plan)->mergeplans, found);
			walk_operators(((MergeAppend *) plan)->sortOperators,
						   ((MergeAppend *) plan)->numCols, found);
			break;
		case T_BitmapAnd:
			walk_plans(((BitmapAnd *) plan)->bitmapplans, found);
			break;
		case T_BitmapOr:
			walk_plans(((BitmapOr *) plan)->bitmapplans, found);
			break;
		case T_SampleScan:
			add_other(found, "TABLESAMPLE", CF_TRAIT_UNTRACKED);
			walk(((SampleScan *) plan)->tablesample, found);
			break;
		case T_IndexScan:
			walk(((IndexScan *) plan)->indexqualorig, found);
			walk(((IndexScan *) plan)->indexorderbyorig, found);
			break;
		case T_IndexOnlyScan:
			walk(((IndexOnlyScan *) plan)->indexqual, found);
			walk(((IndexOnlyScan *) plan)->recheckqual, found);
			walk(((IndexOnlyScan *) plan)->indexorderby, found);
			break;
		case T_BitmapHeapScan:
			walk(((BitmapHeapScan *) plan)->bitmapqualorig, found);
			break;
		case T_TidScan:
			walk(((TidScan *) plan)->tidquals, found);
			break;
		case T_TidRangeScan:
			walk(((TidRangeScan *) plan)->tidrangequals, found);
			break;
		case T_SubqueryScan:
			walk_plan(((SubqueryScan *) plan)->subplan, found);
			break;
		case T_FunctionScan:
			walk(((FunctionScan *) plan)->functions, found);
			walk_columns((FunctionScan *) plan, found);
			break;
		case T_TableFuncScan:
			walk(((TableFuncScan *) plan)->tablefunc, found);
			add_inputs(found, ((TableFuncScan *) plan)->tablefunc->coltypes);
			break;
		case T_ValuesScan:
			walk(((ValuesScan *) plan)->values_lists, found);
			break;
		case T_NestLoop:
			walk(((Join *) plan)->joinqual, found);
			walk_nestloop((NestLoop *) plan, found);
			break;
		case T_MergeJoin:
			walk(((Join *) plan)->joinqual, found);
			walk(((MergeJoin *) plan)->mergeclauses, found);
			break;
		case T_HashJoin:
			walk(((Join *) plan)->joinqual, found);
			walk(((HashJoin *) plan)->hashclauses, found);
			break;
		case T_Hash:
			walk(((Hash *) plan)->hashkeys, found);
			break;
		case T_Memoize:
			walk_operators(((Memoize *) plan)->hashOperators, ((Memoize *) plan)->numKeys, found);
			walk(((Memoize *) plan)->param_exprs, found);
			break;
		case T_Sort:
			walk_operators(((Sort *) plan)->sortOperators, ((Sort *) plan)->numCols, found);
			break;
		case T_IncrementalSort:
			walk_operators(((IncrementalSort *) plan)->sort.sortOperators,
						   ((IncrementalSort *) plan)->sort.numCols, found);
			break;
		case T_GatherMerge:
			walk_operators(((GatherMerge *) plan)->sortOperators,
						   ((GatherMerge *) plan)->numCols, found);
			break;
		case T_WindowAgg:
			walk_window((WindowAgg *) plan, found);
			break;
		case T_Limit:
			walk(((Limit *) plan)->limitOffset, found);
			walk(((Limit *) plan)->limitCount, found);
			break;
		case T_ForeignScan:
			/* What the other server makes of it is its own. */
			add_other(found, "a foreign table", CF_TRAIT_UNTRACKED);
			walk(((ForeignScan *) plan)->fdw_exprs, found);
			walk(((ForeignScan *) plan)->fdw_recheck_quals, found);
			break;
		default:
			found->traits |= CF_TRAITS_ANY;
			break;
	}
}

static void
walk_plan(Plan *plan, CfTraitsFound *found)
{
	if (plan == NULL)
		return;
	check_stack_depth();
	walk(plan->targetlist, found);
	walk(plan->qual, found);
	walk_node(plan, found);
	walk_plan(plan->lefttree, found);
	walk_plan(plan->righttree, found);
}

/* What prints the values of the result. */
static void
add_output(List *targetlist, CfTraitsFound *found)
{
	ListCell   *cell;

	foreach(cell, targetlist)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, cell);

		if (!entry->resjunk)
			found->traits |= cf_function_traits_of_type(exprType((Node *) entry->expr));
	}
}

bool
cf_traits_hide_in_workers(const PlannedStmt *stmt)
{
	CfTraitsFound found = {0};

	if (!stmt->parallelModeNeeded)
		return false;
	cf_traits_of_plan((PlannedStmt *) stmt, &found);
	return (found.traits & (CF_TRAIT_WATCHED | CF_TRAIT_UNSEEN)) != 0;
}

void
cf_traits_of_plan(PlannedStmt *stmt, CfTraitsFound *found)
{
	if (stmt->commandType == CMD_UTILITY)
		return;
	add_output(stmt->planTree->targetlist, found);
	walk_plan(stmt->planTree, found);
	walk_plans(stmt->subplans, found);
}
