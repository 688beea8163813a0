/*
 * publisher.c - the worker that tells Redis what commits have changed.
 *
 * A batch is what fits into its buffer. It is through when Redis has replied to
 * each command, whatever it replied: what it refuses once it refuses again; and what a
 * node of a cluster has that is away does not hold up the others. A batch
 * that fails is tried again at half the size, down to one command; should that fail
 * as well while Redis is in use, it is given up. So what is too much for a slow link
 * gets through in smaller parts, and nothing holds up the rest for ever.
 *
 * src/workers/publisher.c
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#include "base/guc.h"
#include "base/steady.h"
#include "base/worker.h"
#include "codec/key.h"
#include "history/history.h"
#include "l1/table.h"
#include "l2/store.h"
#include "publish/ack.h"
#include "publish/ring.h"
#include "publish/sweep.h"
#include "redis/breaker.h"
#include "redis/command.h"
#include "stats/counters.h"
#include "tier/tier.h"
#include "warm/hotkeys.h"
#include "workers/publisher.h"

#define CF_BATCH_BYTES (256 * 1024)
#define CF_BATCH_COMMANDS 1000
#define CF_BATCH_TRIES 3		/* of one command alone */
#define CF_GATHER_MS 5			/* what nobody waits for comes together for so long */
#define CF_PAUSE_MS 1000		/* between looks whether Redis is back */
#define CF_IDLE_MS 1000
#define CF_WATCH_MS 100
#define CF_SWEEP_MS 10			/* between two steps through all that Redis has */

/* Where a row's keys are all with Redis, there is nothing in its way. */
typedef struct Batch
{
	int			ncommands;
	Size		bytes;			/* of values */
	uint64		after;			/* position after its last item */
	int			nrows;
	CfRingRow	rows[CF_BATCH_COMMANDS];
	int			row_replies[CF_BATCH_COMMANDS];	/* replies that come before it */
} Batch;

static char *buffer;
static Batch batch;

/* How the batches go. */
static struct
{
	int			max_commands;	/* in the next one */
	int			tries;			/* of the same one command */
	bool		tainted;		/* a key that Redis has not got may be of the next row */
}			course = {.max_commands = CF_BATCH_COMMANDS};

/* ---- a batch ---- */

static void
add_key(const CfRingKey *key)
{
	cf_store_add_drop(key->text, key->item.text_len);
	batch.ncommands++;
}

/* Names of keys that the batch drops already. */
static HTAB *
make_seen(void)
{
	HASHCTL		control = {
		.keysize = sizeof(CfHash128),
		.entrysize = sizeof(CfHash128),
		.hcxt = CurrentMemoryContext,
	};

	return hash_create("cachefront publisher", 256, &control,
					   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static bool
is_new(HTAB *seen, const CfRingKey *key)
{
	CfHash128	hash;
	bool		found;

	cf_hash128_init(&hash, 0);
	cf_hash128_add(&hash, key->text, key->item.text_len);
	(void) hash_search(seen, &hash, HASH_ENTER, &found);
	return !found;
}

/* What is dropped after it is not dropped already. */
static void
forget_seen(HTAB *seen, const CfL2Variant *variant)
{
	CfHash128	hash;

	cf_hash128_init(&hash, 0);
	cf_hash128_add(&hash, variant->key, variant->key_len);
	(void) hash_search(seen, &hash, HASH_REMOVE, NULL);
}

/*
 * Where memory has no such value any more, none need be left in Redis either. That of a
 * later commit has an item of its own, which may have come before this one.
 */
static void
add_value(HTAB *seen, const CfRingValue *value)
{
	CfKey		key = {
		.dboid = value->dboid,
		.data = value->text + value->ns_len,
		.len = value->item.text_len - value->ns_len,
		.hash = value->hash,
	};
	CfSealedValue sealed;

	if (cf_tier_seal_value(value->text, &key, &value->id, value->lsn, &sealed))
	{
		cf_store_add_put(&sealed.variant, &sealed.stored);
		batch.bytes += sealed.stored.value_len;
	}
	else if (!value->touched && cf_history_lsn(cf_clock_of_value(value->hash)) <= value->lsn)
		cf_store_add_remove(&sealed.variant);
	else
		return;
	forget_seen(seen, &sealed.variant);
	batch.ncommands++;
}

static void
add_row(const CfRingRow *row)
{
	batch.row_replies[batch.nrows] = batch.ncommands;
	batch.rows[batch.nrows++] = *row;
}

/* As much of the buffer as a batch may have. */
static void
make_batch(Size len, uint64 after)
{
	HTAB	   *seen = make_seen();
	Size		at = 0;

	cf_l2_begin();
	batch.ncommands = 0;
	batch.bytes = 0;
	batch.nrows = 0;
	while (at < len && batch.ncommands < course.max_commands && batch.nrows < CF_BATCH_COMMANDS &&
		   batch.bytes < CF_BATCH_BYTES)
	{
		const CfRingItem *item = (const CfRingItem *) (buffer + at);

		at += item->len;
		switch ((CfRingKind) item->kind)
		{
			case CF_RING_KEY:
				if (is_new(seen, (const CfRingKey *) item))
					add_key((const CfRingKey *) item);
				break;
			case CF_RING_VALUE:
				add_value(seen, (const CfRingValue *) item);
				break;
			case CF_RING_ROW:
				add_row((const CfRingRow *) item);
				break;
		}
	}
	hash_destroy(seen);
	batch.after = after - (len - at);
}

/*
 * The first so many commands got through. Rows whose keys did not stay, and somebody
 * has to look for them again. A row's keys come before it, maybe in batches before.
 */
static void
acknowledge(int ngood)
{
	Oid			woken = InvalidOid;
	int			nknown = 0;		/* commands that are of rows of this batch */

	for (int i = 0; i < batch.nrows; i++)
	{
		const CfRingRow *row = &batch.rows[i];

		nknown = batch.row_replies[i];
		if (!course.tainted && nknown <= ngood)
			cf_ack_row(row);
		else
			cf_ack_want_later_look(row->dboid);
		course.tainted = false;
		if (row->dboid != woken)
			cf_worker_wake(row->dboid);
		woken = row->dboid;
	}
	course.tainted |= ngood < batch.ncommands && nknown < batch.ncommands;
}

/* Not told: Redis has refused it, or the node of a cluster that has the key is away. */
static bool
is_told(const redisReply *reply)
{
	return reply != NULL && reply->type != REDIS_REPLY_ERROR;
}

/* The replies up to the first one that is none. */
static int
count_good_replies(int *nrefused)
{
	int			good = -1;

	*nrefused = 0;
	for (int i = 0; i < cf_l2_nreplies(); i++)
	{
		if (is_told(cf_l2_reply(i)))
			continue;
		(*nrefused)++;
		if (good < 0)
			good = i;
	}
	return good < 0 ? batch.ncommands : good;
}

static void
batch_succeeded(void)
{
	int			nrefused;
	int			good = count_good_replies(&nrefused);

	cf_stats_add(CF_STATS_DEFAULT, CF_COUNT_L2_DELETES, batch.ncommands - nrefused);
	if (nrefused > 0)
		cf_stats_add(CF_STATS_DEFAULT, CF_COUNT_L2_DELETES_LOST, nrefused);
	acknowledge(good);
	cf_ring_advance(batch.after, nrefused == 0);
	course.max_commands = Min(course.max_commands * 2, CF_BATCH_COMMANDS);
	course.tries = 0;
}

/* What is given up is not acknowledged. */
static void
give_up_batch(void)
{
	cf_stats_add(CF_STATS_DEFAULT, CF_COUNT_L2_DELETES_LOST, batch.ncommands);
	acknowledge(0);
	cf_ring_advance(batch.after, false);
	course.tries = 0;
}

static void
batch_failed(void)
{
	if (cf_breaker_is_open())
		cf_ring_release_waiters();
	else if (course.max_commands > 1)
		course.max_commands /= 2;
	else if (++course.tries >= CF_BATCH_TRIES)
		give_up_batch();
}

/* What so many commands may take Redis. */
static int
batch_timeout(void)
{
	return cf_guc_redis_command_timeout + batch.ncommands / 10;
}

/* False: Redis is out of use. */
static bool
publish(void)
{
	uint64		after;
	Size		len = cf_ring_take(buffer, CF_BATCH_BYTES, &after);
	CfL2Status	status = CF_L2_OK;

	if (len == 0)
		return true;
	make_batch(len, after);
	if (batch.ncommands > 0)
		status = cf_l2_run(batch_timeout(), true);
	if (status == CF_L2_OK || status == CF_L2_PARTLY)
		batch_succeeded();
	else
		batch_failed();
	return !cf_breaker_is_open();
}

/* ---- the worker ---- */

/* There was a Redis, and now there is none configured. */
static void
give_up_all(void)
{
	uint64		after;
	Size		len;

	while ((len = cf_ring_take(buffer, CF_BATCH_BYTES, &after)) > 0)
	{
		make_batch(len, after);
		acknowledge(0);
		cf_ring_advance(batch.after, false);
		CHECK_FOR_INTERRUPTS();
	}
}

/*
 * Finds out where Redis is, and if it is back: by a new connection, for one that is
 * there says nothing of it.
 */
static void
keep_up(void)
{
	static TimestampTz last = 0;
	TimestampTz now = cf_steady_now();

	if (now - last < CF_PAUSE_MS * INT64CONST(1000))
		return;
	last = now;
	if (cf_breaker_is_open())
		cf_l2_drop();
	cf_l2_upkeep();
}

/* Whoever appends does not end it: it would be of no use. */
static void
pause_publisher(void)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, CF_PAUSE_MS,
					 PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
}

/* The launcher starts workers for looks only if it is told that it is time. */
static void
mind_looks(void)
{
	static TimestampTz told = 0;
	TimestampTz now = cf_steady_now();

	if (!cf_ack_is_look_due() || now - told < CF_PAUSE_MS * INT64CONST(1000))
		return;
	cf_worker_wake(InvalidOid);
	told = now;
}

static void
work(void)
{
	CfRingReport report;
	CfHotKeysNext hot = cf_hotkeys_step();

	if (!cf_l2_configured())
	{
		give_up_all();
		cf_ring_sleep(CF_IDLE_MS, false);
		return;
	}
	if (cf_breaker_is_open() || !publish())
	{
		pause_publisher();
		return;
	}
	mind_looks();
	cf_ring_report(&report);
	if (hot == CF_HOTKEYS_NOW)
		return;
	if (report.bytes == 0)
		cf_ring_sleep(cf_sweep_step() || hot == CF_HOTKEYS_SOON ? CF_SWEEP_MS :
					  hot == CF_HOTKEYS_WATCH ? CF_WATCH_MS : CF_IDLE_MS, false);
	if (!cf_ring_is_urgent() && report.bytes < CF_BATCH_BYTES)
		cf_ring_sleep(CF_GATHER_MS, true);
}

void
cachefront_publisher_main(Datum arg)
{
	MemoryContext context;

	cf_worker_begin(CF_WORKER_PUBLISHER);
	cf_l1_attach();
	buffer = MemoryContextAlloc(TopMemoryContext, CF_BATCH_BYTES);
	context = AllocSetContextCreate(TopMemoryContext, "cachefront publisher",
									ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);
	cf_ring_begin_publishing();
	for (;;)
	{
		cf_worker_check();
		keep_up();
		work();
		MemoryContextReset(context);
	}
}

void
cf_publisher_register(void)
{
	cf_worker_register_static(CF_WORKER_PUBLISHER, "cachefront_publisher_main",
							  BgWorkerStart_ConsistentState);
}
