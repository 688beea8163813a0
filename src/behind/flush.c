/*
 * flush.c - the worker's part: what is in the queue is applied.
 *
 * A round reads the queue once, and sorts what it finds by writer and key. Keys are applied in
 * parts of flush_rows, each in a transaction of its own (part.c). A part that meets a lock, or
 * a row that is refused, is halved until what is at fault is alone: a locked key is put
 * aside for an interval, a refused one becomes a dead write. So neither is in the way of the
 * others, however many there are; and what was put aside is not read again
 * until its time, so that it takes no room from what is newer.
 *
 * The order of cache_put: the greater number wins. A number is taken by a transaction that has
 * its id by then; so of the numbers below one that a snapshot shows, those
 * that it does not show are of transactions that it knows to be under way. Where there are
 * any, a row stays in the queue that says up to which number its key was applied,
 * until all that were under way then have ended.
 *
 * src/behind/flush.c
 */
#include "postgres.h"

#include "access/table.h"
#include "access/transam.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/debug_point.h"
#include "base/guc.h"
#include "base/steady.h"
#include "behind/flush.h"
#include "behind/memory.h"
#include "behind/part.h"
#include "behind/queue.h"
#include "behind/shared.h"
#include "behind/statement.h"
#include "codec/key.h"

#define CF_ROUND_WRITES 50000	/* of a writer that a round takes */
#define CF_LOCK_MS 100
#define CF_LOCK_SOON_MS 20		/* in halves of what has met a lock */
#define CF_LOCK_NONE_MS 2		/* when many keys are locked */
#define CF_MANY_LOCKED 50
#define CF_ASIDE_US (100 * INT64CONST(1000))	/* at least */
#define CF_UNDEFINED_US (60 * USECS_PER_SEC)

/* A key of a writer. */
typedef struct Entry
{
	CfHash128	hash;
	CfWriteKey *key;
} Entry;

typedef struct Batch
{
	char		name[CF_MAX_CACHE_NAME];	/* hash key */
	CfWriter   *writer;			/* NULL: there is none of that name */
	bool		paused;
	HTAB	   *entries;
	int			nkeys;			/* of them that have writes */
	int			nwrites;
	bool		is_full;		/* there is more */
	TimestampTz oldest;			/* of its writes, on the wall's clock */
	bool		has_old_mark;
} Batch;

typedef struct Round
{
	CfBehindRound shared;
	MemoryContext context;
	HTAB	   *batches;
	FullTransactionId xmin;		/* all before are over, as the snapshot knows */
	bool		quiet;			/* nobody else was under way */
	TimestampTz due;			/* of the next round */
	int			nlocked;
	bool		full;			/* a writer had so many keys that it did not wait for its time */
	int			nread;			/* rows that are to be applied some time */
} Round;

/* Keys that were locked. They live as long as the process. */
typedef struct Aside
{
	CfHash128	hash;
	TimestampTz until;
} Aside;

static HTAB *asides = NULL;

static void
due_at(Round *round, TimestampTz due)
{
	round->due = Min(round->due, due);
}

/* ---- reading ---- */

static HTAB *
make_hash(const char *name, Size keysize, Size entrysize, int flags, MemoryContext context)
{
	HASHCTL		control = {
		.keysize = keysize,
		.entrysize = entrysize,
		.hcxt = context,
	};

	return hash_create(name, 64, &control, HASH_ELEM | HASH_CONTEXT | flags);
}

static Batch *
find_batch(Round *round, const char *name)
{
	char		key[CF_MAX_CACHE_NAME];
	bool		found;
	Batch	   *batch;
	const CfWriter *writer;
	CfWriterState state;

	strlcpy(key, name, sizeof(key));
	batch = hash_search(round->batches, key, HASH_ENTER, &found);
	if (found)
		return batch;
	writer = cf_writer_find(key);
	cf_behind_get_state(key, &state);
	batch->writer = writer == NULL ? NULL : cf_writer_copy(writer);
	batch->paused = !round->shared.forced && state.retry_at > cf_steady_now();
	if (batch->paused)
		due_at(round, state.retry_at);
	batch->entries = make_hash("cachefront keys", sizeof(CfHash128), sizeof(Entry), HASH_BLOBS,
							   round->context);
	batch->nkeys = batch->nwrites = 0;
	batch->is_full = batch->has_old_mark = false;
	batch->oldest = DT_NOEND;
	return batch;
}

static CfHash128
hash_of(const char *writer, const struct varlena *args)
{
	CfHash128	hash;

	cf_hash128_init(&hash, 0);
	cf_hash128_add(&hash, writer, strlen(writer) + 1);
	cf_hash128_add(&hash, VARDATA(args), VARSIZE(args) - VARHDRSZ);
	return hash;
}

static bool
is_aside(Round *round, const CfHash128 *hash)
{
	const Aside *aside = hash_search(asides, hash, HASH_FIND, NULL);

	if (aside == NULL || round->shared.forced || aside->until <= cf_steady_now())
		return false;
	due_at(round, aside->until);
	return true;
}

static CfWriteKey *
find_key(Batch *batch, const CfHash128 *hash, const CfQueueRow *row)
{
	bool		found;
	Entry	   *entry = hash_search(batch->entries, hash, HASH_ENTER, &found);

	if (!found)
	{
		entry->key = palloc0(sizeof(CfWriteKey));
		entry->key->args = row->args;
	}
	return entry->key;
}

static void
add_write(Batch *batch, CfWriteKey *key, const CfQueueRow *row)
{
	CfWrite    *write;

	batch->nwrites++;
	batch->nkeys += key->n == 0;
	if (key->n == key->room)
	{
		key->room = Max(key->room * 2, 4);
		key->writes = key->writes == NULL ? palloc(key->room * sizeof(CfWrite)) :
			repalloc(key->writes, key->room * sizeof(CfWrite));
	}
	write = &key->writes[key->n++];
	write->tid = row->tid;
	write->xmin = row->xmin;
	write->slot = CF_NOT_IN_MEMORY;
	write->count = 1;
	write->number = row->number;
	write->value = row->value;
}

static void
add_mark(Round *round, Batch *batch, CfWriteKey *key, const CfQueueRow *row)
{
	key->was_applied = true;
	key->applied_tid = row->tid;
	key->applied_xmin = row->xmin;
	key->applied_number = row->number;
	key->applied_settled = FullTransactionIdPrecedes(row->applied, round->xmin);
	batch->has_old_mark = true;
}

static bool
read_row(const CfQueueRow *row, void *arg)
{
	Round	   *round = arg;
	Batch	   *batch = find_batch(round, row->writer);
	bool		is_mark = FullTransactionIdIsValid(row->applied);
	CfHash128	hash;

	if (ShutdownRequestPending)
		return false;
	round->nread += !is_mark;
	if (batch->writer == NULL && !is_mark)
		due_at(round, cf_steady_now() + CF_UNDEFINED_US);
	if (batch->writer == NULL || batch->paused)
		return true;
	hash = hash_of(row->writer, row->args);
	if (is_mark)
	{
		add_mark(round, batch, find_key(batch, &hash, row), row);
		return true;
	}
	batch->oldest = Min(batch->oldest, row->created);
	if (is_aside(round, &hash))
		return true;
	if (batch->nwrites >= CF_ROUND_WRITES)
	{
		batch->is_full = true;
		return true;
	}
	add_write(batch, find_key(batch, &hash, row), row);
	return true;
}

/* A slot has all of a key, but where its sum was too great. */
static void
read_item(Round *round, const CfMemoryItem *item)
{
	CfQueueRow	row = {.writer = item->writer,.args = item->args,.created = item->since};
	Batch	   *batch = find_batch(round, item->writer);
	CfHash128	hash = hash_of(item->writer, item->args);
	CfWriteKey *key;

	round->nread++;
	if (batch->writer == NULL)
		due_at(round, cf_steady_now() + CF_UNDEFINED_US);
	if (batch->writer == NULL || batch->paused)
		return;
	batch->oldest = Min(batch->oldest, item->since);
	if (is_aside(round, &hash))
		return;
	if (batch->nwrites >= CF_ROUND_WRITES)
	{
		batch->is_full = true;
		return;
	}
	key = find_key(batch, &hash, &row);
	add_write(batch, key, &row);
	key->writes[key->n - 1].slot = item->slot;
	key->writes[key->n - 1].hash = item->hash;
}

static void
read_memory(Round *round)
{
	CfMemoryItem *items;
	int			n;

	n = cf_memory_list(NULL, &items);
	for (int i = 0; i < n; i++)
		read_item(round, &items[i]);
}

static FullTransactionId
full_xmin(Snapshot snapshot)
{
	FullTransactionId next = ReadNextFullTransactionId();
	uint32		epoch = EpochFromFullTransactionId(next);

	if (snapshot->xmin > XidFromFullTransactionId(next))
		epoch--;
	return FullTransactionIdFromEpochAndXid(epoch, snapshot->xmin);
}

/* False: it is locked. *any_under_way: only transactions that are not over have rows in it. */
static bool
read_queue(Round *round, bool *any_under_way)
{
	bool		locked;
	Relation	queue;

	*any_under_way = false;
	StartTransactionCommand();
	AcceptInvalidationMessages();
	queue = cf_queue_try_open(AccessShareLock, &locked);
	if (queue != NULL)
	{
		Snapshot	snapshot = GetTransactionSnapshot();

		PushActiveSnapshot(snapshot);
		cf_part_expect(queue);
		round->xmin = full_xmin(snapshot);
		/* Those that began after the last one that ended are not in it. */
		round->quiet = TransactionIdEquals(snapshot->xmin, ReadNextTransactionId());
		MemoryContextSwitchTo(round->context);
		cf_queue_scan(queue, GetActiveSnapshot(), NULL, read_row, round);
		read_memory(round);
		if (round->nread == 0)
			*any_under_way = cf_queue_has_any(queue, NULL) || cf_memory_is_reserved();
		PopActiveSnapshot();
		table_close(queue, AccessShareLock);
	}
	CommitTransactionCommand();
	MemoryContextSwitchTo(round->context);
	return !locked;
}

/* ---- applying ---- */

static void
put_aside(Round *round, const Batch *batch, const CfWriteKey *key)
{
	CfHash128	hash = hash_of(batch->name, key->args);
	Aside	   *aside = hash_search(asides, &hash, HASH_ENTER, NULL);

	aside->until = cf_steady_now() + Max(batch->writer->flush_us, CF_ASIDE_US);
	due_at(round, aside->until);
	round->nlocked++;
	cf_behind_count(batch->name, 0, 0, 0, 1);
}

static void
not_aside(const Batch *batch, const CfWriteKey *key)
{
	CfHash128	hash;

	if (hash_get_num_entries(asides) == 0)
		return;
	hash = hash_of(batch->name, key->args);
	(void) hash_search(asides, &hash, HASH_REMOVE, NULL);
}

/* The writer waits, and with it all that is its. */
static void
pause_writer(Round *round, const Batch *batch, const CfPartResult *reason)
{
	CfWriterState state;

	cf_behind_failed(batch->name, reason->message, true);
	cf_behind_get_state(batch->name, &state);
	due_at(round, state.retry_at > 0 ? state.retry_at : cf_steady_now() + CF_UNDEFINED_US);
	if (state.failures <= 1)
		ereport(LOG,
				(errmsg("cachefront writer \"%s\" waits: %s", batch->name, reason->message)));
}

/* A key alone that is at fault. */
static void
bury_key(Batch *batch, CfWriteKey *key, const CfPartResult *reason)
{
	cf_behind_failed(batch->name, reason->message, false);
	cf_part_bury(batch->writer, key, reason);
	not_aside(batch, key);
}

static void
applied(Round *round, Batch *batch, CfWriteKey **keys, int n, const CfPartResult *result)
{
	for (int i = 0; i < n; i++)
		not_aside(batch, keys[i]);
	cf_behind_count(batch->name, result->nwrites, 1, result->nunmatched, 0);
	cf_behind_succeeded(batch->name);
	if (result->is_rest)
		due_at(round, cf_steady_now());
}

static int
lock_ms(const Round *round, bool halved)
{
	if (round->nlocked >= CF_MANY_LOCKED)
		return CF_LOCK_NONE_MS;
	return halved ? CF_LOCK_SOON_MS : CF_LOCK_MS;
}

/* False: that was all for now. */
static bool
apply_keys(Round *round, Batch *batch, CfWriteKey **keys, int n, bool halved)
{
	CfPart		part = {
		.writer = batch->writer,
		.keys = keys,
		.nkeys = n,
		.lock_ms = lock_ms(round, halved),
		.mark = !round->quiet || batch->is_full,
	};
	CfPartResult result;

	if (ShutdownRequestPending)
		return false;
	cf_part_apply(&part, &result);
	switch (result.status)
	{
		case CF_PART_APPLIED:
			applied(round, batch, keys, n, &result);
			return true;
		case CF_PART_BROKEN:
			pause_writer(round, batch, &result);
			return false;
		case CF_PART_LATER:
			due_at(round, cf_steady_now() + CF_POLL_US);
			return false;
		case CF_PART_BUSY:
		case CF_PART_POISON:
			break;
	}
	if (n > 1)
		return apply_keys(round, batch, keys, n / 2, true) &&
			apply_keys(round, batch, keys + n / 2, n - n / 2, true);
	if (result.status == CF_PART_BUSY)
	{
		cf_behind_failed(batch->name, result.message, false);
		put_aside(round, batch, keys[0]);
	}
	else
		bury_key(batch, keys[0], &result);
	return true;
}

/* ---- a writer ---- */

/* With templates of rules on the target a statement's keys stay below what a commit may name. */
static int
rows_at_once(const CfWriter *writer)
{
	return Max(Min(writer->flush_rows, cf_guc_max_keys_per_commit / 8), 1);
}

/* It is time, or there are as many keys as go into a statement. */
static bool
is_due(Round *round, const Batch *batch)
{
	int64		age = GetCurrentTimestamp() - batch->oldest;

	if (batch->nkeys >= rows_at_once(batch->writer))
	{
		round->full = true;
		return true;
	}
	/* In the future, if somebody has set the clock. */
	if (round->shared.forced || age < 0 || age >= batch->writer->flush_us)
		return true;
	due_at(round, cf_steady_now() + batch->writer->flush_us - age);
	return false;
}

/* What came too late: a newer one was applied. And marks that nothing older needs any more. */
static void
drop_late(Batch *batch)
{
	HASH_SEQ_STATUS scan;
	const Entry *entry;
	CfWrite    *rows = NULL;
	int			n = 0;
	int			room = 0;

	hash_seq_init(&scan, batch->entries);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		CfWriteKey *key = entry->key;
		int			kept = 0;

		if (!key->was_applied)
			continue;
		if (n + key->n + 1 > room)
		{
			room = Max(room * 2, n + key->n + 64);
			rows = rows == NULL ? palloc_extended(room * sizeof(CfWrite), MCXT_ALLOC_HUGE) :
				repalloc_huge(rows, room * sizeof(CfWrite));
		}
		for (int i = 0; i < key->n; i++)
		{
			if (key->writes[i].number < key->applied_number)
				rows[n++] = key->writes[i];
			else
				key->writes[kept++] = key->writes[i];
		}
		key->n = kept;
		if (key->applied_settled && !batch->is_full)
		{
			rows[n].tid = key->applied_tid;
			rows[n++].xmin = key->applied_xmin;
			key->was_applied = false;
		}
	}
	if (n > 0)
		cf_part_delete(rows, n);
}

static int
compare_keys(const void *a, const void *b)
{
	const struct varlena *first = (*(CfWriteKey *const *) a)->args;
	const struct varlena *second = (*(CfWriteKey *const *) b)->args;
	Size		len = Min(VARSIZE(first), VARSIZE(second)) - VARHDRSZ;
	int			order = memcmp(VARDATA(first), VARDATA(second), len);

	return order != 0 ? order : (int) VARSIZE(first) - (int) VARSIZE(second);
}

static CfWriteKey **
list_keys(const Batch *batch, int *n)
{
	CfWriteKey **keys = palloc_extended(Max(hash_get_num_entries(batch->entries), 1) *
										sizeof(CfWriteKey *), MCXT_ALLOC_HUGE);
	HASH_SEQ_STATUS scan;
	const Entry *entry;

	*n = 0;
	hash_seq_init(&scan, batch->entries);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		if (entry->key->n > 0)
			keys[(*n)++] = entry->key;
	}
	qsort(keys, *n, sizeof(CfWriteKey *), compare_keys);
	return keys;
}

static void
flush_batch(Round *round, Batch *batch)
{
	CfWriteKey **keys;
	int			n;

	if (batch->writer == NULL || batch->paused)
		return;
	if (batch->nwrites > 0 && !is_due(round, batch))
		return;
	if (batch->has_old_mark)
		drop_late(batch);
	keys = list_keys(batch, &n);
	for (int i = 0; i < n; i += rows_at_once(batch->writer))
	{
		if (!apply_keys(round, batch, keys + i, Min(n - i, rows_at_once(batch->writer)), false))
			return;
	}
	if (batch->is_full)
		due_at(round, cf_steady_now());
}

/* ---- a round ---- */

static void
flush_batches(Round *round)
{
	HASH_SEQ_STATUS scan;
	Batch	   *batch;
	List	   *batches = NIL;
	ListCell   *cell;

	/* A transaction's end would take it for a leak of its own. */
	hash_seq_init(&scan, round->batches);
	while ((batch = hash_seq_search(&scan)) != NULL)
		batches = lappend(batches, batch);
	foreach(cell, batches)
	{
		if (!ShutdownRequestPending)
			flush_batch(round, lfirst(cell));
	}
}

static void
run_round(Round *round)
{
	bool		any_under_way;

	round->due = DT_NOEND;
	round->batches = make_hash("cachefront batches", CF_MAX_CACHE_NAME, sizeof(Batch),
							   HASH_STRINGS, round->context);
	if (!read_queue(round, &any_under_way))
		due_at(round, cf_steady_now() + CF_POLL_US);
	else if (any_under_way)
		due_at(round, cf_steady_now() + CF_POLL_US);
	flush_batches(round);
	/* It may have read a part only. */
	if (ShutdownRequestPending)
		due_at(round, cf_steady_now());
	if (round->nread == 0 && TIMESTAMP_IS_NOEND(round->due))
		cf_behind_end_empty(&round->shared);
	else if (TIMESTAMP_IS_NOEND(round->due))
		/* What was applied makes the queue empty only for a round that finds it so. */
		cf_behind_end_round(&round->shared, cf_steady_now() + CF_POLL_US, round->full);
	else
		cf_behind_end_round(&round->shared, round->due, round->full);
	pgstat_report_stat(true);
}

static void
forget_asides(void)
{
	HASH_SEQ_STATUS scan;
	Aside	   *aside;
	TimestampTz now = cf_steady_now();

	/* Of keys that somebody has dropped. */
	hash_seq_init(&scan, asides);
	while ((aside = hash_seq_search(&scan)) != NULL)
	{
		if (aside->until + CF_UNDEFINED_US < now)
			(void) hash_search(asides, &aside->hash, HASH_REMOVE, NULL);
	}
}

/* Whether or not it is time for a round. */
static void
clean_memory(void)
{
	static TimestampTz last = 0;
	TimestampTz now = cf_steady_now();

	if (now - last < CF_POLL_US / 2)
		return;
	last = now;
	cf_memory_clean();
}

bool
cf_flush_work(void)
{
	Round		round = {0};
	MemoryContext old = CurrentMemoryContext;

	clean_memory();
	if (ShutdownRequestPending || !cf_behind_begin_round(&round.shared))
		return false;
	if (asides == NULL)
		asides = make_hash("cachefront keys put aside", sizeof(CfHash128), sizeof(Aside),
						   HASH_BLOBS, TopMemoryContext);
	forget_asides();
	cf_part_begin_settings();
	round.context = AllocSetContextCreate(TopMemoryContext, "cachefront round",
										  ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(round.context);
	PG_TRY();
	{
		run_round(&round);
	}
	PG_CATCH();
	{
		cf_behind_end_round(&round.shared, cf_steady_now() + CF_POLL_US, false);
		PG_RE_THROW();
	}
	PG_END_TRY();
	cf_part_end_settings();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(round.context);
	return true;
}
