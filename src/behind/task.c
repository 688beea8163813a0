/*
 * task.c - what the worker and the launcher have to do with write-behind.
 *
 * src/behind/task.c
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "storage/fd.h"
#include "storage/latch.h"
#include "storage/procarray.h"
#include "utils/memutils.h"
#include "utils/pidfile.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/wait_event.h"

#include "base/worker.h"
#include "behind/flush.h"
#include "behind/memory.h"
#include "behind/part.h"
#include "behind/shared.h"
#include "behind/task.h"

#define CF_LEAVE_PATIENCE_MS (10 * 1000)
#define CF_LEAVE_LOOK_MS 10
#define CF_LEAVE_TRIES 10
#define CF_LOOKERS 2			/* databases at once, of those that may have nothing */

/* ---- the end ---- */

/* The postmaster says so in its file, before it tells us. */
static bool
is_server_stopping(void)
{
	FILE	   *file = AllocateFile("postmaster.pid", "r");
	char		line[MAXPGPATH];
	bool		stopping = false;

	if (file == NULL)
		return false;
	for (int i = 1; i <= LOCK_FILE_LINE_PM_STATUS && fgets(line, sizeof(line), file) != NULL; i++)
		stopping = i == LOCK_FILE_LINE_PM_STATUS &&
			strncmp(line, PM_STATUS_STOPPING, strlen(PM_STATUS_STOPPING)) == 0;
	FreeFile(file);
	return stopping;
}

/* Sessions may commit until they are told to go, too. */
static void
wait_until_alone(void)
{
	for (int ms = 0; ms < CF_LEAVE_PATIENCE_MS && CountDBConnections(MyDatabaseId) > 0;
		 ms += CF_LEAVE_LOOK_MS)
	{
		(void) WaitLatch(MyLatch, WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, CF_LEAVE_LOOK_MS,
						 PG_WAIT_EXTENSION);
	}
}

/* What is in memory is put into the table, where no lock of anybody's is in the way. */
static void
leave(void)
{
	MemoryContext old = CurrentMemoryContext;

	if (cf_behind_database(MyDatabaseId) == CF_BEHIND_EMPTY)
		return;
	if (is_server_stopping())
		wait_until_alone();
	cf_part_begin_settings();
	for (int tries = 0; tries < CF_LEAVE_TRIES; tries++)
	{
		bool		done = false;

		PG_TRY();
		{
			cf_part_save_memory();
			done = true;
		}
		PG_CATCH();
		{
			MemoryContextSwitchTo(old);
			EmitErrorReport();
			FlushErrorState();
			AbortCurrentTransaction();
		}
		PG_END_TRY();
		MemoryContextSwitchTo(old);
		if (done)
			break;
		pg_usleep(100000L);
	}
}

/* Who has a reservation is about to fill it: then a worker has to be here. */
static int
wait_ms(void)
{
	int			ms = cf_behind_wait_ms();

	return ms < 0 && cf_memory_is_reserved() ? CF_POLL_US / 1000 : ms;
}

/* ---- the launcher ---- */

/* Databases that may have rows from before this server's start, in its memory. */
static List *unknown = NIL;

/* Some at a time, for each takes a worker. */
static void
feed_unknown(void)
{
	static bool listed = false;
	static bool done = false;
	int			n;

	if (cf_behind_take_overflow())
		listed = done = false;
	if (done)
		return;
	if (!listed)
	{
		list_free(unknown);
		unknown = cf_worker_list_databases();
		listed = true;
	}
	n = cf_behind_count_looks();
	for (; n < CF_LOOKERS && unknown != NIL; n++)
	{
		cf_behind_want_look(linitial_oid(unknown));
		unknown = list_delete_first(unknown);
	}
	if (n == 0)
	{
		cf_behind_all_known();
		done = true;
	}
}

static Oid
next_database(int *next)
{
	if (*next == 0)
		feed_unknown();
	return cf_behind_next_database(next);
}

/* Nothing is ever given up, unless with the database. */
static void
give_up(Oid dboid)
{
	MemoryContext context = CurrentMemoryContext;
	HeapTuple	tuple;
	bool		exists;
	bool		connects;

	StartTransactionCommand();
	tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(dboid));
	exists = HeapTupleIsValid(tuple);
	connects = exists && ((Form_pg_database) GETSTRUCT(tuple))->datallowconn;
	if (exists)
		ReleaseSysCache(tuple);
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
	if (!exists)
		cf_behind_forget(dboid);
	else if (!connects)
		cf_behind_postpone(dboid);
}

void
cf_task_register(void)
{
	static const CfWorkerTask task = {
		.name = "write-behind",
		.next_database = next_database,
		.give_up = give_up,
		.work = cf_flush_work,
		.wait_ms = wait_ms,
		.leave = leave,
	};

	cf_worker_register_task(&task);
}
