/* unit: src/codec/key.c src/codec/siphash.c */
/*
 * key_test.c - hashes of keys, tags and identities, and prefixes of keys.
 *
 * test/unit/key_test.c
 */
#include "harness.h"

#include "codec/key.h"

static uint64
key_hash(Oid dboid, const char *data, int len)
{
	CfKey		key;

	cf_key_init(&key, dboid, data, len);
	return key.hash;
}

static void
test_key(void)
{
	CfKey		key;
	const char *text = "product:42";

	cf_key_init(&key, 5, text, 10);
	CHECK_INT(key.dboid, 5);
	CHECK_INT(key.len, 10);
	CHECK(key.data == text);
	CHECK(key.hash == key_hash(5, "product:42xyz", 10));
	CHECK(key.hash != key_hash(6, text, 10));
	CHECK(key.hash != key_hash(5, text, 9));
	CHECK(key.hash != cf_tag_hash(5, text, 10));
	CHECK(cf_tag_hash(5, text, 10) != cf_tag_hash(6, text, 10));
}

/* 100,000 keys of a usual form: none collide, and low bits are even. */
static void
test_spread(void)
{
	enum
	{
		KEYS = 100000, PARTS = 128
	};
	static uint64 hashes[KEYS];
	int			parts[PARTS] = {0};

	for (int i = 0; i < KEYS; i++)
	{
		char		text[32];
		int			len = sprintf(text, "product:%d", i);

		hashes[i] = key_hash(1, text, len);
		parts[hashes[i] % PARTS]++;
	}
	for (int i = 0; i < PARTS; i++)
		CHECK_QUIET(parts[i] > KEYS / PARTS * 3 / 4 && parts[i] < KEYS / PARTS * 5 / 4);
	for (int i = 1; i < KEYS; i++)
		CHECK_QUIET(hashes[i] != hashes[i - 1]);
}

static CfHash128
hash_of(uint64 kind, const char *a, const char *b)
{
	CfHash128	hash;

	cf_hash128_init(&hash, kind);
	cf_hash128_add(&hash, a, strlen(a));
	if (b != NULL)
		cf_hash128_add(&hash, b, strlen(b));
	return hash;
}

/* What is added, its order and its borders all count. */
static void
test_hash128(void)
{
	CfHash128	ab = hash_of(1, "a", "b");
	CfHash128	same = hash_of(1, "a", "b");
	CfHash128	others[] = {
		hash_of(2, "a", "b"), hash_of(1, "b", "a"), hash_of(1, "ab", NULL),
		hash_of(1, "ab", ""), hash_of(1, "", "ab"), hash_of(1, "a", NULL)
	};

	CHECK(cf_hash128_equal(&ab, &same));
	CHECK(ab.h[0] != ab.h[1]);
	for (int i = 0; i < (int) lengthof(others); i++)
	{
		CHECK_QUIET(others[i].h[0] != ab.h[0] && others[i].h[1] != ab.h[1]);
		for (int j = 0; j < i; j++)
			CHECK_QUIET(!cf_hash128_equal(&others[i], &others[j]));
	}
}

static CfHash128
stream_of(const char *a, const char *b, uint64 number)
{
	CfHash128	hash;
	CfHashStream stream;

	cf_hash128_init(&hash, 1);
	cf_hash_stream_begin(&stream, &hash);
	cf_hash_stream_put(&stream, a, strlen(a));
	cf_hash_stream_put(&stream, b, strlen(b));
	cf_hash_stream_put_u64(&stream, number);
	cf_hash_stream_end(&stream, &hash);
	return hash;
}

/* The same of what is put in one go; zeros at the end count. */
static void
test_stream(void)
{
	CfHash128	all[] = {
		stream_of("ab", "c", 1), stream_of("a", "bc", 1), stream_of("abc", "", 1),
		stream_of("ab", "c", 2), stream_of("c", "ab", 1), stream_of("12345678", "", 1),
		stream_of("1234567", "8", 1), stream_of("123456789", "", 1)
	};
	CfHash128	same = stream_of("ab", "c", 1);
	CfHash128	one;
	CfHash128	other;

	CHECK(cf_hash128_equal(&all[0], &same));
	for (int i = 0; i < (int) lengthof(all); i++)
	{
		for (int j = 0; j < i; j++)
			CHECK_QUIET(!cf_hash128_equal(&all[i], &all[j]));
	}
	cf_hash128_init(&one, 1);
	other = one;
	cf_hash128_add(&one, "a\0", 1);
	cf_hash128_add(&other, "a\0", 2);
	CHECK(!cf_hash128_equal(&one, &other));
}

/*
 * Keys and tags hash by one secret of the cluster, identities by another
 * and each by no other: what is in Redis has the same name everywhere.
 */
static void
test_secrets(void)
{
	CfHashSecrets none = {0};
	CfHashSecrets start = {.names = 1};
	CfHashSecrets cluster = {.identities = {0, 1}};
	uint64		key = key_hash(5, "k", 1);
	uint64		tag = cf_tag_hash(5, "k", 1);
	CfHash128	id = hash_of(1, "k", NULL);
	CfHash128	other;

	cf_key_set_secrets(&start);
	other = hash_of(1, "k", NULL);
	CHECK(key_hash(5, "k", 1) != key);
	CHECK(cf_tag_hash(5, "k", 1) != tag);
	CHECK(cf_hash128_equal(&other, &id));

	cf_key_set_secrets(&cluster);
	other = hash_of(1, "k", NULL);
	CHECK(key_hash(5, "k", 1) == key);
	CHECK(cf_tag_hash(5, "k", 1) == tag);
	CHECK(other.h[0] != id.h[0] && other.h[1] != id.h[1]);
	cf_key_set_secrets(&none);
}

static void
test_reserved(void)
{
	static const char *const reserved[] = {"table:1", "table:", "rule:", "rule:1:a", "\001"};
	static const char *const free[] = {"table", "rule", "Table:1", "xtable:1", "rules:1", "a"};

	for (int i = 0; i < (int) lengthof(reserved); i++)
		CHECK_QUIET(cf_tag_is_reserved(reserved[i], strlen(reserved[i])));
	for (int i = 0; i < (int) lengthof(free); i++)
		CHECK_QUIET(!cf_tag_is_reserved(free[i], strlen(free[i])));
	CHECK(!cf_tag_is_reserved("table:", 5));
	for (int i = 0; i < 100; i++)
	{
		char		tag[16];

		sprintf(tag, "table:%d", i);
		CHECK_QUIET((cf_tag_hash(5, tag, strlen(tag)) & 1) == 1);
		CHECK_QUIET((cf_tag_hash(5, tag + 1, strlen(tag) - 1) & 1) == 0);
	}
}

/* What many depend on has no clock that a row could have. */
static void
test_kinds(void)
{
	const char *of_table[] = {"table:42", "rule:42:products", "rule:#hand:1234567890", "rule:*"};

	for (int i = 0; i < 4; i++)
	{
		CfClockRef	ref = cf_tag_hash(5, of_table[i], strlen(of_table[i]));

		CHECK_INT(cf_clock_kind(ref), CF_CLOCK_TABLE);
		CHECK(cf_clock_is_of_table(ref) == (i == 0));
	}
	for (uint64 hash = 1; hash < 1000; hash += 7)
	{
		CfTag		tag;

		cf_tag_of_rows(&tag, 5, hash << 32 | hash);
		CHECK_QUIET(cf_clock_kind(tag.hash) == CF_CLOCK_ROWS);
		CHECK_QUIET(tag.hash == cf_tag_hash(5, tag.text, tag.len));
	}
	CHECK_INT(cf_clock_kind(cf_tag_hash(5, "product:42", 10)), CF_CLOCK_TAG);
}

static void
test_identity(void)
{
	CfIdentity	a = {.role = 10, .session_role = 11, .form = CF_FORM_JSON};
	CfIdentity	b;

	a.hash = hash_of(1, "a", NULL);
	b = a;
	CHECK(cf_identity_equal(&a, &b));
	b.role = 12;
	CHECK(!cf_identity_equal(&a, &b));
	b = a;
	b.session_role = 12;
	CHECK(!cf_identity_equal(&a, &b));
	b = a;
	b.form = CF_FORM_ROWS;
	CHECK(!cf_identity_equal(&a, &b));
	b = a;
	b.hash.h[1] ^= 1;
	CHECK(!cf_identity_equal(&a, &b));
}

static void
test_prefix(void)
{
	CHECK_INT(cf_key_prefix("a:b:c", 5), 3);
	CHECK_INT(cf_key_prefix("a:b:c", 3), 1);
	CHECK_INT(cf_key_prefix("a:b:c", 1), -1);
	CHECK_INT(cf_key_prefix("a:", 2), 1);
	CHECK_INT(cf_key_prefix("a::b", 4), 2);
	CHECK_INT(cf_key_prefix(":a", 2), -1);
	CHECK_INT(cf_key_prefix("abc", 3), -1);
	CHECK_INT(cf_key_prefix("", 0), -1);
}

int
main(void)
{
	RUN(test_key);
	RUN(test_spread);
	RUN(test_hash128);
	RUN(test_stream);
	RUN(test_secrets);
	RUN(test_reserved);
	RUN(test_kinds);
	RUN(test_identity);
	RUN(test_prefix);
	return cf_unit_end();
}
