/* unit: src/codec/rowset.c src/codec/key.c src/codec/siphash.c */
/*
 * rowset_test.c - values as multisets of rows.
 *
 * test/unit/rowset_test.c
 */
#include "harness.h"

#include "codec/rowset.h"

static bool
of_json(const char *text, CfRowSet *set)
{
	return cf_rowset_of(CF_FORM_JSON, 0, text, strlen(text), set);
}

/* How many rows it has, or -1. */
static int
count_json(const char *text)
{
	CfRowSet	set;
	int			n = of_json(text, &set) ? set.n : -1;

	pfree(set.rows);
	return n;
}

static bool
same_json(const char *x, const char *y)
{
	CfRowSet	a;
	CfRowSet	b;
	CfHash128	da;
	CfHash128	db;
	bool		same = of_json(x, &a) && of_json(y, &b) && cf_rowset_equal(&a, &b);

	cf_rowset_digest(&a, &da);
	cf_rowset_digest(&b, &db);
	CHECK_INT(cf_hash128_equal(&da, &db), same);
	pfree(a.rows);
	pfree(b.rows);
	return same;
}

static void
test_json(void)
{
	CHECK_INT(count_json("[]"), 0);
	CHECK_INT(count_json("[{}]"), 1);
	CHECK_INT(count_json("[{\"a\":1},{\"a\":2},{\"a\":[{},{}]}]"), 3);
	CHECK_INT(count_json("[{\"a\":\"},{\"},{\"a\":\"\\\"},{\"},{\"a\":\"\\\\\"}]"), 3);
	CHECK_INT(count_json("[{\"a\":\n{\"b\":[1, 2]}}]"), 1);
}

static void
test_bad_json(void)
{
	CHECK_INT(count_json(""), -1);
	CHECK_INT(count_json("["), -1);
	CHECK_INT(count_json("{}"), -1);
	CHECK_INT(count_json("[{}"), -1);
	CHECK_INT(count_json("[{},]"), -1);
	CHECK_INT(count_json("[{}{}]"), -1);
	CHECK_INT(count_json("[1]"), -1);
	CHECK_INT(count_json("[{\"a\":\"]"), -1);
	CHECK_INT(count_json("[{\"a\":\"\\]"), -1);
	CHECK_INT(count_json("[{\"a\":[}]"), -1);
}

static void
test_order(void)
{
	CHECK(same_json("[]", "[]"));
	CHECK(same_json("[{\"a\":1},{\"a\":2}]", "[{\"a\":2},{\"a\":1}]"));
	CHECK(same_json("[{\"a\":1},{\"a\":2},{\"a\":1}]", "[{\"a\":1},{\"a\":1},{\"a\":2}]"));
	CHECK(!same_json("[{\"a\":1},{\"a\":2},{\"a\":1}]", "[{\"a\":1},{\"a\":2},{\"a\":2}]"));
	CHECK(!same_json("[{\"a\":1}]", "[{\"a\":1},{\"a\":1}]"));
	CHECK(!same_json("[]", "[{}]"));
	CHECK(!same_json("[{\"a\":1}]", "[{\"a\":10}]"));
}

static bool
of_rows(int ncolumns, const char *data, Size len, int *n)
{
	/* A copy of its own, so that ASan sees what is read beyond it. */
	char	   *copy = palloc(Max(len, 1));
	CfRowSet	set;
	bool		valid;

	memcpy(copy, data, len);
	valid = cf_rowset_of(CF_FORM_ROWS, ncolumns, copy, len, &set);
	*n = set.n;
	pfree(set.rows);
	pfree(copy);
	return valid;
}

static void
test_rows(void)
{
	static const char two[] = "\0\0\0\2" "\0\0\0\1x" "\377\377\377\377" "\0\0\0\0" "\0\0\0\2yz";
	static const char none[] = "\0\0\0\3";
	int			n;

	CHECK(of_rows(2, two, sizeof(two) - 1, &n));
	CHECK_INT(n, 2);
	CHECK(!of_rows(1, two, sizeof(two) - 1, &n));
	CHECK(!of_rows(3, two, sizeof(two) - 1, &n));
	for (Size len = 0; len < sizeof(two) - 1; len++)
		CHECK(!of_rows(2, two, len, &n));
	CHECK(of_rows(0, none, 4, &n));
	CHECK(!of_rows(1, "\377\377\377\377" "\377\377\377\376", 8, &n));
	CHECK(of_rows(5, "\0\0\0\0", 4, &n));
	CHECK_INT(n, 0);
}

int
main(void)
{
	RUN(test_json);
	RUN(test_bad_json);
	RUN(test_order);
	RUN(test_rows);
	return cf_unit_end();
}
