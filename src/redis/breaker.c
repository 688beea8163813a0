/*
 * breaker.c - may a Redis be used now? Decided together by all sessions.
 *
 * Locking: a breaker's state is written under its spinlock, and read without it by
 * cf_breaker_enter, so that a closed breaker costs one read. Time is read and
 * everything is logged outside of the spinlock.
 *
 * src/redis/breaker.c
 */
#include "postgres.h"

#include "port/atomics.h"
#include "storage/spin.h"
#include "utils/timestamp.h"

#include "base/debug_point.h"
#include "base/guc.h"
#include "base/shmem.h"
#include "redis/breaker.h"

#define CF_BREAKER_WINDOW_MS 10000
#define CF_BREAKER_MAX_RESET_MS 2000
#define CF_BREAKER_LOG_EVERY_MS 1000

typedef struct CfBreaker
{
	/* Protected by mutex; state is also read without it */
	slock_t		mutex;
	pg_atomic_uint32 state;		/* CfBreakerState */
	uint64		settings;		/* under which the failures were, or it was opened */
	int			failures;
	int			reset_ms;		/* how long it is open, this time */
	TimestampTz window_start;
	TimestampTz opened_at;		/* when it left the closed state */
	TimestampTz retry_at;
	TimestampTz probe_at;		/* when the probe began */
	uint64		probe;			/* number of the latest probe */
	bool		told;			/* the log says that it is open */
	TimestampTz told_at;
	TimestampTz since;			/* unproven: when it was opened */
	pg_atomic_uint32 unproven;	/* closed for new settings, under which nobody had an
								 * answer yet; also read without the lock */
} CfBreaker;

typedef struct CfSharedBreakers
{
	CfBreaker	breakers[CF_BREAKERS];

	/* Atomics, no lock */
	pg_atomic_uint64 in_use;	/* a bit each */
	pg_atomic_uint64 counters[CF_L2_NCOUNTERS];

	/* Protected by mutex */
	slock_t		mutex;
	TimestampTz last_error_at;
	char		last_error[CF_L2_ERROR_LEN];
} CfSharedBreakers;

/* What to log of a transition, once the spinlock is released. */
typedef struct Transition
{
	bool		opened;
	bool		closed;
	int			reset_ms;
	TimestampTz since;			/* closed: when it was opened */
} Transition;

static CfSharedBreakers *shared = NULL;

static TimestampTz
later(TimestampTz when, int ms)
{
	return TimestampTzPlusMilliseconds(when, ms);
}

/* The clock may have been set back: then what it says cannot be waited for. */
static bool
is_over(TimestampTz now, TimestampTz start, TimestampTz end)
{
	return now >= end || now < start;
}

static CfBreakerState
read_state(CfBreaker *breaker)
{
	return (CfBreakerState) pg_atomic_read_u32(&breaker->state);
}

static void
set_state_locked(CfBreaker *breaker, CfBreakerState state)
{
	pg_atomic_write_u32(&breaker->state, state);
}

static CfBreaker *
breaker_of(const CfBreakerCaller *caller)
{
	Assert(caller->breaker >= 0 && caller->breaker < CF_BREAKERS);
	return &shared->breakers[caller->breaker];
}

static bool
is_in_use(uint64 in_use, int i)
{
	return (in_use & (UINT64CONST(1) << i)) != 0;
}

/* At most so often; what was not told then is told by a later probe that fails. */
static bool
should_tell_locked(const CfBreaker *breaker, TimestampTz now)
{
	return !breaker->told &&
		is_over(now, breaker->told_at, later(breaker->told_at, CF_BREAKER_LOG_EVERY_MS));
}

static void
open_locked(CfBreaker *breaker, TimestampTz now, int reset_ms, Transition *transition)
{
	if (read_state(breaker) == CF_BREAKER_CLOSED)
	{
		breaker->opened_at = now;
		cf_breaker_count(CF_L2_OPENS, 1);
	}
	if (should_tell_locked(breaker, now))
	{
		breaker->told = true;
		breaker->told_at = now;
		transition->opened = true;
		transition->reset_ms = reset_ms;
	}
	pg_atomic_write_u32(&breaker->unproven, 0);
	breaker->reset_ms = reset_ms;
	breaker->retry_at = later(now, reset_ms);
	set_state_locked(breaker, CF_BREAKER_OPEN);
}

static void
close_locked(CfBreaker *breaker)
{
	breaker->since = breaker->opened_at;
	breaker->failures = 0;
	breaker->opened_at = 0;
	breaker->retry_at = 0;
	set_state_locked(breaker, CF_BREAKER_CLOSED);
}

/* Redis has answered. The log gets the end of what it got the beginning of. */
static void
prove_locked(CfBreaker *breaker, Transition *transition)
{
	transition->closed = breaker->told;
	transition->since = breaker->since;
	breaker->told = false;
	pg_atomic_write_u32(&breaker->unproven, 0);
}

/* A node of a cluster is named; one server needs no name. */
static void
log_opened(const Transition *transition, const char *node, const char *error)
{
	ereport(LOG,
			(node == NULL ? errmsg("cachefront works without Redis") :
			 errmsg("cachefront works without the Redis node %s", node),
			 errdetail("%s; the next attempt is in %d ms.", error, transition->reset_ms),
			 errhint("Look at the Redis server, the network, and the settings cachefront.redis_*.")));
}

static void
log_closed(const Transition *transition, const char *node)
{
	ereport(LOG,
			(node == NULL ? errmsg("cachefront uses Redis again") :
			 errmsg("cachefront uses the Redis node %s again", node),
			 errdetail("It did without since %s.", timestamptz_to_str(transition->since))));
}

static void
log_transition(const Transition *transition, const char *node, const char *error)
{
	if (transition->opened)
		log_opened(transition, node, error);
	else if (transition->closed)
		log_closed(transition, node);
}

/*
 * How long a probe may take before another session takes it over. A prober
 * that is still alive then does no harm: it only tells its outcome late.
 */
static int
probe_patience_ms(void)
{
	return cf_guc_redis_connect_timeout + cf_guc_redis_command_timeout;
}

/*
 * How long a session leaves a probe to the worker, which tries once a
 * second, but may have to give up a read first.
 */
static int
yield_ms(const CfBreakerCaller *caller)
{
	return caller->first ? 0 : 2500 + cf_guc_redis_command_timeout;
}

/* Is it time for the caller to try a breaker that is not closed? */
static bool
may_probe_locked(const CfBreaker *breaker, CfBreakerState state, TimestampTz now,
				 const CfBreakerCaller *caller)
{
	if (state == CF_BREAKER_OPEN)
		return is_over(now, later(breaker->retry_at, -breaker->reset_ms),
					   later(breaker->retry_at, yield_ms(caller)));
	return is_over(now, breaker->probe_at,
				   later(breaker->probe_at, probe_patience_ms() + yield_ms(caller)));
}

static bool
enter_locked(CfBreaker *breaker, TimestampTz now, const CfBreakerCaller *caller,
			 CfBreakerPass *pass)
{
	CfBreakerState state = read_state(breaker);

	if (state == CF_BREAKER_CLOSED)
		return true;
	if (breaker->settings != caller->settings)
	{
		close_locked(breaker);
		pg_atomic_write_u32(&breaker->unproven, 1);
		return true;
	}
	if (!may_probe_locked(breaker, state, now, caller))
		return false;
	breaker->probe_at = now;
	*pass = ++breaker->probe;
	set_state_locked(breaker, CF_BREAKER_HALF_OPEN);
	return true;
}

void
cf_breaker_use(uint64 breakers)
{
	if (unlikely(pg_atomic_read_u64(&shared->in_use) != breakers))
		pg_atomic_write_u64(&shared->in_use, breakers);
}

bool
cf_breaker_is_closed(int breaker)
{
	return read_state(&shared->breakers[breaker]) == CF_BREAKER_CLOSED;
}

bool
cf_breaker_is_open(void)
{
	uint64		in_use = pg_atomic_read_u64(&shared->in_use);

	for (int i = 0; in_use >> i != 0; i++)
	{
		if (is_in_use(in_use, i) && cf_breaker_is_closed(i))
			return false;
		if (i == CF_BREAKERS - 1)
			break;
	}
	return true;
}

bool
cf_breaker_enter(const CfBreakerCaller *caller, CfBreakerPass *pass)
{
	CfBreaker  *breaker = breaker_of(caller);
	TimestampTz now;
	bool		may;

	*pass = 0;
	if (read_state(breaker) == CF_BREAKER_CLOSED)
		return true;
	now = cf_now();
	SpinLockAcquire(&breaker->mutex);
	may = enter_locked(breaker, now, caller, pass);
	SpinLockRelease(&breaker->mutex);
	return may;
}

/*
 * Any probe that succeeds closes, even one that was taken over: it has just
 * been answered. A call that began before the breaker opened proves nothing.
 */
void
cf_breaker_succeed(const CfBreakerCaller *caller, CfBreakerPass pass)
{
	CfBreaker  *breaker = breaker_of(caller);
	Transition	transition = {0};

	if (pass == 0 && pg_atomic_read_u32(&breaker->unproven) == 0)
		return;
	SpinLockAcquire(&breaker->mutex);
	if (pass != 0 && read_state(breaker) != CF_BREAKER_CLOSED)
	{
		close_locked(breaker);
		prove_locked(breaker, &transition);
	}
	else if (pg_atomic_read_u32(&breaker->unproven) != 0)
		prove_locked(breaker, &transition);
	SpinLockRelease(&breaker->mutex);
	log_transition(&transition, caller->node, "");
}

static void
fail_closed_locked(CfBreaker *breaker, TimestampTz now, uint64 settings, bool silent,
				   Transition *transition)
{
	if (breaker->settings != settings ||
		is_over(now, breaker->window_start,
				later(breaker->window_start, CF_BREAKER_WINDOW_MS)))
	{
		breaker->settings = settings;
		breaker->window_start = now;
		breaker->failures = 0;
	}
	breaker->failures++;
	if (!silent && breaker->failures < cf_guc_breaker_failures)
		return;
	open_locked(breaker, now, cf_guc_breaker_reset, transition);
}

static int
longer_reset(int reset_ms)
{
	return Max(cf_guc_breaker_reset, Min(2 * reset_ms, CF_BREAKER_MAX_RESET_MS));
}

void
cf_breaker_note(const char *error)
{
	TimestampTz now = cf_now();
	char		text[CF_L2_ERROR_LEN] = "";

	strlcpy(text, error, sizeof(text));
	SpinLockAcquire(&shared->mutex);
	memcpy(shared->last_error, text, CF_L2_ERROR_LEN);
	shared->last_error_at = now;
	SpinLockRelease(&shared->mutex);
}

void
cf_breaker_fail(const CfBreakerCaller *caller, CfBreakerPass pass, bool silent,
				const char *error)
{
	CfBreaker  *breaker = breaker_of(caller);
	Transition	transition = {0};
	TimestampTz now = cf_now();

	cf_breaker_count(CF_L2_FAILURES, 1);
	cf_breaker_note(error);
	SpinLockAcquire(&breaker->mutex);
	switch (read_state(breaker))
	{
		case CF_BREAKER_CLOSED:
			fail_closed_locked(breaker, now, caller->settings, silent, &transition);
			break;
		case CF_BREAKER_HALF_OPEN:
			if (pass == breaker->probe)
				open_locked(breaker, now, longer_reset(breaker->reset_ms), &transition);
			break;
		case CF_BREAKER_OPEN:
		case CF_BREAKER_PARTLY_OPEN:
			break;
	}
	SpinLockRelease(&breaker->mutex);
	log_transition(&transition, caller->node, error);
}

/* The next caller may probe at once. */
void
cf_breaker_leave(const CfBreakerCaller *caller, CfBreakerPass pass)
{
	CfBreaker  *breaker = breaker_of(caller);

	if (pass == 0)
		return;
	SpinLockAcquire(&breaker->mutex);
	if (read_state(breaker) == CF_BREAKER_HALF_OPEN && pass == breaker->probe)
		set_state_locked(breaker, CF_BREAKER_OPEN);
	SpinLockRelease(&breaker->mutex);
}

void
cf_breaker_count(CfL2Counter counter, uint64 n)
{
	pg_atomic_fetch_add_u64(&shared->counters[counter], n);
}

/* ---- reports ---- */

/* Of two times the one that is set, or the earlier. */
static TimestampTz
earlier(TimestampTz a, TimestampTz b)
{
	if (a == 0 || b == 0)
		return Max(a, b);
	return Min(a, b);
}

/* Adds one breaker; says in which state it is. */
static CfBreakerState
add_to_report(CfBreaker *breaker, CfBreakerReport *report)
{
	CfBreakerState state;

	SpinLockAcquire(&breaker->mutex);
	state = read_state(breaker);
	report->failures += breaker->failures;
	report->opened_at = earlier(report->opened_at, breaker->opened_at);
	report->retry_at = earlier(report->retry_at, breaker->retry_at);
	report->reset_ms = Max(report->reset_ms, breaker->reset_ms);
	SpinLockRelease(&breaker->mutex);
	return state;
}

void
cf_breaker_report(CfBreakerReport *report)
{
	uint64		in_use = pg_atomic_read_u64(&shared->in_use);
	int			n[CF_BREAKER_PARTLY_OPEN + 1] = {0};

	MemSet(report, 0, sizeof(*report));
	for (int i = 0; i < CF_BREAKERS; i++)
		if (is_in_use(in_use, i))
			n[add_to_report(&shared->breakers[i], report)]++;
	if (n[CF_BREAKER_OPEN] + n[CF_BREAKER_HALF_OPEN] == 0)
		report->state = CF_BREAKER_CLOSED;
	else if (n[CF_BREAKER_CLOSED] > 0)
		report->state = CF_BREAKER_PARTLY_OPEN;
	else
		report->state = n[CF_BREAKER_HALF_OPEN] > 0 ? CF_BREAKER_HALF_OPEN : CF_BREAKER_OPEN;
	SpinLockAcquire(&shared->mutex);
	report->last_error_at = shared->last_error_at;
	memcpy(report->last_error, shared->last_error, sizeof(report->last_error));
	SpinLockRelease(&shared->mutex);
	for (int i = 0; i < CF_L2_NCOUNTERS; i++)
		report->counters[i] = pg_atomic_read_u64(&shared->counters[i]);
}

const char *
cf_breaker_state_name(CfBreakerState state)
{
	switch (state)
	{
		case CF_BREAKER_CLOSED:
			return "closed";
		case CF_BREAKER_OPEN:
			return "open";
		case CF_BREAKER_HALF_OPEN:
			return "half-open";
		case CF_BREAKER_PARTLY_OPEN:
			return "partly open";
	}
	return "unknown";
}

/* ---- start-up ---- */

static Size
breaker_shmem_size(void)
{
	return sizeof(CfSharedBreakers);
}

static void
breaker_shmem_init(void *memory, LWLockPadded *locks)
{
	CfSharedBreakers *new = memory;

	SpinLockInit(&new->mutex);
	pg_atomic_init_u64(&new->in_use, UINT64CONST(1) << CF_BREAKER_WHOLE);
	for (int i = 0; i < CF_BREAKERS; i++)
	{
		SpinLockInit(&new->breakers[i].mutex);
		pg_atomic_init_u32(&new->breakers[i].state, CF_BREAKER_CLOSED);
		pg_atomic_init_u32(&new->breakers[i].unproven, 0);
	}
	for (int i = 0; i < CF_L2_NCOUNTERS; i++)
		pg_atomic_init_u64(&new->counters[i], 0);
}

static void
breaker_shmem_attach(void *memory, LWLockPadded *locks)
{
	shared = memory;
}

void
cf_breaker_register(void)
{
	static const CfShmemSegment segment = {
		.name = "cachefront_breaker",
		.nlocks = 0,
		.size = breaker_shmem_size,
		.init = breaker_shmem_init,
		.attach = breaker_shmem_attach,
	};

	cf_shmem_register(&segment);
}
