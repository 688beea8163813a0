/*
 * deps.h - what an entry depends on. DESIGN section 3, "Dependencies".
 *
 * src/engine/deps.h
 */
#ifndef CF_ENGINE_DEPS_H
#define CF_ENGINE_DEPS_H

#include "engine/request.h"
#include "l1/clock.h"
#include "nodes/pg_list.h"
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
	bool		tracked;		/* of one of them only because this server notices it */
} CfDeps;

/*
 * What is known before the query is planned: the caller's tags, and the tag of
 * each rule whose template gives the key or one of them, of whatever table; if
 * those are too many, the one that all rules share.
 */
extern void cf_deps_begin(const CfKey *key, text **tags, int ntags, CfDeps *deps);

/*
 * The tables that the query reads, unless such a rule covers them. Of what functions
 * read on their own the key says nothing.
 */
extern void cf_deps_add_tables(const CfKey *key, text **tags, int ntags,
							   const CfSources *sources, CfDeps *deps);

/*
 * From here on commits that change these tables are to settle their clocks. True:
 * of some that was new, and what was read before is out of date.
 */
extern bool cf_deps_announce(Oid dboid, List *relids);

/* May a result depend on so many? Else it is not cached. */
extern bool cf_deps_fit(int n);

/* The clocks alone, palloc'd, with room for more. */
extern CfClockRef *cf_deps_clocks(const CfDeps *deps, int more);

#endif							/* CF_ENGINE_DEPS_H */
