/*
 * breaker.c - may Redis be used now? Decided together by all sessions.
 *
 * Locking: the state is written under the spinlock, and read without it by
 * cf_breaker_enter, so that a closed breaker costs one read. Time is read and
 * everything is logged outside of the spinlock.
 *
 * src/l2/breaker.c
 */
#include "postgres.h"

#include "port/atomics.h"
#include "storage/spin.h"
#include "utils/timestamp.h"

#include "debug_point.h"
#include "guc.h"
#include "l2/breaker.h"
#include "shmem.h"

#define CF_BREAKER_WINDOW_MS 10000
#define CF_BREAKER_MAX_RESET_MS 30000
#define CF_BREAKER_LOG_EVERY_MS 1000

typedef struct CfSharedBreaker
{
	/* Protected by mutex; state is also read without it */
	slock_t		mutex;
	pg_atomic_uint32 state;		/* CfBreakerState */
	uint64		settings;		/* under which it was opened */
	int			failures;
	int			reset_ms;		/* how long it is open, this time */
	TimestampTz window_start;
	TimestampTz opened_at;		/* when it left the closed state */
	TimestampTz retry_at;
	TimestampTz probe_at;		/* when the probe began */
	uint64		probe;			/* number of the latest probe */
	TimestampTz logged_at;
	TimestampTz last_error_at;
	char		last_error[CF_L2_ERROR_LEN];

	/* Atomics, no lock */
	pg_atomic_uint64 counters[CF_L2_NCOUNTERS];
} CfSharedBreaker;

/* What to log of a transition, once the spinlock is released. */
typedef struct Transition
{
	bool		opened;
	bool		closed;
	bool		log;
	int			reset_ms;
	TimestampTz since;			/* closed: when it was opened */
} Transition;

static CfSharedBreaker *shared = NULL;

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
read_state(void)
{
	return (CfBreakerState) pg_atomic_read_u32(&shared->state);
}

static void
set_state_locked(CfBreakerState state)
{
	pg_atomic_write_u32(&shared->state, state);
}

static void
note_log_locked(Transition *transition, TimestampTz now)
{
	transition->log = is_over(now, shared->logged_at,
							  later(shared->logged_at, CF_BREAKER_LOG_EVERY_MS));
	if (transition->log)
		shared->logged_at = now;
}

static void
open_locked(TimestampTz now, int reset_ms, Transition *transition)
{
	if (read_state() == CF_BREAKER_CLOSED)
	{
		shared->opened_at = now;
		transition->opened = true;
		transition->reset_ms = reset_ms;
		note_log_locked(transition, now);
		cf_breaker_count(CF_L2_OPENS, 1);
	}
	shared->reset_ms = reset_ms;
	shared->retry_at = later(now, reset_ms);
	set_state_locked(CF_BREAKER_OPEN);
}

static void
close_locked(TimestampTz now, Transition *transition)
{
	transition->closed = true;
	transition->since = shared->opened_at;
	note_log_locked(transition, now);
	shared->failures = 0;
	shared->opened_at = 0;
	shared->retry_at = 0;
	set_state_locked(CF_BREAKER_CLOSED);
}

static void
log_transition(const Transition *transition, const char *error)
{
	if (!transition->log)
		return;
	if (transition->opened)
		ereport(LOG,
				(errmsg("cachefront works without Redis"),
				 errdetail("%s; the next attempt is in %d ms.", error,
						   transition->reset_ms),
				 errhint("Look at the Redis server, the network, and the settings cachefront.redis_*.")));
	else if (transition->closed)
		ereport(LOG,
				(errmsg("cachefront uses Redis again"),
				 errdetail("It did without since %s.",
						   timestamptz_to_str(transition->since))));
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
 * How long a session leaves a probe to the bus's worker, which tries once a
 * second, but may have to give up a read first.
 */
static int
yield_ms(bool first)
{
	return first ? 0 : 2500 + cf_guc_redis_command_timeout;
}

static bool
enter_locked(TimestampTz now, uint64 settings, bool first, CfBreakerPass *pass,
			 Transition *transition)
{
	CfBreakerState state = read_state();

	if (state == CF_BREAKER_CLOSED)
		return true;
	if (shared->settings != settings)
	{
		close_locked(now, transition);
		return true;
	}
	if (state == CF_BREAKER_OPEN
		? !is_over(now, later(shared->retry_at, -shared->reset_ms),
				   later(shared->retry_at, yield_ms(first)))
		: !is_over(now, shared->probe_at,
				   later(shared->probe_at, probe_patience_ms() + yield_ms(first))))
		return false;
	shared->probe_at = now;
	*pass = ++shared->probe;
	set_state_locked(CF_BREAKER_HALF_OPEN);
	return true;
}

bool
cf_breaker_is_open(void)
{
	return read_state() != CF_BREAKER_CLOSED;
}

bool
cf_breaker_enter(uint64 settings, bool first, CfBreakerPass *pass)
{
	Transition	transition = {0};
	TimestampTz now;
	bool		may;

	*pass = 0;
	if (read_state() == CF_BREAKER_CLOSED)
		return true;
	now = cf_now();
	SpinLockAcquire(&shared->mutex);
	may = enter_locked(now, settings, first, pass, &transition);
	SpinLockRelease(&shared->mutex);
	log_transition(&transition, "");
	return may;
}

/*
 * Any probe that succeeds closes, even one that was taken over: it has just
 * been answered. A call that began before the breaker opened proves nothing.
 */
void
cf_breaker_succeed(CfBreakerPass pass)
{
	Transition	transition = {0};
	TimestampTz now;

	if (pass == 0)
		return;
	now = cf_now();
	SpinLockAcquire(&shared->mutex);
	if (read_state() != CF_BREAKER_CLOSED)
		close_locked(now, &transition);
	SpinLockRelease(&shared->mutex);
	log_transition(&transition, "");
}

static void
fail_closed_locked(TimestampTz now, uint64 settings, bool silent,
				   Transition *transition)
{
	if (is_over(now, shared->window_start,
				later(shared->window_start, CF_BREAKER_WINDOW_MS)))
	{
		shared->window_start = now;
		shared->failures = 0;
	}
	shared->failures++;
	if (!silent && shared->failures < cf_guc_breaker_failures)
		return;
	shared->settings = settings;
	open_locked(now, cf_guc_breaker_reset, transition);
}

static int
longer_reset(int reset_ms)
{
	return Max(cf_guc_breaker_reset, Min(2 * reset_ms, CF_BREAKER_MAX_RESET_MS));
}

static void
note_locked(const char text[CF_L2_ERROR_LEN], TimestampTz now)
{
	memcpy(shared->last_error, text, CF_L2_ERROR_LEN);
	shared->last_error_at = now;
}

void
cf_breaker_note(const char *error)
{
	TimestampTz now = cf_now();
	char		text[CF_L2_ERROR_LEN] = "";

	strlcpy(text, error, sizeof(text));
	SpinLockAcquire(&shared->mutex);
	note_locked(text, now);
	SpinLockRelease(&shared->mutex);
}

void
cf_breaker_fail(CfBreakerPass pass, uint64 settings, bool silent, const char *error)
{
	Transition	transition = {0};
	TimestampTz now = cf_now();
	char		text[CF_L2_ERROR_LEN] = "";

	strlcpy(text, error, sizeof(text));
	cf_breaker_count(CF_L2_FAILURES, 1);
	SpinLockAcquire(&shared->mutex);
	note_locked(text, now);
	switch (read_state())
	{
		case CF_BREAKER_CLOSED:
			fail_closed_locked(now, settings, silent, &transition);
			break;
		case CF_BREAKER_HALF_OPEN:
			if (pass == shared->probe)
				open_locked(now, longer_reset(shared->reset_ms), &transition);
			break;
		case CF_BREAKER_OPEN:
			break;
	}
	SpinLockRelease(&shared->mutex);
	log_transition(&transition, text);
}

/* The next caller may probe at once. */
void
cf_breaker_leave(CfBreakerPass pass)
{
	if (pass == 0)
		return;
	SpinLockAcquire(&shared->mutex);
	if (read_state() == CF_BREAKER_HALF_OPEN && pass == shared->probe)
		set_state_locked(CF_BREAKER_OPEN);
	SpinLockRelease(&shared->mutex);
}

void
cf_breaker_count(CfL2Counter counter, uint64 n)
{
	pg_atomic_fetch_add_u64(&shared->counters[counter], n);
}

void
cf_breaker_report(CfBreakerReport *report)
{
	SpinLockAcquire(&shared->mutex);
	report->state = read_state();
	report->failures = shared->failures;
	report->opened_at = shared->opened_at;
	report->retry_at = shared->retry_at;
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
	}
	return "unknown";
}

static Size
breaker_shmem_size(void)
{
	return sizeof(CfSharedBreaker);
}

static void
breaker_shmem_init(void *memory, LWLockPadded *locks)
{
	CfSharedBreaker *breaker = memory;

	SpinLockInit(&breaker->mutex);
	pg_atomic_init_u32(&breaker->state, CF_BREAKER_CLOSED);
	for (int i = 0; i < CF_L2_NCOUNTERS; i++)
		pg_atomic_init_u64(&breaker->counters[i], 0);
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
