/*
 * tier.c - Redis on the way of a read that L1 cannot answer.
 *
 * 1. Stamp the local clocks.
 * 2. Look. On a standby the versions of the tags come in the same round trip:
 *	  they are known but for tables that no row rule covers, and what an earlier
 *	  read of this session found out is remembered.
 * 3. A value counts if its tags have the versions that it was filled under, and
 *	  if, after that, this server's own clocks say the same: none moved since
 *	  the stamp, none is pending, and no invalidation has a later LSN than the
 *	  value. The latter holds whatever Redis may have lost; and on the writing
 *	  server the clocks know of each invalidation of a tag since it started, so
 *	  that for values from since then it need not ask for versions at all.
 * 4. Else ask for a lease, unless a clock is pending. Who does not get it
 *	  because another server loads waits for that.
 * 5. Before the snapshot of the load: the versions of the tags. One that is
 *	  missing is marked, and confirmed if still nobody is in a commit window.
 * 6. Fill, if no clock has moved since the stamp and Redis still knows the lease.
 *
 * Steps 2 and 3 are in tier_value.c, 5 and 6 in tier_fill.c.
 *
 * From step 4 on a lease may be this session's. Others wait for who has it, so
 * every way out gives it back: PG_CATCH in fetch.c, and before_shmem_exit for a
 * session that is terminated. Those of loads inside of each other are a list,
 * on the stack.
 *
 * src/engine/tier.c
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "storage/ipc.h"
#include "storage/latch.h"

#include "debug_point.h"
#include "engine/tier_internal.h"
#include "guc.h"
#include "l2/breaker.h"
#include "l2/keyring.h"
#include "shmem.h"

#define CF_FIRST_PAUSE_US 1000	/* between looks for another server's value */
#define CF_LAST_PAUSE_US 50000
#define CF_RUNS_OF_A_FILL 3		/* lease, versions, fill: who cannot do all need not begin */

static bool (*outbox_look) (const CfSpace *space) = NULL;

/* Reads that have a lease, or may have one, the innermost first. */
static CfTier *leased = NULL;

void
cf_tier_set_outbox_look(bool (*look) (const CfSpace *space))
{
	outbox_look = look;
}

bool
cf_tier_is_down(void)
{
	return cf_l2_configured() && cf_breaker_is_open();
}

/*
 * Nothing is read there while invalidations wait to be delivered. What a
 * standby can see of the outbox is as old as its tables, which is what counts.
 */
static bool
is_trusted(const CfSpace *space)
{
	if (!RecoveryInProgress() && cf_space_outbox(space) == CF_OUTBOX_EMPTY)
		return true;
	if (!RecoveryInProgress() && cf_space_outbox(space) == CF_OUTBOX_WAITING)
		return false;
	return outbox_look(space);
}

const char *
cf_tier_obstacle(void)
{
	const CfSpace *space;
	const CfKeyring *keyring;
	bool		required;

	if (!cf_l2_configured())
		return "cachefront.redis_url is empty";
	if (cf_breaker_is_open())
		return "Redis cannot be reached";
	space = cf_space_mine();
	if (space == NULL)
		return "too many databases use Redis";
	if (!is_trusted(space))
		return "invalidations in cache_outbox are not delivered yet";
	if (!cf_keyring_get(&keyring, &required))
		return "cachefront.encryption_key_file cannot be used: see the server's log";
	return NULL;
}

void
cf_tier_begin_step(const CfTier *tier)
{
	cf_l2_allow(tier->allowance);
}

void
cf_tier_end_step(CfTier *tier)
{
	tier->allowance = cf_l2_end_allowance();
}

static int64
full_allowance(void)
{
	return (int64) cf_guc_redis_command_timeout * 1000;
}

/* Steps 1 to 3. *failed: Redis is not there (any more). */
static bool
look_once(CfTier *tier, CfTierHit *hit, bool *failed)
{
	CfL2Tag    *tags = NULL;
	int			ntags = 0;
	CfLook		look;

	tier->stamp = cf_clock_stamp();
	if (RecoveryInProgress())
		tags = cf_tier_guess_tags(tier->request, &ntags);
	/* A commit that Redis did not hear of has said so before it settled. */
	*failed = !is_trusted(tier->variant.space) ||
		cf_store_look(&tier->variant, tags, ntags, &tier->floor, &look, true) != CF_L2_OK;
	return !*failed && look.state == CF_LOOK_PRESENT &&
		cf_tier_take_value(tier, &look, tags, ntags, hit);
}

/* A clock of the key or of a tag is pending: a commit is under way. */
static bool
is_pending(const CfTier *tier)
{
	CfL1Meta	meta = {0};
	CfDeps		deps;
	int			ntags;
	text	  **tags = cf_request_tags(tier->request, &ntags);

	cf_deps_begin(&tier->request->key, tags, ntags, &deps);
	meta.stamp = tier->stamp;
	meta.deps = cf_deps_clocks(&deps, 0);
	meta.ndeps = deps.n;
	return !cf_l1_meta_is_current(&tier->request->key, &meta);
}

static bool
open_space(CfTier *tier)
{
	const CfSpace *space;
	const CfFloor *floor;

	if (!cf_l2_configured() || IsInParallelMode())
		return false;
	space = cf_space_mine();
	if (space == NULL)
		return false;
	if (!is_trusted(space))
	{
		cf_space_left_out(space);
		return false;
	}
	cf_l2_set_max_reply(CF_L2_MAX_VALUE + 1024 * 1024);
	if (cf_space_open(space, true, &floor) != CF_L2_OK)
		return false;
	tier->floor = *floor;
	cf_store_variant(&tier->variant, space, &tier->request->key, &tier->request->id);
	return true;
}

static void
pause_before_next_look(long *us)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 Max(*us / 1000, 1), cf_wait_event_flight);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	*us = Min(*us * 3 / 2, CF_LAST_PAUSE_US);
}

/*
 * The session is terminated in the middle of a load. Where Redis was asked just
 * then, the connection is of no more use.
 */
static void
tier_exit(int code, Datum arg)
{
	if (leased != NULL)
		cf_l2_drop_if_busy();
	while (leased != NULL)
		cf_tier_release(leased);
}

static void
take_hold(CfTier *tier)
{
	static bool registered = false;

	if (!registered)
		before_shmem_exit(tier_exit, (Datum) 0);
	registered = true;
	tier->state = CF_TIER_ASKED;
	tier->outer = leased;
	leased = tier;
}

void
cf_tier_let_go(CfTier *tier, CfTierState state)
{
	Assert(leased == tier);
	leased = tier->outer;
	tier->state = state;
}

void
cf_tier_reset(void)
{
	leased = NULL;
}

/*
 * Step 4. A lease outlives no flight: who loads for longer than waiters wait
 * has nobody left to load for.
 */
static CfLeaseState
ask_lease(CfTier *tier)
{
	if (is_pending(tier) || !cf_l2_can_afford(CF_RUNS_OF_A_FILL))
		return CF_LEASE_REFUSED;
	CF_WAIT_POINT("tier-before-lease");
	take_hold(tier);
	if (cf_store_lease(&tier->variant, cf_guc_flight_timeout, &tier->floor, &tier->lease,
					   true) != CF_L2_OK)
		tier->lease.state = CF_LEASE_REFUSED;
	if (tier->lease.state == CF_LEASE_GRANTED)
		tier->state = CF_TIER_LEASED;
	else
		cf_tier_let_go(tier, CF_TIER_AWAY);
	return tier->lease.state;
}

/*
 * Who had the lease before may have filled between our last look and our lease.
 * The stamp of that look stays, for it must be older than the lease's LSN.
 */
static bool
look_under_lease(CfTier *tier, TimestampTz newer_than, CfTierHit *hit)
{
	uint64		stamp = tier->stamp;
	bool		failed;

	if (look_once(tier, hit, &failed) && hit->meta.filled_at > newer_than)
	{
		cf_store_release(&tier->variant, &tier->lease);
		cf_tier_let_go(tier, CF_TIER_AWAY);
		return true;
	}
	tier->stamp = stamp;
	return false;
}

static void
count_hit(const CfRequest *request, instr_time begin)
{
	instr_time	end;

	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, begin);
	cf_stats_latency(CF_LATENCY_L2_HIT, (uint64) (INSTR_TIME_GET_DOUBLE(end) * 1e9));
	count(request, CF_COUNT_L2_HITS);
}

/* Steps 1 to 4. */
static bool
look_or_lease(CfTier *tier, TimestampTz newer_than, TimestampTz deadline, CfTierHit *hit)
{
	const CfRequest *request = tier->request;
	long		pause_us = CF_FIRST_PAUSE_US;
	bool		waited = false;
	instr_time	begin;

	if (!open_space(tier))
		return false;
	INSTR_TIME_SET_CURRENT(begin);
	for (;;)
	{
		bool		failed;

		if (look_once(tier, hit, &failed) && hit->meta.filled_at > newer_than)
		{
			count_hit(request, begin);
			return true;
		}
		if (failed)
			return false;
		switch (ask_lease(tier))
		{
			case CF_LEASE_GRANTED:
				if (waited && look_under_lease(tier, newer_than, hit))
				{
					count_hit(request, begin);
					return true;
				}
				count(request, CF_COUNT_L2_MISSES);
				return false;
			case CF_LEASE_REFUSED:
				tier->state = CF_TIER_UNLEASED;
				count(request, CF_COUNT_L2_MISSES);
				return false;
			case CF_LEASE_OTHER:
				break;
		}

		/* Inside of a load nobody is waited for: it might wait for us. */
		if (cf_load_active() || cf_steady_now() >= deadline)
		{
			tier->state = CF_TIER_UNLEASED;
			count(request, CF_COUNT_L2_MISSES);
			return false;
		}
		if (!waited)
			count(request, CF_COUNT_L2_LEASE_WAITS);
		waited = true;
		pause_before_next_look(&pause_us);
		cf_l2_allow(full_allowance());
	}
}

bool
cf_tier_look(CfTier *tier, const CfRequest *request, TimestampTz newer_than,
			 TimestampTz deadline, CfTierHit *hit)
{
	bool		found;

	MemSet(tier, 0, offsetof(CfTier, variant));
	tier->state = CF_TIER_AWAY;
	tier->request = request;
	tier->allowance = full_allowance();
	cf_tier_begin_step(tier);
	found = look_or_lease(tier, newer_than, deadline, hit);
	cf_tier_end_step(tier);
	return found;
}

const char *
cf_tier_explain(const CfRequest *request)
{
	const char *obstacle = cf_tier_obstacle();
	CfTier		tier;
	CfTierHit	hit;
	bool		failed = true;
	bool		found;

	if (obstacle != NULL)
		return psprintf("not used: %s", obstacle);
	MemSet(&tier, 0, offsetof(CfTier, variant));
	tier.request = request;
	cf_l2_allow(full_allowance());
	found = open_space(&tier) && look_once(&tier, &hit, &failed);
	(void) cf_l2_end_allowance();
	if (found)
		return psprintf("fresh, age %.3f s, ttl left %.3f s",
						(double) (cf_now() - hit.meta.filled_at) / USECS_PER_SEC,
						(double) (hit.meta.filled_at + hit.meta.ttl - cf_now()) / USECS_PER_SEC);
	return failed ? "could not be reached" : "miss";
}
