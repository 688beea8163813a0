/*
 * memory.c - buffer 'memory': sums, greatest and least values in shared memory, by key.
 *
 * All that is said of sums holds for the others; only that these never overflow.
 *
 * A slot has up to three sums. "value" is what commits add to. "flight" is what a transaction
 * is applying, whose id it carries; with no id it is grounded: that transaction failed, and it is
 * to be tried again. "landed" is what was applied last, for snapshots that have
 * not seen it.
 *
 * Room: each sum that a transaction keeps to itself has a free slot reserved, whether or not
 * its key has one already: that one may be full, as a sum may be.
 *
 * src/behind/memory.c
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "miscadmin.h"
#include "storage/lwlock.h"
#include "storage/procarray.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/guc.h"
#include "base/involved.h"
#include "base/shmem.h"
#include "behind/memory.h"
#include "behind/memory_internal.h"
#include "codec/key.h"

#define CF_MEMORY_KEEP_US (10 * USECS_PER_SEC)	/* at most, for snapshots that are older */

typedef struct Slot
{
	int			next;			/* in its bucket, or among the free ones */
	Oid			dboid;			/* InvalidOid: free */
	CfHash128	hash;			/* of writer and args */
	char		writer[CF_MAX_CACHE_NAME];
	CfMerge		merge;
	int			args_len;
	char		args[CF_MEMORY_ARGS];
	int64		value;
	int64		writes;			/* 0: there is no value */
	TimestampTz since;
	int64		flight;
	int64		flight_writes;	/* 0: there is none */
	FullTransactionId flight_xid;	/* invalid: grounded */
	TimestampTz flight_since;
	int64		landed;
	FullTransactionId landed_xid;	/* invalid: nothing */
	TimestampTz landed_at;
} Slot;

typedef struct CfSharedMemoryBuffer
{
	int			nslots;
	int			nbuckets;
	int			nfree;
	int			reserved;		/* of these */
	int			first_free;
} CfSharedMemoryBuffer;

static CfSharedMemoryBuffer *shared = NULL;
static int *buckets;
static Slot *slots;
static LWLock *lock = NULL;

/* ---- shared memory ---- */

static int
count_slots(void)
{
	return Max((int) ((Size) cf_guc_write_memory * 1024 / (sizeof(Slot) + sizeof(int))), 16);
}

static Size
header_size(void)
{
	return MAXALIGN(sizeof(CfSharedMemoryBuffer)) + MAXALIGN(count_slots() * sizeof(int));
}

static Size
memory_size(void)
{
	return header_size() + count_slots() * sizeof(Slot);
}

static void
set_pointers(void *memory)
{
	shared = memory;
	buckets = (int *) ((char *) memory + MAXALIGN(sizeof(CfSharedMemoryBuffer)));
	slots = (Slot *) ((char *) memory + header_size());
}

static void
memory_init(void *memory, LWLockPadded *locks)
{
	set_pointers(memory);
	shared->nslots = shared->nbuckets = shared->nfree = count_slots();
	shared->reserved = 0;
	shared->first_free = 0;
	for (int i = 0; i < shared->nslots; i++)
	{
		buckets[i] = CF_NO_SLOT;
		slots[i].dboid = InvalidOid;
		slots[i].next = i + 1 < shared->nslots ? i + 1 : CF_NO_SLOT;
	}
}

static void
memory_attach(void *memory, LWLockPadded *locks)
{
	set_pointers(memory);
	lock = &locks[0].lock;
}

void
cf_memory_register(void)
{
	static const CfShmemSegment segment = {
		.name = "cachefront_write_memory",
		.nlocks = 1,
		.size = memory_size,
		.init = memory_init,
		.attach = memory_attach,
	};

	cf_shmem_register(&segment);
}

/* ---- slots; with the lock ---- */

static int *
bucket_of(const CfHash128 *hash)
{
	return &buckets[hash->h[0] % shared->nbuckets];
}

/* A key may have several: a sum that would overflow begins another. */
static int
find_slot(const CfHash128 *hash, int after)
{
	int			i = after == CF_NO_SLOT ? *bucket_of(hash) : slots[after].next;

	while (i != CF_NO_SLOT && (slots[i].dboid != MyDatabaseId ||
							   memcmp(&slots[i].hash, hash, sizeof(*hash)) != 0))
		i = slots[i].next;
	return i;
}

static int
take_slot(const CfHash128 *hash)
{
	int			i = shared->first_free;
	int		   *bucket = bucket_of(hash);

	shared->first_free = slots[i].next;
	shared->nfree--;
	MemSet(&slots[i], 0, sizeof(Slot));
	slots[i].dboid = MyDatabaseId;
	slots[i].hash = *hash;
	slots[i].flight_xid = slots[i].landed_xid = InvalidFullTransactionId;
	slots[i].next = *bucket;
	*bucket = i;
	return i;
}

static void
free_slot(int slot)
{
	int		   *link = bucket_of(&slots[slot].hash);

	while (*link != slot)
		link = &slots[*link].next;
	*link = slots[slot].next;
	slots[slot].dboid = InvalidOid;
	slots[slot].next = shared->first_free;
	shared->first_free = slot;
	shared->nfree++;
}

static void
land(Slot *slot)
{
	slot->landed = slot->flight;
	slot->landed_xid = slot->flight_xid;
	slot->landed_at = GetCurrentTimestamp();
	slot->flight_writes = 0;
	slot->flight_xid = InvalidFullTransactionId;
}

typedef struct Flight
{
	int			slot;
	FullTransactionId xid;
	bool		over;
	bool		committed;
} Flight;

static bool
is_other_flight(const Slot *slot)
{
	return slot->dboid == MyDatabaseId && slot->flight_writes > 0 &&
		FullTransactionIdIsValid(slot->flight_xid) &&
		!FullTransactionIdEquals(slot->flight_xid, GetTopFullTransactionIdIfAny());
}

static void
settle_flight(const Flight *flight)
{
	Slot	   *slot = &slots[flight->slot];

	if (!flight->over || !is_other_flight(slot) ||
		!FullTransactionIdEquals(slot->flight_xid, flight->xid))
		return;
	if (flight->committed)
		land(slot);
	else
		slot->flight_xid = InvalidFullTransactionId;
}

/*
 * Whoever was to tell may have died: what became of it? Whoever commits is in progress until
 * after that shows; so it is asked first. Without the lock, for it may read a file.
 */
static void
settle_flights(void)
{
	Flight		flights[64];
	int			n = 0;

	LWLockAcquire(lock, LW_SHARED);
	for (int i = 0; i < shared->nslots && n < lengthof(flights); i++)
	{
		if (!is_other_flight(&slots[i]))
			continue;
		flights[n].slot = i;
		flights[n++].xid = slots[i].flight_xid;
	}
	LWLockRelease(lock);
	if (n == 0)
		return;
	for (int i = 0; i < n; i++)
	{
		TransactionId xid = XidFromFullTransactionId(flights[i].xid);

		flights[i].over = !TransactionIdIsInProgress(xid);
		flights[i].committed = flights[i].over && TransactionIdDidCommit(xid);
	}
	LWLockAcquire(lock, LW_EXCLUSIVE);
	for (int i = 0; i < n; i++)
		settle_flight(&flights[i]);
	LWLockRelease(lock);
	if (n == lengthof(flights) && flights[0].over)
		settle_flights();
}

/* ---- for a transaction's own ---- */

CfHash128
cf_memory_hash(const char *writer, const struct varlena *args)
{
	CfHash128	hash;

	cf_hash128_init(&hash, 0);
	cf_hash128_add(&hash, writer, strlen(writer) + 1);
	cf_hash128_add(&hash, VARDATA(args), VARSIZE(args) - VARHDRSZ);
	return hash;
}

bool
cf_memory_reserve(void)
{
	bool		reserved;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	reserved = shared->nfree > shared->reserved;
	if (reserved)
		shared->reserved++;
	LWLockRelease(lock);
	return reserved;
}

/* Slots that this transaction has in flight. */
static struct
{
	int		   *slot;			/* or NULL */
	int			n;
	int			room;
}			flights;

bool
cf_memory_has_flights(void)
{
	return flights.slot != NULL;
}

void
cf_memory_begin_end(void)
{
	LWLockAcquire(lock, LW_EXCLUSIVE);
}

bool
cf_memory_can_keep(CfMerge merge, Oid value_type)
{
	switch (merge)
	{
		case CF_MERGE_SUM:
			return value_type == INT8OID;
		case CF_MERGE_MAX:
		case CF_MERGE_MIN:
			return value_type == INT8OID || value_type == INT4OID || value_type == INT2OID;
		case CF_MERGE_LAST:
			/* Which is the last is told by a number; memory has but the value. */
			break;
	}
	return false;
}

bool
cf_memory_merge(CfMerge merge, int64 a, int64 b, int64 *result)
{
	if (merge == CF_MERGE_SUM)
		return !pg_add_s64_overflow(a, b, result);
	*result = merge == CF_MERGE_MAX ? Max(a, b) : Min(a, b);
	return true;
}

/* With the lock; never fails, for a slot is reserved. */
void
cf_memory_add_sum(const CfMemorySum *sum)
{
	int			i;
	Slot	   *slot;
	int64		value = 0;

	for (i = find_slot(sum->hash, CF_NO_SLOT); i != CF_NO_SLOT; i = find_slot(sum->hash, i))
	{
		if (slots[i].writes == 0 ||
			cf_memory_merge(sum->merge, slots[i].value, sum->value, &value))
			break;
	}
	if (i == CF_NO_SLOT)
	{
		i = take_slot(sum->hash);
		strlcpy(slots[i].writer, sum->writer, sizeof(slots[i].writer));
		slots[i].args_len = sum->args_len;
		memcpy(slots[i].args, sum->args, sum->args_len);
	}
	slot = &slots[i];
	if (slot->writes == 0)
	{
		value = sum->value;
		slot->since = sum->since;
	}
	slot->merge = sum->merge;
	slot->value = value;
	slot->writes += sum->writes;
}

static void
end_flights(bool committed)
{
	for (int i = 0; i < flights.n; i++)
	{
		Slot	   *slot = &slots[flights.slot[i]];

		if (committed)
			land(slot);
		else
			slot->flight_xid = InvalidFullTransactionId;
	}
}

void
cf_memory_finish_end(int reserved, bool committed)
{
	shared->reserved -= reserved;
	end_flights(committed);
	LWLockRelease(lock);
	flights.n = flights.room = 0;
	flights.slot = NULL;
}

struct varlena *
cf_memory_args(const char *data, int len)
{
	struct varlena *args = palloc(VARHDRSZ + len);

	SET_VARSIZE(args, VARHDRSZ + len);
	memcpy(VARDATA(args), data, len);
	return args;
}

/* ---- the worker ---- */

static bool
is_of(const Slot *slot, const char *writer)
{
	return slot->dboid == MyDatabaseId && (writer == NULL || strcmp(slot->writer, writer) == 0);
}

static bool
can_fly(const Slot *slot)
{
	return slot->flight_writes > 0 ? !FullTransactionIdIsValid(slot->flight_xid) :
		slot->writes > 0;
}

/* First room for all, for nothing is allocated with the lock. */
int
cf_memory_list(const char *writer, CfMemoryItem **items)
{
	int			room = 0;
	int			n = 0;
	int		   *found;

	settle_flights();
	LWLockAcquire(lock, LW_SHARED);
	room = shared->nslots - shared->nfree;
	LWLockRelease(lock);
	found = palloc((room + 1) * sizeof(int));
	LWLockAcquire(lock, LW_EXCLUSIVE);
	for (int i = 0; i < shared->nslots && n < room; i++)
	{
		if (is_of(&slots[i], writer) && can_fly(&slots[i]))
			found[n++] = i;
	}
	LWLockRelease(lock);
	*items = palloc((n + 1) * sizeof(CfMemoryItem));
	/* Only we free slots of this database, or take away what they have. */
	for (int i = 0; i < n; i++)
	{
		const Slot *slot = &slots[found[i]];
		CfMemoryItem *item = &(*items)[i];

		item->slot = found[i];
		item->hash = slot->hash;
		item->writer = pstrdup(slot->writer);
		item->args = cf_memory_args(slot->args, slot->args_len);
		item->value = 0;
		item->writes = slot->flight_writes + slot->writes;
		item->since = slot->flight_writes > 0 ? slot->flight_since : slot->since;
	}
	return n;
}

static void
note_flight(int slot)
{
	cf_involve();
	if (flights.n == flights.room)
	{
		int			room = Max(flights.room * 2, 1024);

		flights.slot = flights.slot == NULL ?
			MemoryContextAlloc(TopTransactionContext, room * sizeof(int)) :
			repalloc_huge(flights.slot, room * sizeof(int));
		flights.room = room;
	}
	flights.slot[flights.n++] = slot;
}

static void
take_off(Slot *slot, FullTransactionId xid)
{
	if (slot->flight_writes == 0)
	{
		slot->flight = slot->value;
		slot->flight_writes = slot->writes;
		slot->flight_since = slot->since;
		slot->writes = 0;
	}
	slot->flight_xid = xid;
}

bool
cf_memory_fly(int slot, const CfHash128 *hash, int64 *value, int64 *writes)
{
	FullTransactionId xid = GetTopFullTransactionId();
	bool		flies;

	note_flight(slot);
	LWLockAcquire(lock, LW_EXCLUSIVE);
	flies = slots[slot].dboid == MyDatabaseId && can_fly(&slots[slot]) &&
		memcmp(&slots[slot].hash, hash, sizeof(*hash)) == 0;
	if (flies)
	{
		take_off(&slots[slot], xid);
		*value = slots[slot].flight;
		*writes = slots[slot].flight_writes;
	}
	LWLockRelease(lock);
	if (!flies)
		flights.n--;
	return flies;
}

void
cf_memory_ground(int slot)
{
	LWLockAcquire(lock, LW_EXCLUSIVE);
	slots[slot].flight_xid = InvalidFullTransactionId;
	LWLockRelease(lock);
	for (int i = 0; i < flights.n; i++)
	{
		if (flights.slot[i] == slot)
			flights.slot[i--] = flights.slot[--flights.n];
	}
}

void
cf_memory_clean(void)
{
	TimestampTz now = GetCurrentTimestamp();
	TransactionId horizon = GetOldestNonRemovableTransactionId(NULL);

	LWLockAcquire(lock, LW_EXCLUSIVE);
	for (int i = 0; i < shared->nslots; i++)
	{
		Slot	   *slot = &slots[i];

		if (is_of(slot, NULL) && slot->writes == 0 && slot->flight_writes == 0 &&
			(TransactionIdPrecedes(XidFromFullTransactionId(slot->landed_xid), horizon) ||
			 now - slot->landed_at > CF_MEMORY_KEEP_US || now < slot->landed_at))
			free_slot(i);
	}
	LWLockRelease(lock);
}

/* ---- looks ---- */

static bool
is_seen(FullTransactionId xid, Snapshot snapshot)
{
	return FullTransactionIdIsValid(xid) &&
		!XidInMVCCSnapshot(XidFromFullTransactionId(xid), snapshot) &&
		TransactionIdDidCommit(XidFromFullTransactionId(xid));
}

/* What was applied last, unless that is long ago: then every snapshot has seen it. */
static bool
is_landed_unseen(const Slot *slot, Snapshot snapshot)
{
	return FullTransactionIdIsValid(slot->landed_xid) &&
		TransactionIdFollowsOrEquals(XidFromFullTransactionId(slot->landed_xid), snapshot->xmin) &&
		XidInMVCCSnapshot(XidFromFullTransactionId(slot->landed_xid), snapshot);
}

typedef struct Found
{
	int			slot;
	int64		value[3];
	bool		counts[3];
} Found;

static void
look_at(const Slot *slot, Snapshot snapshot, Found *found)
{
	found->value[0] = slot->value;
	found->counts[0] = slot->writes > 0;
	found->value[1] = slot->flight;
	found->counts[1] = slot->flight_writes > 0 && !is_seen(slot->flight_xid, snapshot);
	found->value[2] = slot->landed;
	found->counts[2] = is_landed_unseen(slot, snapshot);
}

/* All at one moment; then told one by one. */
void
cf_memory_visit(const char *writer, const struct varlena *args, Snapshot snapshot,
			 CfMemoryVisit visit, void *arg)
{
	int			room;
	int			n = 0;
	Slot	   *copies;

	LWLockAcquire(lock, LW_SHARED);
	room = args != NULL ? 16 : shared->nslots - shared->nfree;
	LWLockRelease(lock);
	copies = palloc_extended((room + 1) * sizeof(Slot), MCXT_ALLOC_HUGE);
	LWLockAcquire(lock, LW_SHARED);
	if (args != NULL)
	{
		CfHash128	hash = cf_memory_hash(writer, args);

		for (int i = find_slot(&hash, CF_NO_SLOT); i != CF_NO_SLOT && n < room;
			 i = find_slot(&hash, i))
			copies[n++] = slots[i];
	}
	else
	{
		for (int i = 0; i < shared->nslots && n < room; i++)
		{
			if (is_of(&slots[i], writer))
				copies[n++] = slots[i];
		}
	}
	LWLockRelease(lock);
	for (int i = 0; i < n; i++)
	{
		Found		found;
		CfMemoryItem item = {
			.slot = CF_NO_SLOT,
			.writer = copies[i].writer,
			.args = cf_memory_args(copies[i].args, copies[i].args_len),
			.since = copies[i].flight_writes > 0 ? copies[i].flight_since : copies[i].since,
		};

		look_at(&copies[i], snapshot, &found);
		for (int j = 0; j < 3; j++)
		{
			item.value = found.value[j];
			item.writes = j == 0 ? copies[i].writes : j == 1 ? copies[i].flight_writes : 0;
			if (found.counts[j])
				visit(&item, arg);
		}
	}
	pfree(copies);
}

bool
cf_memory_holds_any(const char *writer)
{
	bool		any = false;

	settle_flights();
	LWLockAcquire(lock, LW_SHARED);
	for (int i = 0; i < shared->nslots && !any; i++)
	{
		if (!is_of(&slots[i], writer))
			continue;
		any = slots[i].writes > 0 || slots[i].flight_writes > 0;
	}
	LWLockRelease(lock);
	return any;
}

/* In flight with the transaction: if it does not commit, all of it is to be applied. */
static void
discard_slot(Slot *slot, FullTransactionId xid)
{
	int64		sum;

	if (slot->flight_writes > 0 && slot->writes > 0)
	{
		if (!cf_memory_merge(slot->merge, slot->flight, slot->value, &sum))
			return;				/* what is left shows as not applied */
		slot->flight = sum;
		slot->flight_writes += slot->writes;
		slot->writes = 0;
	}
	take_off(slot, xid);
}

void
cf_memory_discard_shared(const char *writer)
{
	FullTransactionId xid = GetTopFullTransactionId();

	settle_flights();
	/* Room for all. */
	for (int i = 0; i < shared->nslots; i++)
		note_flight(i);
	flights.n -= shared->nslots;
	LWLockAcquire(lock, LW_EXCLUSIVE);
	for (int i = 0; i < shared->nslots; i++)
	{
		if (!is_of(&slots[i], writer) || !can_fly(&slots[i]))
			continue;
		discard_slot(&slots[i], xid);
		flights.slot[flights.n++] = i;
	}
	LWLockRelease(lock);
}

bool
cf_memory_is_reserved(void)
{
	bool		reserved;

	LWLockAcquire(lock, LW_SHARED);
	reserved = shared->reserved > 0;
	LWLockRelease(lock);
	return reserved;
}
