/* fuzz: src/codec/envelope.c src/codec/envelope_meta.c src/codec/compress.c src/codec/crypto.c */
/*
 * envelope_fuzz.c - what Redis, or an editor of key files, might hand us.
 *
 * An input is a byte that says how to use the rest, the length of a meta (16
 * bits), the meta, and the stored value:
 *
 *	'r' raw: decode both as they are
 *	'c' the same with the right signature, so that what lies behind it is reached
 *	's' sealed: the value is encrypted first
 *	'e' encode the value with fields from the meta; it must come back
 *	't' damage: encode and encrypt the value, then change it as the meta says;
 *		it must not come back changed
 *	'k' a key file: all after the first byte
 *
 * Beyond crashes, over-reads and leaks, for which the sanitizers look, and
 * too much memory (-malloc_limit_mb), it checks what must hold of any input.
 * The inputs to begin with are made by this build's encoder ('envelope_fuzz --seeds=DIR',
 * which run.sh calls), so that they are always of today's format.
 *
 * test/fuzz/envelope_fuzz.c
 */
#include "harness.h"

#include "port/pg_bswap.h"

#include "codec/envelope.h"
#include "codec/key.h"

#define MAX_LEN (1024 * 1024)
#define SIGNATURE_LEN CF_CRYPTO_OVERHEAD
#define KEY_A "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define KEY_B "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeffe0e1e2e3e4e5e6e7e8e9eaebecedeeef"

#ifndef USE_ASSERT_CHECKING
#error "fuzzers check by assertions"
#endif
#define MUST(cond) AssertMacro(cond)

int			LLVMFuzzerInitialize(int *argc, char ***argv);
int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const CfEnvelopePlace place = {"1.shop", "product:42", "identity", 6, 10, 8};
static CfKeyring *ring;
static CfKeyring *secret;

/* The two strings of an input, in memory of exactly their lengths. */
typedef struct Pair
{
	char	   *meta;
	char	   *stored;
	Size		meta_len;
	Size		stored_len;
} Pair;

static char *
copy_of(const void *data, Size len)
{
	char	   *copy = palloc(len);

	if (len > 0)
		memcpy(copy, data, len);
	return copy;
}

static Pair
split(const uint8_t *data, size_t size)
{
	Size		meta_len;
	Pair		pair;

	meta_len = Min((Size) (data[0] << 8 | data[1]), size - 2);
	pair.meta_len = meta_len;
	pair.stored_len = size - 2 - meta_len;
	pair.meta = copy_of(data + 2, meta_len);
	pair.stored = copy_of(data + 2 + meta_len, pair.stored_len);
	return pair;
}

static void
free_pair(Pair *pair)
{
	pfree(pair->meta);
	pfree(pair->stored);
}

/* ---- as an attacker would ---- */

typedef struct Bound
{
	uint32		lengths[3];
	CfCryptoPart parts[5];
} Bound;

static void
bind_pair(Bound *bound, const Pair *pair, Size meta_len)
{
	bound->lengths[0] = pg_hton32(place.ns_len);
	bound->lengths[1] = pg_hton32(place.key_len);
	bound->lengths[2] = pg_hton32((uint32) meta_len);
	bound->parts[0] = (CfCryptoPart) {bound->lengths, sizeof(bound->lengths)};
	bound->parts[1] = (CfCryptoPart) {place.ns, place.ns_len};
	bound->parts[2] = (CfCryptoPart) {place.key, place.key_len};
	bound->parts[3] = (CfCryptoPart) {pair->meta, meta_len};
	bound->parts[4] = (CfCryptoPart) {pair->stored, pair->stored_len};
}

/* If it is not encrypted, and may have a signature. */
static void
sign(Pair *pair)
{
	Size		len = pair->meta_len - SIGNATURE_LEN;
	Bound		bound;

	if (pair->meta_len < 8 + SIGNATURE_LEN || pair->meta[6] != 0 || pair->meta[7] != 0)
		return;
	bind_pair(&bound, pair, len);
	MUST(cf_crypto_seal(secret, cf_keyring_sealing_id(secret), bound.parts, 5, NULL, 0,
						pair->meta + len));
}

/* The first key's id goes into the meta, and the value is sealed with it. */
static void
seal(Pair *pair)
{
	uint16		id = pg_hton16(cf_keyring_sealing_id(ring));
	char	   *sealed;
	Bound		bound;

	if (pair->meta_len < 8)
		return;
	sealed = palloc(pair->stored_len + CF_CRYPTO_OVERHEAD);
	memcpy(pair->meta + 6, &id, sizeof(id));
	bind_pair(&bound, pair, pair->meta_len);
	MUST(cf_crypto_seal(ring, cf_keyring_sealing_id(ring), bound.parts, 4,
						pair->stored, pair->stored_len, sealed));
	pfree(pair->stored);
	pair->stored = sealed;
	pair->stored_len += CF_CRYPTO_OVERHEAD;
}

/* ---- what must hold ---- */

static void
check_env(const CfEnvelope *env, const Pair *pair)
{
	const char *end = pair->meta + pair->meta_len;

	MUST(env->nrefs >= 0 && env->nrefs <= CF_ENVELOPE_MAX_REFS);
	MUST((env->refs != NULL) == (env->nrefs > 0));
	MUST(env->end >= env->lsn);
	MUST(env->ttl >= 0 && env->stale_for >= 0);
	MUST(env->first_len == 0 || env->first_len < env->plain_len);
	MUST(env->identity >= pair->meta && env->identity + env->identity_len <= end);
}

/* Only what an encoder would have written is accepted: it writes it again. */
static void
check_canonical(const CfEnvelope *env, const Pair *pair, const struct varlena *value)
{
	CfEnvelope	again = *env;
	CfEnvelopeOptions options = {.secret = secret};
	CfEnvelopeEncoded encoded;
	Size		signature_len = env->key_id == 0 ? SIGNATURE_LEN : 0;
	Size		len = pair->meta_len - signature_len;

	MUST(cf_envelope_encode(&again, VARDATA(value), VARSIZE(value) - VARHDRSZ, &place,
							&options, &encoded) == CF_ENVELOPE_OK);
	MUST(encoded.meta_len == len + SIGNATURE_LEN && encoded.stored_len == env->plain_len);
	if (env->compression == CF_COMPRESSION_NONE && env->key_id == 0)
	{
		MUST(memcmp(encoded.meta, pair->meta, len) == 0);
		MUST(memcmp(encoded.stored, pair->stored, pair->stored_len) == 0);
	}
	cf_envelope_free_encoded(&encoded);
}

/* The value, or NULL. */
static struct varlena *
decode(const Pair *pair, bool must_encrypt)
{
	CfEnvelopeOptions options = {
		.keyring = ring, .secret = secret, .must_encrypt = must_encrypt, .max_len = MAX_LEN
	};
	struct varlena *value = NULL;
	CfEnvelope	env;

	if (cf_envelope_decode_meta(pair->meta, pair->meta_len, &env) != CF_ENVELOPE_OK)
	{
		MUST(env.refs == NULL);
		return NULL;
	}
	check_env(&env, pair);
	if (cf_envelope_decode_value(&env, pair->stored, pair->stored_len, &place,
								 &options, &value) == CF_ENVELOPE_OK)
	{
		MUST(VARSIZE(value) == VARHDRSZ + env.plain_len && env.plain_len <= MAX_LEN);
		MUST(env.key_id != 0 || !must_encrypt);
		check_canonical(&env, pair, value);
	}
	else
		MUST(value == NULL);
	if (env.refs != NULL)
		pfree((void *) env.refs);
	return value;
}

static void
decode_and_free(const Pair *pair)
{
	for (int must_encrypt = 0; must_encrypt < 2; must_encrypt++)
	{
		struct varlena *value = decode(pair, must_encrypt);

		if (value != NULL)
			pfree(value);
	}
}

/* ---- encoding what the input says ---- */

/* Fields from the bytes of a string, over and over; false if it is empty. */
static bool
fill_fields(CfEnvelope *env, CfClockRef *refs, const Pair *pair)
{
	unsigned char bytes[64];

	if (pair->meta_len == 0)
		return false;
	for (int i = 0; i < (int) sizeof(bytes); i++)
		bytes[i] = pair->meta[i % pair->meta_len];
	memset(env, 0, sizeof(*env));
	env->negative = bytes[0] & 1;
	env->form = (CfForm) ((bytes[0] >> 4) % 3);
	env->covered = bytes[0] & 4;
	env->provable = bytes[0] & 8;
	memcpy(&env->filled_at, bytes + 1, 8);
	memcpy(&env->expires_at, bytes + 9, 8);
	memcpy(&env->ttl, bytes + 17, 8);
	memcpy(&env->stale_for, bytes + 25, 8);
	memcpy(&env->lsn, bytes + 33, 8);
	env->end = Max(env->lsn, env->lsn + bytes[41]);
	memcpy(&env->incarnation, bytes + 25, 8);
	memcpy(&env->server, bytes + 17, 8);
	memcpy(&env->schema, bytes + 9, 8);
	memcpy(&env->load_us, bytes + 41, 4);
	memcpy(&env->first_len, bytes + 45, 2);
	env->nrefs = bytes[47] % 3;
	env->refs = refs;
	memcpy(refs, bytes + 48, 16);
	/* No server sends those of its own definitions: they are refused. */
	for (int i = 0; i < 2; i++)
	{
		if (cf_clock_kind(refs[i]) == CF_CLOCK_DEFINITION)
			refs[i] &= ~CF_CLOCK_LOCAL_BIT;
	}
	return true;
}

static bool
encode_input(const Pair *pair, bool encrypt, CfEnvelopeEncoded *encoded)
{
	CfClockRef	refs[2];
	CfEnvelope	env;
	CfEnvelopeOptions options = {
		.compression = (CfCompression) (pair->stored_len % 4),
		.keyring = encrypt ? ring : NULL,
		.secret = secret
	};

	return fill_fields(&env, refs, pair) &&
		cf_envelope_encode(&env, pair->stored, pair->stored_len, &place, &options,
						   encoded) == CF_ENVELOPE_OK;
}

static void
check_value(struct varlena *value, const Pair *pair)
{
	MUST(VARSIZE(value) == VARHDRSZ + pair->stored_len);
	MUST(memcmp(VARDATA(value), pair->stored, pair->stored_len) == 0);
	pfree(value);
}

static void
round_trip(const Pair *pair)
{
	for (int encrypt = 0; encrypt < 2; encrypt++)
	{
		CfEnvelopeEncoded encoded;
		struct varlena *value;
		Pair		wire;

		if (!encode_input(pair, encrypt, &encoded))
			continue;
		wire = (Pair) {encoded.meta, copy_of(encoded.stored, encoded.stored_len),
		encoded.meta_len, encoded.stored_len};
		value = decode(&wire, encrypt);
		MUST(value != NULL);
		check_value(value, pair);
		pfree(wire.stored);
		cf_envelope_free_encoded(&encoded);
	}
}

/* The first three bytes of the meta: where, and what to turn there. */
static void
damage(const Pair *pair)
{
	CfEnvelopeEncoded encoded;
	struct varlena *value;
	Pair		wire;
	Size		at;
	char	   *byte;

	if (pair->meta_len < 3 || pair->meta[2] == 0 || !encode_input(pair, true, &encoded))
		return;
	wire = (Pair) {encoded.meta, copy_of(encoded.stored, encoded.stored_len),
	encoded.meta_len, encoded.stored_len};
	at = ((uint8) pair->meta[0] << 8 | (uint8) pair->meta[1]) %
		(wire.meta_len + wire.stored_len);
	byte = at < wire.meta_len ? wire.meta + at : wire.stored + at - wire.meta_len;
	*byte ^= pair->meta[2];
	value = decode(&wire, true);
	MUST(value == NULL);
	pfree(wire.stored);
	cf_envelope_free_encoded(&encoded);
}

static void
parse_key_file(const uint8_t *data, size_t size)
{
	char	   *text = copy_of(data, size);
	CfKeyring  *parsed;
	int			line;

	if (cf_keyring_parse(text, size, &parsed, &line) == CF_KEYRING_OK)
	{
		MUST(cf_keyring_sealing_id(parsed) != 0);
		MUST(cf_keyring_has(parsed, cf_keyring_sealing_id(parsed)));
	}
	else
		MUST(parsed == NULL);
	MUST(line >= 0 && line <= (int) size + 1);
	cf_keyring_free(parsed);
	pfree(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Pair		pair;

	if (size < 3)
		return 0;
	if (data[0] == 'k')
	{
		parse_key_file(data + 1, size - 1);
		return 0;
	}
	pair = split(data + 1, size - 1);
	switch (data[0])
	{
		case 'r':
			decode_and_free(&pair);
			break;
		case 'c':
			sign(&pair);
			decode_and_free(&pair);
			break;
		case 's':
			seal(&pair);
			decode_and_free(&pair);
			break;
		case 'e':
			round_trip(&pair);
			break;
		case 't':
			damage(&pair);
			break;
	}
	free_pair(&pair);
	return 0;
}

/* ---- the inputs to begin with ---- */

static void
write_seed(const char *dir, const char *name, char mode, const char *meta,
		   Size meta_len, const char *stored, Size stored_len)
{
	char		path[1024];
	FILE	   *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "wb");
	if (file == NULL)
		exit(1);
	fputc(mode, file);
	if (mode != 'k')
	{
		fputc((int) (meta_len >> 8), file);
		fputc((int) (meta_len & 0xff), file);
	}
	fwrite(meta, 1, meta_len, file);
	fwrite(stored, 1, stored_len, file);
	fclose(file);
}

/* One value, as it is read: raw, to be signed, and to be sealed. What a load gives. */
static void
write_value_seed(const char *dir, const char *name, CfForm form, CfCompression compression,
				 const char *value, Size len)
{
	static const CfClockRef refs[2] = {UINT64CONST(0xfedcba9876543210), 5};
	CfEnvelope	env = {
		.form = form, .negative = len == 2, .covered = true, .provable = len != 2,
		.lsn = UINT64CONST(0x123456789), .end = UINT64CONST(0x1234567f0),
		.incarnation = UINT64CONST(0x8123456789abcdef), .server = UINT64CONST(7300000000000000000),
		.schema = 11,
		.filled_at = INT64CONST(800000000000000), .expires_at = INT64CONST(800000300000000),
		.ttl = 300000000, .stale_for = 600000000, .load_us = 1500,
		.first_len = len > 20 && form == CF_FORM_JSON ? 19 : 0,
		.nrefs = (int) compression % 3, .refs = refs
	};
	CfEnvelopeOptions options = {.compression = compression, .secret = secret};
	CfEnvelopeEncoded encoded;

	MUST(cf_envelope_encode(&env, value, len, &place, &options, &encoded) == CF_ENVELOPE_OK);
	for (const char *mode = "rcs"; *mode != '\0'; mode++)
	{
		char		file[64];

		snprintf(file, sizeof(file), "%s-%c", name, *mode);
		write_seed(dir, file, *mode, encoded.meta, encoded.meta_len, encoded.stored,
				   encoded.stored_len);
	}
	cf_envelope_free_encoded(&encoded);
}

static void
write_value_seeds(const char *dir)
{
	char		value[601];

	for (int i = 0; i < 600; i += 20)
		snprintf(value + i, 21, "{\"id\":%3d,\"n\":\"abc\"}", i);
	write_value_seed(dir, "plain", CF_FORM_JSON, CF_COMPRESSION_NONE, value, 20);
	write_value_seed(dir, "lz4", CF_FORM_JSON, CF_COMPRESSION_LZ4, value, 600);
	write_value_seed(dir, "zstd", CF_FORM_JSON, CF_COMPRESSION_ZSTD, value, 600);
	write_value_seed(dir, "rows", CF_FORM_ROWS, CF_COMPRESSION_LZ4, value, 600);
	write_value_seed(dir, "value", CF_FORM_VALUE, CF_COMPRESSION_NONE, value, 20);
	write_value_seed(dir, "negative", CF_FORM_JSON, CF_COMPRESSION_NONE, "[]", 2);
}

static void
write_seeds(const char *dir)
{
	static const char keys[] = "# new\n65535 " KEY_A "\n\n 1\t" KEY_B " \r\n";
	char		zeroes[64] = "";
	char		text[1001];

	memset(text, 'a', sizeof(text));
	memset(zeroes + 47, 2, 17);
	write_value_seeds(dir);
	write_seed(dir, "keys", 'k', keys, strlen(keys), "", 0);
	write_seed(dir, "encode-lz4", 'e', zeroes, 64, text, 1001);
	write_seed(dir, "encode-short", 'e', zeroes, 64, "[{}]", 4);
	zeroes[2] = 1;
	zeroes[1] = 100;
	write_seed(dir, "damage", 't', zeroes, 64, text, 998);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char text[] = "7 " KEY_A "\n300 " KEY_B "\n";
	int			line;

	MUST(cf_keyring_parse(text, strlen(text), &ring, &line) == CF_KEYRING_OK);
	secret = cf_keyring_make("abcdefghijklmnopqrstuvwxyzabcdef");
	if (*argc > 1 && strncmp((*argv)[1], "--seeds=", 8) == 0)
	{
		write_seeds((*argv)[1] + 8);
		exit(0);
	}
	return 0;
}
