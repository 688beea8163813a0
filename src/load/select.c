/*
 * select.c - parses and analyses the query of a request.
 *
 * src/load/select.c
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/functions.h"
#include "nodes/nodeFuncs.h"
#include "tcop/tcopprot.h"

#include "base/compat.h"
#include "load/reading.h"
#include "load/select.h"
#include "request/columns.h"
#include "request/params.h"

static bool
locks_rows_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		if (((Query *) node)->rowMarks != NIL)
			return true;
		return query_tree_walker((Query *) node, locks_rows_walker, context, 0);
	}
	return expression_tree_walker(node, locks_rows_walker, context);
}

RawStmt *
cf_select_parse(const char *query)
{
	List	   *stmts = pg_parse_query(query);
	RawStmt    *raw;

	if (stmts == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("query to cache is empty"),
				 errhint("It is to be the text of a SELECT.")));
	if (list_length(stmts) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("cannot cache more than one statement"),
				 errdetail("The query has %d statements.", list_length(stmts)),
				 errhint("Cache each by itself.")));
	raw = linitial_node(RawStmt, stmts);
	if (!IsA(raw->stmt, SelectStmt) || ((SelectStmt *) raw->stmt)->intoClause != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("only a SELECT can be cached"),
				 errdetail("The query must be one SELECT, VALUES, TABLE or WITH ... SELECT."),
				 errhint("Run any other statement by itself.")));
	return raw;
}

Query *
cf_select_analyse(const CfRequest *request, const char *text)
{
	RawStmt    *raw = cf_select_parse(text);
	List	   *queries;
	Query	   *query;
	CfReadingAnalysed reading;
	int			nparams;

	reading = cf_reading_analysed();
	queries = pg_analyze_and_rewrite_fixedparams(raw, text, request->args.types,
												 request->args.n, NULL);
	/* Analysed each time, and never kept. */
	cf_reading_forget_one(&reading);
	if (list_length(queries) != 1 ||
		linitial_node(Query, queries)->commandType != CMD_SELECT)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("only a SELECT can be cached")));
	query = linitial_node(Query, queries);
	if (query->hasModifyingCTE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot cache a query with a data-modifying WITH clause"),
				 errdetail("A query that is being cached runs once for many callers."),
				 errhint("Run the statement that writes by itself.")));
	if (locks_rows_walker((Node *) query, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot cache a query that locks rows"),
				 errhint("Remove FOR UPDATE, FOR SHARE and the like.")));
	nparams = cf_params_count(query);
	if (nparams < request->args.n)
		cf_params_complain(&request->args, nparams);
	if (request->form == CF_FORM_ROWS)
	{
		cf_columns_check(query, request->rows_desc);
		/* PostgreSQL's own check of a SQL function that returns record. */
		(void) CF_CHECK_FUNCTION_RETURN(list_make1(queries), RECORDOID,
										request->rows_desc);
		query = linitial_node(Query, queries);
	}
	return query;
}
