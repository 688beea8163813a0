/*
 * claim.c - cache_claim, cache_renew, cache_release: one computes, the others wait.
 *
 * The order of a call: look for the value; ask for the claim; look in memory again, for
 * who had the claim may have set the value in between; ask the other servers, by Redis.
 * Who does not get it sleeps until something happens, and begins anew.
 *
 * src/api/claim.c
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/timestamp.h"

#include "api/args.h"
#include "api/keyvalue.h"
#include "base/debug_point.h"
#include "base/guc.h"
#include "base/position.h"
#include "base/shmem.h"
#include "request/identity.h"
#include "tier/tier.h"
#include "txn/gap.h"

PG_FUNCTION_INFO_V1(cachefront_claim);
PG_FUNCTION_INFO_V1(cachefront_renew);
PG_FUNCTION_INFO_V1(cachefront_release);

#define CF_CLAIM_WAIT_US (5 * USECS_PER_SEC)
#define CF_CLAIM_MAX_HOLD_US USECS_PER_HOUR
#define CF_FIRST_PAUSE_MS 1		/* between looks for another server's value */
#define CF_LAST_PAUSE_MS 50

/* One call of cache_claim. */
typedef struct Call
{
	CfKey		key;
	CfDefinition def;
	CfIdentity	id;
	CfHash128	name;
	int64		hold;			/* us */
	TimestampTz deadline;		/* of waiting, by cf_steady_now() */
	bool		may_wait;
	bool		waited;
	const CfClaimToken *mine;	/* or NULL */

	/* What it finds */
	text	   *value;			/* a hit, or stale; or NULL */
	bool		hit;
	bool		claimed;
	CfClaimToken token;
} Call;

static int64
interval_arg(FunctionCallInfo fcinfo, int i, const char *what, bool zero_ok, int64 otherwise)
{
	return PG_ARGISNULL(i) ? otherwise :
		cf_ttl_check(PG_GETARG_INTERVAL_P(i), what, zero_ok);
}

static int64
hold_arg(FunctionCallInfo fcinfo, int i)
{
	int64		hold = interval_arg(fcinfo, i, "hold", false, CF_CLAIM_HOLD_US);

	if (hold > CF_CLAIM_MAX_HOLD_US)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("hold must not exceed one hour"),
				 errhint("Who computes for longer renews the claim with cache_renew.")));
	return hold;
}

/* NULL: the argument is none, or cannot be a token. */
static const CfClaimToken *
token_arg(FunctionCallInfo fcinfo, int i, CfClaimToken *token)
{
	text	   *digits;

	if (PG_ARGISNULL(i))
		return NULL;
	digits = PG_GETARG_TEXT_PP(i);
	return cf_claim_parse(VARDATA_ANY(digits), VARSIZE_ANY_EXHDR(digits), token) ? token : NULL;
}

static bool
may_go_on_waiting(Call *call)
{
	if (!call->may_wait || cf_steady_now() >= call->deadline)
		return false;
	if (!call->waited)
		cf_stats_count(call->def.stats_slot, CF_COUNT_CLAIM_WAITS);
	call->waited = true;
	return true;
}

static void
claimed(Call *call, const CfClaim *claim)
{
	call->claimed = true;
	call->token = claim->token;
}

static bool
found(Call *call, text *value)
{
	if (value == NULL)
		return false;
	call->value = value;
	call->hit = true;
	return true;
}

static void
pause_before_next_look(long *ms)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, *ms,
					 cf_wait_event_flight);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	*ms = Min(*ms * 2, CF_LAST_PAUSE_MS);
}

/* False: a claim that another server has given was adopted meanwhile, in its place. */
static bool
begin(Call *call, const CfClaim *claim, TimestampTz until, uint64 stamp, uint64 lsn,
	  const char *lease)
{
	if (!cf_claim_begin(&call->name, &claim->token, until, stamp, lsn, lease))
	{
		cf_claim_give_back(&call->key, &call->id, &claim->token, lease);
		return false;
	}
	claimed(call, claim);
	cf_stats_count(call->def.stats_slot, CF_COUNT_CLAIMS);
	if (claim->inherited)
		cf_stats_count(call->def.stats_slot, CF_COUNT_CLAIMS_INHERITED);
	return true;
}

/*
 * The session has the claim on this server: now the others. While it waits for one of
 * them it keeps the claim here, and the sessions of this server wait for it. False:
 * begin anew.
 */
static bool
ask_other_servers(Call *call, const CfClaim *claim)
{
	CfTierClaim ask = {
		.token = claim->token,
		.hold_us = call->hold,
		.instead = claim->lease,
	};
	char		lease[CF_TOKEN_LEN + 1];
	long		pause_ms = CF_FIRST_PAUSE_MS;
	uint64		stamp;
	TimestampTz until;

	for (;;)
	{
		bool		patient = call->may_wait && call->value == NULL &&
			cf_steady_now() < call->deadline;

		if (found(call, cf_keyvalue_find(&call->key, &call->id, &call->def, false, NULL)))
			break;
		ask.lsn = cf_position_lsn();
		stamp = cf_clock_stamp();
		until = cf_now() + call->hold;
		switch (cf_tier_claim(&call->key, &call->id, &call->def, &ask, patient, lease))
		{
			case CF_LEASE_GRANTED:
			case CF_LEASE_REFUSED:
				return begin(call, claim, until, stamp, ask.lsn, lease);
			case CF_LEASE_FILLED:
				if (found(call, cf_keyvalue_find(&call->key, &call->id, &call->def, true, NULL)))
					goto done;
				break;
			case CF_LEASE_OTHER:
				break;
		}
		if (call->value != NULL || !may_go_on_waiting(call))
			break;
		if (!cf_claim_renew(&call->name, &claim->token, cf_now() + call->hold))
			return false;
		pause_before_next_look(&pause_ms);
		ask.instead = "";
	}
done:
	(void) cf_claim_release(&call->key, &call->id, &claim->token);
	return true;
}

/* Another server may have set the value, or given the claim back. */
static void
look_elsewhere(const Call *call, const CfClaim *claim)
{
	if (claim->lease[0] != '\0' &&
		cf_tier_is_claim_over(&call->key, &call->id, &claim->token))
		cf_claim_ended_elsewhere(&call->name, &claim->token);
}

static void
run(Call *call)
{
	bool		look = true;	/* into Redis */

	for (bool first = true;; first = false)
	{
		uint32		events = cf_claim_events(&call->name);
		CfClaim		claim;

		if (found(call, cf_keyvalue_find(&call->key, &call->id, &call->def, look,
										 &call->value)))
		{
			if (look && !first)
				cf_claim_wake(&call->key, &call->id);
			return;
		}
		CF_WAIT_POINT("claim-before-take");
		switch (cf_claim_take(&call->key, &call->id, call->hold, call->mine, &claim))
		{
			case CF_CLAIM_OWN:
				if (cf_keyvalue_renew_claim(&call->key, &call->id, &claim.token, call->hold))
				{
					claimed(call, &claim);
					return;
				}
				break;
			case CF_CLAIM_GIVEN:
				if (ask_other_servers(call, &claim))
					return;
				break;
			case CF_CLAIM_HELD:
				/* Nobody waits who has a value. */
				if (call->value != NULL || !may_go_on_waiting(call))
					return;
				if (look && !first)
					look_elsewhere(call, &claim);
				if (!cf_claim_sleep(&call->name, events, &claim, call->deadline, &look))
					return;
				break;
			case CF_CLAIM_REFUSED:
				return;
		}
		CHECK_FOR_INTERRUPTS();
	}
}

static const char *
state_of(const Call *call)
{
	if (call->hit)
		return "hit";
	if (call->value != NULL)
		return "stale";
	return call->claimed ? "claimed" : "timeout";
}

static Datum
result_of(FunctionCallInfo fcinfo, const Call *call)
{
	TupleDesc	desc;
	Datum		values[3];
	bool		nulls[3] = {false};
	char		digits[CF_CLAIM_TOKEN_DIGITS + 1];

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = PointerGetDatum(call->value);
	nulls[0] = call->value == NULL;
	cf_claim_print(&call->token, digits);
	values[1] = CStringGetTextDatum(digits);
	nulls[1] = !call->claimed;
	values[2] = CStringGetTextDatum(state_of(call));
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

Datum
cachefront_claim(PG_FUNCTION_ARGS)
{
	Call		call = {0};
	CfClaimToken mine;
	uint64		stamp;

	cf_shmem_require();
	cf_arg_key(fcinfo, 0, &call.key);
	call.deadline = cf_steady_now() +
		interval_arg(fcinfo, 1, "wait", true, CF_CLAIM_WAIT_US);
	call.hold = hold_arg(fcinfo, 2);
	call.mine = token_arg(fcinfo, 3, &mine);
	cf_keyvalue_require_write();
	AcceptInvalidationMessages();
	cf_define_find(&call.key, &call.def);
	cf_stats_count(call.def.stats_slot, CF_COUNT_GETS);
	cf_identity_of_value(&call.def, &call.id);
	if (!cf_guc_enabled)
		return result_of(fcinfo, &call);
	cf_claim_name(&call.key, &call.id, &call.name);
	/* Others may wait for what it has changed: it must not wait for them. */
	call.may_wait = !TransactionIdIsValid(GetTopTransactionIdIfAny());
	if (call.mine != NULL)
		(void) cf_tier_adopt_claim(&call.key, &call.id, call.mine);
	stamp = cf_clock_stamp();
	run(&call);
	if (call.hit)
		cf_stats_count(call.def.stats_slot, CF_COUNT_GET_HITS);
	else
		cf_gap_note(&call.key, stamp);
	if (call.value == NULL && !call.claimed)
		cf_stats_count(call.def.stats_slot, CF_COUNT_CLAIM_TIMEOUTS);
	return result_of(fcinfo, &call);
}

/* The key and the token of a call; false: nothing can be theirs. */
static bool
claim_args(FunctionCallInfo fcinfo, CfKey *key, CfIdentity *id, CfClaimToken *token)
{
	CfDefinition def;

	cf_arg_key(fcinfo, 0, key);
	cf_keyvalue_require_write();
	cf_define_find(key, &def);
	cf_identity_of_value(&def, id);
	if (token_arg(fcinfo, 1, token) == NULL)
		return false;
	(void) cf_tier_adopt_claim(key, id, token);
	return true;
}

Datum
cachefront_renew(PG_FUNCTION_ARGS)
{
	CfKey		key;
	CfIdentity	id;
	CfClaimToken token;
	int64		hold;

	cf_shmem_require();
	hold = hold_arg(fcinfo, 2);
	PG_RETURN_BOOL(claim_args(fcinfo, &key, &id, &token) &&
				   cf_keyvalue_renew_claim(&key, &id, &token, hold));
}

Datum
cachefront_release(PG_FUNCTION_ARGS)
{
	CfKey		key;
	CfIdentity	id;
	CfClaimToken token;

	cf_shmem_require();
	PG_RETURN_BOOL(claim_args(fcinfo, &key, &id, &token) &&
				   cf_claim_release(&key, &id, &token));
}
