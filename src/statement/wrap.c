/*
 * wrap.c - where statements are seen as they are planned and begun.
 *
 * src/statement/wrap.c
 */
#include "postgres.h"

#include "access/parallel.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/planner.h"
#include "portability/instr_time.h"
#include "replication/walsender.h"
#include "tcop/utility.h"

#include "base/compat.h"
#include "base/guc.h"
#include "base/shmem.h"
#include "l1/clock.h"
#include "load/follow.h"
#include "request/deps.h"
#include "request/identity.h"
#include "rules/defined.h"
#include "rules/determined.h"
#include "rules/pins.h"
#include "rules/security.h"
#include "statement/comment.h"
#include "statement/eligible.h"
#include "statement/known.h"
#include "statement/mark.h"
#include "statement/node.h"
#include "statement/shape.h"
#include "statement/statement.h"
#include "statement/tree.h"
#include "statement/validity.h"

static planner_hook_type prev_planner = NULL;
static ExecutorStart_hook_type prev_start = NULL;
static ExecutorRun_hook_type prev_run = NULL;
static ProcessUtility_hook_type prev_utility = NULL;

static int	explaining = 0;		/* how many EXPLAINs are at work that show the plan itself */
static int	showing = 0;		/* and how many, if the next plan is theirs, that show ours */

/* ---- planning ----------------------------------------------------------- */

/* May statements be served in this process, now? */
static bool
is_serving(void)
{
	return cf_guc_transparent != CF_TRANSPARENT_OFF && cf_guc_enabled && cf_shmem_ready() &&
		!IsParallelWorker() && !am_walsender && explaining == 0 && !cf_load_active() &&
		!cf_watch_plans_own();
}

/* Its tree is written out, which takes several times as much. */
static bool
is_too_long(const Query *query, const char *text)
{
	if (text == NULL)
		return false;
	if (query->stmt_len > 0)
		return query->stmt_len > CF_STATEMENT_TEXT_MAX;
	return strnlen(text, CF_STATEMENT_TEXT_MAX + 1) > CF_STATEMENT_TEXT_MAX;
}

bool
cf_statement_is_marked(const Query *query, uint64 number, CfWish *wish)
{
	const CfMark *mark = cf_mark_find(query, number);

	if (mark == NULL)
		return false;
	wish->marked = true;
	wish->mark = pstrdup(mark->name);
	strlcpy(wish->comment.name, mark->cache, sizeof(wish->comment.name));
	wish->comment.ttl = mark->ttl;
	wish->max_stale = mark->max_stale;
	wish->max_stale_defined = mark->max_stale_defined;
	wish->tags = copyObject(mark->tags);
	return true;
}

/* Is it asked for, or worth it? */
static bool
is_wanted(const Query *query, const char *text, CfWish *wish)
{
	bool		observes = cf_guc_transparent == CF_TRANSPARENT_OBSERVE;
	const char *begin;
	uint64		number;
	CfEligibility why;
	int			len;
	Oid			relid;

	memset(wish, 0, sizeof(*wish));
	wish->why_not = "its text is longer than 1 MB";
	if (is_too_long(query, text))
		return false;
	wish->why_not = "neither a comment nor cache_query marks it";
	wish->marked = cf_comment_of(text, query->stmt_location, query->stmt_len, &wish->comment);
	if (wish->marked && !observes)
		return true;
	if (cf_guc_transparent == CF_TRANSPARENT_MARKED && !cf_mark_any())
		return false;
	number = cf_shape_number(query, &relid);
	if (!observes && cf_statement_is_marked(query, number, wish))
		return true;
	if (cf_guc_transparent == CF_TRANSPARENT_MARKED)
		return false;
	wish->number = number;
	begin = cf_statement_source(query, text, &len);
	wish->shape = cf_shape_see(wish->number, relid, begin, len);
	wish->why_not = cf_shape_verdict(wish->shape, &why) == CF_VERDICT_INELIGIBLE ?
		cf_eligible_reason(why) : "it saves less than cachefront.transparent_min_saving";
	return cf_guc_transparent == CF_TRANSPARENT_OBSERVE || cf_shape_is_served(wish->shape);
}

typedef struct Params
{
	List	   *numbers;
	List	   *types;
	bool		folds_names;
} Params;

/* Which parameters it uses, and whether it names what text search is configured by. */
static bool
params_walker(Node *node, void *context)
{
	Params	   *params = context;

	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, params_walker, context, 0);
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXTERN &&
		!list_member_int(params->numbers, ((Param *) node)->paramid))
	{
		params->numbers = lappend_int(params->numbers, ((Param *) node)->paramid);
		params->types = lappend_oid(params->types, ((Param *) node)->paramtype);
	}
	if (IsA(node, Const) && (((Const *) node)->consttype == REGCONFIGOID ||
							 ((Const *) node)->consttype == REGDICTIONARYOID))
		params->folds_names = true;
	return expression_tree_walker(node, params_walker, context);
}

/* All that must be known before the planner has changed the query. */
static void
describe(CfStatement *statement, Query *query, const char *text, int options, CfDefined *defined)
{
	Params		params = {0};
	const char *begin;
	int			len;

	(void) params_walker((Node *) query, &params);
	cf_tree_hash(query, &statement->tree);
	/* Another plan, which may give another order. */
	if ((options & CURSOR_OPT_FAST_PLAN) != 0)
		cf_hash128_add_u64(&statement->tree, CURSOR_OPT_FAST_PLAN);
	statement->settings = cf_identity_of_settings();
	cf_defined_add_query(defined, query);
	statement->params = params.numbers;
	statement->param_types = params.types;
	statement->folds_names = params.folds_names;
	statement->mutable = contain_mutable_functions((Node *) query);
	/* Asked only where hits are checked, for it looks into catalogs. */
	statement->determined = cf_guc_verify_rate > 0 && !statement->mutable &&
		cf_query_is_determined(query);
	statement->number = cf_validity_number();
	statement->moment = cf_moment_now();
	begin = cf_statement_source(query, text, &len);
	statement->text = pnstrdup(begin, len);
}

static PlannedStmt *
plan_on(Query *query, const char *text, int options, ParamListInfo params)
{
	return prev_planner ? prev_planner(query, text, options, params) :
		standard_planner(query, text, options, params);
}

/* With what its scans are pinned to, for the rows that it depends on. */
static PlannedStmt *
plan_and_note(Query *query, const char *text, int options, ParamListInfo params)
{
	PlannedStmt *volatile stmt;

	cf_pins_note(true);
	PG_TRY();
	{
		stmt = plan_on(query, text, options, params);
	}
	PG_FINALLY();
	{
		cf_pins_note(cf_load_active());
	}
	PG_END_TRY();
	return stmt;
}

static void
note_report(void *arg)
{
	*(bool *) arg = true;
}

/* The same of what calls functions, and sees what they do meanwhile. */
static PlannedStmt *
plan_and_follow(CfLoad *load, Query *query, const char *text, int options, ParamListInfo params)
{
	static const CfDefinition anyones = {.scope = CF_SCOPE_ROLE};
	PlannedStmt *volatile stmt;

	cf_follow_begin(load, &anyones);
	if (!cf_follow_enter(load))
	{
		load->bypass = CF_BYPASS_SESSION;
		return plan_and_note(query, text, options, params);
	}
	PG_TRY();
	{
		stmt = plan_and_note(query, text, options, params);
	}
	PG_FINALLY();
	{
		cf_follow_leave(load);
	}
	PG_END_TRY();
	cf_follow_end(load);
	return stmt;
}

static void
take_calls(CfStatement *statement, const CfCalls *calls)
{
	statement->binding = calls->binding;
	statement->functions = calls->functions != NIL;
	statement->by_role = calls->by_role;
	statement->watched = calls->watched;
	/* Where a function may not be called it is not taken apart. */
	statement->planned_by = calls->watched ? GetUserId() : InvalidOid;
	/* What a function reads by itself may be of a newer snapshot. */
	statement->mutable |= calls->watched;
}

CfEligibility
cf_statement_plan(CfStatement *statement, Query *query, const char *text, int options,
				  ParamListInfo params, CfCalls *calls)
{
	CfDefined	defined = {0};
	CfLoad		planning = {0};
	ErrorContextCallback watch = {error_context_stack, note_report, &statement->reported};
	CfEligibility verdict;
	instr_time	begin;
	instr_time	end;

	describe(statement, query, text, options, &defined);
	INSTR_TIME_SET_CURRENT(begin);
	error_context_stack = &watch;
	statement->child = calls->functions != NIL ?
		plan_and_follow(&planning, query, text, options, params) :
		plan_and_note(query, text, options, params);
	error_context_stack = watch.previous;
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, begin);
	statement->plan_us = INSTR_TIME_GET_MICROSEC(end);
	verdict = cf_eligible_plan(statement->child, calls->functions != NIL ? &planning : NULL, calls);
	if (verdict != CF_ELIGIBLE)
		return verdict;
	take_calls(statement, calls);
	cf_defined_add_plan(&defined, statement->child);
	statement->defined = defined.relids;
	statement->rowtypes = defined.rowtypes;
	statement->types = defined.types;
	statement->defined_any = defined.any;
	return CF_ELIGIBLE;
}

/* A cursor has a plan, by which it can move back or not. */
static PlannedStmt *
find_known(Query *query, const char *text, int options, ParamListInfo params, const CfWish *wish,
		   CfKnownText *known)
{
	int			number = cf_known_take_number(query);

	if ((options & (CURSOR_OPT_FAST_PLAN | CURSOR_OPT_SCROLL)) == 0)
		return cf_known_find(query, number, text, params, wish, known);
	MemSet(known, 0, sizeof(*known));
	return NULL;
}

/* One that is asked for, or worth it: under our node, if it may be served. */
static PlannedStmt *
plan_wanted(Query *query, const char *text, int options, ParamListInfo params,
			CfWish *wish, CfKnownText *known)
{
	CfStatement statement = {0};
	CfEligibility verdict;
	CfCalls		calls;
	PlannedStmt *stmt;

	cf_statement_wish(&statement, wish);
	verdict = cf_eligible_query(query, &calls);
	wish->why_not = NULL;
	if (verdict != CF_ELIGIBLE)
		statement.child = plan_on(query, text, options, params);
	else
	{
		cf_known_before(known, query, text);
		verdict = cf_statement_plan(&statement, query, text, options, params, &calls);
	}
	if (verdict != CF_ELIGIBLE)
	{
		if (wish->shape != NULL)
			cf_shape_refuse(wish->shape, verdict);
		wish->why_not = cf_eligible_reason(verdict);
		return statement.child;
	}
	if (!cf_eligible_cursor_plan(statement.child, options))
		return statement.child;
	if (!known->usable)
		statement.plan_us = 0;
	(void) cf_deps_announce(MyDatabaseId, statement.child->relationOids);
	stmt = cf_node_wrap(&statement);
	/* What planning tells, it must tell each time. */
	if (!statement.reported)
		cf_known_learn(known, &statement, stmt);
	return stmt;
}

/* For EXPLAIN: its own plan below a node that says why it is not served. */
static PlannedStmt *
show_refusal(PlannedStmt *stmt, const CfWish *wish)
{
	CfStatement statement = {.child = stmt, .refusal = wish->why_not, .text = ""};

	/* What locks rows or writes cannot run below another plan. */
	if (wish->why_not == NULL || stmt->commandType != CMD_SELECT || stmt->rowMarks != NIL ||
		stmt->hasModifyingCTE)
		return stmt;
	statement.cache = wish->comment.name[0] != '\0' ? wish->comment.name : CF_STATEMENT_CACHE;
	statement.number = cf_validity_number();
	return cf_node_wrap(&statement);
}

static PlannedStmt *
wrap_planner(Query *query, const char *text, int options, ParamListInfo params)
{
	CfWish		wish;
	CfKnownText known;
	PlannedStmt *stmt;
	bool		wanted;

	if (likely(cf_guc_transparent == CF_TRANSPARENT_OFF) || query->commandType != CMD_SELECT ||
		query->rtable == NIL || !is_serving() || !cf_eligible_cursor(options))
		return plan_on(query, text, options, params);
	wanted = is_wanted(query, text, &wish);
	if (wanted)
	{
		stmt = find_known(query, text, options, params, &wish, &known);
		if (stmt != NULL)
			return stmt;
	}
	stmt = wanted ? plan_wanted(query, text, options, params, &wish, &known) :
		plan_on(query, text, options, params);
	if (unlikely(showing > 0))
		stmt = show_refusal(stmt, &wish);
	/* It may be kept, and cache_query may change what is wanted. */
	cf_mark_add_dependency(stmt);
	return stmt;
}

void
cf_statement_wish(CfStatement *statement, const CfWish *wish)
{
	statement->cache = wish->comment.name[0] != '\0' ? pstrdup(wish->comment.name) :
		CF_STATEMENT_CACHE;
	statement->ttl = wish->comment.ttl;
	statement->max_stale = wish->max_stale;
	statement->max_stale_defined = wish->max_stale_defined;
	statement->tags = wish->tags;
	statement->marked = wish->marked;
	statement->shape = wish->number;
}

bool
cf_statement_plan_late(CfStatement *statement, const char *text, ParamListInfo params)
{
	CfStatement planned = {.cache = statement->cache, .ttl = statement->ttl,
		.max_stale = statement->max_stale, .max_stale_defined = statement->max_stale_defined,
		.tags = statement->tags, .marked = statement->marked, .shape = statement->shape};
	CfEligibility verdict;
	CfCalls		calls;

	/* It was eligible; but what functions are like may have changed since. */
	verdict = cf_eligible_query(statement->query, &calls);
	/* Should it begin again, the query is needed as it was. */
	if (cf_statement_plan(&planned, copyObject(statement->query), text, 0, params,
						  &calls) != CF_ELIGIBLE)
		verdict = CF_NOT_STABLE;
	planned.child->queryId = 0;
	*statement = planned;
	return verdict == CF_ELIGIBLE;
}

/* ---- execution ---------------------------------------------------------- */

static void
start_on(QueryDesc *query, int eflags)
{
	if (prev_start)
		prev_start(query, eflags);
	else
		standard_ExecutorStart(query, eflags);
}

/* Where the cache must not be asked the plan inside runs as if there were no other. */
static void
wrap_executor_start(QueryDesc *query, int eflags)
{
	if (unlikely(explaining > 0 || cf_load_active() ||
				 (showing == 0 && cf_node_is_refused(query->plannedstmt))))
	{
		PlannedStmt *inside = cf_node_unwrap(query->plannedstmt);

		if (inside != NULL)
			query->plannedstmt = inside;
	}
	cf_node_start(query, eflags, start_on);
}

typedef struct Run
{
	QueryDesc  *query;
	ScanDirection direction;
	uint64		count;
	bool		once;
} Run;

static void
run_on(void *arg)
{
	Run		   *r = arg;

	if (prev_run)
		prev_run(CF_EXECUTOR_RUN_LIST(r->query, r->direction, r->count, r->once));
	else
		standard_ExecutorRun(CF_EXECUTOR_RUN_LIST(r->query, r->direction, r->count, r->once));
}

static void
wrap_executor_run(CF_EXECUTOR_RUN_PARAMS)
{
	Run			r = {query, direction, count, CF_EXECUTOR_RUN_ONCE};
	int			shown = showing;

	/* What is planned while it runs is not what is explained. An error ends the EXPLAIN. */
	showing = 0;
	cf_node_run(query, count, run_on, &r);
	showing = shown;
}

static void
run_utility(PlannedStmt *pstmt, const char *text, bool read_only_tree,
			ProcessUtilityContext context, ParamListInfo params, QueryEnvironment *environment,
			DestReceiver *dest, QueryCompletion *completion)
{
	if (prev_utility)
		prev_utility(pstmt, text, read_only_tree, context, params, environment, dest, completion);
	else
		standard_ProcessUtility(pstmt, text, read_only_tree, context, params, environment, dest,
								completion);
}

/* EXPLAIN shows the plan itself, and runs it; or, if so set, ours, and runs that. */
static void
explain(PlannedStmt *pstmt, const char *text, bool read_only_tree, ProcessUtilityContext context,
		ParamListInfo params, QueryEnvironment *environment, DestReceiver *dest,
		QueryCompletion *completion)
{
	int			before = explaining;
	int			shown = showing;

	if (cf_guc_explain)
		showing++;
	else
		explaining++;
	PG_TRY();
	{
		run_utility(pstmt, text, read_only_tree, context, params, environment, dest, completion);
	}
	PG_FINALLY();
	{
		explaining = before;
		showing = shown;
	}
	PG_END_TRY();
}

/* Definitions may change what a text means. */
static void
wrap_utility(PlannedStmt *pstmt, const char *text, bool read_only_tree,
			 ProcessUtilityContext context, ParamListInfo params, QueryEnvironment *environment,
			 DestReceiver *dest, QueryCompletion *completion)
{
	bool		defines = GetCommandLogLevel(pstmt->utilityStmt) == LOGSTMT_DDL;

	if (likely(!IsA(pstmt->utilityStmt, ExplainStmt)))
		run_utility(pstmt, text, read_only_tree, context, params, environment, dest, completion);
	else
		explain(pstmt, text, read_only_tree, context, params, environment, dest, completion);
	if (defines)
		cf_known_change_names();
}

void
cf_statement_install_hooks(void)
{
	cf_node_register();
	cf_known_install_hooks();
	prev_planner = planner_hook;
	planner_hook = wrap_planner;
	prev_start = ExecutorStart_hook;
	ExecutorStart_hook = wrap_executor_start;
	prev_run = ExecutorRun_hook;
	ExecutorRun_hook = wrap_executor_run;
	prev_utility = ProcessUtility_hook;
	ProcessUtility_hook = wrap_utility;
}
