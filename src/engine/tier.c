/*
 * tier.c - Redis on the way of a read that L1 cannot answer.
 *
 * 1. Stamp the local clocks.
 * 2. Look. On a standby the versions of the tags come in the same round trip:
 *	  they are known but for tables that no row rule covers, and what an earlier
 *	  read of this session found out is remembered.
 * 3. A value counts if its tags have the versions that it was filled under, and
 *	  if, after that, this server's own clocks say the same: none moved since
 *	  the stamp, none is pending, and no invalidation has a later LSN than the
 *	  value. The latter holds whatever Redis may have lost; and on the writing
 *	  server the clocks know of each invalidation of a tag since it started, so
 *	  that for values from since then it need not ask for versions at all.
 * 4. Else ask for a lease, unless a clock is pending. Who does not get it
 *	  because another server loads waits for that.
 * 5. Before the snapshot of the load: the versions of the tags. One that is
 *	  missing is marked, and confirmed if still nobody is in a commit window.
 * 6. Fill, if no clock has moved since the stamp and Redis still knows the lease.
 *
 * src/engine/tier.c
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "storage/latch.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#include "codec/envelope.h"
#include "debug_point.h"
#include "engine/policy.h"
#include "engine/tier.h"
#include "guc.h"
#include "l2/breaker.h"
#include "l2/keyring.h"
#include "position.h"

#define CF_FIRST_PAUSE_US 1000	/* between looks for another server's value */
#define CF_LAST_PAUSE_US 50000
#define CF_MAX_REMEMBERED 1024
#define CF_MAX_REMEMBERED_TAGS 64

/* What goes over a network within cachefront.redis_command_timeout. */
#define CF_L2_MAX_VALUE (16 * 1024 * 1024)

#define count(request, counter) cf_stats_count((request)->def.stats_slot, (counter))

static bool (*outbox_look) (const CfSpace *space) = NULL;

void
cf_tier_set_outbox_look(bool (*look) (const CfSpace *space))
{
	outbox_look = look;
}

bool
cf_tier_is_down(void)
{
	return cf_l2_configured() && cf_breaker_is_open();
}

/*
 * Nothing is read there while invalidations wait to be delivered. What a
 * standby can see of the outbox is as old as its tables, which is what counts.
 */
static bool
is_trusted(const CfSpace *space)
{
	if (!RecoveryInProgress() && cf_space_outbox(space) == CF_OUTBOX_EMPTY)
		return true;
	if (!RecoveryInProgress() && cf_space_outbox(space) == CF_OUTBOX_WAITING)
		return false;
	return outbox_look == NULL || outbox_look(space);
}

const char *
cf_tier_obstacle(void)
{
	const CfSpace *space;
	const CfKeyring *keyring;
	bool		required;

	if (!cf_l2_configured())
		return "cachefront.redis_url is empty";
	if (cf_breaker_is_open())
		return "Redis cannot be reached";
	space = cf_space_mine();
	if (space == NULL)
		return "too many databases use Redis";
	if (!is_trusted(space))
		return "invalidations in cache_outbox are not delivered yet";
	if (!cf_keyring_get(&keyring, &required))
		return "cachefront.encryption_key_file cannot be used: see the server's log";
	return NULL;
}

/* ---- tags that a look should ask for ----------------------------------------- */

/* The tags of tables that a variant turned out to depend on. */
typedef struct Remembered
{
	CfHash128	id;				/* hash key */
	int			n;
	uint32		relids[CF_MAX_REMEMBERED_TAGS];
} Remembered;

static HTAB *remembered = NULL;

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

static void
remember(const CfRequest *request, const CfL2Tag *tags, int ntags)
{
	HASHCTL		control = {
		.keysize = sizeof(CfHash128),
		.entrysize = sizeof(Remembered),
		.hcxt = TopMemoryContext,
	};
	Remembered *entry;
	bool		found;

	if (remembered != NULL && hash_get_num_entries(remembered) >= CF_MAX_REMEMBERED)
	{
		hash_destroy(remembered);
		remembered = NULL;
	}
	if (remembered == NULL)
		remembered = hash_create("cachefront tables", 64, &control,
								 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	entry = hash_search(remembered, &request->id.hash, HASH_ENTER, &found);
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

/* The epochs, what the key and the caller's tags tell, and what is remembered. */
static CfL2Tag *
guess_tags(const CfRequest *request, int *n)
{
	const Remembered *known = remembered == NULL ? NULL :
		hash_search(remembered, &request->id.hash, HASH_FIND, NULL);
	CfDeps		deps;
	int			ntags;
	text	  **caller_tags = cf_request_tags(request, &ntags);
	CfL2Tag    *tags;

	cf_deps_begin(&request->key, caller_tags, ntags, &deps);
	tags = palloc((2 + deps.n + CF_MAX_REMEMBERED_TAGS) * sizeof(CfL2Tag));
	set_tag(&tags[0], CF_TAG_EPOCH_DATABASE, 1);
	set_tag(&tags[1], CF_TAG_EPOCH_SERVER, 1);
	*n = 2;
	for (int i = 0; i < deps.n; i++)
		set_tag(&tags[(*n)++], deps.dep[i].tag, deps.dep[i].len);
	for (int i = 0; known != NULL && i < known->n; i++)
	{
		char	   *name = psprintf("table:%u", known->relids[i]);

		set_tag(&tags[(*n)++], name, strlen(name));
	}
	return tags;
}

static const CfL2Tag *
find_tag(const CfL2Tag *tags, int ntags, const char *name, int len)
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
			clocks[(*n)++] = cf_clock_of_tag(cf_tag_hash(dboid, tag->name, tag->name_len));
	}
	return clocks;
}

/* Does this server know of an invalidation of what it depends on after an LSN? */
static bool
are_deps_outrun(const CfKey *key, const CfL1Meta *meta, uint64 lsn)
{
	if (cf_clock_lsn(cf_clock_of_epoch(key->dboid)) > lsn ||
		cf_clock_lsn(cf_clock_of_epoch(InvalidOid)) > lsn)
		return true;
	for (int i = 0; i < meta->ndeps; i++)
	{
		if (cf_clock_lsn(meta->deps[i]) > lsn)
			return true;
	}
	return false;
}

bool
cf_tier_is_outrun(const CfKey *key, const CfL1Meta *meta, uint64 lsn)
{
	return cf_clock_lsn(cf_clock_of_key(key->hash)) > lsn || are_deps_outrun(key, meta, lsn);
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
		const CfL2Tag *now = find_tag(tags, ntags, filled->name, filled->name_len);

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
		const CfL2Tag *now = find_tag(tags, ntags, filled->name, filled->name_len);

		if (now == NULL || now->state != CF_VERSION_KNOWN ||
			filled->version_len != CF_VERSION_LEN ||
			memcmp(now->version, filled->version, CF_VERSION_LEN) != 0)
			return false;
		epochs += is_epoch(filled->name, filled->name_len);
	}
	return epochs == 2;
}

static void
describe_hit(const CfRequest *request, const CfEnvelope *env, uint64 stamp, CfL1Meta *meta)
{
	TimestampTz now = cf_now();
	int			ndeps;

	MemSet(meta, 0, sizeof(*meta));
	/* Another server's clock may be ahead. */
	meta->filled_at = Min(env->filled_at, now);
	meta->ttl = env->expires_at - meta->filled_at;
	if (RecoveryInProgress())
		meta->ttl = Min(meta->ttl, now - meta->filled_at +
						cf_guc_l1_ttl * INT64CONST(1000));
	/* A standby may not hear of what invalidates it later. */
	meta->stale_for = RecoveryInProgress() ? 0 : env->stale_for;
	meta->stamp = stamp;
	meta->load_us = env->load_us;
	meta->first_len = env->first_len;
	meta->stats_slot = request->def.stats_slot;
	meta->negative = env->negative;
	meta->covered = env->covered;
	meta->provable = env->provable;
	meta->deps = clocks_of(env, request->key.dboid, &ndeps);
	meta->ndeps = ndeps;
}

static void
set_place(const CfTier *tier, CfEnvelopePlace *place)
{
	place->ns = tier->variant.space->name;
	place->ns_len = strlen(place->ns);
	place->key = tier->request->key.data;
	place->key_len = tier->request->key.len;
	place->identity = tier->variant.suffix;
	place->identity_len = strlen(place->identity);
}

/* False: values must be encrypted, and there is no key. */
static bool
set_options(const CfTier *tier, CfEnvelopeOptions *options)
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
		n += find_tag(*tags, *ntags, env->tags[i].name, env->tags[i].name_len) == NULL;
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
		if (find_tag(*tags, *ntags, env->tags[i].name, env->tags[i].name_len) == NULL)
			set_tag(&all[n++], env->tags[i].name, env->tags[i].name_len);
	}
	if (cf_store_versions(tier->variant.space, all + *ntags, n - *ntags, &tier->floor,
						  true) != CF_L2_OK)
		return false;
	remember(tier->request, all, n);
	*tags = all;
	*ntags = n;
	return true;
}

/*
 * Was it filled since this server writes? Then each invalidation of its tags is
 * in this server's clocks. (Not each one of its key: see cf_clock_lsn_of_key. But
 * that drops the value itself, or Redis is not trusted.)
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

	if (!is_known_here(env) &&
		(!look_at_more(tier, look, env, &tags, &ntags) || !versions_match(env, tags, ntags)))
		return false;
	describe_hit(request, env, tier->stamp, &hit->meta);
	CF_WAIT_POINT("tier-after-look");
#ifdef CF_FAULT_NO_REDIS_CLOCKS
	return true;
#endif
	return cf_l1_meta_is_current(&request->key, &hit->meta) &&
		cf_clock_lsn_of_key(request->key.hash) <= env->lsn &&
		!are_deps_outrun(&request->key, &hit->meta, env->lsn);
}

/*
 * Step 3. False: it is of no use, or there is none. A value that nobody should
 * have stored is counted.
 */
static bool
take_value(CfTier *tier, const CfLook *look, CfL2Tag *tags, int ntags, CfTierHit *hit)
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
		env.expires_at <= cf_now() || env.ntags > CF_L1_MAX_DEPS ||
		is_outdated(&env, tags, ntags))
		return false;

	/* The reply goes with the next round trip, so the value is taken first. */
	set_place(tier, &place);
	if (!set_options(tier, &options))
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

/* Steps 1 to 3. *failed: Redis is not there (any more). */
static bool
look_once(CfTier *tier, CfTierHit *hit, bool *failed)
{
	CfL2Tag    *tags = NULL;
	int			ntags = 0;
	CfLook		look;

	tier->stamp = cf_clock_stamp();
	if (RecoveryInProgress())
		tags = guess_tags(tier->request, &ntags);
	/* A commit that Redis did not hear of has said so before it settled. */
	*failed = !is_trusted(tier->variant.space) ||
		cf_store_look(&tier->variant, tags, ntags, &tier->floor, &look, true) != CF_L2_OK;
	return !*failed && look.state == CF_LOOK_PRESENT && take_value(tier, &look, tags, ntags, hit);
}

/* A clock of the key or of a tag is pending: a commit is under way. */
static bool
is_pending(const CfTier *tier)
{
	CfL1Meta	meta = {0};
	CfDeps		deps;
	int			ntags;
	text	  **tags = cf_request_tags(tier->request, &ntags);

	cf_deps_begin(&tier->request->key, tags, ntags, &deps);
	meta.stamp = tier->stamp;
	meta.deps = cf_deps_clocks(&deps, 0);
	meta.ndeps = deps.n;
	return !cf_l1_meta_is_current(&tier->request->key, &meta);
}

static bool
open_space(CfTier *tier)
{
	const CfSpace *space;
	const CfFloor *floor;

	if (!cf_l2_configured() || IsInParallelMode())
		return false;
	space = cf_space_mine();
	if (space == NULL || !is_trusted(space))
		return false;
	cf_l2_set_max_reply(CF_L2_MAX_VALUE + 1024 * 1024);
	if (cf_space_open(space, true, &floor) != CF_L2_OK)
		return false;
	tier->floor = *floor;
	cf_store_variant(&tier->variant, space, &tier->request->key, &tier->request->id);
	return true;
}

static void
pause_before_next_look(long *us)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 Max(*us / 1000, 1), PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	*us = Min(*us * 3 / 2, CF_LAST_PAUSE_US);
}

/*
 * Step 4. A lease outlives no flight: who loads for longer than waiters wait
 * has nobody left to load for.
 */
static CfLeaseState
ask_lease(CfTier *tier)
{
	if (is_pending(tier) ||
		cf_store_lease(&tier->variant, cf_guc_flight_timeout, &tier->floor, &tier->lease,
					   true) != CF_L2_OK)
		return CF_LEASE_REFUSED;
	return tier->lease.state;
}

/*
 * Who had the lease before may have filled between our last look and our lease.
 * The stamp of that look stays, for it must be older than the lease's LSN.
 */
static bool
look_under_lease(CfTier *tier, TimestampTz newer_than, CfTierHit *hit)
{
	uint64		stamp = tier->stamp;
	bool		failed;

	if (look_once(tier, hit, &failed) && hit->meta.filled_at > newer_than)
	{
		cf_store_release(&tier->variant, &tier->lease);
		tier->state = CF_TIER_AWAY;
		return true;
	}
	tier->stamp = stamp;
	return false;
}

static void
count_hit(const CfRequest *request, instr_time begin)
{
	instr_time	end;

	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, begin);
	cf_stats_latency(CF_LATENCY_L2_HIT, (uint64) (INSTR_TIME_GET_DOUBLE(end) * 1e9));
	count(request, CF_COUNT_L2_HITS);
}

bool
cf_tier_look(CfTier *tier, const CfRequest *request, TimestampTz newer_than,
			 TimestampTz deadline, CfTierHit *hit)
{
	long		pause_us = CF_FIRST_PAUSE_US;
	bool		waited = false;
	instr_time	begin;

	MemSet(tier, 0, offsetof(CfTier, variant));
	tier->state = CF_TIER_AWAY;
	tier->request = request;
	if (!open_space(tier))
		return false;
	INSTR_TIME_SET_CURRENT(begin);
	for (;;)
	{
		bool		failed;

		if (look_once(tier, hit, &failed) && hit->meta.filled_at > newer_than)
		{
			count_hit(request, begin);
			return true;
		}
		if (failed)
			return false;
		switch (ask_lease(tier))
		{
			case CF_LEASE_GRANTED:
				tier->state = CF_TIER_LEASED;
				if (waited && look_under_lease(tier, newer_than, hit))
				{
					count_hit(request, begin);
					return true;
				}
				count(request, CF_COUNT_L2_MISSES);
				return false;
			case CF_LEASE_REFUSED:
				tier->state = CF_TIER_UNLEASED;
				count(request, CF_COUNT_L2_MISSES);
				return false;
			case CF_LEASE_OTHER:
				break;
		}

		/* Inside of a load nobody is waited for: it might wait for us. */
		if (cf_load_active() || GetCurrentTimestamp() >= deadline)
		{
			tier->state = CF_TIER_UNLEASED;
			count(request, CF_COUNT_L2_MISSES);
			return false;
		}
		if (!waited)
			count(request, CF_COUNT_L2_LEASE_WAITS);
		waited = true;
		pause_before_next_look(&pause_us);
	}
}

const char *
cf_tier_explain(const CfRequest *request)
{
	const char *obstacle = cf_tier_obstacle();
	CfTier		tier;
	CfTierHit	hit;
	bool		failed;

	if (obstacle != NULL)
		return psprintf("not used: %s", obstacle);
	MemSet(&tier, 0, offsetof(CfTier, variant));
	tier.request = request;
	if (!open_space(&tier))
		return "could not be reached";
	if (look_once(&tier, &hit, &failed))
		return psprintf("fresh, age %.3f s, ttl left %.3f s",
						(double) (cf_now() - hit.meta.filled_at) / USECS_PER_SEC,
						(double) (hit.meta.filled_at + hit.meta.ttl - cf_now()) / USECS_PER_SEC);
	return failed ? "could not be reached" : "miss";
}

/* ---- a load -------------------------------------------------------------------- */

static int64
keep_ms(const CfRequest *request)
{
	int64		ttl = request->ttl != 0 ? request->ttl : request->def.ttl;

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
	cf_deps_add_tables(&request->key, tags, ntags, load->sources.relids, &deps);
	tier->tags = palloc((deps.n + 2) * sizeof(CfL2Tag));
	set_tag(&tier->tags[0], CF_TAG_EPOCH_DATABASE, 1);
	set_tag(&tier->tags[1], CF_TAG_EPOCH_SERVER, 1);
	tier->ntags = 2;
	for (int i = 0; i < deps.n; i++)
		set_tag(&tier->tags[tier->ntags++], deps.dep[i].tag, deps.dep[i].len);
	MemSet(meta, 0, sizeof(*meta));
	meta->stamp = tier->stamp;
	meta->deps = cf_deps_clocks(&deps, 0);
	meta->ndeps = deps.n;
}

/* Nothing will be filled; those who wait for it need not. */
static void
give_up(CfTier *tier)
{
	tier->state = CF_TIER_UNLEASED;
	cf_store_release(&tier->variant, &tier->lease);
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
	if (meta.ndeps > CF_L1_MAX_DEPS - 2 ||
		cf_store_ensure(space, tier->tags, tier->ntags, keep, &tier->floor, &tier->lease,
						true) != CF_L2_OK)
		return false;
	CF_WAIT_POINT("tier-before-confirm");
	if (count_state(tier, CF_VERSION_MARKED) > 0 &&
		(!cf_l1_meta_is_current(&tier->request->key, &meta) ||
		 cf_store_confirm(space, tier->tags, tier->ntags, keep, true) != CF_L2_OK))
		return false;
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
	if (!note_versions(tier, load))
		give_up(tier);
	MemoryContextSwitchTo(old);
}

void
cf_tier_release(CfTier *tier)
{
	if (tier->state == CF_TIER_LEASED)
		give_up(tier);
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
	if (cf_position_incarnation(&incarnation) && !RecoveryInProgress())
		env->incarnation = incarnation.id;
	else
		env->incarnation = tier->floor.incarnation[0].id;
	env->timeline = tier->floor.incarnation[0].timeline;
	env->lsn = tier->lease.lsn;
	/* What the load's snapshot could see was written by now. */
	env->end_lsn = cf_position_lsn();
	env->schema = load->schema;
	env->filled_at = meta->filled_at;
	env->ttl = meta->ttl;
	env->expires_at = meta->filled_at + meta->ttl;
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
		if (find_tag(tier->tags, tier->ntags, deps->dep[i].tag, deps->dep[i].len) == NULL)
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
	set_place(tier, &place);
	if (load->len > CF_L2_MAX_VALUE || !set_options(tier, &options))
		return false;
	describe_load(tier, load, meta, tags, &env);
	if (cf_envelope_encode(&env, load->value, load->len, &place, &options,
						   &encoded) != CF_ENVELOPE_OK)
		return false;
	CF_WAIT_POINT("tier-before-fill");
	if (cf_l1_meta_is_current(&tier->request->key, &since_lease))
		(void) cf_store_fill(&tier->variant, &tier->lease, encoded.stored, encoded.stored_len,
							 encoded.meta, encoded.meta_len, meta->ttl / 1000 + 1, &stored, true);
	cf_envelope_free_encoded(&encoded);
	return stored;
}

void
cf_tier_fill(CfTier *tier, const CfLoad *load, const CfL1Meta *meta, const CfDeps *deps)
{
	if (tier->state != CF_TIER_LEASED)
		return;
	if (were_all_noted(tier, load, deps) && fill(tier, load, meta))
	{
		tier->state = CF_TIER_UNLEASED;
		remember(tier->request, tier->tags, tier->ntags);
		count(tier->request, CF_COUNT_L2_FILLS);
		return;
	}
	count(tier->request, CF_COUNT_L2_FILLS_REFUSED);
	give_up(tier);
}
