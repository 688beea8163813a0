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

/* The last lock guards the places, each of the others its sets. */
typedef struct CfSharedHot
{
	CfSharedHotPlace place[CF_HOT_PLACES];
	CfHotKey	key[FLEXIBLE_ARRAY_MEMBER];	/* of a count of 0: free */
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
	return add_size(offsetof(CfSharedHot, key),
					mul_size((Size) wanted_sets() * CF_HOT_WAYS, sizeof(CfHotKey)));
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

static uint32
set_of(uint64 key_hash, const CfHash128 *id)
{
	return (uint32) ((key_hash ^ id->h[0]) >> 32) & (nsets - 1);
}

static bool
is_it(const CfHotKey *have, const CfHotKey *want)
{
	return have->count > 0 && cf_hash128_equal(&have->id_hash, &want->id_hash) &&
		have->dboid == want->dboid && have->role == want->role &&
		have->session_role == want->session_role && have->form == want->form &&
		have->key_len == want->key_len && memcmp(have->key, want->key, want->key_len) == 0;
}

/* Its place, or the one that it is to take. */
static CfHotKey *
find_locked(uint32 set, const CfHotKey *want, bool *found)
{
	CfHotKey   *keys = &hot->key[(Size) set * CF_HOT_WAYS];
	CfHotKey   *least = keys;

	*found = true;
	for (int i = 0; i < CF_HOT_WAYS; i++)
	{
		if (is_it(&keys[i], want))
			return &keys[i];
		if (keys[i].count < least->count)
			least = &keys[i];
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
	CfHotKey   *to;
	uint32		set;
	bool		found;

	if (nsets == 0 || key->len > CF_HOT_KEY_MAX)
		return;
	mind_place(key->dboid, place);
	describe(key, id, slot, value_len, &want);
	set = set_of(key->hash, &id->hash);
	if (!LWLockConditionalAcquire(lock_of(set), LW_EXCLUSIVE))
		return;
	to = find_locked(set, &want, &found);
	want.error = found ? to->error : to->count;
	want.count = to->count + weight;
	memcpy(to, &want, offsetof(CfHotKey, key) + want.key_len);
	LWLockRelease(lock_of(set));
}

void
cf_hot_seed(const CfHotKey *from)
{
	CfKey		key;
	uint32		set;
	CfHotKey   *to;
	bool		found;

	if (nsets == 0)
		return;
	cf_key_init(&key, from->dboid, from->key, from->key_len);
	set = set_of(key.hash, &from->id_hash);
	LWLockAcquire(lock_of(set), LW_EXCLUSIVE);
	to = find_locked(set, from, &found);
	if (to->count < from->count)
		*to = *from;
	LWLockRelease(lock_of(set));
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

	for (uint32 set = 0; set < nsets; set++)
	{
		LWLockAcquire(lock_of(set), LW_SHARED);
		for (int i = 0; i < CF_HOT_WAYS; i++)
		{
			const CfHotKey *key = &hot->key[(Size) set * CF_HOT_WAYS + i];

			if (key->count > 0)
				all[n++] = *key;
		}
		LWLockRelease(lock_of(set));
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
	for (uint32 set = 0; set < nsets; set++)
	{
		LWLockAcquire(lock_of(set), LW_EXCLUSIVE);
		for (int i = 0; i < CF_HOT_WAYS; i++)
		{
			CfHotKey   *key = &hot->key[(Size) set * CF_HOT_WAYS + i];

			key->count /= 2;
			key->error /= 2;
		}
		LWLockRelease(lock_of(set));
	}
}
