/* unit: src/redis/frame.c */
/*
 * frame_test.c - where replies end, and which are refused.
 *
 * Every text is scanned in one piece and byte by byte.
 *
 * test/unit/frame_test.c
 */
#include "harness.h"

#include "redis/frame.h"

static CfFrame frame;
static int64 max_reply = 1024 * 1024;

/* The problem, or NULL; frame tells how many replies are complete. */
static const char *
scan(const char *text, size_t len, int expected, size_t piece)
{
	cf_frame_init(&frame, expected, max_reply, 4 * max_reply);
	for (size_t at = 0; at < len; at += piece)
		if (!cf_frame_scan(&frame, text + at, Min(piece, len - at)))
			break;
	return frame.problem;
}

static void
accept_bytes(const char *text, size_t len, int complete)
{
	for (size_t piece = 1; piece <= len; piece += Max(len - 1, 1))
	{
		CHECK_STR(scan(text, len, 100, piece), NULL);
		CHECK_INT(frame.complete, complete);
	}
}

static void
refuse_text(const char *text, const char *problem)
{
	size_t		len = strlen(text);

	for (size_t piece = 1; piece <= len; piece += Max(len - 1, 1))
	{
		CHECK_STR(scan(text, len, 100, piece), problem);
		CHECK(!cf_frame_scan(&frame, "+OK\r\n", 5));
	}
}

#define ACCEPT(text, complete) accept_bytes(text, sizeof(text) - 1, complete)

static void
test_whole_replies(void)
{
	ACCEPT("+OK\r\n", 1);
	ACCEPT("-ERR no\r\n", 1);
	ACCEPT("+\r\n", 1);
	ACCEPT(":0\r\n:-1\r\n:9223372036854775807\r\n:-9223372036854775808\r\n", 4);
	ACCEPT("$-1\r\n*-1\r\n", 2);
	ACCEPT("$0\r\n\r\n", 1);
	ACCEPT("$5\r\na\r\n\0b\r\n", 1);
	ACCEPT("*0\r\n", 1);
	ACCEPT("*2\r\n$1\r\na\r\n:1\r\n", 1);
	ACCEPT("*2\r\n*0\r\n*1\r\n*2\r\n+a\r\n*-1\r\n+OK\r\n", 2);
	ACCEPT("*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n:2\r\n", 2);
}

static void
test_parts(void)
{
	ACCEPT("+OK\r", 0);
	ACCEPT("$3\r\nab", 0);
	ACCEPT("$3\r\nabc\r", 0);
	ACCEPT("*2\r\n+a\r\n", 0);
	ACCEPT("+OK\r\n*", 1);
}

static void
test_malformed(void)
{
	refuse_text("HTTP/1.1 200 OK\r\n", "a reply of an unknown type");
	refuse_text("%1\r\n+a\r\n+b\r\n", "a reply of an unknown type");
	refuse_text("*1\r\n\r\n", "a reply of an unknown type");
	refuse_text("+OK\n", "a line feed without a carriage return");
	refuse_text("+OK\rx", "a carriage return without a line feed");
	refuse_text(":\r\n", "a malformed number");
	refuse_text(":1x\r\n", "a malformed number");
	refuse_text(":-\r\n", "a malformed number");
	refuse_text(":--1\r\n", "a malformed number");
	refuse_text(":-0\r\n", "a malformed number");
	refuse_text("$+1\r\n", "a malformed number");
	refuse_text("$01\r\n", "a malformed number");
	refuse_text("$ 1\r\n", "a malformed number");
	refuse_text("$-2\r\n", "a negative length");
	refuse_text("*-7\r\n", "a negative length");
	refuse_text("$1\r\nab\r\n", "a string that does not end where it should");
	refuse_text("$1\r\na\rb", "a string that does not end where it should");
	refuse_text("$1\r\na\n", "a string that does not end where it should");
}

static void
test_bounds(void)
{
	refuse_text(":9223372036854775808\r\n", "a number out of range");
	refuse_text("$99999999999999999999\r\n", "a number out of range");
	refuse_text("$9223372036854775807\r\n", "a reply that is too large");
	refuse_text("$1048577\r\n", "a reply that is too large");
	refuse_text("*100001\r\n", "a reply with too many elements");
	refuse_text("*2147483647\r\n", "a reply with too many elements");
	refuse_text("*60000\r\n*60000\r\n", "a reply with too many elements");
	refuse_text("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", "a reply that is nested too deeply");

	max_reply = 20;
	ACCEPT("$13\r\n1234567890123\r\n", 1);
	refuse_text("$14\r\n12345678901234\r\n", "a reply that is too large");
	refuse_text("*9\r\n+a\r\n+b\r\n+c\r\n+d\r\n+e\r\n", "a reply that is too large");
	refuse_text("+345678901234567890\r\n+345678901234567890123\r\n",
				"a reply that is too large");
	ACCEPT("$13\r\n1234567890123\r\n$13\r\n1234567890123\r\n", 2);
	refuse_text("$13\r\n1234567890123\r\n$13\r\n1234567890123\r\n"
				"$13\r\n1234567890123\r\n$13\r\n1234567890123\r\n:1\r\n",
				"replies that are too large together");
	max_reply = 1024 * 1024;
}

static void
test_line_length(void)
{
	static char text[CF_FRAME_MAX_LINE + 4];

	memset(text, 'x', sizeof(text));
	text[0] = '-';
	memcpy(text + CF_FRAME_MAX_LINE + 1, "\r\n", 2);
	CHECK_STR(scan(text, CF_FRAME_MAX_LINE + 3, 1, 1000), NULL);
	CHECK_INT(frame.complete, 1);
	text[CF_FRAME_MAX_LINE + 1] = 'x';
	CHECK_STR(scan(text, CF_FRAME_MAX_LINE + 2, 1, 1000), "a line that is too long");
}

static void
test_expected(void)
{
	CHECK_STR(scan("+a\r\n+b\r\n", 8, 2, 8), NULL);
	CHECK_STR(scan("+a\r\n+b\r\n+", 9, 2, 9), "more replies than commands");
}

int
main(void)
{
	RUN(test_whole_replies);
	RUN(test_parts);
	RUN(test_malformed);
	RUN(test_bounds);
	RUN(test_line_length);
	RUN(test_expected);
	return cf_unit_end();
}
