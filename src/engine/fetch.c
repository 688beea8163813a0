/*
 * fetch.c - the order in which a read is answered:
 *
 *	1. bypass: run the query and leave no trace
 *	2. L1 hit; what is about to get too old is refreshed by a worker (ask.h), or by this
 *	   caller, and the others keep the value
 *	3. lead the flight of this identity, or wait for the one in the air
 *	4. the leader looks in L1 again, then in Redis (tier.c)
 *	5. load
 *	6. fill L1 (fill.c), then land the flight, so that whoever comes next finds one;
 *	   then fill Redis
 *
 * Every way out of step 3 lands the flight: see lead().
 *
 * src/engine/fetch.c
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/inval.h"

#include "base/debug_point.h"
#include "base/guc.h"
#include "base/position.h"
#include "base/subxact.h"
#include "engine/ask.h"
#include "engine/fetch.h"
#include "engine/fill.h"
#include "engine/flight.h"
#include "engine/marker.h"
#include "engine/policy.h"
#include "engine/trouble.h"
#include "engine/verify.h"
#include "load/loader.h"
#include "load/watch.h"
#include "request/identity.h"
#include "request/params.h"
#include "rules/rule.h"
#include "stats/hotkeys.h"
#include "tier/tier.h"

#define count(request, counter) cf_stats_count((request)->def.stats_slot, (counter))

CfL1Status
cf_fetch_look(CfRequest *request, TimestampTz now, CfL1Result *result)
{
	return cf_marker_get(request, CF_L1_PART_NONE, now, 0, result);
}

/* What is declared of an entry is not declared of what is made of it. */
static bool
is_proven(const CfRequest *request)
{
	return request->def.freshness == CF_FRESHNESS_PROVEN;
}

static CfL1Status
look_in_l1(CfRequest *request, TimestampTz now, int flags, CfL1Result *result)
{
	CfL1Status	status;

	if (unlikely(cf_load_active()))
		flags |= CF_L1_WANT_DEPS;
	status = cf_marker_get(request, request->part, now, flags, result);
	if (unlikely(result->behind))
		count(request, CF_COUNT_STANDBY_BEHIND);
	if (unlikely(result->no_memory))
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory"),
				 errdetail("Failed on a cached value of %u bytes.", result->value_len)));
	if (unlikely(result->deps != NULL) && !result->lacks_tags)
	{
		cf_load_add_entry(result->filled_at,
						  result->covered && !result->outdated && is_proven(request), result->deps,
						  result->ndeps);
		cf_watch_nested_fetch(request->binding);
	}
	if (unlikely(result->outdated) && status == CF_L1_HIT)
		count(request, CF_COUNT_MAX_STALE_HITS);
	return status;
}

/* What a leader's load touches on its way. */
typedef struct Leading
{
	CfSharedFlight *flight;
	CfTier		tier;
} Leading;

static void
load_begun(void *arg)
{
	cf_flight_begin_snapshot(((Leading *) arg)->flight);
}

static void
run_load(const CfRequest *request, CfLoad *load, Leading *leading)
{
	CfLoadHooks hooks = {leading, load_begun};

	cf_load_run(request, load, &hooks);
}

typedef struct LoadCall
{
	const CfRequest *request;
	CfLoad	   *load;
	Leading    *leading;
} LoadCall;

static void
run_load_call(void *arg)
{
	LoadCall   *call = arg;

	run_load(call->request, call->load, call->leading);
}

/*
 * A conflict with recovery ends the connection of who is in a subtransaction, and
 * fails the query of who is not.
 */
static bool
may_begin_subxact(void)
{
	return !IsInParallelMode() && !RecoveryInProgress();
}

/*
 * Loads in a subtransaction, so that trouble of the query can be answered with
 * the value that is still at hand. False: there was some.
 */
static bool
load_or_fail(const CfRequest *request, CfLoad *load, Leading *leading)
{
	LoadCall	call = {request, load, leading};
	ErrorData  *error = cf_subxact_try(run_load_call, &call);

	if (error == NULL)
		return true;
	if (!cf_error_is_trouble(error))
		ReThrowError(error);
	FreeErrorData(error);
	return false;
}

static void
run_query(const CfRequest *request, CfLoad *load)
{
	PG_TRY();
	{
		cf_load_run(request, load, NULL);
	}
	PG_CATCH();
	{
		count(request, CF_COUNT_LOAD_ERRORS);
		PG_RE_THROW();
	}
	PG_END_TRY();
}

/* Step 5, outside of any flight. */
static struct varlena *
load_alone(const CfRequest *request, bool may_fill)
{
	CfLoad		load;
	CfDeps		deps;
	CfL1Meta	meta;

	run_query(request, &load);
	if (may_fill)
		(void) cf_fill(request, &load, NULL, &deps, &meta);
	return cf_value_copy(&load.value, request->part);
}

/*
 * A REPEATABLE READ transaction loads from its own snapshot. It may fill only
 * if nothing that the value depends on has been invalidated since.
 */
static struct varlena *
load_old_snapshot(const CfRequest *request, FullTransactionId xmin)
{
	CfLoad		load;
	CfDeps		deps;
	CfL1Meta	meta;

	run_query(request, &load);
	cf_fill_describe(request, &load, NULL, &deps, &meta);
	meta.basis.xmin = xmin;
	if (meta.provable && load.bypass == CF_BYPASS_NONE &&
		cf_watch_binding(load.sources.traits) <= request->binding && !cf_policy_has_written() &&
		cf_identity_still_holds(request) &&
		cf_deps_fit(meta.basis.ndeps - meta.ndefined))
		(void) cf_fill_put(request, &load.value, &meta);
	return cf_value_copy(&load.value, request->part);
}

/* Step 4, second half: a value that is in Redis goes into L1 and to those who wait. */
static bool
take_from_tier(const CfRequest *request, Leading *leading, TimestampTz newer_than,
			   TimestampTz deadline, CfTierHit *hit)
{
	if (!cf_l2_configured())
		return false;
	/* Who joins from here on must look at the clocks: the value may be older. */
	cf_flight_begin_snapshot(leading->flight);
	if (!cf_tier_look(&leading->tier, request, newer_than, deadline, hit))
		return false;
	(void) cf_fill_put(request, &hit->value, &hit->meta);
	cf_hot_note(&request->key, &request->id, request->def.stats_slot, hit->value.len, 1,
			    leading->tier.variant.ns);
	cf_load_add_entry(hit->meta.filled_at, hit->meta.covered && is_proven(request),
					  hit->meta.basis.deps, hit->meta.basis.ndeps);
	cf_watch_nested_fetch(request->binding);
	return true;
}

/* What is there by now, without its value; its dependencies if it lacks tags. */
static CfL1Status
look_again(const CfRequest *request, CfL1Result *again)
{
	bool		tagged = request->limits != NULL && request->limits->ntags > 0;
	CfL1Ask		ask = {
		.part = CF_L1_PART_NONE,
		.now = cf_now(),
		.flags = tagged ? CF_L1_WANT_DEPS : 0,
		.limits = request->limits,
	};
	CfL1Status	status = cf_l1_get_within(&request->key, &request->id, &ask, again);

	if (again->no_memory)
		again->ndeps = 0;		/* nothing is kept, then */
	return status;
}

/*
 * Steps 4 to 6. have_old says that a value is at hand should the query fail;
 * only one filled after newer_than answers step 4. Returns false, with no
 * value, if the query failed or L1 has an answer now: look there.
 */
static bool
lead(const CfRequest *asked, CfSharedFlight *flight, bool have_old,
	 TimestampTz newer_than, TimestampTz deadline, struct varlena **value)
{
	CfMiss		miss = {CurrentMemoryContext};
	CfRequest	with_miss = *asked;
	const CfRequest *request = &with_miss;
	Leading		leading = {flight};
	CfL1Result	again;
	CfTierHit	hit;
	CfLoad		load;
	CfDeps		deps;
	CfL1Meta	meta;
	volatile bool landed = false;
	volatile bool found = false;
	volatile bool loaded = false;

	with_miss.miss = &miss;

	PG_TRY();
	{
		cf_flight_lock(flight);
		CF_WAIT_POINT("flight-leader");
		if (look_again(request, &again) == CF_L1_HIT && again.filled_at > newer_than)
		{
			landed = true;
			cf_flight_abort(flight, CF_FLIGHT_RETRY);
		}
		else if (take_from_tier(request, &leading, newer_than, deadline, &hit))
		{
			found = landed = true;
			cf_flight_finish(flight, &hit.value, &hit.meta);
		}
		else if (have_old && may_begin_subxact())
			loaded = load_or_fail(request, &load, &leading);
		else
		{
			run_load(request, &load, &leading);
			loaded = true;
		}

		if (loaded)
		{
			CfFilled	filled = cf_fill(request, &load, &again, &deps, &meta);

			CF_WAIT_POINT("flight-before-landing");
			landed = true;
			if (filled == CF_FILLED_SHARED)
			{
				cf_flight_finish(flight, &load.value, &meta);
				cf_tier_fill(&leading.tier, &load, &meta);
			}
			else
			{
				cf_flight_abort(flight, filled == CF_FILLED_PRIVATE ?
								CF_FLIGHT_PRIVATE : CF_FLIGHT_RETRY);
				cf_tier_release(&leading.tier);
			}
		}
		else if (!landed)
		{
			landed = true;
			count(request, CF_COUNT_LOAD_ERRORS);
			cf_flight_abort(flight, CF_FLIGHT_RETRY);
			cf_tier_release(&leading.tier);
		}
	}
	PG_CATCH();
	{
		if (!loaded)
			count(request, CF_COUNT_LOAD_ERRORS);
		if (!landed)
			cf_flight_abort(flight, CF_FLIGHT_RETRY);
		cf_tier_release(&leading.tier);
		PG_RE_THROW();
	}
	PG_END_TRY();

	if (found)
		*value = cf_value_copy(&hit.value, request->part);
	if (loaded)
		*value = cf_value_copy(&load.value, request->part);
	return found || loaded;
}

/* A value past its time to live, if there is one that no commit invalidated. */
static bool
serve_stale(CfRequest *request, struct varlena **value)
{
	CfL1Result	old;
	CfL1Status	status = look_in_l1(request, cf_now(), CF_L1_WANT_STALE, &old);

	if (status != CF_L1_HIT && status != CF_L1_EXPIRED)
		return false;
	count(request, status == CF_L1_EXPIRED ? CF_COUNT_STALE_HITS : CF_COUNT_L1_HITS);
	*value = old.value;
	return true;
}

/* Sleeps until the flight lands. True: answered. */
static bool
wait_for(CfRequest *request, CfSharedFlight *flight, TimestampTz deadline,
		 struct varlena **value)
{
	CfL1Result	result;
	instr_time	begin;
	instr_time	end;
	CfFlightOutcome outcome;

	INSTR_TIME_SET_CURRENT(begin);
	outcome = cf_flight_wait(flight, deadline, request->part, request->limits, &result);
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, begin);
	cf_stats_latency(CF_LATENCY_FLIGHT_WAIT,
					 (uint64) INSTR_TIME_GET_MICROSEC(end) * 1000);

	switch (outcome)
	{
		case CF_FLIGHT_VALUE:
			count(request, CF_COUNT_HANDOVERS);
			*value = result.value;
			return true;
		case CF_FLIGHT_RETRY:
			return false;
		case CF_FLIGHT_TIMEOUT:
			count(request, CF_COUNT_FLIGHT_TIMEOUTS);
			if (!serve_stale(request, value))
				*value = load_alone(request, true);
			return true;
		case CF_FLIGHT_PRIVATE:
			*value = load_alone(request, true);
			return true;
	}
	return false;
}

/* Step 3 and on. have_old: an expired value is there, should the query fail. */
static struct varlena *
fetch_missed(CfRequest *request, bool have_old)
{
	TimestampTz deadline = cf_steady_now() +
		cf_guc_flight_timeout * INT64CONST(1000);
	struct varlena *value = NULL;
	CfSharedFlight *flight;
	CfL1Result	result;

	count(request, CF_COUNT_MISSES);
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		/* Whose result is made of ours must know what ours is made of. */
		switch (cf_flight_join(&request->key, &request->id, !cf_load_active(), &flight))
		{
			case CF_FLIGHT_LEAD:
				if (lead(request, flight, have_old, PG_INT64_MIN, deadline, &value))
					return value;
				if (serve_stale(request, &value))
					return value;
				have_old = false;	/* gone meanwhile: the error is the answer */
				continue;
			case CF_FLIGHT_WAIT:
				if (wait_for(request, flight, deadline, &value))
					return value;
				break;
			case CF_FLIGHT_ALONE:
				return load_alone(request, true);
		}

		/* The flight landed without a value for this session. */
		switch (look_in_l1(request, cf_now(), 0, &result))
		{
			case CF_L1_HIT:
				count(request, CF_COUNT_HANDOVERS);
				return result.value;
			case CF_L1_MARKED:
				return load_alone(request, true);
			case CF_L1_EXPIRED:
				have_old = true;
				break;
			case CF_L1_MISS:
				break;
		}
	}
}

/*
 * A worker loads, or else the caller that XFetch chose, unless somebody does already; if the
 * query fails, the value that it has is still good.
 */
static struct varlena *
refresh_early(const CfRequest *request, const CfL1Result *hit)
{
	TimestampTz deadline = cf_steady_now() +
		cf_guc_flight_timeout * INT64CONST(1000);
	struct varlena *value;
	CfSharedFlight *flight;

	if (cf_ask(request, hit->filled_at) || IsInParallelMode() ||
		cf_flight_join(&request->key, &request->id, false, &flight) != CF_FLIGHT_LEAD)
		return hit->value;
	count(request, CF_COUNT_EARLY_REFRESHES);
	if (!lead(request, flight, true, hit->filled_at, deadline, &value))
		return hit->value;
	return value;
}

void
cf_fetch_refresh(const CfRequest *request, TimestampTz newer_than)
{
	TimestampTz deadline = cf_steady_now() + cf_guc_flight_timeout * INT64CONST(1000);
	struct varlena *value;
	CfSharedFlight *flight;

	if (cf_flight_join(&request->key, &request->id, false, &flight) == CF_FLIGHT_LEAD)
		(void) lead(request, flight, false, newer_than, deadline, &value);
}

/*
 * Past its time to live, and no commit has outdated it: where the cache says so it is served
 * while a worker loads. False: load it.
 */
static bool
serve_and_ask(CfRequest *request, const CfL1Result *expired, struct varlena **value)
{
	return request->def.refresh_after > 0 && cf_ask(request, expired->filled_at) &&
		serve_stale(request, value);
}

/* The live self-check: what the query gives, if that is not what the hit is. */
static struct varlena *
verify_hit(const CfRequest *request, const CfL1Result *hit)
{
	CfLoad		load;

	return cf_verify(request, &load) ? cf_value_copy(&load.value, request->part) : hit->value;
}

static struct varlena *
fetch_hit(const CfRequest *request, const CfL1Result *hit, TimestampTz now)
{
	count(request, CF_COUNT_L1_HITS);
	if (hit->negative)
		count(request, CF_COUNT_NEGATIVE_HITS);
	if (unlikely(cf_verify_is_due(hit)))
		return verify_hit(request, hit);
	if (unlikely(cf_policy_refresh_is_due(&request->def, hit, now)))
		return refresh_early(request, hit);
	return hit->value;
}

/*
 * Step 1. REPEATABLE READ, and a transaction that has written, may take a hit
 * that their own snapshot and writes would give as well. Rules 8 and 10 of
 * docs/consistency.md.
 */
static struct varlena *
fetch_bypass(CfRequest *request, CfBypass bypass)
{
	CfL1Result	result;
	CfL1Proof	proof;
	CfL1Ask		ask = {
		.part = request->part,
		.now = cf_now(),
		.limits = request->limits,
		.proof = &proof,
	};

	if (!cf_load_active() && cf_policy_proof(request, bypass, &proof))
	{
		if (cf_policy_may_share(request) &&
			cf_l1_get_within(&request->key, &request->id, &ask, &result) == CF_L1_HIT &&
			!result.no_memory)
		{
			count(request, CF_COUNT_L1_HITS);
			if (result.negative)
				count(request, CF_COUNT_NEGATIVE_HITS);
			return result.value;
		}
		if (bypass == CF_BYPASS_REPEATABLE_READ && !cf_policy_has_written())
		{
			cf_policy_count(request, bypass);
			return load_old_snapshot(request, proof.xmin);
		}
	}
	cf_policy_count(request, bypass);
	return load_alone(request, false);
}

/*
 * With Redis, what the plan tells of settings is asked before it is looked for
 * there: values are kept under the identity that has them, and the marker that
 * leads to it is in the memory of a server only.
 */
static CfL1Status
look_first(CfRequest *request, TimestampTz now, CfL1Result *result)
{
	CfL1Status	status = look_in_l1(request, now, 0, result);

	if (likely(status != CF_L1_MISS) || !cf_l2_configured() ||
		!cf_marker_bind_as_planned(request))
		return status;
	return look_in_l1(request, now, 0, result);
}

struct varlena *
cf_fetch(CfRequest *request)
{
	bool		timed = cf_stats_sample();
	instr_time	begin;
	instr_time	end;
	CfL1Result	result;
	struct varlena *value;
	CfBypass	bypass;
	TimestampTz now;
	bool		nested = cf_load_active();

	check_stack_depth();
	if (timed)
		INSTR_TIME_SET_CURRENT(begin);

	/* What the identity is made of must be as current as what a load will see. */
	AcceptInvalidationMessages();
	cf_request_define(request);
	cf_request_set_limits(request);
	count(request, CF_COUNT_FETCHES);
	/* This gives the arguments their types, which all that follows needs. */
	cf_identity_of_request(request);
	cf_watch_read();
	if (unlikely(nested))
		cf_watch_nested_fetch(CF_BOUND_NONE);
	bypass = cf_policy_bypass(request);
	if (unlikely(bypass != CF_BYPASS_NONE))
		return fetch_bypass(request, bypass);
	if (unlikely(nested))
		cf_load_check_scope(&request->def);
	request->max_stale = cf_policy_max_stale(request);

	if (unlikely(!cf_policy_may_share(request)))
	{
		cf_policy_count(request, CF_BYPASS_ROW_SECURITY);
		return load_alone(request, false);
	}
	now = cf_now();
	switch (look_first(request, now, &result))
	{
		case CF_L1_HIT:
			if (timed)
			{
				INSTR_TIME_SET_CURRENT(end);
				INSTR_TIME_SUBTRACT(end, begin);
				cf_stats_latency(CF_LATENCY_L1_HIT,
								 (uint64) (INSTR_TIME_GET_DOUBLE(end) * 1e9));
			}
			if (unlikely(cf_hot_sample()))
				cf_hot_note(&request->key, &request->id, request->def.stats_slot,
							result.value_len, CF_HOT_SAMPLED, cf_place_mine());
			return fetch_hit(request, &result, now);
		case CF_L1_EXPIRED:
			/* With Redis gone, all servers' loads would meet at the tables. */
			if (unlikely(cf_tier_is_down()) && !RecoveryInProgress() &&
				serve_stale(request, &value))
				return value;
			if (serve_and_ask(request, &result, &value))
				return value;
			return fetch_missed(request, true);
		case CF_L1_MISS:
			return fetch_missed(request, false);
		case CF_L1_MARKED:
			cf_policy_count(request, cf_marker_bypass(result.marker));
			return load_alone(request, false);
	}
	return NULL;
}

struct varlena *
cf_fetch_uncached(CfRequest *request)
{
	AcceptInvalidationMessages();
	cf_request_define(request);
	cf_identity_of_request(request);
	cf_watch_nested_fetch(CF_BOUND_NONE);
	cf_load_check_scope(&request->def);
	return load_alone(request, false);
}

struct varlena *
cf_fetch_without_cache(CfRequest *request)
{
	CfLoad		load;

	MemSet(&request->def, 0, sizeof(request->def));
	cf_params_resolve(request, NULL);
	cf_load_run_plain(request, &load);
	return cf_value_copy(&load.value, request->part);
}
