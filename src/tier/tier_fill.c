/*
 * tier_fill.c - step 6 of tier.c: what was loaded under a lease goes to Redis.
 *
 * src/tier/tier_fill.c
 */
#include "postgres.h"

#include "access/xlog.h"

#include "base/debug_point.h"
#include "base/fault.h"
#include "base/position.h"
#include "load/loadtime.h"
#include "request/deps.h"
#include "tier/tier_internal.h"

/* Clocks of definitions are of this server alone; for others each DDL moves the epoch. */
static void
set_refs(CfEnvelope *env, const CfL1Meta *meta)
{
	CfClockRef *refs = palloc(Max(meta->basis.ndeps, 1) * sizeof(CfClockRef));

	for (int i = 0; i < meta->basis.ndeps; i++)
	{
		if (cf_clock_kind(meta->basis.deps[i]) != CF_CLOCK_DEFINITION)
			refs[env->nrefs++] = meta->basis.deps[i];
	}
	env->refs = refs;
}

static void
describe_load(const CfTier *tier, const CfLoad *load, const CfL1Meta *meta, CfEnvelope *env)
{
	MemSet(env, 0, sizeof(*env));
	env->form = tier->request->form;
	env->negative = load->value.negative;
	env->covered = meta->covered;
	env->provable = meta->provable;
	env->lsn = load->lsn;
	env->end = load->end;
	env->incarnation = load->incarnation;
	env->server = GetSystemIdentifier();
	env->schema = load->schema;
	/* Other servers have other clocks: only the wall's can be compared. */
	env->filled_at = cf_steady_to_wall(meta->filled_at);
	env->ttl = meta->ttl;
	env->expires_at = env->filled_at + meta->ttl;
	env->stale_for = meta->stale_for;
	env->load_us = meta->load_us;
	env->first_len = load->value.first_len;
	set_refs(env, meta);
}

/* Can other servers, and this one after its next start, judge it? */
static bool
is_for_all(const CfLoad *load, const CfL1Meta *meta)
{
	if (load->incarnation == 0 || !cf_deps_fit(meta->basis.ndeps - meta->ndefined))
		return false;
	for (int i = 0; i < meta->basis.ndeps; i++)
	{
		if (meta->basis.deps[i] == cf_clock_of_unlogged())
			return false;
	}
	return true;
}

/* No commit is under way that changes what it depends on, and none was since the load's stamp. */
static bool
is_unmoved(const CfTier *tier, const CfL1Meta *meta)
{
	return CF_PLANTED(NO_FILL_CLOCKS) ||
		cf_basis_is_current(&tier->request->key, &meta->basis);
}

static bool
fill(CfTier *tier, const CfLoad *load, const CfL1Meta *meta)
{
	CfEnvelope	env;
	CfEnvelopePlace place;
	CfEnvelopeOptions options;
	CfEnvelopeEncoded encoded;
	bool		stored = false;

	cf_tier_set_place(tier, &place);
	if (load->value.len > CF_TIER_MAX_VALUE || !is_for_all(load, meta) ||
		!cf_tier_set_options(tier, &options))
		return false;
	describe_load(tier, load, meta, &env);
	if (cf_envelope_encode(&env, load->value.bytes, load->value.len, &place, &options,
						   &encoded) != CF_ENVELOPE_OK)
		return false;
	CF_WAIT_POINT("tier-before-fill");
	if (is_unmoved(tier, meta))
	{
		CfL2Value	value = {
			encoded.stored, encoded.stored_len, encoded.meta, encoded.meta_len,
			.keep_ms = meta->ttl / 1000 + 1
		};

		CF_WAIT_POINT("tier-fill-checked");
		(void) cf_store_fill(&tier->variant, &tier->lease, &value, &stored);
	}
	cf_envelope_free_encoded(&encoded);
	/* A standby uses it when it has replayed that far. */
	if (stored)
		cf_position_hasten(env.end);
	return stored;
}

void
cf_tier_fill(CfTier *tier, const CfLoad *load, const CfL1Meta *meta)
{
	if (tier->state != CF_TIER_LEASED)
		return;
	cf_loadtime_note(&tier->request->id, load->load_us);
	cf_tier_begin_step(tier);
	if (fill(tier, load, meta))
	{
		cf_tier_let_go(tier, CF_TIER_UNLEASED);
		count(tier->request, CF_COUNT_L2_FILLS);
	}
	else
	{
		count(tier->request, CF_COUNT_L2_FILLS_REFUSED);
		cf_tier_give_up(tier);
	}
	cf_tier_end_step(tier);
}
