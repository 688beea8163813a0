/*
 * tier_value.c - steps 2 and 3 of tier.c: which tags a look should ask for, and
 * whether what it finds counts.
 *
 * What comes from Redis is not trusted: the value must be sound before it is
 * believed what it says of itself, and current by what this server knows.
 *
 * src/engine/tier_value.c
 */
#include "postgres.h"

#include "access/xlog.h"
#include "common/int.h"

#include "debug_point.h"
#include "engine/tier_internal.h"
#include "guc.h"
#include "history/history.h"
#include "l2/keyring.h"
#include "memo.h"
#include "position.h"

#define CF_MAX_REMEMBERED_TAGS 64

/* ---- tags that a look should ask for ----------------------------------------- */

/* The tags of tables that a variant turned out to depend on. */
typedef struct Remembered
{
	CfHash128	key;			/* of the identity */
	int			n;
	uint32		relids[CF_MAX_REMEMBERED_TAGS];
} Remembered;

static CfMemo remembered = CF_MEMO("cachefront tables", Remembered, 1024);

/* OID of 'table:OID', or InvalidOid. */
static Oid
relid_of_tag(const char *tag, int len)
{
	char		text[24];

	if (len <= 6 || len >= (int) sizeof(text) || memcmp(tag, "table:", 6) != 0)
		return InvalidOid;
	memcpy(text, tag, len);
	text[len] = '\0';
	return (Oid) strtoul(text + 6, NULL, 10);
}

void
cf_tier_remember(const CfRequest *request, const CfL2Tag *tags, int ntags)
{
	CfMemoTicket ticket;
	Remembered *entry = cf_memo_find(&remembered, &request->id.hash, &ticket);

	/* Nothing can have emptied it between the two. */
	if (entry == NULL)
		entry = cf_memo_enter(&remembered, &request->id.hash, ticket);
	entry->n = 0;
	for (int i = 0; i < ntags && entry->n < CF_MAX_REMEMBERED_TAGS; i++)
	{
		Oid			relid = relid_of_tag(tags[i].name, tags[i].name_len);

		if (OidIsValid(relid))
			entry->relids[entry->n++] = relid;
	}
}

static void
set_tag(CfL2Tag *tag, const char *name, int len)
{
	MemSet(tag, 0, sizeof(*tag));
	tag->name = name;
	tag->name_len = len;
}

CfL2Tag *
cf_tier_make_tags(const CfDeps *deps, int more, int *n)
{
	CfL2Tag    *tags = palloc((2 + deps->n + more) * sizeof(CfL2Tag));

	set_tag(&tags[0], CF_TAG_EPOCH_DATABASE, 1);
	set_tag(&tags[1], CF_TAG_EPOCH_SERVER, 1);
	*n = 2;
	for (int i = 0; i < deps->n; i++)
		set_tag(&tags[(*n)++], deps->dep[i].tag, deps->dep[i].len);
	return tags;
}

CfL2Tag *
cf_tier_guess_tags(const CfRequest *request, int *n)
{
	CfMemoTicket ticket;
	const Remembered *known = cf_memo_find(&remembered, &request->id.hash, &ticket);
	CfDeps		deps;
	int			ntags;
	text	  **caller_tags = cf_request_tags(request, &ntags);
	CfL2Tag    *tags;

	cf_deps_begin(&request->key, caller_tags, ntags, &deps);
	tags = cf_tier_make_tags(&deps, CF_MAX_REMEMBERED_TAGS, n);
	for (int i = 0; known != NULL && i < known->n; i++)
	{
		char	   *name = psprintf("table:%u", known->relids[i]);

		set_tag(&tags[(*n)++], name, strlen(name));
	}
	return tags;
}

const CfL2Tag *
cf_tier_find_tag(const CfL2Tag *tags, int ntags, const char *name, int len)
{
	for (int i = 0; i < ntags; i++)
	{
		if (tags[i].name_len == len && memcmp(tags[i].name, name, len) == 0)
			return &tags[i];
	}
	return NULL;
}

/* ---- a value ------------------------------------------------------------------ */

static bool
is_epoch(const char *name, int len)
{
	return len == 1 && (name[0] == CF_TAG_EPOCH_DATABASE[0] || name[0] == CF_TAG_EPOCH_SERVER[0]);
}

/* The clocks of an entry's tags; the epochs are implied. Palloc'd. */
static CfClockRef *
clocks_of(const CfEnvelope *env, Oid dboid, int *n)
{
	CfClockRef *clocks = palloc((env->ntags + 1) * sizeof(CfClockRef));

	*n = 0;
	for (int i = 0; i < env->ntags; i++)
	{
		const CfEnvelopeTag *tag = &env->tags[i];

		if (!is_epoch(tag->name, tag->name_len))
			clocks[(*n)++] = cf_tag_hash(dboid, tag->name, tag->name_len);
	}
	return clocks;
}

/* Does this server know of an invalidation of what it depends on after an LSN? */
static bool
are_deps_outrun(const CfKey *key, const CfL1Meta *meta, uint64 lsn)
{
	if (cf_history_lsn(cf_clock_of_epoch(key->dboid)) > lsn ||
		cf_history_lsn(cf_clock_of_epoch(InvalidOid)) > lsn)
		return true;
	for (int i = 0; i < meta->ndeps; i++)
	{
		if (cf_history_lsn(meta->deps[i]) > lsn)
			return true;
	}
	return false;
}

bool
cf_tier_is_outrun(const CfKey *key, const CfL1Meta *meta, uint64 lsn)
{
	return cf_history_lsn(cf_clock_of_key(key->hash)) > lsn || are_deps_outrun(key, meta, lsn);
}

/* Is one of its tags known to have another version by now? */
static bool
is_outdated(const CfEnvelope *env, const CfL2Tag *tags, int ntags)
{
#ifdef CF_FAULT_NO_TAG_VERSIONS
	return false;
#endif
	for (int i = 0; i < env->ntags; i++)
	{
		const CfEnvelopeTag *filled = &env->tags[i];
		const CfL2Tag *now = cf_tier_find_tag(tags, ntags, filled->name, filled->name_len);

		if (now != NULL && (now->state != CF_VERSION_KNOWN ||
							filled->version_len != CF_VERSION_LEN ||
							memcmp(now->version, filled->version, CF_VERSION_LEN) != 0))
			return true;
	}
	return false;
}

/* Have its tags the versions that it was filled under? The epochs must be among them. */
static bool
versions_match(const CfEnvelope *env, const CfL2Tag *tags, int ntags)
{
	int			epochs = 0;

#ifdef CF_FAULT_NO_TAG_VERSIONS
	return true;
#endif
	for (int i = 0; i < env->ntags; i++)
	{
		const CfEnvelopeTag *filled = &env->tags[i];
		const CfL2Tag *now = cf_tier_find_tag(tags, ntags, filled->name, filled->name_len);

		if (now == NULL || now->state != CF_VERSION_KNOWN ||
			filled->version_len != CF_VERSION_LEN ||
			memcmp(now->version, filled->version, CF_VERSION_LEN) != 0)
			return false;
		epochs += is_epoch(filled->name, filled->name_len);
	}
	return epochs == 2;
}

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

static void
describe_hit(const CfRequest *request, const CfEnvelope *env, uint64 stamp, CfL1Meta *meta)
{
	TimestampTz now = cf_now();
	int			ndeps;

	MemSet(meta, 0, sizeof(*meta));
	/* Another server's clock may be ahead, or this one's was set back since. */
	meta->filled_at = Min(cf_steady_of_wall(env->filled_at), now);
	meta->ttl = time_left(env, now) + (now - meta->filled_at);
	if (RecoveryInProgress())
		meta->ttl = Min(meta->ttl, now - meta->filled_at +
						request->def.l1_ttl);
	/* A standby may not hear of what invalidates it later. */
	meta->stale_for = RecoveryInProgress() ? 0 : env->stale_for;
	/* Whoever filled it, it is kept for no longer than this server's definition says. */
	if (request->def.scope == CF_SCOPE_SHARED)
	{
		meta->ttl = Min(meta->ttl, request->def.ttl);
		meta->stale_for = Min(meta->stale_for, request->def.stale_ttl);
	}
	meta->stamp = stamp;
	meta->load_us = env->load_us;
	meta->first_len = env->first_len;
	meta->stats_slot = request->def.stats_slot;
	meta->about = cf_request_note(request);
	meta->negative = env->negative;
	meta->covered = env->covered;
	meta->provable = env->provable;
	meta->tracked = env->tracked;
	meta->outlives = request->def.max_stale > 0;
	meta->deps = clocks_of(env, request->key.dboid, &ndeps);
	meta->ndeps = ndeps;
}

void
cf_tier_set_place(const CfTier *tier, CfEnvelopePlace *place)
{
	place->ns = tier->variant.space->name;
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
	options->max_len = CF_L2_MAX_VALUE;
	return cf_keyring_get(&options->keyring, &options->must_encrypt);
}

/* What the value says of its parts must be true of it: it is used unchecked. */
static bool
is_well_formed(const CfRequest *request, const CfEnvelope *env, const struct varlena *value)
{
	Size		len = VARSIZE_ANY_EXHDR(value);

	if (env->rows != (request->form == CF_FORM_ROWS))
		return false;
	if (env->rows)
		return true;
	if (len < 2 || VARDATA_ANY(value)[0] != '[' || VARDATA_ANY(value)[len - 1] != ']')
		return false;
	return env->negative ? len == 2 : (Size) env->first_len + 2 <= len;
}

/*
 * The versions of tags that nobody thought of before the look, in another round
 * trip. Names and versions of env point into the reply, which goes with that.
 */
static bool
look_at_more(CfTier *tier, const CfLook *look, CfEnvelope *env, CfL2Tag **tags, int *ntags)
{
	CfL2Tag    *all;
	char	   *meta;
	int			n = *ntags;

	for (int i = 0; i < env->ntags; i++)
		n += cf_tier_find_tag(*tags, *ntags, env->tags[i].name, env->tags[i].name_len) == NULL;
	if (n == *ntags)
		return true;
	meta = palloc(look->meta_len);
	memcpy(meta, look->meta, look->meta_len);
	if (cf_envelope_decode_meta(meta, look->meta_len, env) != CF_ENVELOPE_OK)
		return false;
	all = palloc(n * sizeof(CfL2Tag));
	if (*ntags > 0)
		memcpy(all, *tags, *ntags * sizeof(CfL2Tag));
	n = *ntags;
	for (int i = 0; i < env->ntags; i++)
	{
		if (cf_tier_find_tag(*tags, *ntags, env->tags[i].name, env->tags[i].name_len) == NULL)
			set_tag(&all[n++], env->tags[i].name, env->tags[i].name_len);
	}
	if (cf_store_versions(tier->variant.space, all + *ntags, n - *ntags, &tier->floor,
						  true) != CF_L2_OK)
		return false;
	cf_tier_remember(tier->request, all, n);
	*tags = all;
	*ntags = n;
	return true;
}

/*
 * Was it filled since this server writes? Then each invalidation of its tags is
 * in this server's history.
 */
static bool
is_known_here(const CfEnvelope *env)
{
	CfIncarnation incarnation;

	return !RecoveryInProgress() && cf_position_incarnation(&incarnation) &&
		env->incarnation == incarnation.id;
}

/* Step 3, when the value itself is known to be sound. */
static bool
is_proven(CfTier *tier, const CfLook *look, CfEnvelope *env, CfL2Tag *tags, int ntags,
		  CfTierHit *hit)
{
	const CfRequest *request = tier->request;

	/* What this server has not noticed itself, nothing else would tell it. */
	if (env->tracked && !is_known_here(env))
		return false;
	if (!is_known_here(env) &&
		(!look_at_more(tier, look, env, &tags, &ntags) || !versions_match(env, tags, ntags)))
		return false;
	describe_hit(request, env, tier->stamp, &hit->meta);
	if (hit->meta.filled_at + hit->meta.ttl <= cf_now() ||
		!cf_l1_meta_is_within(&hit->meta, request->limits))
		return false;
	CF_WAIT_POINT("tier-after-look");
#ifdef CF_FAULT_NO_REDIS_CLOCKS
	return true;
#endif
	return cf_l1_meta_is_current(&request->key, &hit->meta) &&
		cf_history_lsn(cf_clock_of_key(request->key.hash)) <= env->lsn &&
		!are_deps_outrun(&request->key, &hit->meta, env->lsn);
}

/*
 * Step 3. False: it is of no use, or there is none. A value that nobody should
 * have stored is counted.
 */
bool
cf_tier_take_value(CfTier *tier, const CfLook *look, CfL2Tag *tags, int ntags, CfTierHit *hit)
{
	const CfRequest *request = tier->request;
	CfEnvelope	env;
	CfEnvelopePlace place;
	CfEnvelopeOptions options;
	CfEnvelopeStatus status = cf_envelope_decode_meta(look->meta, look->meta_len, &env);

	if (status != CF_ENVELOPE_OK)
	{
		count(request, CF_COUNT_L2_BAD_VALUES);
		return false;
	}
	if (!cf_floor_admits(&tier->floor, env.lsn, env.end_lsn, env.timeline, env.incarnation) ||
		time_left(&env, cf_now()) <= 0 || !cf_deps_fit(env.ntags) ||
		is_outdated(&env, tags, ntags))
		return false;

	/* The reply goes with the next round trip, so the value is taken first. */
	cf_tier_set_place(tier, &place);
	if (!cf_tier_set_options(tier, &options))
		return false;
	status = cf_envelope_decode_value(&env, look->value, look->value_len, &place, &options,
									  &hit->value);
	if (status == CF_ENVELOPE_OK && !is_well_formed(request, &env, hit->value))
		status = CF_ENVELOPE_BAD_FORMAT;
	if (status != CF_ENVELOPE_OK)
	{
		if (status != CF_ENVELOPE_BAD_IDENTITY && status != CF_ENVELOPE_NO_MEMORY)
			count(request, CF_COUNT_L2_BAD_VALUES);
		return false;
	}
	if (is_proven(tier, look, &env, tags, ntags, hit))
		return true;
	pfree(hit->value);
	return false;
}
