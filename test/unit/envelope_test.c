/* unit: src/codec/envelope.c src/codec/envelope_meta.c src/codec/compress.c src/codec/crypto.c */
/*
 * envelope_test.c - metas and values there and back, and all that is refused.
 *
 * test/unit/envelope_test.c
 */
#include "harness.h"

#include "common/pg_prng.h"
#include "port/pg_bswap.h"

#include "codec/envelope.h"
#include "codec/key.h"

#define KEY_A "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define KEY_B "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeffe0e1e2e3e4e5e6e7e8e9eaebecedeeef"

#define FIXED_LEN 95			/* of a meta, before the identity */
#define SIGNATURE_LEN CF_CRYPTO_OVERHEAD

/* No more memory for one thing, or ASan ends the test: see test_bombs. */
const char *__asan_default_options(void);

const char *
__asan_default_options(void)
{
	return "max_allocation_size_mb=64";
}

static const CfEnvelopePlace place = {"1.shop", "product:42", "identity", 6, 10, 8};
static CfKeyring *ring;
static CfKeyring *secret;

static CfKeyring *
ring_of(const char *text)
{
	CfKeyring  *made;
	int			line;

	if (cf_keyring_parse(text, strlen(text), &made, &line) != CF_KEYRING_OK)
		abort();
	return made;
}

/* ---- a value, encoded ---- */

static const CfClockRef sample_refs[] = {UINT64CONST(0xfedcba9876543210), 5};

static CfEnvelope
sample(void)
{
	CfEnvelope	env = {
		.form = CF_FORM_ROWS, .provable = true, .lsn = UINT64CONST(0x1234567890abcdef),
		.end = UINT64CONST(0x1234567890abcdf1),
		.incarnation = 77, .server = 88, .schema = 99, .filled_at = INT64CONST(800000000000000),
		.expires_at = INT64CONST(800000300000000), .ttl = 300000000, .stale_for = 600000000,
		.load_us = 1500, .first_len = 9, .nrefs = 2, .refs = sample_refs
	};

	return env;
}

static char *
make_text(Size len)
{
	char	   *text = palloc(len + 64);

	for (Size at = 0; at < len;)
		at += sprintf(text + at, "{\"id\":%d,\"name\":\"product\"},", (int) at);
	return text;
}

/* Meta and stored bytes, each in memory of exactly its length. */
typedef struct Pair
{
	char	   *meta;
	char	   *stored;
	Size		meta_len;
	Size		stored_len;
} Pair;

static char *
copy_of(const char *data, Size len)
{
	char	   *copy = palloc(len);

	if (len > 0)
		memcpy(copy, data, len);
	return copy;
}

static void
free_pair(Pair *pair)
{
	pfree(pair->meta);
	pfree(pair->stored);
}

static Pair
encode(CfCompression compression, const CfKeyring *keyring, const char *value, Size len)
{
	CfEnvelope	env = sample();
	CfEnvelopeOptions options = {
		.compression = compression, .keyring = keyring, .secret = secret
	};
	CfEnvelopeEncoded encoded;
	Pair		pair;

	CHECK_INT(cf_envelope_encode(&env, value, len, &place, &options, &encoded), CF_ENVELOPE_OK);
	CHECK_INT(env.compression, compression);
	CHECK((encoded.stored == value) == (compression == 0 && keyring == NULL));
	pair = (Pair) {copy_of(encoded.meta, encoded.meta_len),
	copy_of(encoded.stored, encoded.stored_len), encoded.meta_len, encoded.stored_len};
	cf_envelope_free_encoded(&encoded);
	return pair;
}

static CfEnvelopeStatus
decode_at(const Pair *pair, const CfEnvelopePlace *at, const CfKeyring *keyring,
		  bool must_encrypt, Size max_len, const char *want)
{
	CfEnvelopeOptions options = {
		.keyring = keyring, .secret = secret, .must_encrypt = must_encrypt, .max_len = max_len
	};
	CfEnvelopeStatus status;
	struct varlena *value;
	CfEnvelope	env;

	status = cf_envelope_decode_meta(pair->meta, pair->meta_len, &env);
	if (status != CF_ENVELOPE_OK)
	{
		CHECK_QUIET(env.refs == NULL);
		return status;
	}
	status = cf_envelope_decode_value(&env, pair->stored, pair->stored_len, at, &options, &value);
	CHECK_QUIET((status == CF_ENVELOPE_OK) == (value != NULL));
	if (value != NULL)
	{
		CHECK_QUIET(VARSIZE(value) == VARHDRSZ + env.plain_len);
		if (want != NULL)
			CHECK_QUIET(memcmp(VARDATA(value), want, env.plain_len) == 0);
		pfree(value);
	}
	if (env.refs != NULL)
		pfree((void *) env.refs);
	return status;
}

static bool
contains(const Pair *pair, const char *word)
{
	for (Size i = 0; i + strlen(word) <= pair->stored_len; i++)
	{
		if (memcmp(pair->stored + i, word, strlen(word)) == 0)
			return true;
	}
	return false;
}

static CfEnvelopeStatus
decode(const Pair *pair)
{
	return decode_at(pair, &place, ring, false, 1000000, NULL);
}

/* As somebody would who knows the secret, to get at what lies behind the signature. */
static void
mend_signature(Pair *pair, const CfEnvelopePlace *at)
{
	uint32		lengths[3];
	CfCryptoPart parts[5];
	Size		bound = pair->meta_len - SIGNATURE_LEN;

	if (pair->meta_len < 8 + SIGNATURE_LEN || pair->meta[6] != 0 || pair->meta[7] != 0)
		return;
	lengths[0] = pg_hton32(at->ns_len);
	lengths[1] = pg_hton32(at->key_len);
	lengths[2] = pg_hton32((uint32) bound);
	parts[0] = (CfCryptoPart) {lengths, sizeof(lengths)};
	parts[1] = (CfCryptoPart) {at->ns, at->ns_len};
	parts[2] = (CfCryptoPart) {at->key, at->key_len};
	parts[3] = (CfCryptoPart) {pair->meta, bound};
	parts[4] = (CfCryptoPart) {pair->stored, pair->stored_len};
	CHECK_QUIET(cf_crypto_seal(secret, cf_keyring_sealing_id(secret), parts, 5, NULL, 0,
							   pair->meta + bound));
}

/* ---- there and back ---- */

static const CfCompression algorithms[] = {
	CF_COMPRESSION_NONE, CF_COMPRESSION_LZ4, CF_COMPRESSION_ZSTD
};

static void
test_round_trip(void)
{
	char	   *text = make_text(5000);

	for (int a = 0; a < (int) lengthof(algorithms); a++)
	{
		for (int encrypted = 0; encrypted < 2; encrypted++)
		{
			Pair		pair = encode(algorithms[a], encrypted ? ring : NULL, text, 5000);

			CHECK_INT(decode_at(&pair, &place, ring, encrypted, 5000, text), CF_ENVELOPE_OK);
			CHECK_INT(decode_at(&pair, &place, ring, encrypted, 4999, text), CF_ENVELOPE_TOO_LARGE);
			CHECK(algorithms[a] == 0 || pair.stored_len < 4000);
			if (encrypted || algorithms[a] == CF_COMPRESSION_NONE)
				CHECK(contains(&pair, "product") == !encrypted);
			free_pair(&pair);
		}
	}
	pfree(text);
}

static void
test_fields(void)
{
	CfEnvelope	want = sample();
	Pair		pair = encode(CF_COMPRESSION_NONE, NULL, "[{\"id\":1}]", 10);
	CfEnvelope	got;

	CHECK_INT(cf_envelope_decode_meta(pair.meta, pair.meta_len, &got), CF_ENVELOPE_OK);
	CHECK(!got.negative && !got.covered && got.provable);
	CHECK_INT(got.form, CF_FORM_ROWS);
	CHECK_INT(got.lsn, want.lsn);
	CHECK_INT(got.end, want.end);
	CHECK_INT(got.incarnation, want.incarnation);
	CHECK_INT(got.server, want.server);
	CHECK_INT(got.schema, want.schema);
	CHECK_INT(got.filled_at, want.filled_at);
	CHECK_INT(got.expires_at, want.expires_at);
	CHECK_INT(got.ttl, want.ttl);
	CHECK_INT(got.stale_for, want.stale_for);
	CHECK_INT(got.load_us, want.load_us);
	CHECK_INT(got.first_len, want.first_len);
	CHECK_INT(got.plain_len, 10);
	CHECK_INT(got.compression, CF_COMPRESSION_NONE);
	CHECK_INT(got.key_id, 0);
	CHECK_INT(got.identity_len, 8);
	CHECK_MEM(got.identity, "identity", 8);
	CHECK_INT(got.nrefs, 2);
	CHECK_INT(got.refs[0], sample_refs[0]);
	CHECK_INT(got.refs[1], sample_refs[1]);
	pfree((void *) got.refs);
	free_pair(&pair);
}

/* Written down once: whoever changes it needs a new version of the format. */
static void
test_wire(void)
{
	static const char meta[] =
	"cfe\x02\x0a\x00\x00\x00" "\x12\x34\x56\x78\x90\xab\xcd\xef"
	"\x12\x34\x56\x78\x90\xab\xcd\xf1"
	"\0\0\0\0\0\0\0\x4d" "\0\0\0\0\0\0\0\x58" "\0\0\0\0\0\0\0\x63"
	"\x00\x02\xd7\x98\x83\xd2\x00\x00" "\x00\x02\xd7\x98\x95\xb3\xa3\x00"
	"\0\0\0\0\x11\xe1\xa3\x00" "\0\0\0\0\x23\xc3\x46\x00"
	"\0\0\x05\xdc" "\0\0\0\x09" "\0\0\0\x0a" "\x00\x02\x08" "identity"
	"\xfe\xdc\xba\x98\x76\x54\x32\x10" "\0\0\0\0\0\0\0\x05";
	Pair		pair = encode(CF_COMPRESSION_NONE, NULL, "[{\"id\":1}]", 10);

	CHECK_INT(pair.meta_len, sizeof(meta) - 1 + SIGNATURE_LEN);
	CHECK_MEM(pair.meta, meta, sizeof(meta) - 1);
	CHECK_INT(pair.stored_len, 10);
	CHECK_MEM(pair.stored, "[{\"id\":1}]", 10);
	CHECK_INT(decode(&pair), CF_ENVELOPE_OK);
	mend_signature(&pair, &place);
	CHECK_INT(decode(&pair), CF_ENVELOPE_OK);
	free_pair(&pair);
}

/* Clocks of definitions are of one server alone; of that which they are made of, not. */
static void
test_local_refs(void)
{
	static const CfClockRef local[] = {16, 15};
	static const CfClockRef shared[] = {23, 14};
	CfEnvelopeOptions options = {.secret = secret};
	CfEnvelopeEncoded encoded;

	for (int i = 0; i < 2; i++)
	{
		CfEnvelope	env = sample();

		env.refs = i == 0 ? local : shared;
		CHECK_INT(cf_envelope_encode(&env, "0123456789", 10, &place, &options, &encoded),
				  CF_ENVELOPE_OK);
		CHECK_INT(cf_envelope_decode_meta(encoded.meta, encoded.meta_len, &env),
				  i == 0 ? CF_ENVELOPE_BAD_FORMAT : CF_ENVELOPE_OK);
		CHECK((env.refs == NULL) == (i == 0));
		if (env.refs != NULL)
			pfree((void *) env.refs);
		cf_envelope_free_encoded(&encoded);
	}
}

/* Values that are neither JSON nor rows. */
static void
test_forms(void)
{
	for (int form = CF_FORM_JSON; form <= CF_FORM_VALUE; form++)
	{
		CfEnvelope	env = sample();
		CfEnvelopeOptions options = {.secret = secret};
		CfEnvelopeEncoded encoded;

		env.form = (CfForm) form;
		CHECK_INT(cf_envelope_encode(&env, "0123456789", 10, &place, &options, &encoded),
				  CF_ENVELOPE_OK);
		CHECK_INT(cf_envelope_decode_meta(encoded.meta, encoded.meta_len, &env), CF_ENVELOPE_OK);
		CHECK_INT(env.form, form);
		pfree((void *) env.refs);
		cf_envelope_free_encoded(&encoded);
	}
}

static void
test_compressed_or_not(void)
{
	char	   *text = make_text(1000);
	CfEnvelope	env = sample();
	CfEnvelopeOptions options = {
		.compression = CF_COMPRESSION_LZ4, .compress_min = 1000, .secret = secret
	};
	CfEnvelopeEncoded encoded;
	pg_prng_state state;

	pg_prng_seed(&state, 42);
	CHECK_INT(cf_envelope_encode(&env, text, 999, &place, &options, &encoded), CF_ENVELOPE_OK);
	CHECK(env.compression == CF_COMPRESSION_NONE && encoded.stored == text);
	cf_envelope_free_encoded(&encoded);
	CHECK_INT(cf_envelope_encode(&env, text, 1000, &place, &options, &encoded), CF_ENVELOPE_OK);
	CHECK(env.compression == CF_COMPRESSION_LZ4 && encoded.stored_len <= 875);
	cf_envelope_free_encoded(&encoded);

	/* Hardly repetitive: what little it saves is not worth it. */
	for (int i = 0; i < 900; i++)
		text[i] = (char) pg_prng_uint32(&state);
	memset(text + 900, 'a', 100);
	CHECK_INT(cf_envelope_encode(&env, text, 1000, &place, &options, &encoded), CF_ENVELOPE_OK);
	CHECK(env.compression == CF_COMPRESSION_NONE && encoded.stored_len == 1000);
	cf_envelope_free_encoded(&encoded);

	/* Unknown to this build: left as it is. */
	options.compression = (CfCompression) 9;
	CHECK_INT(cf_envelope_encode(&env, text, 1000, &place, &options, &encoded), CF_ENVELOPE_OK);
	CHECK_INT(env.compression, CF_COMPRESSION_NONE);
	cf_envelope_free_encoded(&encoded);
	pfree(text);
}

/* No value, no refs, no identity; then as much of all as may be. */
static void
test_extremes(void)
{
	static const CfEnvelopePlace nowhere = {NULL, NULL, NULL, 0, 0, 0};
	char		long_text[CF_MAX_TAG + 1] = "";
	CfEnvelopePlace far = {long_text, long_text, long_text, 100, CF_MAX_KEY,
		CF_ENVELOPE_MAX_IDENTITY
	};
	CfClockRef *refs = palloc0((CF_ENVELOPE_MAX_REFS + 1) * sizeof(CfClockRef));
	CfEnvelope	env = {0};
	CfEnvelopeOptions options = {.secret = secret};
	CfEnvelopeEncoded encoded;
	Pair		pair;

	for (int encrypted = 0; encrypted < 2; encrypted++)
	{
		options.keyring = encrypted ? ring : NULL;
		CHECK_INT(cf_envelope_encode(&env, NULL, 0, &nowhere, &options, &encoded), CF_ENVELOPE_OK);
		pair = (Pair) {encoded.meta, (char *) encoded.stored, encoded.meta_len, encoded.stored_len};
		CHECK_INT(pair.meta_len, FIXED_LEN + (encrypted ? 0 : SIGNATURE_LEN));
		CHECK_INT(pair.stored_len, encrypted ? CF_CRYPTO_OVERHEAD : 0);
		CHECK_INT(decode_at(&pair, &nowhere, ring, encrypted, 0, ""), CF_ENVELOPE_OK);
		cf_envelope_free_encoded(&encoded);
	}

	env.refs = refs;
	env.nrefs = CF_ENVELOPE_MAX_REFS;
	CHECK_INT(cf_envelope_encode(&env, "x", 1, &far, &options, &encoded), CF_ENVELOPE_OK);
	pair = (Pair) {encoded.meta, (char *) encoded.stored, encoded.meta_len, encoded.stored_len};
	CHECK_INT(decode_at(&pair, &far, ring, true, 1, "x"), CF_ENVELOPE_OK);
	cf_envelope_free_encoded(&encoded);

	env.nrefs++;
	CHECK_INT(cf_envelope_encode(&env, "x", 1, &far, &options, &encoded), CF_ENVELOPE_BAD_FORMAT);
	env.nrefs = 0;
	far.identity_len++;
	CHECK_INT(cf_envelope_encode(&env, "x", 1, &far, &options, &encoded), CF_ENVELOPE_BAD_FORMAT);
	CHECK_INT(cf_envelope_encode(&env, "x", (Size) CF_ENVELOPE_MAX_VALUE + 1, &place, &options,
								 &encoded), CF_ENVELOPE_TOO_LARGE);
	CHECK(encoded.meta == NULL && encoded.owned == NULL);
	pfree(refs);
}

/* ---- what is refused ---- */

static CfEnvelopeStatus
status_of(CfEnvelope env)
{
	CfEnvelopeOptions options = {.secret = secret};
	CfEnvelopeEncoded encoded;
	CfEnvelopeStatus status = cf_envelope_encode(&env, "0123456789", 10, &place, &options, &encoded);

	if (status == CF_ENVELOPE_OK)
		cf_envelope_free_encoded(&encoded);
	return status;
}

/* Nobody's sums of times overflow, and no first object ends past the value. */
static void
test_bounds_of_fields(void)
{
	CfEnvelope	env = sample();

	CHECK_INT(status_of(env), CF_ENVELOPE_OK);
	env.first_len = 10;
	CHECK_INT(status_of(env), CF_ENVELOPE_BAD_FORMAT);
	env = sample();
	env.ttl = -1;
	CHECK_INT(status_of(env), CF_ENVELOPE_BAD_FORMAT);
	env.ttl = PG_INT64_MAX;
	CHECK_INT(status_of(env), CF_ENVELOPE_BAD_FORMAT);
	env = sample();
	env.stale_for = -1;
	CHECK_INT(status_of(env), CF_ENVELOPE_BAD_FORMAT);
	env.stale_for = PG_INT64_MAX;
	CHECK_INT(status_of(env), CF_ENVELOPE_BAD_FORMAT);
	env = sample();
	env.expires_at = env.filled_at - 1;
	CHECK_INT(status_of(env), CF_ENVELOPE_BAD_FORMAT);
	env.expires_at = DT_NOEND;
	CHECK_INT(status_of(env), CF_ENVELOPE_BAD_FORMAT);
	env = sample();
	env.filled_at = DT_NOBEGIN;
	CHECK_INT(status_of(env), CF_ENVELOPE_BAD_FORMAT);
	env = sample();
	env.end = env.lsn;
	CHECK_INT(status_of(env), CF_ENVELOPE_OK);
	env.end = env.lsn - 1;
	CHECK_INT(status_of(env), CF_ENVELOPE_BAD_FORMAT);
}

/* One byte of a good meta set to something, the signature mended. */
static CfEnvelopeStatus
status_with_byte(int offset, unsigned char byte)
{
	Pair		pair = encode(CF_COMPRESSION_NONE, NULL, "[{\"id\":1}]", 10);
	CfEnvelopeStatus status;

	pair.meta[offset] = (char) byte;
	mend_signature(&pair, &place);
	status = decode(&pair);
	free_pair(&pair);
	return status;
}

static void
test_bounds_of_bytes(void)
{
	CHECK_INT(status_with_byte(0, 'c'), CF_ENVELOPE_OK);
	CHECK_INT(status_with_byte(0, 'C'), CF_ENVELOPE_BAD_FORMAT);
	CHECK_INT(status_with_byte(3, 1), CF_ENVELOPE_BAD_VERSION);
	CHECK_INT(status_with_byte(4, 0x20), CF_ENVELOPE_BAD_FORMAT);	/* flags */
	CHECK_INT(status_with_byte(4, 0x12), CF_ENVELOPE_BAD_FORMAT);	/* two forms */
	CHECK_INT(status_with_byte(5, 3), CF_ENVELOPE_UNSUPPORTED);
	CHECK_INT(status_with_byte(5, CF_COMPRESSION_LZ4), CF_ENVELOPE_BAD_COMPRESSION);
	CHECK_INT(status_with_byte(7, 1), CF_ENVELOPE_BAD_FORMAT);	/* encrypted, and yet signed */
	CHECK_INT(status_with_byte(16, 0), CF_ENVELOPE_BAD_FORMAT); /* ends before it begins */
	CHECK_INT(status_with_byte(48, 0x80), CF_ENVELOPE_BAD_FORMAT);	/* filled at */
	CHECK_INT(status_with_byte(64, 0x80), CF_ENVELOPE_BAD_FORMAT);	/* time to live */
	CHECK_INT(status_with_byte(72, 0x80), CF_ENVELOPE_BAD_FORMAT);	/* stale for */
	CHECK_INT(status_with_byte(87, 10), CF_ENVELOPE_BAD_FORMAT);	/* first object */
	CHECK_INT(status_with_byte(91, 11), CF_ENVELOPE_BAD_FORMAT);	/* plain length */
	CHECK_INT(status_with_byte(88, 0x7f), CF_ENVELOPE_TOO_LARGE);
	CHECK_INT(status_with_byte(93, 1), CF_ENVELOPE_BAD_FORMAT); /* refs */
	CHECK_INT(status_with_byte(93, 3), CF_ENVELOPE_BAD_FORMAT);
	CHECK_INT(status_with_byte(92, 0xff), CF_ENVELOPE_BAD_FORMAT);
	CHECK_INT(status_with_byte(94, 65), CF_ENVELOPE_BAD_FORMAT);	/* identity */
	CHECK_INT(status_with_byte(95, 'I'), CF_ENVELOPE_BAD_IDENTITY);
}

/* As long as it says it is, but longer than any may be. */
static void
test_long_identity(void)
{
	static const CfEnvelopePlace nowhere = {"", "", "", 0, 0, 0};
	CfEnvelope	env = {0};
	CfEnvelopeOptions options = {.secret = secret};
	CfEnvelopeEncoded encoded;
	char		meta[FIXED_LEN + CF_ENVELOPE_MAX_IDENTITY + 1 + SIGNATURE_LEN] = "";

	CHECK_INT(cf_envelope_encode(&env, "", 0, &nowhere, &options, &encoded), CF_ENVELOPE_OK);
	memcpy(meta, encoded.meta, FIXED_LEN);
	cf_envelope_free_encoded(&encoded);
	meta[94] = CF_ENVELOPE_MAX_IDENTITY;
	CHECK_INT(cf_envelope_decode_meta(meta, sizeof(meta) - 1, &env), CF_ENVELOPE_OK);
	meta[94] = CF_ENVELOPE_MAX_IDENTITY + 1;
	CHECK_INT(cf_envelope_decode_meta(meta, sizeof(meta), &env), CF_ENVELOPE_BAD_FORMAT);
}

/* Every byte less, of meta as of value, mended or not. */
static void
test_truncation(void)
{
	char	   *text = make_text(300);

	for (int a = 0; a < (int) lengthof(algorithms); a++)
	{
		for (int encrypted = 0; encrypted < 2; encrypted++)
		{
			Pair		whole = encode(algorithms[a], encrypted ? ring : NULL, text, 300);

			for (Size cut = 0; cut < whole.meta_len; cut++)
			{
				Pair		part = whole;

				part.meta_len = cut;
				part.meta = copy_of(whole.meta, cut);
				CHECK_QUIET(decode(&part) == CF_ENVELOPE_BAD_FORMAT);
				pfree(part.meta);
			}
			for (Size cut = 0; cut < whole.stored_len; cut++)
			{
				Pair		part = whole;

				part.stored_len = cut;
				part.stored = copy_of(whole.stored, cut);
				CHECK_QUIET(decode(&part) != CF_ENVELOPE_OK);
				if (encrypted && cut < CF_CRYPTO_OVERHEAD)
					CHECK_QUIET(decode(&part) == CF_ENVELOPE_BAD_FORMAT);
				part.meta = copy_of(whole.meta, whole.meta_len);
				mend_signature(&part, &place);
				CHECK_QUIET(decode(&part) != CF_ENVELOPE_OK);
				free_pair(&part);
			}
			CHECK_INT(decode(&whole), CF_ENVELOPE_OK);
			free_pair(&whole);
		}
	}
	pfree(text);
}

/*
 * Every bit turned. The signature finds each, or the encryption does; where the
 * former is mended nothing worse happens than another value.
 */
static void
test_bit_flips(void)
{
	char	   *text = make_text(300);

	for (int a = 0; a < (int) lengthof(algorithms); a++)
	{
		for (int encrypted = 0; encrypted < 2; encrypted++)
		{
			Pair		pair = encode(algorithms[a], encrypted ? ring : NULL, text, 300);
			Size		nbits = (pair.meta_len + pair.stored_len) * 8;

			for (Size bit = 0; bit < nbits; bit++)
			{
				Size		byte = bit / 8;
				char	   *at = byte < pair.meta_len ? pair.meta + byte :
					pair.stored + byte - pair.meta_len;
				CfEnvelopeStatus status;

				*at ^= 1 << bit % 8;
				CHECK_QUIET(decode(&pair) != CF_ENVELOPE_OK);
				if (!encrypted)
					mend_signature(&pair, &place);
				status = decode_at(&pair, &place, ring, encrypted, 1000000, NULL);
				if (encrypted)
					CHECK_QUIET(status != CF_ENVELOPE_OK);
				*at ^= 1 << bit % 8;
				if (!encrypted)
					mend_signature(&pair, &place);
			}
			CHECK_INT(decode(&pair), CF_ENVELOPE_OK);
			free_pair(&pair);
		}
	}
	pfree(text);
}

/* To another key, namespace or identity, or the border between them shifted. */
static void
test_moved(void)
{
	static const CfEnvelopePlace places[] = {
		{"1.shop", "product:43", "identity", 6, 10, 8},
		{"2.shop", "product:42", "identity", 6, 10, 8},
		{"1.shopp", "roduct:42", "identity", 7, 9, 8},
		{"1.shop", "product:42", "identitx", 6, 10, 8},
		{"1.shop", "product:42", "identity", 6, 10, 7}
	};

	for (int encrypted = 0; encrypted < 2; encrypted++)
	{
		for (int i = 0; i < (int) lengthof(places); i++)
		{
			Pair		pair = encode(CF_COMPRESSION_NONE, encrypted ? ring : NULL, "[{\"id\":1}]", 10);
			bool		same_identity = i < 3;

			CHECK_INT(decode_at(&pair, &places[i], ring, encrypted, 100, NULL),
					  same_identity ? CF_ENVELOPE_NOT_AUTHENTIC : CF_ENVELOPE_BAD_IDENTITY);
			mend_signature(&pair, &places[i]);
			if (encrypted && same_identity)
				CHECK_INT(decode_at(&pair, &places[i], ring, true, 100, NULL),
						  CF_ENVELOPE_NOT_AUTHENTIC);
			/* The identity forged as well: it is in the meta. */
			if (encrypted && !same_identity && places[i].identity_len == 8)
			{
				memcpy(pair.meta + FIXED_LEN, places[i].identity, 8);
				mend_signature(&pair, &places[i]);
				CHECK_INT(decode_at(&pair, &places[i], ring, true, 100, NULL),
						  CF_ENVELOPE_NOT_AUTHENTIC);
			}
			free_pair(&pair);
		}
	}
}

/* The meta of one fill with the value of another, of the same key. */
static void
test_swapped(void)
{
	Pair		a = encode(CF_COMPRESSION_NONE, ring, "[{\"id\":1}]", 10);
	Pair		b = encode(CF_COMPRESSION_NONE, ring, "[{\"id\":2}]", 10);
	Pair		mixed = {a.meta, b.stored, a.meta_len, b.stored_len};

	/* same meta, so this one is authentic: a replay, which the LSN guards against */
	mend_signature(&mixed, &place);
	CHECK_INT(decode(&mixed), CF_ENVELOPE_OK);
	/* another load time, and it is not */
	mixed.meta[83] ^= 1;
	mend_signature(&mixed, &place);
	CHECK_INT(decode(&mixed), CF_ENVELOPE_NOT_AUTHENTIC);
	free_pair(&a);
	free_pair(&b);
}

static void
test_keys(void)
{
	CfKeyring  *after = ring_of("2 " KEY_B "\n1 " KEY_A);
	CfKeyring  *other = ring_of("2 " KEY_B);
	CfKeyring  *reused = ring_of("1 " KEY_B);
	Pair		old = encode(CF_COMPRESSION_ZSTD, ring, "0000000000000000000000000000000000000000"
							 "0000000000000000000000000000000000000000000000000000000000000000", 104);
	Pair		new = encode(CF_COMPRESSION_NONE, after, "[{\"id\":1}]", 10);
	Pair		plain = encode(CF_COMPRESSION_NONE, NULL, "[{\"id\":1}]", 10);

	CHECK_INT(decode_at(&old, &place, after, true, 200, NULL), CF_ENVELOPE_OK);
	CHECK_INT(decode_at(&new, &place, after, true, 200, "[{\"id\":1}]"), CF_ENVELOPE_OK);
	CHECK_INT(decode_at(&new, &place, ring, true, 200, NULL), CF_ENVELOPE_BAD_KEY);
	CHECK_INT(decode_at(&old, &place, other, true, 200, NULL), CF_ENVELOPE_BAD_KEY);
	CHECK_INT(decode_at(&old, &place, NULL, false, 200, NULL), CF_ENVELOPE_BAD_KEY);
	CHECK_INT(decode_at(&old, &place, reused, true, 200, NULL), CF_ENVELOPE_NOT_AUTHENTIC);
	CHECK_INT(decode_at(&plain, &place, after, true, 200, NULL), CF_ENVELOPE_BAD_KEY);
	CHECK_INT(decode_at(&plain, &place, after, false, 200, NULL), CF_ENVELOPE_OK);
	free_pair(&old);
	free_pair(&new);
	free_pair(&plain);
	cf_keyring_free(after);
	cf_keyring_free(other);
	cf_keyring_free(reused);
}

/* Signed by another cluster's server, or by none. */
static void
test_secrets(void)
{
	CfKeyring  *ours = secret;
	CfKeyring  *theirs = cf_keyring_make("01234567890123456789012345678901");
	CfKeyring  *same = cf_keyring_make("abcdefghijklmnopqrstuvwxyzabcdef");
	Pair		pair = encode(CF_COMPRESSION_NONE, NULL, "[{\"id\":1}]", 10);
	Pair		sealed = encode(CF_COMPRESSION_NONE, ring, "[{\"id\":1}]", 10);

	secret = theirs;
	CHECK_INT(decode(&pair), CF_ENVELOPE_NOT_AUTHENTIC);
	CHECK_INT(decode(&sealed), CF_ENVELOPE_OK);
	secret = NULL;
	CHECK_INT(decode(&pair), CF_ENVELOPE_BAD_KEY);
	secret = same;
	CHECK_INT(decode(&pair), CF_ENVELOPE_OK);
	secret = ours;
	memset(pair.meta + pair.meta_len - SIGNATURE_LEN, 0, SIGNATURE_LEN);
	CHECK_INT(decode(&pair), CF_ENVELOPE_NOT_AUTHENTIC);
	free_pair(&pair);
	free_pair(&sealed);
	cf_keyring_free(theirs);
	cf_keyring_free(same);
}

/* Encryption asked for and no key, or nothing to sign with: nothing is stored. */
static void
test_fail_closed(void)
{
	CfEnvelope	env = sample();
	CfEnvelopeOptions options = {.must_encrypt = true, .secret = secret};
	CfEnvelopeEncoded encoded;

	CHECK_INT(cf_envelope_encode(&env, "[{\"id\":1}]", 10, &place, &options, &encoded),
			  CF_ENVELOPE_BAD_KEY);
	CHECK(encoded.meta == NULL && encoded.stored == NULL && encoded.stored_len == 0);
	options = (CfEnvelopeOptions) {0};
	CHECK_INT(cf_envelope_encode(&env, "[{\"id\":1}]", 10, &place, &options, &encoded),
			  CF_ENVELOPE_CRYPTO_FAILED);
	CHECK(encoded.meta == NULL && encoded.stored == NULL && encoded.stored_len == 0);
}

/* A few bytes, said to be 512 MB; the signature is right. */
static void
test_bombs(void)
{
	char	   *text = make_text(3000);
	CfEnvelope	env;

	for (int a = 1; a < (int) lengthof(algorithms); a++)
	{
		Pair		pair = encode(algorithms[a], NULL, text, 3000);
		uint32		claim = pg_hton32(CF_ENVELOPE_MAX_VALUE);

		memcpy(pair.meta + 88, &claim, 4);
		mend_signature(&pair, &place);
		CHECK_INT(cf_envelope_decode_meta(pair.meta, pair.meta_len, &env), CF_ENVELOPE_OK);
		pfree((void *) env.refs);
		CHECK_INT(decode_at(&pair, &place, NULL, false, 1000000, NULL), CF_ENVELOPE_TOO_LARGE);
		CHECK_INT(decode_at(&pair, &place, NULL, false, PG_UINT32_MAX, NULL),
				  CF_ENVELOPE_BAD_COMPRESSION);
		claim = pg_hton32(3001);
		memcpy(pair.meta + 88, &claim, 4);
		mend_signature(&pair, &place);
		CHECK_INT(decode(&pair), CF_ENVELOPE_BAD_COMPRESSION);
		free_pair(&pair);

		/* Encrypted, and no smaller than what it was made from: not even opened. */
		pair = encode(algorithms[a], ring, text, 3000);
		claim = pg_hton32(pair.stored_len - CF_CRYPTO_OVERHEAD);
		memcpy(pair.meta + 88, &claim, 4);
		mend_signature(&pair, &place);
		CHECK_INT(decode(&pair), CF_ENVELOPE_BAD_COMPRESSION);
		free_pair(&pair);
	}
	pfree(text);
}

static void
test_status_text(void)
{
	for (int i = CF_ENVELOPE_OK; i <= CF_ENVELOPE_CRYPTO_FAILED; i++)
		CHECK(strcmp(cf_envelope_status_text((CfEnvelopeStatus) i), "unknown") != 0);
	CHECK_STR(cf_envelope_status_text(CF_ENVELOPE_BAD_FORMAT), "malformed");
}

int
main(void)
{
	ring = ring_of("1 " KEY_A);
	secret = cf_keyring_make("abcdefghijklmnopqrstuvwxyzabcdef");
	RUN(test_round_trip);
	RUN(test_fields);
	RUN(test_wire);
	RUN(test_forms);
	RUN(test_local_refs);
	RUN(test_compressed_or_not);
	RUN(test_extremes);
	RUN(test_bounds_of_fields);
	RUN(test_bounds_of_bytes);
	RUN(test_long_identity);
	RUN(test_truncation);
	RUN(test_bit_flips);
	RUN(test_moved);
	RUN(test_swapped);
	RUN(test_keys);
	RUN(test_secrets);
	RUN(test_fail_closed);
	RUN(test_bombs);
	RUN(test_status_text);
	cf_keyring_free(ring);
	cf_keyring_free(secret);
	return cf_unit_end();
}
