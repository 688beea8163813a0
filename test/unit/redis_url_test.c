/* unit: src/base/redis_url.c */
/*
 * redis_url_test.c - which urls are understood, and as what.
 *
 * test/unit/redis_url_test.c
 */
#include "harness.h"

#include "base/redis_url.h"

static CfRedisUrl url;

static void
accept_url(const char *text)
{
	CHECK_STR(cf_redis_url_error(cf_redis_url_parse(text, &url)), "The URL is valid.");
}

static CfRedisUrlError
error_of(const char *text)
{
	return cf_redis_url_parse(text, &url);
}

static void
test_tcp(void)
{
	accept_url("redis://localhost");
	CHECK_INT(url.transport, CF_REDIS_TCP);
	CHECK_STR(url.seeds[0].name, "localhost");
	CHECK_INT(url.seeds[0].port, 6379);
	CHECK_INT(url.db, 0);
	CHECK_STR(url.user, "");
	CHECK_STR(url.password, "");

	accept_url("REDIS://10.1.2.3:7000/12");
	CHECK_STR(url.seeds[0].name, "10.1.2.3");
	CHECK_INT(url.seeds[0].port, 7000);
	CHECK_INT(url.db, 12);

	accept_url("rediss://cache.example.org:65535/");
	CHECK_INT(url.transport, CF_REDIS_TLS);
	CHECK_INT(url.seeds[0].port, 65535);
	CHECK_INT(url.db, 0);
}

static void
test_ipv6(void)
{
	accept_url("redis://[::1]");
	CHECK_STR(url.seeds[0].name, "::1");
	CHECK_INT(url.seeds[0].port, 6379);
	accept_url("redis://me:x@[fe80::1%eth0]:7000/3");
	CHECK_STR(url.seeds[0].name, "fe80::1%eth0");
	CHECK_INT(url.seeds[0].port, 7000);
	CHECK_INT(url.db, 3);

	CHECK_INT(error_of("redis://[::1"), CF_REDIS_URL_HOST);
	CHECK_INT(error_of("redis://[::1]x"), CF_REDIS_URL_HOST);
	CHECK_INT(error_of("redis://[]"), CF_REDIS_URL_HOST);
	CHECK_INT(error_of("redis://[::1]:"), CF_REDIS_URL_PORT);
	CHECK_INT(error_of("redis://::1"), CF_REDIS_URL_HOST);
}

static void
test_userinfo(void)
{
	accept_url("redis://:secret@h");
	CHECK_STR(url.user, "");
	CHECK_STR(url.password, "secret");
	accept_url("redis://app:s%3a%40%2f%25@h");
	CHECK_STR(url.user, "app");
	CHECK_STR(url.password, "s:@/%");
	accept_url("redis://app@h");
	CHECK_STR(url.user, "app");
	CHECK_STR(url.password, "");
	accept_url("redis://a:b:c@d@h");
	CHECK_STR(url.password, "b:c@d");
	CHECK_STR(url.seeds[0].name, "h");
}

static void
test_unix(void)
{
	accept_url("unix:///run/redis/redis.sock");
	CHECK_INT(url.transport, CF_REDIS_UNIX);
	CHECK_STR(url.seeds[0].name, "/run/redis/redis.sock");
	CHECK_INT(url.seeds[0].port, 0);
	accept_url("unix:///tmp/a%20b@c.sock?db=5");
	CHECK_STR(url.seeds[0].name, "/tmp/a b@c.sock");
	CHECK_INT(url.db, 5);
	accept_url("unix://u:p@/tmp/s");
	CHECK_STR(url.user, "u");
	CHECK_STR(url.password, "p");
	CHECK_STR(url.seeds[0].name, "/tmp/s");

	CHECK_INT(error_of("unix://tmp/s"), CF_REDIS_URL_PATH);
	CHECK_INT(error_of("unix://"), CF_REDIS_URL_PATH);
	CHECK_INT(error_of("unix:///"), CF_REDIS_URL_PATH);
	CHECK_INT(error_of("unix:///s?db="), CF_REDIS_URL_DB);
	CHECK_INT(error_of("unix:///s?db=x"), CF_REDIS_URL_DB);
	CHECK_INT(error_of("unix:///s?base=1"), CF_REDIS_URL_PARAMETER);
}

static void
test_sentinel(void)
{
	accept_url("redis+sentinel://s1:26380,10.0.0.2,[::1]:5/mymaster");
	CHECK_INT(url.kind, CF_REDIS_SENTINEL);
	CHECK_INT(url.transport, CF_REDIS_TCP);
	CHECK_INT(url.nseeds, 3);
	CHECK_STR(url.seeds[0].name, "s1");
	CHECK_INT(url.seeds[0].port, 26380);
	CHECK_STR(url.seeds[1].name, "10.0.0.2");
	CHECK_INT(url.seeds[1].port, 26379);
	CHECK_STR(url.seeds[2].name, "::1");
	CHECK_INT(url.seeds[2].port, 5);
	CHECK_STR(url.master, "mymaster");
	CHECK_INT(url.db, 0);

	accept_url("rediss+sentinel://app:a,b@s1/my%20master/7");
	CHECK_INT(url.transport, CF_REDIS_TLS);
	CHECK_INT(url.nseeds, 1);
	CHECK_STR(url.user, "app");
	CHECK_STR(url.password, "a,b");
	CHECK_STR(url.master, "my master");
	CHECK_INT(url.db, 7);
	accept_url("redis+sentinel://s1/m/");

	CHECK_INT(error_of("redis+sentinel://s1"), CF_REDIS_URL_MASTER);
	CHECK_INT(error_of("redis+sentinel://s1/"), CF_REDIS_URL_MASTER);
	CHECK_INT(error_of("redis+sentinel://s1//1"), CF_REDIS_URL_MASTER);
	CHECK_INT(error_of("redis+sentinel://s1?x"), CF_REDIS_URL_MASTER);
	CHECK_INT(error_of("redis+sentinel://s1/m/x"), CF_REDIS_URL_DB);
	CHECK_INT(error_of("redis+sentinel://s1/m?db=1"), CF_REDIS_URL_PARAMETER);
	CHECK_INT(error_of("redis+sentinel://s1,/m"), CF_REDIS_URL_HOST);
	CHECK_INT(error_of("redis+sentinel://,s1/m"), CF_REDIS_URL_HOST);
	CHECK_INT(error_of("redis+sentinel://s1:0/m"), CF_REDIS_URL_PORT);
	CHECK_INT(error_of("redis+sentinel://s1/m%00"), CF_REDIS_URL_ENCODING);
	CHECK_INT(error_of("unix+sentinel:///s/m"), CF_REDIS_URL_SCHEME);
}

static void
test_cluster(void)
{
	accept_url("redis+cluster://h1:7001,h2:7002");
	CHECK_INT(url.kind, CF_REDIS_CLUSTER);
	CHECK_INT(url.nseeds, 2);
	CHECK_STR(url.seeds[1].name, "h2");
	CHECK_INT(url.seeds[1].port, 7002);
	CHECK_STR(url.master, "");
	accept_url("RedisS+Cluster://:secret@h1:60000/0");
	CHECK_INT(url.transport, CF_REDIS_TLS);
	CHECK_STR(url.password, "secret");
	CHECK_INT(url.seeds[0].port, 60000);
	accept_url("redis+cluster://h1/");
	CHECK_INT(url.seeds[0].port, 6379);

	CHECK_INT(error_of("redis+cluster://h1/1"), CF_REDIS_URL_CLUSTER_DB);
	CHECK_INT(error_of("redis+cluster://h1/x"), CF_REDIS_URL_DB);
	CHECK_INT(error_of("redis+cluster://"), CF_REDIS_URL_HOST);
	CHECK_INT(error_of("redis+cluster://h1,,h2"), CF_REDIS_URL_HOST);
	accept_url("redis+cluster://a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a");
	CHECK_INT(url.nseeds, CF_REDIS_MAX_SEEDS);
	CHECK_INT(error_of("redis+cluster://a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a"), CF_REDIS_URL_SEEDS);
}

static void
test_errors(void)
{
	CHECK_INT(error_of(""), CF_REDIS_URL_SCHEME);
	CHECK_INT(error_of("localhost:6379"), CF_REDIS_URL_SCHEME);
	CHECK_INT(error_of("http://h"), CF_REDIS_URL_SCHEME);
	CHECK_INT(error_of("redis:/h"), CF_REDIS_URL_SCHEME);
	CHECK_INT(error_of("redis://"), CF_REDIS_URL_HOST);
	CHECK_INT(error_of("redis://user:pass@"), CF_REDIS_URL_HOST);
	CHECK_INT(error_of("redis://h,i"), CF_REDIS_URL_HOST);
	CHECK_INT(error_of("redis://pass/word@h"), CF_REDIS_URL_DB);
	CHECK_INT(error_of("redis://h "), CF_REDIS_URL_CHARACTER);
	CHECK_INT(error_of("redis://h\n"), CF_REDIS_URL_CHARACTER);
	CHECK_INT(error_of("redis://:a#b@h"), CF_REDIS_URL_CHARACTER);
	CHECK_INT(error_of("redis://:a%4@h"), CF_REDIS_URL_ENCODING);
	CHECK_INT(error_of("redis://:a%@h"), CF_REDIS_URL_ENCODING);
	CHECK_INT(error_of("redis://:a%4g@h"), CF_REDIS_URL_ENCODING);
	CHECK_INT(error_of("redis://:a%00b@h"), CF_REDIS_URL_ENCODING);
	CHECK_INT(error_of("redis://h:0"), CF_REDIS_URL_PORT);
	CHECK_INT(error_of("redis://h:65536"), CF_REDIS_URL_PORT);
	CHECK_INT(error_of("redis://h:6379x"), CF_REDIS_URL_PORT);
	CHECK_INT(error_of("redis://h:99999999999999999999"), CF_REDIS_URL_PORT);
	CHECK_INT(error_of("redis://h/x"), CF_REDIS_URL_DB);
	CHECK_INT(error_of("redis://h/-1"), CF_REDIS_URL_DB);
	CHECK_INT(error_of("redis://h/1/2"), CF_REDIS_URL_DB);
	CHECK_INT(error_of("redis://h?db=1"), CF_REDIS_URL_PARAMETER);
	for (int e = CF_REDIS_URL_OK; e <= CF_REDIS_URL_PARAMETER; e++)
		CHECK(strlen(cf_redis_url_error((CfRedisUrlError) e)) > 10);
}

/* Each part at its bound, and one byte beyond. */
static void
test_lengths(void)
{
	static char text[CF_REDIS_MAX_PASSWORD + 100];
	static char part[CF_REDIS_MAX_PASSWORD + 1];

	memset(part, 'x', sizeof(part) - 1);
	sprintf(text, "redis://:%.*s@h", CF_REDIS_MAX_PASSWORD - 1, part);
	accept_url(text);
	sprintf(text, "redis://:%.*s@h", CF_REDIS_MAX_PASSWORD, part);
	CHECK_INT(error_of(text), CF_REDIS_URL_PASSWORD);
	sprintf(text, "redis://%.*s@h", CF_REDIS_MAX_USER - 1, part);
	accept_url(text);
	sprintf(text, "redis://%.*s@h", CF_REDIS_MAX_USER, part);
	CHECK_INT(error_of(text), CF_REDIS_URL_USER);
	sprintf(text, "redis://%.*s", CF_REDIS_MAX_HOST - 1, part);
	accept_url(text);
	sprintf(text, "redis://%.*s", CF_REDIS_MAX_HOST, part);
	CHECK_INT(error_of(text), CF_REDIS_URL_HOST);
	sprintf(text, "redis+sentinel://h/%.*s", CF_REDIS_MAX_MASTER - 1, part);
	accept_url(text);
	sprintf(text, "redis+sentinel://h/%.*s", CF_REDIS_MAX_MASTER, part);
	CHECK_INT(error_of(text), CF_REDIS_URL_MASTER);
	sprintf(text, "unix:///%.*s", CF_REDIS_MAX_PATH - 1, part);
	accept_url(text);
	sprintf(text, "unix:///%.*s", CF_REDIS_MAX_PATH, part);
	CHECK_INT(error_of(text), CF_REDIS_URL_PATH);
}

int
main(void)
{
	RUN(test_tcp);
	RUN(test_ipv6);
	RUN(test_userinfo);
	RUN(test_unix);
	RUN(test_sentinel);
	RUN(test_cluster);
	RUN(test_errors);
	RUN(test_lengths);
	return cf_unit_end();
}
