/*
 * keyvalue.c - cache_get, cache_set, cache_delete, cache_touch, and the
 * functions that invalidate by hand. All writes wait for the commit.
 *
 * src/api/keyvalue.c
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_class.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"

#include "api/args.h"
#include "api/keyvalue.h"
#include "base/debug_point.h"
#include "base/guc.h"
#include "base/shmem.h"
#include "capture/trigger.h"
#include "engine/policy.h"
#include "history/history.h"
#include "l1/table.h"
#include "load/loader.h"
#include "request/deps.h"
#include "request/identity.h"
#include "redis/command.h"
#include "rules/rule.h"
#include "tier/tier.h"
#include "txn/gap.h"
#include "txn/pending.h"

PG_FUNCTION_INFO_V1(cachefront_get);
PG_FUNCTION_INFO_V1(cachefront_set);
PG_FUNCTION_INFO_V1(cachefront_set_jsonb);
PG_FUNCTION_INFO_V1(cachefront_set_text);
PG_FUNCTION_INFO_V1(cachefront_delete);
PG_FUNCTION_INFO_V1(cachefront_touch);
PG_FUNCTION_INFO_V1(cachefront_invalidate);
PG_FUNCTION_INFO_V1(cachefront_invalidate_tag);
PG_FUNCTION_INFO_V1(cachefront_invalidate_table);
PG_FUNCTION_INFO_V1(cachefront_flush);

/* A query that is being cached runs once for many: it must have no effects. */
void
cf_keyvalue_require_write(void)
{
	cf_shmem_require();
	if (cf_load_active())
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot change the cache in a query that is being cached")));
}

/*
 * What this server does not have in memory Redis may have; then memory has it, too.
 * Stored under its own dependencies, of which the transaction may have moved some.
 */
static text *
get_from_redis(const CfKey *key, const CfIdentity *id, const CfDefinition *def)
{
	CfTierHit	hit;

	if (!cf_l2_configured() || !cf_load_may_wait() ||
		!cf_tier_find_value(key, id, def, &hit))
		return NULL;
	(void) cf_l1_put(key, id, &hit.value, &hit.meta);
	for (int i = 0; i < hit.meta.basis.ndeps; i++)
	{
		if (cf_pending_has_tag(hit.meta.basis.deps[i]))
			return NULL;
	}
	cf_load_add_entry(hit.meta.filled_at, false, hit.meta.basis.deps, hit.meta.basis.ndeps);
	return (text *) hit.datum;
}

/* The transaction's own invalidations hold for it at once. */
static bool
is_own_invalidated(const CfL1Result *result)
{
	for (int i = 0; i < result->ndeps; i++)
	{
		if (cf_pending_has_tag(result->deps[i]))
			return true;
	}
	return false;
}

text *
cf_keyvalue_find(const CfKey *key, const CfIdentity *id, const CfDefinition *def,
				 bool ask_redis, text **stale)
{
	CfL1Result	result;
	CfL1Status	status;
	text	   *found;
	int			flags = (cf_pending_any() || cf_load_active() ? CF_L1_WANT_DEPS : 0) |
		(stale != NULL ? CF_L1_WANT_STALE : 0);

	if (stale != NULL)
		*stale = NULL;
	if (cf_pending_get(key, id, &found))
		return found;
	status = cf_l1_get(key, id, CF_L1_PART_ALL, cf_now(), flags, &result);
	if (status == CF_L1_HIT && result.value != NULL)
	{
		if (is_own_invalidated(&result))
			return NULL;
		cf_load_add_entry(result.filled_at, false, result.deps, result.ndeps);
		return (text *) result.value;
	}
	found = ask_redis ? get_from_redis(key, id, def) : NULL;
	if (found == NULL && stale != NULL && status == CF_L1_EXPIRED &&
		!is_own_invalidated(&result))
		*stale = (text *) result.value;
	return found;
}

Datum
cachefront_get(PG_FUNCTION_ARGS)
{
	CfKey		key;
	CfDefinition def;
	CfIdentity	id;
	text	   *own;
	text	   *found;
	uint64		stamp;

	cf_arg_key(fcinfo, 0, &key);
	if (unlikely(!cf_shmem_ready_or_warn()))
		PG_RETURN_NULL();
	AcceptInvalidationMessages();
	cf_define_find(&key, &def);
	cf_stats_count(def.stats_slot, CF_COUNT_GETS);
	cf_identity_of_value(&def, &id);
	/* What a load at commit makes of the transaction's own value is for others, too. */
	cf_load_check_scope(&def);
	cf_load_add_key(&key);
	if (cf_pending_get(&key, &id, &own))
	{
		if (own == NULL)
			PG_RETURN_NULL();
		PG_RETURN_TEXT_P(cstring_to_text_with_len(VARDATA(own), VARSIZE(own) - VARHDRSZ));
	}
	if (!cf_guc_enabled)
		PG_RETURN_NULL();
	stamp = cf_clock_stamp();
	found = cf_keyvalue_find(&key, &id, &def, true, NULL);
	if (found == NULL)
	{
		cf_gap_note(&key, stamp);
		PG_RETURN_NULL();
	}
	cf_stats_count(def.stats_slot, CF_COUNT_GET_HITS);
	PG_RETURN_TEXT_P(found);
}

/* Why a value cannot be kept, or NULL. */
static const char *
obstacle(const text *value)
{
	if (!cf_guc_enabled)
		return _("cachefront.enabled is off.");
	if (VARSIZE_ANY_EXHDR(value) > cf_guc_l1_max_value)
		return psprintf(_("It has %d bytes, cachefront.l1_max_value allows %d."),
						(int) VARSIZE_ANY_EXHDR(value), cf_guc_l1_max_value);
	return NULL;
}

/* Will it be kept? If not, that is said, for no error must come of it. */
static bool
can_keep(const text *value)
{
	const char *reason = obstacle(value);

	if (reason == NULL)
		return true;
	ereport(NOTICE,
			(errmsg("value is not cached"),
			 errdetail_internal("%s", reason)));
	return false;
}

/* As of the claim: has nothing changed of what a value depends on? */
static bool
is_claim_current(const CfKey *key, const CfClaimUse *claim, const CfDeps *deps)
{
	CfClockRef *clocks = cf_deps_clocks(deps, 1);
	CfBasis		basis = {
		.stamp = claim->stamp,
		.xmin = claim->xmin,
		.ndeps = deps->n,
		.deps = clocks,
	};

	clocks[deps->n] = cf_clock_of_value(key->hash);
	if (!cf_basis_is_current(key, &basis))
		return false;
	/* Before it came here its clocks say nothing. Rule 67 of docs/consistency.md. */
	return claim->lsn == 0 ||
		cf_history_is_unchanged(claim->lsn, key->hash, key->dboid, clocks, deps->n + 1);
}

bool
cf_keyvalue_renew_claim(const CfKey *key, const CfIdentity *id, const CfClaimToken *token,
						int64 hold)
{
	bool		over;
	CfClaimUse *claim = cf_claim_use(key, id, token, &over);
	TimestampTz until = cf_now() + hold;

	if (claim->refused)
		return false;
	if (!cf_tier_renew_claim(key, id, hold, claim->lease))
	{
		(void) cf_claim_release(key, id, token);
		return false;
	}
	if (cf_claim_renew(&claim->name, token, until))
		return true;
	cf_claim_give_back(key, id, token, claim->lease);
	return false;
}

/*
 * The claim by whose token a value is set. Whose time is over without anybody having inherited
 * it is renewed. Refused: it said so. The commit asks all this again, for it
 * is then that the value is stored.
 */
static CfClaimUse *
use_claim(const CfKey *key, const CfIdentity *id, const CfDefinition *def, const text *digits,
		  const CfDeps *deps)
{
	CfClaimToken token;
	bool		well_formed = cf_claim_parse(VARDATA_ANY(digits), VARSIZE_ANY_EXHDR(digits),
											 &token);
	bool		over;
	CfClaimUse *claim;
	const char *reason = NULL;

	/* What a standby sets stays there: another server's claim is no good for that. */
	if (well_formed && !RecoveryInProgress())
		(void) cf_tier_adopt_claim(key, id, &token);
	claim = cf_claim_use(key, id, well_formed ? &token : NULL, &over);
	if (!claim->refused && over)
		claim->refused = !cf_keyvalue_renew_claim(key, id, &token, CF_CLAIM_HOLD_US);
	if (claim->refused)
		reason = _("The token is not that of the key's claim (any more).");
	else if (!is_claim_current(key, claim, deps))
	{
		claim->refused = true;
		(void) cf_claim_release(key, id, &token);
		reason = _("The key or a tag of it was invalidated after the claim had been given.");
	}
	if (reason != NULL)
	{
		cf_stats_count(def->stats_slot, CF_COUNT_CLAIM_SETS_REFUSED);
		ereport(NOTICE,
				(errmsg("value is not cached"),
				 errdetail_internal("%s", reason)));
	}
	return claim;
}

/* Puts a value, JSON as text, into the transaction's log. Is it kept? */
static bool
set(FunctionCallInfo fcinfo, const CfKey *key, text *value)
{
	CfDefinition def;
	CfIdentity	id;
	text	  **tags = NULL;
	int			ntags = 0;
	CfDeps		deps;
	int64		ttl = cf_arg_ttl(fcinfo, 2);
	CfClaimUse *claim = NULL;
	uint64		missed_at = cf_gap_find(key);
	bool		kept;

	if (cf_arg_tags(fcinfo, 3) != NULL)
		tags = cf_arg_texts(fcinfo, 3, "cache tag", &ntags);
	if (ntags > CF_MAX_TAGS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a cache entry cannot have more than %d tags", CF_MAX_TAGS)));
	cf_deps_begin(key, tags, ntags, &deps);

	cf_define_find(key, &def);
	cf_identity_of_value(&def, &id);
	cf_stats_count(def.stats_slot, CF_COUNT_SETS);
	if (!PG_ARGISNULL(4))
	{
		claim = use_claim(key, &id, &def, PG_GETARG_TEXT_PP(4), &deps);
		missed_at = claim->stamp;
	}
	kept = claim == NULL || !claim->refused;
	if (kept && !can_keep(value))
	{
		kept = false;
		if (cf_guc_enabled)
			cf_stats_count(def.stats_slot, CF_COUNT_TOO_LARGE);
	}
	cf_pending_add_set(key, &id, &(CfSet) {
		.stats_slot = def.stats_slot,
		/* Not kept, the old value must go all the same. */
		.value = kept ? value : NULL,
		.ttl = cf_policy_ttl(&def, ttl, false),
		.stale_for = def.stale_ttl,
		.basis = {.stamp = missed_at, .ndeps = deps.n, .deps = cf_deps_clocks(&deps, 0)},
		.claim = claim,
	});
	return kept;
}

/* What it has in common, with the value brought into the form of json. */
static Datum
set_as(FunctionCallInfo fcinfo, text *(*to_json) (Datum value))
{
	CfKey		key;
	text	   *value;

	cf_arg_key(fcinfo, 0, &key);
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("cache value must not be null"),
				 errhint("Use cache_delete to drop a value, or store the JSON value null.")));
	value = to_json(PG_GETARG_DATUM(1));
	if (unlikely(!cf_shmem_ready_or_warn()))
		PG_RETURN_BOOL(false);
	cf_keyvalue_require_write();
	PG_RETURN_BOOL(set(fcinfo, &key, value));
}

static text *
json_of_json(Datum value)
{
	return DatumGetTextPP(value);
}

static text *
json_of_jsonb(Datum value)
{
	return cstring_to_text(DatumGetCString(DirectFunctionCall1(jsonb_out, value)));
}

static void
text_error_callback(void *arg)
{
	if (geterrcode() == ERRCODE_INVALID_TEXT_REPRESENTATION)
		errhint("The value must be JSON. to_json() makes JSON of any other value.");
}

static text *
json_of_text(Datum value)
{
	ErrorContextCallback callback = {error_context_stack, text_error_callback, NULL};
	Datum		json;

	error_context_stack = &callback;
	json = DirectFunctionCall1(json_in, CStringGetDatum(TextDatumGetCString(value)));
	error_context_stack = callback.previous;
	return DatumGetTextPP(json);
}

Datum
cachefront_set(PG_FUNCTION_ARGS)
{
	return set_as(fcinfo, json_of_json);
}

Datum
cachefront_set_jsonb(PG_FUNCTION_ARGS)
{
	return set_as(fcinfo, json_of_jsonb);
}

Datum
cachefront_set_text(PG_FUNCTION_ARGS)
{
	return set_as(fcinfo, json_of_text);
}

Datum
cachefront_touch(PG_FUNCTION_ARGS)
{
	CfKey		key;
	CfDefinition def;
	CfIdentity	id;
	int64		ttl;

	cf_arg_key(fcinfo, 0, &key);
	if (unlikely(!cf_shmem_ready_or_warn()))
		PG_RETURN_VOID();
	cf_keyvalue_require_write();
	ttl = cf_arg_ttl(fcinfo, 1);
	cf_define_find(&key, &def);
	cf_identity_of_value(&def, &id);
	cf_stats_count(def.stats_slot, CF_COUNT_TOUCHES);
	cf_pending_add_touch(&key, &id, def.stats_slot, cf_policy_ttl(&def, ttl, false));
	PG_RETURN_VOID();
}

static void
invalidate_keys(FunctionCallInfo fcinfo)
{
	int			n;
	text	  **keys;

	cf_keyvalue_require_write();
	cf_pending_note_by_hand();
	keys = cf_arg_texts(fcinfo, 0, "cache key", &n);
	for (int i = 0; i < n; i++)
		cf_check_key(keys[i]);
	for (int i = 0; i < n; i++)
	{
		CfKey		key;

		cf_key_init(&key, MyDatabaseId, VARDATA_ANY(keys[i]), VARSIZE_ANY_EXHDR(keys[i]));
		cf_pending_add_key(&key);
	}
}

Datum
cachefront_delete(PG_FUNCTION_ARGS)
{
	invalidate_keys(fcinfo);
	PG_RETURN_VOID();
}

Datum
cachefront_invalidate(PG_FUNCTION_ARGS)
{
	invalidate_keys(fcinfo);
	PG_RETURN_VOID();
}

Datum
cachefront_invalidate_tag(PG_FUNCTION_ARGS)
{
	int			n;
	text	  **tags;

	cf_keyvalue_require_write();
	cf_pending_note_by_hand();
	tags = cf_arg_texts(fcinfo, 0, "cache tag", &n);
	for (int i = 0; i < n; i++)
		cf_check_tag(tags[i]);
	for (int i = 0; i < n; i++)
	{
		CfTag		tag;

		cf_tag_init(&tag, MyDatabaseId, VARDATA_ANY(tags[i]), VARSIZE_ANY_EXHDR(tags[i]));
		cf_pending_add_tag(&tag);
	}
	PG_RETURN_VOID();
}

Datum
cachefront_invalidate_table(PG_FUNCTION_ARGS)
{
	Oid			relid;

	cf_keyvalue_require_write();
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("table must not be null")));
	relid = PG_GETARG_OID(0);
	if (get_rel_name(relid) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid)));
	switch (get_rel_relkind(relid))
	{
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE:
		case RELKIND_MATVIEW:
		case RELKIND_FOREIGN_TABLE:
			break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_WRONG_OBJECT_TYPE),
					 errmsg("\"%s\" is not a table", get_rel_name(relid)),
					 errhint("What reads a view depends on the view's tables.")));
	}
	cf_pending_note_by_hand();
	cf_trigger_whole_table(relid, cf_pending_add_tag);
	PG_RETURN_VOID();
}

Datum
cachefront_flush(PG_FUNCTION_ARGS)
{
	cf_keyvalue_require_write();
	cf_pending_note_by_hand();
	cf_pending_add_flush();
	PG_RETURN_VOID();
}
