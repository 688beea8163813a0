/*
 * readers.c - may another server read this one's WAL?
 *
 * Archives are not in here: who asks knows whether there is one.
 *
 * src/history/readers.c
 */
#include "postgres.h"

#include "port/atomics.h"
#include "replication/slot.h"
#include "replication/walsender.h"
#include "utils/timestamp.h"

#include "base/debug_point.h"
#include "base/shmem.h"
#include "history/readers.h"

/* As libpq/auth.h has it, which includes headers of Kerberos that a build need not find. */
struct Port;

typedef void (*AuthenticationHook) (struct Port *port, int status);

extern PGDLLIMPORT AuthenticationHook ClientAuthentication_hook;

/* A standby that has lost its connection tries again every five seconds. */
#define CF_PATIENCE_US (60 * USECS_PER_SEC)

typedef enum Readers
{
	NOT_YET,					/* it has not written for long */
	NONE,
	SOME
} Readers;

/* Atomics, no lock */
typedef struct CfSharedReaders
{
	pg_atomic_uint32 readers;	/* Readers; goes to SOME from anywhere, and stays */
	pg_atomic_uint64 since;		/* the first commit, after a promotion too; 0: none */
} CfSharedReaders;

static CfSharedReaders *shared = NULL;
static AuthenticationHook prev_authentication = NULL;

/* A slot that is made at this moment is used over a connection. */
static bool
any_slot(void)
{
	for (int i = 0; i < max_replication_slots; i++)
	{
		if (ReplicationSlotCtl->replication_slots[i].in_use)
			return true;
	}
	return false;
}

/* After a minute of commits. Whoever comes meanwhile is not forgotten. */
static void
decide(void)
{
	TimestampTz now = cf_now();
	uint64		since = 0;
	uint32		expected = NOT_YET;

	if (pg_atomic_compare_exchange_u64(&shared->since, &since, (uint64) now) ||
		now - (TimestampTz) since <= CF_PATIENCE_US)
		return;
	(void) pg_atomic_compare_exchange_u32(&shared->readers, &expected,
										  any_slot() ? SOME : NONE);
}

bool
cf_readers_any(void)
{
	uint32		readers;

	if (shared == NULL)
		return true;
	readers = pg_atomic_read_u32(&shared->readers);
	if (unlikely(readers == NOT_YET))
	{
		decide();
		readers = pg_atomic_read_u32(&shared->readers);
	}
	return readers != NONE;
}

/* Before it can ask for any WAL. */
static void
authentication(struct Port *port, int status)
{
	if (prev_authentication)
		prev_authentication(port, status);
	if (am_walsender && status == STATUS_OK && shared != NULL)
		pg_atomic_write_u32(&shared->readers, SOME);
}

static Size
readers_shmem_size(void)
{
	return sizeof(CfSharedReaders);
}

static void
readers_shmem_init(void *memory, LWLockPadded *locks)
{
	CfSharedReaders *new = memory;

	pg_atomic_init_u32(&new->readers, NOT_YET);
	pg_atomic_init_u64(&new->since, 0);
}

static void
readers_shmem_attach(void *memory, LWLockPadded *locks)
{
	shared = memory;
}

void
cf_readers_register(void)
{
	static const CfShmemSegment segment = {
		.name = "cachefront_readers",
		.nlocks = 0,
		.size = readers_shmem_size,
		.init = readers_shmem_init,
		.attach = readers_shmem_attach,
	};

	cf_shmem_register(&segment);
}

void
cf_readers_install_hook(void)
{
	prev_authentication = ClientAuthentication_hook;
	ClientAuthentication_hook = authentication;
}
