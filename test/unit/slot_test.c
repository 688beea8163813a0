/* unit: src/redis/slot.c */
/*
 * slot_test.c - slots of keys, as Redis computes them, and redirections.
 *
 * test/unit/slot_test.c
 */
#include "harness.h"

#include "redis/slot.h"

static int
slot(const char *key)
{
	return cf_slot_of(key, strlen(key));
}

/* What CLUSTER KEYSLOT of Redis 7.0 answers. */
static void
test_slots(void)
{
	CHECK_INT(slot(""), 0);
	CHECK_INT(slot("123456789"), 0x31C3);
	CHECK_INT(slot("foo"), 12182);
	CHECK_INT(slot("bar"), 5061);
	CHECK_INT(slot("hello"), 866);
	CHECK_INT(cf_slot_of("a\0b", 3), cf_slot_of("{a\0b}", 5));
	CHECK(cf_slot_of("a\0b", 3) != slot("a"));
}

static void
test_hash_tags(void)
{
	CHECK_INT(slot("{user1000}.following"), slot("user1000"));
	CHECK_INT(slot("x{foo}y{bar}"), slot("foo"));
	CHECK_INT(slot("foo{{bar}}zap"), slot("{bar"));
	CHECK(slot("foo{}{bar}") != slot("bar"));
	CHECK(slot("foo{}{bar}") != slot(""));
	CHECK(slot("foo{bar") != slot("bar"));
	CHECK(slot("}foo{bar") != slot("foo"));
	CHECK_INT(cf_slot_of("{foo", 4), cf_slot_of("{foo}", 4));
}

static CfRedirect to;

static CfRedirectKind
parse(const char *error)
{
	return cf_redirect_parse(error, &to);
}

static void
test_redirects(void)
{
	CHECK_INT(parse("MOVED 3999 127.0.0.1:6381"), CF_REDIRECT_MOVED);
	CHECK_INT(to.slot, 3999);
	CHECK_STR(to.host.name, "127.0.0.1");
	CHECK_INT(to.host.port, 6381);
	CHECK_INT(parse("ASK 16383 redis-1.example:65535"), CF_REDIRECT_ASK);
	CHECK_INT(to.slot, 16383);
	CHECK_STR(to.host.name, "redis-1.example");
	CHECK_INT(to.host.port, 65535);
	CHECK_INT(parse("MOVED 0 ::1:7000"), CF_REDIRECT_MOVED);
	CHECK_STR(to.host.name, "::1");
	CHECK_INT(parse("MOVED 1 :7000"), CF_REDIRECT_MOVED);
	CHECK_STR(to.host.name, "");
}

static void
test_malformed(void)
{
	CHECK_INT(parse(""), CF_REDIRECT_NONE);
	CHECK_INT(parse("MOVED"), CF_REDIRECT_NONE);
	CHECK_INT(parse("MOVEDX 1 a:1"), CF_REDIRECT_NONE);
	CHECK_INT(parse("MOVED 16384 a:1"), CF_REDIRECT_NONE);
	CHECK_INT(parse("MOVED -1 a:1"), CF_REDIRECT_NONE);
	CHECK_INT(parse("MOVED 99999999999 a:1"), CF_REDIRECT_NONE);
	CHECK_INT(parse("MOVED 1 a"), CF_REDIRECT_NONE);
	CHECK_INT(parse("MOVED 1 a:"), CF_REDIRECT_NONE);
	CHECK_INT(parse("MOVED 1 a:0"), CF_REDIRECT_NONE);
	CHECK_INT(parse("MOVED 1 a:65536"), CF_REDIRECT_NONE);
	CHECK_INT(parse("MOVED 1 a:1 "), CF_REDIRECT_NONE);
	CHECK_INT(parse("MOVED 1 a b:1"), CF_REDIRECT_NONE);
	CHECK_INT(parse("MOVED 1 ?:1"), CF_REDIRECT_NONE);
	CHECK_INT(parse("ASK 1"), CF_REDIRECT_NONE);
	CHECK_INT(parse("CLUSTERDOWN Hash slot not served"), CF_REDIRECT_NONE);
}

int
main(void)
{
	RUN(test_slots);
	RUN(test_hash_tags);
	RUN(test_redirects);
	RUN(test_malformed);
	return cf_unit_end();
}
