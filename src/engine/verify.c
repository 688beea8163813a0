/*
 * verify.c - the live self-check: is a hit what its query gives?
 *
 * The query of a hit runs once more, and its rows are compared with the entry's,
 * as multisets. That means something only if both are of one state of the
 * tables. The entry was there before the query's snapshot, so it is not newer; it
 * is still there after the query, its clocks unmoved, so whatever the snapshot
 * shows of other transactions had been committed before the entry's load: a commit
 * that became visible in between has raised a clock by then, or settled it with a
 * higher number.
 *
 * It is compared only where rows decide everything: the entry is covered, its
 * query calls immutable functions only (CF_ENTRY_PROVABLE) and depends on no order
 * (rules/determined.c).
 *
 * The check must hurt nobody. So the query runs in a subtransaction; an error of
 * it ends the check, not the fetch; and it does not wait for locks, which a hit
 * would not have asked for. On a standby a conflict with recovery would end the
 * session of who is in a subtransaction: there an error is the fetch's, as of a load.
 *
 * Locking: takes the relation locks of the query, to the end of the transaction.
 *
 * src/engine/verify.c
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "mb/pg_wchar.h"
#include "storage/proc.h"
#include "utils/memutils.h"

#include "base/debug_point.h"
#include "base/subxact.h"
#include "codec/rowset.h"
#include "engine/policy.h"
#include "engine/verify.h"
#include "request/identity.h"

#define CF_VERIFY_LOCK_TIMEOUT 1	/* ms; zero would be none */
#define CF_VERIFY_LOGGED 248		/* bytes of its text */

typedef struct Check
{
	CfRequest	request;		/* for all of the value, and for no sink */
	CfL1Result	cached;
	CfLoad	   *load;
	bool		comparable;		/* it has run, and rows decide what it gives */
} Check;

/* What is there, by the clocks, for somebody who makes no conditions. */
static bool
look(const Check *check, CfL1Part part, CfL1Result *result)
{
	return cf_l1_get(&check->request.key, &check->request.id, part, cf_now(), 0,
					 result) == CF_L1_HIT &&
		result->provable && !result->no_memory;
}

static void
run(Check *check)
{
	static const CfLoadHooks hooks = {.serial = true};

	if (!cf_load_is_determined(&check->request))
		return;
	cf_load_run(&check->request, check->load, &hooks);
	check->comparable = true;
}

static void
run_waiting_for_nobody(void *arg)
{
	int			lock_timeout = LockTimeout;

	PG_TRY();
	{
		LockTimeout = CF_VERIFY_LOCK_TIMEOUT;
		run(arg);
	}
	PG_FINALLY();
	{
		LockTimeout = lock_timeout;
	}
	PG_END_TRY();
}

/*
 * A time-out that the check has used up is not the fetch's fault. But who cancels
 * means the statement, whatever it is doing.
 */
static bool
is_cancelled_by_user(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_QUERY_CANCELED && error->message_id != NULL &&
		strcmp(error->message_id, "canceling statement due to user request") == 0;
}

/* Runs the query. False: nothing is to be learned from it. */
static bool
run_query(Check *check)
{
	const CfRequest *request = &check->request;
	CfLoad	   *load = check->load;
	ErrorData  *error = NULL;

	if (unlikely(RecoveryInProgress()))
		run(check);
	else
		error = cf_subxact_try(run_waiting_for_nobody, check);
	if (error != NULL && is_cancelled_by_user(error))
		ReThrowError(error);
	if (error != NULL)
		FreeErrorData(error);
	return error == NULL && check->comparable && load->bypass == CF_BYPASS_NONE &&
		load->sources.relids != NIL && load->sources.inner == NIL && !load->sources.mutable &&
		cf_watch_binding(load->sources.traits) <= request->binding &&
		!cf_policy_has_written() && cf_identity_still_holds(request);
}

/* Is it the entry that was there before, and current? */
static bool
is_unmoved(const Check *check)
{
	CfL1Result	now;

	return look(check, CF_L1_PART_NONE, &now) && now.stamp == check->cached.stamp &&
		now.filled_at == check->cached.filled_at;
}

/* Of the value, not of what it says. */
static char *
describe(const CfRowSet *set)
{
	CfHash128	digest;

	cf_rowset_digest(set, &digest);
	return psprintf("%d rows, digest %016llx%016llx", set->n,
					(unsigned long long) digest.h[0], (unsigned long long) digest.h[1]);
}

void
cf_verify_report(const CfRequest *request, const CfRowSet *cached, const CfRowSet *fresh,
				 const char *what, const char *text, int len)
{
	if (len > CF_VERIFY_LOGGED)
		len = pg_mbcliplen(text, len, CF_VERIFY_LOGGED);
	ereport(LOG,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("cached rows of key \"%s\" are not what the query gives",
					pnstrdup(request->key.data, request->key.len)),
			 errdetail("Cache \"%s\", cached: %s; query: %s.",
					   request->def.name[0] != '\0' ? request->def.name : "(default)",
					   describe(cached), describe(fresh)),
			 errcontext("cached %s \"%s\"", what, pnstrdup(text, len)),
			 errhidestmt(true)));
}

/* Compares what both gave. True: they differ. */
static bool
differ(const Check *check)
{
	const CfRequest *request = &check->request;
	const CfLoad *load = check->load;
	const char *data = VARDATA(check->cached.value);
	Size		len = VARSIZE(check->cached.value) - VARHDRSZ;
	int			ncolumns = request->rows_desc != NULL ? request->rows_desc->natts : 0;
	CfRowSet	cached;
	CfRowSet	fresh;

	if (len == load->value.len && memcmp(data, load->value.bytes, len) == 0)
		return false;
	if (!cf_rowset_of(request->form, ncolumns, load->value.bytes, load->value.len, &fresh))
		return false;
	/* Bytes that no encoder wrote are as wrong as others. */
	if (cf_rowset_of(request->form, ncolumns, data, len, &cached) &&
		cf_rowset_equal(&cached, &fresh))
		return false;
	cf_verify_report(request, &cached, &fresh, "query", VARDATA_ANY(request->query),
					 VARSIZE_ANY_EXHDR(request->query));
	return true;
}

/* In a memory context of its own. */
static bool
check_hit(Check *check)
{
	CfStatsSlot slot = check->request.def.stats_slot;

	if (!look(check, CF_L1_PART_ALL, &check->cached))
		return false;
	CF_WAIT_POINT("verify-before-load");
	if (!run_query(check))
		return false;
	CF_WAIT_POINT("verify-before-look");
	if (!is_unmoved(check))
		return false;
	cf_stats_count(slot, CF_COUNT_VERIFIED);
	if (!differ(check))
		return false;
	cf_stats_count(slot, CF_COUNT_VERIFY_FAILURES);
	cf_l1_delete(&check->request.key, &check->request.id);
	return true;
}

static bool
may_check(void)
{
	return !cf_load_active() && !IsInParallelMode();
}

bool
cf_verify(const CfRequest *request, CfLoad *load)
{
	Check		check = {*request};
	MemoryContext context;
	MemoryContext old;
	bool		failed;

	if (!may_check())
		return false;
	check.request.part = CF_L1_PART_ALL;
	check.request.rows_sink = NULL;
	check.load = load;
	context = AllocSetContextCreate(CurrentMemoryContext, "cachefront verify",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	failed = check_hit(&check);
	MemoryContextSwitchTo(old);
	/* What it gave is the answer, and goes with what the caller has. */
	if (!failed)
		MemoryContextDelete(context);
	return failed;
}
