/*
 * address.c - where the hosts are: the addresses of their names.
 *
 * A name may take the system's resolver as long as it likes, and nothing can
 * cut that short. So what it was told is kept in shared memory for all, and a
 * worker asks, for which nobody waits. A session that somebody waits for asks
 * only where no worker does, one session at a time, and not again for a while
 * after the resolver has failed.
 *
 * Who fails to use the Redis that is there puts the answers in doubt: then the
 * worker asks again, and goes where the names now lead.
 *
 * Locking: the tranche's one lock guards what is kept; held for a copy.
 *
 * src/redis/address.c
 */
#include "postgres.h"

#include <netdb.h>
#include <sys/un.h>

#include "port/atomics.h"
#include "storage/lwlock.h"

#include "base/guc.h"
#include "base/shmem.h"
#include "redis/address.h"
#include "redis/command.h"
#include "redis/redis_internal.h"

#define CF_KEPT_NAMES 32
#define CF_WORKER_ALIVE_US (INT64CONST(30) * 1000000)	/* after it was last seen */
#define CF_RESOLVER_REST_US (INT64CONST(30) * 1000000)	/* after it has failed */

/* A name, and what the resolver said of it. */
typedef struct CfKeptName
{
	CfRedisHost host;			/* name is empty: this place is free */
	int			n;				/* addresses; 0: none is known */
	int			error;			/* getaddrinfo's, of the last time; 0: none */
	CfAddress	address[CF_MAX_ADDRESSES];
} CfKeptName;

typedef struct CfSharedAddresses
{
	/* Protected by the lock */
	uint64		settings;		/* of whose url these are the names */
	int			next;			/* the place to give away when all are taken */
	CfKeptName	names[CF_KEPT_NAMES];

	/* Atomics, no lock; times by cf_mono_us, 0: never */
	pg_atomic_uint32 doubted;
	pg_atomic_uint32 lookups;
	pg_atomic_uint64 worker_at; /* a worker was here */
	pg_atomic_uint64 asking_at; /* a session that somebody waits for began to ask */
	pg_atomic_uint64 failed_at; /* the resolver failed */
} CfSharedAddresses;

static CfSharedAddresses *kept = NULL;
static LWLock *kept_lock = NULL;

/* getaddrinfo's error, or 0. */
static int
ask_resolver(const char *host, int port, int flags, CfAddress *addresses, int *n)
{
	struct addrinfo hint = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = flags | AI_NUMERICSERV,
	};
	struct addrinfo *found = NULL;
	char		service[8];
	int			error;

	*n = 0;
	snprintf(service, sizeof(service), "%d", port);
	error = getaddrinfo(host, service, &hint, &found);
	if (error != 0)
		return error;
	MemSet(addresses, 0, CF_MAX_ADDRESSES * sizeof(CfAddress));
	for (struct addrinfo *a = found; a != NULL && *n < CF_MAX_ADDRESSES; a = a->ai_next)
	{
		memcpy(&addresses[*n].storage, a->ai_addr, a->ai_addrlen);
		addresses[(*n)++].len = a->ai_addrlen;
	}
	freeaddrinfo(found);
	return 0;
}

static bool
is_recent(pg_atomic_uint64 *at, int64 us)
{
	int64		when = (int64) pg_atomic_read_u64(at);

	return when != 0 && cf_mono_us() - when < us;
}

static void
stamp(pg_atomic_uint64 *at)
{
	pg_atomic_write_u64(at, (uint64) cf_mono_us());
}

/* ---- what is kept ---- */

/* The place of a name, or NULL. Names of another url are none. */
static CfKeptName *
find_locked(const CfRedisHost *host)
{
	if (kept->settings != cf_handshake_settings())
		return NULL;
	for (int i = 0; i < CF_KEPT_NAMES; i++)
		if (strcmp(kept->names[i].host.name, host->name) == 0 &&
			kept->names[i].host.port == host->port)
			return &kept->names[i];
	return NULL;
}

/* The same, or a new place. */
static CfKeptName *
make_locked(const CfRedisHost *host)
{
	CfKeptName *name = find_locked(host);

	if (name != NULL)
		return name;
	if (kept->settings != cf_handshake_settings())
	{
		MemSet(kept->names, 0, sizeof(kept->names));
		kept->settings = cf_handshake_settings();
	}
	for (int i = 0; i < CF_KEPT_NAMES && name == NULL; i++)
		if (kept->names[i].host.name[0] == '\0')
			name = &kept->names[i];
	if (name == NULL)
		name = &kept->names[kept->next++ % CF_KEPT_NAMES];
	MemSet(name, 0, sizeof(*name));
	name->host = *host;
	return name;
}

/* How many addresses are known; *error: what the resolver said the last time. */
static int
take_kept(const CfRedisHost *host, CfAddress *addresses, int *error)
{
	const CfKeptName *name;
	int			n = 0;

	*error = 0;
	LWLockAcquire(kept_lock, LW_SHARED);
	name = find_locked(host);
	if (name != NULL)
	{
		n = name->n;
		*error = name->error;
		memcpy(addresses, name->address, n * sizeof(CfAddress));
	}
	LWLockRelease(kept_lock);
	return n;
}

/* Did the addresses change? Where there are none, the last ones stay. */
static bool
keep(const CfRedisHost *host, const CfAddress *addresses, int n, int error)
{
	CfKeptName *name;
	bool		changes = false;

	LWLockAcquire(kept_lock, LW_EXCLUSIVE);
	name = make_locked(host);
	name->error = error;
	if (n > 0)
	{
		changes = name->n != n ||
			memcmp(name->address, addresses, n * sizeof(CfAddress)) != 0;
		name->n = n;
		memcpy(name->address, addresses, n * sizeof(CfAddress));
	}
	LWLockRelease(kept_lock);
	return changes;
}

/* ---- asking ---- */

/* Asks and keeps the answer. getaddrinfo's error, or 0. */
static int
look_up(const CfRedisHost *host, CfAddress *addresses, int *n, bool *changes)
{
	int			error;

	pg_atomic_fetch_add_u32(&kept->lookups, 1);
	error = ask_resolver(host->name, host->port, 0, addresses, n);
	if (error != 0)
	{
		pg_atomic_write_u32(&kept->doubted, 1);
		stamp(&kept->failed_at);
	}
	*changes = keep(host, addresses, *n, error);
	return error;
}

/* One session at a time, and only if no worker does. */
static bool
may_ask(const CfConn *conn)
{
	uint64		asking_at;

	if (conn->patient)
		return true;
	asking_at = pg_atomic_read_u64(&kept->asking_at);
	return !is_recent(&kept->worker_at, CF_WORKER_ALIVE_US) &&
		!is_recent(&kept->failed_at, CF_RESOLVER_REST_US) &&
		!is_recent(&kept->asking_at, CF_RESOLVER_REST_US) &&
		pg_atomic_compare_exchange_u64(&kept->asking_at, &asking_at, (uint64) cf_mono_us());
}

/* A name that a worker will ask for. */
static void
want(CfConn *conn, const CfRedisHost *host)
{
	(void) keep(host, NULL, 0, 0);
	cf_address_doubt();
	(void) cf_conn_fail_own(conn, "the resolver was not asked for Redis's address yet");
}

static int
fail_name(CfConn *conn, const CfRedisHost *host, int error)
{
	cf_conn_fail(conn, "could not resolve \"%s\": %s", host->name, gai_strerror(error));
	return 0;
}

/* The addresses of a name: what is kept of it, or what the resolver says. */
static int
find_name(CfConn *conn, const CfRedisHost *host, CfAddress *addresses)
{
	int			known_error;
	int			error;
	int			n = take_kept(host, addresses, &known_error);
	bool		changes;

	if (n > 0 && !(conn->patient && pg_atomic_read_u32(&kept->doubted) != 0))
		return n;
	if (!may_ask(conn))
	{
		if (known_error != 0)
			return fail_name(conn, host, known_error);
		want(conn, host);
		return 0;
	}
	pg_atomic_write_u32(&kept->doubted, 0);
	error = look_up(host, addresses, &n, &changes);
	if (!conn->patient)
		pg_atomic_write_u64(&kept->asking_at, 0);
	/* Better an old answer than none. */
	if (error != 0 && (n = take_kept(host, addresses, &known_error)) == 0)
		return fail_name(conn, host, error);
	return n;
}

static int
host_addresses(CfConn *conn, const CfRedisHost *host, CfAddress *addresses)
{
	int			n;
	int			error = ask_resolver(host->name, host->port, AI_NUMERICHOST, addresses, &n);

	if (error == EAI_NONAME)
		return find_name(conn, host, addresses);
	return error == 0 ? n : fail_name(conn, host, error);
}

static int
unix_address(const char *path, CfAddress *address)
{
	struct sockaddr_un *un = (struct sockaddr_un *) &address->storage;

	MemSet(address, 0, sizeof(*address));
	un->sun_family = AF_UNIX;
	strlcpy(un->sun_path, path, sizeof(un->sun_path));
	address->len = sizeof(*un);
	return 1;
}

/* Room for CF_MAX_ADDRESSES. 0, and noted why, if there is none. */
int
cf_address_find(CfConn *conn, const CfRedisHost *host, CfAddress *addresses)
{
	if (host->port == 0)
		return unix_address(host->name, addresses);
	return host_addresses(conn, host, addresses);
}

/* A session could not use the Redis that is there. */
void
cf_address_doubt(void)
{
	pg_atomic_write_u32(&kept->doubted, 1);
}

/* ---- the worker ---- */

/* Is it the name of a host, and not its address? */
static bool
is_name(const CfRedisHost *host)
{
	CfAddress	addresses[CF_MAX_ADDRESSES];
	int			n;

	return host->port != 0 &&
		ask_resolver(host->name, host->port, AI_NUMERICHOST, addresses, &n) == EAI_NONAME;
}

/* The i-th name that is kept. */
static bool
name_at(int i, CfRedisHost *host)
{
	LWLockAcquire(kept_lock, LW_SHARED);
	*host = kept->names[i].host;
	LWLockRelease(kept_lock);
	return host->name[0] != '\0';
}

/* Makes places for the names of a url that nobody has used yet. */
static void
prepare_names(void)
{
	static CfRedisUrl url;
	bool		known;

	LWLockAcquire(kept_lock, LW_SHARED);
	known = kept->settings == cf_handshake_settings();
	LWLockRelease(kept_lock);
	if (known || cf_redis_url_parse(cf_guc_redis_url, &url) != CF_REDIS_URL_OK)
		return;
	explicit_bzero(url.password, sizeof(url.password));
	LWLockAcquire(kept_lock, LW_EXCLUSIVE);
	MemSet(kept->names, 0, sizeof(kept->names));
	kept->settings = cf_handshake_settings();
	LWLockRelease(kept_lock);
	for (int i = 0; i < url.nseeds; i++)
		if (is_name(&url.seeds[i]))
		{
			(void) keep(&url.seeds[i], NULL, 0, 0);
			cf_address_doubt();
		}
}

bool
cf_address_check(void)
{
	CfRedisHost host;
	CfAddress	addresses[CF_MAX_ADDRESSES];
	int			n;
	bool		changed = false;
	bool		changes;

	stamp(&kept->worker_at);
	prepare_names();
	if (pg_atomic_read_u32(&kept->doubted) == 0)
		return false;
	pg_atomic_write_u32(&kept->doubted, 0);
	for (int i = 0; i < CF_KEPT_NAMES; i++)
	{
		if (!name_at(i, &host))
			continue;
		stamp(&kept->worker_at);
		(void) look_up(&host, addresses, &n, &changes);
		changed |= changes;
	}
	return changed;
}

uint32
cf_address_lookups(void)
{
	return pg_atomic_read_u32(&kept->lookups);
}

/* ---- start-up ---- */

static Size
address_shmem_size(void)
{
	return sizeof(CfSharedAddresses);
}

static void
address_shmem_init(void *memory, LWLockPadded *locks)
{
	CfSharedAddresses *new = memory;

	pg_atomic_init_u32(&new->doubted, 0);
	pg_atomic_init_u32(&new->lookups, 0);
	pg_atomic_init_u64(&new->worker_at, 0);
	pg_atomic_init_u64(&new->asking_at, 0);
	pg_atomic_init_u64(&new->failed_at, 0);
}

static void
address_shmem_attach(void *memory, LWLockPadded *locks)
{
	kept = memory;
	kept_lock = &locks[0].lock;
}

void
cf_address_register(void)
{
	static const CfShmemSegment segment = {
		.name = "cachefront_addresses",
		.nlocks = 1,
		.size = address_shmem_size,
		.init = address_shmem_init,
		.attach = address_shmem_attach,
	};

	cf_shmem_register(&segment);
}
