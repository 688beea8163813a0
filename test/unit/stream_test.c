/* unit: src/l2/stream.c */
/*
 * stream_test.c - what Redis says of a stream, and what is no such answer.
 *
 * test/unit/stream_test.c
 */
#include "harness.h"

#include "l2/stream.h"

static redisReply texts[4];
static redisReply *elements[4] = {&texts[0], &texts[1], &texts[2], &texts[3]};
static redisReply answer;

static redisReply *
text_reply(int i, const char *text)
{
	texts[i].type = REDIS_REPLY_STRING;
	texts[i].str = (char *) text;
	texts[i].len = strlen(text);
	return &texts[i];
}

static redisReply *
array_reply(size_t n)
{
	answer.type = REDIS_REPLY_ARRAY;
	answer.elements = n;
	answer.element = elements;
	return &answer;
}

static bool
takes_id(const char *text)
{
	CfStreamId	id;

	return cf_stream_take_id(text_reply(0, text), &id);
}

static bool
takes(const char *first, const char *last, const char *added, const char *length)
{
	CfStream	stream;

	(void) text_reply(0, first);
	(void) text_reply(1, last);
	(void) text_reply(2, added);
	(void) text_reply(3, length);
	return cf_stream_take(array_reply(4), &stream);
}

static void
test_ids(void)
{
	static const char *const bad[] = {
		"", "-", "1", "1-", "-1", "1-2-3", "1-2 ", " 1-2", "+1-2", "1.5-2", "a-b",
		"18446744073709551616-0", "0-18446744073709551616", "99999999999999999999999-1"
	};
	CfStreamId	id;

	CHECK(cf_stream_take_id(text_reply(0, "1712345678901-12"), &id));
	CHECK(id.ms == UINT64CONST(1712345678901) && id.number == 12);
	CHECK(takes_id("0-0"));
	CHECK(takes_id("18446744073709551615-18446744073709551615"));
	for (int i = 0; i < lengthof(bad); i++)
		CHECK(!takes_id(bad[i]));
	CHECK(!cf_stream_take_id(NULL, &id));
	texts[0].type = REDIS_REPLY_INTEGER;
	CHECK(!cf_stream_take_id(&texts[0], &id));
}

static void
test_order(void)
{
	CfStreamId	a = {1, 2};
	CfStreamId	b = {1, 3};
	CfStreamId	c = {2, 0};
	CfStreamId	origin = {0, 0};

	CHECK_INT(cf_stream_compare(&a, &a), 0);
	CHECK_INT(cf_stream_compare(&a, &b), -1);
	CHECK_INT(cf_stream_compare(&b, &a), 1);
	CHECK_INT(cf_stream_compare(&b, &c), -1);
	CHECK_INT(cf_stream_compare(&c, &b), 1);
	CHECK(cf_stream_is_origin(&origin));
	CHECK(!cf_stream_is_origin(&a) && !cf_stream_is_origin(&c));
}

static void
test_streams(void)
{
	CfStream	stream;

	CHECK(takes("1-1", "5-0", "7", "3"));
	CHECK(cf_stream_take(array_reply(4), &stream));
	CHECK(stream.exists && stream.first.ms == 1 && stream.last.ms == 5);
	CHECK(stream.added == 7 && stream.length == 3);
	CHECK(cf_stream_take(array_reply(0), &stream) && !stream.exists);
	CHECK(!takes("x", "5-0", "7", "3"));
	CHECK(!takes("1-1", "5", "7", "3"));
	CHECK(!takes("1-1", "5-0", "", "3"));
	CHECK(!takes("1-1", "5-0", "7", "3x"));
	CHECK(takes("1-1", "5-0", "7", "3"));
	for (size_t n = 1; n < 4; n++)
		CHECK(!cf_stream_take(array_reply(n), &stream));
	CHECK(!cf_stream_take(NULL, &stream));
	CHECK(!cf_stream_take(text_reply(0, "!"), &stream));
}

static void
test_names(void)
{
	char		key[CF_STREAM_KEY_MAX];

	CHECK_INT(cf_stream_print_key(key, "w"), 5);
	CHECK(strcmp(key, "cfb:w") == 0);
}

int
main(void)
{
	RUN(test_ids);
	RUN(test_order);
	RUN(test_streams);
	RUN(test_names);
	return cf_unit_end();
}
