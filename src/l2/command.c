/*
 * command.c - the interface to Redis: one pipeline, the breaker, a status.
 *
 * src/l2/command.c
 */
#include "postgres.h"

#include "port/atomics.h"

#include "guc.h"
#include "l2/command.h"
#include "l2/l2_internal.h"
#include "stats/counters.h"

/* First words of errors that say: this server is of no use now. */
static const char *const useless[] = {
	"ASK", "BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "MISCONF", "MOVED",
	"NOAUTH", "READONLY", "WRONGPASS"
};

/* For so long a connection that was of use is not looked at again. */
#define CF_CHECKED_US 1000

static CfPipe pipeline;
static uint64 expected = 0;		/* generation, 0: any */
static int64 allowance = -1;	/* microseconds that are left; -1: there is none */
static int64 round_us = 0;		/* what the last exchange took; 0: none yet */
#ifdef CF_DEBUG
static int64 silent_us = 0;		/* see cf_l2_silent_us */
#endif

bool
cf_l2_configured(void)
{
	return cf_guc_redis_url != NULL && cf_guc_redis_url[0] != '\0';
}

/* ---- the pipeline ---- */

void
cf_l2_begin(void)
{
	cf_pipe_reset(&pipeline);
	cf_script_reset();
	expected = 0;
}

void
cf_l2_add(int argc, const char *const *argv, const size_t *lens)
{
	cf_pipe_add(&pipeline, argc, argv, lens);
}

void
cf_l2_add_script(CfL2Script script, const char *key, size_t keylen, int argc,
				 const char *const *argv, const size_t *lens)
{
	cf_script_add(&pipeline, script, key, keylen, argc, argv, lens);
}

void
cf_l2_expect(uint64 generation)
{
	expected = generation;
}

int
cf_l2_nreplies(void)
{
	return pipeline.nreplies;
}

const redisReply *
cf_l2_reply(int i)
{
	Assert(i >= 0 && i < pipeline.nreplies);
	return pipeline.replies[i];
}

/* ---- a connection to use ---- */

/*
 * Is the connection, if there is one, still of use? The idle time-out, a restart
 * of Redis or Redis's own time-out may have closed it. To notice that here saves
 * a failure. After a use or a look of just now there is hardly anything to
 * notice, and a look takes time.
 */
static bool
is_usable(CfConn *conn, int64 now)
{
	bool		checked = now - conn->used_at < CF_CHECKED_US;

	return conn->open && conn->fd >= 0 &&
		conn->settings == cf_handshake_settings() &&
		(checked || conn->transport->is_quiet(conn));
}

/* From now on, but not past that of the run. */
static void
set_deadline(CfConn *conn, int ms, int64 run_deadline)
{
	conn->deadline = Min(cf_mono_us() + (int64) ms * 1000, run_deadline);
}

/*
 * Leaves the connection ready and marked busy, or false. One that is marked
 * already was cut off by an error: its replies are still to come.
 */
static bool
get_ready(CfConn *conn, int64 now, int timeout_ms, int64 run_deadline)
{
	bool		cut_off = conn->busy;

	/* From here on the idle time-out keeps its hands off. */
	conn->busy = true;
	pg_compiler_barrier();
	set_deadline(conn, timeout_ms, run_deadline);
	if (!cut_off && is_usable(conn, now))
		return true;
	cf_conn_drop(conn);
	conn->busy = true;
	pg_compiler_barrier();
	conn->settings = cf_handshake_settings();
	set_deadline(conn, cf_guc_redis_connect_timeout, run_deadline);
	if (!cf_handshake(conn))
		return false;
	set_deadline(conn, timeout_ms, run_deadline);
	return true;
}

/* ---- a run ---- */

static const char *
useless_word(const redisReply *reply)
{
	if (reply->type != REDIS_REPLY_ERROR)
		return NULL;
	for (int i = 0; i < lengthof(useless); i++)
	{
		size_t		len = strlen(useless[i]);

		if (strncmp(reply->str, useless[i], len) == 0 &&
			(reply->str[len] == ' ' || reply->str[len] == '\0'))
			return useless[i];
	}
	return NULL;
}

/*
 * For people to see: an error that says nothing about the server as a whole,
 * such as that our user lacks a right. The text is Redis's; to an unknown
 * command it adds the arguments, which are not for everybody.
 */
static void
note_refusal(const redisReply *reply)
{
	char		text[CF_L2_ERROR_LEN];
	char	   *args;

	snprintf(text, sizeof(text), "Redis refused a command: %s", reply->str);
	args = strstr(text, ", with args");
	if (args != NULL)
		*args = '\0';
	for (char *c = text; *c != '\0'; c++)
	{
		if (*c < ' ' || *c > '~')
			*c = '?';
	}
	cf_breaker_note(text);
}

static bool
judge_replies(CfConn *conn)
{
	int			oom = 0;

	for (int i = 0; i < pipeline.nreplies; i++)
	{
		const redisReply *reply = pipeline.replies[i];
		const char *word = useless_word(reply);

		if (word != NULL)
			return cf_conn_fail(conn, "Redis is of no use now: it says %s", word);
		if (reply->type != REDIS_REPLY_ERROR)
			continue;
		if (strncmp(reply->str, "OOM ", 4) == 0)
			oom++;
		else
			note_refusal(reply);
	}
	if (oom > 0)
		cf_breaker_count(CF_L2_OOM_REPLIES, oom);
	return true;
}

static int64
run_deadline(const CfConn *conn, int64 now, int timeout_ms)
{
	int64		deadline = PG_INT64_MAX;

	if (!conn->interruptible)
		deadline = now + (int64) timeout_ms * 1000;
	if (allowance >= 0)
		deadline = Min(deadline, now + allowance);
	return deadline;
}

static CfL2Status
try_run(CfConn *conn, int64 now, int timeout_ms)
{
	int64		ready;

	if (!get_ready(conn, now, timeout_ms, run_deadline(conn, now, timeout_ms)))
		return CF_L2_FAILED;
	if (expected != 0 && expected != conn->generation)
		return CF_L2_CHANGED;
	if (pipeline.ncommands == 0)
		return CF_L2_OK;
	ready = cf_mono_us();
	if (!cf_exchange(conn, &pipeline) || !cf_script_retry(conn, &pipeline) ||
		!judge_replies(conn))
		return CF_L2_FAILED;
	round_us = cf_mono_us() - ready;
	cf_breaker_count(CF_L2_COMMANDS, pipeline.ncommands);
	return CF_L2_OK;
}

/* As try_run, and an interrupt that throws leaves no connection and no probe. */
static CfL2Status
try_run_interruptibly(CfConn *conn, int64 now, int timeout_ms, CfBreakerPass pass)
{
	CfL2Status	status = CF_L2_FAILED;

	PG_TRY();
	{
		status = try_run(conn, now, timeout_ms);
	}
	PG_CATCH();
	{
		cf_conn_drop(conn);
		cf_breaker_leave(pass);
		PG_RE_THROW();
	}
	PG_END_TRY();
	return status;
}

static void
spend_allowance(int64 us)
{
	if (allowance >= 0)
		allowance = Max(allowance - us, 0);
}

/*
 * A time-out that was shorter than the settings say, because the caller asked
 * for less or had little of its allowance left, is a failure as any other. What
 * takes all of an allowance is as bad as a time-out, be it the resolver.
 */
static bool
was_silent(CfConn *conn, int64 waited)
{
	int64		command_us = (int64) cf_guc_redis_command_timeout * 1000;
	int64		connect_us = (int64) cf_guc_redis_connect_timeout * 1000;

	if (allowance == 0)
		return waited >= command_us / 2;
	return conn->timed_out && waited >= Min(command_us, connect_us);
}

static void
finish_failure(CfConn *conn, CfBreakerPass pass, int64 started)
{
	int64		waited = cf_mono_us() - started;

	spend_allowance(waited);
	round_us = 0;
	cf_conn_drop(conn);
	if (conn->own_fault)
	{
		cf_breaker_leave(pass);
		return;
	}
	cf_address_doubt();
	if (conn->timed_out)
	{
		cf_breaker_count(CF_L2_TIMEOUTS, 1);
#ifdef CF_DEBUG
		silent_us += conn->deadline - started;
#endif
	}
	cf_breaker_fail(pass, conn->settings, was_silent(conn, waited), conn->error);
}

CfL2Status
cf_l2_run(int timeout_ms, bool interruptible)
{
	CfConn	   *conn = cf_conn_get();
	int64		started = cf_mono_us();
	CfL2Status	status;
	CfBreakerPass pass;

	conn->error[0] = '\0';
	conn->timed_out = false;
	conn->own_fault = false;
	conn->too_large = false;
	if (!cf_l2_configured())
		return CF_L2_OFF;
	if (pipeline.broken)
	{
		cf_conn_fail_own(conn, "out of memory, or a command that is too large");
		return CF_L2_FAILED;
	}
	if (!cf_l2_can_afford(1))
		return CF_L2_SPENT;
	if (!cf_breaker_enter(cf_handshake_settings(), allowance < 0, &pass))
	{
		cf_breaker_count(CF_L2_DENIED, 1);
		return CF_L2_OPEN;
	}
	cf_breaker_count(CF_L2_CALLS, 1);
	conn->interruptible = interruptible;
	conn->patient = allowance < 0;
	status = interruptible ? try_run_interruptibly(conn, started, timeout_ms, pass) :
		try_run(conn, started, timeout_ms);
	if (status == CF_L2_FAILED)
	{
		finish_failure(conn, pass, started);
		return status;
	}
	cf_breaker_succeed(pass);
	conn->used_at = cf_mono_us();
	spend_allowance(conn->used_at - started);
	if (status == CF_L2_OK && pipeline.ncommands > 0)
		cf_stats_latency(CF_LATENCY_REDIS, (uint64) (conn->used_at - started) * 1000);
	pg_compiler_barrier();
	conn->busy = false;
	cf_conn_watch_idle(conn);
	return status;
}

void
cf_l2_allow(int64 us)
{
	allowance = us;
}

bool
cf_l2_can_afford(int nruns)
{
	return allowance < 0 || allowance > nruns * round_us;
}

int64
cf_l2_end_allowance(void)
{
	int64		left = allowance;

	allowance = -1;
	return left;
}

#ifdef CF_DEBUG
int64
cf_l2_silent_us(void)
{
	return silent_us;
}
#endif

/* ---- about the connection ---- */

const char *
cf_l2_error(void)
{
	return cf_conn_get()->error;
}

bool
cf_l2_was_too_large(void)
{
	return cf_conn_get()->too_large;
}

const char *
cf_l2_run_id(void)
{
	return cf_conn_get()->open ? cf_conn_get()->run_id : "";
}

uint64
cf_l2_generation(void)
{
	return cf_conn_get()->open ? cf_conn_get()->generation : 0;
}

void
cf_l2_drop(void)
{
	cf_conn_drop(cf_conn_get());
}

void
cf_l2_drop_if_busy(void)
{
	if (cf_conn_get()->busy)
		cf_l2_drop();
}

void
cf_l2_set_max_reply(int64 bytes)
{
	cf_exchange_set_max_reply(bytes);
}

void
cf_l2_at_abort(void)
{
	(void) cf_l2_end_allowance();
	cf_conn_watch_idle(cf_conn_get());
}
