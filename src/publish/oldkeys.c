/*
 * oldkeys.c - what named loaders leave in Redis under versions that they have no more.
 *
 * src/publish/oldkeys.c
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/lwlock.h"

#include "base/involved.h"
#include "base/involved.h"
#include "base/shmem.h"
#include "codec/key.h"
#include "l2/place.h"
#include "publish/oldkeys.h"
#include "publish/sweep.h"

#define CF_MAX_KNOWN 1024
#define CF_MAX_LEFT 16			/* of one transaction; what is more is forgotten */
#define CF_MAX_VERSION 32

/* Protected by the lock. Those that share a place forget each other. */
typedef struct CfSharedKnown
{
	uint64		cache;			/* hash of database and name */
	uint32		version;		/* 0: none */
} CfSharedKnown;

/* Of this session's transaction, in the order of its calls. */
typedef struct Left
{
	int			level;			/* of the subtransaction */
	char		cache[CF_MAX_CACHE_NAME];
	char		version[CF_MAX_VERSION + 1];
} Left;

static CfSharedKnown *known = NULL;
static LWLock *known_lock = NULL;
static Left left[CF_MAX_LEFT];
static int	nleft = 0;

/* Gives a cache another version, or 0, and returns what it was; 0: that is not known. */
static uint32
exchange(const char *cache, uint32 version)
{
	uint64		hash = hash_bytes_extended((const unsigned char *) cache, strlen(cache),
										   MyDatabaseId);
	CfSharedKnown *place = &known[hash % CF_MAX_KNOWN];
	uint32		before;

	LWLockAcquire(known_lock, LW_EXCLUSIVE);
	before = place->cache == hash ? place->version : 0;
	place->cache = hash;
	place->version = version;
	LWLockRelease(known_lock);
	return before;
}

static void
sweep(const char *place, const char *cache, const char *version)
{
	char		start[CF_MAX_CACHE_NAME + CF_MAX_VERSION + 4];

	snprintf(start, sizeof(start), "%s:v%s:", cache, version);
	cf_sweep_keys(place, start);
}

static void
sweep_auto(const char *place, const char *cache, uint32 version)
{
	char		text[9];

	snprintf(text, sizeof(text), "%08x", version);
	sweep(place, cache, text);
}

void
cf_oldkeys_note(const char *cache, uint32 version)
{
	const char *place = known == NULL ? NULL : cf_place_mine();
	uint32		before;

	if (place == NULL || TransactionIdIsValid(GetTopTransactionIdIfAny()))
		return;
	before = exchange(cache, version);
	if (before != 0 && before != version)
		sweep_auto(place, cache, before);
}

void
cf_oldkeys_leave(const char *cache, const char *version)
{
	Left	   *one = &left[nleft];

	if (strcmp(version, "none") == 0 || nleft == CF_MAX_LEFT || known == NULL ||
		cf_place_mine() == NULL)
		return;
	cf_involve();
	cf_involve();
	one->level = GetCurrentTransactionNestLevel();
	strlcpy(one->cache, cache, sizeof(one->cache));
	strlcpy(one->version, version, sizeof(one->version));
	nleft++;
}

void
cf_oldkeys_subxact(SubXactEvent event)
{
	int			level;

	if (likely(nleft == 0))
		return;
	level = GetCurrentTransactionNestLevel();
	if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		while (nleft > 0 && left[nleft - 1].level >= level)
			nleft--;
	}
	else if (event == SUBXACT_EVENT_COMMIT_SUB)
	{
		for (int i = nleft - 1; i >= 0 && left[i].level >= level; i--)
			left[i].level = level - 1;
	}
}

/* The place was found when they were left, so nothing is looked up now. */
void
cf_oldkeys_committed(void)
{
	const char *place = likely(nleft == 0) ? NULL : cf_place_mine();

	for (int i = 0; place != NULL && i < nleft; i++)
	{
		uint32		before;

		if (strcmp(left[i].version, "auto") != 0)
		{
			sweep(place, left[i].cache, left[i].version);
			continue;
		}
		before = exchange(left[i].cache, 0);
		if (before != 0)
			sweep_auto(place, left[i].cache, before);
	}
	nleft = 0;
}

void
cf_oldkeys_reset(void)
{
	nleft = 0;
}

/* ---- shared memory ---- */

static Size
oldkeys_shmem_size(void)
{
	return CF_MAX_KNOWN * sizeof(CfSharedKnown);
}

static void
oldkeys_shmem_init(void *memory, LWLockPadded *locks)
{
}

static void
oldkeys_shmem_attach(void *memory, LWLockPadded *locks)
{
	known = memory;
	known_lock = &locks[0].lock;
}

void
cf_oldkeys_register(void)
{
	static const CfShmemSegment segment = {
		.name = "cachefront_versions",
		.nlocks = 1,
		.size = oldkeys_shmem_size,
		.init = oldkeys_shmem_init,
		.attach = oldkeys_shmem_attach,
	};

	cf_shmem_register(&segment);
}
