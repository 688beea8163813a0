/*
 * clock.c - invalidation clocks in shared memory.
 *
 * src/l1/clock.c
 */
#include "postgres.h"

#include "port/atomics.h"
#include "port/pg_bitutils.h"

#include "base/atomic.h"
#include "base/fault.h"
#include "base/guc.h"
#include "base/position.h"
#include "base/shmem.h"
#include "codec/key.h"
#include "history/history.h"
#include "l1/clock.h"

typedef struct CfSharedClock
{
	pg_atomic_uint64 seq;		/* of the last settled invalidation */
	pg_atomic_uint64 max_xid;	/* largest transaction id that settled here */
	pg_atomic_uint32 pending;	/* transactions in their commit window */
	pg_atomic_uint32 depended;	/* of a table: somebody depends on it */
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
	/* In the order of CfClockKind; then the hard clocks of tags */
	CfSharedClock slot[FLEXIBLE_ARRAY_MEMBER];
} CfSharedClocks;

/*
 * Rows that rules tell apart are many: if results of 20,000 of them are cached, a change
 * of another row would drop one in a third of all cases otherwise.
 */
#define CF_MANY 4
#define CF_EPOCHS 4096			/* databases whose epochs share no clock, mostly */
#define CF_VALUES 16384			/* few results are made of values */
#define CF_SERVER_CLOCKS 4
#define CF_DEFINITIONS 65536	/* relations and names, of which DDL moves few */

static CfSharedClocks *clocks = NULL;
static CfSharedHardClock *hard_clocks = NULL;
static uint32 nslots = 0;		/* of each kind of names but rows, a power of two */

/* Where the slots of a kind begin, and how many less one they are. */
static struct
{
	uint32		base;
	uint32		mask;
	int32		hard_base;		/* of its hard clocks; -1: it has none */
}			kinds[CF_CLOCK_KINDS];

static uint32
wanted_slots(void)
{
	return pg_nextpower2_32((uint32) cf_guc_clock_slots);
}

static uint32
all_slots(void)
{
	return (3 + CF_MANY) * wanted_slots() + 2 * CF_EPOCHS + CF_VALUES + CF_SERVER_CLOCKS +
		CF_DEFINITIONS;
}

/* All tags have them. */
static uint32
hard_slots(void)
{
	return (2 + CF_MANY) * wanted_slots();
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
		pg_atomic_init_u32(&new->slot[i].pending, 0);
		pg_atomic_init_u32(&new->slot[i].depended, 0);
	}
	for (uint32 i = 0; i < hard_slots(); i++)
	{
		pg_atomic_init_u64(&hard[i].seq, 0);
		pg_atomic_init_u32(&hard[i].pending, 0);
	}
}

static void
set_kinds(void)
{
	const uint32 room[CF_CLOCK_KINDS] = {
		[CF_CLOCK_TAG] = nslots,
		[CF_CLOCK_KEY] = nslots,
		[CF_CLOCK_ROWS] = CF_MANY * nslots,
		[CF_CLOCK_TABLE] = nslots,
		[CF_CLOCK_EPOCH] = CF_EPOCHS,
		[CF_CLOCK_NAMES] = CF_EPOCHS,
		[CF_CLOCK_VALUE] = CF_VALUES,
		[CF_CLOCK_SERVER] = CF_SERVER_CLOCKS,
		[CF_CLOCK_DEFINITION] = CF_DEFINITIONS,
	};
	const bool	has_hard[CF_CLOCK_KINDS] = {
		[CF_CLOCK_TAG] = true,
		[CF_CLOCK_ROWS] = true,
		[CF_CLOCK_TABLE] = true,
	};
	uint32		base = 0;
	uint32		hard_base = 0;

	for (int i = 0; i < CF_CLOCK_KINDS; i++)
	{
		kinds[i].base = base;
		kinds[i].mask = room[i] - 1;
		kinds[i].hard_base = has_hard[i] ? (int32) hard_base : -1;
		base += room[i];
		hard_base += has_hard[i] ? room[i] : 0;
	}
	Assert(base == all_slots() && hard_base == hard_slots());
}

static void
clock_shmem_attach(void *memory, LWLockPadded *locks)
{
	clocks = memory;
	hard_clocks = (CfSharedHardClock *) ((char *) memory + hard_offset());
	nslots = wanted_slots();
	set_kinds();
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

/* The low half of a key's hash chooses its partition and bucket; this is the other. */
static inline uint32
offset_of(CfClockRef ref)
{
	return (uint32) (ref >> 32) & kinds[cf_clock_kind(ref)].mask;
}

static inline CfSharedClock *
slot_of(CfClockRef ref)
{
	return &clocks->slot[kinds[cf_clock_kind(ref)].base + offset_of(ref)];
}

/* NULL: it is no tag's. */
static inline CfSharedHardClock *
hard_clock_of(CfClockRef ref)
{
	int32		base = kinds[cf_clock_kind(ref)].hard_base;

	return base < 0 ? NULL : &hard_clocks[base + offset_of(ref)];
}

uint32
cf_clock_slot(CfClockRef ref)
{
	return kinds[cf_clock_kind(ref)].base + offset_of(ref);
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
	return pg_atomic_read_u64(&slot_of(ref)->seq);
}

/*
 * Pending must be read before the sequence number. The other way round, a
 * whole commit window could pass between the two reads and leave no trace.
 */
uint32
cf_clock_pending(CfClockRef ref)
{
	return pg_atomic_read_u32(&slot_of(ref)->pending);
}

bool
cf_clock_unmoved(CfClockRef ref, uint64 stamp)
{
	CfSharedClock *slot = slot_of(ref);

	if (!CF_PLANTED(NO_PENDING) && pg_atomic_read_u32(&slot->pending) != 0)
		return false;
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
	return pg_atomic_read_u64(&slot_of(ref)->max_xid) < U64FromFullTransactionId(xmin);
}

/*
 * Read first: a new session has none of these pages yet, and the kernel brings
 * sixteen of them at once to who reads, but one to who writes. Without it each of a
 * session's first thousands of changes pays for a page fault.
 */
static void
raise_pending(pg_atomic_uint32 *pending)
{
	(void) pg_atomic_read_u32(pending);
	pg_atomic_fetch_add_u32(pending, 1);
}

void
cf_clock_raise_rows(CfClockRef ref)
{
	raise_pending(&slot_of(ref)->pending);
}

void
cf_clock_raise(CfClockRef ref)
{
	CfSharedHardClock *hard = hard_clock_of(ref);

	if (hard != NULL)
		raise_pending(&hard->pending);
	cf_clock_raise_rows(ref);
}

uint64
cf_clock_next(void)
{
	return pg_atomic_add_fetch_u64(&clocks->seq, 1);
}

/* The last of it is a full barrier: whoever sees pending fall sees the new number too. */
static void
settle_slot(CfSharedClock *slot, uint64 seq, FullTransactionId xid)
{
	cf_atomic_raise_to(&slot->max_xid, U64FromFullTransactionId(xid));
	cf_atomic_raise_to(&slot->seq, seq);
	pg_atomic_fetch_sub_u32(&slot->pending, 1);
}

void
cf_clock_settle_rows(CfClockRef ref, uint64 seq, FullTransactionId xid, uint64 lsn)
{
	cf_history_note(ref, lsn);
	settle_slot(slot_of(ref), seq, xid);
}

void
cf_clock_settle(CfClockRef ref, uint64 seq, FullTransactionId xid, uint64 lsn)
{
	CfSharedHardClock *hard = hard_clock_of(ref);

	if (hard != NULL)
	{
		cf_atomic_raise_to(&hard->seq, seq);
		pg_atomic_fetch_sub_u32(&hard->pending, 1);
	}
	cf_clock_settle_rows(ref, seq, xid, lsn);
}

void
cf_clock_lower_rows(CfClockRef ref)
{
	pg_atomic_fetch_sub_u32(&slot_of(ref)->pending, 1);
}

void
cf_clock_pass_rows(CfClockRef ref, uint64 lsn)
{
	cf_history_note(ref, lsn);
	cf_clock_lower_rows(ref);
}

bool
cf_clock_is_depended(CfClockRef ref)
{
	return pg_atomic_read_u32(&slot_of(ref)->depended) != 0;
}

/*
 * Pending before it shows: who finds that somebody depends on it finds the clock
 * pending or settled as well, so nobody takes it for unmoved in between.
 */
bool
cf_clock_depend(CfClockRef ref)
{
	if (CF_PLANTED(NO_DEPEND))
		return false;
	if (likely(cf_clock_is_depended(ref)))
	{
		pg_read_barrier();
		return false;
	}
	cf_clock_raise_rows(ref);
	(void) pg_atomic_fetch_or_u32(&slot_of(ref)->depended, 1);
	/* Nothing has changed: the history, which has the changes before, stays as it is. */
	settle_slot(slot_of(ref), cf_clock_next(), cf_position_xid());
	return true;
}

void
cf_clock_depend_at_start(CfClockRef ref)
{
	if (cf_clock_is_of_table(ref))
		pg_atomic_write_u32(&slot_of(ref)->depended, 1);
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
