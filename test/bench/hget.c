/*
 * hget.c - what an application pays that reads from Redis itself.
 *
 *	hget SOCKET SIZE CALLS			or
 *	hget HOST:PORT SIZE CALLS
 *
 * Stores a value of SIZE bytes in a hash, reads it CALLS times by HGET, as
 * hiredis's blocking client does it, and prints p50 and p99 of a call in
 * nanoseconds: the bare round trip that a hit in Redis is held against.
 *
 * test/bench/hget.c
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <hiredis/hiredis.h>

#define KEY "cf_bench_bare"

static void
die(const char *what)
{
	fprintf(stderr, "hget: %s\n", what);
	exit(1);
}

static redisContext *
open_connection(char *where)
{
	char	   *colon = strrchr(where, ':');
	redisContext *redis;

	if (where[0] == '/')
		redis = redisConnectUnix(where);
	else if (colon != NULL)
	{
		*colon = '\0';
		redis = redisConnect(where, atoi(colon + 1));
	}
	else
		redis = NULL;
	if (redis == NULL || redis->err)
		die(redis == NULL ? "could not connect" : redis->errstr);
	return redis;
}

/* Fails if the reply is not of the type that the command gives. */
static redisReply *
call(redisContext *redis, int argc, const char **argv, const size_t *lens, int type)
{
	redisReply *reply = redisCommandArgv(redis, argc, argv, lens);

	if (reply == NULL)
		die(redis->errstr);
	if (reply->type != type)
		die("unexpected reply");
	return reply;
}

static void
store(redisContext *redis, size_t size)
{
	char	   *value = malloc(size);
	const char *argv[] = {"HSET", KEY, "v", value};
	size_t		lens[] = {4, strlen(KEY), 1, size};

	if (value == NULL)
		die("out of memory");
	memset(value, 'x', size);
	freeReplyObject(call(redis, 4, argv, lens, REDIS_REPLY_INTEGER));
	free(value);
}

static double
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e9 + now.tv_nsec;
}

static double
time_of_call(redisContext *redis, size_t size)
{
	static const char *argv[] = {"HGET", KEY, "v"};
	static const size_t lens[] = {4, sizeof(KEY) - 1, 1};
	double		start = now_ns();
	redisReply *reply = call(redis, 3, argv, lens, REDIS_REPLY_STRING);
	double		end;

	if ((size_t) reply->len != size)
		die("a value of another size");
	freeReplyObject(reply);
	end = now_ns();
	return end - start;
}

static int
compare(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return (x > y) - (x < y);
}

int
main(int argc, char **argv)
{
	size_t		size = argc == 4 ? strtoul(argv[2], NULL, 10) : 0;
	int			n = argc == 4 ? atoi(argv[3]) : 0;
	redisContext *redis;
	double	   *times;

	if (size == 0 || n <= 0)
		die("usage: hget SOCKET|HOST:PORT SIZE CALLS");
	redis = open_connection(argv[1]);
	times = malloc(n * sizeof(double));
	if (times == NULL)
		die("out of memory");
	store(redis, size);
	for (int i = 0; i < n / 10; i++)
		(void) time_of_call(redis, size);
	for (int i = 0; i < n; i++)
		times[i] = time_of_call(redis, size);
	qsort(times, n, sizeof(double), compare);
	printf("%.0f %.0f\n", times[n / 2], times[(int) (n * 0.99)]);
	redisFree(redis);
	return 0;
}
