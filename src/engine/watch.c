/*
 * watch.c - what runs during a load, by whatever way it is reached.
 *
 * An expression is made ready once (ExecInitExpr), which calls the object
 * access hook for each function in it, and PL/pgSQL keeps simple expressions
 * ready until the end of the transaction: so one that was evaluated before the
 * load passes the hook by. Therefore each statement of PL/pgSQL that begins or
 * ends during a load has its simple expressions looked at as trees.
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
 * src/engine/watch.c
 */
#include "postgres.h"

#include "catalog/objectaccess.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "optimizer/planner.h"
#include "plpgsql.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/plancache.h"

#include "compat.h"
#include "engine/watch.h"

struct CfWatchFrame
{
	CfWatchFrame *below;
	PLpgSQL_stmt *stmt;
	int			named;			/* calls of current_setting that only the hook saw */
};

static CfWatch *current = NULL;

/* What the innermost planner at work makes. */
typedef enum Planning
{
	PLANNING_NONE,
	PLANNING_OWN,				/* the plan of a load, which is used once */
	PLANNING_OTHER,				/* any other, which may be kept */
	PLANNING_FOLDS				/* and an IMMUTABLE function of a user is at work for it */
} Planning;

static Planning planning = PLANNING_NONE;
static bool next_plan_is_own = false;

/* Since the session began: may a plan hold what a function has read? */
static bool plans_hold_reads = false;

static object_access_hook_type prev_object_access = NULL;
static ExecutorRun_hook_type prev_executor_run = NULL;
static planner_hook_type prev_planner = NULL;
static ProcessUtility_hook_type prev_utility = NULL;

/* Of a debugger or profiler whose place ours has while a load runs; or NULL. */
static PLpgSQL_plugin *prev_plugin = NULL;
static PLpgSQL_plugin plugin;

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

static void
note_traits(CfWatch *watch, CfTraits traits)
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
	if (unlikely(planning == PLANNING_FOLDS))
		plans_hold_reads = true;
}

/* What the planner calls while it makes a plan that may be kept. */
static void
note_while_planning(Oid function)
{
	CfTraits	traits = cf_function_traits(function);

	if ((traits & CF_TRAITS_UNCOVERED) != 0)
		cf_watch_read();
	if ((traits & CF_TRAIT_FOLDED) != 0)
		planning = PLANNING_FOLDS;
}

/* What a function runs may have a plan from before the load. */
static void
note_kept_plans(CfWatch *watch)
{
	if (unlikely(plans_hold_reads))
		watch->traits |= CF_TRAIT_UNSEEN;
}

static void
note_function(Oid function)
{
	CfTraits	traits = cf_function_traits(function);

	if ((traits & CF_TRAIT_NAMED_SETTING) != 0 && current->explained == 0)
	{
		if (current->frames != NULL)
			current->frames->named++;
		else
			traits |= CF_TRAIT_ALL_SETTINGS;
	}
	note_traits(current, traits);
}

static void
watch_object_access(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id,
					void *arg)
{
	if (prev_object_access)
		prev_object_access(access, class_id, object_id, sub_id, arg);
	if (access != OAT_FUNCTION_EXECUTE || class_id != ProcedureRelationId)
		return;
	if (unlikely(planning >= PLANNING_OTHER))
		note_while_planning(object_id);
	if (unlikely(current != NULL))
		note_function(object_id);
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
look_at_plan(CfWatch *watch, PlannedStmt *stmt)
{
	CfTraitsFound found = {0};

	cf_traits_of_plan(stmt, &found);
	note_traits(watch, found.traits);
}

void
cf_watch_own_plan(CfWatch *watch, PlannedStmt *stmt)
{
	watch->own_plan = true;
	look_at_plan(watch, stmt);
	watch->own_plan = false;
}

bool
cf_watching(void)
{
	return current != NULL;
}

void
cf_watch_executor_start(QueryDesc *query, int eflags, bool own,
						void (*start) (QueryDesc *query, int eflags))
{
	CfWatch    *watch = current;
	bool		was_own = watch->own_plan;

	cf_cursors_start(&watch->cursors, query, own);
	if (!own)
	{
		note_kept_plans(watch);
		look_at_plan(watch, query->plannedstmt);
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
	if (likely(current == NULL))
	{
		run_on(CF_EXECUTOR_RUN_ARGS);
		return;
	}
	if (!cf_cursors_started(&current->cursors, query))
		current->traits |= CF_TRAIT_SESSION;
	if (cf_traits_hide_in_workers(query->plannedstmt))
		run_alone(CF_EXECUTOR_RUN_ARGS);
	else
		run_on(CF_EXECUTOR_RUN_ARGS);
}

/* What the planner evaluates is in the plan, or has become a constant in it. */
static PlannedStmt *
watch_planner(Query *query, const char *text, int options, ParamListInfo params)
{
	CfWatch    *watch = current;
	Planning	outer = planning;
	PlannedStmt *stmt;

	planning = next_plan_is_own ? PLANNING_OWN : PLANNING_OTHER;
	next_plan_is_own = false;
	if (unlikely(watch != NULL))
		watch->explained++;
	PG_TRY();
	{
		stmt = prev_planner ? prev_planner(query, text, options, params) :
			standard_planner(query, text, options, params);
	}
	PG_FINALLY();
	{
		planning = outer;
		if (unlikely(watch != NULL))
			watch->explained--;
	}
	PG_END_TRY();
	return stmt;
}

PlannedStmt *
cf_watch_plan(Query *query, const char *text, int options, ParamListInfo params)
{
	next_plan_is_own = true;
	return pg_plan_query(query, text, options, params);
}

/* Rows, or that there is no such cursor. A name of NULL is an error, everywhere. */
static CfTraits
traits_of_fetch(const char *cursor)
{
	return cursor == NULL || cf_cursors_is_own(&current->cursors, cursor) ?
		0 : CF_TRAIT_SESSION;
}

/* An error, where the name is taken. */
static CfTraits
traits_of_open(const char *cursor)
{
	return cursor != NULL && cf_cursors_is_foreign(&current->cursors, cursor) ?
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
			return traits_of_open(((DeclareCursorStmt *) stmt)->portalname);
		case T_FetchStmt:
			return traits_of_fetch(((FetchStmt *) stmt)->portalname);
		case T_ClosePortalStmt:
			/* CLOSE ALL has no name. */
			return ((ClosePortalStmt *) stmt)->portalname == NULL ? CF_TRAIT_SESSION :
				traits_of_fetch(((ClosePortalStmt *) stmt)->portalname);
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

	if (unlikely(current != NULL))
		note_traits(current, traits_of_utility(stmt));
	if (prev_utility)
		prev_utility(pstmt, query, read_only_tree, context, params, environment, dest,
					 completion);
	else
		standard_ProcessUtility(pstmt, query, read_only_tree, context, params, environment,
								dest, completion);
	if (unlikely(current != NULL) && IsA(stmt, DeclareCursorStmt))
		cf_cursors_open(&current->cursors, ((DeclareCursorStmt *) stmt)->portalname);
}

/* ---- PL/pgSQL ----------------------------------------------------------- */

/*
 * What is not simple runs as a statement. A simple expression is part of a plan, but
 * the pointer to it may be of one that is gone, if it has not been evaluated since. So
 * it is found by the way from the source of the plan, which keeps the last one.
 */
static void
look_at_expr(PLpgSQL_expr *expr, CfTraitsFound *found)
{
	CachedPlan *cached;
	ListCell   *cell;

	if (expr == NULL || expr->plan == NULL || expr->expr_simple_expr == NULL)
		return;
	cached = expr->expr_simple_plansource->gplan;
	if (cached == NULL)
		return;
	foreach(cell, cached->stmt_list)
	{
		Plan	   *plan = lfirst_node(PlannedStmt, cell)->planTree;

		/* A Result, perhaps below a Gather. */
		for (; plan != NULL; plan = plan->lefttree)
			cf_traits_of_expr((Node *) plan->targetlist, found);
	}
}

static void
look_at_exprs(List *exprs, CfTraitsFound *found)
{
	ListCell   *cell;

	foreach(cell, exprs)
		look_at_expr(lfirst(cell), found);
}

static void
look_at_block(PLpgSQL_execstate *estate, PLpgSQL_stmt_block *block, CfTraitsFound *found)
{
	for (int i = 0; i < block->n_initvars; i++)
	{
		PLpgSQL_datum *datum = estate->datums[block->initvarnos[i]];

		if (datum->dtype == PLPGSQL_DTYPE_VAR || datum->dtype == PLPGSQL_DTYPE_PROMISE ||
			datum->dtype == PLPGSQL_DTYPE_REC)
			look_at_expr(((PLpgSQL_variable *) datum)->default_val, found);
	}
}

static void
look_at_if(PLpgSQL_stmt_if *stmt, CfTraitsFound *found)
{
	ListCell   *cell;

	look_at_expr(stmt->cond, found);
	foreach(cell, stmt->elsif_list)
		look_at_expr(((PLpgSQL_if_elsif *) lfirst(cell))->cond, found);
}

static void
look_at_case(PLpgSQL_stmt_case *stmt, CfTraitsFound *found)
{
	ListCell   *cell;

	look_at_expr(stmt->t_expr, found);
	foreach(cell, stmt->case_when_list)
		look_at_expr(((PLpgSQL_case_when *) lfirst(cell))->expr, found);
}

static void
look_at_raise(PLpgSQL_stmt_raise *stmt, CfTraitsFound *found)
{
	ListCell   *cell;

	look_at_exprs(stmt->params, found);
	foreach(cell, stmt->options)
		look_at_expr(((PLpgSQL_raise_option *) lfirst(cell))->expr, found);
}

/* Everything that a statement itself evaluates, not those inside of it. */
static void
look_at_stmt(PLpgSQL_execstate *estate, PLpgSQL_stmt *stmt, CfTraitsFound *found)
{
	switch (stmt->cmd_type)
	{
		case PLPGSQL_STMT_BLOCK:
			look_at_block(estate, (PLpgSQL_stmt_block *) stmt, found);
			break;
		case PLPGSQL_STMT_ASSIGN:
			look_at_expr(((PLpgSQL_stmt_assign *) stmt)->expr, found);
			break;
		case PLPGSQL_STMT_IF:
			look_at_if((PLpgSQL_stmt_if *) stmt, found);
			break;
		case PLPGSQL_STMT_CASE:
			look_at_case((PLpgSQL_stmt_case *) stmt, found);
			break;
		case PLPGSQL_STMT_WHILE:
			look_at_expr(((PLpgSQL_stmt_while *) stmt)->cond, found);
			break;
		case PLPGSQL_STMT_FORI:
			look_at_expr(((PLpgSQL_stmt_fori *) stmt)->lower, found);
			look_at_expr(((PLpgSQL_stmt_fori *) stmt)->upper, found);
			look_at_expr(((PLpgSQL_stmt_fori *) stmt)->step, found);
			break;
		case PLPGSQL_STMT_FORC:
			look_at_expr(((PLpgSQL_stmt_forc *) stmt)->argquery, found);
			break;
		case PLPGSQL_STMT_FOREACH_A:
			look_at_expr(((PLpgSQL_stmt_foreach_a *) stmt)->expr, found);
			break;
		case PLPGSQL_STMT_EXIT:
			look_at_expr(((PLpgSQL_stmt_exit *) stmt)->cond, found);
			break;
		case PLPGSQL_STMT_RETURN:
			look_at_expr(((PLpgSQL_stmt_return *) stmt)->expr, found);
			break;
		case PLPGSQL_STMT_RETURN_NEXT:
			look_at_expr(((PLpgSQL_stmt_return_next *) stmt)->expr, found);
			break;
		case PLPGSQL_STMT_RETURN_QUERY:
			look_at_expr(((PLpgSQL_stmt_return_query *) stmt)->dynquery, found);
			look_at_exprs(((PLpgSQL_stmt_return_query *) stmt)->params, found);
			break;
		case PLPGSQL_STMT_RAISE:
			look_at_raise((PLpgSQL_stmt_raise *) stmt, found);
			break;
		case PLPGSQL_STMT_ASSERT:
			look_at_expr(((PLpgSQL_stmt_assert *) stmt)->cond, found);
			look_at_expr(((PLpgSQL_stmt_assert *) stmt)->message, found);
			break;
		case PLPGSQL_STMT_DYNEXECUTE:
			look_at_expr(((PLpgSQL_stmt_dynexecute *) stmt)->query, found);
			look_at_exprs(((PLpgSQL_stmt_dynexecute *) stmt)->params, found);
			break;
		case PLPGSQL_STMT_DYNFORS:
			look_at_expr(((PLpgSQL_stmt_dynfors *) stmt)->query, found);
			look_at_exprs(((PLpgSQL_stmt_dynfors *) stmt)->params, found);
			break;
		case PLPGSQL_STMT_OPEN:
			look_at_expr(((PLpgSQL_stmt_open *) stmt)->argquery, found);
			look_at_expr(((PLpgSQL_stmt_open *) stmt)->dynquery, found);
			look_at_exprs(((PLpgSQL_stmt_open *) stmt)->params, found);
			break;
		case PLPGSQL_STMT_FETCH:
			look_at_expr(((PLpgSQL_stmt_fetch *) stmt)->expr, found);
			break;
		case PLPGSQL_STMT_PERFORM:
			look_at_expr(((PLpgSQL_stmt_perform *) stmt)->expr, found);
			break;
		case PLPGSQL_STMT_CALL:
			look_at_expr(((PLpgSQL_stmt_call *) stmt)->expr, found);
			break;
		case PLPGSQL_STMT_LOOP:
		case PLPGSQL_STMT_FORS:
		case PLPGSQL_STMT_EXECSQL:
		case PLPGSQL_STMT_GETDIAG:
		case PLPGSQL_STMT_CLOSE:
		case PLPGSQL_STMT_COMMIT:
		case PLPGSQL_STMT_ROLLBACK:
			break;
	}
}

/* The name in a cursor variable; NULL if it has none yet. Palloc'd. */
static char *
cursor_name(PLpgSQL_execstate *estate, int number)
{
	PLpgSQL_var *variable = (PLpgSQL_var *) estate->datums[number];

	return variable->isnull ? NULL : TextDatumGetCString(variable->value);
}

/* What a statement is about to do with a cursor. */
static CfTraits
traits_of_cursor(PLpgSQL_execstate *estate, PLpgSQL_stmt *stmt)
{
	switch (stmt->cmd_type)
	{
		case PLPGSQL_STMT_FETCH:
			return traits_of_fetch(cursor_name(estate, ((PLpgSQL_stmt_fetch *) stmt)->curvar));
		case PLPGSQL_STMT_CLOSE:
			return traits_of_fetch(cursor_name(estate, ((PLpgSQL_stmt_close *) stmt)->curvar));
		case PLPGSQL_STMT_OPEN:
			return traits_of_open(cursor_name(estate, ((PLpgSQL_stmt_open *) stmt)->curvar));
		case PLPGSQL_STMT_FORC:
			return traits_of_open(cursor_name(estate, ((PLpgSQL_stmt_forc *) stmt)->curvar));
		default:
			return 0;
	}
}

/* FOR closes what it opens. */
static void
note_opened(PLpgSQL_execstate *estate, PLpgSQL_stmt *stmt)
{
	char	   *name;

	if (stmt->cmd_type != PLPGSQL_STMT_OPEN)
		return;
	name = cursor_name(estate, ((PLpgSQL_stmt_open *) stmt)->curvar);
	if (name != NULL)
		cf_cursors_open(&current->cursors, name);
}

static void
push_frame(CfWatch *watch, PLpgSQL_stmt *stmt)
{
	CfWatchFrame *frame = MemoryContextAlloc(watch->context, sizeof(CfWatchFrame));

	frame->below = watch->frames;
	frame->stmt = stmt;
	frame->named = 0;
	watch->frames = frame;
}

/* An error left statements above it that never came to their end. */
static void
drop_frames_above(CfWatch *watch, const PLpgSQL_stmt *stmt)
{
	while (watch->frames != NULL && watch->frames->stmt != stmt)
	{
		CfWatchFrame *frame = watch->frames;

		if (frame->named > 0)
			watch->traits |= CF_TRAIT_ALL_SETTINGS;
		watch->frames = frame->below;
		pfree(frame);
	}
}

static void
statement_begins(PLpgSQL_execstate *estate, PLpgSQL_stmt *stmt)
{
	CfTraitsFound found = {0};

	note_kept_plans(current);
	look_at_stmt(estate, stmt, &found);
	note_traits(current, found.traits | traits_of_cursor(estate, stmt));
	push_frame(current, stmt);
}

static void
statement_ends(PLpgSQL_execstate *estate, PLpgSQL_stmt *stmt)
{
	CfTraitsFound found = {0};
	CfWatchFrame *frame;

	look_at_stmt(estate, stmt, &found);
	note_traits(current, found.traits);
	note_opened(estate, stmt);
	drop_frames_above(current, stmt);
	frame = current->frames;
	if (frame == NULL)
		return;					/* it began before the load */
	if (frame->named > found.named)
		current->traits |= CF_TRAIT_ALL_SETTINGS;
	current->frames = frame->below;
	pfree(frame);
}

static void
plugin_func_setup(PLpgSQL_execstate *estate, PLpgSQL_function *func)
{
	if (prev_plugin == NULL)
		return;
	/* PL/pgSQL gives its functions to whom it knows: us. */
	prev_plugin->error_callback = plugin.error_callback;
	prev_plugin->assign_expr = plugin.assign_expr;
	prev_plugin->assign_value = plugin.assign_value;
	prev_plugin->eval_datum = plugin.eval_datum;
	prev_plugin->cast_value = plugin.cast_value;
	if (prev_plugin->func_setup)
		prev_plugin->func_setup(estate, func);
}

/*
 * A variable may be filled and printed by conversions that no tree shows. Its type
 * can tell.
 */
static void
look_at_type(Oid type)
{
	if (OidIsValid(type) && type != RECORDOID)
		note_traits(current, cf_function_traits_of_value(type));
}

static void
look_at_variables(const PLpgSQL_execstate *estate)
{
	for (int i = 0; i < estate->ndatums; i++)
	{
		const PLpgSQL_datum *datum = estate->datums[i];

		if (datum->dtype == PLPGSQL_DTYPE_VAR || datum->dtype == PLPGSQL_DTYPE_PROMISE)
			look_at_type(((const PLpgSQL_var *) datum)->datatype->typoid);
		else if (datum->dtype == PLPGSQL_DTYPE_REC)
			look_at_type(((const PLpgSQL_rec *) datum)->rectypeid);
	}
}

static void
plugin_func_beg(PLpgSQL_execstate *estate, PLpgSQL_function *func)
{
	if (unlikely(current != NULL))
		look_at_variables(estate);
	if (prev_plugin != NULL && prev_plugin->func_beg)
		prev_plugin->func_beg(estate, func);
}

static void
plugin_func_end(PLpgSQL_execstate *estate, PLpgSQL_function *func)
{
	if (prev_plugin != NULL && prev_plugin->func_end)
		prev_plugin->func_end(estate, func);
}

static void
plugin_stmt_beg(PLpgSQL_execstate *estate, PLpgSQL_stmt *stmt)
{
	if (likely(current != NULL))
		statement_begins(estate, stmt);
	if (prev_plugin != NULL && prev_plugin->stmt_beg)
		prev_plugin->stmt_beg(estate, stmt);
}

static void
plugin_stmt_end(PLpgSQL_execstate *estate, PLpgSQL_stmt *stmt)
{
	if (likely(current != NULL))
		statement_ends(estate, stmt);
	if (prev_plugin != NULL && prev_plugin->stmt_end)
		prev_plugin->stmt_end(estate, stmt);
}

static PLpgSQL_plugin plugin = {
	.func_setup = plugin_func_setup,
	.func_beg = plugin_func_beg,
	.func_end = plugin_func_end,
	.stmt_beg = plugin_stmt_beg,
	.stmt_end = plugin_stmt_end,
};

static PLpgSQL_plugin **
plugin_place(void)
{
	static PLpgSQL_plugin **place = NULL;

	if (unlikely(place == NULL))
		place = (PLpgSQL_plugin **) find_rendezvous_variable("PLpgSQL_plugin");
	return place;
}

/*
 * Only while a load runs: so that no statement outside of one pays for it, and
 * so that whoever is loaded later, and calls who was there before, never calls us.
 */
static void
install_plugin(void)
{
	PLpgSQL_plugin **place = plugin_place();

	if (*place == &plugin)
		return;
	prev_plugin = *place;
	*place = &plugin;
}

/* Who was loaded meanwhile stays, and calls us perhaps, who then call nobody. */
static void
remove_plugin(void)
{
	PLpgSQL_plugin **place = plugin_place();

	if (*place == &plugin)
		*place = prev_plugin;
	prev_plugin = NULL;
}

/* ---- the watch ---------------------------------------------------------- */

void
cf_watch_begin(CfWatch *watch, MemoryContext context)
{
	MemSet(watch, 0, sizeof(*watch));
	GetUserIdAndSecContext(&watch->user, &watch->sec_context);
	watch->context = context;
	watch->cursors.context = context;
	watch->outer = current;
	install_plugin();
	current = watch;
}

void
cf_watch_end(CfWatch *watch)
{
	drop_frames_above(watch, NULL);
	/* Whoever gets the value from the cache has no cursor. */
	if (cf_cursors_left_open(&watch->cursors))
		watch->traits |= CF_TRAIT_SESSION;
	current = watch->outer;
	if (current == NULL)
	{
		remove_plugin();
		return;
	}
	current->traits |= watch->traits;
	current->may_read_held |= watch->may_read_held;
	current->callers_rights |= watch->callers_rights;
}

void
cf_watch_reset(void)
{
	next_plan_is_own = false;
	planning = PLANNING_NONE;
	if (current != NULL)
		remove_plugin();
	current = NULL;
}

void
cf_watch_nested_fetch(CfBinding binding)
{
	if (current == NULL)
		return;
	if (binding == CF_BOUND_SETTINGS)
		current->traits |= CF_TRAIT_SETTINGS;
	else if (binding == CF_BOUND_ALL_SETTINGS)
		current->traits |= CF_TRAIT_ALL_SETTINGS;
	if (runs_as_caller(current))
		current->callers_rights = true;
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
	prev_object_access = object_access_hook;
	object_access_hook = watch_object_access;
	prev_executor_run = ExecutorRun_hook;
	ExecutorRun_hook = watch_executor_run;
	prev_planner = planner_hook;
	planner_hook = watch_planner;
	prev_utility = ProcessUtility_hook;
	ProcessUtility_hook = watch_utility;
}
