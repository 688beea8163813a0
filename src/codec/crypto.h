/*
 * crypto.h - AES-256-GCM by OpenSSL, and the ring of keys for it.
 *
 * A sealed value is a random 96-bit nonce, the ciphertext, and a 128-bit tag
 * that vouches for both and for the associated data, which is not stored.
 * Nonces are random, so one key may seal 2^32 values at most (NIST SP 800-38D):
 * at a thousand fills a second that is 49 days; then rotate. To rotate, put a
 * new key before the old one; when no value of the old one is left, drop it.
 *
 * src/codec/crypto.h
 */
#ifndef CF_CODEC_CRYPTO_H
#define CF_CODEC_CRYPTO_H

#include "postgres.h"

#include "base/compat.h"

#define CF_CRYPTO_KEY_BYTES 32
#define CF_CRYPTO_NONCE_BYTES 12
#define CF_CRYPTO_TAG_BYTES 16
#define CF_CRYPTO_OVERHEAD (CF_CRYPTO_NONCE_BYTES + CF_CRYPTO_TAG_BYTES)
#define CF_CRYPTO_MAX_KEYS 64

typedef struct CfKeyring CfKeyring;

typedef enum CfKeyringStatus
{
	CF_KEYRING_OK,
	CF_KEYRING_NO_MEMORY,
	CF_KEYRING_EMPTY,			/* no key in the file */
	CF_KEYRING_BAD_ID,			/* not a number from 1 to 65535 */
	CF_KEYRING_BAD_KEY,			/* not 64 hexadecimal digits */
	CF_KEYRING_TRAILING,		/* something after the key */
	CF_KEYRING_DUPLICATE,		/* the id was there before */
	CF_KEYRING_TOO_MANY			/* more than CF_CRYPTO_MAX_KEYS */
} CfKeyringStatus;

/*
 * Takes the text of a key file apart: a line a key, '<id> <64 hex digits>';
 * blank lines and those that begin with '#' are skipped. The first key seals,
 * all open. The ring is allocated in CurrentMemoryContext. On failure *line is
 * the number of the line, or of the last one where no line is to blame. The
 * caller wipes the text.
 */
extern pg_nodiscard CfKeyringStatus cf_keyring_parse(const char *text, Size len,
													 CfKeyring **ring, int *line);

/* A ring of one key, of CF_CRYPTO_KEY_BYTES bytes, in CurrentMemoryContext; NULL: no memory. */
extern CfKeyring *cf_keyring_make(const void *bytes);

/* Wipes the keys first. NULL is a ring without keys. */
extern void cf_keyring_free(CfKeyring *ring);

/* The id of the key that seals, or 0. */
extern uint16 cf_keyring_sealing_id(const CfKeyring *ring);

extern bool cf_keyring_has(const CfKeyring *ring, uint16 id);

/* A piece of the associated data. Borders between pieces do not count. */
typedef struct CfCryptoPart
{
	const void *data;
	Size		len;
} CfCryptoPart;

/*
 * Seals len plain bytes (at most PG_INT32_MAX / 2) into out, which has room for
 * CF_CRYPTO_OVERHEAD more. False, with nothing of use in out, if the ring lacks
 * the key or OpenSSL fails: it has neither memory nor randomness.
 */
extern pg_nodiscard bool cf_crypto_seal(const CfKeyring *ring, uint16 id,
										const CfCryptoPart *parts, int nparts,
										const char *plain, Size len, char *out);

typedef enum CfCryptoStatus
{
	CF_CRYPTO_OK,
	CF_CRYPTO_NO_KEY,
	CF_CRYPTO_NO_MEMORY,
	CF_CRYPTO_NOT_AUTHENTIC		/* another key, other data, or not what was sealed */
} CfCryptoStatus;

/*
 * Opens a sealed value into out, which has room for CF_CRYPTO_OVERHEAD bytes
 * less. Unless it returns OK nothing of the value is left there.
 */
extern pg_nodiscard CfCryptoStatus cf_crypto_open(const CfKeyring *ring, uint16 id,
												  const CfCryptoPart *parts, int nparts,
												  const char *sealed, Size len, char *out);

#endif							/* CF_CODEC_CRYPTO_H */
