/*
 * watch.c - what runs during a load, by whatever way it is reached.
 *
 * An expression is made ready once (ExecInitExpr), which calls the object
 * access hook for each function in it, and PL/pgSQL keeps simple expressions
 * ready until the end of the transaction: so one that was evaluated before the
 * load passes the hook by. Therefore each statement of PL/pgSQL that begins or
 * ends during a load has its simple expressions looked at as trees (watch_plpgsql.c).
 *
 * The hook does not know the arguments: of current_setting it cannot tell the
 * setting's name. Trees can. So a call that is seen only by the hook, and not
 * in a tree afterwards, counts as one that may read any setting.
 *
 * What comes out of a cursor that the load did not open is of the past, or of
 * this session alone: it counts as a function that is of one session. Such a
 * cursor is seen by its query, when that runs; and by its name in statements
 * about cursors, for kept rows need no query. What is only known to be a
 * function of another language may have fetched kept rows, if there are any.
 *
 * A function that is declared IMMUTABLE and reads tables all the same is seen where
 * it runs, be it in the planner. But the plan holds its result from then on, and
 * tells nothing. So once that has happened in a session, nothing that functions run
 * is exact there: their plans may be from before the load. That of the load itself
 * is always new.
 *
 * src/load/watch.c
 */
#include "postgres.h"

#include "catalog/pg_proc.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "optimizer/planner.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"

#include "base/compat.h"
#include "base/objaccess.h"
#include "load/reading.h"
#include "load/watch_internal.h"

CfWatch    *cf_watch_current = NULL;

/* What the innermost planner at work makes. */
typedef enum Planning
{
	PLANNING_NONE,
	PLANNING_OWN,				/* the plan of a load, which is used once */
	PLANNING_OTHER,				/* any other, which may be kept */
	PLANNING_FOLDS				/* and an IMMUTABLE function of a user is at work for it */
} Planning;

/* What is known of plans. */
static struct
{
	Planning	now;
	bool		next_is_own;

	/* Since the session began: may a plan hold what a function has read? */
	bool		hold_reads;
}			plans;

static ExecutorRun_hook_type prev_executor_run = NULL;
static planner_hook_type prev_planner = NULL;
static ProcessUtility_hook_type prev_utility = NULL;

/*
 * Does what runs now use the rights of who loads? Not in a function that is
 * SECURITY DEFINER: its rights are the same for everybody.
 */
static bool
runs_as_caller(const CfWatch *watch)
{
	Oid			user;
	int			sec_context;
	bool		definer;

	GetUserIdAndSecContext(&user, &sec_context);
	definer = (sec_context & SECURITY_LOCAL_USERID_CHANGE) != 0 &&
		(user != watch->user || (watch->sec_context & SECURITY_LOCAL_USERID_CHANGE) == 0);
	return !definer;
}

void
cf_watch_note_traits(CfWatch *watch, CfTraits traits)
{
	if (!watch->own_plan)
	{
		bool		as_caller = runs_as_caller(watch);

		if ((traits & CF_TRAIT_GRANTED) != 0 && as_caller)
			watch->callers_rights = true;
		if (!as_caller)
			traits &= ~CF_TRAIT_RIGHTS;
	}
	if ((traits & CF_TRAIT_UNSEEN) != 0 && cf_cursors_any_held())
		watch->may_read_held = true;
	watch->traits |= traits & ~(CF_TRAIT_GRANTED | CF_TRAIT_NAMED_SETTING |
								CF_TRAIT_WATCHED | CF_TRAIT_FOLDED);
}

void
cf_watch_read(void)
{
	if (likely(plans.now != PLANNING_FOLDS))
		return;
	plans.hold_reads = true;
	if (cf_watch_current != NULL)
		cf_watch_current->plan_reads = true;
}

/* What the planner calls while it makes a plan that may be kept. */
static void
note_while_planning(Oid function)
{
	CfTraits	traits = cf_function_traits(function);

	if ((traits & CF_TRAITS_UNCOVERED) != 0)
		cf_watch_read();
	if ((traits & CF_TRAIT_FOLDED) != 0)
		plans.now = PLANNING_FOLDS;
}

/* What a function runs may have a plan from before the load. */
void
cf_watch_note_kept_plans(CfWatch *watch)
{
	if (unlikely(plans.hold_reads))
		watch->traits |= CF_TRAIT_UNSEEN;
}

static void
note_function(Oid function)
{
	CfTraits	traits = cf_watch_current->trusting ?
		cf_function_trusted_traits(function) : cf_function_traits(function);

	if ((traits & CF_TRAIT_NAMED_SETTING) != 0 && cf_watch_current->explained == 0)
	{
		if (cf_watch_current->frames != NULL)
			cf_watch_current->frames->named++;
		else
			traits |= CF_TRAIT_ALL_SETTINGS;
	}
	cf_watch_note_traits(cf_watch_current, traits);
}

static void
function_starts(Oid function)
{
	if (unlikely(plans.now >= PLANNING_OTHER))
		note_while_planning(function);
	if (unlikely(cf_watch_current != NULL))
		note_function(function);
}

/* ---- statements --------------------------------------------------------- */

/* Rights on what a view reads are its owner's. */
static bool
reads_as_caller(PlannedStmt *stmt)
{
	ListCell   *cell;

	foreach(cell, stmt->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, cell);

		if (CF_RTE_IS_CHECKED(rte) && !OidIsValid(CF_RTE_USER(stmt, rte)))
			return true;
	}
	return false;
}

static void
look_at_plan(CfWatch *watch, PlannedStmt *stmt, const char *text)
{
	CfTraitsFound found = {.trusting = watch->trusting};

	cf_traits_of_plan(stmt, &found);
	cf_traits_add_dates(&found, text);
	if (!watch->own_plan)
		watch->read_otherwise |= cf_reading_may_differ(text);
	/* What writes, or locks rows, would do so each time, whatever it gives. */
	if (stmt->commandType != CMD_SELECT || stmt->rowMarks != NIL || stmt->hasModifyingCTE)
		found.traits |= CF_TRAIT_EFFECT;
	cf_watch_note_traits(watch, found.traits);
}

void
cf_watch_own_plan(CfWatch *watch, PlannedStmt *stmt)
{
	watch->own_plan = true;
	look_at_plan(watch, stmt, NULL);
	watch->own_plan = false;
}

void
cf_watch_executor_start(QueryDesc *query, int eflags, bool own,
						void (*start) (QueryDesc *query, int eflags))
{
	CfWatch    *watch = cf_watch_current;
	bool		was_own = watch->own_plan;

	cf_cursors_start(&watch->cursors, query, own);
	if (!own)
	{
		cf_watch_note_kept_plans(watch);
		look_at_plan(watch, query->plannedstmt, query->sourceText);
		if (runs_as_caller(watch) && reads_as_caller(query->plannedstmt))
			watch->callers_rights = true;
	}
	watch->explained++;
	watch->own_plan = own;
	PG_TRY();
	{
		start(query, eflags);
	}
	PG_FINALLY();
	{
		watch->explained--;
		watch->own_plan = was_own;
	}
	PG_END_TRY();
}

static void
run_on(CF_EXECUTOR_RUN_PARAMS)
{
	if (prev_executor_run)
		prev_executor_run(CF_EXECUTOR_RUN_ARGS);
	else
		standard_ExecutorRun(CF_EXECUTOR_RUN_ARGS);
}

/*
 * Without the other processes that it was planned for: nothing is seen there. The
 * executor does all of it in this one, as where it has got none.
 */
static void
run_alone(CF_EXECUTOR_RUN_PARAMS)
{
	PlannedStmt *stmt = query->plannedstmt;

	stmt->parallelModeNeeded = false;
	PG_TRY();
	{
		run_on(CF_EXECUTOR_RUN_ARGS);
	}
	PG_FINALLY();
	{
		stmt->parallelModeNeeded = true;
	}
	PG_END_TRY();
}

static void
watch_executor_run(CF_EXECUTOR_RUN_PARAMS)
{
	if (likely(cf_watch_current == NULL))
	{
		run_on(CF_EXECUTOR_RUN_ARGS);
		return;
	}
	if (!cf_cursors_started(&cf_watch_current->cursors, query))
		cf_watch_current->traits |= CF_TRAIT_SESSION;
	if (cf_traits_hide_in_workers(query->plannedstmt))
		run_alone(CF_EXECUTOR_RUN_ARGS);
	else
		run_on(CF_EXECUTOR_RUN_ARGS);
}

/* What the planner evaluates is in the plan, or has become a constant in it. */
static PlannedStmt *
watch_planner(Query *query, const char *text, int options, ParamListInfo params)
{
	CfWatch    *watch = cf_watch_current;
	Planning	outer = plans.now;
	PlannedStmt *stmt;

	plans.now = plans.next_is_own ? PLANNING_OWN : PLANNING_OTHER;
	plans.next_is_own = false;
	if (unlikely(watch != NULL))
		watch->explained++;
	PG_TRY();
	{
		stmt = prev_planner ? prev_planner(query, text, options, params) :
			standard_planner(query, text, options, params);
	}
	PG_FINALLY();
	{
		plans.now = outer;
		if (unlikely(watch != NULL))
			watch->explained--;
	}
	PG_END_TRY();
	return stmt;
}

PlannedStmt *
cf_watch_plan(Query *query, const char *text, int options, ParamListInfo params)
{
	plans.next_is_own = true;
	return pg_plan_query(query, text, options, params);
}

bool
cf_watch_plans_own(void)
{
	return plans.next_is_own;
}

/* Rows, or that there is no such cursor. A name of NULL is an error, everywhere. */
CfTraits
cf_watch_traits_of_fetch(const char *cursor)
{
	return cursor == NULL || cf_cursors_is_own(&cf_watch_current->cursors, cursor) ?
		0 : CF_TRAIT_SESSION;
}

/* An error, where the name is taken. */
CfTraits
cf_watch_traits_of_open(const char *cursor)
{
	return cursor != NULL && cf_cursors_is_foreign(&cf_watch_current->cursors, cursor) ?
		CF_TRAIT_SESSION : 0;
}

/* PL/pgSQL tells what it does; of another language nothing is known. */
static CfTraits
traits_of_do(const DoStmt *stmt)
{
	ListCell   *cell;

	foreach(cell, stmt->args)
	{
		DefElem    *option = lfirst_node(DefElem, cell);

		if (strcmp(option->defname, "language") == 0 &&
			strcmp(strVal(option->arg), "plpgsql") != 0)
			return CF_TRAIT_SESSION | CF_TRAIT_UNSEEN;
	}
	return 0;
}

/*
 * What statements without a plan make a result depend on. A prepared statement, for
 * EXECUTE, is of one session.
 */
static CfTraits
traits_of_utility(Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_VariableShowStmt:
			return CF_TRAIT_ALL_SETTINGS;
		case T_CallStmt:		/* what it calls is seen */
			return 0;
		case T_DoStmt:
			return traits_of_do((DoStmt *) stmt);
		case T_DeclareCursorStmt:
			return cf_watch_traits_of_open(((DeclareCursorStmt *) stmt)->portalname);
		case T_FetchStmt:
			return cf_watch_traits_of_fetch(((FetchStmt *) stmt)->portalname);
		case T_ClosePortalStmt:
			/* CLOSE ALL has no name. */
			return ((ClosePortalStmt *) stmt)->portalname == NULL ? CF_TRAIT_SESSION :
				cf_watch_traits_of_fetch(((ClosePortalStmt *) stmt)->portalname);
		default:
			return CF_TRAIT_SESSION;
	}
}

static void
watch_utility(PlannedStmt *pstmt, const char *query, bool read_only_tree,
			  ProcessUtilityContext context, ParamListInfo params,
			  QueryEnvironment *environment, DestReceiver *dest, QueryCompletion *completion)
{
	Node	   *stmt = pstmt->utilityStmt;

	if (unlikely(cf_watch_current != NULL))
		cf_watch_note_traits(cf_watch_current, traits_of_utility(stmt));
	if (prev_utility)
		prev_utility(pstmt, query, read_only_tree, context, params, environment, dest,
					 completion);
	else
		standard_ProcessUtility(pstmt, query, read_only_tree, context, params, environment,
								dest, completion);
	if (unlikely(cf_watch_current != NULL) && IsA(stmt, DeclareCursorStmt))
		cf_cursors_open(&cf_watch_current->cursors, ((DeclareCursorStmt *) stmt)->portalname);
}

/* ---- the watch ---------------------------------------------------------- */

void
cf_watch_prepare(CfWatch *watch, MemoryContext context)
{
	MemSet(watch, 0, sizeof(*watch));
	GetUserIdAndSecContext(&watch->user, &watch->sec_context);
	watch->context = context;
	watch->cursors.context = context;
}

void
cf_watch_enter(CfWatch *watch)
{
	watch->outer = cf_watch_current;
	cf_watch_install_plugin();
	cf_watch_current = watch;
}

void
cf_watch_leave(CfWatch *watch)
{
	cf_watch_current = watch->outer;
	if (cf_watch_current == NULL)
		cf_watch_remove_plugin();
}

void
cf_watch_finish(CfWatch *watch)
{
	cf_watch_drop_frames(watch);
	/* Whoever gets the value from the cache has no cursor. */
	if (cf_cursors_left_open(&watch->cursors))
		watch->traits |= CF_TRAIT_SESSION;
}

void
cf_watch_begin(CfWatch *watch, MemoryContext context)
{
	cf_watch_prepare(watch, context);
	cf_watch_enter(watch);
}

void
cf_watch_end(CfWatch *watch)
{
	cf_watch_finish(watch);
	cf_watch_leave(watch);
	if (cf_watch_current == NULL)
		return;
	cf_watch_current->traits |= watch->traits;
	cf_watch_current->may_read_held |= watch->may_read_held;
	cf_watch_current->read_otherwise |= watch->read_otherwise;
	cf_watch_current->callers_rights |= watch->callers_rights;
}

void
cf_watch_reset(void)
{
	plans.next_is_own = false;
	plans.now = PLANNING_NONE;
	if (cf_watch_current != NULL)
		cf_watch_remove_plugin();
	cf_watch_current = NULL;
}

void
cf_watch_nested_fetch(CfBinding binding)
{
	if (cf_watch_current == NULL)
		return;
	if (binding == CF_BOUND_SETTINGS)
		cf_watch_current->traits |= CF_TRAIT_SETTINGS;
	else if (binding == CF_BOUND_ALL_SETTINGS)
		cf_watch_current->traits |= CF_TRAIT_ALL_SETTINGS;
	if (runs_as_caller(cf_watch_current))
		cf_watch_current->callers_rights = true;
}

CfBinding
cf_watch_binding(CfTraits traits)
{
	if ((traits & CF_TRAIT_ALL_SETTINGS) != 0)
		return CF_BOUND_ALL_SETTINGS;
	return (traits & CF_TRAIT_SETTINGS) != 0 ? CF_BOUND_SETTINGS : CF_BOUND_NONE;
}

void
cf_watch_install_hooks(void)
{
	cf_objaccess_register_function(function_starts);
	prev_executor_run = ExecutorRun_hook;
	ExecutorRun_hook = watch_executor_run;
	prev_planner = planner_hook;
	planner_hook = watch_planner;
	prev_utility = ProcessUtility_hook;
	ProcessUtility_hook = watch_utility;
}
