/*
 * epoch.c - the DDL epoch: a clock a database, and one for all, that every
 * entry depends on. DESIGN sections 3 and 5.
 *
 * A utility hook notes that the transaction changes a definition or a right.
 * The clocks are raised before the commit and stay so until resource-release
 * callbacks AFTER_LOCKS: only after the catalog invalidations are broadcast
 * can no other session plan with the old definition any more. A subtransaction
 * that is rolled back leaves the note: one more round of misses, no harm.
 *
 * src/invalidate/epoch.c
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "debug_point.h"
#include "codec/key.h"
#include "invalidate/epoch.h"
#include "invalidate/pending.h"
#include "invalidate/remote.h"
#include "l1/clock.h"
#include "l1/table.h"
#include "position.h"
#include "rules/rule.h"
#include "relchange.h"
#include "shmem.h"

static ProcessUtility_hook_type prev_process_utility = NULL;

/* What the running transaction has changed. */
static bool database_changed = false;
static bool server_changed = false;

/* Clocks that it has raised. */
static FullTransactionId raised_xid;
static bool prepared_committed = false; /* COMMIT PREPARED took effect */
static bool database_raised = false;
static bool server_raised = false;

/* Of what is about to be made, only the statement can tell. */
static bool
will_be_temporary(const RangeVar *relation)
{
	return relation->relpersistence == RELPERSISTENCE_TEMP;
}

static bool
is_temporary(const RangeVar *relation)
{
	Oid			relid;

	if (relation == NULL)
		return false;
	relid = RangeVarGetRelid(relation, NoLock, true);
	return OidIsValid(relid) && get_rel_persistence(relid) == RELPERSISTENCE_TEMP;
}

/* Drops of temporary relations only. */
static bool
drops_temporary(const DropStmt *drop)
{
	ListCell   *cell;

	if (drop->removeType != OBJECT_TABLE && drop->removeType != OBJECT_VIEW &&
		drop->removeType != OBJECT_SEQUENCE)
		return false;
	foreach(cell, drop->objects)
	{
		if (!is_temporary(makeRangeVarFromNameList((List *) lfirst(cell))))
			return false;
	}
	return true;
}

/* Is it about temporary objects alone, or nothing that a result depends on? */
static bool
is_harmless(Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_IndexStmt:
		case T_CommentStmt:
		case T_SecLabelStmt:
		case T_RefreshMatViewStmt:	/* see note_refresh */
		case T_ClusterStmt:
		case T_CreateStatsStmt:
		case T_AlterStatsStmt:
		case T_AlterSystemStmt:
		case T_CreateTableSpaceStmt:
		case T_CreatedbStmt:
		case T_CreatePublicationStmt:
		case T_AlterPublicationStmt:
		case T_CreateSubscriptionStmt:
		case T_AlterSubscriptionStmt:
		case T_DropSubscriptionStmt:
			return true;
		case T_CreateStmt:
			return will_be_temporary(((CreateStmt *) stmt)->relation);
		case T_CreateTableAsStmt:
			return will_be_temporary(((CreateTableAsStmt *) stmt)->into->rel);
		case T_ViewStmt:
			return will_be_temporary(((ViewStmt *) stmt)->view);
		case T_CreateSeqStmt:
			return will_be_temporary(((CreateSeqStmt *) stmt)->sequence);
		case T_AlterTableStmt:
			return is_temporary(((AlterTableStmt *) stmt)->relation);
		case T_RenameStmt:
			return is_temporary(((RenameStmt *) stmt)->relation);
		case T_CreateTrigStmt:
			return is_temporary(((CreateTrigStmt *) stmt)->relation);
		case T_DropStmt:
			if (((DropStmt *) stmt)->removeType == OBJECT_INDEX)
				return true;
			return drops_temporary((DropStmt *) stmt);
		default:
			return false;
	}
}

/* Rights that hold in every database. */
static bool
is_about_roles(Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_CreateRoleStmt:
		case T_AlterRoleStmt:
		case T_AlterRoleSetStmt:
		case T_DropRoleStmt:
		case T_GrantRoleStmt:
		case T_AlterDatabaseStmt:
		case T_AlterDatabaseSetStmt:
		case T_DropdbStmt:
			return true;
		case T_RenameStmt:
			return ((RenameStmt *) stmt)->renameType == OBJECT_ROLE ||
				((RenameStmt *) stmt)->renameType == OBJECT_DATABASE;
		default:
			return false;
	}
}

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
note_change(bool shared)
{
	cf_rule_forget();
	if (shared)
		server_changed = true;
	else
		database_changed = true;
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
		/* In a transaction block it is refused; nothing would end what begins here. */
		if (is_commit_prepared(stmt) && !IsTransactionBlock())
		{
			raise_now();
			cf_remote_fence_server();
		}
		else if (IsTransactionState() &&
				 GetCommandLogLevel(stmt) == LOGSTMT_DDL && !is_harmless(stmt))
		{
			changes = true;
			shared = is_about_roles(stmt);
			note_change(shared);
		}
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
	if (cf_shmem_ready() && is_commit_prepared(stmt))
		prepared_committed = true;
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
	cf_clock_settle(cf_clock_of_epoch(InvalidOid), cf_clock_next(),
					InvalidFullTransactionId, 0);
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
	return database_changed || server_changed;
}

void
cf_epoch_prepare(void)
{
#ifdef CF_FAULT_NO_EPOCH
	database_changed = false;
#endif
	raised_xid = GetTopFullTransactionIdIfAny();
	if (database_changed && !database_raised)
	{
		cf_clock_raise(cf_clock_of_epoch(MyDatabaseId));
		database_raised = true;
	}
	if (server_changed)
		raise_now();
	database_changed = server_changed = false;
	if (database_raised || server_raised)
		CF_WAIT_POINT("epoch-window");
}

void
cf_epoch_raised(bool *database, bool *server)
{
	*database = database_raised;
	*server = server_raised;
}

bool
cf_epoch_prepared_committed(void)
{
	return prepared_committed;
}

static void
finish(CfClockRef clock, bool committed)
{
	if (committed)
		cf_clock_settle(clock, cf_clock_next(), raised_xid,
						cf_position_lsn());
	else
		cf_clock_lower(clock);
}

void
cf_epoch_finish(bool committed)
{
	if (database_raised)
		finish(cf_clock_of_epoch(MyDatabaseId), committed);
	if (server_raised)
		finish(cf_clock_of_epoch(InvalidOid), committed || prepared_committed);
	prepared_committed = false;
	if (!committed && (database_changed || database_raised))
		cf_rule_forget();
	database_raised = server_raised = false;
	database_changed = server_changed = false;
}

/*
 * PREPARE TRANSACTION: nothing is visible yet; COMMIT PREPARED, in whatever
 * session, raises the clock of the whole server.
 */
void
cf_epoch_at_prepare_transaction(void)
{
	if (database_changed || server_changed)
		cf_rule_forget();
	database_changed = server_changed = false;
}
