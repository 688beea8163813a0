/*
 * refresh.c - cache_refresh, and what is due at the commit of a writing transaction.
 *
 * Only under READ COMMITTED, where a new snapshot shows what others have committed, and
 * not where nobody waits for a client: in workers that apply or flush, at PREPARE. All loads of a
 * commit together take cachefront.refresh_timeout at most, by a timer of our own, for
 * statement_timeout is over by then; each waits for a lock for CF_LOCK_WAIT at most, for
 * the transaction has row locks, and its deadlocks must not become somebody else's. It
 * waits for no flight, lease or Redis.
 *
 * Each load is in a subtransaction: the write goes on without it. A cache of scope
 * 'shared' is loaded as its owner, in a security-restricted operation; any other as the
 * role that has written, if that is still the role at the commit.
 *
 * Locking: none.
 *
 * src/api/refresh.c
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/parallel.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_class.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "replication/logicalworker.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timeout.h"

#include "api/named.h"
#include "api/refresh.h"
#include "base/compat.h"
#include "base/debug_point.h"
#include "base/guc.h"
#include "base/shmem.h"
#include "base/steady.h"
#include "base/subxact.h"
#include "base/worker.h"
#include "capture/epoch.h"
#include "capture/writeset.h"
#include "engine/fill.h"
#include "engine/policy.h"
#include "engine/through.h"
#include "request/identity.h"
#include "rules/rule.h"
#include "txn/due.h"
#include "txn/pending.h"

PG_FUNCTION_INFO_V1(cachefront_refresh);

#define CF_LOCK_WAIT 10			/* milliseconds */

/* ---- whose rights ------------------------------------------------------- */

typedef struct Rights
{
	Oid			role;
	int			context;
} Rights;

static Oid
owner_of_table(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid			owner = InvalidOid;

	if (HeapTupleIsValid(tuple))
	{
		owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
		ReleaseSysCache(tuple);
	}
	return owner;
}

bool
cf_refresh_is_trusted(Oid table, Oid cache_owner, CfScope scope)
{
	Oid			owner = owner_of_table(table);

	if (!OidIsValid(owner) || !OidIsValid(cache_owner))
		return false;
	return scope == CF_SCOPE_SHARED ? has_privs_of_role(owner, cache_owner) :
		has_privs_of_role(cache_owner, owner);
}

/* False: it must not be loaded by this transaction. */
static bool
find_role(const CfDue *due, Oid *role)
{
	CfLoaderDefinition loader;
	CfDefinition def;
	Oid			owner;

	if (!cf_define_find_loader(due->cache, &loader) || loader.query == NULL)
		return false;
	cf_define_find_named(due->cache, &def);
	owner = loader.owner == NULL ? InvalidOid : get_role_oid(loader.owner, true);
	*role = def.scope == CF_SCOPE_SHARED ? owner : GetUserId();
	if (!OidIsValid(*role) || (def.scope != CF_SCOPE_SHARED && due->role != *role))
		return false;
	return !OidIsValid(due->table) || cf_refresh_is_trusted(due->table, owner, def.scope);
}

static void
become(Oid role, Rights *before)
{
	GetUserIdAndSecContext(&before->role, &before->context);
	SetUserIdAndSecContext(role, before->context | SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_RESTRICTED_OPERATION);
}

static void
become_again(const Rights *before)
{
	SetUserIdAndSecContext(before->role, before->context);
}

/* ---- the timer ---------------------------------------------------------- */

static volatile sig_atomic_t timed_out = false;

/* If somebody has cancelled the statement just before, that it is. */
static void
timeout_handler(void)
{
	if (QueryCancelPending)
		return;
	timed_out = true;
	QueryCancelPending = true;
	InterruptPending = true;
	SetLatch(MyLatch);
}

/* Again and again: a function may catch the first. */
TimeoutId
cf_refresh_begin_timer(int milliseconds)
{
	static TimeoutId timer = MAX_TIMEOUTS;

	if (timer == MAX_TIMEOUTS)
		timer = RegisterTimeout(USER_TIMEOUT, timeout_handler);
	timed_out = false;
	enable_timeout_every(timer, TimestampTzPlusMilliseconds(GetCurrentTimestamp(), milliseconds),
						 milliseconds);
	return timer;
}

/* What it has asked for and nobody has heard yet must not end the commit. */
void
cf_refresh_end_timer(TimeoutId timer)
{
	if (CF_FAULT_POINT("refresh-late-timeout"))
		timeout_handler();
	disable_timeout(timer, false);
	if (timed_out)
		QueryCancelPending = false;
}

/* ---- one key ------------------------------------------------------------ */

/* What a commit may still spend. */
typedef struct Budget
{
	int			keys;
	int64		us;
} Budget;

typedef struct Refresh
{
	const CfDue *due;
	Oid			role;			/* that it is done as */
	bool		load;			/* or only invalidated */
	int			milliseconds;	/* that it may take */
	CfStatsSlot stats_slot;
	bool		kept;
	bool		repeated;		/* another of its key is kept */
} Refresh;

/* Who has a smaller one has reasons for it. */
static void
set_lock_timeout(void)
{
	char		value[16];

	if (LockTimeout > 0 && LockTimeout <= CF_LOCK_WAIT)
		return;
	snprintf(value, sizeof(value), "%d", CF_LOCK_WAIT);
	(void) set_config_option("lock_timeout", value, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

/* Whatever becomes of it, what is there is out of date. */
static void
invalidate(const Refresh *refresh, const CfKey *key)
{
	if (OidIsValid(refresh->due->table))
		cf_pending_add_key_of_row(key);
	else
		cf_pending_add_key(key);
}

static void
refresh_key(Refresh *refresh)
{
	const CfDue *due = refresh->due;
	CfNamedArgs given = {due->nargs, due->values, (Oid *) due->types, due->nulls};
	CfRequest	request;
	int			level = NewGUCNestLevel();

	set_lock_timeout();
	(void) cf_named_begin_with(due->cache, &given, &request);
	cf_request_define(&request);
	refresh->stats_slot = request.def.stats_slot;
	invalidate(refresh, &request.key);
	if (refresh->load && cf_through_has(&request.key))
		refresh->repeated = true;
	else if (refresh->load)
	{
		cf_identity_of_request(&request);
		refresh->kept = cf_through_load(&request);
	}
	cf_named_end(level);
}

/* Of scope 'role' as who is there already. */
static void
refresh_as(Refresh *refresh)
{
	Rights		before;

	if (refresh->role == GetUserId())
	{
		refresh_key(refresh);
		return;
	}
	become(refresh->role, &before);
	refresh_key(refresh);
	become_again(&before);
}

static void
refresh_timed(void *arg)
{
	Refresh    *refresh = arg;
	TimeoutId	timer;

	if (!refresh->load)
	{
		refresh_as(refresh);
		return;
	}
	timer = cf_refresh_begin_timer(refresh->milliseconds);
	PG_TRY();
	{
		refresh_as(refresh);
	}
	PG_FINALLY();
	{
		cf_refresh_end_timer(timer);
	}
	PG_END_TRY();
}

/* Somebody wants to end the statement: that is heard in a commit as well. */
static bool
is_cancel(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_QUERY_CANCELED && !timed_out;
}

/* False: it failed, and left nothing. */
static bool
try(Refresh *refresh)
{
	ErrorData  *error;

	timed_out = false;
	error = cf_subxact_try(refresh_timed, refresh);
	if (error == NULL)
		return true;
	if (is_cancel(error))
		ReThrowError(error);
	ereport(DEBUG1,
			(errmsg_internal("cachefront could not refresh a key of cache \"%s\": %s",
							 refresh->due->cache, error->message)));
	FreeErrorData(error);
	return false;
}

/* Without its key, all that the rule can reach. */
static void
invalidate_rule(const CfDue *due)
{
	CfTag		any;

	if (due->rule == NULL)
		return;
	cf_pending_add_tag_of_rows(due->rule);
	cf_rule_tag_of_any(&any);
	cf_pending_add_tag_of_rows(&any);
}

static void
count_outcome(const Refresh *refresh, bool loaded)
{
	if (refresh->load && !refresh->repeated && !refresh->kept)
		cf_stats_count(refresh->stats_slot, loaded ? CF_COUNT_REFRESHES_REFUSED :
					   CF_COUNT_REFRESH_ERRORS);
	else if (!refresh->load)
		cf_stats_count(refresh->stats_slot, CF_COUNT_REFRESHES_SKIPPED);
}

static void
refresh_one(const CfDue *due, bool may_load, Budget *budget)
{
	Refresh		refresh = {.due = due, .stats_slot = cf_define_stats_slot(due->cache)};
	TimestampTz begin = cf_steady_now();
	bool		trusted = find_role(due, &refresh.role);
	bool		done;

	if (!trusted)
		refresh.role = GetUserId();
	refresh.load = may_load && trusted && budget->keys > 0 && budget->us > 0;
	refresh.milliseconds = (int) Max((budget->us + 999) / 1000, 1);
	if (refresh.load)
		CF_WAIT_POINT("refresh-before-load");
	done = try(&refresh);
	count_outcome(&refresh, done);
	if (refresh.load && !refresh.repeated)
		budget->keys--;
	if (refresh.load)
		budget->us -= cf_steady_now() - begin;
	if (done)
		return;
	refresh.load = false;
	if (!try(&refresh))
		invalidate_rule(due);
}

/* ---- the commit --------------------------------------------------------- */

/* May this transaction load at its commit? See the head of the file. */
static bool
may_load(void)
{
	return cf_guc_enabled && cf_guc_refresh_per_commit > 0 &&
		XactIsoLevel == XACT_READ_COMMITTED && !IsLogicalWorker() && !cf_worker_is_one() &&
		!IsParallelWorker() &&
		!IsInParallelMode() && !RecoveryInProgress() && !cf_epoch_changing() &&
		!cf_writeset_is_blind() && !InSecurityRestrictedOperation() && !cf_load_active();
}

/* As CommitTransaction does: what was loaded may have left a cursor, and a trigger may run. */
static void
come_to_rest(void)
{
	for (;;)
	{
		AfterTriggerFireDeferred();
		if (!PreCommit_Portals(false))
			break;
	}
}

/* One after the other; each may make others due. */
static void
refresh_all(bool load)
{
	Budget		budget = {cf_guc_refresh_per_commit, cf_guc_refresh_timeout * INT64CONST(1000)};
	MemoryContext per_key = AllocSetContextCreate(CurrentMemoryContext, "cachefront refresh",
												  ALLOCSET_DEFAULT_SIZES);
	int			done = 0;

	while (done < cf_due_count())
	{
		while (done < cf_due_count())
		{
			MemoryContext old = MemoryContextSwitchTo(per_key);

			CHECK_FOR_INTERRUPTS();
			refresh_one(cf_due_get(done++), load, &budget);
			MemoryContextSwitchTo(old);
			MemoryContextReset(per_key);
		}
		if (load)
			come_to_rest();
	}
	MemoryContextDelete(per_key);
}

void
cf_refresh_pre_commit(void)
{
	if (likely(cf_due_count() == 0))
		return;
	/* Without a write there is nothing that a reader could not load. */
	if (!cf_policy_has_written())
		return;
	refresh_all(may_load());
	cf_through_close();
}

void
cf_refresh_pre_prepare(void)
{
	if (likely(cf_due_count() == 0) || !cf_policy_has_written())
		return;
	refresh_all(false);
}

/* ---- cache_refresh ------------------------------------------------------ */

static void
add_due(const CfRequest *request)
{
	const CfArgs *args = &request->args;
	CfDue		due = {
		.cache = request->cache,
		.role = GetUserId(),
		.nargs = args->n,
		.types = args->types,
		.typlens = args->typlens,
		.typbyvals = args->typbyvals,
		.values = args->values,
		.nulls = args->nulls,
	};

	if (!cf_due_add(&due))
		cf_stats_count(request->def.stats_slot, CF_COUNT_REFRESHES_SKIPPED);
}

/* Loads at once. It takes the place of what is there, unless that is newer. */
static void
load_now(const CfRequest *request)
{
	CfLoad		load;
	CfDeps		deps;
	CfL1Meta	meta;

	cf_load_run(request, &load, NULL);
	(void) cf_fill(request, &load, NULL, &deps, &meta);
}

/* The transaction may write later: then it is due, too. */
static void
refresh(CfRequest *request)
{
	CfBypass	bypass;

	cf_request_define(request);
	cf_identity_of_request(request);
	/* What is loaded for all, who may not run it may not ask for. */
	if (!cf_policy_may_share(request))
	{
		cf_policy_count(request, CF_BYPASS_ROW_SECURITY);
		return;
	}
	bypass = cf_policy_bypass(request);
	switch (bypass)
	{
		case CF_BYPASS_NONE:
			load_now(request);
			add_due(request);
			break;
		case CF_BYPASS_OWN_WRITES:
			cf_pending_note_by_hand();
			cf_pending_add_key(&request->key);
			add_due(request);
			break;
		case CF_BYPASS_REPEATABLE_READ:
		case CF_BYPASS_SERIALIZABLE:
			cf_pending_note_by_hand();
			cf_pending_add_key(&request->key);
			cf_stats_count(request->def.stats_slot, CF_COUNT_REFRESHES_SKIPPED);
			break;
		default:
			cf_policy_count(request, bypass);
			break;
	}
}

static void
refresh_once(FunctionCallInfo fcinfo, bool *reshaped)
{
	CfRequest	request;
	int			level = cf_named_begin(fcinfo, &request);

	request.reshaped = reshaped;
	refresh(&request);
	cf_named_end(level);
}

Datum
cachefront_refresh(PG_FUNCTION_ARGS)
{
	bool		reshaped = false;

	cf_shmem_require();
	if (cf_load_active())
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot change the cache in a query that is being cached")));
	refresh_once(fcinfo, &reshaped);
	/* A definition has changed between the key and the load. */
	if (unlikely(reshaped))
		refresh_once(fcinfo, &reshaped);
	PG_RETURN_VOID();
}
