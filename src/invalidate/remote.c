/*
 * remote.c - what a commit does in Redis. DESIGN section 5:
 *
 *	2. PRE_COMMIT: fence keys and tags, in one round trip. Redis drops their
 *	   values and gives no lease for them until the commit is known. Where that
 *	   fails, the outbox takes them.
 *	3. the commit becomes visible
 *	4. COMMIT callback: settle them and tell the bus, in one round trip.
 *	   ABORT: lift the fences. They expire by themselves if that fails.
 *
 * A settle that fails is only counted: the fence has dropped what was there,
 * and while it stands, and after it has expired or was evicted, nobody fills the
 * key before the writing server has said where it is, which it does not do while
 * a commit is between fence and end (l2/beat.h). If Redis has lost the fence with
 * all else, for it is not the same run any more, all its values are given up.
 *
 * Before and after the commit each wait for Redis no longer than
 * cf_remote_timeout, and after a time-out before it, Redis is not asked again.
 * What the callbacks after the commit need is made in PRE_COMMIT, in the
 * transaction's memory; they raise no error.
 *
 * A standby commits nothing, but its users may invalidate by hand: it settles
 * at commit, as well as it can.
 *
 * src/invalidate/remote.c
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "debug_point.h"
#include "guc.h"
#include "invalidate/bus.h"
#include "invalidate/epoch.h"
#include "invalidate/outbox.h"
#include "invalidate/payload.h"
#include "invalidate/pending.h"
#include "invalidate/remote.h"
#include "l2/beat.h"
#include "l2/horizon.h"
#include "l2/store.h"
#include "position.h"
#include "stats/counters.h"
#include "worker.h"

/* So many take no longer than one, next to the way to Redis and back. */
#define CF_FREE_ITEMS 1000

typedef enum Stage
{
	IDLE,
	FENCED,						/* or tried: fences may stand */
	KEPT,						/* in the outbox, or missed: see there */
	DIRECT						/* standby: settle only */
} Stage;

/* Of the running transaction; lists and texts are in its memory. */
typedef struct Remote
{
	Stage		stage;
	const CfSpace *space;
	CfOutboxItem *items;
	int			nitems;
	List	   *events;			/* payloads for the bus, char * */
	char		token[CF_TOKEN_LEN + 1];	/* "": none yet */
	char		run_id[CF_RUN_ID_LEN + 1];	/* of the Redis that has the fences */
	bool		server;			/* the epoch of the server is among the items */
	bool		server_early;	/* fenced, or tried, before COMMIT PREPARED */
	bool		outbox_begun;
	bool		window;			/* beats wait for it: see l2/beat.h */
	bool		missing;		/* it may be known to no Redis: see l2/horizon.h */
	bool		wake;			/* the worker knows nothing of the outbox yet */
} Remote;

static Remote remote;

int
cf_remote_timeout(int n)
{
	return cf_guc_redis_command_timeout + Max(0, n - CF_FREE_ITEMS) / 10;
}

bool
cf_remote_is_epoch(const char *tag, int len)
{
	return len == 1 && (tag[0] == CF_TAG_EPOCH_DATABASE[0] || tag[0] == CF_TAG_EPOCH_SERVER[0]);
}

/* The transaction is over. Settled or not, a later beat is after its commit. */
static void
reset(void)
{
	if (remote.window)
		cf_beat_end_window();
	(void) cf_l2_end_allowance();
	memset(&remote, 0, sizeof(remote));
}

/* ---- what there is to do ---- */

/* Items by what they are about: where each is in the list. */
typedef struct Known
{
	CfHash128	hash;			/* hash key */
	int			item;
} Known;

static void
add_item(HTAB *known, bool is_key, const char *text, int len, bool published)
{
	CfHash128	hash;
	Known	   *entry;
	bool		found;
	CfOutboxItem *item;

	cf_hash128_init(&hash, is_key);
	cf_hash128_add(&hash, text, len);
	entry = hash_search(known, &hash, HASH_ENTER, &found);
	if (!found)
	{
		entry->item = remote.nitems++;
		item = &remote.items[entry->item];
		item->is_key = is_key;
		item->text = text;
		item->len = len;
		item->published = published;
	}
	else
		remote.items[entry->item].published |= published;
}

/*
 * A value that cache_set leaves is no invalidation for others; but what Redis
 * may hold of its key is older.
 */
static void
add_op(HTAB *known, const CfOp *op)
{
	switch (op->kind)
	{
		case CF_OP_KEY:
			add_item(known, true, op->key.data, op->key.len, true);
			break;
		case CF_OP_SET:
		case CF_OP_TOUCH:
			add_item(known, true, op->key.data, op->key.len, false);
			break;
		case CF_OP_TAG:
			add_item(known, false, op->tag, op->tag_len, true);
			break;
		case CF_OP_FLUSH:
			add_item(known, false, CF_TAG_EPOCH_DATABASE, 1, true);
			break;
	}
}

static void
collect_items(bool database, bool server)
{
	HASHCTL		control = {
		.keysize = sizeof(CfHash128),
		.entrysize = sizeof(Known),
		.hcxt = TopTransactionContext,
	};
	HTAB	   *known = hash_create("cachefront remote", 64, &control,
									HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	Size		room = (Size) cf_pending_count() + 2;

	remote.items = MemoryContextAllocHuge(TopTransactionContext, room * sizeof(CfOutboxItem));
	remote.nitems = 0;
	for (int i = 0; i < cf_pending_count(); i++)
	{
		CHECK_FOR_INTERRUPTS();
		add_op(known, cf_pending_op(i));
	}
	if (database)
		add_item(known, false, CF_TAG_EPOCH_DATABASE, 1, true);
	if (server)
		add_item(known, false, CF_TAG_EPOCH_SERVER, 1, true);
	remote.server = server;
	hash_destroy(known);
}

static void
keep_event(const char *payload)
{
	remote.events = lappend(remote.events, pstrdup(payload));
}

static void
make_events(void)
{
	MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);
	CfPayload	payload;

	remote.events = NIL;
	cf_payload_begin(&payload, keep_event);
	for (int i = 0; i < remote.nitems; i++)
	{
		const CfOutboxItem *item = &remote.items[i];

		CHECK_FOR_INTERRUPTS();
		if (!item->published)
			continue;
		if (!item->is_key && cf_remote_is_epoch(item->text, item->len))
			payload.all = true;
		else
			cf_payload_add(&payload, item->is_key, item->text, item->len);
	}
	cf_payload_end(&payload);
	MemoryContextSwitchTo(old);
}

/* False: nothing that Redis has to know. */
static bool
collect(void)
{
	bool		database;
	bool		server;

	cf_epoch_raised(&database, &server);
	/* Without the extension, which CREATE makes known, the database has no entries. */
	if (database && !cf_pending_any() && !OidIsValid(get_extension_oid("cachefront", true)))
		database = false;
#ifdef CF_FAULT_NO_REDIS_EPOCH
	database = server = false;
#endif
	if (!cf_pending_any() && !database && !server)
		return false;
	remote.space = cf_space_mine();
	if (remote.space == NULL)
		return false;
	collect_items(database, server);
	make_events();
	return true;
}

/* ---- talking to Redis ---- */

/* What comes up to the next step waits for Redis no longer than cf_remote_timeout. */
static void
begin_step(void)
{
	cf_l2_allow((int64) cf_remote_timeout(remote.nitems) * 1000);
}

static void
add_steps(CfFenceStep step, uint64 commit_lsn, const CfFloor *floor)
{
	for (int i = 0; i < remote.nitems; i++)
	{
		const CfOutboxItem *item = &remote.items[i];

		if (item->is_key)
			cf_store_add_key(remote.space, step, item->text, item->len, remote.token,
							 commit_lsn, floor);
		else
			cf_store_add_tag(remote.space, step, item->text, item->len, remote.token,
							 commit_lsn, floor);
	}
}

static bool
run(bool interruptible)
{
	return cf_l2_run(cf_remote_timeout(remote.nitems), interruptible) == CF_L2_OK &&
		cf_store_steps_ok();
}

/* ---- before the commit ---- */

static bool
fence(void)
{
	const CfFloor *floor;

	if (!remote.window)
		cf_beat_begin_window();
	remote.window = true;
	begin_step();
	if (remote.token[0] == '\0' && !cf_store_make_token(remote.token))
	{
		remote.token[0] = '\0';
		return false;
	}
	if (cf_space_open(remote.space, true, &floor) != CF_L2_OK)
		return false;
#ifndef CF_FAULT_NO_FENCE
	cf_space_begin();
	add_steps(CF_STEP_FENCE, 0, floor);
	if (!run(true))
		return false;
#endif
	strlcpy(remote.run_id, cf_l2_run_id(), sizeof(remote.run_id));
	cf_stats_count(CF_STATS_DEFAULT, CF_COUNT_L2_FENCES);
	return true;
}

static void
fence_failed(void)
{
	cf_stats_count(CF_STATS_DEFAULT, CF_COUNT_L2_FENCE_FAILURES);
	/* After COMMIT PREPARED it is too late for an error. */
	if (cf_guc_on_redis_failure == CF_ON_FAILURE_ERROR && !cf_epoch_prepared_begun())
		ereport(ERROR,
				(errcode(ERRCODE_CONNECTION_FAILURE),
				 errmsg("could not invalidate the cache in Redis"),
				 errdetail_log("%s", cf_l2_error()[0] != '\0' ? cf_l2_error() :
						   "It is not used at present, because it has failed before."),
				 errhint("Set cachefront.on_redis_failure to \"outbox\" to commit nevertheless.")));
}

/* All that Redis holds is given up when this transaction is over, crash or not. */
static void
begin_miss(void)
{
	if (!remote.missing)
		cf_horizon_begin_miss();
	remote.missing = true;
}

static void
end_miss(bool committed)
{
	CfSpace		space;

	if (!remote.missing)
		return;
	for (int i = 0; committed && i < CF_SPACE_MAX; i++)
	{
		if (cf_space_get(i, &space))
			cf_space_forget(&space);
	}
	cf_horizon_end_miss();
	remote.missing = false;
}

/*
 * From here to the end of the transaction nobody trusts Redis, so that it does
 * not matter when the row becomes visible, or if it could not be written.
 */
static void
keep_for_worker(void)
{
#ifdef CF_FAULT_NO_OUTBOX
	remote.stage = IDLE;
	return;
#endif
	remote.wake |= cf_space_outbox(remote.space) != CF_OUTBOX_WAITING;
	if (!remote.outbox_begun)
		cf_space_outbox_begin(remote.space);
	remote.outbox_begun = true;
	/* An outbox is one database's; the others do not look into it. */
	if (!cf_outbox_write(remote.items, remote.nitems) || remote.server)
		begin_miss();
	remote.stage = KEPT;
}

/* After a start somebody has to look into the table. */
static void
ask_for_look(void)
{
	static bool asked = false;

	if (!asked && cf_space_outbox(remote.space) == CF_OUTBOX_UNKNOWN)
		cf_worker_wake(MyDatabaseId);
	asked = true;
}

#ifdef CF_FAULT_SETTLE_REDIS_EARLY
static void settle(void);
#endif

/* Redis is switched off; but some day it may be switched on again. */
static void
miss(void)
{
	bool		database;
	bool		server;

	cf_epoch_raised(&database, &server);
	if ((cf_pending_any() || database || server) && !RecoveryInProgress() &&
		cf_horizon_is_used())
		begin_miss();
}

void
cf_remote_fence(void)
{
	if (IsParallelWorker())
		return;
	if (!cf_l2_configured())
	{
		miss();
		return;
	}
	if (!collect())
		return;
	if (RecoveryInProgress())
	{
		remote.stage = cf_store_make_token(remote.token) ? DIRECT : IDLE;
		return;
	}
	ask_for_look();

	/* The commit needs an LSN of its own, for standbys to wait for. */
	(void) GetTopTransactionId();
	remote.stage = FENCED;
	if (!fence())
	{
		fence_failed();
		keep_for_worker();
	}
#ifdef CF_FAULT_SETTLE_REDIS_EARLY
	else
	{
		settle();
		remote.stage = IDLE;
	}
#endif
	CF_HOLD_POINT("commit-after-fence");
}

/*
 * The same transaction, with the same token, fences it again in PRE_COMMIT, but
 * what was prepared is visible before that.
 */
void
cf_remote_fence_server(void)
{
	/* Static: an error leaves it in remote until the abort has lifted it. */
	static CfOutboxItem item = {.text = CF_TAG_EPOCH_SERVER, .len = 1};

	if (!cf_l2_configured() || RecoveryInProgress())
		return;
	remote.space = cf_space_mine();
	if (remote.space == NULL)
		return;
	remote.items = &item;
	remote.nitems = 1;
	remote.server_early = true;
	if (!fence())
	{
		fence_failed();
		begin_miss();
	}
	remote.items = NULL;
	remote.nitems = 0;
	CF_HOLD_POINT("prepared-after-fence");
}

/* ---- after it ---- */

static bool
try_settle(void)
{
	uint64		commit_lsn = cf_position_commit_lsn();
	const CfFloor *floor;
	ListCell   *cell;

	begin_step();
	if (cf_space_open(remote.space, false, &floor) != CF_L2_OK)
		return false;
	cf_space_begin();
	add_steps(CF_STEP_SETTLE, commit_lsn, floor);
	foreach(cell, remote.events)
		cf_bus_add_event(remote.space, commit_lsn, lfirst(cell));
	return run(false);
}

static void
settle(void)
{
	if (try_settle())
		return;
	cf_stats_count(CF_STATS_DEFAULT, CF_COUNT_L2_SETTLE_FAILURES);
	if (remote.stage == FENCED)
		cf_space_forget_unless(remote.space, remote.run_id);
}

static void
finish_outbox(void)
{
	cf_space_outbox_end(remote.space);
	if (remote.wake)
		cf_worker_wake(MyDatabaseId);
}

void
cf_remote_settle(void)
{
	if (remote.stage != IDLE)
		CF_HOLD_POINT("commit-visible");
	if (remote.stage == FENCED || remote.stage == DIRECT)
		settle();
	end_miss(true);
	if (remote.outbox_begun)
		finish_outbox();
	reset();
}

/* One step for all items; without items, for the server's epoch. */
static bool
run_after(CfFenceStep step)
{
	const CfFloor *floor;

	begin_step();
	if (cf_space_open(remote.space, false, &floor) != CF_L2_OK)
		return false;
	cf_space_begin();
	add_steps(step, cf_position_lsn(), floor);
	if (remote.nitems == 0)
		cf_store_add_tag(remote.space, step, CF_TAG_EPOCH_SERVER, 1, remote.token,
						 cf_position_lsn(), floor);
	return run(false);
}

/*
 * What COMMIT PREPARED made visible stays so, even if its own transaction fails
 * in the little that is left for it to do.
 */
static void
settle_server(void)
{
	remote.nitems = 0;
	if (run_after(CF_STEP_SETTLE))
		return;
	cf_stats_count(CF_STATS_DEFAULT, CF_COUNT_L2_SETTLE_FAILURES);
	begin_miss();
}

void
cf_remote_lift(void)
{
	if (remote.server_early && cf_epoch_prepared_begun())
		settle_server();
	else if (remote.token[0] != '\0' && (remote.stage == FENCED || remote.server_early))
		(void) run_after(CF_STEP_LIFT);
	end_miss(cf_epoch_prepared_begun());
	if (remote.outbox_begun)
		finish_outbox();
	reset();
}
