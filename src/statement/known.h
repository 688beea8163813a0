/*
 * known.h - statements whose answer is found before they are planned.
 *
 * Of a statement that the client sends as text, planning is most of the price. What a text
 * means is the same as the last time, as long as settings, role and definitions are; so
 * a session remembers it, and what PostgreSQL must know of the plan that it had.
 *
 * src/statement/known.h
 */
#ifndef CF_STATEMENT_KNOWN_H
#define CF_STATEMENT_KNOWN_H

#include "postgres.h"

#include "nodes/params.h"
#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"

#include "statement/statement.h"

/* What is being planned, while it is. */
typedef struct CfKnownText
{
	bool		usable;			/* its plan is for this execution alone, and may be skipped */
	CfHash128	key;			/* of text, settings and role */
	bool		learns;
	CfHash128	shape;
} CfKnownText;

extern void cf_known_install_hooks(void);

/* This session has made or renamed something; how often it may have. */
extern void cf_known_change_names(void);
extern uint64 cf_known_names(void);

/* Has no definition changed since? Five looks at clocks, or as many at the history of a standby. */
extern bool cf_known_definitions_unmoved(const CfMoment *moment);

/*
 * Of which analysis the tree is; 0: of none that is known. Whoever hashes the tree takes that
 * out of it first.
 */
extern int	cf_known_take_number(Query *query);

/*
 * A statement without a plan inside, if the cache has its answer now; else NULL. Fills in
 * known in any case, for what follows.
 */
extern PlannedStmt *cf_known_find(Query *query, int number, const char *text,
								  ParamListInfo params, const CfWish *wish, CfKnownText *known);

/* Before it is planned, and after: what its text means, and what goes with its plan. */
extern void cf_known_before(CfKnownText *known, const Query *query, const char *text);
extern void cf_known_learn(const CfKnownText *known, const CfStatement *statement,
						   const PlannedStmt *stmt);

#endif							/* CF_STATEMENT_KNOWN_H */
