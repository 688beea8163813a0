/*
 * fill.c - what becomes of a value that was loaded.
 *
 * A load gives a value and what it was made of. Here it gets its time to live
 * and its dependencies, and its place in L1, unless something came between or
 * what it was made of must not be shared; then a marker says so (marker.c).
 *
 * Locking: none of its own; see l1/table.h.
 *
 * src/engine/fill.c
 */
#include "postgres.h"

#include "base/debug_point.h"
#include "engine/fill.h"
#include "engine/marker.h"
#include "engine/policy.h"
#include "load/watch.h"
#include "request/identity.h"

#define CF_MAX_KEPT_DEPS 64		/* of an entry that is replaced for want of tags */

#define count(request, counter) cf_stats_count((request)->def.stats_slot, (counter))

/*
 * Callers who name different tags would make misses of each other's entries. So
 * what is loaded for want of tags keeps the dependencies of the entry that it
 * replaces: all it costs is a miss when one of those moves. A load for another
 * reason, and one that Redis takes, depends on its caller's tags alone.
 */
static int
add_kept_deps(CfClockRef *clocks, int n, const CfL1Result *replaced)
{
	int			known = n;

	for (int i = 0; i < replaced->ndeps; i++)
	{
		int			k = 0;

		while (k < known && clocks[k] != replaced->deps[i])
			k++;
		if (k == known)
			clocks[n++] = replaced->deps[i];
	}
	return n;
}

/*
 * Does each change of what it read drop it? So if all that was read, by its plan, by
 * functions, and through fetches inside of it, is covered, and nothing else was read.
 */
static bool
is_covered(const CfLoad *load, const CfDeps *deps)
{
	return (load->sources.relids != NIL || load->ninner_deps > 0) && deps->covered &&
		!load->sources.uncovered && (load->sources.traits & CF_TRAITS_UNCOVERED) == 0;
}

/*
 * Its tags; the tag of each rule whose template gives its key or a tag, of
 * whatever table (see deps.h); each table that it reads, unless such a rule covers it; and
 * what fetches inside of it depend on.
 */
static void
collect_deps(const CfRequest *request, const CfLoad *load, const CfL1Result *replaced,
			 CfDeps *deps, CfL1Meta *meta)
{
	bool		keep = replaced != NULL && replaced->lacks_tags &&
		replaced->ndeps <= CF_MAX_KEPT_DEPS;
	CfClockRef *clocks;

	cf_deps_of_request(request, deps);
	cf_deps_add_tables(request, &load->sources, deps);
	clocks = cf_deps_clocks(deps, load->ninner_deps + 1 + CF_DEFINED_MAX_CLOCKS +
							(keep ? replaced->ndeps : 0));
	if (load->ninner_deps > 0)
		memcpy(clocks + deps->n, load->inner_deps, load->ninner_deps * sizeof(CfClockRef));
	meta->covered = is_covered(load, deps);
	meta->provable = meta->covered && !load->sources.mutable &&
		(load->sources.traits & CF_TRAIT_CHANCE) == 0;
	meta->basis.deps = clocks;
	meta->basis.ndeps = deps->n + load->ninner_deps;
	if (deps->unlogged)
		clocks[meta->basis.ndeps++] = cf_clock_of_unlogged();
	meta->ndefined = cf_defined_clocks(&load->sources.defined, load->sources.traits,
									   &load->sources.proof, clocks, meta->basis.ndeps,
									   clocks + meta->basis.ndeps);
	meta->basis.ndeps += meta->ndefined;
	if (keep)
		meta->basis.ndeps = add_kept_deps(clocks, meta->basis.ndeps, replaced);
}

void
cf_fill_describe(const CfRequest *request, const CfLoad *load, const CfL1Result *replaced,
				 CfDeps *deps, CfL1Meta *meta)
{
	MemSet(meta, 0, sizeof(*meta));
	meta->filled_at = load->oldest;
	meta->ttl = cf_policy_ttl(&request->def, cf_request_ttl(request), load->value.negative);
	meta->stale_for = request->def.stale_ttl;
	meta->basis.stamp = load->stamp;
	meta->basis.lsn = load->replica ? load->lsn : 0;
	meta->load_us = load->load_us;
	meta->stats_slot = request->def.stats_slot;
	meta->about = cf_request_note(request);
	meta->outlives = request->def.max_stale > 0;
	collect_deps(request, load, replaced, deps, meta);
}

CfL1PutStatus
cf_fill_put(const CfRequest *request, const CfValue *value, const CfL1Meta *meta)
{
	CfL1PutStatus status;

	CF_WAIT_POINT("fetch-before-fill");
	status = cf_l1_put(&request->key, &request->id, value, meta);
	switch (status)
	{
		case CF_L1_STORED:
			count(request, CF_COUNT_FILLS);
			break;
		case CF_L1_REFUSED:
			count(request, CF_COUNT_FILLS_REFUSED);
			break;
		case CF_L1_TOO_LARGE:
			count(request, CF_COUNT_TOO_LARGE);
			break;
		case CF_L1_NO_MEMORY:
			count(request, CF_COUNT_NO_MEMORY);
			break;
	}
	return status;
}

/*
 * The load called what may depend on settings that the identity leaves out: so
 * the value is for those who have the same, and a marker tells others where to
 * look.
 */
static CfFilled
fill_bound(const CfRequest *request, CfBinding binding, CfLoad *load, const CfL1Meta *meta)
{
	CfRequest	bound;

	if (!cf_marker_put_bound(request, binding, meta, &bound))
		return CF_FILLED_PRIVATE;
	(void) cf_fill_put(&bound, &load->value, meta);
	return CF_FILLED_ELSEWHERE;
}

/* Step 6 of a read, first half. */
CfFilled
cf_fill(const CfRequest *request, CfLoad *load, const CfL1Result *replaced, CfDeps *deps,
		CfL1Meta *meta)
{
	CfBinding	binding = cf_watch_binding(load->sources.traits);

	cf_fill_describe(request, load, replaced, deps, meta);
	cf_policy_count(request, load->bypass);

	/* The query itself may have taken a transaction id, by txid_current(). */
	if (cf_policy_has_written())
		return CF_FILLED_PRIVATE;
	/* Or changed a setting that its identity is made of, by set_config(). */
	if (!cf_identity_still_holds(request))
		return CF_FILLED_PRIVATE;
	if (load->bypass != CF_BYPASS_NONE)
	{
		if (cf_deps_fit(meta->basis.ndeps - meta->ndefined))
			cf_marker_put_bypass(request, load->bypass, meta);
		return CF_FILLED_PRIVATE;
	}
	if (!cf_deps_fit(meta->basis.ndeps - meta->ndefined))
	{
		/* Who waits for it gets it nevertheless, unless it is out of date. */
		cf_basis_depend(&meta->basis);
		count(request, CF_COUNT_TOO_LARGE);
	}
	else if (binding > request->binding)
		return fill_bound(request, binding, load, meta);
	else
		(void) cf_fill_put(request, &load->value, meta);
	return binding > request->binding ? CF_FILLED_PRIVATE : CF_FILLED_SHARED;
}
