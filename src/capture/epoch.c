/*
 * epoch.c - the DDL epoch: a clock a database, and one for all, that every
 * entry depends on. One more is of names, such as those
 * of roles, that come and go without an epoch: what has some depends on it.
 *
 * A utility hook notes that the transaction changes a definition or a right; what
 * it changes is known of some (catalog.h), and then clocks of that move, and no epoch.
 * The clocks are raised before the commit and stay so until resource-release
 * callbacks AFTER_LOCKS: only after the catalog invalidations are broadcast
 * can no other session plan with the old definition any more. What a
 * subtransaction has noted goes with it if it is rolled back: else who may do
 * nothing could fail at it in an exception block, and drop what others have.
 *
 * src/capture/epoch.c
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "utils/syscache.h"

#include "base/debug_point.h"
#include "base/fault.h"
#include "base/involved.h"
#include "base/position.h"
#include "base/relchange.h"
#include "base/shmem.h"
#include "capture/catalog.h"
#include "capture/epoch.h"
#include "capture/fine.h"
#include "capture/harmless.h"
#include "capture/named.h"
#include "capture/note.h"
#include "capture/writeset.h"
#include "codec/key.h"
#include "history/history.h"
#include "l1/clock.h"
#include "l1/table.h"
#include "publish/sweep.h"
#include "rules/rule.h"
#include "txn/clockset.h"
#include "txn/pending.h"
#include "txn/twophase.h"

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

/* What is known of the catalog's changes, where DDL need not move the epoch. */
typedef struct Fine
{
	int			changed;		/* by a statement: as of Moved */
	int			announced;		/* the same of any DDL that was seen */
	bool		stirred;		/* PostgreSQL has told the session itself of some change */
	bool		untold;			/* cf_epoch_collect: it changes what no statement has told of */
	CfClockSet	clocks;			/* from PRE_COMMIT on: those that are raised */
	bool		raised;
} Fine;

static Moved scopes[CF_EPOCH_CLOCKS];
static Fine fine;
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
	cf_pending_add_tag_of_rows(&tag);
}

static void
note_level(int *changed)
{
	int			level = GetCurrentTransactionNestLevel();

	cf_involve();
	if (*changed == 0 || *changed > level)
		*changed = level;
}

/* What a statement changes, if it succeeds. */
typedef struct Change
{
	bool		any;			/* it is DDL */
	bool		fine;			/* what it changes PostgreSQL tells at the commit */
	bool		definitions;	/* or rights: nobody knows which */
	bool		shared;			/* of the server, not of the database */
	bool		names;			/* and nothing else */
	bool		untold;			/* fine, but PostgreSQL tells nothing */
} Change;

static void
reset_changes(void)
{
	for (int i = 0; i < lengthof(scopes); i++)
		scopes[i].changed = 0;
	fine.changed = fine.announced = 0;
	fine.stirred = fine.untold = false;
	cf_note_reset();
}

static bool
any_changed(void)
{
	for (int i = 0; i < lengthof(scopes); i++)
	{
		if (scopes[i].changed > 0)
			return true;
	}
	return fine.changed > 0;
}

static void
judge_ddl(Node *stmt, Change *change)
{
	bool		harmless = cf_harmless_stmt(stmt);

	change->any = true;
	change->shared = cf_harmless_is_shared(stmt);
	change->fine = !harmless && !change->shared && cf_fine_stmt(stmt);
	change->definitions = !harmless && !change->fine;
	change->untold = change->fine && cf_fine_needs_note(stmt);
	change->names = harmless && cf_harmless_changes_names(stmt);
}

static void
note_ddl(const Change *change)
{
	if (change->any)
		note_level(&fine.announced);
	if (change->fine)
		note_level(&fine.changed);
	if (change->untold)
		(void) cf_note_add(CF_NOTE_ANY_DEFINITION, InvalidOid);
	if (change->definitions)
		note_level(&scopes[change->shared ? SERVER : DATABASE].changed);
	if (change->fine || change->definitions)
		cf_rule_forget();
	if (change->names)
		note_level(&scopes[change->shared ? NAMES_OF_SERVER : NAMES_OF_DATABASE].changed);
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
process_utility(PlannedStmt *pstmt, const char *query, bool read_only_tree,
				ProcessUtilityContext utility_context, ParamListInfo params,
				QueryEnvironment *environment, DestReceiver *dest,
				QueryCompletion *completion)
{
	if (prev_process_utility)
		prev_process_utility(pstmt, query, read_only_tree, utility_context,
							 params, environment, dest, completion);
	else
		standard_ProcessUtility(pstmt, query, read_only_tree, utility_context,
								params, environment, dest, completion);
}

static void
process_harmless(PlannedStmt *pstmt, const char *query, bool read_only_tree,
				 ProcessUtilityContext utility_context, ParamListInfo params,
				 QueryEnvironment *environment, DestReceiver *dest,
				 QueryCompletion *completion)
{
	CfHarmless	harmless;

	cf_catalog_begin_harmless(&harmless, pstmt->utilityStmt);
	PG_TRY();
	{
		process_utility(pstmt, query, read_only_tree, utility_context, params, environment,
						dest, completion);
	}
	PG_FINALLY();
	{
		cf_catalog_leave_harmless(&harmless);
	}
	PG_END_TRY();
	cf_catalog_end_harmless(&harmless);
}

/* No DDL to PostgreSQL, but it writes to the catalog; maybe in transactions of its own. */
static bool
is_maintenance(Node *stmt)
{
	return IsA(stmt, VacuumStmt) || IsA(stmt, ReindexStmt);
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
	bool		harmless = false;

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
			if (change.fine)
				cf_named_note_stmt(stmt);
			renamed = find_renamed(stmt);
		}
		harmless = IsTransactionState() &&
			(is_maintenance(stmt) || (change.any && !change.fine && !change.definitions));
	}

	if (harmless)
		process_harmless(pstmt, query, read_only_tree, utility_context, params, environment,
						 dest, completion);
	else
		process_utility(pstmt, query, read_only_tree, utility_context, params, environment,
						dest, completion);

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
 * The transaction may have changed a definition without a statement. Others' changes
 * come in this way as well: who it was is found out when somebody reads.
 */
static void
stir(Oid relid)
{
	if (TransactionIdIsValid(GetTopTransactionIdIfAny()))
	{
		fine.stirred = true;
		cf_involve();
	}
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
	cf_relchange_register_any(stir);
	prev_process_utility = ProcessUtility_hook;
	ProcessUtility_hook = epoch_process_utility;
	cf_catalog_install_hooks();
}

bool
cf_epoch_changing(void)
{
	return scopes[DATABASE].changed > 0 || scopes[SERVER].changed > 0 || fine.changed > 0;
}

/* In a subtransaction nobody can say what those around it have changed. */
void
cf_epoch_collect(void)
{
	CfCatalogChanges changes;

	if (!fine.stirred || cf_epoch_changing())
		return;
	fine.untold = true;
	if (GetCurrentTransactionNestLevel() > 1)
		return;
	cf_catalog_collect(false, fine.announced > 0, &fine.clocks, &changes);
	fine.untold = fine.clocks.n > 0 || changes.unknown || changes.unknown_shared;
	fine.stirred = fine.untold;
	cf_clockset_reset(&fine.clocks);
}

bool
cf_epoch_touches(CfClockRef clock)
{
	if (cf_epoch_changing() || fine.untold)
		return true;
	for (int i = NAMES_OF_DATABASE; i < lengthof(scopes); i++)
	{
		if (scopes[i].changed > 0 && clock == clock_of(i))
			return true;
	}
	return false;
}

/* Who has no transaction id has changed nothing: DROP ... IF EXISTS, say. */
static void
look_at_catalog(void)
{
	CfCatalogChanges changes;

	if (!FullTransactionIdIsValid(GetTopFullTransactionIdIfAny()))
	{
		reset_changes();
		return;
	}
	cf_catalog_collect(fine.changed > 0, fine.announced > 0, &fine.clocks, &changes);
	if (changes.unknown && scopes[DATABASE].changed == 0)
		scopes[DATABASE].changed = 1;
	if (changes.unknown_shared && scopes[SERVER].changed == 0)
		scopes[SERVER].changed = 1;
	/* The epoch drops all that they would. */
	if (scopes[DATABASE].changed > 0)
		cf_clockset_reset(&fine.clocks);
}

static void
raise_fine(void)
{
	for (int i = 0; i < fine.clocks.n; i++)
		cf_clock_raise(fine.clocks.clock[i]);
	fine.raised = fine.clocks.n > 0;
}

void
cf_epoch_prepare(void)
{
	bool		any = false;

	raised_xid = GetTopFullTransactionIdIfAny();
	look_at_catalog();
	if (CF_PLANTED(NO_EPOCH))
	{
		scopes[DATABASE].changed = 0;
		cf_clockset_reset(&fine.clocks);
	}
	for (int i = 0; i < lengthof(scopes); i++)
	{
		if (scopes[i].changed > 0)
			raise_clock(i);
		any |= scopes[i].raised;
	}
	raise_fine();
	any |= fine.raised;
	reset_changes();
	if (any)
		CF_WAIT_POINT("epoch-window");
}

void
cf_epoch_prepare_transaction(void)
{
	look_at_catalog();
}

int
cf_epoch_clocks(CfClockRef clocks[CF_EPOCH_CLOCKS])
{
	int			n = 0;

	if (!FullTransactionIdIsValid(GetTopFullTransactionIdIfAny()))
		return 0;
	for (int i = 0; i < lengthof(scopes); i++)
	{
		if (scopes[i].changed > 0 || scopes[i].raised || (i == DATABASE && fine.clocks.n > 0))
			clocks[n++] = clock_of(i);
	}
	return n;
}

void
cf_epoch_raised(bool *database, bool *server)
{
	*database = scopes[DATABASE].raised || fine.raised;
	*server = scopes[SERVER].raised;
}

/* It is visible, and no other session has been told of it: so its clocks stay raised. */
void
cf_epoch_committed(void)
{
	if (scopes[DATABASE].raised || scopes[SERVER].raised || fine.raised)
		CF_HOLD_POINT("epoch-committed");
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

/*
 * Others know of nothing finer than the epoch; so does the history, by which what comes
 * from Redis is judged: and that before any of the clocks falls.
 */
static void
finish_fine(bool committed)
{
	uint64		lsn = committed ? cf_position_lsn() : 0;
	uint64		seq = committed ? cf_clock_next() : 0;

	if (committed)
		cf_history_note(clock_of(DATABASE), lsn);
	for (int i = 0; i < fine.clocks.n; i++)
	{
		if (committed)
			cf_clock_settle(fine.clocks.clock[i], seq, raised_xid, lsn);
		else
			cf_clock_lower(fine.clocks.clock[i]);
	}
	fine.raised = false;
}

/* Another library's commit callback has changed a definition after we had looked. */
static void
move_what_came_late(void)
{
	if (!any_changed())
		return;
	for (int i = 0; i < lengthof(scopes); i++)
	{
		if (scopes[i].changed > 0 || (i == DATABASE && fine.changed > 0))
			cf_clock_move(clock_of(i), cf_position_lsn());
	}
	cf_writeset_note_breach();
}

void
cf_epoch_finish(bool committed)
{
	bool		database = scopes[DATABASE].changed > 0 || scopes[DATABASE].raised ||
		fine.changed > 0 || fine.raised;

	if (committed)
		move_what_came_late();
	for (int i = 0; i < lengthof(scopes); i++)
	{
		if (scopes[i].raised)
			finish(i, committed);
	}
	if (fine.raised)
		finish_fine(committed);
	cf_clockset_reset(&fine.clocks);
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
	end_subtransaction(&fine.changed, level, event == SUBXACT_EVENT_COMMIT_SUB);
	end_subtransaction(&fine.announced, level, event == SUBXACT_EVENT_COMMIT_SUB);
	cf_note_subxact(event);
}

/*
 * PREPARE TRANSACTION: nothing is visible yet. Its clocks stay raised: twophase.c.
 */
void
cf_epoch_at_prepare_transaction(void)
{
	if (cf_epoch_changing())
		cf_rule_forget();
	cf_clockset_reset(&fine.clocks);
	reset_changes();
}
