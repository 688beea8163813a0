/*
 * flight.c - singleflight in shared memory.
 *
 * A flight is a slot of a fixed pool, found by hash while it is in the air.
 * The leader lands it: it takes the flight out of the table, so that nobody
 * joins any more, leaves the value in a piece of shared memory if somebody
 * waits for it, and wakes all waiters. The last waiter to leave frees the
 * value and the slot.
 *
 * Every way out of a load lands the flight: cf_flight_finish and _abort by the
 * fetch, errors through its PG_CATCH, FATAL through before_shmem_exit.
 *
 * A waiter sleeps on a condition variable, which the deadlock detector does
 * not see. So each deadlock_timeout it looks whether the leader waits for the
 * waiter itself (base/cycle.h), and gives up.
 *
 * Locking: a flight's fields are protected by the lock of its partition; the
 * free list by a spinlock below it. No partition lock is held while memory is
 * allocated or a lock is waited for.
 *
 * src/engine/flight.c
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/condition_variable.h"
#include "storage/dsm.h"
#include "storage/ipc.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "storage/spin.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/cycle.h"
#include "base/debug_point.h"
#include "base/fault.h"
#include "base/guc.h"
#include "base/shmem.h"
#include "engine/flight.h"
#include "history/follow.h"

#define CF_FLIGHT_PARTITIONS 16 /* powers of two */
#define CF_FLIGHT_BUCKETS 1024
#define CF_FLIGHT_SHARE 3		/* nested loads of one session; deeper ones go alone */
#define CF_FLIGHT_NONE (-1)

/* objsubid of our advisory locks in pg_locks; pg_advisory_lock uses 1 and 2. */
#define CF_FLIGHT_LOCK_CLASS 0xCF

typedef enum FlightState
{
	FLIGHT_FREE,
	FLIGHT_LOADING,				/* in the table, may be joined */
	FLIGHT_LANDING,				/* out of the table, the value is being copied */
	FLIGHT_LANDED
} FlightState;

/* A value on its way to the waiters: this, its dependencies, its bytes. */
typedef struct Handover
{
	CfL1Meta	meta;			/* deps points nowhere, */
	CfValue		value;			/* and neither does bytes */
} Handover;

#define handover_deps(h) ((CfClockRef *) ((h) + 1))
#define handover_value(h) ((char *) (handover_deps(h) + (h)->meta.basis.ndeps))

struct CfSharedFlight
{
	/* Written by the leader before the flight is in the table */
	Oid			dboid;
	CfIdentity	id;
	uint64		key_hash;
	int			key_len;
	int			leader;			/* process id */
	TimestampTz started;
	char		key[CF_MAX_KEY];

	/* Protected by the partition's lock */
	FlightState state;
	bool		snapshot_begun; /* set once, by the leader */
	int			waiters;
	CfFlightOutcome outcome;	/* with FLIGHT_LANDED */
	dsa_pointer small;			/* the handover, in L1's memory, */
	dsm_handle	large;			/* or in a segment of its own */
	int			next;			/* in the bucket or the free list */

	ConditionVariable landed;
};

typedef struct CfSharedFlights
{
	/* Immutable after startup */
	int			nflights;

	/* Protected by free_lock */
	slock_t		free_lock;
	int			free;			/* head of the free list */

	/* Protected by the lock of partition bucket % CF_FLIGHT_PARTITIONS */
	int			bucket[CF_FLIGHT_BUCKETS];

	CfSharedFlight flight[FLEXIBLE_ARRAY_MEMBER];
} CfSharedFlights;

static CfSharedFlights *flights = NULL;
static LWLockPadded *flight_locks = NULL;

/* What this session has to do with flights. */
static struct
{
	CfSharedFlight *led[CF_FLIGHT_SHARE];
	ResourceOwner led_owner[CF_FLIGHT_SHARE];	/* of the advisory lock */
	int			nled;
	CfSharedFlight *awaited;	/* or NULL */
	bool		joined_before_snapshot;
	bool		exit_registered;
}			own;

/*
 * Each backend leads as many as its share, and keeps one more by waiting for it
 * after it has landed. So there is always one for who needs it, whatever others
 * do.
 */
static int
wanted_flights(void)
{
	return (CF_FLIGHT_SHARE + 1) * MaxBackends;
}

static Size
flight_shmem_size(void)
{
	Size		size = offsetof(CfSharedFlights, flight);

	return add_size(size, mul_size(wanted_flights(), sizeof(CfSharedFlight)));
}

static void
flight_shmem_init(void *memory, LWLockPadded *locks)
{
	CfSharedFlights *new = memory;

	new->nflights = wanted_flights();
	SpinLockInit(&new->free_lock);
	for (int i = 0; i < CF_FLIGHT_BUCKETS; i++)
		new->bucket[i] = CF_FLIGHT_NONE;
	for (int i = 0; i < new->nflights; i++)
	{
		ConditionVariableInit(&new->flight[i].landed);
		new->flight[i].next = i + 1 < new->nflights ? i + 1 : CF_FLIGHT_NONE;
	}
	new->free = 0;
}

static void
flight_shmem_attach(void *memory, LWLockPadded *locks)
{
	flights = memory;
	flight_locks = locks;
}

void
cf_flight_register(void)
{
	static const CfShmemSegment segment = {
		.name = "cachefront_flight",
		.nlocks = CF_FLIGHT_PARTITIONS,
		.size = flight_shmem_size,
		.init = flight_shmem_init,
		.attach = flight_shmem_attach,
	};

	cf_shmem_register(&segment);
}

static inline int
bucket_of(const CfIdentity *id)
{
	return (int) (id->hash.h[1] % CF_FLIGHT_BUCKETS);
}

static inline LWLock *
lock_of(const CfIdentity *id)
{
	return &flight_locks[bucket_of(id) % CF_FLIGHT_PARTITIONS].lock;
}

static CfSharedFlight *
take_free_flight(void)
{
	CfSharedFlight *flight = NULL;

	SpinLockAcquire(&flights->free_lock);
	if (flights->free != CF_FLIGHT_NONE)
	{
		flight = &flights->flight[flights->free];
		flights->free = flight->next;
	}
	SpinLockRelease(&flights->free_lock);
	return flight;
}

static void
free_flight(CfSharedFlight *flight)
{
	flight->state = FLIGHT_FREE;
	SpinLockAcquire(&flights->free_lock);
	flight->next = flights->free;
	flights->free = (int) (flight - flights->flight);
	SpinLockRelease(&flights->free_lock);
}

/* Frees a landed flight that nobody waits for. Gives back what it held. */
static void
release_if_unused_locked(CfSharedFlight *flight, dsa_pointer *small, dsm_handle *large)
{
	Assert(LWLockHeldByMeInMode(lock_of(&flight->id), LW_EXCLUSIVE));
	*small = InvalidDsaPointer;
	*large = DSM_HANDLE_INVALID;
	if (flight->state != FLIGHT_LANDED || flight->waiters > 0)
		return;
	*small = flight->small;
	*large = flight->large;
	flight->small = InvalidDsaPointer;
	flight->large = DSM_HANDLE_INVALID;
	free_flight(flight);
}

static void
drop_handover(dsa_pointer small, dsm_handle large)
{
	if (DsaPointerIsValid(small))
		cf_l1_free(small);
	if (large != DSM_HANDLE_INVALID)
		dsm_unpin_segment(large);
}

static void
flight_exit(int code, Datum arg)
{
	cf_flight_reset();
}

static void
register_exit(void)
{
	if (likely(own.exit_registered))
		return;
	cf_l1_attach();
	before_shmem_exit(flight_exit, (Datum) 0);
	own.exit_registered = true;
}

static CfSharedFlight *
find_locked(const CfKey *key, const CfIdentity *id)
{
	for (int i = flights->bucket[bucket_of(id)]; i != CF_FLIGHT_NONE;
		 i = flights->flight[i].next)
	{
		CfSharedFlight *flight = &flights->flight[i];

		if (flight->key_hash == key->hash && flight->dboid == key->dboid &&
			flight->key_len == key->len && cf_identity_equal(&flight->id, id) &&
			memcmp(flight->key, key->data, key->len) == 0)
			return flight;
	}
	return NULL;
}

static CfSharedFlight *
begin_locked(const CfKey *key, const CfIdentity *id)
{
	CfSharedFlight *flight = take_free_flight();
	int		   *bucket = &flights->bucket[bucket_of(id)];

	if (flight == NULL)
		return NULL;
	flight->dboid = key->dboid;
	flight->id = *id;
	flight->key_hash = key->hash;
	flight->key_len = key->len;
	memcpy(flight->key, key->data, key->len);
	flight->leader = MyProcPid;
	flight->started = cf_steady_now();
	flight->state = FLIGHT_LOADING;
	flight->snapshot_begun = false;
	flight->waiters = 0;
	flight->small = InvalidDsaPointer;
	flight->large = DSM_HANDLE_INVALID;
	flight->next = *bucket;
	*bucket = (int) (flight - flights->flight);
	return flight;
}

CfFlightRole
cf_flight_join(const CfKey *key, const CfIdentity *id, bool may_wait,
			   CfSharedFlight **result)
{
	CfFlightRole role = CF_FLIGHT_ALONE;
	CfSharedFlight *flight;

	register_exit();
	*result = NULL;
	if (own.nled >= CF_FLIGHT_SHARE)
		return CF_FLIGHT_ALONE;

	LWLockAcquire(lock_of(id), LW_EXCLUSIVE);
	flight = find_locked(key, id);
	if (flight == NULL)
	{
		flight = begin_locked(key, id);
		if (flight != NULL)
		{
			own.led_owner[own.nled] = NULL;
			own.led[own.nled++] = flight;
			role = CF_FLIGHT_LEAD;
		}
	}
	else if (may_wait && own.nled == 0)
	{
		flight->waiters++;
		own.joined_before_snapshot = !flight->snapshot_begun;
		own.awaited = flight;
		role = CF_FLIGHT_WAIT;
	}
	LWLockRelease(lock_of(id));
	*result = flight;
	return role;
}

static void
set_lock_tag(LOCKTAG *tag, const CfSharedFlight *flight)
{
	SET_LOCKTAG_ADVISORY(*tag, flight->dboid, (uint32) (flight->id.hash.h[0] >> 32),
						 (uint32) flight->id.hash.h[0], CF_FLIGHT_LOCK_CLASS);
}

/*
 * The lock shows the flight; the table decides who leads. So if there is no
 * room in the lock table, the flight goes on without it.
 */
void
cf_flight_lock(CfSharedFlight *flight)
{
	LOCKTAG		tag;

	Assert(own.nled > 0 && own.led[own.nled - 1] == flight);
	set_lock_tag(&tag, flight);
	if (CF_LOCK_TRY(&tag, ExclusiveLock) != LOCKACQUIRE_NOT_AVAIL)
		own.led_owner[own.nled - 1] = CurrentResourceOwner;
}

/*
 * Before the flight leaves the table, so that the next leader finds the lock
 * free. At exit and after an abort the lock manager has released it itself.
 */
static void
unlock(int i)
{
	ResourceOwner current = CurrentResourceOwner;
	LOCKTAG		tag;

	if (own.led_owner[i] == NULL)
		return;
	set_lock_tag(&tag, own.led[i]);
	CurrentResourceOwner = own.led_owner[i];
	if (CF_LOCK_HELD_BY_ME(&tag, ExclusiveLock))
		LockRelease(&tag, ExclusiveLock, false);
	CurrentResourceOwner = current;
	own.led_owner[i] = NULL;
}

void
cf_flight_begin_snapshot(CfSharedFlight *flight)
{
	LWLockAcquire(lock_of(&flight->id), LW_EXCLUSIVE);
	flight->snapshot_begun = true;
	LWLockRelease(lock_of(&flight->id));
}

/* Takes the flight out of the table; returns how many wait for it. */
static int
close_flight(CfSharedFlight *flight)
{
	int		   *link = &flights->bucket[bucket_of(&flight->id)];
	int			waiters;

	LWLockAcquire(lock_of(&flight->id), LW_EXCLUSIVE);
	while (*link != (int) (flight - flights->flight))
		link = &flights->flight[*link].next;
	*link = flight->next;
	flight->state = FLIGHT_LANDING;
	waiters = flight->waiters;
	LWLockRelease(lock_of(&flight->id));
	return waiters;
}

static void
land(CfSharedFlight *flight, CfFlightOutcome outcome, dsa_pointer small, dsm_handle large)
{
	LWLock	   *lock = lock_of(&flight->id);

	LWLockAcquire(lock, LW_EXCLUSIVE);
	flight->small = small;
	flight->large = large;
	flight->outcome = outcome;
	flight->state = FLIGHT_LANDED;
	/* Under the lock, for the slot may be used again right after it. */
	ConditionVariableBroadcast(&flight->landed);
	release_if_unused_locked(flight, &small, &large);
	LWLockRelease(lock);
	drop_handover(small, large);
}

static void
write_handover(Handover *handover, const CfValue *value, const CfL1Meta *meta)
{
	handover->meta = *meta;
	handover->meta.basis.deps = NULL;
	handover->value = *value;
	handover->value.bytes = NULL;
	if (meta->basis.ndeps > 0)
		memcpy(handover_deps(handover), meta->basis.deps, meta->basis.ndeps * sizeof(CfClockRef));
	memcpy(handover_value(handover), value->bytes, value->len);
}

/* Lets go of what a failed call about a segment left behind. */
static void
release_owner(ResourceOwner owner, bool ok)
{
	ResourceOwnerRelease(owner, RESOURCE_RELEASE_BEFORE_LOCKS, ok, false);
	ResourceOwnerRelease(owner, RESOURCE_RELEASE_LOCKS, ok, false);
	ResourceOwnerRelease(owner, RESOURCE_RELEASE_AFTER_LOCKS, ok, false);
	ResourceOwnerDelete(owner);
}

/* A segment of its own; no segment is no reason to fail the leader's query. */
static dsm_handle
make_large_handover(Size size, const CfValue *value, const CfL1Meta *meta)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner outer = CurrentResourceOwner;
	ResourceOwner owner = ResourceOwnerCreate(outer, "cachefront handover");
	volatile dsm_handle handle = DSM_HANDLE_INVALID;

	CurrentResourceOwner = owner;
	PG_TRY();
	{
		dsm_segment *segment = dsm_create(size, DSM_CREATE_NULL_IF_MAXSEGMENTS);

		if (segment != NULL)
		{
			write_handover(dsm_segment_address(segment), value, meta);
			dsm_pin_segment(segment);
			handle = dsm_segment_handle(segment);
			dsm_detach(segment);
		}
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		FlushErrorState();
		handle = DSM_HANDLE_INVALID;
	}
	PG_END_TRY();
	CurrentResourceOwner = outer;
	release_owner(owner, handle != DSM_HANDLE_INVALID);
	return handle;
}

static void
pop_led(CfSharedFlight *flight)
{
	Assert(own.nled > 0 && own.led[own.nled - 1] == flight);
	own.nled--;
}

void
cf_flight_finish(CfSharedFlight *flight, const CfValue *value, const CfL1Meta *meta)
{
	Size		size = sizeof(Handover) + meta->basis.ndeps * sizeof(CfClockRef) +
		value->len;
	dsa_pointer small = InvalidDsaPointer;
	dsm_handle	large = DSM_HANDLE_INVALID;
	CfFlightOutcome outcome = CF_FLIGHT_VALUE;

	unlock(own.nled - 1);
	if (close_flight(flight) > 0)
	{
		small = cf_l1_alloc(size);
		if (DsaPointerIsValid(small))
			write_handover(cf_l1_address(small), value, meta);
		else
			large = make_large_handover(size, value, meta);
		if (!DsaPointerIsValid(small) && large == DSM_HANDLE_INVALID)
			outcome = CF_FLIGHT_PRIVATE;	/* rather all at once than one by one */
	}
	land(flight, outcome, small, large);
	pop_led(flight);
}

void
cf_flight_abort(CfSharedFlight *flight, CfFlightOutcome outcome)
{
	unlock(own.nled - 1);
	if (flight->state == FLIGHT_LOADING)
		(void) close_flight(flight);
	land(flight, outcome, InvalidDsaPointer, DSM_HANDLE_INVALID);
	pop_led(flight);
}

static void
leave(CfSharedFlight *flight)
{
	LWLock	   *lock = lock_of(&flight->id);
	dsa_pointer small;
	dsm_handle	large;

	own.awaited = NULL;
	cf_cycle_end_wait();
	LWLockAcquire(lock, LW_EXCLUSIVE);
	flight->waiters--;
	release_if_unused_locked(flight, &small, &large);
	LWLockRelease(lock);
	drop_handover(small, large);
}

void
cf_flight_reset(void)
{
	while (own.nled > 0)
		cf_flight_abort(own.led[own.nled - 1], CF_FLIGHT_RETRY);
	if (own.awaited != NULL)
	{
		ConditionVariableCancelSleep();
		leave(own.awaited);
	}
}

static bool
has_landed(CfSharedFlight *flight)
{
	bool		landed;

	LWLockAcquire(lock_of(&flight->id), LW_SHARED);
	landed = flight->state == FLIGHT_LANDED;
	LWLockRelease(lock_of(&flight->id));
	return landed;
}

/* False: the deadline has passed, or the flight cannot land before we go. */
static bool
sleep_until_landed(CfSharedFlight *flight, TimestampTz deadline)
{
	ConditionVariablePrepareToSleep(&flight->landed);
	while (!has_landed(flight))
	{
		long		left = TimestampDifferenceMilliseconds(cf_steady_now(), deadline);

		if (left <= 0)
			break;
		if (ConditionVariableTimedSleep(&flight->landed, Min(left, DeadlockTimeout),
										cf_wait_event_flight) &&
			cf_cycle_leads_to_me(flight->leader))
			break;
	}
	ConditionVariableCancelSleep();
	return has_landed(flight);
}

/* By all that any snapshot may show by now. */
static bool
is_current_now(const CfKey *key, const CfL1Meta *meta)
{
	return (meta->basis.lsn == 0 || cf_follow_catch_up()) && cf_basis_is_current(key, &meta->basis);
}

static CfFlightOutcome
take_value(const CfSharedFlight *flight, const Handover *handover, CfL1Part part,
		   const CfL1Limits *limits, CfL1Result *result)
{
	CfL1Meta	meta = handover->meta;
	CfKey		key = {flight->dboid, flight->key, flight->key_len, flight->key_hash};
	CfValue		value = handover->value;

	/* Rule 5 of docs/consistency.md. */
	meta.basis.deps = handover_deps(handover);
	value.bytes = handover_value(handover);
	if (!own.joined_before_snapshot && !CF_PLANTED(NO_WAITER_CHECK) &&
		!is_current_now(&key, &meta))
		return CF_FLIGHT_RETRY;
	/* Its leader may have named other tags, or taken an older part of it. */
	if (!cf_l1_meta_is_within(&meta, limits))
		return CF_FLIGHT_RETRY;

	result->negative = value.negative;
	result->value = cf_value_copy(&value, part);
	return CF_FLIGHT_VALUE;
}

static CfFlightOutcome
take_large_value(const CfSharedFlight *flight, CfL1Part part, const CfL1Limits *limits,
				 CfL1Result *result)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner outer = CurrentResourceOwner;
	ResourceOwner owner = ResourceOwnerCreate(outer, "cachefront handover");
	volatile CfFlightOutcome outcome = CF_FLIGHT_PRIVATE;

	CurrentResourceOwner = owner;
	PG_TRY();
	{
		dsm_segment *segment = dsm_attach(flight->large);

		if (segment != NULL)
		{
			outcome = take_value(flight, dsm_segment_address(segment), part, limits,
								 result);
			dsm_detach(segment);
		}
	}
	PG_CATCH();
	{
		/* No memory to map or to copy it: the load will tell. */
		MemoryContextSwitchTo(context);
		FlushErrorState();
		outcome = CF_FLIGHT_PRIVATE;
	}
	PG_END_TRY();
	CurrentResourceOwner = outer;
	release_owner(owner, false);
	return outcome;
}

CfFlightOutcome
cf_flight_wait(CfSharedFlight *flight, TimestampTz deadline, CfL1Part part,
			   const CfL1Limits *limits, CfL1Result *result)
{
	CfFlightOutcome outcome;

	Assert(own.awaited == flight);
	cf_cycle_begin_wait(flight->leader);
	PG_TRY();
	{
		CF_WAIT_POINT("flight-wait");
		if (!sleep_until_landed(flight, deadline))
			outcome = CF_FLIGHT_TIMEOUT;
		else if (flight->outcome != CF_FLIGHT_VALUE)
			outcome = flight->outcome;
		else if (DsaPointerIsValid(flight->small))
			outcome = take_value(flight, cf_l1_address(flight->small), part, limits, result);
		else
			outcome = take_large_value(flight, part, limits, result);
	}
	PG_CATCH();
	{
		ConditionVariableCancelSleep();
		leave(flight);
		PG_RE_THROW();
	}
	PG_END_TRY();
	leave(flight);
	return outcome;
}

#ifdef CF_DEBUG
int
cf_flight_count_free(void)
{
	int			n = 0;

	SpinLockAcquire(&flights->free_lock);
	for (int i = flights->free; i != CF_FLIGHT_NONE; i = flights->flight[i].next)
		n++;
	SpinLockRelease(&flights->free_lock);
	return n;
}
#endif

int
cf_flight_max(void)
{
	return flights->nflights;
}

bool
cf_flight_info(int i, CfFlightInfo *info)
{
	CfSharedFlight *flight = &flights->flight[i];
	CfIdentity	id = flight->id;
	bool		in_the_air;

	/* The identity, and so the lock, may change until the lock is held. */
	LWLockAcquire(lock_of(&id), LW_SHARED);
	in_the_air = flight->state == FLIGHT_LOADING && cf_identity_equal(&flight->id, &id);
	if (in_the_air)
	{
		info->dboid = flight->dboid;
		info->leader = flight->leader;
		info->waiters = flight->waiters;
		info->started = flight->started;
		info->key_len = flight->key_len;
		memcpy(info->key, flight->key, flight->key_len);
	}
	LWLockRelease(lock_of(&id));
	return in_the_air;
}
