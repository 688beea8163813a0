/*
 * debug_redis.c - Redis as tests see it, only with CF_DEBUG.
 *
 * Commands and replies as they are, through the interface that the cache
 * itself uses. Not interruptible means: as in a commit, interrupts held off.
 *
 * src/api/debug_redis.c
 */
#include "postgres.h"

#ifdef CF_DEBUG

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "base/guc.h"
#include "base/shmem.h"
#include "l2/lua.h"
#include "redis/address.h"
#include "redis/breaker.h"
#include "redis/command.h"
#include "redis/refusal.h"

PG_FUNCTION_INFO_V1(cachefront_debug_redis);
PG_FUNCTION_INFO_V1(cachefront_debug_redis_bytes);
PG_FUNCTION_INFO_V1(cachefront_debug_redis_drop);
PG_FUNCTION_INFO_V1(cachefront_debug_redis_max_reply);
PG_FUNCTION_INFO_V1(cachefront_debug_redis_pipeline);
PG_FUNCTION_INFO_V1(cachefront_debug_redis_refusals);
PG_FUNCTION_INFO_V1(cachefront_debug_redis_report);

static const char *
status_name(CfL2Status status)
{
	switch (status)
	{
		case CF_L2_OK:
			return "OK";
		case CF_L2_OFF:
			return "OFF";
		case CF_L2_OPEN:
			return "OPEN";
		case CF_L2_CHANGED:
			return "CHANGED";
		case CF_L2_SPENT:
			return "SPENT";
		case CF_L2_PARTLY:
			return psprintf("PARTLY: %s", cf_l2_error());
		case CF_L2_FAILED:
			return psprintf("FAILED: %s", cf_l2_error());
	}
	return "UNKNOWN";
}

static CfL2Status
run(int timeout_ms, bool interruptible)
{
	CfL2Status	status;

	if (timeout_ms < 0)
		timeout_ms = cf_guc_redis_command_timeout;
	if (interruptible)
		return cf_l2_run(timeout_ms, true);
	HOLD_INTERRUPTS();
	status = cf_l2_run(timeout_ms, false);
	RESUME_INTERRUPTS();
	return status;
}

static void
print_reply(StringInfo out, const redisReply *reply)
{
	switch (reply != NULL ? reply->type : 0)
	{
		case 0:
			appendStringInfoString(out, "(none)");
			break;
		case REDIS_REPLY_NIL:
			appendStringInfoString(out, "(nil)");
			break;
		case REDIS_REPLY_INTEGER:
			appendStringInfo(out, "(integer) %lld", reply->integer);
			break;
		case REDIS_REPLY_ERROR:
			appendStringInfo(out, "(error) %s", reply->str);
			break;
		case REDIS_REPLY_STATUS:
		case REDIS_REPLY_STRING:
			appendBinaryStringInfo(out, reply->str, (int) reply->len);
			break;
		case REDIS_REPLY_ARRAY:
			appendStringInfoChar(out, '[');
			for (size_t i = 0; i < reply->elements; i++)
			{
				appendStringInfoString(out, i > 0 ? ", " : "");
				print_reply(out, reply->element[i]);
			}
			appendStringInfoChar(out, ']');
			break;
		default:
			appendStringInfo(out, "(type %d)", reply->type);
			break;
	}
}

static text *
reply_text(int i)
{
	StringInfoData out;

	initStringInfo(&out);
	print_reply(&out, cf_l2_reply(i));
	return cstring_to_text_with_len(out.data, out.len);
}

/*
 * Adds a command of which each word is a varlena; a NULL ends it. Its first
 * word may be SCRIPT:ping.
 */
static void
add_words(const Datum *values, const bool *nulls, int n)
{
	const char **argv = palloc(n * sizeof(char *));
	size_t	   *lens = palloc(n * sizeof(size_t));
	int			argc = 0;

	while (argc < n && !nulls[argc])
	{
		text	   *word = DatumGetTextPP(values[argc]);

		argv[argc] = VARDATA_ANY(word);
		lens[argc++] = VARSIZE_ANY_EXHDR(word);
	}
	if (argc >= 2 && lens[0] == 11 && memcmp(argv[0], "SCRIPT:ping", 11) == 0)
		cf_l2_add_script(&cf_lua_ping, argv[1], lens[1], argc - 2, argv + 2, lens + 2);
	else if (argc > 0)
		cf_l2_add(argc, argv, lens);
}

/* args text[], timeout_ms int, interruptible boolean, generation bigint */
Datum
cachefront_debug_redis(PG_FUNCTION_ARGS)
{
	CfL2Status	status;
	Datum	   *values;
	bool	   *nulls;
	int			n;

	cf_shmem_require();
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), TEXTOID, -1, false, TYPALIGN_INT,
					  &values, &nulls, &n);
	cf_l2_begin();
	add_words(values, nulls, n);
	cf_l2_expect(PG_GETARG_INT64(3));
	status = run(PG_GETARG_INT32(1), PG_GETARG_BOOL(2));
	if (status != CF_L2_OK || cf_l2_nreplies() == 0)
		PG_RETURN_TEXT_P(cstring_to_text(status_name(status)));
	PG_RETURN_TEXT_P(reply_text(0));
}

/* args bytea[]: the reply, which must be a string, byte for byte */
Datum
cachefront_debug_redis_bytes(PG_FUNCTION_ARGS)
{
	CfL2Status	status;
	Datum	   *values;
	bool	   *nulls;
	int			n;

	cf_shmem_require();
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), BYTEAOID, -1, false, TYPALIGN_INT,
					  &values, &nulls, &n);
	cf_l2_begin();
	add_words(values, nulls, n);
	status = run(-1, true);
	if (status != CF_L2_OK)
		ereport(ERROR,
				(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
				 errmsg("no reply from Redis: %s", status_name(status))));
	PG_RETURN_BYTEA_P(reply_text(0));
}

/* commands text[], a command a row, timeout_ms int, interruptible boolean */
Datum
cachefront_debug_redis_pipeline(PG_FUNCTION_ARGS)
{
	ArrayType  *commands = PG_GETARG_ARRAYTYPE_P(0);
	CfL2Status	status;
	Datum	   *values;
	Datum	   *replies;
	bool	   *nulls;
	int			width;
	int			n;
	bool		answered;

	cf_shmem_require();
	if (ARR_NDIM(commands) != 2)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("a pipeline must be an array of two dimensions")));
	width = ARR_DIMS(commands)[1];
	deconstruct_array(commands, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &n);
	cf_l2_begin();
	for (int i = 0; i < n; i += width)
		add_words(values + i, nulls + i, width);
	status = run(PG_GETARG_INT32(1), PG_GETARG_BOOL(2));
	answered = status == CF_L2_OK || status == CF_L2_PARTLY;
	n = answered ? cf_l2_nreplies() : 1;
	replies = palloc(n * sizeof(Datum));
	for (int i = 0; i < n; i++)
		replies[i] = PointerGetDatum(answered ? reply_text(i) :
									 cstring_to_text(status_name(status)));
	PG_RETURN_ARRAYTYPE_P(construct_array(replies, n, TEXTOID, -1, false, TYPALIGN_INT));
}

Datum
cachefront_debug_redis_drop(PG_FUNCTION_ARGS)
{
	cf_l2_drop();
	PG_RETURN_VOID();
}

Datum
cachefront_debug_redis_max_reply(PG_FUNCTION_ARGS)
{
	cf_l2_set_max_reply(PG_GETARG_INT64(0));
	PG_RETURN_VOID();
}

/* What the breaker tells, and what is known of this session's connection. */
Datum
cachefront_debug_redis_report(PG_FUNCTION_ARGS)
{
	static const char *const names[CF_L2_NCOUNTERS] = {
		"calls", "commands", "denied", "connects", "failures", "timeouts",
		"oom_replies", "opens", "refusals", "redirects", "master_lookups"
	};
	CfBreakerReport report;
	StringInfoData out;

	cf_shmem_require();
	cf_breaker_report(&report);
	initStringInfo(&out);
	appendStringInfo(&out, "state=%s\nrun_id=%s\ngeneration=%llu\nwindow_failures=%d\n",
					 cf_breaker_state_name(report.state), cf_l2_run_id(),
					 (unsigned long long) cf_l2_generation(), report.failures);
	appendStringInfo(&out, "opened=%s\nretry_ms=%lld\nreset_ms=%d\nlast_error=%s\n",
					 report.opened_at != 0 ? "yes" : "no",
					 (long long) (report.retry_at - report.opened_at) / 1000, report.reset_ms,
					 report.last_error);
	for (int i = 0; i < CF_L2_NCOUNTERS; i++)
		appendStringInfo(&out, "%s=%llu\n", names[i],
						 (unsigned long long) report.counters[i]);
	appendStringInfo(&out, "lookups=%u\nsilent_us=%lld\n", cf_address_lookups(),
					 (long long) cf_l2_silent_us());
	PG_RETURN_TEXT_P(cstring_to_text(out.data));
}

/* with_user boolean: what Redis refuses, or NULL */
Datum
cachefront_debug_redis_refusals(PG_FUNCTION_ARGS)
{
	char		text[CF_REFUSAL_LEN];

	cf_shmem_require();
	if (!cf_refusal_obstacle(text, PG_GETARG_BOOL(0)))
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(text));
}

#else

/* ISO C wants something in every file. */
typedef int cf_debug_redis_unused;

#endif							/* CF_DEBUG */
