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
	bool		hidden;			/* functions in it read tables on their own */
	List	   *opaque;			/* functions that could do so; for cache_explain */
	bool		mutable;		/* calls functions that are not IMMUTABLE */
	bool		setting;		/* reads a setting that is not in the identity */
} CfSources;

/* Adds the relations of a plan, with views, partitions and functions expanded. */
extern void cf_security_add_plan(CfSources *sources, PlannedStmt *plan);

/*
 * Does an analysed and rewritten query call current_setting() for a custom
 * setting (one with a dot in its name) other than allowed, which may be ""?
 */
extern bool cf_security_reads_setting(Query *query, const char *allowed);

/*
 * Functions written in SQL or a procedural language that a query calls: they
 * may read tables that its plan does not show, unless they are inlined.
 */
extern List *cf_security_opaque_functions(Query *query);

/* Does an analysed and rewritten query read a temporary relation? */
extern bool cf_security_reads_temporary(Query *query);

#endif							/* CF_RULES_SECURITY_H */
