/*
 * tier_value.c - step 3 of tier.c: does what a look found count here?
 *
 * What comes from Redis is not trusted. It may be of any time, of any server, or of
 * somebody who can write there. A value counts if
 *
 * 1. it is sound: signed or encrypted by a server of this cluster, for this place,
 *	  and not past its time to live; and if nothing but that ends it, not of a time that is
 *	  still to come, for then nobody knows how old it is;
 * 2. it was loaded from data that are this server's: its incarnation is in the line,
 *	  and it holds nothing of after that one's end;
 * 3. nothing that it depends on is being committed (pending), and then, by this
 *	  server's history, none of it has changed since the value's LSN, which is not
 *	  before the history begins;
 * 4. on a standby: the history has come to what is being replayed, before 3, and the
 *	  value holds nothing of what is not replayed yet.
 *
 * In 3 and 4 the order matters: a commit notes the history before pending falls. That is
 * test/model/history.pml, which breaks without each of these.
 *
 * src/tier/tier_value.c
 */
#include "postgres.h"

#include "common/int.h"

#include "base/debug_point.h"
#include "base/fault.h"
#include "base/guc.h"
#include "codec/secret.h"
#include "history/follow.h"
#include "history/history.h"
#include "history/line.h"
#include "l2/keyring.h"
#include "request/deps.h"
#include "tier/foreign.h"
#include "tier/tier_internal.h"

#define CF_CLOCKS_APART_US (2 * USECS_PER_SEC)	/* of servers that keep time */

/*
 * How long it may live on: until it expires by this server's clock, but from
 * now on for no longer than it had to live, whatever time it says that it is of.
 */
static int64
time_left(const CfEnvelope *env, TimestampTz now)
{
	TimestampTz expires = cf_steady_of_wall(env->expires_at);
	int64		left;

	if (pg_sub_s64_overflow(expires, now, &left))
		left = expires > now ? PG_INT64_MAX : PG_INT64_MIN;
	return Min(left, env->ttl);
}

/* By which definitions it was made Redis does not say: any may be. */
static void
set_deps(const CfTier *tier, const CfEnvelope *env, CfL1Meta *meta)
{
	CfClockRef *deps = palloc((env->nrefs + 1) * sizeof(CfClockRef));

	if (env->nrefs > 0)
		memcpy(deps, env->refs, env->nrefs * sizeof(CfClockRef));
	meta->basis.ndeps = env->nrefs;
	meta->basis.deps = deps;
	if (env->form != CF_FORM_VALUE)
		deps[meta->basis.ndeps++] = cf_clock_of_any_definition(tier->request->key.dboid);
}

static void
describe_hit(const CfTier *tier, const CfEnvelope *env, CfL1Meta *meta)
{
	const CfRequest *request = tier->request;
	TimestampTz now = cf_now();

	MemSet(meta, 0, sizeof(*meta));
	/* Another server's clock may be ahead, or this one's was set back since. */
	meta->filled_at = Min(cf_steady_of_wall(env->filled_at), now);
	meta->ttl = time_left(env, now) + (now - meta->filled_at);
	meta->stale_for = env->stale_for;
	/* Whoever filled it, it is kept for no longer than this server's definition says. */
	if (request->def.scope == CF_SCOPE_SHARED && request->form != CF_FORM_VALUE)
	{
		meta->ttl = Min(meta->ttl, request->def.ttl);
		meta->stale_for = Min(meta->stale_for, request->def.stale_ttl);
	}
	meta->basis.stamp = tier->stamp;
	meta->basis.lsn = tier->replica ? env->lsn : 0;
	meta->load_us = env->load_us;
	meta->stats_slot = request->def.stats_slot;
	/* What memory does not take is told of by nobody. */
	if (request->query != NULL && request->form != CF_FORM_VALUE &&
		env->plain_len <= cf_guc_l1_max_value)
		meta->about = cf_request_note(request);
	meta->covered = env->covered;
	meta->provable = env->provable;
	meta->outlives = request->def.max_stale > 0;
	set_deps(tier, env, meta);
}

void
cf_tier_set_place(const CfTier *tier, CfEnvelopePlace *place)
{
	place->ns = tier->variant.ns;
	place->ns_len = strlen(place->ns);
	place->key = tier->request->key.data;
	place->key_len = tier->request->key.len;
	place->identity = tier->variant.suffix;
	place->identity_len = strlen(place->identity);
}

/* False: values must be encrypted, and there is no key. */
bool
cf_tier_set_options(const CfTier *tier, CfEnvelopeOptions *options)
{
	bool		bare = !OidIsValid(tier->request->id.role);

	MemSet(options, 0, sizeof(*options));
	if (cf_guc_compress != CF_COMPRESS_OFF && !bare)
		options->compression = cf_guc_compress == CF_COMPRESS_ZSTD ?
			CF_COMPRESSION_ZSTD : CF_COMPRESSION_LZ4;
	options->compress_min = cf_guc_compress_min;
	options->max_len = CF_TIER_MAX_VALUE;
	options->secret = cf_secret_of_values();
	return cf_keyring_get(&options->keyring, &options->must_encrypt);
}

/* What the value says of its parts must be true of it: it is used unchecked. */
static bool
is_well_formed(const CfRequest *request, const CfEnvelope *env, const CfValue *value)
{
	if (env->form != request->form)
		return false;
	if (env->form != CF_FORM_JSON)
		return true;
	if (value->len < 2 || value->bytes[0] != '[' || value->bytes[value->len - 1] != ']')
		return false;
	return value->negative ? value->len == 2 : (Size) value->first_len + 2 <= value->len;
}

/* 1.: the clock of who filled it is ahead, or one was set back since. */
static bool
is_of_known_age(const CfEnvelope *env)
{
	return env->covered ||
		cf_steady_of_wall(env->filled_at) <= cf_now() + CF_CLOCKS_APART_US;
}

/* 2. */
static bool
is_of_our_data(const CfRequest *request, const CfEnvelope *env)
{
	if (CF_PLANTED(NO_INCARNATION) || cf_line_admits(env->incarnation, env->end))
		return true;
	cf_foreign_note(request, env);
	return false;
}

/*
 * 4. What was replayed was asked for before the look, so that a value that shows more
 * is from the future, whatever has been replayed since.
 */
static bool
is_of_our_past(CfTier *tier, const CfEnvelope *env)
{
	tier->end = env->end;
	tier->ahead = tier->replica && env->end > tier->replayed && !CF_PLANTED(NO_FUTURE);
	if (tier->ahead)
		return false;
	tier->ahead = !cf_follow_catch_up();
	return !tier->ahead;
}

/* 3. */
static bool
is_current(const CfRequest *request, const CfL1Meta *meta, uint64 lsn)
{
	if (!CF_PLANTED(NO_REDIS_CLOCKS) && !cf_basis_is_current(&request->key, &meta->basis))
		return false;
	CF_WAIT_POINT("tier-clocks-read");
	return CF_PLANTED(NO_HISTORY) ||
		cf_history_is_unchanged(lsn, request->key.hash, request->key.dboid, meta->basis.deps,
								meta->basis.ndeps);
}

/* 1., of one that is of our data; sets hit->datum, or NULL, and hit->value. */
static CfEnvelopeStatus
open_value(const CfTier *tier, const CfLook *look, const CfEnvelope *env,
		   const CfEnvelopeOptions *options, CfTierHit *hit)
{
	CfEnvelopePlace place;
	CfEnvelopeStatus status;

	cf_tier_set_place(tier, &place);
	status = cf_envelope_decode_value(env, look->value, look->value_len, &place, options,
									  &hit->datum);
	if (status != CF_ENVELOPE_OK)
		return status;
	hit->value = (CfValue) {
		VARDATA(hit->datum), VARSIZE(hit->datum) - VARHDRSZ, env->first_len, env->negative
	};
	if (is_well_formed(tier->request, env, &hit->value))
		return status;
	pfree(hit->datum);
	return CF_ENVELOPE_BAD_FORMAT;
}

static void
count_bad(const CfRequest *request, CfEnvelopeStatus status)
{
	if (status != CF_ENVELOPE_BAD_IDENTITY && status != CF_ENVELOPE_NO_MEMORY)
		count(request, CF_COUNT_L2_BAD_VALUES);
}

/*
 * What costs nothing is asked first; that what the meta says was so is not proven
 * before the value is opened.
 */
bool
cf_tier_take_value(CfTier *tier, const CfLook *look, CfTierHit *hit)
{
	const CfRequest *request = tier->request;
	CfEnvelope	env;
	CfEnvelopeOptions options;
	CfEnvelopeStatus status = cf_envelope_decode_meta(look->meta, look->meta_len, &env);

	if (status != CF_ENVELOPE_OK)
	{
		count_bad(request, status);
		return false;
	}
	if (!is_of_our_data(request, &env) || !is_of_our_past(tier, &env) || !cf_deps_fit(env.nrefs) ||
		!cf_tier_set_options(tier, &options))
		return false;
	describe_hit(tier, &env, &hit->meta);
	if (hit->meta.filled_at + hit->meta.ttl <= cf_now() || !is_of_known_age(&env) ||
		!cf_l1_meta_is_within(&hit->meta, request->limits))
		return false;
	CF_WAIT_POINT("tier-after-look");
	if (!is_current(request, &hit->meta, env.lsn))
		return false;
	status = open_value(tier, look, &env, &options, hit);
	if (status == CF_ENVELOPE_OK)
		return true;
	count_bad(request, status);
	return false;
}
