/*
 * claim_wait.c - who waits for a claim.
 *
 * He sleeps on one of some condition variables, which claims share by hash. What has happened is
 * counted beside each of these, so that nobody sleeps through it.
 *
 * Locking: atomics only.
 *
 * src/txn/claim_wait.c
 */
#include "postgres.h"

#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "storage/proc.h"
#include "utils/timestamp.h"

#include "base/cycle.h"
#include "base/debug_point.h"
#include "base/shmem.h"
#include "base/steady.h"
#include "txn/claim.h"
#include "txn/claim_internal.h"

#define CF_CLAIM_QUEUES 128		/* a power of two */
#define CF_CLAIM_LOOK_MS 50		/* between looks into Redis, of all who wait for a claim */

typedef struct SharedQueue
{
	ConditionVariable wakeup;
	pg_atomic_uint32 events;
	pg_atomic_uint64 next_look; /* steady: before that nobody need ask Redis */
} SharedQueue;

static SharedQueue *queues = NULL;

static Size
wait_shmem_size(void)
{
	return CF_CLAIM_QUEUES * sizeof(SharedQueue);
}

static void
wait_shmem_init(void *memory, LWLockPadded *locks)
{
	SharedQueue *new = memory;

	for (int i = 0; i < CF_CLAIM_QUEUES; i++)
	{
		ConditionVariableInit(&new[i].wakeup);
		pg_atomic_init_u32(&new[i].events, 0);
		pg_atomic_init_u64(&new[i].next_look, 0);
	}
}

static void
wait_shmem_attach(void *memory, LWLockPadded *locks)
{
	queues = memory;
}

void
cf_claim_wait_register(void)
{
	static const CfShmemSegment segment = {
		.name = "cachefront_claim_waits",
		.nlocks = 0,
		.size = wait_shmem_size,
		.init = wait_shmem_init,
		.attach = wait_shmem_attach,
	};

	cf_shmem_register(&segment);
}

static inline SharedQueue *
queue_of(const CfHash128 *name)
{
	return &queues[(name->h[1] >> 10) % CF_CLAIM_QUEUES];
}

void
cf_claim_wake_name(const CfHash128 *name)
{
	pg_atomic_fetch_add_u32(&queue_of(name)->events, 1);
	ConditionVariableBroadcast(&queue_of(name)->wakeup);
}

uint32
cf_claim_events(const CfHash128 *name)
{
	return pg_atomic_add_fetch_u32(&queue_of(name)->events, 0);
}

/* One of all who wait looks, for the others. */
static bool
is_my_turn(SharedQueue *queue)
{
	TimestampTz now = cf_steady_now();
	uint64		next = pg_atomic_read_u64(&queue->next_look);

	return now >= (TimestampTz) next &&
		pg_atomic_compare_exchange_u64(&queue->next_look, &next,
									   now + CF_CLAIM_LOOK_MS * INT64CONST(1000));
}

static bool
sleep_until_event(const CfHash128 *name, uint32 events, const CfClaim *claim,
				  TimestampTz deadline, bool *look)
{
	SharedQueue *queue = queue_of(name);
	bool		good = true;
	/* While the transaction that took it goes on, its token is nowhere else. */
	bool		may_end_elsewhere = claim->holder == 0 && claim->lease[0] != '\0';
	long		slice = may_end_elsewhere ? CF_CLAIM_LOOK_MS : DeadlockTimeout;

	ConditionVariablePrepareToSleep(&queue->wakeup);
	while (cf_claim_events(name) == events)
	{
		long		left = Min(TimestampDifferenceMilliseconds(cf_steady_now(), deadline),
							   TimestampDifferenceMilliseconds(cf_now(), claim->until));

		if (left <= 0)
			break;
		if (ConditionVariableTimedSleep(&queue->wakeup, Min(left, slice),
										cf_wait_event_flight) &&
			claim->holder != 0 && cf_cycle_leads_to_me(claim->holder))
		{
			good = false;
			break;
		}
		/* It may have been renewed, or be over by a clock that was moved. */
		if (cf_now() >= claim->until)
			break;
		*look = may_end_elsewhere && is_my_turn(queue);
		if (*look)
			break;
	}
	ConditionVariableCancelSleep();
	return good;
}

bool
cf_claim_sleep(const CfHash128 *name, uint32 events, const CfClaim *claim,
			   TimestampTz deadline, bool *look)
{
	bool		good;

	*look = false;
	cf_cycle_begin_wait(claim->holder);
	PG_TRY();
	{
		CF_WAIT_POINT("claim-wait");
		good = sleep_until_event(name, events, claim, deadline, look);
	}
	PG_CATCH();
	{
		cf_cycle_end_wait();
		PG_RE_THROW();
	}
	PG_END_TRY();
	cf_cycle_end_wait();
	return good;
}
