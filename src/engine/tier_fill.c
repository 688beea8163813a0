/*
 * tier_fill.c - steps 5 and 6 of tier.c: what a load under a lease depends on,
 * and the fill.
 *
 * src/engine/tier_fill.c
 */
#include "postgres.h"

#include "access/xlog.h"

#include "debug_point.h"
#include "engine/tier_internal.h"
#include "position.h"

static int64
keep_ms(const CfRequest *request)
{
	int64		ttl = request->ttl != 0 ? cf_request_ttl(request) : request->def.ttl;

	return ttl / 1000 + 1;
}

/* All that the plan shows the result to depend on, with the epochs. */
static void
collect_tags(CfTier *tier, const CfLoad *load, CfL1Meta *meta)
{
	const CfRequest *request = tier->request;
	CfDeps		deps;
	int			ntags;
	text	  **tags = cf_request_tags(request, &ntags);

	cf_deps_begin(&request->key, tags, ntags, &deps);
	cf_deps_add_tables(request, &load->sources, &deps);
	tier->tags = cf_tier_make_tags(&deps, 0, &tier->ntags);
	MemSet(meta, 0, sizeof(*meta));
	meta->stamp = tier->stamp;
	meta->deps = cf_deps_clocks(&deps, 0);
	meta->ndeps = deps.n;
}

/* Nothing will be filled; those who wait for it need not. */
static void
give_up(CfTier *tier)
{
	cf_store_release(&tier->variant, &tier->lease);
	cf_tier_let_go(tier, CF_TIER_UNLEASED);
}

static int
count_state(const CfTier *tier, CfVersionState state)
{
	int			n = 0;

	for (int i = 0; i < tier->ntags; i++)
		n += tier->tags[i].state == state;
	return n;
}

/* A standby must have replayed what made the versions. */
static bool
has_replayed(const CfTier *tier)
{
	uint64		lsn;

#ifdef CF_FAULT_NO_REPLAY_CHECK
	return true;
#endif
	if (!RecoveryInProgress())
		return true;
	for (int i = 0; i < tier->ntags; i++)
	{
		if (!cf_lsn_parse(tier->tags[i].version, CF_LSN_LEN, &lsn) || lsn > tier->lease.lsn)
			return false;
	}
	return true;
}

/* Step 5. */
static bool
note_versions(CfTier *tier, const CfLoad *load)
{
	const CfSpace *space = tier->variant.space;
	int64		keep = keep_ms(tier->request);
	CfL1Meta	meta;

	collect_tags(tier, load, &meta);
	CF_WAIT_POINT("tier-before-mark");
	if (!cf_deps_fit(meta.ndeps + 2) ||
		cf_store_ensure(space, tier->tags, tier->ntags, keep, &tier->floor, &tier->lease,
						true) != CF_L2_OK)
		return false;
	CF_WAIT_POINT("tier-before-confirm");
	if (count_state(tier, CF_VERSION_MARKED) > 0)
	{
		if (!cf_l1_meta_is_current(&tier->request->key, &meta))
			return false;
		CF_WAIT_POINT("tier-marks-checked");
		if (cf_store_confirm(space, tier->tags, tier->ntags, keep, true) != CF_L2_OK)
			return false;
	}
	return count_state(tier, CF_VERSION_KNOWN) == tier->ntags && has_replayed(tier);
}

void
cf_tier_planned(CfTier *tier, const CfLoad *load)
{
	MemoryContext old;

	if (tier->state != CF_TIER_LEASED)
		return;
	/* Versions must outlive the load. */
	old = MemoryContextSwitchTo(load->context);
	cf_tier_begin_step(tier);
	if (!note_versions(tier, load))
		give_up(tier);
	cf_tier_end_step(tier);
	MemoryContextSwitchTo(old);
}

void
cf_tier_release(CfTier *tier)
{
	if (tier->state != CF_TIER_LEASED && tier->state != CF_TIER_ASKED)
		return;
	cf_tier_begin_step(tier);
	give_up(tier);
	cf_tier_end_step(tier);
}

static void
describe_load(const CfTier *tier, const CfLoad *load, const CfL1Meta *meta,
			  CfEnvelopeTag *tags, CfEnvelope *env)
{
	CfIncarnation incarnation;

	MemSet(env, 0, sizeof(*env));
	env->negative = meta->negative;
	env->rows = tier->request->form == CF_FORM_ROWS;
	env->covered = meta->covered;
	env->provable = meta->provable;
	env->tracked = meta->tracked;
	if (cf_position_incarnation(&incarnation) && !RecoveryInProgress())
		env->incarnation = incarnation.id;
	else
		env->incarnation = tier->floor.incarnation[0].id;
	env->timeline = tier->floor.incarnation[0].timeline;
	env->lsn = tier->lease.lsn;
	/* What the load's snapshot could see was written by now. */
	env->end_lsn = cf_position_lsn();
	env->schema = load->schema;
	/* Other servers have other clocks: only the wall's can be compared. */
	env->filled_at = cf_steady_to_wall(meta->filled_at);
	env->ttl = meta->ttl;
	env->expires_at = env->filled_at + meta->ttl;
	env->stale_for = meta->stale_for;
	env->load_us = meta->load_us;
	env->first_len = meta->first_len;
	env->ntags = tier->ntags;
	env->tags = tags;
	for (int i = 0; i < tier->ntags; i++)
	{
		tags[i].name = tier->tags[i].name;
		tags[i].name_len = tier->tags[i].name_len;
		tags[i].version = tier->tags[i].version;
		tags[i].version_len = CF_VERSION_LEN;
	}
}

/* What only showed when functions ran has no version from before the snapshot. */
static bool
were_all_noted(const CfTier *tier, const CfLoad *load, const CfDeps *deps)
{
	if (load->ninner_deps > 0)
		return false;
	for (int i = 0; i < deps->n; i++)
	{
		if (cf_tier_find_tag(tier->tags, tier->ntags, deps->dep[i].tag, deps->dep[i].len) == NULL)
			return false;
	}
	return true;
}

/* Step 6. */
static bool
fill(CfTier *tier, const CfLoad *load, const CfL1Meta *meta)
{
	CfEnvelope	env;
	CfEnvelopeTag *tags = palloc(tier->ntags * sizeof(CfEnvelopeTag));
	CfEnvelopePlace place;
	CfEnvelopeOptions options;
	CfEnvelopeEncoded encoded;
	CfL1Meta	since_lease = *meta;
	bool		stored = false;

	/* The tombstone that comes with it is of the LSN of then. */
	since_lease.stamp = tier->stamp;
	cf_tier_set_place(tier, &place);
	if (load->len > CF_L2_MAX_VALUE || !cf_tier_set_options(tier, &options))
		return false;
	describe_load(tier, load, meta, tags, &env);
	if (cf_envelope_encode(&env, load->value, load->len, &place, &options,
						   &encoded) != CF_ENVELOPE_OK)
		return false;
	CF_WAIT_POINT("tier-before-fill");
	if (cf_l1_meta_is_current(&tier->request->key, &since_lease))
	{
		CF_WAIT_POINT("tier-fill-checked");
		(void) cf_store_fill(&tier->variant, &tier->lease, encoded.stored, encoded.stored_len,
							 encoded.meta, encoded.meta_len, meta->ttl / 1000 + 1, &stored, true);
	}
	cf_envelope_free_encoded(&encoded);
	return stored;
}

void
cf_tier_fill(CfTier *tier, const CfLoad *load, const CfL1Meta *meta, const CfDeps *deps)
{
	if (tier->state != CF_TIER_LEASED)
		return;
	cf_tier_begin_step(tier);
	if (were_all_noted(tier, load, deps) && fill(tier, load, meta))
	{
		cf_tier_let_go(tier, CF_TIER_UNLEASED);
		cf_tier_remember(tier->request, tier->tags, tier->ntags);
		count(tier->request, CF_COUNT_L2_FILLS);
	}
	else
	{
		count(tier->request, CF_COUNT_L2_FILLS_REFUSED);
		give_up(tier);
	}
	cf_tier_end_step(tier);
}
