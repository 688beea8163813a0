/*
 * policy.c - the reasons to run the query and leave no trace.
 *
 * src/engine/policy.c
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "common/pg_prng.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/inval.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "base/fault.h"
#include "base/guc.h"
#include "base/memo.h"
#include "base/position.h"
#include "base/relchange.h"
#include "capture/writing.h"
#include "commit/commit.h"
#include "engine/policy.h"
#include "engine/xfetch.h"
#include "load/loader.h"
#include "load/watch.h"
#include "request/identity.h"
#include "rules/security.h"
#include "txn/due.h"
#include "txn/pending.h"

/*
 * Does a query mean a temporary table or type? Asked only in sessions that have made
 * one, and answered from here until any relation, type or function changes: what is
 * temporary may come to hide what is permanent, and others have cached results of that.
 */
typedef struct Verdict
{
	CfHash128	key;			/* of the request, and of the temporary schema's place */
	bool		temporary;
} Verdict;

static CfMemo verdicts = CF_MEMO("cachefront temporary tables", Verdict, 1024);

/* Who may run what: see current_rights. */
typedef struct Right
{
	CfHash128	key;			/* of identity and roles */
} Right;

/* A transaction with a transaction id may have written: rule 10 of docs/consistency.md. */
bool
cf_policy_has_written(void)
{
	if (CF_PLANTED(NO_OWN_WRITES))
		return false;
	return TransactionIdIsValid(GetTopTransactionIdIfAny()) || cf_pending_any();
}

static CfMemo rights = CF_MEMO("cachefront rights", Right, 1024);

/* A standby's epoch moves before the change shows (history/follow.h), so it is no sign. */
static void
forget_rights_on_standby(void)
{
	if (RecoveryInProgress())
		cf_memo_forget(&rights);
}

static void
relation_changed(Oid relid)
{
	cf_memo_forget(&verdicts);
	forget_rights_on_standby();
}

static void
catalog_changed(Datum arg, int cache, uint32 hash)
{
	forget_rights_on_standby();
}

/* A type or a function. */
static void
meaning_changed(Datum arg, int cache, uint32 hash)
{
	cf_memo_forget(&verdicts);
}

/* How many schemas of the search path come before the session's own temporary one. */
static uint64
place_of_temporary(Oid schema)
{
	List	   *path = fetch_search_path(true);
	ListCell   *cell;
	uint64		place = 0;

	foreach(cell, path)
	{
		if (lfirst_oid(cell) == schema)
			break;
		place++;
	}
	list_free(path);
	return place;
}

/* schema: the session's own temporary one, which is there. */
static bool
means_temporary(const CfRequest *request, Oid schema)
{
	CfIdentity	id;
	CfRequest	copy;
	CfMemoTicket ticket;
	Verdict    *verdict;
	bool		temporary;

	copy = *request;
	cf_identity_of_request(&copy);
	id = copy.id;
	/* The identity leaves it out: it is the same for all who have none. */
	cf_hash128_add_u64(&id.hash, place_of_temporary(schema));
	verdict = cf_memo_find(&verdicts, &id.hash, &ticket);
	if (verdict != NULL)
		return verdict->temporary;

	temporary = cf_load_may_read_temporary(request);
	verdict = cf_memo_enter(&verdicts, &id.hash, ticket);
	if (verdict != NULL)
		verdict->temporary = temporary;
	return temporary;
}

static inline bool
reads_temporary(const CfRequest *request)
{
	Oid			schema;
	Oid			toast_schema;

	GetTempNamespaceState(&schema, &toast_schema);
	return unlikely(OidIsValid(schema)) && means_temporary(request, schema);
}

CfBypass
cf_policy_bypass(const CfRequest *request)
{
	if (!cf_guc_enabled || unlikely(request->def.paused))
		return CF_BYPASS_DISABLED;
	if (XactIsoLevel != XACT_READ_COMMITTED)
	{
		if (XactIsoLevel == XACT_SERIALIZABLE)
			return CF_BYPASS_SERIALIZABLE;
		if (XactIsoLevel == XACT_REPEATABLE_READ)
			return CF_BYPASS_REPEATABLE_READ;
	}
	if (cf_policy_has_written())
		return CF_BYPASS_OWN_WRITES;
	if (reads_temporary(request))
		return CF_BYPASS_TEMPORARY;
	return CF_BYPASS_NONE;
}

typedef struct Bound
{
	CfHash128	key;			/* of query, settings and form */
	CfBinding	binding;
} Bound;

CfBinding
cf_policy_planned_binding(const CfRequest *request)
{
	static CfMemo bounds = CF_MEMO("cachefront bindings", Bound, 1024);
	CfHash128	hash = cf_identity_of_query(request->query);
	CfMemoTicket ticket;
	CfBinding	binding;
	CfLoad		load;
	Bound	   *bound;

	hash.h[1] ^= request->form;
	bound = cf_memo_find(&bounds, &hash, &ticket);
	if (bound != NULL)
		return bound->binding;
	cf_load_examine(request, &load);
	binding = cf_watch_binding(load.sources.traits);
	bound = cf_memo_enter(&bounds, &hash, ticket);
	if (bound != NULL)
		bound->binding = binding;
	return binding;
}

/*
 * Who may run what, as of the epochs of database and server. A change of rights
 * moves an epoch when it commits. What is found out while it is under way is
 * of the epochs before, and forgotten then.
 */
static CfMemo *
current_rights(void)
{
	static uint64 epochs[3];
	uint64		now[3];

	now[0] = cf_clock_seq(cf_clock_of_epoch(MyDatabaseId));
	now[1] = cf_clock_seq(cf_clock_of_epoch(InvalidOid));
	now[2] = cf_clock_seq(cf_clock_of_any_definition(MyDatabaseId));
	if (unlikely(memcmp(now, epochs, sizeof(epochs)) != 0))
	{
		cf_memo_forget(&rights);
		memcpy(epochs, now, sizeof(epochs));
	}
	return &rights;
}

bool
cf_policy_has_rights(const CfRequest *request)
{
	CfHash128	hash = request->id.hash;
	CfMemoTicket ticket;
	CfMemo	   *rights;

	cf_hash128_add_u64(&hash, ((uint64) GetUserId() << 32) | GetSessionUserId());
	rights = current_rights();
	if (cf_memo_find(rights, &hash, &ticket) != NULL)
		return true;
	if (!cf_load_check_rights(request))
		return false;
	(void) cf_memo_enter(rights, &hash, ticket);
	return true;
}

bool
cf_policy_can_prove(Snapshot snapshot)
{
	return !RecoveryInProgress() && !snapshot->takenDuringRecovery;
}

bool
cf_policy_is_writing(void)
{
	return cf_writing_now() || DatumGetInt32(DirectFunctionCall1(pg_trigger_depth, (Datum) 0)) > 0;
}

bool
cf_policy_prove_own(CfL1Proof *proof)
{
	proof->own = NULL;
	if (!cf_policy_has_written())
		return true;
	if (cf_policy_is_writing())
		return false;
	/* It is asked under a lock: what it must look up is looked up now. */
	cf_commit_collect();
	proof->own = cf_commit_touches;
	return true;
}

bool
cf_policy_proof(const CfRequest *request, CfBypass bypass, CfL1Proof *proof)
{
	if (bypass != CF_BYPASS_REPEATABLE_READ && bypass != CF_BYPASS_OWN_WRITES)
		return false;
	if (reads_temporary(request))
		return false;
	if (XactIsoLevel == XACT_REPEATABLE_READ && !cf_policy_can_prove(GetTransactionSnapshot()))
		return false;
	/* It may be out of date for no other reason than that a rule has said so. */
	if (request->cache != NULL && cf_due_has(request->cache))
		return false;
	proof->xmin = XactIsoLevel == XACT_REPEATABLE_READ ?
		cf_position_snapshot_xmin() : InvalidFullTransactionId;
	return cf_policy_prove_own(proof);
}

void
cf_policy_count(const CfRequest *request, CfBypass bypass)
{
	if (bypass == CF_BYPASS_RESHAPED)
		cf_stats_count(request->def.stats_slot, CF_COUNT_FILLS_REFUSED);
	else if (bypass != CF_BYPASS_NONE)
		cf_stats_count(request->def.stats_slot,
					   CF_COUNT_BYPASS_DISABLED + (bypass - CF_BYPASS_DISABLED));
}

const char *
cf_policy_reason(CfBypass bypass)
{
	switch (bypass)
	{
		case CF_BYPASS_NONE:
			return NULL;
		case CF_BYPASS_DISABLED:
			return "cachefront.enabled is off";
		case CF_BYPASS_SERIALIZABLE:
			return "the transaction is SERIALIZABLE";
		case CF_BYPASS_REPEATABLE_READ:
			return "the transaction is REPEATABLE READ and no rule proves that the entry fits its snapshot";
		case CF_BYPASS_OWN_WRITES:
			return "the transaction has written, and sees its own writes";
		case CF_BYPASS_ROW_SECURITY:
			return "row security is in force and the cache has no scope 'setting:NAME'";
		case CF_BYPASS_TEMPORARY:
			return "the query reads a temporary table";
		case CF_BYPASS_SETTING:
			return "the query depends on a fetch of narrower scope than its own cache's";
		case CF_BYPASS_SESSION:
			return "the query calls a function that is not known to give the same in every session";
		case CF_BYPASS_RIGHTS:
			return "the cache's scope is 'shared', and functions in the query use the rights of who calls them";
		case CF_BYPASS_RESHAPED:
			return "the query's result has changed its shape since the key was made";
	}
	return NULL;
}

/*
 * Jitter only shortens: a value is never kept longer than was asked for.
 */
int64
cf_policy_ttl(const CfDefinition *def, int64 ttl, bool negative)
{
	if (ttl == 0)
		ttl = def->ttl;
	if (negative)
		ttl = Min(def->negative_ttl, ttl / 5);
	ttl -= (int64) ((double) ttl * def->jitter *
					pg_prng_double(&pg_global_prng_state));
	return Max(ttl, 1);
}

bool
cf_policy_refresh_is_due(const CfDefinition *def, const CfL1Result *hit, TimestampTz now)
{
	double		beta = def->xfetch_beta;
	double		age = (double) (now - hit->filled_at);
	double		ttl = (double) hit->ttl;

	if (unlikely(def->refresh_after > 0) && now - hit->filled_at >= def->refresh_after)
		return true;
	if (beta <= 0 || likely(!cf_xfetch_possible(age, hit->load_us, beta, ttl)))
		return false;
	return cf_xfetch_due(age, hit->load_us, beta, ttl,
						 1.0 - pg_prng_double(&pg_global_prng_state));
}

int64
cf_policy_max_stale(const CfRequest *request)
{
	return cf_load_active() ? 0 : request->def.max_stale;
}

void
cf_policy_register(void)
{
	cf_relchange_register(relation_changed);
	CacheRegisterSyscacheCallback(PROCOID, catalog_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(PROCOID, meaning_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(TYPEOID, meaning_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHOID, catalog_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, catalog_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, catalog_changed, (Datum) 0);
}
