/*
 * hotkeys.c - which entries are asked for most.
 *
 * src/stats/hotkeys.c
 */
#include "postgres.h"

#include "common/pg_prng.h"
#include "port/pg_bitutils.h"
#include "storage/lwlock.h"

#include "base/guc.h"
#include "base/shmem.h"
#include "stats/hotkeys.h"

#define CF_HOT_WAYS 16
#define CF_HOT_LOCKS 64			/* a power of two */
#define CF_HOT_PLACES 64		/* databases whose names in Redis are known */

typedef struct CfSharedHotPlace
{
	Oid			dboid;			/* InvalidOid: free */
	char		name[CF_HOT_PLACE_MAX];
} CfSharedHotPlace;

/* What each look goes through lies together. A count of 0: free; those in the keys are not used. */
typedef struct CfSharedHotSet
{
	uint64		count[CF_HOT_WAYS];
	uint32		tag[CF_HOT_WAYS];	/* of the hash */
	CfHotKey	key[CF_HOT_WAYS];
} CfSharedHotSet;

/* The last lock guards the places, each of the others its sets. */
typedef struct CfSharedHot
{
	CfSharedHotPlace place[CF_HOT_PLACES];
	CfSharedHotSet set[FLEXIBLE_ARRAY_MEMBER];
} CfSharedHot;

static CfSharedHot *hot = NULL;
static LWLockPadded *hot_locks = NULL;
static uint32 nsets = 0;		/* a power of two, or 0 */

uint32		cf_hot_countdown = 0;

/* How many to pass over, up to twice the mean; of a session's beginning, too. */
bool
cf_hot_draw(void)
{
	static bool began = false;
	bool		counts = began;

	cf_hot_countdown = pg_prng_uint32(&pg_global_prng_state) % (2 * CF_HOT_SAMPLED - 1);
	began = true;
	return counts;
}

static uint32
wanted_sets(void)
{
	return cf_guc_hot_keys == 0 ? 0 :
		pg_nextpower2_32((uint32) (2 * cf_guc_hot_keys + CF_HOT_WAYS - 1) / CF_HOT_WAYS);
}

static Size
hot_shmem_size(void)
{
	return add_size(offsetof(CfSharedHot, set), mul_size(wanted_sets(), sizeof(CfSharedHotSet)));
}

/* Fresh shared memory is zero, and so is what is free. */
static void
hot_shmem_init(void *memory, LWLockPadded *locks)
{
}

static void
hot_shmem_attach(void *memory, LWLockPadded *locks)
{
	hot = memory;
	hot_locks = locks;
	nsets = wanted_sets();
}

void
cf_hot_register(void)
{
	static const CfShmemSegment segment = {
		.name = "cachefront_hot_keys",
		.nlocks = CF_HOT_LOCKS + 1,
		.size = hot_shmem_size,
		.init = hot_shmem_init,
		.attach = hot_shmem_attach,
	};

	cf_shmem_register(&segment);
}

static LWLock *
lock_of(uint32 set)
{
	return &hot_locks[set & (CF_HOT_LOCKS - 1)].lock;
}

static LWLock *
lock_of_places(void)
{
	return &hot_locks[CF_HOT_LOCKS].lock;
}

static uint64
hash_of(uint64 key_hash, const CfHash128 *id)
{
	return key_hash ^ id->h[0];
}

static uint32
set_of(uint64 hash)
{
	return (uint32) (hash >> 32) & (nsets - 1);
}

static bool
is_it(const CfHotKey *have, const CfHotKey *want)
{
	return cf_hash128_equal(&have->id_hash, &want->id_hash) &&
		have->dboid == want->dboid && have->role == want->role &&
		have->session_role == want->session_role && have->form == want->form &&
		have->key_len == want->key_len && memcmp(have->key, want->key, want->key_len) == 0;
}

/* Its place, or the one that it is to take. */
static int
find_locked(const CfSharedHotSet *set, uint32 tag, const CfHotKey *want, bool *found)
{
	int			least = 0;

	*found = true;
	for (int i = 0; i < CF_HOT_WAYS; i++)
	{
		if (set->tag[i] == tag && set->count[i] > 0 && is_it(&set->key[i], want))
			return i;
		if (set->count[i] < set->count[least])
			least = i;
	}
	*found = false;
	return least;
}

void
cf_hot_note_place(Oid dboid, const char *place)
{
	CfSharedHotPlace *to = NULL;

	if (!LWLockConditionalAcquire(lock_of_places(), LW_EXCLUSIVE))
		return;
	for (int i = 0; i < CF_HOT_PLACES && (to == NULL || to->dboid != dboid); i++)
	{
		if (hot->place[i].dboid == dboid || (to == NULL && !OidIsValid(hot->place[i].dboid)))
			to = &hot->place[i];
	}
	if (to != NULL)
	{
		to->dboid = dboid;
		strlcpy(to->name, place, sizeof(to->name));
	}
	LWLockRelease(lock_of_places());
}

/* A session is of one database, whose name it tells once, and again if that changes. */
static void
mind_place(Oid dboid, const char *place)
{
	static char told[CF_HOT_PLACE_MAX] = "";

	if (place == NULL || strcmp(told, place) == 0)
		return;
	cf_hot_note_place(dboid, place);
	strlcpy(told, place, sizeof(told));
}

bool
cf_hot_place(Oid dboid, char place[CF_HOT_PLACE_MAX])
{
	bool		found = false;

	LWLockAcquire(lock_of_places(), LW_SHARED);
	for (int i = 0; i < CF_HOT_PLACES && !found; i++)
	{
		found = hot->place[i].dboid == dboid;
		if (found)
			strlcpy(place, hot->place[i].name, CF_HOT_PLACE_MAX);
	}
	LWLockRelease(lock_of_places());
	return found;
}

static void
describe(const CfKey *key, const CfIdentity *id, CfStatsSlot slot, Size value_len, CfHotKey *want)
{
	want->id_hash = id->hash;
	want->dboid = key->dboid;
	want->role = id->role;
	want->session_role = id->session_role;
	want->value_len = (uint32) value_len;
	want->key_len = (uint16) key->len;
	want->form = (uint8) id->form;
	want->stats_slot = (uint8) slot;
	memcpy(want->key, key->data, key->len);
}

void
cf_hot_note(const CfKey *key, const CfIdentity *id, CfStatsSlot slot, Size value_len,
			uint64 weight, const char *place)
{
	CfHotKey	want;
	CfSharedHotSet *set;
	uint64		hash = hash_of(key->hash, &id->hash);
	int			at;
	bool		found;

	if (nsets == 0 || key->len > CF_HOT_KEY_MAX)
		return;
	mind_place(key->dboid, place);
	describe(key, id, slot, value_len, &want);
	if (!LWLockConditionalAcquire(lock_of(set_of(hash)), LW_EXCLUSIVE))
		return;
	set = &hot->set[set_of(hash)];
	at = find_locked(set, (uint32) hash, &want, &found);
	if (!found)
	{
		want.error = set->count[at];
		memcpy(&set->key[at], &want, offsetof(CfHotKey, key) + want.key_len);
		set->tag[at] = (uint32) hash;
	}
	set->key[at].value_len = want.value_len;
	set->count[at] += weight;
	LWLockRelease(lock_of(set_of(hash)));
}

void
cf_hot_seed(const CfHotKey *from)
{
	CfKey		key;
	CfSharedHotSet *set;
	uint64		hash;
	int			at;
	bool		found;

	if (nsets == 0)
		return;
	cf_key_init(&key, from->dboid, from->key, from->key_len);
	hash = hash_of(key.hash, &from->id_hash);
	set = &hot->set[set_of(hash)];
	LWLockAcquire(lock_of(set_of(hash)), LW_EXCLUSIVE);
	at = find_locked(set, (uint32) hash, from, &found);
	if (set->count[at] < from->count)
	{
		set->key[at] = *from;
		set->tag[at] = (uint32) hash;
		set->count[at] = from->count;
	}
	LWLockRelease(lock_of(set_of(hash)));
}

static int
compare(const void *a, const void *b)
{
	uint64		count_a = ((const CfHotKey *) a)->count;
	uint64		count_b = ((const CfHotKey *) b)->count;

	return count_a > count_b ? -1 : count_a < count_b;
}

/* All are copied, for which there must be room for twice what is wanted, and sorted. */
int
cf_hot_collect(CfHotKey *to, int room)
{
	CfHotKey   *all = palloc_extended(Max((Size) nsets, 1) * CF_HOT_WAYS * sizeof(CfHotKey),
									  MCXT_ALLOC_HUGE);
	int			n = 0;

	for (uint32 number = 0; number < nsets; number++)
	{
		const CfSharedHotSet *set = &hot->set[number];

		LWLockAcquire(lock_of(number), LW_SHARED);
		for (int i = 0; i < CF_HOT_WAYS; i++)
		{
			if (set->count[i] == 0)
				continue;
			all[n] = set->key[i];
			all[n++].count = set->count[i];
		}
		LWLockRelease(lock_of(number));
	}
	qsort(all, n, sizeof(CfHotKey), compare);
	n = Min(n, room);
	memcpy(to, all, n * sizeof(CfHotKey));
	pfree(all);
	return n;
}

void
cf_hot_halve(void)
{
	for (uint32 number = 0; number < nsets; number++)
	{
		CfSharedHotSet *set = &hot->set[number];

		LWLockAcquire(lock_of(number), LW_EXCLUSIVE);
		for (int i = 0; i < CF_HOT_WAYS; i++)
		{
			set->count[i] /= 2;
			set->key[i].error /= 2;
		}
		LWLockRelease(lock_of(number));
	}
}
