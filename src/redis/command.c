/*
 * command.c - the interface to Redis: one pipeline, the breaker, a status.
 *
 * src/redis/command.c
 */
#include "postgres.h"

#include "port/atomics.h"

#include "base/guc.h"
#include "redis/address.h"
#include "redis/command.h"
#include "redis/map.h"
#include "redis/redis_internal.h"
#include "stats/counters.h"

static CfPipe pipeline;

/* What a run of it goes by, and what became of the last one. */
static struct
{
	uint64		expected;		/* generation, 0: any */
	int64		allowance;		/* microseconds that are left; -1: there is none */
	int64		round_us;		/* what the last exchange took; 0: none yet */
	char		last_error[CF_L2_ERROR_LEN];
	bool		was_too_large;
#ifdef CF_DEBUG
	int64		silent_us;		/* see cf_l2_silent_us */
#endif
}			runs = {.allowance = -1};

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
	runs.expected = 0;
}

void
cf_l2_add_keyed(int key, int argc, const char *const *argv, const size_t *lens)
{
	cf_pipe_add(&pipeline, argc, argv, lens, key);
}

void
cf_l2_add(int argc, const char *const *argv, const size_t *lens)
{
	cf_l2_add_keyed(1, argc, argv, lens);
}

void
cf_l2_at_node(int node)
{
	if (pipeline.ncommands > 0)
		pipeline.commands[pipeline.ncommands - 1].node = node;
}

int
cf_l2_next_node(int node)
{
	const CfMap *map = cf_handshake_kind() == CF_REDIS_CLUSTER ? cf_map_get() : NULL;

	while (map != NULL && ++node < CF_MAP_NODES)
	{
		if (map->hosts[node].name[0] != '\0')
			return node;
	}
	return 0;
}

void
cf_l2_add_script(CfScript *script, const char *key, size_t keylen, int argc,
				 const char *const *argv, const size_t *lens)
{
	cf_script_add(&pipeline, script, key, keylen, argc, argv, lens);
}

void
cf_l2_expect(uint64 generation)
{
	runs.expected = generation;
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

/* ---- replies ---- */

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

/* Notes what is refused; what makes the server useless was sorted out before. */
static void
look_at_errors(void)
{
	int			oom = 0;

	for (int i = 0; i < pipeline.nreplies; i++)
	{
		const redisReply *reply = pipeline.replies[i];

		if (reply == NULL || reply->type != REDIS_REPLY_ERROR)
			continue;
		if (strncmp(reply->str, "OOM ", 4) == 0)
			oom++;
		else
			note_refusal(reply);
	}
	cf_refusal_look(&pipeline, true);
	if (oom > 0)
		cf_breaker_count(CF_L2_OOM_REPLIES, oom);
}

static bool
judge_replies(CfConn *conn)
{
	for (int i = 0; i < pipeline.nreplies; i++)
	{
		const char *word = cf_refusal_useless(pipeline.replies[i]);

		if (word != NULL)
			return cf_conn_fail(conn, "Redis is of no use now: it says %s", word);
	}
	look_at_errors();
	return true;
}

/* ---- a run with one server ---- */

static void
spend_allowance(int64 us)
{
	if (runs.allowance >= 0)
		runs.allowance = Max(runs.allowance - us, 0);
}

/* The one server, or the master that the Sentinels name; false if nobody knows. */
static bool
find_target(CfRedisHost *host, uint64 *settings)
{
	const CfRedisUrl *url = cf_handshake_url();

	*settings = cf_handshake_settings();
	if (cf_handshake_kind() == CF_REDIS_SENTINEL)
	{
		if (!cf_sentinel_master(host))
			return false;
		*settings = cf_handshake_settings_of(host);
		return true;
	}
	if (url != NULL)
		*host = url->seeds[0];
	return url != NULL;
}

/* That takes half of the time that there is. */
static bool
ask_sentinels(const CfRun *run, char error[CF_L2_ERROR_LEN])
{
	CfRun		mine = *run;

	mine.deadline = Min(run->deadline, cf_mono_us() + (int64) run->timeout_ms * 500);
	return cf_sentinel_ask(&mine, error, CF_L2_ERROR_LEN);
}

static bool
find_target_or_ask(CfConn *conn, const CfRun *run, CfRedisHost *host, uint64 *settings)
{
	char		error[CF_L2_ERROR_LEN] = "";

	if (find_target(host, settings))
		return true;
	if (cf_handshake_kind() != CF_REDIS_SENTINEL)
		return cf_conn_fail(conn, "cachefront.redis_url is not valid");
	if (ask_sentinels(run, error) && find_target(host, settings))
		return true;
	return cf_conn_fail(conn, "%s", error[0] != '\0' ? error : "no Sentinel answers");
}

static CfL2Status
try_run(CfConn *conn, const CfRun *run)
{
	CfRedisHost host;
	uint64		settings;
	int64		ready;

	if (!find_target_or_ask(conn, run, &host, &settings) ||
		!cf_handshake_ready(conn, &host, settings, run))
		return CF_L2_FAILED;
	if (runs.expected != 0 && runs.expected != conn->generation)
		return CF_L2_CHANGED;
	if (pipeline.ncommands == 0)
		return CF_L2_OK;
	ready = cf_mono_us();
	if (!cf_exchange(conn, &pipeline) || !cf_script_retry(conn, &pipeline) ||
		!judge_replies(conn))
		return CF_L2_FAILED;
	runs.round_us = cf_mono_us() - ready;
	cf_breaker_count(CF_L2_COMMANDS, pipeline.ncommands);
	return CF_L2_OK;
}

/* As try_run, and an interrupt that throws leaves no connection and no probe. */
static CfL2Status
try_run_interruptibly(CfConn *conn, const CfRun *run, const CfBreakerCaller *caller,
					  CfBreakerPass pass)
{
	CfL2Status	status = CF_L2_FAILED;

	PG_TRY();
	{
		status = try_run(conn, run);
	}
	PG_CATCH();
	{
		cf_conn_drop_all(true);
		cf_breaker_leave(caller, pass);
		PG_RE_THROW();
	}
	PG_END_TRY();
	return status;
}

/*
 * A time-out that was shorter than the settings say, because the caller asked
 * for less or had little of its allowance left, is a failure as any other. What
 * takes all of an allowance is as bad as a time-out.
 */
static bool
was_silent(CfConn *conn, int64 waited)
{
	int64		command_us = (int64) cf_guc_redis_command_timeout * 1000;
	int64		connect_us = (int64) cf_guc_redis_connect_timeout * 1000;

	if (runs.allowance == 0)
		return waited >= command_us / 2;
	return conn->timed_out && waited >= Min(command_us, connect_us);
}

static void
finish_failure(CfConn *conn, const CfBreakerCaller *caller, CfBreakerPass pass,
			   const CfRun *run)
{
	int64		waited = cf_mono_us() - run->started;

	spend_allowance(waited);
	runs.round_us = 0;
	cf_conn_drop(conn);
	strlcpy(runs.last_error, conn->error, sizeof(runs.last_error));
	runs.was_too_large = conn->too_large;
	if (conn->own_fault)
	{
		cf_breaker_leave(caller, pass);
		return;
	}
	cf_address_doubt();
	cf_sentinel_doubt();
	if (conn->timed_out)
	{
		cf_breaker_count(CF_L2_TIMEOUTS, 1);
#ifdef CF_DEBUG
		runs.silent_us += conn->deadline - run->started;
#endif
	}
	cf_breaker_fail(caller, pass, was_silent(conn, waited), conn->error);
}

static void
count_success(int64 us)
{
	spend_allowance(us);
	if (pipeline.ncommands > 0)
		cf_stats_latency(CF_LATENCY_REDIS, (uint64) us * 1000);
	cf_conn_watch_idle();
}

/* Asks the Sentinels first, if the master is in doubt and nobody did just now. */
static void
look_for_master(const CfRun *run)
{
	char		ignored[CF_L2_ERROR_LEN];

	if (cf_handshake_kind() != CF_REDIS_SENTINEL || !cf_sentinel_is_due())
		return;
	PG_TRY();
	{
		(void) ask_sentinels(run, ignored);
	}
	PG_CATCH();
	{
		cf_conn_drop_all(true);
		PG_RE_THROW();
	}
	PG_END_TRY();
}

static CfL2Status
run_single(const CfRun *run)
{
	CfConn	   *conn = cf_conn_get(CF_CONN_WHOLE);
	CfRedisHost host;
	CfBreakerCaller caller = {.breaker = CF_BREAKER_WHOLE, .first = run->patient};
	CfBreakerPass pass;
	CfL2Status	status;

	cf_breaker_use(UINT64CONST(1) << CF_BREAKER_WHOLE);
	look_for_master(run);
	(void) find_target(&host, &caller.settings);
	if (!cf_breaker_enter(&caller, &pass))
		return CF_L2_OPEN;
	cf_breaker_count(CF_L2_CALLS, 1);
	conn->error[0] = '\0';
	conn->timed_out = false;
	conn->own_fault = false;
	conn->too_large = false;
	status = run->interruptible ? try_run_interruptibly(conn, run, &caller, pass) :
		try_run(conn, run);
	if (status == CF_L2_FAILED)
	{
		finish_failure(conn, &caller, pass, run);
		return status;
	}
	cf_breaker_succeed(&caller, pass);
	cf_sentinel_trust();
	conn->used_at = cf_mono_us();
	pg_compiler_barrier();
	conn->busy = false;
	if (status == CF_L2_OK)
		count_success(conn->used_at - run->started);
	return status;
}

/* ---- a run in a cluster ---- */

/* outcome: NULL for upkeep. */
static void
try_cluster(const CfRun *run, CfOutcome *outcome)
{
	PG_TRY();
	{
		if (outcome != NULL)
			cf_cluster_run(&pipeline, run, outcome);
		else
			cf_cluster_upkeep(run);
	}
	PG_CATCH();
	{
		cf_cluster_abort();
		PG_RE_THROW();
	}
	PG_END_TRY();
}

/* A number for cf_l2_expect that is never 0. */
static uint64
cluster_generation(void)
{
	return cf_handshake_settings() | 1;
}

static CfL2Status
run_cluster(const CfRun *run)
{
	CfOutcome	outcome;
	int64		took;

	if (runs.expected != 0 && runs.expected != cluster_generation())
		return CF_L2_CHANGED;
	cf_breaker_count(CF_L2_CALLS, 1);
	try_cluster(run, &outcome);
	took = cf_mono_us() - run->started;
	strlcpy(runs.last_error, outcome.error, sizeof(runs.last_error));
	runs.was_too_large = outcome.too_large;
	cf_breaker_count(CF_L2_COMMANDS, outcome.nreplies);
	look_at_errors();
#ifdef CF_DEBUG
	if (outcome.timed_out)
		runs.silent_us += took;
#endif
	if (outcome.nreplies == pipeline.ncommands && outcome.error[0] == '\0' && !outcome.denied)
	{
		runs.round_us = took;
		count_success(took);
		return CF_L2_OK;
	}
	spend_allowance(took);
	cf_conn_watch_idle();
	if (outcome.nreplies > 0)
		return CF_L2_PARTLY;
	return outcome.denied && outcome.error[0] == '\0' ? CF_L2_OPEN : CF_L2_FAILED;
}

/* ---- a run ---- */

static CfRun
describe_run(int timeout_ms, bool interruptible)
{
	CfRun		run = {
		.started = cf_mono_us(),
		.deadline = PG_INT64_MAX,
		.timeout_ms = timeout_ms,
		.interruptible = interruptible,
		.patient = runs.allowance < 0,
	};

	if (!interruptible || cf_handshake_kind() == CF_REDIS_CLUSTER)
		run.deadline = run.started + (int64) timeout_ms * 1000;
	if (runs.allowance >= 0)
		run.deadline = Min(run.deadline, run.started + runs.allowance);
	return run;
}

CfL2Status
cf_l2_run(int timeout_ms, bool interruptible)
{
	CfRun		run;
	CfL2Status	status;

	runs.last_error[0] = '\0';
	runs.was_too_large = false;
	if (!cf_l2_configured())
		return CF_L2_OFF;
	if (pipeline.broken)
	{
		strlcpy(runs.last_error, "out of memory, or a command that is too large",
				sizeof(runs.last_error));
		return CF_L2_FAILED;
	}
	if (!cf_l2_can_afford(1))
		return CF_L2_SPENT;
	run = describe_run(timeout_ms, interruptible);
	status = cf_handshake_kind() == CF_REDIS_CLUSTER ? run_cluster(&run) : run_single(&run);
	if (status == CF_L2_OPEN)
		cf_breaker_count(CF_L2_DENIED, 1);
	return status;
}

/* Where nothing is wrong, this asks nobody but, once a second, a Sentinel. */
void
cf_l2_upkeep(void)
{
	const char *probe[] = {"INFO", "server"};
	const size_t lens[] = {4, 6};
	CfRun		run;

	if (!cf_l2_configured())
		return;
	cf_l2_begin();
	if (cf_address_check())
		cf_conn_drop_all(false);
	run = describe_run(cf_guc_redis_command_timeout, true);
	if (cf_handshake_kind() == CF_REDIS_SENTINEL && cf_sentinel_is_due_anyway())
	{
		char		ignored[CF_L2_ERROR_LEN];

		(void) ask_sentinels(&run, ignored);
	}
	if (cf_handshake_kind() == CF_REDIS_CLUSTER)
		try_cluster(&run, NULL);
	else if (cf_breaker_is_open())
	{
		/* A connection that is there proves nothing: it must answer. */
		cf_l2_add_keyed(0, lengthof(probe), probe, lens);
		(void) cf_l2_run(cf_guc_redis_command_timeout, true);
	}
}

void
cf_l2_allow(int64 us)
{
	runs.allowance = us;
}

bool
cf_l2_can_afford(int nruns)
{
	return runs.allowance < 0 || runs.allowance > nruns * runs.round_us;
}

int64
cf_l2_end_allowance(void)
{
	int64		left = runs.allowance;

	runs.allowance = -1;
	return left;
}

#ifdef CF_DEBUG
int64
cf_l2_silent_us(void)
{
	return runs.silent_us;
}
#endif

/* ---- about the connection ---- */

const char *
cf_l2_error(void)
{
	return runs.last_error;
}

bool
cf_l2_was_too_large(void)
{
	return runs.was_too_large;
}

const char *
cf_l2_run_id(void)
{
	CfConn	   *conn = cf_conn_get(CF_CONN_WHOLE);

	return conn->open ? conn->run_id : "";
}

uint64
cf_l2_generation(void)
{
	CfConn	   *conn = cf_conn_get(CF_CONN_WHOLE);

	if (cf_l2_configured() && cf_handshake_kind() == CF_REDIS_CLUSTER)
		return cluster_generation();
	return conn->open ? conn->generation : 0;
}

void
cf_l2_drop(void)
{
	cf_conn_drop_all(false);
}

void
cf_l2_drop_if_busy(void)
{
	cf_conn_drop_all(true);
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
	cf_conn_watch_idle();
}

void
cf_l2_register(void)
{
	cf_address_register();
	cf_sentinel_register();
	cf_map_register();
	cf_refusal_register();
}
