/*
 * hotkeys.c - hot keys by way of Redis.
 *
 * Each server writes a list of its own, the one that writes in a field that only it
 * has, a standby in one that it shares with few or none. Who starts reads them all, takes
 * the hottest, and pulls their values. What it pulls it judges as any other value from Redis, so
 * the lists need not be right.
 *
 * After a crash, and on a new standby, the history may begin too late for most values, until the
 * WAL of before is read (history/lookback.h): then what did not count is pulled again.
 *
 * Locking: none.
 *
 * src/warm/hotkeys.c
 */
#include "postgres.h"

#include "access/xlog.h"
#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "base/debug_point.h"
#include "base/guc.h"
#include "base/steady.h"
#include "history/history.h"
#include "redis/breaker.h"
#include "stats/hotkeys.h"
#include "tier/pull.h"
#include "warm/hotkeys.h"
#include "warm/hotlist.h"
#include "warm/progress.h"

#define CF_LIST_US (10 * USECS_PER_SEC)	/* between two lists */
#define CF_HALVE_US (300 * USECS_PER_SEC)
#define CF_AGAIN_US (600 * USECS_PER_SEC)	/* so long a lower floor has it pull again */
#define CF_AWAIT_US (10 * USECS_PER_SEC)	/* for a server to know who it is */
#define CF_LIST_KEEP_MS (24 * 3600 * 1000)
#define CF_PULL_BYTES (4 * 1024 * 1024)	/* of values in one pipeline */
#define CF_PULL_KEYS 250
#define CF_LISTS_MAX_REPLY (128 * 1024 * 1024)

/* This process's; another begins anew, which does no harm. */
static struct
{
	bool		pulled;
	bool		was_replica;
	TimestampTz pulled_at;
	uint64		pulled_floor;
	int64		missed;			/* that did not count then */
	TimestampTz list_at;
	TimestampTz halve_at;
	int			own_list;		/* of a standby */
}			own;

/* ---- what is to be pulled ---- */

typedef struct Wanted
{
	HTAB	   *keys;			/* of WantedKey */
	int			n;
	CfListedKey **sorted;
} Wanted;

/* A pull that is under way. */
static struct
{
	MemoryContext context;		/* NULL: none is */
	Wanted		wanted;
	int			at;
	CfWarmingRun run;
}			pulling;

typedef struct WantedKey
{
	CfHash128	hash;			/* first: the key */
	CfListedKey listed;
} WantedKey;

static void
hash_listed(const CfListedKey *listed, CfHash128 *hash)
{
	const CfHotKey *hot = &listed->hot;

	cf_hash128_init(hash, hot->form);
	cf_hash128_add(hash, hot->key, hot->key_len);
	cf_hash128_add(hash, &hot->id_hash, sizeof(hot->id_hash));
	cf_hash128_add_u64(hash, ((uint64) hot->role << 32) | hot->session_role);
	cf_hash128_add_u64(hash, hot->dboid);
}

/* The same of two servers: as hot as both say. */
static void
want(const CfListedKey *listed, void *arg)
{
	Wanted	   *wanted = arg;
	WantedKey  *key;
	CfHash128	hash;
	bool		found;

	hash_listed(listed, &hash);
	key = hash_search(wanted->keys, &hash, HASH_ENTER, &found);
	if (found)
		key->listed.hot.count += listed->hot.count;
	else
		key->listed = *listed;
}

static int
compare(const void *a, const void *b)
{
	uint64		count_a = (*(CfListedKey *const *) a)->hot.count;
	uint64		count_b = (*(CfListedKey *const *) b)->hot.count;

	return count_a > count_b ? -1 : count_a < count_b;
}

static void
sort_wanted(Wanted *wanted)
{
	HASH_SEQ_STATUS scan;
	WantedKey  *key;

	wanted->sorted = palloc_extended(Max(hash_get_num_entries(wanted->keys), 1) *
									 sizeof(CfListedKey *), MCXT_ALLOC_HUGE);
	hash_seq_init(&scan, wanted->keys);
	while ((key = hash_seq_search(&scan)) != NULL)
		wanted->sorted[wanted->n++] = &key->listed;
	qsort(wanted->sorted, wanted->n, sizeof(CfListedKey *), compare);
	wanted->n = Min(wanted->n, cf_guc_hot_keys);
}

/* Where lists lie: all databases of a server are in one. */
static const char *
list_place(void)
{
	static char place[32];

	if (cf_guc_namespace[0] != '\0')
		return cf_guc_namespace;
	snprintf(place, sizeof(place), UINT64_FORMAT, GetSystemIdentifier());
	return place;
}

static TimestampTz
wall_now(void)
{
	return cf_steady_to_wall(cf_steady_now());
}

/* False: Redis could not be asked. */
static bool
read_lists(Wanted *wanted)
{
	HASHCTL		control = {
		.keysize = sizeof(CfHash128),
		.entrysize = sizeof(WantedKey),
		.hcxt = CurrentMemoryContext,
	};
	bool		asked;

	wanted->n = 0;
	wanted->keys = hash_create("cachefront hot keys", 1024, &control,
							   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	cf_l2_set_max_reply(CF_LISTS_MAX_REPLY);
	cf_l2_begin();
	cf_store_add_lists(list_place());
	asked = cf_l2_run(2 * cf_guc_redis_command_timeout, true) == CF_L2_OK;
	for (int i = 0; i < CF_STORE_LISTS && asked; i++)
	{
		const char *list;
		Size		len;

		if (cf_store_take_list(cf_l2_reply(0), i, &list, &len))
			(void) cf_hotlist_read(list_place(), list, len, wall_now(), want, wanted);
	}
	sort_wanted(wanted);
	return asked;
}

/* ---- pulling ---- */

static void
describe(const CfListedKey *listed, CfTierPull *pull)
{
	const CfHotKey *hot = &listed->hot;

	cf_key_init(&pull->key, hot->dboid, hot->key, hot->key_len);
	pull->id.role = hot->role;
	pull->id.session_role = hot->session_role;
	pull->id.form = (CfForm) hot->form;
	pull->id.hash = hot->id_hash;
	pull->slot = hot->stats_slot;
	pull->ns = listed->place;
}

static bool
is_there(const CfTierPull *pull)
{
	CfL1Result	result;

	return cf_l1_get(&pull->key, &pull->id, CF_L1_PART_NONE, cf_now(), 0, &result) == CF_L1_HIT;
}

static int
pull_timeout(int n)
{
	return cf_guc_redis_command_timeout + n;
}

/* Some may be larger than the list says: then each goes by itself. False: Redis is away. */
static bool
pull_batch(CfTierPull *pulls, int n)
{
	if (cf_tier_pull(pulls, n, pull_timeout(n)))
		return true;
	if (!cf_l2_was_too_large())
		return false;
	for (int i = 0; i < n && n > 1; i++)
	{
		if (!pull_batch(&pulls[i], 1) && cf_breaker_is_open())
			return false;
	}
	return true;
}

/* Those that the first one of a table put off, once more. */
static bool
pull_again(CfTierPull *pulls, int n)
{
	CfTierPull *again = palloc(n * sizeof(CfTierPull));
	int		   *places = palloc(n * sizeof(int));
	int			nagain = 0;
	bool		asked = true;

	for (int i = 0; i < n; i++)
	{
		if (!pulls[i].again)
			continue;
		places[nagain] = i;
		again[nagain++] = pulls[i];
	}
	if (nagain > 0)
		asked = pull_batch(again, nagain);
	for (int i = 0; i < nagain; i++)
		pulls[places[i]] = again[i];
	return asked;
}

/* As many from *at on as go in one pipeline. What is in memory already needs no pulling. */
static int
take_some(const Wanted *wanted, int *at, CfTierPull *pulls, int64 *there)
{
	Size		bytes = 0;
	int			n = 0;

	for (; *at < wanted->n && n < CF_PULL_KEYS && bytes < CF_PULL_BYTES; (*at)++)
	{
		const CfListedKey *listed = wanted->sorted[*at];

		if (listed->hot.value_len > (uint32) cf_guc_l1_max_value)
			continue;
		describe(listed, &pulls[n]);
		if (is_there(&pulls[n]))
		{
			(*there)++;
			continue;
		}
		bytes += listed->hot.value_len;
		n++;
	}
	return n;
}

static int64
count_stored(const CfTierPull *pulls, int n)
{
	int64		stored = 0;

	for (int i = 0; i < n; i++)
		stored += pulls[i].stored;
	return stored;
}

/* False: Redis went away. */
static bool
pull_some(void)
{
	CfTierPull *pulls = palloc(CF_PULL_KEYS * sizeof(CfTierPull));
	int64		there = 0;
	int64		stored;
	int			n = take_some(&pulling.wanted, &pulling.at, pulls, &there);
	bool		asked;

	cf_l2_set_max_reply((int64) cf_guc_l1_max_value + 1024 * 1024);
	asked = n == 0 || (pull_batch(pulls, n) && pull_again(pulls, n));
	stored = count_stored(pulls, n);
	cf_progress_add(&pulling.run, there + stored, n - stored);
	own.missed += n - stored;
	return asked;
}

/* What was hot is hot until something else is. */
static void
seed(const Wanted *wanted)
{
	for (int i = 0; i < wanted->n; i++)
	{
		CfHotKey	hot = wanted->sorted[i]->hot;

		hot.count = hot.error = Max(hot.count / 2, 1);
		cf_hot_seed(&hot);
		cf_hot_note_place(hot.dboid, wanted->sorted[i]->place);
	}
}

static void
end_pull(void)
{
	cf_progress_end(&pulling.run);
	MemoryContextDelete(pulling.context);
	pulling.context = NULL;
	cf_progress_hot_keys_done();
}

/* False: Redis could not be asked. */
static bool
begin_pull(void)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "cachefront hot keys",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	bool		asked;

	own.pulled_floor = cf_history_floor();
	own.pulled_at = cf_steady_now();
	own.missed = 0;
	asked = read_lists(&pulling.wanted);
	MemoryContextSwitchTo(old);
	if (!asked)
	{
		MemoryContextDelete(context);
		return false;
	}
	seed(&pulling.wanted);
	MemoryContextSetParent(context, TopMemoryContext);
	pulling.context = context;
	pulling.at = 0;
	pulling.run = cf_progress_begin(CF_WARMING_HOT_KEYS, InvalidOid, "", pulling.wanted.n);
	return true;
}

/* ---- the list ---- */

/* A server that stays a standby keeps to one field, so that few are left of it. */
static int
list_number(bool replica)
{
	if (!replica)
		return 0;
	if (own.own_list == 0)
		own.own_list = 1 + ((uint32) cf_steady_since_boot(cf_steady_now()) ^ (uint32) MyProcPid) %
			(uint32) (CF_STORE_LISTS - 1);
	return own.own_list;
}

static void
write_list(bool replica)
{
	Size		len;
	char	   *list = cf_hotlist_make(list_place(), wall_now(), &len);

	if (list == NULL)
		return;
	cf_l2_begin();
	cf_store_add_put_list(list_place(), list_number(replica), list, len, CF_LIST_KEEP_MS);
	(void) cf_l2_run(2 * cf_guc_redis_command_timeout, true);
}

/* ---- the publisher's part ---- */

static bool
is_pull_due(bool replica)
{
	if (!own.pulled)
		return true;
	/* Promoted: what the other has known is the more, now that its readers come here. */
	if (own.was_replica && !replica)
		return true;
	return own.missed > 0 && cf_history_floor() < own.pulled_floor &&
		cf_steady_now() - own.pulled_at < CF_AGAIN_US;
}

static void
mind_list(bool replica)
{
	TimestampTz now = cf_steady_now();

	if (own.list_at == 0)
		own.list_at = own.halve_at = now;
	if (now - own.list_at >= CF_LIST_US || CF_FAULT_POINT("hot-list"))
	{
		own.list_at = now;
		write_list(replica);
	}
	if (now - own.halve_at >= CF_HALVE_US)
	{
		own.halve_at = now;
		cf_hot_halve();
	}
}

/* Just begun to write, or to read the WAL: that is a matter of milliseconds, or it takes long. */
static CfHotKeysNext
await_use(bool replica)
{
	static TimestampTz since = 0;
	static bool of_replica = false;

	/* The end of recovery may be why. */
	if (own.pulled && own.was_replica == replica)
		return replica ? CF_HOTKEYS_WATCH : CF_HOTKEYS_LATER;
	if (since == 0 || of_replica != replica)
		since = cf_steady_now();
	of_replica = replica;
	return cf_steady_now() - since < CF_AWAIT_US ? CF_HOTKEYS_SOON : CF_HOTKEYS_LATER;
}

CfHotKeysNext
cf_hotkeys_step(void)
{
	bool		replica = RecoveryInProgress();

	if (pulling.context != NULL)
	{
		if (pull_some() && pulling.at < pulling.wanted.n)
			return CF_HOTKEYS_NOW;
		end_pull();
	}
	if (cf_guc_hot_keys == 0 || !cf_l2_configured() || cf_breaker_is_open())
		return CF_HOTKEYS_LATER;
	if (cf_tier_obstacle() != NULL)
		return await_use(replica);
	if (is_pull_due(replica))
	{
		if (!begin_pull())
			return CF_HOTKEYS_LATER;
		own.pulled = true;
		own.was_replica = replica;
		return CF_HOTKEYS_NOW;
	}
	mind_list(replica);
	return replica ? CF_HOTKEYS_WATCH : CF_HOTKEYS_LATER;
}
