/*
 * worker.c - the launcher and the workers of databases.
 *
 * A worker holds a connection to its database, which is in the way of DROP
 * DATABASE; so it ends soon after there is nothing left to do.
 *
 * Locking: the tranche's one lock guards who serves which database.
 *
 * src/base/worker.c
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_database.h"
#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/sinval.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/shmem.h"
#include "base/steady.h"
#include "base/worker.h"

#define CF_WORKER_MAX_TASKS 16
#define CF_WORKER_MAX_DATABASES 16
#define CF_WORKER_IDLE_MS 1000
#define CF_WORKER_RETRY_MS 1000
#define CF_BEGIN_RETRY_MS 10
#define CF_BEGIN_TRIES 200
#define CF_WORKER_MAX_FAILURES 3
#define CF_NO_PROC (-1)

typedef struct CfSharedWorkers
{
	/* Protected by the lock */
	int			process[CF_WORKER_PROCESSES];	/* proc numbers, or CF_NO_PROC */
	bool		no_slot;		/* the launcher could not start a worker, and tries again */
	struct
	{
		Oid			dboid;
		int			proc;
		bool		rested;		/* the last one ended because there was nothing to do */
	}			worker[CF_WORKER_MAX_DATABASES];
} CfSharedWorkers;

/* A worker that the launcher started. */
typedef struct Started
{
	Oid			dboid;
	BackgroundWorkerHandle *handle; /* NULL: ended */
	int			failures;		/* times in a row that it left work undone */
} Started;

volatile sig_atomic_t cf_worker_stop_requested = false;

static const char *const process_names[] = {
	[CF_WORKER_LAUNCHER] = "cachefront launcher",
	[CF_WORKER_FOLLOWER] = "cachefront follower",
	[CF_WORKER_PUBLISHER] = "cachefront publisher",
};

static CfSharedWorkers *workers = NULL;
static LWLock *workers_lock = NULL;
static const CfWorkerTask *tasks[CF_WORKER_MAX_TASKS];
static int	ntasks = 0;
static bool (*begin_writing) (void) = NULL;
static void leave(void);

/* This process. */
static struct
{
	int			slot;			/* of a database's worker, or -1 */
	int			process;		/* CfWorkerProcess, or -1 */
	bool		rested;			/* this worker: nothing left to do */
}			me = {.slot = -1, .process = -1};

void
cf_worker_register_task(const CfWorkerTask *task)
{
	if (ntasks == CF_WORKER_MAX_TASKS)
		elog(FATAL, "cachefront has no room for one more task of its workers");
	tasks[ntasks++] = task;
}

void
cf_worker_set_begin(bool (*begin) (void))
{
	begin_writing = begin;
}

static Size
worker_shmem_size(void)
{
	return sizeof(CfSharedWorkers);
}

static void
worker_shmem_init(void *memory, LWLockPadded *locks)
{
	CfSharedWorkers *new = memory;

	new->no_slot = false;
	for (int i = 0; i < CF_WORKER_PROCESSES; i++)
		new->process[i] = CF_NO_PROC;
	for (int i = 0; i < CF_WORKER_MAX_DATABASES; i++)
	{
		new->worker[i].proc = CF_NO_PROC;
		new->worker[i].rested = false;
	}
}

static void
worker_shmem_attach(void *memory, LWLockPadded *locks)
{
	workers = memory;
	workers_lock = &locks[0].lock;
}

/*
 * With a connection, though to no database: so pg_stat_activity shows it.
 */
void
cf_worker_register_static(CfWorkerProcess process, const char *function,
						  BgWorkerStartTime start)
{
	BackgroundWorker worker = {0};
	const char *name = process_names[process];

	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = start;
	worker.bgw_restart_time = 5;
	strlcpy(worker.bgw_name, name, BGW_MAXLEN);
	strlcpy(worker.bgw_type, name, BGW_MAXLEN);
	strlcpy(worker.bgw_library_name, "cachefront", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, function, BGW_MAXLEN);
	RegisterBackgroundWorker(&worker);
}

void
cf_worker_register(void)
{
	static const CfShmemSegment segment = {
		.name = "cachefront_workers",
		.nlocks = 1,
		.size = worker_shmem_size,
		.init = worker_shmem_init,
		.attach = worker_shmem_attach,
	};

	cf_shmem_register(&segment);
	cf_worker_register_static(CF_WORKER_LAUNCHER, "cachefront_launcher_main",
							  BgWorkerStart_RecoveryFinished);
}

void
cf_worker_wake(Oid dboid)
{
	int			proc;

	LWLockAcquire(workers_lock, LW_SHARED);
	proc = workers->process[CF_WORKER_LAUNCHER];
	for (int i = 0; i < CF_WORKER_MAX_DATABASES; i++)
	{
		if (workers->worker[i].proc != CF_NO_PROC && workers->worker[i].dboid == dboid)
			proc = workers->worker[i].proc;
	}
	LWLockRelease(workers_lock);
	if (proc != CF_NO_PROC)
		SetLatch(&ProcGlobal->allProcs[proc].procLatch);
}

/*
 * Whoever reads ShutdownRequestPending ends its round; a wait for Redis ends in
 * cf_worker_check_stop, because of InterruptPending.
 */
static void
handle_stop(SIGNAL_ARGS)
{
	int			save_errno = errno;

	cf_worker_stop_requested = true;
	InterruptPending = true;
	SignalHandlerForShutdownRequest(postgres_signal_arg);
	errno = save_errno;
}

static void
handle_signals(void)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, handle_stop);
	BackgroundWorkerUnblockSignals();
}

/*
 * The processes that are always there are restarted after an exit code of 1;
 * and whether the server stops, or somebody terminated the process, is all one
 * to it. The postmaster starts none while it stops.
 */
void
cf_worker_stop(void)
{
	if (me.process < 0 && !IsTransactionState())
		leave();
	proc_exit(me.process >= 0 ? 1 : 0);
}

/* In pg_stat_activity. */
static void
introduce(const char *name)
{
	SetConfigOption("application_name", name, PGC_USERSET, PGC_S_SESSION);
	pgstat_report_appname(name);
	pgstat_report_activity(STATE_IDLE, NULL);
}

static void
process_exit(int code, Datum arg)
{
	LWLockAcquire(workers_lock, LW_EXCLUSIVE);
	workers->process[me.process] = CF_NO_PROC;
	LWLockRelease(workers_lock);
}

void
cf_worker_begin(CfWorkerProcess process)
{
	handle_signals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	introduce(process_names[process]);
	me.process = process;
	before_shmem_exit(process_exit, (Datum) 0);
	LWLockAcquire(workers_lock, LW_EXCLUSIVE);
	workers->process[process] = CF_MY_PROC_NUMBER;
	LWLockRelease(workers_lock);
}

/* Others wait for those who do not take note of what they change. */
void
cf_worker_check(void)
{
	CHECK_FOR_INTERRUPTS();
	if (cf_worker_stop_requested)
		cf_worker_stop();
	if (catchupInterruptPending)
		ProcessCatchupInterrupt();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
}

const char *
cf_worker_obstacle(void)
{
	bool		present[CF_WORKER_PROCESSES];
	bool		no_slot;

	LWLockAcquire(workers_lock, LW_SHARED);
	for (int i = 0; i < CF_WORKER_PROCESSES; i++)
		present[i] = workers->process[i] != CF_NO_PROC;
	no_slot = workers->no_slot;
	LWLockRelease(workers_lock);
	/* The launcher is none of a standby's processes. */
	if (!present[CF_WORKER_LAUNCHER] && !RecoveryInProgress())
		return "the launcher does not run: it starts within five seconds, or found no slot of max_worker_processes when the server started";
	if (!present[CF_WORKER_FOLLOWER] && RecoveryInProgress())
		return "the follower does not run: it starts within five seconds, or found no slot of max_worker_processes when the server started";
	if (!present[CF_WORKER_PUBLISHER])
		return "the publisher does not run: it starts within five seconds, or found no slot of max_worker_processes when the server started";
	if (no_slot)
		return "no worker could be started for a database: max_worker_processes are too few";
	return NULL;
}

static void
wait_for_work(long timeout)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 timeout, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	cf_worker_check();
}

static bool
start_worker(Oid dboid, Started *started)
{
	BackgroundWorker worker = {0};

	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_main_arg = ObjectIdGetDatum(dboid);
	worker.bgw_notify_pid = MyProcPid;
	snprintf(worker.bgw_name, BGW_MAXLEN, "cachefront worker for database %u", dboid);
	strlcpy(worker.bgw_type, "cachefront worker", BGW_MAXLEN);
	strlcpy(worker.bgw_library_name, "cachefront", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "cachefront_worker_main", BGW_MAXLEN);
	started->dboid = dboid;
	return RegisterDynamicBackgroundWorker(&worker, &started->handle);
}

static bool
has_work(Oid dboid)
{
	for (int t = 0; t < ntasks; t++)
	{
		int			next = 0;
		Oid			wanted;

		while (OidIsValid(wanted = tasks[t]->next_database(&next)))
		{
			if (wanted == dboid)
				return true;
		}
	}
	return false;
}

/*
 * Did the worker that has ended have nothing left to do? Tells so once. If
 * another database's worker has taken its place since, it does not.
 */
static bool
take_rested(Oid dboid)
{
	bool		found = false;

	LWLockAcquire(workers_lock, LW_EXCLUSIVE);
	for (int i = 0; i < CF_WORKER_MAX_DATABASES; i++)
	{
		if (workers->worker[i].dboid == dboid && workers->worker[i].rested)
		{
			workers->worker[i].rested = false;
			found = true;
		}
	}
	LWLockRelease(workers_lock);
	return found;
}

/*
 * Notes workers that have ended. One that left work undone is started again,
 * unless that is of no use: then the work is given up. Work that came after a
 * worker went to rest is no failure of it.
 */
static void
reap_workers(Started *started)
{
	pid_t		pid;

	for (int i = 0; i < CF_WORKER_MAX_DATABASES; i++)
	{
		if (started[i].handle == NULL ||
			GetBackgroundWorkerPid(started[i].handle, &pid) != BGWH_STOPPED)
			continue;
		pfree(started[i].handle);
		started[i].handle = NULL;
		if (take_rested(started[i].dboid) || !has_work(started[i].dboid))
			started[i].failures = 0;
		else if (++started[i].failures >= CF_WORKER_MAX_FAILURES)
		{
			ereport(LOG,
					(errmsg("cachefront worker for database %u failed %d times, giving up its work",
							started[i].dboid, started[i].failures)));
			for (int t = 0; t < ntasks; t++)
				tasks[t]->give_up(started[i].dboid);
			started[i].failures = 0;
		}
	}
}

static bool
is_started(const Started *started, Oid dboid)
{
	for (int i = 0; i < CF_WORKER_MAX_DATABASES; i++)
	{
		if (started[i].dboid == dboid && started[i].handle != NULL)
			return true;
	}
	return false;
}

/* By a worker that a launcher before this one has started, say: of no handle here. */
bool
cf_worker_serves(Oid dboid)
{
	bool		served = false;

	LWLockAcquire(workers_lock, LW_SHARED);
	for (int i = 0; i < CF_WORKER_MAX_DATABASES; i++)
		served |= workers->worker[i].proc != CF_NO_PROC && workers->worker[i].dboid == dboid;
	LWLockRelease(workers_lock);
	return served;
}

static void
note_no_slot(bool no_slot)
{
	LWLockAcquire(workers_lock, LW_EXCLUSIVE);
	workers->no_slot = no_slot;
	LWLockRelease(workers_lock);
}

static Started *
find_started(Started *started, Oid dboid)
{
	Started    *room = NULL;

	for (int i = 0; i < CF_WORKER_MAX_DATABASES; i++)
	{
		if (started[i].dboid == dboid)
			return &started[i];
		if (started[i].handle == NULL && (room == NULL || started[i].failures == 0))
			room = &started[i];
	}
	if (room != NULL)
		room->failures = 0;
	return room;
}

/* False: a worker could not be started, or is not ours; look again later. */
static bool
start_wanted(Started *started)
{
	bool		all = true;
	bool		no_slot = false;

	for (int t = 0; t < ntasks; t++)
	{
		int			next = 0;
		Oid			dboid;

		while (OidIsValid(dboid = tasks[t]->next_database(&next)))
		{
			Started    *slot;

			if (is_started(started, dboid))
				continue;
			if (cf_worker_serves(dboid))
			{
				all = false;
				continue;
			}
			slot = find_started(started, dboid);
			if (slot == NULL || !start_worker(dboid, slot))
				no_slot = true;
		}
	}
	note_no_slot(no_slot);
	return all && !no_slot;
}

/* The end of one sends a signal that does not set our latch: so they are watched. */
static bool
any_started(const Started *started)
{
	for (int i = 0; i < CF_WORKER_MAX_DATABASES; i++)
	{
		if (started[i].handle != NULL)
			return true;
	}
	return false;
}

/* Just promoted, it can begin within milliseconds; what takes longer may take very long. */
static int
begin_retry_ms(void)
{
	static int	tries = 0;

	return tries < CF_BEGIN_TRIES ? tries++, CF_BEGIN_RETRY_MS : CF_WORKER_RETRY_MS;
}

List *
cf_worker_list_databases(void)
{
	MemoryContext context = CurrentMemoryContext;
	List	   *found = NIL;
	Relation	rel;
	TableScanDesc scan;
	HeapTuple	tuple;

	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	rel = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(rel, 0, NULL);
	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		Form_pg_database database = (Form_pg_database) GETSTRUCT(tuple);
		MemoryContext old;

		if (!database->datallowconn || database->datistemplate)
			continue;
		old = MemoryContextSwitchTo(TopMemoryContext);
		found = lappend_oid(found, database->oid);
		MemoryContextSwitchTo(old);
	}
	table_endscan(scan);
	table_close(rel, AccessShareLock);
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
	return found;
}

void
cachefront_launcher_main(Datum arg)
{
	Started		started[CF_WORKER_MAX_DATABASES] = {0};

	cf_worker_begin(CF_WORKER_LAUNCHER);

	for (;;)
	{
		bool		begun = begin_writing();
		bool		all_started;

		reap_workers(started);
		all_started = start_wanted(started);
		if (!begun)
			wait_for_work(begin_retry_ms());
		else
			wait_for_work(all_started && !any_started(started) ? 60 * 1000 : CF_WORKER_RETRY_MS);
	}
}

static void
worker_exit(int code, Datum arg)
{
	LWLockAcquire(workers_lock, LW_EXCLUSIVE);
	workers->worker[me.slot].proc = CF_NO_PROC;
	workers->worker[me.slot].rested = me.rested;
	LWLockRelease(workers_lock);
}

static void
take_slot(Oid dboid)
{
	LWLockAcquire(workers_lock, LW_EXCLUSIVE);
	for (int i = 0; i < CF_WORKER_MAX_DATABASES && me.slot < 0; i++)
	{
		if (workers->worker[i].proc == CF_NO_PROC)
		{
			workers->worker[i].dboid = dboid;
			workers->worker[i].proc = CF_MY_PROC_NUMBER;
			workers->worker[i].rested = false;
			me.slot = i;
		}
	}
	LWLockRelease(workers_lock);
	if (me.slot < 0)
		proc_exit(0);
	before_shmem_exit(worker_exit, (Datum) 0);
}

static bool
do_work(void)
{
	bool		any = false;

	for (int t = 0; t < ntasks; t++)
		any |= tasks[t]->work();
	return any;
}

/* Until a task has something to do by its own time; -1: none has. */
static int
next_work_ms(void)
{
	int			next = -1;

	for (int t = 0; t < ntasks; t++)
	{
		int			ms = tasks[t]->wait_ms == NULL ? -1 : tasks[t]->wait_ms();

		if (ms >= 0 && (next < 0 || ms < next))
			next = ms;
	}
	return next;
}

bool
cf_worker_is_one(void)
{
	return me.slot >= 0;
}

static void
leave(void)
{
	for (int t = 0; t < ntasks; t++)
	{
		if (tasks[t]->leave != NULL)
			tasks[t]->leave();
	}
}

void
cachefront_worker_main(Datum arg)
{
	Oid			dboid = DatumGetObjectId(arg);
	TimestampTz last_work = cf_steady_now();

	handle_signals();
	BackgroundWorkerInitializeConnectionByOid(dboid, InvalidOid, 0);
	introduce("cachefront worker");
	take_slot(dboid);
	while (!ShutdownRequestPending)
	{
		bool		any = do_work();
		int			next_ms = next_work_ms();

		if (any || next_ms >= 0)
			last_work = cf_steady_now();
		else if (TimestampDifferenceExceeds(last_work, cf_steady_now(),
											CF_WORKER_IDLE_MS))
		{
			me.rested = true;
			break;
		}
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 next_ms >= 0 ? Min(next_ms, CF_WORKER_IDLE_MS) : CF_WORKER_IDLE_MS,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		/* Told to end, it leaves the loop. */
		if (!ShutdownRequestPending)
			cf_worker_check();
	}
	leave();
	proc_exit(0);
}
