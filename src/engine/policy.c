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
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "engine/identity.h"
#include "engine/loader.h"
#include "engine/policy.h"
#include "engine/watch.h"
#include "engine/writing.h"
#include "guc.h"
#include "relchange.h"
#include "rules/security.h"

/*
 * Does a query mean a temporary table? Asked only in sessions that have made
 * one, and answered from here until any relation changes: a temporary table
 * may come to hide a permanent one that others have cached results of.
 */
typedef struct Verdict
{
	CfHash128	query;			/* hash key */
	bool		temporary;
} Verdict;

#define CF_MAX_VERDICTS 1024

static HTAB *verdicts = NULL;
static bool verdicts_valid = false;
static bool (*own_cache_writes) (void) = NULL;
static bool (*own_touches) (CfClockRef ref) = NULL;

void
cf_policy_set_own_writes(bool (*any) (void), bool (*touches) (CfClockRef ref))
{
	own_cache_writes = any;
	own_touches = touches;
}

/* DESIGN section 5: a transaction with a transaction id may have written. */
bool
cf_policy_has_written(void)
{
#ifdef CF_FAULT_NO_OWN_WRITES
	return false;
#endif
	return TransactionIdIsValid(GetTopTransactionIdIfAny()) || own_cache_writes();
}

static void
relation_changed(Oid relid)
{
	verdicts_valid = false;
}

/* An empty table of answers, each by a hash, in place of what is there. */
static void
reset_answers(HTAB **answers, const char *name, Size entrysize)
{
	HASHCTL		control = {
		.keysize = sizeof(CfHash128),
		.entrysize = entrysize,
		.hcxt = TopMemoryContext,
	};

	if (*answers != NULL)
		hash_destroy(*answers);
	*answers = NULL;
	*answers = hash_create(name, 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
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

static bool
reads_temporary(const CfRequest *request)
{
	Oid			schema;
	Oid			toast_schema;
	CfIdentity	id;
	CfRequest	copy;
	Verdict    *verdict;
	bool		temporary;

	GetTempNamespaceState(&schema, &toast_schema);
	if (likely(!OidIsValid(schema)))
		return false;

	copy = *request;
	cf_identity_of_request(&copy);
	id = copy.id;
	/* The identity leaves it out: it is the same for all who have none. */
	cf_hash128_add_u64(&id.hash, place_of_temporary(schema));
	if (!verdicts_valid || verdicts == NULL ||
		hash_get_num_entries(verdicts) >= CF_MAX_VERDICTS)
	{
		reset_answers(&verdicts, "cachefront temporary tables", sizeof(Verdict));
		verdicts_valid = true;
	}
	verdict = hash_search(verdicts, &id.hash, HASH_FIND, NULL);
	if (verdict != NULL)
		return verdict->temporary;

	temporary = cf_load_may_read_temporary(request);
	if (verdicts_valid)
	{
		verdict = hash_search(verdicts, &id.hash, HASH_ENTER, NULL);
		verdict->temporary = temporary;
	}
	return temporary;
}

CfBypass
cf_policy_bypass(const CfRequest *request)
{
	if (!cf_guc_enabled)
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
	CfHash128	query;			/* hash key */
	CfBinding	binding;
} Bound;

#define CF_MAX_BOUND 1024

CfBinding
cf_policy_planned_binding(const CfRequest *request)
{
	static HTAB *bounds = NULL;
	CfHash128	hash;
	CfLoad		load;
	Bound	   *bound;

	cf_hash128_init(&hash, request->form);
	cf_hash128_add(&hash, VARDATA_ANY(request->query), VARSIZE_ANY_EXHDR(request->query));
	if (bounds == NULL || hash_get_num_entries(bounds) >= CF_MAX_BOUND)
		reset_answers(&bounds, "cachefront bindings", sizeof(Bound));
	bound = hash_search(bounds, &hash, HASH_FIND, NULL);
	if (bound != NULL)
		return bound->binding;
	cf_load_examine(request, &load);
	bound = hash_search(bounds, &hash, HASH_ENTER, NULL);
	bound->binding = cf_watch_binding(load.sources.traits);
	return bound->binding;
}

typedef struct Right
{
	CfHash128	request;		/* hash key: identity and roles */
	uint64		epochs[2];		/* as of which it was checked */
} Right;

#define CF_MAX_RIGHTS 1024

bool
cf_policy_may_share(const CfRequest *request)
{
	static HTAB *rights = NULL;
	CfHash128	hash = request->id.hash;
	uint64		epochs[2];
	Right	   *right;

	if (request->def.scope != CF_SCOPE_SHARED)
		return true;
	epochs[0] = cf_clock_seq(cf_clock_of_epoch(MyDatabaseId));
	epochs[1] = cf_clock_seq(cf_clock_of_epoch(InvalidOid));
	cf_hash128_add_u64(&hash, ((uint64) GetUserId() << 32) | GetSessionUserId());
	if (rights == NULL || hash_get_num_entries(rights) >= CF_MAX_RIGHTS)
		reset_answers(&rights, "cachefront rights", sizeof(Right));
	right = hash_search(rights, &hash, HASH_FIND, NULL);
	if (right != NULL && memcmp(right->epochs, epochs, sizeof(epochs)) == 0)
		return true;

	/* A change of rights under way moves the epoch after this: asked again. */
	if (!cf_load_check_rights(request))
		return false;
	right = hash_search(rights, &hash, HASH_ENTER, NULL);
	memcpy(right->epochs, epochs, sizeof(epochs));
	return true;
}

/* The xmin of the transaction's snapshot, made 64 bits wide. */
FullTransactionId
cf_policy_snapshot_xmin(void)
{
	TransactionId xmin = GetTransactionSnapshot()->xmin;
	FullTransactionId next = ReadNextFullTransactionId();
	uint32		epoch = EpochFromFullTransactionId(next);

	if (xmin > XidFromFullTransactionId(next))
		epoch--;
	return FullTransactionIdFromEpochAndXid(epoch, xmin);
}

bool
cf_policy_proof(const CfRequest *request, CfBypass bypass, CfL1Proof *proof)
{
	if (bypass != CF_BYPASS_REPEATABLE_READ && bypass != CF_BYPASS_OWN_WRITES)
		return false;
	if (reads_temporary(request))
		return false;
	/* The clocks of a standby know nothing of what the primary has committed. */
	if (bypass == CF_BYPASS_REPEATABLE_READ && RecoveryInProgress())
		return false;
	/* Rows are changed that our triggers have not seen yet. */
	if (cf_policy_has_written() && cf_writing_now())
		return false;
	/* In a trigger too, be it deferred to the end of the transaction. */
	if (cf_policy_has_written() &&
		DatumGetInt32(DirectFunctionCall1(pg_trigger_depth, (Datum) 0)) > 0)
		return false;
	proof->xmin = XactIsoLevel == XACT_REPEATABLE_READ ?
		cf_policy_snapshot_xmin() : InvalidFullTransactionId;
	proof->own = cf_policy_has_written() ? own_touches : NULL;
	return true;
}

void
cf_policy_count(const CfRequest *request, CfBypass bypass)
{
	if (bypass != CF_BYPASS_NONE)
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
	}
	return NULL;
}

/*
 * Jitter only shortens: a value is never kept longer than was asked for.
 * A standby does not see the primary's invalidations (DESIGN section 10).
 */
int64
cf_policy_ttl(const CfDefinition *def, int64 ttl, bool negative)
{
	if (ttl == 0)
		ttl = def->ttl;
	if (negative)
		ttl = Min(def->negative_ttl, ttl / 5);
	if (RecoveryInProgress())
		ttl = Min(ttl, def->l1_ttl);
	ttl -= (int64) ((double) ttl * def->jitter *
					pg_prng_double(&pg_global_prng_state));
	return Max(ttl, 1);
}

void
cf_policy_register(void)
{
	cf_relchange_register(relation_changed);
}
