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

#include "rules/setting.h"

/* Why a statement is not served; CF_ELIGIBLE if it is. */
typedef enum CfEligibility
{
	CF_ELIGIBLE,
	CF_NOT_SELECT,				/* it writes, locks rows, or is no query */
	CF_NOT_A_TABLE,				/* it reads none */
	CF_NOT_TRACKED,				/* of a table of it changes are not noticed */
	CF_NOT_BUILTIN,				/* it calls a function that did not come with PostgreSQL */
	CF_NOT_STABLE,				/* it depends on time, chance, or the session */
	CF_NOT_A_ROW,				/* its columns have no type that can be kept */
	CF_NOT_PLAIN				/* a cursor, a sample, a transition table */
} CfEligibility;

/* May a plan be served that is made with these options of a cursor? */
extern bool cf_eligible_cursor(int options);

/* What shows before planning. query: analysed and rewritten. */
extern CfEligibility cf_eligible_query(Query *query);

/* And after. binding: to which of the session's settings the result is bound. */
extern CfEligibility cf_eligible_plan(PlannedStmt *stmt, CfBinding *binding);

/* In words, for people. */
extern const char *cf_eligible_reason(CfEligibility eligibility);

#endif							/* CF_STATEMENT_ELIGIBLE_H */
