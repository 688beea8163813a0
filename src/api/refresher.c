/*
 * refresher.c - the process that loads what readers have asked for (engine/ask.h).
 *
 * Each load is a transaction of its own, read-only and READ COMMITTED, as the cache's owner
 * in a security-restricted operation, and takes cachefront.refresh_worker_timeout at most.
 * It leads the flight of its key: who misses meanwhile follows it.
 *
 * Locking: none.
 *
 * src/api/refresher.c
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/sinval.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timeout.h"

#include "api/named.h"
#include "api/refresh.h"
#include "api/refresher.h"
#include "base/compat.h"
#include "base/debug_point.h"
#include "base/guc.h"
#include "engine/ask.h"
#include "engine/fetch.h"
#include "request/identity.h"

#define CF_IDLE_MS 1000

/* As untyped arguments, which the definition gives their types. */
static void
decode(const CfAsked *asked, CfNamedArgs *given)
{
	const char *at = asked->args;

	given->n = asked->nargs;
	given->types = palloc(Max(given->n, 1) * sizeof(Oid));
	given->values = palloc(Max(given->n, 1) * sizeof(Datum));
	given->nulls = palloc(Max(given->n, 1) * sizeof(bool));
	for (int i = 0; i < given->n; i++)
	{
		given->types[i] = TEXTOID;
		given->nulls[i] = *at == 'n';
		given->values[i] = CStringGetTextDatum(at + 1);
		at += strlen(at + 1) + 2;
	}
}

static Oid
require_owner(const char *cache)
{
	CfLoaderDefinition loader;
	CfDefinition def;
	Oid			owner;

	cf_named_require(cache, &loader);
	cf_define_find_named(cache, &def);
	owner = loader.owner == NULL ? InvalidOid : get_role_oid(loader.owner, true);
	if (!OidIsValid(owner) || def.scope != CF_SCOPE_SHARED)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cache \"%s\" has no owner, or is not shared any more", cache)));
	return owner;
}

/* False: of the reader's session something else counts than the definition's settings. */
static bool
load(const CfAsked *asked)
{
	CfNamedArgs given;
	CfRequest	request;
	int			level;
	bool		same;

	decode(asked, &given);
	level = cf_named_begin_with(asked->cache, &given, &request);
	cf_request_define(&request);
	cf_identity_of_request(&request);
	same = cf_hash128_equal(&request.id.hash, &asked->id);
	CF_WAIT_POINT("refresher-before-load");
	if (same)
		cf_fetch_refresh(&request, asked->filled_at);
	cf_named_end(level);
	return same;
}

static CfAskOutcome
load_in_transaction(const CfAsked *asked)
{
	volatile CfAskOutcome outcome = CF_ASK_LOADED;
	TimeoutId	timer;
	Oid			role;
	int			context;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	XactReadOnly = true;
	pgstat_report_activity(STATE_RUNNING, psprintf("refresh of cache %s", asked->cache));
	GetUserIdAndSecContext(&role, &context);
	SetUserIdAndSecContext(require_owner(asked->cache), context | SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_RESTRICTED_OPERATION);
	timer = cf_refresh_begin_timer(cf_guc_refresh_worker_timeout);
	PG_TRY();
	{
		if (!load(asked))
			outcome = CF_ASK_FOREIGN;
	}
	PG_FINALLY();
	{
		cf_refresh_end_timer(timer);
	}
	PG_END_TRY();
	SetUserIdAndSecContext(role, context);
	CommitTransactionCommand();
	return outcome;
}

/* The error ends the transaction only; what it was is logged, as nobody else hears of it. */
static CfAskOutcome
try_to_load(const CfAsked *asked)
{
	MemoryContext context = CurrentMemoryContext;
	volatile CfAskOutcome outcome = CF_ASK_FAILED;

	PG_TRY();
	{
		outcome = load_in_transaction(asked);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		AbortCurrentTransaction();
		MemoryContextSwitchTo(context);
		ereport(LOG,
				(errmsg("cachefront could not refresh a value of cache \"%s\": %s", asked->cache,
						error->message)));
		FreeErrorData(error);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	return outcome;
}

static void
count_outcome(const char *cache, CfAskOutcome outcome)
{
	if (outcome == CF_ASK_FOREIGN)
		return;
	StartTransactionCommand();
	cf_stats_count(cf_define_stats_slot(cache),
				   outcome == CF_ASK_LOADED ? CF_COUNT_WORKER_REFRESHES :
				   CF_COUNT_WORKER_REFRESH_ERRORS);
	CommitTransactionCommand();
}

/* True: there was something. */
static bool
work(MemoryContext context)
{
	CfAsked		asked;
	CfAskOutcome outcome;

	if (!cf_ask_take(&asked))
		return false;
	MemoryContextSwitchTo(context);
	outcome = try_to_load(&asked);
	MemoryContextSwitchTo(context);
	count_outcome(asked.cache, outcome);
	cf_ask_done(outcome);
	pgstat_report_stat(false);
	pgstat_report_activity(STATE_IDLE, NULL);
	MemoryContextSwitchTo(context);
	MemoryContextReset(context);
	return true;
}

/* Told to end while it does nothing, it does so without an error in the log. */
static void
mind_signals(void)
{
	if (ProcDiePending)
		proc_exit(0);
	CHECK_FOR_INTERRUPTS();
	if (catchupInterruptPending)
		ProcessCatchupInterrupt();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
}

/* False: the time is over. */
static bool
wait_for_work(void)
{
	int			events = WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
								   CF_IDLE_MS, PG_WAIT_EXTENSION);

	ResetLatch(MyLatch);
	mind_signals();
	return (events & WL_TIMEOUT) == 0;
}

/* What the server, the database or the role has set must not be in the way. */
static void
set_session(void)
{
	static const char *const settings[][2] = {
		{"application_name", "cachefront refresher"},
		{"default_transaction_isolation", "read committed"},
		{"default_transaction_deferrable", "off"},
		{"statement_timeout", "0"},
		{"idle_in_transaction_session_timeout", "0"},
		{"session_replication_role", "origin"},
		{"cachefront.enabled", "on"},
	};

	for (int i = 0; i < lengthof(settings); i++)
		SetConfigOption(settings[i][0], settings[i][1], PGC_SUSET, PGC_S_SESSION);
	pgstat_report_appname("cachefront refresher");
	pgstat_report_activity(STATE_IDLE, NULL);
}

void
cachefront_refresher_main(Datum arg)
{
	MemoryContext context;
	Oid			dboid;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	dboid = cf_ask_begin_worker(DatumGetInt32(arg));
	if (!OidIsValid(dboid))
		proc_exit(0);
	BackgroundWorkerInitializeConnectionByOid(dboid, InvalidOid, 0);
	set_session();
	context = AllocSetContextCreate(TopMemoryContext, "cachefront refresher",
									ALLOCSET_DEFAULT_SIZES);
	for (;;)
	{
		mind_signals();
		if (!work(context) && !wait_for_work() && cf_ask_rest())
			break;
	}
	proc_exit(0);
}
