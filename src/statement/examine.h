/*
 * examine.h - looks at a statement as if a client had sent it, and does not run it.
 *
 * src/statement/examine.h
 */
#ifndef CF_STATEMENT_EXAMINE_H
#define CF_STATEMENT_EXAMINE_H

#include "postgres.h"

#include "l1/table.h"
#include "load/loader.h"
#include "request/request.h"
#include "statement/eligible.h"
#include "statement/shape.h"
#include "statement/statement.h"

typedef struct CfExamined
{
	Query	   *query;			/* analysed and rewritten */
	ParamListInfo params;		/* their values, or NULL */
	CfEligibility verdict;
	CfWish		wish;			/* who asks for it; its shape is NULL if nobody has measured it */
	CfStatement statement;		/* planned, if it is eligible */
} CfExamined;

/*
 * Analyses one SELECT under the session's own settings, checks the caller's rights, and plans
 * it. args: $1, $2, ..., with their types, or none: these are as the text says, and have no
 * values. Raises an error for anything
 * but a SELECT, the query's own, and that of rights. All is palloc'd.
 */
extern void cf_examine(const char *text, const CfArgs *args, CfExamined *examined);

#endif							/* CF_STATEMENT_EXAMINE_H */
