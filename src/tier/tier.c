/*
 * tier.c - Redis on the way of a read that L1 cannot answer.
 *
 * 1. Stamp the local clocks.
 * 2. Look: one round trip.
 * 3. Judge what is there (tier_value.c).
 * 4. If it does not count, ask for a lease, unless a clock is pending. Who does not
 *	  get it because another server loads waits for that, and a standby then for the
 *	  replay of what that load has seen.
 * 5. Load. The loader notes what it loads from: LSN, stamp, snapshot, query, end.
 * 6. Fill (tier_fill.c), if no clock is pending or has moved since the load's stamp,
 *	  and Redis still knows the lease.
 *
 * From step 4 on a lease may be this session's. Others wait for who has it, so
 * every way out gives it back: PG_CATCH in fetch.c, and before_shmem_exit for a
 * session that is terminated. Those of loads inside of each other are a list,
 * on the stack. A server that dies with a lease keeps others waiting for about as
 * long as a load takes (loadtime.h): by then they load themselves.
 *
 * src/tier/tier.c
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "storage/ipc.h"
#include "storage/latch.h"

#include "base/debug_point.h"
#include "base/guc.h"
#include "base/position.h"
#include "base/shmem.h"
#include "history/follow.h"
#include "history/line.h"
#include "l2/keyring.h"
#include "load/loadtime.h"
#include "redis/breaker.h"
#include "request/deps.h"
#include "tier/tier_internal.h"

#define CF_FIRST_PAUSE_US 1000	/* between looks for another server's value */
#define CF_LAST_PAUSE_US 50000
#define CF_RUNS_OF_A_FILL 2		/* lease, fill: who cannot do both need not begin */
#define CF_LEASE_MIN_MS 50		/* what a busy machine may hold a short load up for */
#define CF_LEASE_FIRST_MS 2000	/* where nobody knows how long loads take */

/* Reads that have a lease, or may have one, the innermost first. */
static CfTier *leased = NULL;

bool
cf_tier_is_down(void)
{
	return cf_l2_configured() && cf_breaker_is_open();
}

/*
 * NULL: this server can judge what is in Redis, and say of what it loads what it
 * is made of.
 */
static const char *
judge_obstacle(void)
{
	if (RecoveryInProgress() && cf_follow_unread() < 0)
		return "the WAL is not read yet: see worker_obstacle";
	if (RecoveryInProgress() && cf_line_at(cf_position_lsn()) == 0)
		return "it is not known of which incarnation of the writing server the data are";
	if (!RecoveryInProgress() && cf_line_mine() == 0)
		return "the server has only just begun to write";
	return NULL;
}

const char *
cf_tier_obstacle(void)
{
	const CfKeyring *keyring;
	bool		required;

	if (!cf_l2_configured())
		return "cachefront.redis_url is empty";
	if (cf_breaker_is_open())
		return "Redis cannot be reached";
	if (!cf_keyring_get(&keyring, &required))
		return "cachefront.encryption_key_file cannot be used: see the server's log";
	return judge_obstacle();
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
	CfLook		look;

	tier->stamp = cf_clock_stamp();
	tier->replica = RecoveryInProgress();
	tier->replayed = tier->replica ? cf_position_lsn() : 0;
	tier->ahead = false;
	*failed = cf_store_look(&tier->variant, &look) != CF_L2_OK;
	tier->empty = !*failed && !look.found;
	return !*failed && look.found && cf_tier_take_value(tier, &look, hit);
}

/* A clock of the key, of a tag or of definitions is pending: a commit is under way. */
static bool
is_pending(const CfTier *tier)
{
	CfDeps		deps;
	CfClockRef *clocks;
	CfBasis		basis = {.stamp = PG_UINT64_MAX};

	cf_deps_of_request(tier->request, &deps);
	clocks = cf_deps_clocks(&deps, 1);
	clocks[deps.n] = cf_clock_of_any_definition(tier->request->key.dboid);
	basis.deps = clocks;
	basis.ndeps = deps.n + 1;
	/* What has settled does not matter: it loads anew. */
	return !cf_basis_is_current(&tier->request->key, &basis);
}

bool
cf_tier_find_place(CfTier *tier)
{
	const char *ns;

	if (!cf_l2_configured() || IsInParallelMode() || judge_obstacle() != NULL)
		return false;
	ns = cf_place_mine();
	if (ns == NULL)
		return false;
	cf_l2_set_max_reply(CF_TIER_MAX_VALUE + 1024 * 1024);
	cf_store_variant(&tier->variant, ns, &tier->request->key, &tier->request->id);
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
cf_tier_give_up(CfTier *tier)
{
	cf_store_release(&tier->variant, &tier->lease, NULL);
	cf_tier_let_go(tier, CF_TIER_UNLEASED);
}

void
cf_tier_release(CfTier *tier)
{
	if (tier->state != CF_TIER_LEASED && tier->state != CF_TIER_ASKED)
		return;
	cf_tier_begin_step(tier);
	cf_tier_give_up(tier);
	cf_tier_end_step(tier);
}

void
cf_tier_reset(void)
{
	leased = NULL;
}

/* Twice what a load takes, but no longer than those wait who wait for it. */
static int64
lease_ms(const CfRequest *request)
{
	uint32		us = cf_loadtime_get(&request->id);
	int64		ms = us == 0 ? CF_LEASE_FIRST_MS : Max((int64) us * 2 / 1000, CF_LEASE_MIN_MS);

	return Min(ms, cf_guc_flight_timeout);
}

/* Is it of a former start of the writing server? Then nobody is left to give it back. */
bool
cf_tier_is_dead(const char *token)
{
	CfStart		starts[CF_LINE_MAX];
	int			n = cf_line_get(starts, CF_LINE_MAX);

	for (int i = 0; i < Min(n, CF_LINE_MAX) - 1; i++)
	{
		if (cf_store_is_of(token, starts[i].id))
			return true;
	}
	return false;
}

static CfL2Status
try_lease(CfTier *tier, const char *dead)
{
	CfLeaseTerms terms = {
		.ms = lease_ms(tier->request),
		.longest_ms = cf_guc_flight_timeout,
		.incarnation = cf_line_mine(),
		.instead = dead,
		.empty = tier->empty,
		.interruptible = true,
	};

	return cf_store_lease(&tier->variant, &terms, &tier->lease);
}

/* Step 4. */
static CfLeaseState
ask_lease(CfTier *tier)
{
	CfL2Status	status;

	if (is_pending(tier) || !cf_l2_can_afford(CF_RUNS_OF_A_FILL))
		return CF_LEASE_REFUSED;
	CF_WAIT_POINT("tier-before-lease");
	take_hold(tier);
	status = try_lease(tier, NULL);
	if (status == CF_L2_OK && tier->lease.state == CF_LEASE_OTHER &&
		cf_tier_is_dead(tier->lease.holder))
	{
		char		dead[CF_TOKEN_LEN + 1];

		strlcpy(dead, tier->lease.holder, sizeof(dead));
		status = try_lease(tier, dead);
	}
	if (status != CF_L2_OK)
		tier->lease.state = CF_LEASE_REFUSED;
	if (tier->lease.state == CF_LEASE_GRANTED)
		tier->state = CF_TIER_LEASED;
	else
		cf_tier_let_go(tier, CF_TIER_AWAY);
	return tier->lease.state;
}

/* One read's waiting for another server. */
typedef struct Wait
{
	TimestampTz came;
	TimestampTz deadline;
	TimestampTz replay_until;	/* 0: nothing that was waited for was ahead */
	long		pause_us;
	bool		waited;			/* for the load of who had the lease */
	bool		told;			/* that there is a value */
} Wait;

/*
 * Standby: what was waited for, and the last look found, shows more than is replayed here. Its
 * replay is waited for as long again: where that stands, no more than half of the time is
 * lost. True: it may count by now.
 */
static bool
await_replay(const CfTier *tier, Wait *wait)
{
	long		pause_us = CF_FIRST_PAUSE_US;
	TimestampTz now = cf_steady_now();

	if (!wait->waited || !tier->ahead)
		return false;
	if (wait->replay_until == 0)
		wait->replay_until = Min(wait->deadline, now + (now - wait->came));
	if (now >= wait->replay_until)
		return false;
	CF_WAIT_POINT("tier-awaits-replay");
	while (cf_position_lsn() < tier->end || !cf_follow_catch_up())
	{
		if (cf_steady_now() >= wait->replay_until)
			return false;
		pause_before_next_look(&pause_us);
	}
	cf_l2_allow(full_allowance());
	return true;
}

static void
return_lease(CfTier *tier)
{
	cf_store_release(&tier->variant, &tier->lease, NULL);
	cf_tier_let_go(tier, CF_TIER_AWAY);
}

/* Who had the lease before may have filled between our last look and our lease. */
static bool
look_under_lease(CfTier *tier, TimestampTz newer_than, CfTierHit *hit)
{
	bool		failed;

	if (!look_once(tier, hit, &failed) || hit->meta.filled_at <= newer_than)
		return false;
	return_lease(tier);
	return true;
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
	Wait		wait = {
		.came = cf_steady_now(),
		.deadline = deadline,
		.pause_us = CF_FIRST_PAUSE_US,
	};
	instr_time	begin;

	if (!cf_tier_find_place(tier))
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
		if (await_replay(tier, &wait))
			continue;
		switch (ask_lease(tier))
		{
			case CF_LEASE_GRANTED:
				if (wait.waited && look_under_lease(tier, newer_than, hit))
				{
					count_hit(request, begin);
					return true;
				}
				if (wait.waited && tier->ahead && wait.replay_until == 0)
				{
					return_lease(tier);
					continue;
				}
				count(request, CF_COUNT_L2_MISSES);
				return false;
			case CF_LEASE_REFUSED:
				tier->state = CF_TIER_UNLEASED;
				count(request, CF_COUNT_L2_MISSES);
				return false;
			case CF_LEASE_FILLED:
				if (!wait.told)
				{
					wait.told = true;
					continue;
				}
				break;
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
		if (!wait.waited)
			count(request, CF_COUNT_L2_LEASE_WAITS);
		wait.waited = true;
		pause_before_next_look(&wait.pause_us);
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

bool
cf_tier_look_without_lease(CfTier *tier, const CfRequest *request, CfTierHit *hit,
						   bool *failed)
{
	bool		found;

	MemSet(tier, 0, offsetof(CfTier, variant));
	tier->state = CF_TIER_AWAY;
	tier->request = request;
	*failed = true;
	cf_l2_allow(full_allowance());
	found = cf_tier_find_place(tier) && look_once(tier, hit, failed);
	(void) cf_l2_end_allowance();
	return found;
}

const char *
cf_tier_explain(const CfRequest *request)
{
	const char *obstacle = cf_tier_obstacle();
	CfTier		tier;
	CfTierHit	hit;
	bool		failed;

	if (obstacle != NULL)
		return psprintf("not used: %s", obstacle);
	if (cf_tier_look_without_lease(&tier, request, &hit, &failed))
		return psprintf("fresh, age %.3f s, ttl left %.3f s",
						(double) (cf_now() - hit.meta.filled_at) / USECS_PER_SEC,
						(double) (hit.meta.filled_at + hit.meta.ttl - cf_now()) / USECS_PER_SEC);
	return failed ? "could not be reached" : "miss";
}
