/*
 * guard.c - what is buffered is not dropped by the way.
 *
 * DROP EXTENSION, DROP SCHEMA ... CASCADE and DROP OWNED come to the queue's table, on
 * which they have a lock by then; DROP DATABASE to the database, which only shared
 * memory says something of. Soon after a start it may not have been looked at: then
 * DROP DATABASE waits until it was.
 *
 * src/behind/guard.c
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "tcop/utility.h"
#include "utils/syscache.h"
#include "utils/wait_event.h"

#include "base/objaccess.h"
#include "base/shmem.h"
#include "base/worker.h"
#include "behind/guard.h"
#include "behind/memory.h"
#include "behind/queue.h"
#include "behind/shared.h"

#define CF_LOOK_PATIENCE_MS 5000
#define CF_LOOK_MS 20

static ProcessUtility_hook_type prev_utility = NULL;

static void
check_table(Oid relid)
{
	Relation	queue;
	bool		any;

	if (!cf_queue_is(relid))
		return;
	queue = cf_queue_open(AccessShareLock);
	any = queue != NULL && (cf_queue_has_any(queue, NULL) || cf_memory_has_any(NULL));
	if (queue != NULL)
		table_close(queue, AccessShareLock);
	if (any)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("there are writes that are not applied yet"),
				 errhint("Call cache_flush_writes(), or cache_drop_writer(name, discard => true).")));
}

/* Nobody can look into one that lets nobody in. */
static bool
is_closed(Oid dboid)
{
	HeapTuple	tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(dboid));
	bool		closed = HeapTupleIsValid(tuple) &&
		!((Form_pg_database) GETSTRUCT(tuple))->datallowconn;

	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	return closed;
}

static void
check_database(Oid dboid)
{
	switch (cf_behind_database(dboid))
	{
		case CF_BEHIND_EMPTY:
			return;
		case CF_BEHIND_PENDING:
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_IN_USE),
					 errmsg("database \"%s\" has writes that are not applied yet",
							get_database_name(dboid)),
					 errhint("Call there cache_flush_writes(), or cache_drop_writer(name, discard => true). The database's worker sees within a second that nothing is left.")));
			break;
		case CF_BEHIND_UNKNOWN:
			if (is_closed(dboid))
				return;
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_IN_USE),
					 errmsg("it is not known yet whether database \"%s\" has writes that are not applied",
							get_database_name(dboid)),
					 errhint("After a start of the server its databases are looked at one after the other: try again.")));
			break;
	}
}

static void
object_accessed(ObjectAccessType access, Oid class, Oid object, int sub, void *arg)
{
	if (access != OAT_DROP || sub != 0)
		return;
	if (class == RelationRelationId)
		check_table(object);
	else if (class == DatabaseRelationId && cf_shmem_ready())
		check_database(object);
}

/* Before the statement locks the database, to which the worker has to connect. */
static void
await_look(const char *name)
{
	Oid			dboid = get_database_oid(name, true);

	if (!OidIsValid(dboid) || !cf_shmem_ready() ||
		cf_behind_database(dboid) != CF_BEHIND_UNKNOWN || is_closed(dboid))
		return;
	cf_behind_want_look(dboid);
	cf_worker_wake(InvalidOid);
	for (int ms = 0; ms < CF_LOOK_PATIENCE_MS; ms += CF_LOOK_MS)
	{
		if (cf_behind_database(dboid) != CF_BEHIND_UNKNOWN)
			return;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, CF_LOOK_MS,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

static void
process_utility(PlannedStmt *statement, const char *text, bool read_only_tree,
				ProcessUtilityContext context, ParamListInfo params, QueryEnvironment *environment,
				DestReceiver *receiver, QueryCompletion *completion)
{
	if (IsA(statement->utilityStmt, DropdbStmt) && context == PROCESS_UTILITY_TOPLEVEL)
		await_look(((const DropdbStmt *) statement->utilityStmt)->dbname);
	if (prev_utility != NULL)
		prev_utility(statement, text, read_only_tree, context, params, environment, receiver,
					 completion);
	else
		standard_ProcessUtility(statement, text, read_only_tree, context, params, environment,
								receiver, completion);
}

void
cf_guard_install_hook(void)
{
	cf_objaccess_register(object_accessed);
	prev_utility = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
}
