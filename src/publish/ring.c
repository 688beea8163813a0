/*
 * ring.c - what Redis is to be told, in shared memory, on its way to the publisher.
 *
 * src/publish/ring.c
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/procsignal.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/guc.h"
#include "base/shmem.h"
#include "base/steady.h"
#include "publish/ring.h"
#include "redis/breaker.h"
#include "stats/counters.h"

#define CF_NO_PROC PG_UINT32_MAX

/* What the publisher does when it does nothing. */
typedef enum Sleep
{
	AWAKE,
	GATHERING,					/* for more to come; only who waits wakes it */
	ASLEEP
} Sleep;

typedef struct CfSharedRing
{
	/* Atomics, written under the lock */
	pg_atomic_uint64 head;		/* position after the last item */
	pg_atomic_uint64 tail;		/* position of the first one */
	pg_atomic_uint64 lost;		/* after the last batch of which something was lost */
	pg_atomic_uint64 urgent;	/* after the last one that somebody waits for */

	/* Atomics, no lock */
	pg_atomic_uint32 publisher; /* its proc number, or CF_NO_PROC */
	pg_atomic_uint32 sleep;		/* Sleep */
	pg_atomic_uint32 nwaiting;
	pg_atomic_uint32 releases;	/* grows with each release of all who wait */

	/* Atomics, no lock: by proc number, what position it waits for, or 0 */
	pg_atomic_uint64 waiting[FLEXIBLE_ARRAY_MEMBER];

	/* Then the bytes, protected by the lock */
} CfSharedRing;

static CfSharedRing *ring = NULL;
static char *bytes = NULL;
static LWLock *ring_lock = NULL;

static Size
ring_size(void)
{
	return (Size) cf_guc_redis_queue_size * 1024;
}

static int
procs(void)
{
	return MaxBackends + NUM_AUXILIARY_PROCS;
}

static Size
bytes_offset(void)
{
	return MAXALIGN(add_size(offsetof(CfSharedRing, waiting),
							 mul_size(procs(), sizeof(pg_atomic_uint64))));
}

static Size
ring_shmem_size(void)
{
	return add_size(bytes_offset(), ring_size());
}

static void
ring_shmem_init(void *memory, LWLockPadded *locks)
{
	CfSharedRing *new = memory;

	pg_atomic_init_u64(&new->head, 0);
	pg_atomic_init_u64(&new->tail, 0);
	pg_atomic_init_u64(&new->lost, 0);
	pg_atomic_init_u64(&new->urgent, 0);
	pg_atomic_init_u32(&new->publisher, CF_NO_PROC);
	pg_atomic_init_u32(&new->sleep, AWAKE);
	pg_atomic_init_u32(&new->nwaiting, 0);
	pg_atomic_init_u32(&new->releases, 0);
	for (int i = 0; i < procs(); i++)
		pg_atomic_init_u64(&new->waiting[i], 0);
}

static void
ring_shmem_attach(void *memory, LWLockPadded *locks)
{
	ring = memory;
	bytes = (char *) memory + bytes_offset();
	ring_lock = &locks[0].lock;
}

void
cf_ring_register(void)
{
	static const CfShmemSegment segment = {
		.name = "cachefront_ring",
		.nlocks = 1,
		.size = ring_shmem_size,
		.init = ring_shmem_init,
		.attach = ring_shmem_attach,
	};

	cf_shmem_register(&segment);
}

/* ---- making items ---- */

/* Room for an item of a kind, with its head filled in; NULL: no ring has so much. */
static void *
add_item(CfRingMessage *message, CfRingKind kind, Size fixed, Size text_len)
{
	Size		len = TYPEALIGN(8, fixed + text_len);
	CfRingItem *item;

	if (message->len + len > ring_size())
	{
		message->ndropped++;
		return NULL;
	}
	if (message->data == NULL)
	{
		message->size = 1024;
		message->data = MemoryContextAlloc(TopTransactionContext, message->size);
	}
	while (message->len + len > message->size)
	{
		message->size *= 2;
		message->data = repalloc_huge(message->data, message->size);
	}
	item = (CfRingItem *) (message->data + message->len);
	memset(item, 0, len);
	item->len = (uint32) len;
	item->kind = (uint16) kind;
	item->text_len = (uint16) text_len;
	message->len += len;
	return item;
}

void
cf_ring_add_key(CfRingMessage *message, const char *name, int len)
{
	CfRingKey  *key = add_item(message, CF_RING_KEY, offsetof(CfRingKey, text), len);

	if (key == NULL)
		return;
	memcpy(key->text, name, len);
	message->nkeys++;
}

void
cf_ring_add_value(CfRingMessage *message, const char *ns, const CfKey *key,
				  const CfIdentity *id, bool touched)
{
	Size		ns_len = strlen(ns) + 1;
	CfRingValue *value = add_item(message, CF_RING_VALUE, offsetof(CfRingValue, text),
								  ns_len + key->len);

	if (value == NULL)
		return;
	value->hash = key->hash;
	value->id = *id;
	value->dboid = key->dboid;
	value->ns_len = (uint16) ns_len;
	value->touched = touched;
	memcpy(value->text, ns, ns_len);
	memcpy(value->text + ns_len, key->data, key->len);
	message->nvalues++;
}

void
cf_ring_add_row(CfRingMessage *message, Oid dboid, TransactionId xid,
				const ItemPointerData *tid)
{
	CfRingRow  *row = add_item(message, CF_RING_ROW, sizeof(CfRingRow), 0);

	if (row == NULL)
		return;
	row->dboid = dboid;
	row->xid = xid;
	row->tid = *tid;
}

void
cf_ring_set_lsn(CfRingMessage *message, uint64 lsn)
{
	for (Size at = 0; at < message->len && message->nvalues > 0;)
	{
		CfRingItem *item = (CfRingItem *) (message->data + at);

		if (item->kind == CF_RING_VALUE)
			((CfRingValue *) item)->lsn = lsn;
		at += item->len;
	}
}

/* ---- appending ---- */

static void
copy_in(uint64 position, const char *data, Size len)
{
	Size		at = position % ring_size();
	Size		first = Min(len, ring_size() - at);

	memcpy(bytes + at, data, first);
	memcpy(bytes, data + first, len - first);
}

static void
copy_out(uint64 position, char *data, Size len)
{
	Size		at = position % ring_size();
	Size		first = Min(len, ring_size() - at);

	memcpy(data, bytes + at, first);
	memcpy(data + first, bytes, len - first);
}

/* The bytes of the whole items that there is room for. */
static Size
fitting(const CfRingMessage *message, Size room, int *nitems)
{
	Size		len = 0;

	*nitems = 0;
	while (len < message->len)
	{
		const CfRingItem *item = (const CfRingItem *) (message->data + len);

		if (len + item->len > room)
			break;
		len += item->len;
		(*nitems)++;
	}
	return len;
}

static int
count_items(const CfRingMessage *message)
{
	int			n;

	(void) fitting(message, message->len, &n);
	return n;
}

static void
set_latch_of(uint32 proc)
{
	if (proc != CF_NO_PROC)
		SetLatch(&ProcGlobal->allProcs[proc].procLatch);
}

/* One of those who append wakes it, the others find it awake. */
static void
wake_publisher(bool urgent)
{
	uint32		sleep = pg_atomic_read_u32(&ring->sleep);

	if (sleep == AWAKE || (sleep == GATHERING && !urgent))
		return;
	if (pg_atomic_exchange_u32(&ring->sleep, AWAKE) != AWAKE)
		set_latch_of(pg_atomic_read_u32(&ring->publisher));
}

uint64
cf_ring_append(const CfRingMessage *message, bool urgent, bool *all)
{
	uint64		head;
	Size		len = message->len;
	Size		room;
	int			dropped = message->ndropped;

	LWLockAcquire(ring_lock, LW_EXCLUSIVE);
	head = pg_atomic_read_u64(&ring->head);
	room = ring_size() - (head - pg_atomic_read_u64(&ring->tail));
	if (unlikely(len > room))
	{
		int			fit;

		len = fitting(message, room, &fit);
		dropped += count_items(message) - fit;
	}
	copy_in(head, message->data, len);
	pg_atomic_write_u64(&ring->head, head + len);
	if (urgent)
		pg_atomic_write_u64(&ring->urgent, head + len);
	LWLockRelease(ring_lock);
	if (unlikely(dropped > 0))
		cf_stats_add(CF_STATS_DEFAULT, CF_COUNT_L2_DELETES_LOST, dropped);
	*all = dropped == 0;
	/* The lock is a barrier: a publisher that saw the old head says that it sleeps. */
	wake_publisher(urgent);
	return head + len;
}

/* ---- waiting ---- */

bool
cf_ring_is_through(uint64 position)
{
	return pg_atomic_read_u64(&ring->tail) >= position;
}

/* On the safe side: that something of a later batch was lost counts as well. */
static bool
is_delivered(uint64 position)
{
	return cf_ring_is_through(position) && pg_atomic_read_u64(&ring->lost) < position;
}

/* Is it of use to wait any more? */
static bool
is_worthwhile(uint32 releases)
{
	return !ProcDiePending && !QueryCancelPending && !cf_breaker_is_open() &&
		pg_atomic_read_u32(&ring->publisher) != CF_NO_PROC &&
		pg_atomic_read_u32(&ring->releases) == releases;
}

/*
 * What all processes are asked for together, by DROP DATABASE say, which waits for the
 * last one: to close files. It does not end the wait, and cannot fail.
 */
static void
answer_others(void)
{
	if (ProcSignalBarrierPending)
		ProcessProcSignalBarrier();
}

bool
cf_ring_wait(uint64 position, int timeout_ms)
{
	pg_atomic_uint64 *mine = &ring->waiting[CF_MY_PROC_NUMBER];
	uint32		releases = pg_atomic_read_u32(&ring->releases);
	TimestampTz end = cf_steady_now() + (int64) timeout_ms * 1000;

	if (cf_ring_is_through(position))
		return is_delivered(position);
	pg_atomic_write_u64(mine, position);
	pg_atomic_fetch_add_u32(&ring->nwaiting, 1);
	while (!cf_ring_is_through(position) && is_worthwhile(releases))
	{
		TimestampTz now = cf_steady_now();

		if (now >= end)
			break;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 (long) ((end - now + 999) / 1000), cf_wait_event_redis);
		ResetLatch(MyLatch);
		answer_others();
	}
	pg_atomic_write_u64(mine, 0);
	pg_atomic_fetch_sub_u32(&ring->nwaiting, 1);
	return is_delivered(position);
}

/* Those who wait for no more than a position. */
static void
wake_waiters(uint64 position)
{
	pg_memory_barrier();
	if (pg_atomic_read_u32(&ring->nwaiting) == 0)
		return;
	for (int i = 0; i < procs(); i++)
	{
		uint64		waits_for = pg_atomic_read_u64(&ring->waiting[i]);

		if (waits_for != 0 && waits_for <= position)
			set_latch_of(i);
	}
}

/* ---- the publisher ---- */

static void
publisher_exit(int code, Datum arg)
{
	pg_atomic_write_u32(&ring->publisher, CF_NO_PROC);
	cf_ring_release_waiters();
}

void
cf_ring_begin_publishing(void)
{
	before_shmem_exit(publisher_exit, (Datum) 0);
	pg_atomic_write_u32(&ring->sleep, AWAKE);
	pg_atomic_write_u32(&ring->publisher, CF_MY_PROC_NUMBER);
}

Size
cf_ring_take(char *buffer, Size room, uint64 *after)
{
	uint64		tail = pg_atomic_read_u64(&ring->tail);
	Size		there;
	Size		len = 0;

	/* Only this process moves the tail; the bytes before the head stay. */
	LWLockAcquire(ring_lock, LW_SHARED);
	there = Min(room, pg_atomic_read_u64(&ring->head) - tail);
	copy_out(tail, buffer, there);
	LWLockRelease(ring_lock);
	while (len < there)
	{
		const CfRingItem *item = (const CfRingItem *) (buffer + len);

		if (there - len < sizeof(CfRingItem) || item->len > there - len)
			break;
		len += item->len;
	}
	*after = tail + len;
	return len;
}

void
cf_ring_advance(uint64 after, bool all)
{
	LWLockAcquire(ring_lock, LW_EXCLUSIVE);
	if (!all)
		pg_atomic_write_u64(&ring->lost, after);
	pg_atomic_write_u64(&ring->tail, after);
	LWLockRelease(ring_lock);
	wake_waiters(after);
}

void
cf_ring_release_waiters(void)
{
	pg_atomic_fetch_add_u32(&ring->releases, 1);
	wake_waiters(PG_UINT64_MAX);
}

bool
cf_ring_is_urgent(void)
{
	return pg_atomic_read_u64(&ring->urgent) > pg_atomic_read_u64(&ring->tail);
}

void
cf_ring_sleep(long timeout_ms, bool gather)
{
	bool		wanted;

	/* A barrier: who appended before that did not wake us, and is seen here. */
	pg_atomic_exchange_u32(&ring->sleep, gather ? GATHERING : ASLEEP);
	wanted = gather ? cf_ring_is_urgent() :
		pg_atomic_read_u64(&ring->head) != pg_atomic_read_u64(&ring->tail);
	if (!wanted)
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 timeout_ms, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	pg_atomic_write_u32(&ring->sleep, AWAKE);
}

void
cf_ring_report(CfRingReport *report)
{
	/* The tail first: the head never falls behind it. */
	uint64		tail = pg_atomic_read_u64(&ring->tail);

	pg_read_barrier();
	report->bytes = pg_atomic_read_u64(&ring->head) - tail;
	report->size = ring_size();
}
