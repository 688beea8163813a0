/*
 * address.c - where Redis is: the addresses of its host.
 *
 * A name may take the system's resolver as long as it likes, and nothing can
 * cut that short. So who comes first asks, and what it was told is kept in shared
 * memory for all. Who fails to use the Redis that is there puts the answer in
 * doubt: then a worker, for which nobody waits, asks again, and goes where the
 * name now leads.
 *
 * Locking: the tranche's one lock guards what is kept; held for a copy.
 *
 * src/l2/address.c
 */
#include "postgres.h"

#include <netdb.h>
#include <sys/un.h>

#include "port/atomics.h"
#include "storage/lwlock.h"

#include "l2/address.h"
#include "l2/command.h"
#include "l2/l2_internal.h"
#include "shmem.h"

typedef struct CfSharedAddresses
{
	/* Protected by the lock */
	char		host[CF_REDIS_MAX_HOST];	/* empty: nothing is kept */
	int			port;
	int			n;
	CfAddress	address[CF_MAX_ADDRESSES];

	/* Atomics, no lock */
	pg_atomic_uint32 doubted;
	pg_atomic_uint32 lookups;
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
is_kept_locked(const char *host, int port)
{
	return strcmp(kept->host, host) == 0 && kept->port == port;
}

static int
take_kept(const char *host, int port, CfAddress *addresses)
{
	int			n = 0;

	LWLockAcquire(kept_lock, LW_SHARED);
	if (is_kept_locked(host, port))
	{
		n = kept->n;
		memcpy(addresses, kept->address, n * sizeof(CfAddress));
	}
	LWLockRelease(kept_lock);
	return n;
}

/* known: only if it is known by now where the host is. False: nothing changes. */
static bool
keep(const char *host, int port, const CfAddress *addresses, int n, bool known)
{
	bool		changes;

	LWLockAcquire(kept_lock, LW_EXCLUSIVE);
	if (is_kept_locked(host, port))
		changes = kept->n != n ||
			memcmp(kept->address, addresses, n * sizeof(CfAddress)) != 0;
	else
		changes = !known;
	if (changes)
	{
		strlcpy(kept->host, host, sizeof(kept->host));
		kept->port = port;
		kept->n = n;
		memcpy(kept->address, addresses, n * sizeof(CfAddress));
	}
	LWLockRelease(kept_lock);
	return changes;
}

/* There is no name to look up any more. */
static void
keep_none(void)
{
	if (kept->host[0] == '\0')
		return;
	LWLockAcquire(kept_lock, LW_EXCLUSIVE);
	kept->host[0] = '\0';
	kept->n = 0;
	LWLockRelease(kept_lock);
}

static int
look_up(const char *host, int port, CfAddress *addresses, int *n)
{
	int			error;

	pg_atomic_write_u32(&kept->doubted, 0);
	pg_atomic_fetch_add_u32(&kept->lookups, 1);
	error = ask_resolver(host, port, 0, addresses, n);
	if (error != 0)
		pg_atomic_write_u32(&kept->doubted, 1);
	return error;
}

/* What is kept of a name, or what the resolver says. getaddrinfo's error, or 0. */
static int
find_name(const char *host, int port, bool ask, CfAddress *addresses, int *n)
{
	int			error;

	if (!ask && (*n = take_kept(host, port, addresses)) > 0)
		return 0;
	error = look_up(host, port, addresses, n);
	if (error == 0)
		(void) keep(host, port, addresses, *n, false);
	/* Better an old answer than none. */
	else if ((*n = take_kept(host, port, addresses)) > 0)
		error = 0;
	return error;
}

static int
host_addresses(CfConn *conn, const char *host, int port, CfAddress *addresses)
{
	int			n;
	int			error = ask_resolver(host, port, AI_NUMERICHOST, addresses, &n);

	if (error == EAI_NONAME)
		error = find_name(host, port,
						  conn->patient && pg_atomic_read_u32(&kept->doubted) != 0,
						  addresses, &n);
	else
		keep_none();
	if (error != 0)
		cf_conn_fail(conn, "could not resolve \"%s\": %s", host, gai_strerror(error));
	return n;
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
cf_address_find(CfConn *conn, const CfRedisUrl *url, CfAddress *addresses)
{
	if (url->transport == CF_REDIS_UNIX)
	{
		keep_none();
		return unix_address(url->host, addresses);
	}
	return host_addresses(conn, url->host, url->port, addresses);
}

/* A session could not use the Redis that is there. */
void
cf_address_doubt(void)
{
	pg_atomic_write_u32(&kept->doubted, 1);
}

void
cf_address_check(void)
{
	char		host[CF_REDIS_MAX_HOST];
	CfAddress	addresses[CF_MAX_ADDRESSES];
	int			port;
	int			n;

	if (!cf_l2_configured() || pg_atomic_read_u32(&kept->doubted) == 0)
		return;
	LWLockAcquire(kept_lock, LW_SHARED);
	strlcpy(host, kept->host, sizeof(host));
	port = kept->port;
	LWLockRelease(kept_lock);
	if (host[0] != '\0' && look_up(host, port, addresses, &n) == 0 &&
		keep(host, port, addresses, n, true))
		cf_l2_drop();
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
