/*
 * envelope.c - a cached value as it lies in Redis: its meta, and its bytes.
 *
 * Signature and encryption both go over the same text: the lengths of namespace,
 * key and meta, then those three, the meta without its signature. The identity is
 * in the meta, and compared by its bytes. What was encrypted is stored as crypto.h
 * says, which vouches for all of it; values are compressed before. What was not
 * is signed: the nothing that crypto.h seals, with the stored bytes after that text.
 *
 * src/codec/envelope.c
 */
#include "postgres.h"

#include "port/pg_bswap.h"

#include "base/compat.h"
#include "codec/envelope.h"
#include "codec/envelope_internal.h"

/* What signature and encryption bind a value to; room for the value itself, for the former. */
#define NPARTS 4
typedef struct Binding
{
	uint32		lengths[3];		/* network byte order */
	CfCryptoPart parts[NPARTS + 1];
} Binding;

static void
bind_value(Binding *binding, const CfEnvelopePlace *place, const char *meta,
		   Size meta_len)
{
	binding->lengths[0] = pg_hton32(place->ns_len);
	binding->lengths[1] = pg_hton32(place->key_len);
	binding->lengths[2] = pg_hton32((uint32) meta_len);
	binding->parts[0] = (CfCryptoPart) {binding->lengths, sizeof(binding->lengths)};
	binding->parts[1] = (CfCryptoPart) {place->ns, place->ns_len};
	binding->parts[2] = (CfCryptoPart) {place->key, place->key_len};
	binding->parts[3] = (CfCryptoPart) {meta, meta_len};
}

/* ---- encoding ---- */

/*
 * Compresses what is to be stored, if that saves an eighth at least. It never
 * has to succeed: on any trouble the value stays as it is.
 */
static void
compress_stored(CfEnvelope *env, CfEnvelopeEncoded *encoded,
				const CfEnvelopeOptions *options)
{
	Size		len = encoded->stored_len;
	Size		room = len / 8 * 7;
	char	   *smaller;

	env->compression = CF_COMPRESSION_NONE;
	if (options->compression == CF_COMPRESSION_NONE || room == 0 ||
		len < options->compress_min)
		return;
	smaller = palloc_extended(room, MCXT_ALLOC_NO_OOM);
	if (smaller == NULL)
		return;
	len = cf_compress(options->compression, encoded->stored, len, smaller, room);
	if (len == 0)
	{
		pfree(smaller);
		return;
	}
	env->compression = options->compression;
	encoded->stored = encoded->owned = smaller;
	encoded->stored_len = len;
}

static CfEnvelopeStatus
seal_stored(const CfEnvelope *env, CfEnvelopeEncoded *encoded,
			const Binding *binding, const CfKeyring *keyring)
{
	Size		len = encoded->stored_len;
	char	   *sealed;

	sealed = palloc_extended(len + CF_CRYPTO_OVERHEAD, MCXT_ALLOC_NO_OOM);
	if (sealed == NULL)
		return CF_ENVELOPE_NO_MEMORY;
	if (!cf_crypto_seal(keyring, env->key_id, binding->parts, NPARTS,
						encoded->stored, len, sealed))
	{
		pfree(sealed);
		return CF_ENVELOPE_CRYPTO_FAILED;
	}
	if (encoded->owned != NULL)
		pfree(encoded->owned);
	encoded->stored = encoded->owned = sealed;
	encoded->stored_len = len + CF_CRYPTO_OVERHEAD;
	return CF_ENVELOPE_OK;
}

static CfEnvelopeStatus
sign_stored(Binding *binding, const CfEnvelopeEncoded *encoded, const CfKeyring *secret,
			char *signature)
{
	binding->parts[NPARTS] = (CfCryptoPart) {encoded->stored, encoded->stored_len};
	return cf_crypto_seal(secret, cf_keyring_sealing_id(secret), binding->parts, NPARTS + 1,
						  NULL, 0, signature) ? CF_ENVELOPE_OK : CF_ENVELOPE_CRYPTO_FAILED;
}

/* With the value compressed: the meta, then the encryption or the signature. */
static CfEnvelopeStatus
finish_encoding(const CfEnvelope *env, const CfEnvelopePlace *place,
				const CfEnvelopeOptions *options, CfEnvelopeEncoded *encoded)
{
	Size		len = cf_envelope_meta_measure(env);
	Size		bound = len - cf_envelope_signature_len(env);
	Binding		binding;

	encoded->meta = palloc_extended(len, MCXT_ALLOC_NO_OOM);
	if (encoded->meta == NULL)
		return CF_ENVELOPE_NO_MEMORY;
	encoded->meta_len = len;
	cf_envelope_meta_write(env, encoded->meta);
	bind_value(&binding, place, encoded->meta, bound);
	if (env->key_id != 0)
		return seal_stored(env, encoded, &binding, options->keyring);
	return sign_stored(&binding, encoded, options->secret, encoded->meta + bound);
}

CfEnvelopeStatus
cf_envelope_encode(CfEnvelope *env, const char *value, Size len,
				   const CfEnvelopePlace *place,
				   const CfEnvelopeOptions *options, CfEnvelopeEncoded *encoded)
{
	CfEnvelopeStatus status;

	memset(encoded, 0, sizeof(*encoded));
	if (len > CF_ENVELOPE_MAX_VALUE)
		return CF_ENVELOPE_TOO_LARGE;
	if (place->identity_len > CF_ENVELOPE_MAX_IDENTITY)
		return CF_ENVELOPE_BAD_FORMAT;
	env->key_id = cf_keyring_sealing_id(options->keyring);
	/* A ring without keys was meant to encrypt, too. */
	if (env->key_id == 0 && (options->must_encrypt || options->keyring != NULL))
		return CF_ENVELOPE_BAD_KEY;
	env->plain_len = (uint32) len;
	env->identity = place->identity;
	env->identity_len = (uint8) place->identity_len;
	if (!cf_envelope_meta_is_valid(env))
		return CF_ENVELOPE_BAD_FORMAT;

	encoded->stored = value;
	encoded->stored_len = len;
	compress_stored(env, encoded, options);
	status = finish_encoding(env, place, options, encoded);
	if (status != CF_ENVELOPE_OK)
		cf_envelope_free_encoded(encoded);
	return status;
}

void
cf_envelope_free_encoded(CfEnvelopeEncoded *encoded)
{
	if (encoded->meta != NULL)
		pfree(encoded->meta);
	if (encoded->owned != NULL)
		pfree(encoded->owned);
	memset(encoded, 0, sizeof(*encoded));
}

/* ---- decoding a value ---- */

static bool
same_identity(const CfEnvelope *env, const CfEnvelopePlace *place)
{
	return env->identity_len == place->identity_len &&
		(env->identity_len == 0 ||
		 memcmp(env->identity, place->identity, env->identity_len) == 0);
}

static CfEnvelopeStatus
check_encryption(const CfEnvelope *env, const CfEnvelopeOptions *options)
{
	if (env->key_id == 0)
		return options->must_encrypt ? CF_ENVELOPE_BAD_KEY : CF_ENVELOPE_OK;
	return cf_keyring_has(options->keyring, env->key_id) ?
		CF_ENVELOPE_OK : CF_ENVELOPE_BAD_KEY;
}

/* Is a value stored in len bytes, without those of encryption, possible? */
static CfEnvelopeStatus
check_length(const CfEnvelope *env, Size len, Size max_len)
{
	if (env->plain_len > Min(max_len, CF_ENVELOPE_MAX_VALUE))
		return CF_ENVELOPE_TOO_LARGE;
	if (env->compression == CF_COMPRESSION_NONE)
		return len == env->plain_len ? CF_ENVELOPE_OK : CF_ENVELOPE_BAD_FORMAT;
	return len < env->plain_len ? CF_ENVELOPE_OK : CF_ENVELOPE_BAD_COMPRESSION;
}

static CfEnvelopeStatus
status_of(CfCryptoStatus status)
{
	switch (status)
	{
		case CF_CRYPTO_OK:
			return CF_ENVELOPE_OK;
		case CF_CRYPTO_NO_KEY:
			return CF_ENVELOPE_BAD_KEY;
		case CF_CRYPTO_NO_MEMORY:
			return CF_ENVELOPE_NO_MEMORY;
		case CF_CRYPTO_NOT_AUTHENTIC:
			break;
	}
	return CF_ENVELOPE_NOT_AUTHENTIC;
}

static CfEnvelopeStatus
check_signature(const CfEnvelope *env, Binding *binding, const CfKeyring *secret,
				const char *stored, Size len)
{
	char		nothing[1];

	binding->parts[NPARTS] = (CfCryptoPart) {stored, len};
	return status_of(cf_crypto_open(secret, cf_keyring_sealing_id(secret), binding->parts,
									NPARTS + 1, env->meta + env->meta_len - CF_CRYPTO_OVERHEAD,
									CF_CRYPTO_OVERHEAD, nothing));
}

static CfEnvelopeStatus
open_stored(const CfEnvelope *env, const Binding *binding,
			const CfKeyring *keyring, const char *stored, Size len, char *out)
{
	return status_of(cf_crypto_open(keyring, env->key_id, binding->parts, NPARTS,
									stored, len, out));
}

static struct varlena *
alloc_value(Size len)
{
	struct varlena *value = palloc_extended(VARHDRSZ + len, MCXT_ALLOC_NO_OOM);

	if (value != NULL)
		SET_VARSIZE(value, VARHDRSZ + len);
	return value;
}

static CfEnvelopeStatus
decompress_value(const CfEnvelope *env, const char *data, Size len,
				 struct varlena **value)
{
	if (!cf_decompress_plausible(env->compression, data, len, env->plain_len))
		return CF_ENVELOPE_BAD_COMPRESSION;
	*value = alloc_value(env->plain_len);
	if (*value == NULL)
		return CF_ENVELOPE_NO_MEMORY;
	if (!cf_decompress(env->compression, data, len, VARDATA(*value), env->plain_len))
		return CF_ENVELOPE_BAD_COMPRESSION;
	return CF_ENVELOPE_OK;
}

/* Stored as it is, but for encryption: straight to its place. */
static CfEnvelopeStatus
take_plain(const CfEnvelope *env, const Binding *binding, const CfKeyring *keyring,
		   const char *stored, Size len, struct varlena **value)
{
	*value = alloc_value(env->plain_len);
	if (*value == NULL)
		return CF_ENVELOPE_NO_MEMORY;
	if (env->key_id != 0)
		return open_stored(env, binding, keyring, stored, len, VARDATA(*value));
	if (len > 0)
		memcpy(VARDATA(*value), stored, len);
	return CF_ENVELOPE_OK;
}

static CfEnvelopeStatus
take_compressed(const CfEnvelope *env, const Binding *binding,
				const CfKeyring *keyring, const char *stored, Size len,
				struct varlena **value)
{
	CfEnvelopeStatus status;
	char	   *opened;

	if (env->key_id == 0)
		return decompress_value(env, stored, len, value);
	opened = palloc_extended(len - CF_CRYPTO_OVERHEAD, MCXT_ALLOC_NO_OOM);
	if (opened == NULL)
		return CF_ENVELOPE_NO_MEMORY;
	status = open_stored(env, binding, keyring, stored, len, opened);
	if (status == CF_ENVELOPE_OK)
		status = decompress_value(env, opened, len - CF_CRYPTO_OVERHEAD, value);
	pfree(opened);
	return status;
}

/* All that can be checked before memory is taken for the value. */
static CfEnvelopeStatus
check_stored(const CfEnvelope *env, Binding *binding, const char *stored, Size len,
			 const CfEnvelopePlace *place, const CfEnvelopeOptions *options)
{
	Size		overhead = env->key_id != 0 ? CF_CRYPTO_OVERHEAD : 0;
	CfEnvelopeStatus status;

	if (!same_identity(env, place))
		return CF_ENVELOPE_BAD_IDENTITY;
	status = check_encryption(env, options);
	if (status == CF_ENVELOPE_OK && len < overhead)
		status = CF_ENVELOPE_BAD_FORMAT;
	if (status == CF_ENVELOPE_OK)
		status = check_length(env, len - overhead, options->max_len);
	if (status == CF_ENVELOPE_OK && env->key_id == 0)
		status = check_signature(env, binding, options->secret, stored, len);
	return status;
}

CfEnvelopeStatus
cf_envelope_decode_value(const CfEnvelope *env, const char *stored, Size len,
						 const CfEnvelopePlace *place,
						 const CfEnvelopeOptions *options,
						 struct varlena **value)
{
	CfEnvelopeStatus status;
	Binding		binding;

	*value = NULL;
	bind_value(&binding, place, env->meta, env->meta_len - cf_envelope_signature_len(env));
	status = check_stored(env, &binding, stored, len, place, options);
	if (status != CF_ENVELOPE_OK)
		return status;
	if (env->compression == CF_COMPRESSION_NONE)
		status = take_plain(env, &binding, options->keyring, stored, len, value);
	else
		status = take_compressed(env, &binding, options->keyring, stored, len, value);
	if (status != CF_ENVELOPE_OK && *value != NULL)
	{
		pfree(*value);
		*value = NULL;
	}
	return status;
}

const char *
cf_envelope_status_text(CfEnvelopeStatus status)
{
	switch (status)
	{
		case CF_ENVELOPE_OK:
			return "valid";
		case CF_ENVELOPE_NO_MEMORY:
			return "out of memory";
		case CF_ENVELOPE_BAD_FORMAT:
			return "malformed";
		case CF_ENVELOPE_BAD_VERSION:
			return "of another format version";
		case CF_ENVELOPE_BAD_IDENTITY:
			return "of another identity";
		case CF_ENVELOPE_BAD_KEY:
			return "without a usable encryption key";
		case CF_ENVELOPE_NOT_AUTHENTIC:
			return "damaged or not authentic";
		case CF_ENVELOPE_BAD_COMPRESSION:
			return "wrongly compressed";
		case CF_ENVELOPE_TOO_LARGE:
			return "too large";
		case CF_ENVELOPE_UNSUPPORTED:
			return "compressed by a method that this build lacks";
		case CF_ENVELOPE_CRYPTO_FAILED:
			return "neither encrypted nor signed, as OpenSSL failed";
	}
	return "unknown";
}
