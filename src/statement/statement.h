/*
 * statement.h - a plain SELECT that is served from the cache, as its plan has it.
 *
 * src/statement/statement.h
 */
#ifndef CF_STATEMENT_STATEMENT_H
#define CF_STATEMENT_STATEMENT_H

#include "postgres.h"

#include "nodes/params.h"
#include "nodes/parsenodes.h"
#include "nodes/pg_list.h"
#include "nodes/plannodes.h"

#include "codec/key.h"
#include "rules/setting.h"
#include "statement/comment.h"
#include "statement/eligible.h"
#include "statement/moment.h"
#include "statement/shape.h"

#define CF_STATEMENT_CACHE "query"	/* the cache of statements that name none */
#define CF_STATEMENT_TEXT_MAX (1024 * 1024) /* bytes; longer ones are not served */

/* What is known of a statement once it is planned, and goes with its plan. */
typedef struct CfStatement
{
	PlannedStmt *child;			/* the plan that PostgreSQL made, or NULL: */
	Query	   *query;			/* it was not needed; this is what to plan */
	CfHash128	tree;			/* what it means: see tree.h */
	CfHash128	settings;		/* under which it was planned: see request/identity.h */
	uint64		number;			/* of the plan, in this session: see validity.h */
	CfMoment	moment;			/* from before planning */
	bool		folds_names;	/* its plan may hold what PostgreSQL does not look at again */
	bool		mutable;		/* it calls functions that are not IMMUTABLE */
	bool		determined;		/* known to give the same rows by any plan (rules/determined.h) */
	CfBinding	binding;
	bool		functions;		/* it calls functions that did not come with PostgreSQL */
	bool		by_role;		/* or what not everybody may call, or names who calls */
	bool		watched;		/* what functions do must be seen while it runs */
	Oid			planned_by;		/* whose rights on functions counted; only with functions */
	const char *cache;			/* whose settings count */
	int64		ttl;			/* us, or 0: as the cache has it */
	int64		max_stale;		/* us, */
	bool		max_stale_defined;	/* if so; else as the cache has it */
	List	   *tags;			/* of its answers, String nodes */
	bool		marked;			/* it is asked for; else what it saves decides: */
	uint64		shape;			/* see shape.h */
	uint64		plan_us;		/* of planning, which a hit saves as well; 0: it does not */
	List	   *params;			/* numbers of $1, $2, ... that it uses */
	List	   *param_types;	/* OIDs */
	List	   *defined;		/* OIDs of relations by whose definition it is what it is */
	List	   *rowtypes;
	List	   *types;			/* OIDs of users' types, likewise */
	bool		defined_any;	/* of whatever else */
	const char *text;			/* for the reports */
	const char *refusal;		/* it only shows why it is not served, or NULL */
	bool		reported;		/* planning told the client something; does not go with the plan */
} CfStatement;

/* What decides whether and how it is served. */
typedef struct CfWish
{
	bool		marked;			/* by its comment, or by cache_query */
	CfComment	comment;		/* or what that would say */
	const char *mark;			/* the name that cache_query gave it, or NULL */
	const char *why_not;		/* to be shown, if it is not served; NULL: it is */
	int64		max_stale;		/* as the mark has it */
	bool		max_stale_defined;
	List	   *tags;
	uint64		number;			/* of its shape; 0: it is not measured */
	CfSharedShape *shape;
} CfWish;

/* That, in what goes with a plan. Palloc's the cache's name. */
extern void cf_statement_wish(CfStatement *statement, const CfWish *wish);

/* The statement's place in the source; "" if there is none. */
extern const char *cf_statement_source(const Query *query, const char *text, int *len);

/* As a list that PostgreSQL can copy with a plan, and back. Palloc'd; shares what it can. */
extern List *cf_statement_pack(const CfStatement *statement);
extern CfStatement *cf_statement_unpack(const List *packed);

/* Does what is packed only show why a statement is not served? */
extern bool cf_statement_is_refused(const List *packed);

extern void cf_statement_install_hooks(void);

/* Has cache_query marked statements of this shape? Fills in the wish, if so. */
extern bool cf_statement_is_marked(const Query *query, uint64 number, CfWish *wish);

/*
 * Plans a query, which the planner changes, and fills in what goes with its plan if that may
 * be served. calls: what cf_eligible_query has found. The statement has the plan in any case,
 * and the wish before. Raises the errors of planning.
 */
extern CfEligibility cf_statement_plan(CfStatement *statement, Query *query, const char *text,
									   int options, ParamListInfo params, CfCalls *calls);

/*
 * Plans a statement that has no plan inside, as it begins. False: it must not be kept.
 * Raises the errors of planning.
 */
extern bool cf_statement_plan_late(CfStatement *statement, const char *text,
								   ParamListInfo params);

#endif							/* CF_STATEMENT_STATEMENT_H */
