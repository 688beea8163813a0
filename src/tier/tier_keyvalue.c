/*
 * tier_keyvalue.c - values of cache_set in Redis, so that every server has them.
 *
 * A session stores its value in memory when it has committed; the publisher takes it
 * from there, seals it as a fill does, and sends it. It holds what was committed up
 * to the LSN of its commit, and nothing of after that: both lsn and end. Beside its
 * tags it depends on the clock of values under its key, which each cache_set moves:
 * so no server takes one that another has replaced.
 *
 * src/tier/tier_keyvalue.c
 */
#include "postgres.h"

#include "access/xlog.h"

#include "base/debug_point.h"
#include "history/history.h"
#include "history/line.h"
#include "request/deps.h"
#include "tier/tier_internal.h"

bool
cf_tier_find_value(const CfKey *key, const CfIdentity *id, const CfDefinition *def,
				   CfTierHit *hit)
{
	CfRequest	request = {.key = *key, .id = *id, .def = *def, .form = CF_FORM_VALUE};
	CfTier		tier;
	bool		failed;
	bool		found = cf_tier_look_without_lease(&tier, &request, hit, &failed);

	if (found)
		count(&request, CF_COUNT_L2_HITS);
	return found;
}

/*
 * Is what memory has of it from before the commit at that LSN, or that commit's? A
 * later one is pending, or has settled since the stamp, or is in the history.
 */
static bool
is_of_commit(CfClockRef clock, uint64 stamp, uint64 lsn)
{
	return cf_clock_unmoved(clock, stamp) && cf_history_lsn(clock) <= lsn;
}

static void
describe_value(const CfL1Result *result, CfClockRef clock, uint64 lsn, CfEnvelope *env)
{
	CfClockRef *refs = palloc((result->ndeps + 1) * sizeof(CfClockRef));

	if (result->ndeps > 0)
		memcpy(refs, result->deps, result->ndeps * sizeof(CfClockRef));
	refs[result->ndeps] = clock;
	MemSet(env, 0, sizeof(*env));
	env->form = CF_FORM_VALUE;
	env->lsn = env->end = lsn;
	env->incarnation = cf_line_mine();
	env->server = GetSystemIdentifier();
	env->filled_at = cf_steady_to_wall(result->filled_at);
	env->ttl = result->ttl;
	env->expires_at = env->filled_at + result->ttl;
	env->nrefs = result->ndeps + 1;
	env->refs = refs;
}

static bool
seal(CfTier *tier, const CfL1Result *result, CfClockRef clock, uint64 lsn, CfSealedValue *sealed)
{
	CfEnvelope	env;
	CfEnvelopePlace place;
	CfEnvelopeOptions options;
	CfEnvelopeEncoded encoded;
	Size		len = VARSIZE(result->value) - VARHDRSZ;

	if (len > CF_TIER_MAX_VALUE || !cf_deps_fit(result->ndeps + 1) || cf_line_mine() == 0 ||
		!cf_tier_set_options(tier, &options))
		return false;
	cf_tier_set_place(tier, &place);
	describe_value(result, clock, lsn, &env);
	if (cf_envelope_encode(&env, VARDATA(result->value), len, &place, &options,
						   &encoded) != CF_ENVELOPE_OK)
		return false;
	sealed->variant = tier->variant;
	sealed->stored.value = encoded.stored;
	sealed->stored.value_len = encoded.stored_len;
	sealed->stored.meta = encoded.meta;
	sealed->stored.meta_len = encoded.meta_len;
	sealed->stored.keep_ms = (result->expires_at - cf_now()) / 1000 + 1;
	return true;
}

bool
cf_tier_seal_value(const char *ns, const CfKey *key, const CfIdentity *id, uint64 lsn,
				   CfSealedValue *sealed)
{
	CfRequest	request = {.key = *key, .id = *id, .form = CF_FORM_VALUE};
	CfClockRef	clock = cf_clock_of_value(key->hash);
	CfTier		tier;
	CfL1Result	result;
	uint64		stamp = cf_clock_stamp();

	MemSet(&tier, 0, offsetof(CfTier, variant));
	tier.request = &request;
	cf_store_variant(&tier.variant, ns, key, id);
	sealed->variant = tier.variant;
	return cf_l1_get(key, id, CF_L1_PART_ALL, cf_now(), CF_L1_WANT_DEPS, &result) == CF_L1_HIT &&
		result.value != NULL && is_of_commit(clock, stamp, lsn) &&
		seal(&tier, &result, clock, lsn, sealed);
}
