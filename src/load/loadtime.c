/*
 * loadtime.c - what loads took, in shared memory, found by hash.
 *
 * src/load/loadtime.c
 */
#include "postgres.h"

#include "port/atomics.h"

#include "base/shmem.h"
#include "load/loadtime.h"

#define CF_LOADTIMES 8192		/* a power of two */

/* The high half of the identity's hash, then microseconds; 0: free. Atomics, no lock. */
typedef struct CfSharedLoadtimes
{
	pg_atomic_uint64 slot[CF_LOADTIMES];
} CfSharedLoadtimes;

static CfSharedLoadtimes *loadtimes = NULL;

static Size
loadtime_shmem_size(void)
{
	return sizeof(CfSharedLoadtimes);
}

static void
loadtime_shmem_init(void *memory, LWLockPadded *locks)
{
	CfSharedLoadtimes *new = memory;

	for (int i = 0; i < CF_LOADTIMES; i++)
		pg_atomic_init_u64(&new->slot[i], 0);
}

static void
loadtime_shmem_attach(void *memory, LWLockPadded *locks)
{
	loadtimes = memory;
}

void
cf_loadtime_register(void)
{
	static const CfShmemSegment segment = {
		.name = "cachefront_loadtimes",
		.nlocks = 0,
		.size = loadtime_shmem_size,
		.init = loadtime_shmem_init,
		.attach = loadtime_shmem_attach,
	};

	cf_shmem_register(&segment);
}

static pg_atomic_uint64 *
slot_of(const CfIdentity *id)
{
	return &loadtimes->slot[id->hash.h[0] & (CF_LOADTIMES - 1)];
}

void
cf_loadtime_note(const CfIdentity *id, uint32 us)
{
	pg_atomic_write_u64(slot_of(id), (id->hash.h[0] & ~UINT64CONST(0xffffffff)) | Max(us, 1));
}

uint32
cf_loadtime_get(const CfIdentity *id)
{
	uint64		slot = pg_atomic_read_u64(slot_of(id));

	return (slot >> 32) == (id->hash.h[0] >> 32) ? (uint32) slot : 0;
}
