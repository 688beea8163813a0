/*
 * epoch.c - the DDL epoch: a clock a database, and one for all, that every
 * entry depends on. One more is of names, such as those
 * of roles, that come and go without an epoch: what has some depends on it.
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
#include "invalidate/twophase.h"
#include "invalidate/writeset.h"
#include "l1/clock.h"
#include "l1/table.h"
#include "position.h"
#include "publish/sweep.h"
#include "rules/rule.h"
#include "relchange.h"
#include "shmem.h"

static ProcessUtility_hook_type prev_process_utility = NULL;

/* What has a clock of its own. */
typedef enum Scope
{
	DATABASE,
	SERVER,
	NAMES_OF_DATABASE,			/* and nothing else */
	NAMES_OF_SERVER
} Scope;

typedef struct Moved
{
	/*
	 * By the running transaction: the nesting level of the outermost
	 * subtransaction that has changed it, 0 for none. What is within goes with it.
	 */
	int			changed;
	bool		raised;			/* it has raised the clock */
} Moved;

static Moved scopes[CF_EPOCH_CLOCKS];
static FullTransactionId raised_xid;

static CfClockRef
clock_of(Scope scope)
{
	bool		shared = scope == SERVER || scope == NAMES_OF_SERVER;
	Oid			dboid = shared ? InvalidOid : MyDatabaseId;

	return scope < NAMES_OF_DATABASE ? cf_clock_of_epoch(dboid) : cf_clock_of_light_names(dboid);
}

static void
raise_clock(Scope scope)
{
	if (!scopes[scope].raised)
		cf_clock_raise(clock_of(scope));
	scopes[scope].raised = true;
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

/* The name of a database that nobody will have after it; NULL: none. */
static const char *
name_left(Node *stmt)
{
	if (IsA(stmt, DropdbStmt))
		return ((DropdbStmt *) stmt)->dbname;
	if (IsA(stmt, RenameStmt) && ((RenameStmt *) stmt)->renameType == OBJECT_DATABASE)
		return ((RenameStmt *) stmt)->subname;
	return NULL;
}

static bool
ends_prepared(Node *stmt)
{
	TransactionStmt *transaction = (TransactionStmt *) stmt;

	return IsA(stmt, TransactionStmt) && (transaction->kind == TRANS_STMT_COMMIT_PREPARED ||
										  transaction->kind == TRANS_STMT_ROLLBACK_PREPARED);
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
note_change(Scope scope)
{
	int			level = GetCurrentTransactionNestLevel();
	int		   *changed = &scopes[scope].changed;

	if (*changed == 0 || *changed > level)
		*changed = level;
}

/* What a statement changes, if it succeeds. */
typedef struct Change
{
	bool		definitions;	/* or rights */
	bool		shared;			/* of the server, not of the database */
	bool		names;			/* and nothing else */
} Change;

static void
reset_changes(void)
{
	for (int i = 0; i < lengthof(scopes); i++)
		scopes[i].changed = 0;
}

static bool
any_changed(void)
{
	for (int i = 0; i < lengthof(scopes); i++)
	{
		if (scopes[i].changed > 0)
			return true;
	}
	return false;
}

static void
judge_ddl(Node *stmt, Change *change)
{
	change->definitions = !cf_harmless_stmt(stmt);
	change->shared = cf_harmless_is_shared(stmt);
	change->names = !change->definitions && cf_harmless_changes_names(stmt);
}

static void
note_ddl(const Change *change)
{
	if (change->definitions)
	{
		cf_rule_forget();
		note_change(change->shared ? SERVER : DATABASE);
	}
	if (change->names)
		note_change(change->shared ? NAMES_OF_SERVER : NAMES_OF_DATABASE);
}

void
cf_epoch_note_blind(void)
{
	if (scopes[DATABASE].changed == 0)
		scopes[DATABASE].changed = 1;
}

/* The table that a statement is about to give another name, or InvalidOid. */
static Oid
find_renamed(Node *stmt)
{
	const RenameStmt *rename = (RenameStmt *) stmt;

	if (!IsA(stmt, RenameStmt) || rename->renameType != OBJECT_TABLE || rename->relation == NULL)
		return InvalidOid;
	return RangeVarGetRelid(rename->relation, NoLock, true);
}

/* Whoever swaps two tables by their names expects the rules to stay with the name. */
static void
warn_of_rules(const RenameStmt *rename, Oid relid)
{
	const CfRule *rules;
	int			n = cf_rules(&rules);

	for (int i = 0; i < n; i++)
	{
		if (rules[i].relid != relid)
			continue;
		ereport(WARNING,
				(errmsg("the cache's rules of table \"%s\" stay with it under its new name \"%s\"",
						rename->relation->relname, rename->newname),
				 errdetail("A table that takes the name \"%s\" has none of them.",
						   rename->relation->relname),
				 errhint("Call cache_attach for that table.")));
		return;
	}
}

static void
epoch_process_utility(PlannedStmt *pstmt, const char *query, bool read_only_tree,
					  ProcessUtilityContext utility_context, ParamListInfo params,
					  QueryEnvironment *environment, DestReceiver *dest,
					  QueryCompletion *completion)
{
	Node	   *stmt = pstmt->utilityStmt;
	Change		change = {0};
	Oid			dropped = InvalidOid;
	Oid			renamed = InvalidOid;

	if (cf_shmem_ready())
	{
		if (IsA(stmt, TruncateStmt))
			cf_writeset_note_truncate();
		if (IsA(stmt, DropdbStmt))
			dropped = get_database_oid(((DropdbStmt *) stmt)->dbname, true);
		if (ends_prepared(stmt))
			cf_twophase_look();
		else if (IsTransactionState() && GetCommandLogLevel(stmt) == LOGSTMT_DDL)
		{
			judge_ddl(stmt, &change);
			note_ddl(&change);
			renamed = find_renamed(stmt);
		}
	}

	if (prev_process_utility)
		prev_process_utility(pstmt, query, read_only_tree, utility_context,
							 params, environment, dest, completion);
	else
		standard_ProcessUtility(pstmt, query, read_only_tree, utility_context,
								params, environment, dest, completion);

	forget_database(dropped);
	if (name_left(stmt) != NULL && cf_shmem_ready())
		cf_sweep_database(name_left(stmt));
	if (ends_prepared(stmt) && cf_shmem_ready())
		cf_twophase_look();
	/* Some commit on their own in between: then it is the last part that counts. */
	note_ddl(&change);
	if (IsA(stmt, RefreshMatViewStmt) && cf_shmem_ready())
		note_refresh((RefreshMatViewStmt *) stmt);
	if (OidIsValid(renamed))
		warn_of_rules((RenameStmt *) stmt, renamed);
}

/*
 * A standby runs no DDL; it replays it. That its entries are out of date the WAL
 * says (history/follow.h); what the session remembers it forgets as it is told.
 */
static void
relation_changed(Oid relid)
{
	if (RecoveryInProgress())
		cf_rule_forget();
}

void
cf_epoch_install_hooks(void)
{
	cf_relchange_register(relation_changed);
	prev_process_utility = ProcessUtility_hook;
	ProcessUtility_hook = epoch_process_utility;
}

bool
cf_epoch_changing(void)
{
	return scopes[DATABASE].changed > 0 || scopes[SERVER].changed > 0;
}

bool
cf_epoch_touches(CfClockRef clock)
{
	if (cf_epoch_changing())
		return true;
	for (int i = NAMES_OF_DATABASE; i < lengthof(scopes); i++)
	{
		if (scopes[i].changed > 0 && clock == clock_of(i))
			return true;
	}
	return false;
}

void
cf_epoch_prepare(void)
{
	bool		any = false;

#ifdef CF_FAULT_NO_EPOCH
	scopes[DATABASE].changed = 0;
#endif
	raised_xid = GetTopFullTransactionIdIfAny();
	/* Who has no transaction id has changed nothing: DROP ... IF EXISTS, say. */
	if (!FullTransactionIdIsValid(raised_xid))
		reset_changes();
	for (int i = 0; i < lengthof(scopes); i++)
	{
		if (scopes[i].changed > 0)
			raise_clock(i);
		any |= scopes[i].raised;
	}
	reset_changes();
	if (any)
		CF_WAIT_POINT("epoch-window");
}

int
cf_epoch_clocks(CfClockRef clocks[CF_EPOCH_CLOCKS])
{
	int			n = 0;

	if (!FullTransactionIdIsValid(GetTopFullTransactionIdIfAny()))
		return 0;
	for (int i = 0; i < lengthof(scopes); i++)
	{
		if (scopes[i].changed > 0 || scopes[i].raised)
			clocks[n++] = clock_of(i);
	}
	return n;
}

void
cf_epoch_raised(bool *database, bool *server)
{
	*database = scopes[DATABASE].raised;
	*server = scopes[SERVER].raised;
}

static void
finish(Scope scope, bool committed)
{
	if (committed)
		cf_clock_settle(clock_of(scope), cf_clock_next(), raised_xid, cf_position_lsn());
	else
		cf_clock_lower(clock_of(scope));
	scopes[scope].raised = false;
}

/* Another library's commit callback has changed a definition after we had looked. */
static void
move_what_came_late(void)
{
	if (!any_changed())
		return;
	for (int i = 0; i < lengthof(scopes); i++)
	{
		if (scopes[i].changed > 0)
			cf_clock_move(clock_of(i), cf_position_lsn());
	}
	cf_writeset_note_breach();
}

void
cf_epoch_finish(bool committed)
{
	bool		database = scopes[DATABASE].changed > 0 || scopes[DATABASE].raised;

	if (committed)
		move_what_came_late();
	for (int i = 0; i < lengthof(scopes); i++)
	{
		if (scopes[i].raised)
			finish(i, committed);
	}
	if (!committed && database)
		cf_rule_forget();
	reset_changes();
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
	for (int i = 0; i < lengthof(scopes); i++)
		end_subtransaction(&scopes[i].changed, level, event == SUBXACT_EVENT_COMMIT_SUB);
}

/*
 * PREPARE TRANSACTION: nothing is visible yet. Its clocks stay raised: twophase.c.
 */
void
cf_epoch_at_prepare_transaction(void)
{
	if (cf_epoch_changing())
		cf_rule_forget();
	reset_changes();
}
