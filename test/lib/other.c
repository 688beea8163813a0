/*
 * other.c - another extension's library: it changes tables in its own commit
 * callback, and in a background worker that knows nothing of any cache.
 *
 * test/lib/other.c
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"

PG_MODULE_MAGIC;

void		_PG_init(void);
PGDLLEXPORT void other_worker_main(Datum arg);

PG_FUNCTION_INFO_V1(other_worker);

static char *at_commit = NULL;	/* statements that the commit callback runs */

static void
run(const char *statements)
{
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	if (SPI_execute(statements, false, 0) < 0)
		elog(ERROR, "could not run: %s", statements);
	SPI_finish();
	PopActiveSnapshot();
}

static void
callback(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_PRE_COMMIT && at_commit != NULL && at_commit[0] != '\0')
		run(at_commit);
}

void
_PG_init(void)
{
	DefineCustomStringVariable("other.at_commit", "Statements for the commit callback.", NULL,
							   &at_commit, "", PGC_USERSET, 0, NULL, NULL, NULL);
	RegisterXactCallback(callback, NULL);
}

void
other_worker_main(Datum arg)
{
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection("postgres", NULL, 0);
	StartTransactionCommand();
	run(MyBgworkerEntry->bgw_extra);
	CommitTransactionCommand();
	pgstat_report_stat(true);
}

/* Has a worker run the statements, and waits for its end. */
Datum
other_worker(PG_FUNCTION_ARGS)
{
	BackgroundWorker worker = {
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = BGW_NEVER_RESTART,
		.bgw_notify_pid = MyProcPid,
	};
	BackgroundWorkerHandle *handle;

	strlcpy(worker.bgw_name, "other worker", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "other worker", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "other_worker_main", BGW_MAXLEN);
	strlcpy(worker.bgw_library_name, text_to_cstring(PG_GETARG_TEXT_PP(0)), BGW_MAXLEN);
	strlcpy(worker.bgw_extra, text_to_cstring(PG_GETARG_TEXT_PP(1)), BGW_EXTRALEN);
	if (!RegisterDynamicBackgroundWorker(&worker, &handle))
		elog(ERROR, "could not start a worker");
	if (WaitForBackgroundWorkerShutdown(handle) != BGWH_STOPPED)
		elog(ERROR, "could not wait for the worker");
	PG_RETURN_VOID();
}
