/*
 * clock.c - invalidation clocks in shared memory.
 *
 * src/l1/clock.c
 */
#include "postgres.h"

#include "port/atomics.h"
#include "port/pg_bitutils.h"

#include "codec/key.h"
#include "guc.h"
#include "l1/clock.h"
#include "position.h"
#include "shmem.h"

typedef struct CfSharedClock
{
	pg_atomic_uint64 seq;		/* of the last settled invalidation */
	pg_atomic_uint64 max_xid;	/* largest transaction id that settled here */
	pg_atomic_uint64 lsn;		/* latest LSN that settled here; 0: none yet */
	pg_atomic_uint32 pending;	/* transactions in their commit window */
	pg_atomic_uint32 key;		/* part of the hash of the last key that settled here;
								 * of a table: somebody depends on it */
} CfSharedClock;

/* What moved a tag's clock for another reason than changed rows. */
typedef struct CfSharedHardClock
{
	pg_atomic_uint64 seq;		/* of the last that settled */
	pg_atomic_uint32 pending;
} CfSharedHardClock;

/* Atomics, no lock */
typedef struct CfSharedClocks
{
	pg_atomic_uint64 seq;		/* the last sequence number given out */
	char		pad[PG_CACHE_LINE_SIZE - sizeof(pg_atomic_uint64)];	/* every commit writes it */
	/* Callers' tags, keys, our tags, tables, epochs, names, values; then the hard clocks of tags */
	CfSharedClock slot[FLEXIBLE_ARRAY_MEMBER];
} CfSharedClocks;

#define CF_EPOCH_BITS 12		/* databases whose epochs share no clock, mostly */
#define CF_EPOCHS ((1 << CF_EPOCH_BITS) + 1)	/* and the server's */
#define CF_VALUE_BITS 14		/* few results are made of values */

static CfSharedClocks *clocks = NULL;
static CfSharedHardClock *hard_clocks = NULL;
static uint32 nslots = 0;		/* of keys and of each kind of tags, a power of two */

static uint32
wanted_slots(void)
{
	return pg_nextpower2_32((uint32) cf_guc_clock_slots);
}

static uint32
all_slots(void)
{
	return 4 * wanted_slots() + 2 * CF_EPOCHS + (1 << CF_VALUE_BITS);
}

static uint32
hard_slots(void)
{
	return 3 * wanted_slots();
}

static Size
hard_offset(void)
{
	return MAXALIGN(add_size(offsetof(CfSharedClocks, slot),
							 mul_size(all_slots(), sizeof(CfSharedClock))));
}

static Size
clock_shmem_size(void)
{
	return add_size(hard_offset(), mul_size(hard_slots(), sizeof(CfSharedHardClock)));
}

static void
clock_shmem_init(void *memory, LWLockPadded *locks)
{
	CfSharedClocks *new = memory;
	CfSharedHardClock *hard = (CfSharedHardClock *) ((char *) memory + hard_offset());

	pg_atomic_init_u64(&new->seq, 1);
	for (uint32 i = 0; i < all_slots(); i++)
	{
		pg_atomic_init_u64(&new->slot[i].seq, 0);
		pg_atomic_init_u64(&new->slot[i].max_xid, 0);
		pg_atomic_init_u64(&new->slot[i].lsn, 0);
		pg_atomic_init_u32(&new->slot[i].pending, 0);
		pg_atomic_init_u32(&new->slot[i].key, 0);
	}
	for (uint32 i = 0; i < hard_slots(); i++)
	{
		pg_atomic_init_u64(&hard[i].seq, 0);
		pg_atomic_init_u32(&hard[i].pending, 0);
	}
}

static void
clock_shmem_attach(void *memory, LWLockPadded *locks)
{
	clocks = memory;
	hard_clocks = (CfSharedHardClock *) ((char *) memory + hard_offset());
	nslots = wanted_slots();
}

void
cf_clock_register(void)
{
	static const CfShmemSegment segment = {
		.name = "cachefront_clocks",
		.nlocks = 0,
		.size = clock_shmem_size,
		.init = clock_shmem_init,
		.attach = clock_shmem_attach,
	};

	cf_shmem_register(&segment);
}

int
cf_clock_slots(void)
{
	return (int) nslots;
}

CfClockRef
cf_clock_of_tag(uint64 hash)
{
	CfClockRef	slot = (CfClockRef) ((hash >> 2) & (nslots - 1));

	/* Whoever moves all of the callers' tags moves none of the cache itself. */
	if ((hash & CF_TAG_HASH_OWN) == 0)
		return slot;
	return ((hash & CF_TAG_HASH_TABLE) ? 3 * nslots : 2 * nslots) + slot;
}

CfClockRef
cf_clock_of_key(uint64 hash)
{
	/* The low bits choose the partition; take others. */
	return nslots + (CfClockRef) ((hash >> 32) & (nslots - 1));
}

CfClockRef
cf_clock_of_epoch(Oid dboid)
{
	/* Asked twice a hit, so a multiplication (Knuth's) has to do. */
	if (!OidIsValid(dboid))
		return 4 * nslots;
	return 4 * nslots + 1 +
		(CfClockRef) ((dboid * UINT64CONST(0x9e3779b97f4a7c15)) >> (64 - CF_EPOCH_BITS));
}

CfClockRef
cf_clock_of_light_names(Oid dboid)
{
	return cf_clock_of_epoch(dboid) + CF_EPOCHS;
}

CfClockRef
cf_clock_of_value(uint64 key_hash)
{
	return 4 * nslots + 2 * CF_EPOCHS + (CfClockRef) (key_hash >> (64 - CF_VALUE_BITS));
}

/* NULL: it is no tag's. */
static inline CfSharedHardClock *
hard_clock_of(CfClockRef ref)
{
	if (ref < nslots)
		return &hard_clocks[ref];
	if (ref >= 2 * nslots && ref < 4 * nslots)
		return &hard_clocks[ref - nslots];
	return NULL;
}

uint64
cf_clock_stamp(void)
{
	uint64		stamp = pg_atomic_read_u64(&clocks->seq);

	pg_memory_barrier();
	return stamp;
}

uint64
cf_clock_seq(CfClockRef ref)
{
	return pg_atomic_read_u64(&clocks->slot[ref].seq);
}

uint64
cf_clock_lsn(CfClockRef ref)
{
	return pg_atomic_read_u64(&clocks->slot[ref].lsn);
}

uint64
cf_clock_lsn_of_key(uint64 hash)
{
	CfSharedClock *slot = &clocks->slot[cf_clock_of_key(hash)];
	uint64		lsn = pg_atomic_read_u64(&slot->lsn);

	return pg_atomic_read_u32(&slot->key) == (uint32) hash ? lsn : 0;
}

/*
 * Pending must be read before the sequence number. The other way round, a
 * whole commit window could pass between the two reads and leave no trace.
 */
bool
cf_clock_unmoved(CfClockRef ref, uint64 stamp)
{
	CfSharedClock *slot = &clocks->slot[ref];

#ifndef CF_FAULT_NO_PENDING
	if (pg_atomic_read_u32(&slot->pending) != 0)
		return false;
#endif
	pg_read_barrier();
	return pg_atomic_read_u64(&slot->seq) <= stamp;
}

/* In the order of cf_clock_unmoved, for the same reason. */
bool
cf_clock_unmoved_but_by_rows(CfClockRef ref, uint64 stamp)
{
	CfSharedHardClock *hard = hard_clock_of(ref);

	if (hard == NULL)
		return cf_clock_unmoved(ref, stamp);
	if (pg_atomic_read_u32(&hard->pending) != 0)
		return false;
	pg_read_barrier();
	return pg_atomic_read_u64(&hard->seq) <= stamp;
}

bool
cf_clock_precedes(CfClockRef ref, FullTransactionId xmin)
{
	return pg_atomic_read_u64(&clocks->slot[ref].max_xid) < U64FromFullTransactionId(xmin);
}

void
cf_clock_raise_rows(CfClockRef ref)
{
	pg_atomic_fetch_add_u32(&clocks->slot[ref].pending, 1);
}

void
cf_clock_raise(CfClockRef ref)
{
	CfSharedHardClock *hard = hard_clock_of(ref);

	if (hard != NULL)
		pg_atomic_fetch_add_u32(&hard->pending, 1);
	cf_clock_raise_rows(ref);
}

uint64
cf_clock_next(void)
{
	return pg_atomic_add_fetch_u64(&clocks->seq, 1);
}

static void
raise_to(pg_atomic_uint64 *target, uint64 value)
{
	uint64		old = pg_atomic_read_u64(target);

	while (value > old &&
		   !pg_atomic_compare_exchange_u64(target, &old, value))
		;
}

void
cf_clock_settle_rows(CfClockRef ref, uint64 seq, FullTransactionId xid, uint64 lsn)
{
	CfSharedClock *slot = &clocks->slot[ref];

	raise_to(&slot->max_xid, U64FromFullTransactionId(xid));
	raise_to(&slot->lsn, lsn);
	raise_to(&slot->seq, seq);
	/* A full barrier: whoever sees pending fall sees the new number too. */
	pg_atomic_fetch_sub_u32(&slot->pending, 1);
}

void
cf_clock_settle(CfClockRef ref, uint64 seq, FullTransactionId xid, uint64 lsn)
{
	CfSharedHardClock *hard = hard_clock_of(ref);

	if (hard != NULL)
	{
		raise_to(&hard->seq, seq);
		pg_atomic_fetch_sub_u32(&hard->pending, 1);
	}
	cf_clock_settle_rows(ref, seq, xid, lsn);
}

/* While it is written the clock is pending: nobody takes the one for the other. */
void
cf_clock_settle_key(uint64 hash, uint64 seq, FullTransactionId xid, uint64 lsn)
{
	CfClockRef	ref = cf_clock_of_key(hash);

	pg_atomic_write_u32(&clocks->slot[ref].key, (uint32) hash);
	cf_clock_settle(ref, seq, xid, lsn);
}

void
cf_clock_lower_rows(CfClockRef ref)
{
	pg_atomic_fetch_sub_u32(&clocks->slot[ref].pending, 1);
}

bool
cf_clock_is_of_table(CfClockRef ref)
{
	return ref >= 3 * nslots && ref < 4 * nslots;
}

bool
cf_clock_is_depended(CfClockRef ref)
{
	return pg_atomic_read_u32(&clocks->slot[ref].key) != 0;
}

/*
 * Pending before it shows: who finds that somebody depends on it finds the clock
 * pending or settled as well, so nobody takes it for unmoved in between.
 */
bool
cf_clock_depend(CfClockRef ref)
{
#ifdef CF_FAULT_NO_DEPEND
	return false;
#endif
	if (likely(cf_clock_is_depended(ref)))
	{
		pg_read_barrier();
		return false;
	}
	cf_clock_raise_rows(ref);
	(void) pg_atomic_fetch_or_u32(&clocks->slot[ref].key, 1);
	cf_clock_settle_rows(ref, cf_clock_next(), cf_position_xid(), cf_position_lsn());
	return true;
}

void
cf_clock_lower(CfClockRef ref)
{
	CfSharedHardClock *hard = hard_clock_of(ref);

	if (hard != NULL)
		pg_atomic_fetch_sub_u32(&hard->pending, 1);
	cf_clock_lower_rows(ref);
}

void
cf_clock_move(CfClockRef ref, uint64 lsn)
{
	cf_clock_raise(ref);
	cf_clock_settle(ref, cf_clock_next(), cf_position_xid(), lsn);
}
