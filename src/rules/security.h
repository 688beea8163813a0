/*
 * security.h - may this result be kept, and what does it depend on?
 *
 * src/rules/security.h
 */
#ifndef CF_RULES_SECURITY_H
#define CF_RULES_SECURITY_H

#include "postgres.h"

#include "nodes/parsenodes.h"
#include "nodes/pg_list.h"
#include "nodes/plannodes.h"

/* What one execution read, over all statements that ran in it. */
typedef struct CfSources
{
	List	   *relids;			/* OIDs of tables, unique */
	bool		temporary;		/* reads a temporary relation */
	bool		row_security;	/* policies are in force for whom it runs as */
	bool		has_policies;	/* policies could be in force for somebody else */
	bool		hidden;			/* functions in it read tables on their own */
	List	   *opaque;			/* functions that could do so; for cache_explain */
	bool		mutable;		/* calls functions that are not IMMUTABLE */
	bool		setting;		/* reads a setting that is not in the identity */
} CfSources;

/* Adds the relations of a plan, with views, partitions and functions expanded. */
extern void cf_security_add_plan(CfSources *sources, PlannedStmt *plan);

/* The views among them, for cf_security_view_reads_setting. */
extern List *cf_security_views(PlannedStmt *plan);

/*
 * Does an analysed and rewritten query, or a function that it calls, read a
 * setting that a session may change and that is neither in the identity nor
 * allowed (which may be "")? See setting.c.
 */
extern bool cf_security_reads_setting(Query *query, const char *allowed);

/* The same for the definition of a view. */
extern bool cf_security_view_reads_setting(Oid view, const char *allowed);

/* Does it call a function that did not come with PostgreSQL? */
extern bool cf_security_calls_user_function(Query *query);

/*
 * Functions written in SQL or a procedural language that a query calls: they
 * may read tables that its plan does not show, unless they are inlined.
 */
extern List *cf_security_opaque_functions(Query *query);

/*
 * Does an analysed and rewritten query mean a temporary relation, function or
 * type? Cheap in sessions that have made none.
 */
extern bool cf_security_reads_temporary(Query *query);

#endif							/* CF_RULES_SECURITY_H */
