/* unit: src/invalidate/event.c */
/*
 * event_test.c - what an event of the bus names, and texts that are none.
 *
 * test/unit/event_test.c
 */
#include "harness.h"

#include "codec/key.h"
#include "invalidate/event.h"

static char found[8192];
static int	nfound;

static void
note_item(void *arg, bool is_key, const char *text, int len)
{
	CHECK(arg == found);
	nfound++;
	snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s(%.*s)",
			 is_key ? "k" : "t", len, text);
}

/* From memory of exactly that size, so that ASan sees what is read past it. */
static bool
parse(const char *text, Size len, bool *all)
{
	char	   *copy = malloc(len > 0 ? len : 1);
	bool		ok;

	memcpy(copy, text, len);
	found[0] = '\0';
	nfound = 0;
	ok = cf_event_parse(copy, len, note_item, found, all);
	free(copy);
	return ok;
}

static void
accept(const char *text, const char *items, bool want_all)
{
	bool		all;

	CHECK(parse(text, strlen(text), &all));
	CHECK_STR(found, items);
	CHECK(all == want_all);
}

static void
refuse(const char *text)
{
	bool		all;

	CHECK(!parse(text, strlen(text), &all));
}

static void
test_ours(void)
{
	accept("{\"keys\":[\"a\",\"b:1\"],\"tags\":[\"t\"]}", "k(a)k(b:1)t(t)", false);
	accept("{\"keys\":[],\"tags\":[],\"all\":true}", "", true);
	accept("{\"keys\":[\"q\\\"\\\\\\/\\n\"],\"tags\":[]}", "k(q\"\\/\n)", false);
}

static void
test_others(void)
{
	accept("{}", "", false);
	accept(" { \"all\" : false , \"tags\" : [ \"t\" ] }\n", "t(t)", false);
	accept("{\"v\":[1,-2.5e3,{\"x\":null,\"y\":[true,false,\"z\"]}],\"keys\":[\"a\"]}", "k(a)", false);
	accept("{\"keys\":[\"\\u0061\\u00e4\\u20ac\\ud83d\\ude00\"]}", "k(a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80)", false);
	accept("{\"keys\":[\"a\"],\"keys\":[\"b\"]}", "k(a)k(b)", false);
}

/* What cannot be a key or a tag is left out; what follows is not. */
static void
test_impossible_items(void)
{
	char		text[4096];
	char		longest[CF_MAX_KEY + 1];

	memset(longest, 'x', CF_MAX_KEY);
	longest[CF_MAX_KEY] = '\0';
	snprintf(text, sizeof(text), "{\"keys\":[\"%s\",\"%sx\",\"\",\"a\\u0000\",\"z\"]}",
			 longest, longest);
	{
		bool		all;

		CHECK(parse(text, strlen(text), &all));
		CHECK_INT(nfound, 2);
		CHECK_STR(found + strlen(found) - 4, "k(z)");
	}
}

static void
test_refused(void)
{
	static const char *const bad[] = {
		"", " ", "[]", "null", "{", "{\"keys\"", "{\"keys\":", "{\"keys\":[", "{\"keys\":[\"a\"",
		"{\"keys\":[\"a\",]}", "{\"keys\":[1]}", "{\"keys\":\"a\"}", "{\"keys\":null}",
		"{\"all\":1}", "{\"all\":tru}", "{keys:[]}", "{\"keys\":[]}x", "{\"keys\":[]},",
		"{\"keys\":[\"a\"]\"tags\":[]}", "{\"keys\":[\"\\x\"]}", "{\"keys\":[\"\\u12\"]}",
		"{\"keys\":[\"\\ud800\"]}", "{\"keys\":[\"\\udc00\"]}", "{\"keys\":[\"\\ud800\\u0061\"]}",
		"{\"keys\":[\"a\nb\"]}", "{\"keys\":[\"\\", "{\"v\":}", "{\"v\":[1}", "{\"v\":nul}"
	};

	for (int i = 0; i < lengthof(bad); i++)
		refuse(bad[i]);
}

static void
test_depth(void)
{
	char		text[2000] = "{\"v\":";

	for (int i = 0; i < 900; i++)
		strcat(text, "[");
	refuse(text);
}

/* Every text that is cut off is refused, and read no further. */
static void
test_cut_off(void)
{
	const char *text = "{\"keys\":[\"a\\u00e4\\n\"],\"v\":{\"x\":[1,true]},\"all\":true}";

	for (Size len = 0; len < strlen(text); len++)
	{
		bool		all;

		CHECK(!parse(text, len, &all));
	}
}

int
main(void)
{
	RUN(test_ours);
	RUN(test_others);
	RUN(test_impossible_items);
	RUN(test_refused);
	RUN(test_depth);
	RUN(test_cut_off);
	return cf_unit_end();
}
