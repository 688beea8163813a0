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

#include "rules/defined.h"
#include "rules/function.h"
#include "rules/proof.h"

/* What one execution read, over all statements that ran in it. */
typedef struct CfSources
{
	List	   *relids;			/* OIDs of tables, unique */
	CfProof		proof;			/* which of their rows, as far as plans show it */
	CfDefined	defined;		/* by which definitions it is what it is */
	bool		temporary;		/* reads a temporary relation */
	bool		row_security;	/* policies are in force for whom it runs as */
	bool		has_policies;	/* policies could be in force for somebody else */
	List	   *inner;			/* those of relids that functions read on their own */
	bool		uncovered;		/* it took what is not exact from the cache */
	List	   *opaque;			/* functions that may; for cache_explain */
	bool		mutable;		/* calls functions that are not IMMUTABLE */
	CfTraits	traits;			/* of the functions that were called */
	bool		callers_rights; /* functions in it used the rights of who called them */
	List	   *notable;		/* functions that brought a trait; for cache_explain */
	List	   *others;			/* what else did, CfTraitsOther; for cache_explain */
} CfSources;

/*
 * Adds the relations of a plan, with views, partitions and functions expanded.
 * inner: of a statement that a function runs.
 */
extern void cf_security_add_plan(CfSources *sources, PlannedStmt *plan, bool inner);

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

/* Of a type that is gone: false. */
extern bool cf_security_is_temporary_type(Oid type);

#endif							/* CF_RULES_SECURITY_H */
