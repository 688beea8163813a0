/*
 * watch_plpgsql.c - what PL/pgSQL does during a load.
 *
 * It evaluates simple expressions without an executor, and keeps them ready until
 * the end of the transaction: so each statement that begins or ends during a load
 * has its simple expressions looked at as trees, by PL/pgSQL's own hook for
 * debuggers.
 *
 * src/load/watch_plpgsql.c
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "plpgsql.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"

#include "load/reading.h"
#include "load/watch_internal.h"

/* Of a debugger or profiler whose place ours has while a load runs; or NULL. */
static PLpgSQL_plugin *prev_plugin = NULL;
static PLpgSQL_plugin plugin;

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
	cf_traits_add_dates(found, expr->query);
	cf_watch_current->read_otherwise |= cf_reading_may_differ(expr->query);
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
			return cf_watch_traits_of_fetch(cursor_name(estate,
														((PLpgSQL_stmt_fetch *) stmt)->curvar));
		case PLPGSQL_STMT_CLOSE:
			return cf_watch_traits_of_fetch(cursor_name(estate,
														((PLpgSQL_stmt_close *) stmt)->curvar));
		case PLPGSQL_STMT_OPEN:
			return cf_watch_traits_of_open(cursor_name(estate,
														((PLpgSQL_stmt_open *) stmt)->curvar));
		case PLPGSQL_STMT_FORC:
			return cf_watch_traits_of_open(cursor_name(estate,
														((PLpgSQL_stmt_forc *) stmt)->curvar));
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
		cf_cursors_open(&cf_watch_current->cursors, name);
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

void
cf_watch_drop_frames(CfWatch *watch)
{
	drop_frames_above(watch, NULL);
}

static void
statement_begins(PLpgSQL_execstate *estate, PLpgSQL_stmt *stmt)
{
	CfTraitsFound found = {.trusting = cf_watch_current->trusting};

	cf_watch_note_kept_plans(cf_watch_current);
	look_at_stmt(estate, stmt, &found);
	cf_watch_note_traits(cf_watch_current, found.traits | traits_of_cursor(estate, stmt));
	push_frame(cf_watch_current, stmt);
}

static void
statement_ends(PLpgSQL_execstate *estate, PLpgSQL_stmt *stmt)
{
	CfTraitsFound found = {.trusting = cf_watch_current->trusting};
	CfWatchFrame *frame;

	look_at_stmt(estate, stmt, &found);
	cf_watch_note_traits(cf_watch_current,
						 found.traits | cf_watch_traits_of_casts(estate, stmt));
	note_opened(estate, stmt);
	drop_frames_above(cf_watch_current, stmt);
	frame = cf_watch_current->frames;
	if (frame == NULL)
		return;					/* it began before the load */
	if (frame->named > found.named)
		cf_watch_current->traits |= CF_TRAIT_ALL_SETTINGS;
	cf_watch_current->frames = frame->below;
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
	CfTraitsFound found = {.trusting = cf_watch_current->trusting};

	if (!OidIsValid(type) || type == RECORDOID)
		return;
	found.traits = cf_function_traits_of_value(type);
	if (get_typtype(type) == TYPTYPE_DOMAIN)
		cf_traits_of_domain(type, &found);
	cf_watch_note_traits(cf_watch_current, found.traits);
}

static void
look_at_variables(const PLpgSQL_execstate *estate)
{
	look_at_type(estate->func->fn_rettype);
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
	if (unlikely(cf_watch_current != NULL))
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
	if (likely(cf_watch_current != NULL))
		statement_begins(estate, stmt);
	if (prev_plugin != NULL && prev_plugin->stmt_beg)
		prev_plugin->stmt_beg(estate, stmt);
}

static void
plugin_stmt_end(PLpgSQL_execstate *estate, PLpgSQL_stmt *stmt)
{
	if (likely(cf_watch_current != NULL))
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
void
cf_watch_install_plugin(void)
{
	PLpgSQL_plugin **place = plugin_place();

	if (*place == &plugin)
		return;
	prev_plugin = *place;
	*place = &plugin;
}

/* Who was loaded meanwhile stays, and calls us perhaps, who then call nobody. */
void
cf_watch_remove_plugin(void)
{
	PLpgSQL_plugin **place = plugin_place();

	if (*place == &plugin)
		*place = prev_plugin;
	prev_plugin = NULL;
}
