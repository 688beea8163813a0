/*
 * writing.c - is a statement at work that writes?
 *
 * AFTER triggers fire when their statement has ended: until then nobody knows
 * which rows it has changed, though a function that it calls, say in
 * RETURNING, sees them. So what runs is counted, whatever started it. A plan
 * that writes always runs to its end at once, also where its rows are fetched
 * from a cursor; and triggers fire in ExecutorFinish.
 *
 * To catch each error costs more than the rest. Outside of all subtransactions an error
 * that somebody survives is the transaction's end, and then nothing is at work: so only
 * inside of them it is caught. Code that goes on after an error without any of both leaves
 * a count too many until the transaction ends, in which the cache is not used where
 * a statement might be at work.
 *
 * src/capture/writing.c
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/executor.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"

#include "base/compat.h"
#include "capture/writing.h"

static ExecutorRun_hook_type prev_executor_run = NULL;
static ExecutorFinish_hook_type prev_executor_finish = NULL;
static ProcessUtility_hook_type prev_process_utility = NULL;

static int	depth = 0;			/* statements at work that write */

void
cf_writing_aborted(void)
{
	depth = 0;
}

bool
cf_writing_now(void)
{
	return depth > 0;
}

static bool
writes(const QueryDesc *query)
{
	return query->operation != CMD_SELECT || query->plannedstmt->hasModifyingCTE;
}

/* Is an error in what begins now the end of the whole transaction? */
static bool
ends_by_abort(void)
{
	return GetCurrentTransactionNestLevel() == 1;
}

static void
run(CF_EXECUTOR_RUN_PARAMS)
{
	if (prev_executor_run)
		prev_executor_run(CF_EXECUTOR_RUN_ARGS);
	else
		standard_ExecutorRun(CF_EXECUTOR_RUN_ARGS);
}

static void
writing_executor_run(CF_EXECUTOR_RUN_PARAMS)
{
	if (!writes(query))
	{
		run(CF_EXECUTOR_RUN_ARGS);
		return;
	}
	depth++;
	if (likely(ends_by_abort()))
	{
		run(CF_EXECUTOR_RUN_ARGS);
		depth--;
		return;
	}
	PG_TRY();
	{
		run(CF_EXECUTOR_RUN_ARGS);
	}
	PG_FINALLY();
	{
		depth--;
	}
	PG_END_TRY();
}

static void
finish(QueryDesc *query)
{
	if (prev_executor_finish)
		prev_executor_finish(query);
	else
		standard_ExecutorFinish(query);
}

/* Data-modifying WITH clauses are carried out to their end here. */
static void
writing_executor_finish(QueryDesc *query)
{
	if (!writes(query))
	{
		finish(query);
		return;
	}
	depth++;
	if (likely(ends_by_abort()))
	{
		finish(query);
		depth--;
		return;
	}
	PG_TRY();
	{
		finish(query);
	}
	PG_FINALLY();
	{
		depth--;
	}
	PG_END_TRY();
}

static void
process_utility(PlannedStmt *pstmt, const char *query, bool read_only_tree,
				ProcessUtilityContext utility_context, ParamListInfo params,
				QueryEnvironment *environment, DestReceiver *dest, QueryCompletion *completion)
{
	(prev_process_utility ? prev_process_utility : standard_ProcessUtility)
		(pstmt, query, read_only_tree, utility_context, params, environment, dest, completion);
}

/* COPY has no plan, but evaluates defaults, generated columns and WHERE. */
static void
writing_process_utility(PlannedStmt *pstmt, const char *query, bool read_only_tree,
						ProcessUtilityContext utility_context, ParamListInfo params,
						QueryEnvironment *environment, DestReceiver *dest,
						QueryCompletion *completion)
{
	if (!IsA(pstmt->utilityStmt, CopyStmt) || !((CopyStmt *) pstmt->utilityStmt)->is_from)
	{
		process_utility(pstmt, query, read_only_tree, utility_context, params, environment,
						dest, completion);
		return;
	}
	depth++;
	PG_TRY();
	{
		process_utility(pstmt, query, read_only_tree, utility_context, params, environment,
						dest, completion);
	}
	PG_FINALLY();
	{
		depth--;
	}
	PG_END_TRY();
}

void
cf_writing_install_hooks(void)
{
	prev_executor_run = ExecutorRun_hook;
	ExecutorRun_hook = writing_executor_run;
	prev_executor_finish = ExecutorFinish_hook;
	ExecutorFinish_hook = writing_executor_finish;
	prev_process_utility = ProcessUtility_hook;
	ProcessUtility_hook = writing_process_utility;
}
