/*
 * map.c - which node of a cluster has which slot, for all sessions.
 *
 * Locking: the tranche's one lock guards the map; held for a copy or a change.
 *
 * src/redis/map.c
 */
#include "postgres.h"

#include "storage/lwlock.h"

#include "base/atomic.h"
#include "base/shmem.h"
#include "redis/map.h"
#include "redis/redis_internal.h"

/* Sessions ask for the map no more often than this, all together. */
#define CF_MAP_EVERY_US 250000

typedef struct CfSharedMap
{
	/* Protected by the lock */
	CfMap		map;

	/* Atomics, no lock */
	pg_atomic_uint64 generation;	/* changes with the map */
	pg_atomic_uint32 doubted;
	pg_atomic_uint64 asked_at;	/* by cf_mono_us */
} CfSharedMap;

static CfSharedMap *shared = NULL;
static LWLock *shared_lock = NULL;

/* This process's copy, and of which generation it is. */
static CfMap mine;
static uint64 my_generation = 0;

/* Its nodes' breakers; that of the whole while there is none. */
static uint64
breakers_of(const CfMap *map)
{
	uint64		breakers = 0;

	for (int i = 1; i < CF_MAP_NODES; i++)
		if (map->hosts[i].name[0] != '\0')
			breakers |= UINT64CONST(1) << i;
	return breakers != 0 ? breakers : UINT64CONST(1) << CF_BREAKER_WHOLE;
}

const CfMap *
cf_map_get(void)
{
	static uint64 breakers = 0;

	if (my_generation != pg_atomic_read_u64(&shared->generation))
	{
		LWLockAcquire(shared_lock, LW_SHARED);
		mine = shared->map;
		my_generation = pg_atomic_read_u64(&shared->generation);
		LWLockRelease(shared_lock);
		breakers = breakers_of(&mine);
	}
	if (mine.settings != cf_handshake_settings())
	{
		cf_breaker_use(UINT64CONST(1) << CF_BREAKER_WHOLE);
		return NULL;
	}
	cf_breaker_use(breakers);
	return &mine;
}

bool
cf_map_is_due(void)
{
	if (pg_atomic_read_u32(&shared->doubted) == 0 ||
		!cf_atomic_take_turn(&shared->asked_at, cf_mono_us(), CF_MAP_EVERY_US))
		return false;
	pg_atomic_write_u32(&shared->doubted, 0);
	return true;
}

void
cf_map_doubt(void)
{
	if (pg_atomic_read_u32(&shared->doubted) == 0)
		pg_atomic_write_u32(&shared->doubted, 1);
}

const char *
cf_map_name(const CfRedisHost *host)
{
	static char text[CF_REDIS_MAX_HOST + 8];

	snprintf(text, sizeof(text), "%s:%d", host->name, host->port);
	return text;
}

/* ---- changes ---- */

static int
find_host(const CfMap *map, const CfRedisHost *host)
{
	for (int i = 1; i < CF_MAP_NODES; i++)
		if (cf_redis_same_host(&map->hosts[i], host))
			return i;
	return 0;
}

/* Its number, a new one if need be, or 0. */
static int
make_node(CfMap *map, const CfRedisHost *host)
{
	int			number = find_host(map, host);

	for (int i = 1; i < CF_MAP_NODES && number == 0; i++)
		if (map->hosts[i].name[0] == '\0')
		{
			map->hosts[i] = *host;
			number = i;
		}
	return number;
}

static void
end_change_locked(void)
{
	pg_atomic_fetch_add_u64(&shared->generation, 1);
}

/*
 * Hosts of a reply are as seen by the node that was asked: an empty one is itself.
 * A "?" is one that it does not know.
 */
static bool
take_host(const redisReply *node, const CfRedisHost *asked, CfRedisHost *host)
{
	const redisReply *name;

	if (node->type != REDIS_REPLY_ARRAY || node->elements < 2 ||
		node->element[1]->type != REDIS_REPLY_INTEGER ||
		node->element[1]->integer < 1 || node->element[1]->integer > PG_UINT16_MAX)
		return false;
	name = node->element[0];
	MemSet(host, 0, sizeof(*host));
	host->port = (int) node->element[1]->integer;
	if (name->type == REDIS_REPLY_NIL ||
		(name->type == REDIS_REPLY_STRING && name->len == 0))
		strlcpy(host->name, asked->name, sizeof(host->name));
	else if (name->type == REDIS_REPLY_STRING && cf_slot_is_host(name->str, name->len))
		memcpy(host->name, name->str, name->len);
	else
		return false;
	return true;
}

static bool
take_range(const redisReply *range, int *first, int *last)
{
	if (range->type != REDIS_REPLY_ARRAY || range->elements < 3 ||
		range->element[0]->type != REDIS_REPLY_INTEGER ||
		range->element[1]->type != REDIS_REPLY_INTEGER ||
		range->element[0]->integer < 0 ||
		range->element[0]->integer > range->element[1]->integer ||
		range->element[1]->integer >= CF_SLOTS)
		return false;
	*first = (int) range->element[0]->integer;
	*last = (int) range->element[1]->integer;
	return true;
}

/* Leaves numbers of nodes that are there still, and frees the others. */
static void
forget_unused(CfMap *map)
{
	bool		used[CF_MAP_NODES] = {false};

	for (int i = 0; i < CF_SLOTS; i++)
		used[map->node[i]] = true;
	for (int i = 1; i < CF_MAP_NODES; i++)
		if (!used[i])
			MemSet(&map->hosts[i], 0, sizeof(map->hosts[i]));
}

/* The master of a range is its third element; replicas follow. */
static bool
fill_map(CfMap *map, const redisReply *slots, const CfRedisHost *asked)
{
	bool		any = false;

	memset(map->node, 0, sizeof(map->node));
	for (size_t i = 0; i < slots->elements; i++)
	{
		const redisReply *range = slots->element[i];
		CfRedisHost host;
		int			first;
		int			last;
		int			number;

		if (!take_range(range, &first, &last))
			return false;
		if (!take_host(range->element[2], asked, &host))
			continue;
		number = make_node(map, &host);
		memset(map->node + first, number, last - first + 1);
		any |= number != 0;
	}
	forget_unused(map);
	return any;
}

/* Room is made first: numbers of nodes that are gone are free for new ones. */
bool
cf_map_install(const redisReply *slots, const CfRedisHost *asked)
{
	static CfMap new;			/* too large for the stack */
	bool		good;

	if (slots->type != REDIS_REPLY_ARRAY)
		return false;
	LWLockAcquire(shared_lock, LW_EXCLUSIVE);
	new = shared->map;
	if (new.settings != cf_handshake_settings())
		MemSet(&new, 0, sizeof(new));
	else
		forget_unused(&new);
	new.settings = cf_handshake_settings();
	good = fill_map(&new, slots, asked);
	if (good && memcmp(&new, &shared->map, sizeof(new)) != 0)
	{
		shared->map = new;
		end_change_locked();
	}
	LWLockRelease(shared_lock);
	return good;
}

static int
change(int slot, const CfRedisHost *host)
{
	int			number;

	LWLockAcquire(shared_lock, LW_EXCLUSIVE);
	number = shared->map.settings == cf_handshake_settings() ?
		make_node(&shared->map, host) : 0;
	if (number != 0 && slot >= 0)
		shared->map.node[slot] = number;
	end_change_locked();
	LWLockRelease(shared_lock);
	return number;
}

int
cf_map_move(int slot, const CfRedisHost *host)
{
	const CfMap *map = cf_map_get();
	int			known = map != NULL ? find_host(map, host) : 0;

	/* Somebody may have been told before. */
	if (known != 0 && map->node[slot] == known)
		return known;
	return change(slot, host);
}

int
cf_map_node(const CfRedisHost *host)
{
	const CfMap *map = cf_map_get();
	int			known = map != NULL ? find_host(map, host) : 0;

	return known != 0 ? known : change(-1, host);
}

void
cf_map_forget(int slot)
{
	LWLockAcquire(shared_lock, LW_EXCLUSIVE);
	if (shared->map.settings == cf_handshake_settings() && shared->map.node[slot] != 0)
	{
		shared->map.node[slot] = 0;
		end_change_locked();
	}
	LWLockRelease(shared_lock);
	cf_map_doubt();
}

/* ---- start-up ---- */

static Size
map_shmem_size(void)
{
	return sizeof(CfSharedMap);
}

static void
map_shmem_init(void *memory, LWLockPadded *locks)
{
	CfSharedMap *new = memory;

	pg_atomic_init_u64(&new->generation, 1);
	pg_atomic_init_u32(&new->doubted, 0);
	pg_atomic_init_u64(&new->asked_at, 0);
}

static void
map_shmem_attach(void *memory, LWLockPadded *locks)
{
	shared = memory;
	shared_lock = &locks[0].lock;
}

void
cf_map_register(void)
{
	static const CfShmemSegment segment = {
		.name = "cachefront_map",
		.nlocks = 1,
		.size = map_shmem_size,
		.init = map_shmem_init,
		.attach = map_shmem_attach,
	};

	cf_shmem_register(&segment);
}
