/*
 * cachefront.c - _PG_init: wires the subsystems together, nothing else.
 *
 * src/cachefront.c
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "base/cycle.h"
#include "base/debug_point.h"
#include "base/guc.h"
#include "base/log_mask.h"
#include "base/shmem.h"
#include "base/steady.h"
#include "base/worker.h"
#include "behind/guard.h"
#include "behind/memory.h"
#include "behind/queue.h"
#include "behind/shared.h"
#include "behind/statement.h"
#include "behind/task.h"
#include "behind/writer.h"
#include "capture/epoch.h"
#include "capture/trigger.h"
#include "capture/witness.h"
#include "capture/writeset.h"
#include "capture/writing.h"
#include "codec/secret.h"
#include "commit/commit.h"
#include "commit/notify.h"
#include "engine/ask.h"
#include "engine/flight.h"
#include "engine/policy.h"
#include "history/follow.h"
#include "history/history.h"
#include "history/line.h"
#include "history/readers.h"
#include "history/save.h"
#include "l1/clock.h"
#include "l1/table.h"
#include "load/loader.h"
#include "load/loadtime.h"
#include "publish/ack.h"
#include "publish/oldkeys.h"
#include "publish/outbox.h"
#include "publish/ring.h"
#include "publish/sweep.h"
#include "redis/breaker.h"
#include "redis/command.h"
#include "request/params.h"
#include "rules/define.h"
#include "rules/missed.h"
#include "stats/counters.h"
#include "stats/hotkeys.h"
#include "stats/notes.h"
#include "statement/mark.h"
#include "statement/shape.h"
#include "statement/statement.h"
#include "tier/foreign.h"
#include "txn/claim.h"
#include "txn/pending.h"
#include "txn/twophase.h"
#include "warm/progress.h"
#include "warm/restart.h"
#include "workers/publisher.h"
#include "xact.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

/*
 * Not preloaded, there is no shared memory, and nothing is wired. Then reads run
 * their query and miss, with a warning (cf_shmem_ready_or_warn); every other
 * function raises an error (cf_shmem_require).
 */
void
_PG_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;

	cf_guc_define();

	cf_secret_register();
	cf_steady_register();
	cf_debug_register();
	cf_stats_register();
	cf_notes_register();
	cf_hot_register();
	cf_history_register();
	cf_history_save_register();
	cf_line_register();
	cf_readers_register();
	cf_clock_register();
	cf_l1_register();
	cf_breaker_register();
	cf_l2_register();
	cf_cycle_register();
	cf_claim_register();
	cf_flight_register();
	cf_ask_register();
	cf_loadtime_register();
	cf_foreign_register();
	cf_shape_register();
	cf_twophase_register();
	cf_notify_register();
	cf_ring_register();
	cf_ack_register();
	cf_sweep_register();
	cf_oldkeys_register();
	cf_outbox_register();
	cf_behind_shared_register();
	cf_memory_register();
	cf_task_register();
	cf_worker_register();
	cf_worker_set_begin(cf_follow_begin_line);
	cf_missed_register();
	cf_follow_register();
	cf_publisher_register();
	cf_progress_register();
	/* Puts entries into memory, so after all that these rest on. */
	cf_restart_register();
	cf_shmem_install_hooks();

	cf_define_register();
	cf_mark_register();
	cf_writer_register();
	cf_queue_register();
	cf_statement_register();
	cf_policy_register();
	cf_params_register();

	cf_log_mask_install_hook();
	cf_readers_install_hook();
	cf_loader_install_hooks();
	cf_writing_install_hooks();
	cf_epoch_install_hooks();
	cf_trigger_install_hooks();
	cf_writeset_install_hooks();
	cf_witness_install_hooks();
	cf_guard_install_hook();
	/* The last, so that all others see what is run. */
	cf_statement_install_hooks();
	cf_xact_register();
}
