/*
 * examine.c - looks at a statement as if a client had sent it, and does not run it.
 *
 * src/statement/examine.c
 */
#include "postgres.h"

#include "executor/executor.h"
#include "nodes/parsenodes.h"
#include "optimizer/optimizer.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "load/select.h"
#include "request/params.h"
#include "rules/pins.h"
#include "statement/comment.h"
#include "statement/examine.h"

static Query *
analyse(const char *text, const CfArgs *args)
{
	RawStmt    *raw = cf_select_parse(text);
	Oid		   *types = NULL;
	int			ntypes = 0;
	List	   *queries;

	if (args->n == 0)
		queries = pg_analyze_and_rewrite_varparams(raw, text, &types, &ntypes, NULL);
	else
		queries = pg_analyze_and_rewrite_fixedparams(raw, text, args->types, args->n, NULL);
	if (list_length(queries) != 1 || linitial_node(Query, queries)->commandType != CMD_SELECT)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("only a SELECT can be cached")));
	return linitial_node(Query, queries);
}

/* Whose comment or mark asks for it, and else what is known of its shape. */
static void
find_wish(const char *text, CfExamined *examined)
{
	const Query *query = examined->query;
	CfWish	   *wish = &examined->wish;
	Oid			relid;

	wish->number = cf_shape_number(query, &relid);
	wish->marked = cf_comment_of(text, query->stmt_location, query->stmt_len, &wish->comment) ||
		cf_statement_is_marked(query, wish->number, wish);
	wish->shape = cf_shape_find(wish->number);
}

/* As the executor does it, before anything runs. */
static void
check_rights(PlannedStmt *stmt, const char *text, ParamListInfo params)
{
	QueryDesc  *desc = CreateQueryDesc(stmt, text, GetActiveSnapshot(), InvalidSnapshot,
									   None_Receiver, params, NULL, 0);

	ExecutorStart(desc, EXEC_FLAG_EXPLAIN_ONLY);
	ExecutorEnd(desc);
	FreeQueryDesc(desc);
}

void
cf_examine(const char *text, const CfArgs *args, CfExamined *examined)
{
	CfStatement *statement = &examined->statement;
	CfRequest	request = {.query = cstring_to_text(text)};
	ErrorContextCallback callback;
	CfEligibility planned;
	CfCalls		calls;

	MemSet(examined, 0, sizeof(*examined));
	cf_request_begin_errors(&callback, &request);
	PushActiveSnapshot(GetTransactionSnapshot());
	examined->query = analyse(text, args);
	if (args->n > 0 && args->n != cf_params_count(examined->query))
		cf_params_complain(args, cf_params_count(examined->query));
	examined->params = cf_params_list(args);
	find_wish(text, examined);
	cf_statement_wish(statement, &examined->wish);
	examined->verdict = cf_eligible_query(examined->query, &calls);
	planned = cf_statement_plan(statement, copyObject(examined->query), text,
								CURSOR_OPT_PARALLEL_OK, examined->params, &calls);
	if (examined->verdict == CF_ELIGIBLE)
		examined->verdict = planned;
	check_rights(statement->child, text, examined->params);
	PopActiveSnapshot();
	error_context_stack = callback.previous;
}
