/*
 * notify.c - publishes invalidations on a channel of NOTIFY.
 *
 * NOTIFY takes a lock of the whole cluster at commit, and a slow listener can
 * fill its queue. So by default a transaction only appends to a buffer of its
 * database in shared memory, and a worker publishes what has come together.
 * Where the buffer is full, or there is none left for the database, listeners
 * are told that everything changed, or nothing: nothing that the cache itself
 * promises depends on it.
 *
 * Locking: the tranche's one lock guards all buffers; held for a copy.
 *
 * src/commit/notify.c
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/async.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "base/guc.h"
#include "base/shmem.h"
#include "base/worker.h"
#include "codec/payload.h"
#include "commit/notify.h"
#include "rules/rule.h"
#include "txn/pending.h"

#define CF_NOTIFY_BUFFERS 16	/* databases with unpublished invalidations */
#define CF_NOTIFY_ROOM (64 * 1024)

typedef struct CfSharedNotifyBuffer
{
	Oid			dboid;			/* InvalidOid: free */
	bool		overflow;		/* something did not fit */
	uint32		used;
	char		data[CF_NOTIFY_ROOM];	/* items, packed */
} CfSharedNotifyBuffer;

/* What an item begins with; its text follows. */
typedef struct Notice
{
	uint16		is_key;
	uint16		len;
} Notice;

static CfSharedNotifyBuffer *buffers = NULL;
static LWLock *notify_lock = NULL;

static void
emit_notify(const char *payload)
{
	Async_Notify(cf_guc_notify_channel, payload);
}

/*
 * The rule's own tag tells listeners all that the one of all rules could. Those of
 * rows tell nothing but to who guesses values.
 */
static bool
is_published(const CfOp *op)
{
	if (op->kind == CF_OP_TAG)
		return op->reason != CF_OP_BY_NO_ROW && !cf_tag_is_unpublished(op->tag, op->tag_len) &&
			(op->tag_len != strlen(CF_TAG_ANY_RULE) ||
			 memcmp(op->tag, CF_TAG_ANY_RULE, op->tag_len) != 0);
	return op->kind == CF_OP_KEY || op->kind == CF_OP_FLUSH;
}

void
cf_notify_pre_commit(void)
{
	CfPayload	payload;

	if (!cf_pending_any() || cf_guc_notify != CF_NOTIFY_COMMIT)
		return;
	cf_payload_begin(&payload, emit_notify);
	for (int i = 0; i < cf_pending_count(); i++)
	{
		const CfOp *op = cf_pending_op(i);

		if (!is_published(op))
			continue;
		if (op->kind == CF_OP_KEY)
			cf_payload_add(&payload, true, op->key.data, op->key.len);
		else if (op->kind == CF_OP_TAG)
			cf_payload_add(&payload, false, op->tag, op->tag_len);
		else
			payload.all = true;
	}
	cf_payload_end(&payload);
}

static CfSharedNotifyBuffer *
find_buffer_locked(Oid dboid, bool create)
{
	CfSharedNotifyBuffer *room = NULL;

	for (int i = 0; i < CF_NOTIFY_BUFFERS; i++)
	{
		if (buffers[i].dboid == dboid)
			return &buffers[i];
		if (!OidIsValid(buffers[i].dboid) && room == NULL)
			room = &buffers[i];
	}
	if (!create || room == NULL)
		return NULL;
	room->dboid = dboid;
	room->used = 0;
	room->overflow = false;
	return room;
}

static void
append_locked(CfSharedNotifyBuffer *buffer, bool is_key, const char *text, int len)
{
	Notice		item = {is_key, (uint16) len};

	if (buffer->overflow || buffer->used + sizeof(item) + len > CF_NOTIFY_ROOM)
	{
		buffer->overflow = true;
		return;
	}
	memcpy(buffer->data + buffer->used, &item, sizeof(item));
	memcpy(buffer->data + buffer->used + sizeof(item), text, len);
	buffer->used += sizeof(item) + len;
}

void
cf_notify_commit(void)
{
	CfSharedNotifyBuffer *buffer;
	bool		wake = false;

	if (!cf_pending_any() || cf_guc_notify != CF_NOTIFY_BATCHED)
		return;
	LWLockAcquire(notify_lock, LW_EXCLUSIVE);
	for (int i = 0; i < cf_pending_count(); i++)
	{
		const CfOp *op = cf_pending_op(i);

		if (!is_published(op))
			continue;
		buffer = find_buffer_locked(MyDatabaseId, true);
		/* Full, it says that everything changed. */
		if (buffer == NULL || buffer->overflow)
			break;
		wake |= buffer->used == 0;
		if (op->kind == CF_OP_KEY)
			append_locked(buffer, true, op->key.data, op->key.len);
		else if (op->kind == CF_OP_TAG)
			append_locked(buffer, false, op->tag, op->tag_len);
		else
			buffer->overflow = true;
	}
	LWLockRelease(notify_lock);
	if (wake)
		cf_worker_wake(MyDatabaseId);
}

/* Launcher: the databases whose buffers are not empty. */
static Oid
next_database(int *next)
{
	Oid			found = InvalidOid;

	LWLockAcquire(notify_lock, LW_SHARED);
	while (*next < CF_NOTIFY_BUFFERS && !OidIsValid(found))
		found = buffers[(*next)++].dboid;
	LWLockRelease(notify_lock);
	return found;
}

static void
give_up(Oid dboid)
{
	CfSharedNotifyBuffer *buffer;

	LWLockAcquire(notify_lock, LW_EXCLUSIVE);
	buffer = find_buffer_locked(dboid, false);
	if (buffer != NULL)
		buffer->dboid = InvalidOid;
	LWLockRelease(notify_lock);
}

/* Takes what is there and frees the buffer. Palloc'd; NULL: nothing. */
static char *
take_items(uint32 *used, bool *overflow)
{
	CfSharedNotifyBuffer *buffer;
	char	   *items = palloc(CF_NOTIFY_ROOM);

	*overflow = false;
	*used = 0;
	LWLockAcquire(notify_lock, LW_EXCLUSIVE);
	buffer = find_buffer_locked(MyDatabaseId, false);
	if (buffer != NULL)
	{
		memcpy(items, buffer->data, buffer->used);
		*used = buffer->used;
		*overflow = buffer->overflow;
		buffer->dboid = InvalidOid;
	}
	LWLockRelease(notify_lock);
	return items;
}

static bool
has_items(void)
{
	bool		any;

	LWLockAcquire(notify_lock, LW_SHARED);
	any = find_buffer_locked(MyDatabaseId, false) != NULL;
	LWLockRelease(notify_lock);
	return any;
}

/* The first time that a text of this kind comes up. */
static bool
is_new(HTAB *seen, const Notice *item, const char *text)
{
	CfHash128	hash;
	bool		found;

	cf_hash128_init(&hash, item->is_key);
	cf_hash128_add(&hash, text, item->len);
	(void) hash_search(seen, &hash, HASH_ENTER, &found);
	return !found;
}

static void
publish(const char *items, uint32 used, bool overflow)
{
	HASHCTL		control = {
		.keysize = sizeof(CfHash128),
		.entrysize = sizeof(CfHash128),
		.hcxt = CurrentMemoryContext,
	};
	HTAB	   *seen = hash_create("cachefront notify", 256, &control,
								   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	CfPayload	payload;

	cf_payload_begin(&payload, emit_notify);
	payload.all = overflow;
	for (uint32 at = 0; at < used && !overflow;)
	{
		Notice		item;

		memcpy(&item, items + at, sizeof(item));
		at += sizeof(item);
		if (is_new(seen, &item, items + at))
			cf_payload_add(&payload, item.is_key, items + at, item.len);
		at += item.len;
	}
	cf_payload_end(&payload);
}

/* Worker: publishes once an interval, so that more can come together. */
static bool
work(void)
{
	uint32		used;
	bool		overflow;
	char	   *items;

	if (!has_items())
		return false;
	(void) WaitLatch(NULL, WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, cf_guc_notify_interval,
					 PG_WAIT_EXTENSION);
	StartTransactionCommand();
	items = take_items(&used, &overflow);
	publish(items, used, overflow);
	CommitTransactionCommand();
	return true;
}

static Size
notify_shmem_size(void)
{
	return sizeof(CfSharedNotifyBuffer) * CF_NOTIFY_BUFFERS;
}

static void
notify_shmem_init(void *memory, LWLockPadded *locks)
{
}

static void
notify_shmem_attach(void *memory, LWLockPadded *locks)
{
	buffers = memory;
	notify_lock = &locks[0].lock;
}

void
cf_notify_register(void)
{
	static const CfShmemSegment segment = {
		.name = "cachefront_notify",
		.nlocks = 1,
		.size = notify_shmem_size,
		.init = notify_shmem_init,
		.attach = notify_shmem_attach,
	};
	static const CfWorkerTask task = {
		.name = "notify",
		.next_database = next_database,
		.give_up = give_up,
		.work = work,
	};

	cf_shmem_register(&segment);
	cf_worker_register_task(&task);
}
