/*
 * history.c - the LSN of the last change of each thing, in shared memory.
 *
 * An array, found by hash, of one LSN a slot. Tables and whole databases have
 * slots of their own: they are few, and much depends on them, so that they
 * shall not share one with rows and keys, of which many change.
 *
 * src/history/history.c
 */
#include "postgres.h"

#include "port/atomics.h"
#include "port/pg_bitutils.h"

#include "base/atomic.h"
#include "base/guc.h"
#include "base/shmem.h"
#include "history/history_internal.h"

#define CF_FEW_SHARE 16			/* of the slots, for tables and databases */

/* Atomics, no lock */
typedef struct CfSharedHistory
{
	pg_atomic_uint64 floor;
	pg_atomic_uint64 restored;	/* the floor to begin with; PG_UINT64_MAX: none */
	pg_atomic_uint64 slot[FLEXIBLE_ARRAY_MEMBER];	/* of the many, then of the few */
} CfSharedHistory;

static CfSharedHistory *history = NULL;
static uint64 nmany = 0;		/* powers of two */
static uint64 nfew = 0;

static uint64
wanted_many(void)
{
	Size		wanted = (Size) cf_guc_history_size * 1024 / sizeof(pg_atomic_uint64);

	return pg_nextpower2_64(wanted / 2 + 1);
}

static uint64
all_slots(void)
{
	return wanted_many() + wanted_many() / CF_FEW_SHARE;
}

static Size
history_shmem_size(void)
{
	return add_size(offsetof(CfSharedHistory, slot),
					mul_size(all_slots(), sizeof(pg_atomic_uint64)));
}

static void
history_shmem_init(void *memory, LWLockPadded *locks)
{
	CfSharedHistory *new = memory;

	pg_atomic_init_u64(&new->floor, PG_UINT64_MAX);
	pg_atomic_init_u64(&new->restored, PG_UINT64_MAX);
	for (uint64 i = 0; i < all_slots(); i++)
		pg_atomic_init_u64(&new->slot[i], 0);
}

static void
history_shmem_attach(void *memory, LWLockPadded *locks)
{
	history = memory;
	nmany = wanted_many();
	nfew = nmany / CF_FEW_SHARE;
}

void
cf_history_register(void)
{
	static const CfShmemSegment segment = {
		.name = "cachefront_history",
		.nlocks = 0,
		.size = history_shmem_size,
		.init = history_shmem_init,
		.attach = history_shmem_attach,
	};

	cf_shmem_register(&segment);
}

static inline pg_atomic_uint64 *
slot_of(CfClockRef ref)
{
	switch (cf_clock_kind(ref))
	{
		case CF_CLOCK_TABLE:
		case CF_CLOCK_EPOCH:
		case CF_CLOCK_NAMES:
		case CF_CLOCK_SERVER:
		case CF_CLOCK_DEFINITION:
			return &history->slot[nmany + ((ref >> 32) & (nfew - 1))];
		case CF_CLOCK_TAG:
		case CF_CLOCK_KEY:
		case CF_CLOCK_ROWS:
		case CF_CLOCK_VALUE:
			break;
	}
	return &history->slot[(ref >> 8) & (nmany - 1)];
}

void
cf_history_note(CfClockRef ref, uint64 lsn)
{
	cf_atomic_raise_to(slot_of(ref), lsn);
}

uint64
cf_history_lsn(CfClockRef ref)
{
	return pg_atomic_read_u64(slot_of(ref));
}

bool
cf_history_has_none_since(uint64 lsn, const CfClockRef *refs, int n)
{
	pg_read_barrier();
	if (cf_history_floor() > lsn)
		return false;
	for (int i = 0; i < n; i++)
	{
		if (cf_history_lsn(refs[i]) > lsn)
			return false;
	}
	return true;
}

bool
cf_history_is_unchanged(uint64 lsn, uint64 key_hash, Oid dboid, const CfClockRef *deps,
						int ndeps)
{
	const CfClockRef implied[] = {cf_clock_of_key(key_hash), cf_clock_of_epoch(dboid),
		cf_clock_of_epoch(InvalidOid)};

	return cf_history_has_none_since(lsn, implied, lengthof(implied)) &&
		cf_history_has_none_since(lsn, deps, ndeps);
}

uint64
cf_history_floor(void)
{
	return pg_atomic_read_u64(&history->floor);
}

void
cf_history_raise_floor(uint64 lsn)
{
	cf_atomic_raise_to(&history->floor, lsn);
}

bool
cf_history_lower_floor(uint64 expected, uint64 lsn)
{
	return pg_atomic_compare_exchange_u64(&history->floor, &expected, lsn);
}

CfHistoryImage
cf_history_image(void)
{
	return (CfHistoryImage) {
		.data = (char *) history->slot,
		.len = all_slots() * sizeof(pg_atomic_uint64),
		.floor = cf_history_floor(),
	};
}

void
cf_history_restored(uint64 floor)
{
	pg_atomic_write_u64(&history->restored, floor);
}

void
cf_history_begin(uint64 lsn)
{
	uint64		restored = pg_atomic_read_u64(&history->restored);

	if (!cf_history_lower_floor(PG_UINT64_MAX, Min(restored, lsn)))
		cf_history_raise_floor(lsn);
}
