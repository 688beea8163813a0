/*
 * deps.h - what an entry depends on.
 *
 * src/request/deps.h
 */
#ifndef CF_REQUEST_DEPS_H
#define CF_REQUEST_DEPS_H

#include "l1/clock.h"
#include "request/request.h"
#include "nodes/pg_list.h"
#include "rules/rule.h"
#include "rules/security.h"

#define CF_DEPS_MAX_RULES 32	/* tags of rules that one entry depends on */

typedef struct CfDep
{
	const char *tag;			/* palloc'd or the request's, not zero-terminated */
	int			len;
	CfClockRef	clock;
} CfDep;

typedef struct CfDeps
{
	int			n;
	int			room;
	CfDep	   *dep;			/* palloc'd */
	bool		covered;		/* no change of a table that was added escapes */
	bool		unlogged;		/* of one of them the WAL knows nothing */
} CfDeps;

/*
 * What is known before the query is planned: the caller's tags, and the tag of
 * each rule whose template gives the key or one of them, of whatever table; if
 * those are too many, the one that all rules share.
 */
extern void cf_deps_begin(const CfKey *key, text **tags, int ntags, CfDeps *deps);

/*
 * A read that has missed asks for that more than once: for the lease, for the load that it
 * is inside of, for the fill. It is collected once, and again only if the rules are others by then.
 */
typedef struct CfMiss
{
	MemoryContext context;		/* lives as long as the request has it */
	uint64		version;		/* cf_rules_version() then; 0: not collected yet */
	CfDeps		deps;
} CfMiss;

/* The same of a request. Others may be added to deps. */
extern void cf_deps_of_request(const CfRequest *request, CfDeps *deps);

/* How a table that was read is covered. */
typedef enum CfReachKind
{
	CF_REACH_RULE,				/* as a rule says, or not: see rule */
	CF_REACH_TABLE,				/* each change of the table counts */
	CF_REACH_ROWS,				/* changes of some rows: see use */
	CF_REACH_PART				/* as the partitioned table that it was read as part of */
} CfReachKind;

typedef struct CfReach
{
	CfReachKind kind;
	CfCover		rule;
	const CfTableUse *use;		/* or NULL */
} CfReach;

/*
 * Of a table that is tracked each change counts, or if a row rule proves that only
 * some rows can matter, that of those. Of others, and of all if the cache's freshness
 * is 'declared', what rules say whose templates match the key or a tag.
 */
extern CfReach cf_deps_reach(const CfRequest *request, const CfSources *sources, Oid relid);

/* What the query has read. */
extern void cf_deps_add_tables(const CfRequest *request, const CfSources *sources,
							   CfDeps *deps);

/*
 * From here on commits that change these tables are to settle their clocks. True:
 * of some that was new, and what was read before is out of date.
 */
extern bool cf_deps_announce(Oid dboid, List *relids);

/* May a result depend on so many? Else it is not cached. */
extern bool cf_deps_fit(int n);

/* The clocks alone, palloc'd, with room for more. */
extern CfClockRef *cf_deps_clocks(const CfDeps *deps, int more);

#endif							/* CF_REQUEST_DEPS_H */
