/*
 * epoch.c - the DDL epoch: a clock a database, and one for all, that every
 * entry depends on. DESIGN sections 3 and 5. One more is of the names of roles,
 * on which only those entries depend that have some.
 *
 * A utility hook notes that the transaction changes a definition or a right.
 * The clocks are raised before the commit and stay so until resource-release
 * callbacks AFTER_LOCKS: only after the catalog invalidations are broadcast
 * can no other session plan with the old definition any more. What a
 * subtransaction has noted goes with it if it is rolled back: else who may do
 * nothing could fail at it in an exception block, and drop what others have.
 *
 * src/invalidate/epoch.c
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "utils/inval.h"
#include "utils/syscache.h"

#include "debug_point.h"
#include "codec/key.h"
#include "invalidate/epoch.h"
#include "invalidate/harmless.h"
#include "invalidate/pending.h"
#include "invalidate/prepared.h"
#include "invalidate/remote.h"
#include "l1/clock.h"
#include "l1/table.h"
#include "position.h"
#include "rules/rule.h"
#include "relchange.h"
#include "shmem.h"

static ProcessUtility_hook_type prev_process_utility = NULL;

/*
 * What the running transaction has changed: the nesting level of the outermost
 * subtransaction that has, 0 for none. What is within goes with it.
 */
static int	database_changed = 0;
static int	server_changed = 0;
static int	roles_changed = 0;

/* Clocks that it has raised. */
static FullTransactionId raised_xid;
static bool prepared_begun = false; /* COMMIT PREPARED, of what there was */
static bool database_raised = false;
static bool server_raised = false;
static bool roles_raised = false;

/*
 * A transaction that was prepared by anyone may have changed definitions, and
 * its commit happens inside this statement, not at the end of this
 * transaction: so the clock is raised at once.
 */
static void
raise_now(void)
{
	if (!server_raised)
		cf_clock_raise(cf_clock_of_epoch(InvalidOid));
	server_raised = true;
}

/*
 * Its entries are misses already, for its epoch moves; but memory that nobody
 * will ask for again would only go by eviction.
 */
static void
forget_database(Oid dboid)
{
	if (OidIsValid(dboid))
		cf_l1_delete_database(dboid);
}

static bool
is_commit_prepared(Node *stmt)
{
	return IsA(stmt, TransactionStmt) &&
		((TransactionStmt *) stmt)->kind == TRANS_STMT_COMMIT_PREPARED;
}

/* New rows, not a new definition: drops what was read from it, nothing else. */
static void
note_refresh(const RefreshMatViewStmt *refresh)
{
	Oid			relid = RangeVarGetRelid(refresh->relation, NoLock, true);

	CfTag		tag;

	if (!OidIsValid(relid))
		return;
	cf_tag_of_table(&tag, MyDatabaseId, relid);
	cf_pending_add_soft_tag(&tag);
}

static void
note_level(int *changed)
{
	int			level = GetCurrentTransactionNestLevel();

	if (*changed == 0 || *changed > level)
		*changed = level;
}

static void
note_change(bool shared)
{
	cf_rule_forget();
	note_level(shared ? &server_changed : &database_changed);
}

static void
note_ddl(Node *stmt, bool *changes, bool *shared)
{
	if (!cf_harmless_stmt(stmt))
	{
		*changes = true;
		*shared = cf_harmless_is_shared(stmt);
		note_change(*shared);
	}
	else if (cf_harmless_names_role(stmt))
		note_level(&roles_changed);
}

void
cf_epoch_note_blind(void)
{
	if (database_changed == 0)
		database_changed = 1;
}

/*
 * From here on it may take effect, and an error may come after that: so the
 * clock is settled, whatever follows.
 */
static void
begin_prepared(const char *gid)
{
	cf_prepared_check(gid);
	raise_now();
	cf_remote_fence_server();
	prepared_begun = true;
}

static void
epoch_process_utility(PlannedStmt *pstmt, const char *query, bool read_only_tree,
					  ProcessUtilityContext utility_context, ParamListInfo params,
					  QueryEnvironment *environment, DestReceiver *dest,
					  QueryCompletion *completion)
{
	Node	   *stmt = pstmt->utilityStmt;
	bool		changes = false;
	bool		shared = false;
	Oid			dropped = InvalidOid;

	if (cf_shmem_ready())
	{
		if (IsA(stmt, DropdbStmt))
			dropped = get_database_oid(((DropdbStmt *) stmt)->dbname, true);
		if (is_commit_prepared(stmt))
		{
			/* Elsewhere it is refused; nothing would end what begins here. */
			if (utility_context == PROCESS_UTILITY_TOPLEVEL && !IsTransactionBlock() &&
				!RecoveryInProgress())
				begin_prepared(((TransactionStmt *) stmt)->gid);
		}
		else if (IsTransactionState() && GetCommandLogLevel(stmt) == LOGSTMT_DDL)
			note_ddl(stmt, &changes, &shared);
	}

	if (prev_process_utility)
		prev_process_utility(pstmt, query, read_only_tree, utility_context,
							 params, environment, dest, completion);
	else
		standard_ProcessUtility(pstmt, query, read_only_tree, utility_context,
								params, environment, dest, completion);

	forget_database(dropped);
	/* Some commit on their own in between: then it is the last part that counts. */
	if (changes)
		note_change(shared);
	if (IsA(stmt, RefreshMatViewStmt) && cf_shmem_ready())
		note_refresh((RefreshMatViewStmt *) stmt);
}

/*
 * A standby runs no DDL; it replays it, and learns by catalog invalidations.
 * Each session that receives one moves the epoch, before its next fetch.
 */
static void
epoch_moved_by_replay(void)
{
#ifdef CF_FAULT_NO_REPLAY_EPOCH
	return;
#endif
	if (!RecoveryInProgress())
		return;
	cf_rule_forget();
	cf_clock_raise(cf_clock_of_epoch(InvalidOid));
	/* No LSN: what Redis has is of the same definitions, or has another epoch. */
	cf_clock_settle(cf_clock_of_epoch(InvalidOid), cf_clock_next(), cf_position_xid(), 0);
}

static void
relation_changed(Oid relid)
{
	epoch_moved_by_replay();
}

static void
catalog_changed(Datum arg, int cache, uint32 hash)
{
	epoch_moved_by_replay();
}

void
cf_epoch_install_hooks(void)
{
	cf_relchange_register(relation_changed);
	CacheRegisterSyscacheCallback(PROCOID, catalog_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHOID, catalog_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, catalog_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, catalog_changed, (Datum) 0);
	prev_process_utility = ProcessUtility_hook;
	ProcessUtility_hook = epoch_process_utility;
}

bool
cf_epoch_changing(void)
{
	return database_changed > 0 || server_changed > 0;
}

bool
cf_epoch_touches(CfClockRef clock)
{
	return cf_epoch_changing() || (roles_changed > 0 && clock == cf_clock_of_roles());
}

void
cf_epoch_prepare(void)
{
#ifdef CF_FAULT_NO_EPOCH
	database_changed = 0;
#endif
	raised_xid = GetTopFullTransactionIdIfAny();
	/* Who has no transaction id has changed nothing: DROP ... IF EXISTS, say. */
	if (!FullTransactionIdIsValid(raised_xid))
		database_changed = server_changed = roles_changed = 0;
	if (database_changed > 0 && !database_raised)
	{
		cf_clock_raise(cf_clock_of_epoch(MyDatabaseId));
		database_raised = true;
	}
	if (server_changed > 0)
		raise_now();
	if (roles_changed > 0 && !roles_raised)
	{
		cf_clock_raise(cf_clock_of_roles());
		roles_raised = true;
	}
	database_changed = server_changed = roles_changed = 0;
	if (database_raised || server_raised || roles_raised)
		CF_WAIT_POINT("epoch-window");
}

void
cf_epoch_raised(bool *database, bool *server)
{
	*database = database_raised;
	*server = server_raised;
}

bool
cf_epoch_prepared_begun(void)
{
	return prepared_begun;
}

static void
finish(CfClockRef clock, bool committed, FullTransactionId xid)
{
	if (committed)
		cf_clock_settle(clock, cf_clock_next(), xid, cf_position_lsn());
	else
		cf_clock_lower(clock);
}

/* What was prepared has an id of its own: any up to now. */
static FullTransactionId
settling_xid(void)
{
	return prepared_begun ? cf_position_xid() : raised_xid;
}

void
cf_epoch_finish(bool committed)
{
	if (database_raised)
		finish(cf_clock_of_epoch(MyDatabaseId), committed, raised_xid);
	if (server_raised)
		finish(cf_clock_of_epoch(InvalidOid), committed || prepared_begun, settling_xid());
	if (roles_raised)
		finish(cf_clock_of_roles(), committed, raised_xid);
	prepared_begun = false;
	if (!committed && (database_changed > 0 || database_raised))
		cf_rule_forget();
	database_raised = server_raised = roles_raised = false;
	database_changed = server_changed = roles_changed = 0;
}

static void
end_subtransaction(int *changed, int level, bool committed)
{
	if (*changed == level)
		*changed = committed ? level - 1 : 0;
}

void
cf_epoch_subxact(SubXactEvent event)
{
	int			level = GetCurrentTransactionNestLevel();

	if (event != SUBXACT_EVENT_COMMIT_SUB && event != SUBXACT_EVENT_ABORT_SUB)
		return;
	if (event == SUBXACT_EVENT_ABORT_SUB && cf_epoch_changing())
		cf_rule_forget();
	end_subtransaction(&database_changed, level, event == SUBXACT_EVENT_COMMIT_SUB);
	end_subtransaction(&server_changed, level, event == SUBXACT_EVENT_COMMIT_SUB);
	end_subtransaction(&roles_changed, level, event == SUBXACT_EVENT_COMMIT_SUB);
}

/*
 * PREPARE TRANSACTION: nothing is visible yet; COMMIT PREPARED, in whatever
 * session, raises the clock of the whole server.
 */
void
cf_epoch_at_prepare_transaction(void)
{
	if (cf_epoch_changing())
		cf_rule_forget();
	database_changed = server_changed = roles_changed = 0;
}
