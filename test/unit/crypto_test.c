/* unit: src/codec/crypto.c */
/*
 * crypto_test.c - sealing and opening, and the parser of key files.
 *
 * test/unit/crypto_test.c
 */
#include "harness.h"

#include "codec/crypto.h"

#define KEY_A "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define KEY_B "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeffe0e1e2e3e4e5e6e7e8e9eaebecedeeef"

/* In the place of the C library's: how much was wiped? */
static Size wiped = 0;

void
explicit_bzero(void *data, size_t len)
{
	wiped += len;
	memset(data, 0, len);
}

static CfKeyring *
ring_of(const char *text)
{
	CfKeyring  *ring;
	int			line;

	CHECK_INT(cf_keyring_parse(text, strlen(text), &ring, &line), CF_KEYRING_OK);
	return ring;
}

/* ---- the ring ---- */

typedef struct RingCase
{
	const char *text;
	CfKeyringStatus status;
	int			line;
} RingCase;

static const RingCase ring_cases[] = {
	{"1 " KEY_A "\n", CF_KEYRING_OK, 1},
	{"65535 " KEY_A, CF_KEYRING_OK, 1},
	{"  7\t" KEY_A "  \r\n\n# old:\n 6 " KEY_B "\r\n", CF_KEYRING_OK, 4},
	{"1 000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F", CF_KEYRING_OK, 1},
	{"", CF_KEYRING_EMPTY, 0},
	{"# nothing\n\n", CF_KEYRING_EMPTY, 2},
	{"0 " KEY_A, CF_KEYRING_BAD_ID, 1},
	{"65536 " KEY_A, CF_KEYRING_BAD_ID, 1},
	{"70000 " KEY_A, CF_KEYRING_BAD_ID, 1},
	{"4294967297 " KEY_A, CF_KEYRING_BAD_ID, 1},
	{"-1 " KEY_A, CF_KEYRING_BAD_ID, 1},
	{"0x1 " KEY_A, CF_KEYRING_BAD_ID, 1},
	{"1\n", CF_KEYRING_BAD_ID, 1},
	{KEY_A, CF_KEYRING_BAD_ID, 1},
	{"1 ", CF_KEYRING_BAD_KEY, 1},
	{"\n1 00", CF_KEYRING_BAD_KEY, 2},
	{"1 " KEY_A "0", CF_KEYRING_BAD_KEY, 1},
	{"1 g00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", CF_KEYRING_BAD_KEY, 1},
	{"1 " KEY_A " x", CF_KEYRING_TRAILING, 1},
	{"1 " KEY_A "x", CF_KEYRING_TRAILING, 1},
	{"1 " KEY_A " # main", CF_KEYRING_TRAILING, 1},
	{"1 " KEY_A "\n2 " KEY_B "\n01 " KEY_B, CF_KEYRING_DUPLICATE, 3}
};

static void
test_parse(void)
{
	for (int i = 0; i < (int) lengthof(ring_cases); i++)
	{
		const RingCase *c = &ring_cases[i];
		Size		len = strlen(c->text);
		char	   *exact = palloc(len);	/* so that ASan sees its end */
		CfKeyring  *ring;
		int			line;

		memcpy(exact, c->text, len);
		printf("# case %d\n", i);
		CHECK_INT(cf_keyring_parse(exact, len, &ring, &line), c->status);
		CHECK_INT(line, c->line);
		CHECK((ring != NULL) == (c->status == CF_KEYRING_OK));
		cf_keyring_free(ring);
		pfree(exact);
	}
}

static void
test_ring(void)
{
	CfKeyring  *ring = ring_of("7 " KEY_A "\n300 " KEY_B "\n");

	CHECK_INT(cf_keyring_sealing_id(ring), 7);
	CHECK(cf_keyring_has(ring, 7) && cf_keyring_has(ring, 300));
	CHECK(!cf_keyring_has(ring, 0) && !cf_keyring_has(ring, 8) && !cf_keyring_has(ring, 44));
	cf_keyring_free(ring);
	CHECK_INT(cf_keyring_sealing_id(NULL), 0);
	CHECK(!cf_keyring_has(NULL, 0));
	cf_keyring_free(NULL);
}

/* As many keys as may be, and one more. */
static void
test_many_keys(void)
{
	char	   *text = palloc((CF_CRYPTO_MAX_KEYS + 1) * 80);
	int			len = 0;
	CfKeyring  *ring;
	int			line;

	for (int i = 1; i <= CF_CRYPTO_MAX_KEYS; i++)
		len += sprintf(text + len, "%d " KEY_A "\n", i);
	CHECK_INT(cf_keyring_parse(text, len, &ring, &line), CF_KEYRING_OK);
	CHECK(cf_keyring_has(ring, CF_CRYPTO_MAX_KEYS));
	cf_keyring_free(ring);
	len += sprintf(text + len, "%d " KEY_A "\n", CF_CRYPTO_MAX_KEYS + 1);
	CHECK_INT(cf_keyring_parse(text, len, &ring, &line), CF_KEYRING_TOO_MANY);
	CHECK_INT(line, CF_CRYPTO_MAX_KEYS + 1);
	pfree(text);
}

static void
test_wiped(void)
{
	static const char half[] = "1 " KEY_A "\n2";
	CfKeyring  *ring = ring_of("1 " KEY_A);
	int			line;

	wiped = 0;
	cf_keyring_free(ring);
	CHECK(wiped >= CF_CRYPTO_KEY_BYTES);
	wiped = 0;
	CHECK_INT(cf_keyring_parse(half, strlen(half), &ring, &line), CF_KEYRING_BAD_ID);
	CHECK(wiped >= CF_CRYPTO_KEY_BYTES);
}

/* ---- sealing and opening ---- */

static const CfCryptoPart about[] = {{"name", 4}, {NULL, 0}, {"space", 5}};

static CfCryptoStatus
open_with(const CfKeyring *ring, uint16 id, const char *sealed, Size len)
{
	char	   *out = palloc(len > CF_CRYPTO_OVERHEAD ? len - CF_CRYPTO_OVERHEAD : 1);
	CfCryptoStatus status = cf_crypto_open(ring, id, about, 3, sealed, len, out);

	pfree(out);
	return status;
}

/* Test case 16 of the GCM specification by McGrew and Viega. */
static void
test_known_answer(void)
{
	static const unsigned char sealed[] = {
		0xca, 0xfe, 0xba, 0xbe, 0xfa, 0xce, 0xdb, 0xad, 0xde, 0xca, 0xf8, 0x88,
		0x52, 0x2d, 0xc1, 0xf0, 0x99, 0x56, 0x7d, 0x07, 0xf4, 0x7f, 0x37, 0xa3,
		0x2a, 0x84, 0x42, 0x7d, 0x64, 0x3a, 0x8c, 0xdc, 0xbf, 0xe5, 0xc0, 0xc9,
		0x75, 0x98, 0xa2, 0xbd, 0x25, 0x55, 0xd1, 0xaa, 0x8c, 0xb0, 0x8e, 0x48,
		0x59, 0x0d, 0xbb, 0x3d, 0xa7, 0xb0, 0x8b, 0x10, 0x56, 0x82, 0x88, 0x38,
		0xc5, 0xf6, 0x1e, 0x63, 0x93, 0xba, 0x7a, 0x0a, 0xbc, 0xc9, 0xf6, 0x62,
		0x76, 0xfc, 0x6e, 0xce, 0x0f, 0x4e, 0x17, 0x68, 0xcd, 0xdf, 0x88, 0x53,
		0xbb, 0x2d, 0x55, 0x1b
	};
	static const unsigned char plain[] = {
		0xd9, 0x31, 0x32, 0x25, 0xf8, 0x84, 0x06, 0xe5, 0xa5, 0x59, 0x09, 0xc5,
		0xaf, 0xf5, 0x26, 0x9a, 0x86, 0xa7, 0xa9, 0x53, 0x15, 0x34, 0xf7, 0xda,
		0x2e, 0x4c, 0x30, 0x3d, 0x8a, 0x31, 0x8a, 0x72, 0x1c, 0x3c, 0x0c, 0x95,
		0x95, 0x68, 0x09, 0x53, 0x2f, 0xcf, 0x0e, 0x24, 0x49, 0xa6, 0xb5, 0x25,
		0xb1, 0x6a, 0xed, 0xf5, 0xaa, 0x0d, 0xe6, 0x57, 0xba, 0x63, 0x7b, 0x39
	};
	static const CfCryptoPart parts[] = {
		{"\xfe\xed\xfa\xce\xde\xad\xbe\xef", 8},
		{"\xfe\xed\xfa\xce\xde\xad\xbe\xef\xab\xad\xda\xd2", 12}
	};
	CfKeyring  *ring = ring_of("1 feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
	char		out[sizeof(plain)];

	CHECK_INT(sizeof(sealed), sizeof(plain) + CF_CRYPTO_OVERHEAD);
	CHECK_INT(cf_crypto_open(ring, 1, parts, 2, (const char *) sealed, sizeof(sealed), out),
			  CF_CRYPTO_OK);
	CHECK_MEM(out, plain, sizeof(plain));
	cf_keyring_free(ring);
}

static void
test_round_trip(void)
{
	static const Size lengths[] = {0, 1, 15, 16, 17, 1000, 100000};
	CfKeyring  *ring = ring_of("7 " KEY_A);

	for (int i = 0; i < (int) lengthof(lengths); i++)
	{
		Size		len = lengths[i];
		char	   *plain = palloc0(len + 1);
		char	   *sealed = palloc(len + CF_CRYPTO_OVERHEAD);
		char	   *again = palloc(len + CF_CRYPTO_OVERHEAD);
		char	   *out = palloc(len + 1);

		CHECK(cf_crypto_seal(ring, 7, about, 3, plain, len, sealed));
		CHECK(cf_crypto_seal(ring, 7, about, 3, plain, len, again));
		/* another nonce, hence another text */
		CHECK(memcmp(sealed, again, CF_CRYPTO_NONCE_BYTES) != 0);
		CHECK(memcmp(sealed + CF_CRYPTO_NONCE_BYTES, again + CF_CRYPTO_NONCE_BYTES, len + 16) != 0);
		memset(out, 1, len);
		CHECK_INT(cf_crypto_open(ring, 7, about, 3, sealed, len + CF_CRYPTO_OVERHEAD, out),
				  CF_CRYPTO_OK);
		CHECK_MEM(out, plain, len);
		pfree(plain);
		pfree(sealed);
		pfree(again);
		pfree(out);
	}
	cf_keyring_free(ring);
}

/* Every bit of it counts, and every byte. */
static void
test_damage(void)
{
	CfKeyring  *ring = ring_of("7 " KEY_A);
	char		sealed[20 + CF_CRYPTO_OVERHEAD];
	char		out[20];

	CHECK(cf_crypto_seal(ring, 7, about, 3, "twenty bytes of text", 20, sealed));
	for (int bit = 0; bit < (int) sizeof(sealed) * 8; bit++)
	{
		sealed[bit / 8] ^= 1 << bit % 8;
		memset(out, 1, sizeof(out));
		CHECK_QUIET(cf_crypto_open(ring, 7, about, 3, sealed, sizeof(sealed), out) ==
					CF_CRYPTO_NOT_AUTHENTIC);
		for (int i = 0; i < (int) sizeof(out); i++)
			CHECK_QUIET(out[i] == 0);
		sealed[bit / 8] ^= 1 << bit % 8;
	}
	for (int len = 0; len < (int) sizeof(sealed); len++)
	{
		char	   *exact = palloc(len);

		memcpy(exact, sealed, len);
		CHECK_QUIET(open_with(ring, 7, exact, len) == CF_CRYPTO_NOT_AUTHENTIC);
		pfree(exact);
	}
	CHECK_INT(open_with(ring, 7, sealed, sizeof(sealed)), CF_CRYPTO_OK);
	cf_keyring_free(ring);
}

static void
test_about(void)
{
	CfKeyring  *ring = ring_of("7 " KEY_A);
	char		sealed[1 + CF_CRYPTO_OVERHEAD];
	char		out[1];
	CfCryptoPart other = about[0];

	CHECK(cf_crypto_seal(ring, 7, about, 3, "x", 1, sealed));
	other.data = "nama";
	CHECK_INT(cf_crypto_open(ring, 7, &other, 1, sealed, sizeof(sealed), out),
			  CF_CRYPTO_NOT_AUTHENTIC);
	CHECK_INT(cf_crypto_open(ring, 7, about, 2, sealed, sizeof(sealed), out),
			  CF_CRYPTO_NOT_AUTHENTIC);
	CHECK_INT(cf_crypto_open(ring, 7, NULL, 0, sealed, sizeof(sealed), out),
			  CF_CRYPTO_NOT_AUTHENTIC);
	cf_keyring_free(ring);
}

static void
test_rotation(void)
{
	CfKeyring  *before = ring_of("1 " KEY_A);
	CfKeyring  *during = ring_of("2 " KEY_B "\n1 " KEY_A);
	CfKeyring  *after = ring_of("2 " KEY_B);
	CfKeyring  *reused = ring_of("1 " KEY_B);
	char		old[3 + CF_CRYPTO_OVERHEAD];
	char		new[3 + CF_CRYPTO_OVERHEAD];

	CHECK(cf_crypto_seal(before, 1, about, 3, "old", 3, old));
	CHECK(cf_crypto_seal(during, cf_keyring_sealing_id(during), about, 3, "new", 3, new));
	CHECK_INT(open_with(during, 1, old, sizeof(old)), CF_CRYPTO_OK);
	CHECK_INT(open_with(after, 2, new, sizeof(new)), CF_CRYPTO_OK);
	CHECK_INT(open_with(after, 1, old, sizeof(old)), CF_CRYPTO_NO_KEY);
	CHECK_INT(open_with(NULL, 1, old, sizeof(old)), CF_CRYPTO_NO_KEY);
	CHECK_INT(open_with(reused, 1, old, sizeof(old)), CF_CRYPTO_NOT_AUTHENTIC);
	CHECK(!cf_crypto_seal(after, 1, about, 3, "old", 3, old));
	CHECK(!cf_crypto_seal(NULL, 0, about, 3, "old", 3, old));
	cf_keyring_free(before);
	cf_keyring_free(during);
	cf_keyring_free(after);
	cf_keyring_free(reused);
}

int
main(void)
{
	RUN(test_parse);
	RUN(test_ring);
	RUN(test_many_keys);
	RUN(test_wiped);
	RUN(test_known_answer);
	RUN(test_round_trip);
	RUN(test_damage);
	RUN(test_about);
	RUN(test_rotation);
	return cf_unit_end();
}
