/*
 * xact.c - the only transaction callbacks, in the order of docs/consistency.md, "The life
 * of a commit", whose numbers are below.
 *
 * Registered once, in the postmaster, and inherited. A transaction that is not involved
 * (base/involved.h) goes through none of the modules but the write set.
 *
 * src/xact.c
 */
#include "postgres.h"

#include "access/xact.h"
#include "storage/ipc.h"
#include "utils/resowner.h"

#include "api/refresh.h"
#include "base/fault.h"
#include "base/involved.h"
#include "base/shmem.h"
#include "behind/memory.h"
#include "behind/shared.h"
#include "capture/catalog.h"
#include "capture/epoch.h"
#include "capture/note.h"
#include "capture/trigger.h"
#include "capture/witness.h"
#include "capture/writeset.h"
#include "capture/writing.h"
#include "commit/announce.h"
#include "commit/commit.h"
#include "commit/deliver.h"
#include "commit/notify.h"
#include "engine/flight.h"
#include "engine/through.h"
#include "load/loader.h"
#include "publish/oldkeys.h"
#include "redis/command.h"
#include "tier/tier.h"
#include "txn/claim.h"
#include "txn/due.h"
#include "txn/pending.h"
#include "txn/twophase.h"
#include "xact.h"

/* PRE_COMMIT has found nothing but changed tables. */
static bool tables_only = false;

#ifdef CF_DEBUG
/* Has somebody left something for the end of the transaction, and not said so? */
static void
check_uninvolved(void)
{
	if (cf_pending_any() || cf_pending_by_hand() || cf_due_count() > 0 ||
		cf_epoch_changing() || cf_note_at(0) != NULL || cf_claim_any() ||
		cf_commit_stores_later())
		elog(ERROR, "cachefront has work for the end of the transaction that nobody has told of");
}
#else
#define check_uninvolved() ((void) 0)
#endif

/* All is stored: Redis is told, and the log goes. */
static void
finish(void)
{
	cf_deliver_append();
	cf_pending_reset();
}

/* Steps 2 and 3 where there is nothing else: each is as below, or would do nothing. */
static void
pre_commit_tables(void)
{
	check_uninvolved();
	cf_writeset_raise();
	cf_announce_tables();
}

static void
pre_commit_all(void)
{
	cf_involve();
	cf_notify_pre_commit();
	cf_commit_prepare();
	if (CF_PLANTED(SETTLE_EARLY))
		cf_commit_settle(0);
	if (unlikely(!cf_writeset_begin_commit()))
		cf_epoch_note_blind();
	cf_epoch_prepare();
	cf_deliver_prepare();
	cf_writeset_raise();
	cf_through_note_raised();
	/* 3: announce */
	cf_announce_commit();
}

static void
pre_commit(void)
{
	cf_refresh_pre_commit();
	/* 2: raise */
	cf_trigger_pre_commit();
	cf_witness_pre_commit();
	tables_only = !cf_involved && !cf_writeset_is_blind() && !cf_catalog_is_told();
	if (likely(tables_only))
		pre_commit_tables();
	else
		pre_commit_all();
}

/* 5 to 7: note, settle, store. */
static void
commit_all(void)
{
	uint64		seq = cf_through_look();

	cf_writeset_settle(seq);
	cf_commit_settle(seq);
	cf_through_publish();
	cf_due_reset();
	cf_notify_commit();
	cf_witness_reset();
	cf_claim_at_commit();
	if (!cf_commit_stores_later())
		finish();
	cf_epoch_committed();
	cf_memory_committed();
	cf_behind_committed();
	cf_oldkeys_committed();
}

static void
xact_callback(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PARALLEL_PRE_COMMIT:
			pre_commit();
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_PARALLEL_COMMIT:
			/* Another library's callback may have involved it since. */
			if (likely(tables_only && !cf_involved))
				cf_writeset_settle(0);
			else
				commit_all();
			break;
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PARALLEL_ABORT:
			cf_involve();
			cf_writing_aborted();
			cf_flight_reset();
			cf_tier_reset();
			cf_load_reset();
			cf_writeset_abandon();
			cf_twophase_abandon();
			cf_witness_reset();
			cf_commit_abandon();
			cf_deliver_reset();
			cf_pending_reset();
			cf_through_reset();
			cf_due_reset();
			cf_l2_at_abort();
			cf_claim_at_abort();
			cf_memory_aborted();
			cf_behind_aborted();
			cf_oldkeys_reset();
			break;
		case XACT_EVENT_PRE_PREPARE:
			cf_involve();
			cf_memory_before_prepare();
			cf_refresh_pre_prepare();
			cf_trigger_pre_commit();
			cf_witness_pre_commit();
			if (unlikely(!cf_writeset_begin_commit()))
				cf_epoch_note_blind();
			cf_epoch_prepare_transaction();
			cf_commit_prepare_transaction(cf_deliver_prepare_transaction());
			cf_announce_prepare();
			break;
		case XACT_EVENT_PREPARE:
			cf_twophase_prepared();
			cf_epoch_at_prepare_transaction();
			cf_witness_reset();
			cf_claim_at_commit();
			cf_pending_reset();
			cf_behind_committed();
			cf_oldkeys_reset();
			cf_due_reset();
			break;
	}
}

static void
subxact_callback(SubXactEvent event, SubTransactionId id,
				 SubTransactionId parent, void *arg)
{
	cf_pending_subxact(event);
	cf_claim_subxact(event);
	cf_due_subxact(event);
	cf_witness_subxact(event);
	cf_epoch_subxact(event);
	cf_memory_subxact(event);
	cf_oldkeys_subxact(event);
}

/*
 * Catalog invalidations are broadcast and locks released: end the DDL epoch, and
 * wait for Redis where that is asked for.
 */
static void
resource_release_callback(ResourceReleasePhase phase, bool committed,
						  bool top_level, void *arg)
{
	if (likely(!cf_involved) || phase != RESOURCE_RELEASE_AFTER_LOCKS || !top_level)
		return;
	cf_epoch_finish(committed);
	if (cf_commit_stores_later())
	{
		cf_commit_store();
		finish();
	}
	/* 8 */
	if (committed)
	{
		cf_deliver_wait();
		cf_claim_after_commit();
	}
	cf_involved = false;
}

void
cf_xact_register(void)
{
	RegisterXactCallback(xact_callback, NULL);
	RegisterSubXactCallback(subxact_callback, NULL);
	RegisterResourceReleaseCallback(resource_release_callback, NULL);
}
