/*
 * hget.c - see hget.h.
 *
 * test/bench/hget.c
 */
#include "hget.h"

#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#define KEY "cf_bench_bare"

static redisContext *redis = NULL;
static size_t stored = 0;

static const char *
connect_to(const char *where)
{
	char		host[256];
	const char *colon = strrchr(where, ':');

	if (where[0] == '/')
		redis = redisConnectUnix(where);
	else if (colon != NULL && (size_t) (colon - where) < sizeof(host))
	{
		memcpy(host, where, colon - where);
		host[colon - where] = '\0';
		redis = redisConnect(host, atoi(colon + 1));
	}
	if (redis == NULL)
		return "could not connect";
	return redis->err ? redis->errstr : NULL;
}

/* NULL if the reply is of that type and, where it is a string, of our value's size. */
static const char *
call(int argc, const char **argv, const size_t *lens, int type)
{
	redisReply *reply = redisCommandArgv(redis, argc, argv, lens);
	const char *problem = NULL;

	if (reply == NULL)
		return redis->errstr;
	if (reply->type != type)
		problem = "unexpected reply";
	else if (type == REDIS_REPLY_STRING && (size_t) reply->len != stored)
		problem = "a value of another size";
	freeReplyObject(reply);
	return problem;
}

const char *
hget_open(const char *where, size_t size)
{
	const char *problem;
	char	   *value;
	const char *argv[] = {"HSET", KEY, "v", NULL};
	const size_t lens[] = {4, sizeof(KEY) - 1, 1, size};

	hget_close();
	problem = connect_to(where);
	if (problem != NULL)
		return problem;
	value = malloc(size);
	if (value == NULL)
		return "out of memory";
	memset(value, 'x', size);
	argv[3] = value;
	stored = size;
	problem = call(4, argv, lens, REDIS_REPLY_INTEGER);
	free(value);
	return problem;
}

const char *
hget_call(void)
{
	static const char *argv[] = {"HGET", KEY, "v"};
	static const size_t lens[] = {4, sizeof(KEY) - 1, 1};

	return call(3, argv, lens, REDIS_REPLY_STRING);
}

void
hget_close(void)
{
	if (redis != NULL)
		redisFree(redis);
	redis = NULL;
}
