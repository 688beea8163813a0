/*
 * node.c - the plan node that gives a statement's rows from the cache, or else from its
 * plan, row by row, as they are asked for.
 *
 * The plan inside is a statement of its own with an executor of its own: it is made ready
 * on a miss only, under the rights and settings of then. PostgreSQL checks the outer
 * statement's rights each time, and takes its locks. It is run by ExecProcNode alone:
 * ExecutorRun would end a parallel plan that stops and goes on.
 *
 * src/statement/node.c
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/relation.h"
#include "catalog/pg_class.h"
#include "commands/explain.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/extensible.h"
#include "nodes/execnodes.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "base/compat.h"
#include "base/guc.h"
#include "load/follow.h"
#include "statement/answer.h"
#include "statement/node.h"
#include "statement/rowtype.h"

typedef struct ServeState
{
	CustomScanState css;
	CustomScan *whole;			/* the node, if that which begins has no columns */
	CfStatement *statement;
	CfAnswer	answer;
	CfAnswerRows rows;			/* on a hit */
	TupleTableSlot *slot;		/* on a hit */
	QueryDesc  *child;			/* on a miss */
	bool		begun;			/* it was asked for a row */
	bool		done;
	bool		there;			/* when it is explained only: memory has its answer */
	bool		moved;			/* not only forward: it was measured and kept, or will not be */
} ServeState;

static uint64 current_run = 0;
static uint64 last_run = 0;

static Node *create_state(CustomScan *scan);
static Node *create_bare_state(CustomScan *scan);
static void begin_node(CustomScanState *node, EState *estate, int eflags);
static TupleTableSlot *exec_node(CustomScanState *node);
static void end_node(CustomScanState *node);
static void rescan_node(CustomScanState *node);
static void shutdown_node(CustomScanState *node);
static void explain_node(CustomScanState *node, List *ancestors, ExplainState *es);

static const CustomScanMethods scan_methods = {
	.CustomName = "Cachefront",
	.CreateCustomScanState = create_state
};

/* A node without columns, which stands for one that has them while that is made ready. */
typedef struct BareScan
{
	CustomScan	scan;
	CustomScan *whole;
} BareScan;

static const CustomScanMethods bare_methods = {
	.CustomName = "Cachefront",
	.CreateCustomScanState = create_bare_state
};

static const CustomExecMethods exec_methods = {
	.CustomName = "Cachefront",
	.BeginCustomScan = begin_node,
	.ExecCustomScan = exec_node,
	.EndCustomScan = end_node,
	.ReScanCustomScan = rescan_node,
	.ShutdownCustomScan = shutdown_node,
	.ExplainCustomScan = explain_node
};

void
cf_node_register(void)
{
	RegisterCustomScanMethods(&scan_methods);
}

/* ---- the plan ----------------------------------------------------------- */

/*
 * What the node gives: the columns of the plan inside, without those of no concern. No
 * expression of the node is ever computed, so NULLs of their types stand for them.
 */
static void
add_columns(CustomScan *scan, const List *targetlist)
{
	ListCell   *cell;

	foreach(cell, targetlist)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, cell);
		Oid			type = exprType((Node *) entry->expr);
		int32		typmod = exprTypmod((Node *) entry->expr);
		Oid			collation = exprCollation((Node *) entry->expr);
		TargetEntry *column;

		if (entry->resjunk)
			continue;
		column = makeTargetEntry((Expr *) makeNullConst(type, typmod, collation),
								 entry->resno, entry->resname, false);
		column->resorigtbl = entry->resorigtbl;
		column->resorigcol = entry->resorigcol;
		scan->scan.plan.targetlist = lappend(scan->scan.plan.targetlist, column);
	}
}

static CustomScan *
make_scan(const CfStatement *statement)
{
	const Plan *inside = statement->child->planTree;
	CustomScan *scan = makeNode(CustomScan);

	add_columns(scan, inside->targetlist);
	/* By its price the plan cache chooses between plans. */
	scan->scan.plan.startup_cost = inside->startup_cost;
	scan->scan.plan.total_cost = inside->total_cost;
	scan->scan.plan.plan_rows = inside->plan_rows;
	scan->scan.plan.plan_width = inside->plan_width;
	scan->scan.scanrelid = 0;
	/* By this PostgreSQL says whether a cursor scrolls. */
	if (ExecSupportsBackwardScan((Plan *) inside))
		scan->flags |= CUSTOMPATH_SUPPORT_BACKWARD_SCAN;
	scan->custom_private = cf_statement_pack(statement);
	scan->methods = &scan_methods;
	return scan;
}

PlannedStmt *
cf_node_wrap(const CfStatement *statement)
{
	PlannedStmt *child = statement->child;
	PlannedStmt *stmt = makeNode(PlannedStmt);

	*stmt = *child;
	stmt->planTree = (Plan *) make_scan(statement);
	stmt->jitFlags = 0;
	stmt->resultRelations = NIL;
	stmt->appendRelations = NIL;
	stmt->subplans = NIL;
	stmt->rewindPlanIDs = NULL;
	stmt->rowMarks = NIL;
	stmt->paramExecTypes = NIL;
	CF_DROP_PRUNING(stmt);
	/* Statistics count the statement, not what is inside of it as well. */
	child->queryId = 0;
	return stmt;
}

/* The node at the root, if it is ours. */
static CustomScan *
node_of(const PlannedStmt *stmt)
{
	CustomScan *scan = (CustomScan *) stmt->planTree;

	return scan != NULL && IsA(scan, CustomScan) && scan->methods == &scan_methods ? scan : NULL;
}

PlannedStmt *
cf_node_unwrap(const PlannedStmt *stmt)
{
	CustomScan *scan = node_of(stmt);
	PlannedStmt *child;

	if (scan == NULL || !IsA(linitial(scan->custom_private), PlannedStmt))
		return NULL;
	child = makeNode(PlannedStmt);
	*child = *(PlannedStmt *) linitial(scan->custom_private);
	child->queryId = stmt->queryId;
	return child;
}

bool
cf_node_is_refused(const PlannedStmt *stmt)
{
	CustomScan *scan = node_of(stmt);

	return scan != NULL && cf_statement_is_refused(scan->custom_private);
}

CfStatement *
cf_node_statement(const PlannedStmt *stmt)
{
	return cf_statement_unpack(node_of(stmt)->custom_private);
}

PlannedStmt *
cf_node_empty(const PlannedStmt *stmt)
{
	PlannedStmt *outer = makeNode(PlannedStmt);
	CustomScan *scan = makeNode(CustomScan);

	/* Shallow, so that the plan inside is not copied with it. */
	*scan = *node_of(stmt);
	scan->custom_private = list_copy(scan->custom_private);
	linitial(scan->custom_private) = NULL;
	*outer = *stmt;
	outer->planTree = (Plan *) scan;
	return copyObject(outer);
}

PlannedStmt *
cf_node_rewrap(const PlannedStmt *stmt, const CfStatement *statement, const Query *query)
{
	PlannedStmt *outer = makeNode(PlannedStmt);
	CustomScan *scan = makeNode(CustomScan);

	*scan = *node_of(stmt);
	scan->custom_private = cf_statement_pack(statement);
	*outer = *stmt;
	outer->planTree = (Plan *) scan;
	outer->queryId = query->queryId;
	outer->stmt_location = query->stmt_location;
	outer->stmt_len = query->stmt_len;
	/* It has nothing to be run in parallel; and were it kept, it would not be for long. */
	outer->parallelModeNeeded = false;
	outer->transientPlan = true;
	return outer;
}

/* ---- its execution ------------------------------------------------------ */

static Node *
create_state(CustomScan *scan)
{
	ServeState *state = (ServeState *) newNode(sizeof(ServeState), T_CustomScanState);

	state->css.methods = &exec_methods;
	state->statement = cf_statement_unpack(scan->custom_private);
	return (Node *) state;
}

static Node *
create_bare_state(CustomScan *scan)
{
	ServeState *state = (ServeState *) create_state(scan);

	state->whole = ((BareScan *) scan)->whole;
	return (Node *) state;
}

/* Of its columns PostgreSQL would look all types up, twice. */
void
cf_node_start(QueryDesc *query, int eflags, void (*start) (QueryDesc *query, int eflags))
{
	PlannedStmt *whole = query->plannedstmt;
	CustomScan *scan = node_of(whole);
	PlannedStmt outer;
	BareScan	bare;

	if (scan == NULL)
	{
		start(query, eflags);
		return;
	}
	bare.scan = *scan;
	bare.scan.scan.plan.targetlist = NIL;
	bare.scan.methods = &bare_methods;
	bare.whole = scan;
	outer = *whole;
	outer.planTree = (Plan *) &bare;
	query->plannedstmt = &outer;
	PG_TRY();
	{
		start(query, eflags);
	}
	PG_FINALLY();
	{
		query->plannedstmt = whole;
	}
	PG_END_TRY();
	query->estate->es_plannedstmt = whole;
}

/* The node is what it stands for from here on. */
static void
dress(ServeState *state)
{
	PlanState  *ps = &state->css.ss.ps;

	if (state->whole == NULL)
		return;
	ps->plan = &state->whole->scan.plan;
	ps->ps_ResultTupleDesc = cf_rowtype_of(state->statement->number, ps->plan->targetlist);
}

/*
 * The rights on its tables are those of the statement around it, for which others have
 * been asked by their hook: who writes an audit trail would have each table twice.
 */
static void
start_unaudited(QueryDesc *query, int eflags)
{
	ExecutorCheckPerms_hook_type others = ExecutorCheckPerms_hook;

	if (likely(others == NULL))
	{
		standard_ExecutorStart(query, eflags);
		return;
	}
	ExecutorCheckPerms_hook = NULL;
	PG_TRY();
	{
		standard_ExecutorStart(query, eflags);
	}
	PG_FINALLY();
	{
		ExecutorCheckPerms_hook = others;
	}
	PG_END_TRY();
}

/* From here on functions of a miss are seen. False: they are not, and it is not kept. */
static bool
follow(ServeState *state)
{
	if (!state->answer.keeps)
		return false;
	if (cf_follow_enter(&state->answer.load))
		return true;
	cf_answer_drop(&state->answer);
	return false;
}

/* The plan inside, with the same parameters. */
static void
begin_child(ServeState *state, EState *estate, Snapshot snapshot, int eflags)
{
	state->child = CreateQueryDesc(state->statement->child, estate->es_sourceText, snapshot,
								   InvalidSnapshot, None_Receiver, estate->es_param_list_info,
								   estate->es_queryEnv, estate->es_instrument);
	if (state->statement->watched && follow(state))
	{
		PG_TRY();
		{
			cf_follow_start(&state->answer.load, state->child, eflags, start_unaudited);
		}
		PG_FINALLY();
		{
			cf_follow_leave(&state->answer.load);
		}
		PG_END_TRY();
	}
	else
		start_unaudited(state->child, eflags);
}

/* An answer that was there when the statement would have been planned may be gone. */
static void
begin_plan(ServeState *state, EState *estate, int eflags)
{
	Snapshot	snapshot = estate->es_snapshot;
	bool		late = state->statement->child == NULL;
	bool		keeps = true;

	if (late)
		keeps = cf_statement_plan_late(state->statement, estate->es_sourceText,
									   estate->es_param_list_info);
	if (keeps && (eflags & EXEC_FLAG_EXPLAIN_ONLY) == 0)
		cf_answer_begin_load(&state->answer, estate, late, &snapshot);
	begin_child(state, estate, snapshot, eflags);
}

static void
begin_rows(ServeState *state)
{
	state->slot = MakeSingleTupleTableSlot(state->css.ss.ps.ps_ResultTupleDesc,
										   &TTSOpsMinimalTuple);
	cf_answer_rows(&state->answer, &state->rows);
}

static void
begin_node(CustomScanState *node, EState *estate, int eflags)
{
	ServeState *state = (ServeState *) node;

	dress(state);
	if (state->statement->refusal != NULL)
	{
		begin_child(state, estate, estate->es_snapshot, eflags);
		return;
	}
	if ((eflags & EXEC_FLAG_EXPLAIN_ONLY) != 0)
		state->there = cf_answer_is_there(state->statement, estate->es_param_list_info);
	if ((eflags & EXEC_FLAG_EXPLAIN_ONLY) == 0)
		cf_answer_begin(&state->answer, state->statement,
						state->css.ss.ps.ps_ResultTupleDesc, estate);
	if (!state->answer.hit)
	{
		begin_plan(state, estate, eflags);
		return;
	}
	begin_rows(state);
}

static TupleTableSlot *
next_from_cache(ServeState *state)
{
	EState	   *estate = state->css.ss.ps.state;
	MemoryContext old = MemoryContextSwitchTo(estate->es_query_cxt);
	MinimalTuple tuple = likely(ScanDirectionIsForward(estate->es_direction)) ?
		cf_answer_next(&state->rows) : cf_answer_back(&state->rows);

	MemoryContextSwitchTo(old);
	if (tuple == NULL)
		return ExecClearTuple(state->slot);
	return ExecStoreMinimalTuple(tuple, state->slot, false);
}

/* As ExecutePlan pulls a plan: with the columns that only the plan needs taken away. */
static TupleTableSlot *
pull_unseen(ServeState *state)
{
	EState	   *inner = state->child->estate;
	TupleTableSlot *slot;
	MemoryContext old = MemoryContextSwitchTo(inner->es_query_cxt);

	inner->es_direction = state->css.ss.ps.state->es_direction;
	inner->es_use_parallel_mode = state->css.ss.ps.state->es_use_parallel_mode;
	ResetPerTupleExprContext(inner);
	slot = ExecProcNode(state->child->planstate);
	if (!TupIsNull(slot) && inner->es_junkFilter != NULL)
		slot = ExecFilterJunk(inner->es_junkFilter, slot);
	MemoryContextSwitchTo(old);
	return slot;
}

/*
 * Functions read on the active snapshot. Where the plan was made late that is another than
 * the plan's own, which is newer, and which they must have, too.
 */
static TupleTableSlot *
pull_on_its_snapshot(ServeState *state)
{
	TupleTableSlot *slot;

	if (likely(state->child->snapshot == state->css.ss.ps.state->es_snapshot))
		return pull_unseen(state);
	PushActiveSnapshot(state->child->snapshot);
	slot = pull_unseen(state);
	PopActiveSnapshot();
	return slot;
}

static TupleTableSlot *
pull(ServeState *state)
{
	TupleTableSlot *volatile slot;

	if (likely(!state->statement->watched))
		return pull_unseen(state);
	if (!follow(state))
		return pull_on_its_snapshot(state);
	PG_TRY();
	{
		slot = pull_on_its_snapshot(state);
	}
	PG_FINALLY();
	{
		cf_follow_leave(&state->answer.load);
	}
	PG_END_TRY();
	return slot;
}

static TupleTableSlot *
next_from_plan(ServeState *state)
{
	CfAnswer   *answer = &state->answer;
	TupleTableSlot *slot;
	instr_time	begin;
	instr_time	end;

	if (unlikely(!ScanDirectionIsForward(state->css.ss.ps.state->es_direction)))
	{
		cf_answer_drop(answer);
		state->moved = true;
		state->done = false;
		return pull(state);
	}
	if (state->done)
		return NULL;
	if (!state->begun)
		cf_answer_loads(answer);
	state->begun = true;
	if (state->moved || !cf_answer_is_timed(answer))
	{
		slot = pull(state);
		state->done = TupIsNull(slot);
		return slot;
	}
	INSTR_TIME_SET_CURRENT(begin);
	slot = pull(state);
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, begin);
	answer->ns += (uint64) (INSTR_TIME_GET_DOUBLE(end) * 1e9);
	state->done = TupIsNull(slot);
	if (state->done)
		cf_answer_end(answer, current_run);
	else
		cf_answer_keep(answer, slot, current_run);
	return slot;
}

/* Does the query run though there is an answer? */
static void
decide(ServeState *state, bool all)
{
	MemoryContext old = MemoryContextSwitchTo(state->css.ss.ps.state->es_query_cxt);

	cf_answer_decide(&state->answer, all);
	if (state->answer.hit)
		begin_rows(state);
	MemoryContextSwitchTo(old);
}

static TupleTableSlot *
exec_node(CustomScanState *node)
{
	ServeState *state = (ServeState *) node;

	/* Whoever runs it has not passed by where that is decided. */
	if (unlikely(state->answer.again != CF_AGAIN_NOT && !state->answer.decided))
		decide(state, false);
	return state->answer.hit ? next_from_cache(state) : next_from_plan(state);
}

static void
shutdown_node(CustomScanState *node)
{
	ServeState *state = (ServeState *) node;

	if (state->child != NULL)
		(void) ExecShutdownNode(state->child->planstate);
}

static void
end_node(CustomScanState *node)
{
	ServeState *state = (ServeState *) node;

	cf_answer_drop(&state->answer);
	if (state->slot != NULL)
		ExecDropSingleTupleTableSlot(state->slot);
	if (state->child == NULL)
		return;
	if ((state->child->estate->es_top_eflags & EXEC_FLAG_EXPLAIN_ONLY) == 0)
		standard_ExecutorFinish(state->child);
	standard_ExecutorEnd(state->child);
	FreeQueryDesc(state->child);
}

static void
rescan_node(CustomScanState *node)
{
	ServeState *state = (ServeState *) node;

	state->done = false;
	state->moved |= state->begun;
	if (state->answer.hit)
	{
		cf_answer_rows(&state->answer, &state->rows);
		return;
	}
	cf_answer_drop(&state->answer);
	ExecReScan(state->child->planstate);
}

/* In a word, for people: of what was run, or of what a run would be. */
static const char *
state_text(const ServeState *state)
{
	const CfAnswer *answer = &state->answer;

	if (state->statement->refusal != NULL)
		return "not served";
	if (cf_guc_transparent == CF_TRANSPARENT_OBSERVE)
		return "observed";
	if ((state->css.ss.ps.state->es_top_eflags & EXEC_FLAG_EXPLAIN_ONLY) != 0)
		return state->there ? "hit" : "miss";
	if (!answer->asked)
		return "not asked";
	return answer->hit ? "hit" : "miss";
}

/*
 * For EXPLAIN with cachefront.explain, and for who logs plans as they end: what is not a hit
 * shows the plan that ran.
 */
static void
explain_node(CustomScanState *node, List *ancestors, ExplainState *es)
{
	ServeState *state = (ServeState *) node;
	ExplainState inside;

	ExplainPropertyText("Cache", state->statement->cache, es);
	ExplainPropertyText("State", state_text(state), es);
	if (state->statement->refusal != NULL)
		ExplainPropertyText("Reason", state->statement->refusal, es);
	if (state->child == NULL)
		return;
	/* It has tables and subplans of its own. */
	inside = *es;
	inside.workers_state = NULL;
	inside.printed_subplans = NULL;
	ExplainPrintPlan(&inside, state->child);
}

/* ---- a run of the executor ---------------------------------------------- */

static void
run_and_land(ServeState *state, void (*run) (void *arg), void *arg)
{
	PG_TRY();
	{
		run(arg);
	}
	PG_CATCH();
	{
		cf_answer_land(&state->answer);
		PG_RE_THROW();
	}
	PG_END_TRY();
	cf_answer_land(&state->answer);
}

static void
board(ServeState *state, EState *estate)
{
	MemoryContext old = MemoryContextSwitchTo(estate->es_query_cxt);

	cf_answer_board(&state->answer, estate->es_snapshot);
	if (state->answer.hit)
		begin_rows(state);
	MemoryContextSwitchTo(old);
}

static bool
is_locked(Oid relid)
{
	LOCKTAG		tag;

	SET_LOCKTAG_RELATION(tag, MyDatabaseId, relid);
	return CF_LOCK_HELD_BY_ME(&tag, AccessShareLock);
}

/*
 * While a plan is open its tables are, and TRUNCATE or ALTER TABLE in the same session is
 * an error. So it is where rows come from the cache, some at a time. The executor closes
 * them. What is below the tables that the statement names is not locked, and left.
 */
static void
open_tables(EState *estate)
{
	ListCell   *cell;

	foreach(cell, estate->es_range_table)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, cell);
		Relation   *place = &estate->es_relations[foreach_current_index(cell)];

		if (rte->rtekind == RTE_RELATION && rte->relkind != RELKIND_VIEW && *place == NULL &&
			is_locked(rte->relid))
			*place = try_relation_open(rte->relid, NoLock);
	}
}

static void
note_report(void *arg)
{
	((ServeState *) arg)->answer.reported = true;
}

/* Do its rows go to a client who has sent the statement himself? Not those of a function's. */
static bool
is_for_client(const QueryDesc *query)
{
	CommandDest dest = query->dest->mydest;

	return (dest == DestRemote || dest == DestRemoteExecute) && !InLocalUserIdChange() &&
		!InSecurityRestrictedOperation();
}

static void
take_stale(ServeState *state)
{
	MemoryContext old = MemoryContextSwitchTo(state->css.ss.ps.state->es_query_cxt);

	cf_answer_take_stale(&state->answer);
	if (state->answer.hit)
		begin_rows(state);
	MemoryContextSwitchTo(old);
}

/* What can only be known when the statement runs: how many rows are asked for, and by whom. */
static void
begin_run(ServeState *state, QueryDesc *query, uint64 count)
{
	CfAnswer   *answer = &state->answer;

	if (unlikely(answer->again != CF_AGAIN_NOT && !answer->decided))
		decide(state, count == 0);
	else if (unlikely(!answer->hit && !state->begun &&
					  answer->request.def.max_stale > 0) && is_for_client(query))
		take_stale(state);
}

/* An error leaves the number of the run that it ended: then nothing is kept. */
void
cf_node_run(QueryDesc *query, uint64 count, void (*run) (void *arg), void *arg)
{
	ServeState *state = (ServeState *) query->planstate;
	bool		ours = IsA(state, CustomScanState) && state->css.methods == &exec_methods;
	uint64		before = current_run;
	ErrorContextCallback watch = {error_context_stack, note_report, state};

	current_run = ++last_run;
	if (ours)
		begin_run(state, query, count);
	if (unlikely(ours && count != 0 && state->answer.hit))
		open_tables(query->estate);
	/* What is logged of Redis meanwhile is not of the statement. */
	if (ours && state->answer.keeps && count == 0)
		board(state, query->estate);
	if (!ours || !state->answer.keeps)
		run(arg);
	else
	{
		error_context_stack = &watch;
		if (count == 0)
			run_and_land(state, run, arg);
		else
			run(arg);
		error_context_stack = watch.previous;
	}
	current_run = before;
}
