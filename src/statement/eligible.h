/*
 * eligible.h - which statements may be answered from the cache without being asked for?
 *
 * Lists of what is known to be safe. All that PostgreSQL evaluates is looked at, before
 * and after planning: the planner adds default arguments, and takes views and functions
 * apart.
 *
 * src/statement/eligible.h
 */
#ifndef CF_STATEMENT_ELIGIBLE_H
#define CF_STATEMENT_ELIGIBLE_H

#include "postgres.h"

#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"

#include "load/loader.h"
#include "rules/setting.h"

/* Why a statement is not served; CF_ELIGIBLE if it is. */
typedef enum CfEligibility
{
	CF_ELIGIBLE,
	CF_NOT_SELECT,				/* it writes, locks rows, or is no query */
	CF_NOT_A_TABLE,				/* it reads none */
	CF_NOT_TRACKED,				/* of a table of it changes are not noticed */
	CF_NOT_BUILTIN,				/* it calls a function that is VOLATILE or not seen into */
	CF_NOT_STABLE,				/* it depends on time, chance, or the session */
	CF_NOT_SEEN,				/* its functions would run in other processes */
	CF_NOT_A_ROW,				/* its columns have no type that can be kept */
	CF_NOT_PLAIN				/* a sample, a transition table */
} CfEligibility;

/* What shows of a statement that may be served. */
typedef struct CfCalls
{
	List	   *functions;		/* OIDs of those that did not come with PostgreSQL */
	bool		by_role;		/* or what not everybody may call, or names who calls */
	bool		watched;		/* what functions do must be seen while it runs */
	CfBinding	binding;		/* to which of the session's settings the result is bound */
	List	   *dates;			/* of Const *: dates and times in the query */
} CfCalls;

/* May a plan be served that is made with these options of a cursor? Before and after planning. */
extern bool cf_eligible_cursor(int options);
extern bool cf_eligible_cursor_plan(const PlannedStmt *stmt, int options);

/* What shows before planning. query: analysed and rewritten. */
extern CfEligibility cf_eligible_query(Query *query, CfCalls *calls);

/*
 * And after. planning: what functions did while it was planned (load/follow.h), or NULL if it
 * calls none.
 */
extern CfEligibility cf_eligible_plan(PlannedStmt *stmt, const CfLoad *planning, CfCalls *calls);

/* And after it has run: may what it gave be kept, as far as its functions are concerned? */
extern bool cf_eligible_run(const CfLoad *load);

/* May names in functions mean temporary objects of the session? */
extern bool cf_eligible_means_temporary(void);

/* In words, for people. */
extern const char *cf_eligible_reason(CfEligibility eligibility);

#endif							/* CF_STATEMENT_ELIGIBLE_H */
