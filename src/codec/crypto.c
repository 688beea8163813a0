/*
 * crypto.c - AES-256-GCM by OpenSSL, and the ring of keys for it.
 *
 * OpenSSL's queue of errors belongs to the whole process, and the server's own
 * TLS reads it: so whoever fails here empties it.
 *
 * src/codec/crypto.c
 */
#include "postgres.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "codec/crypto.h"

typedef struct CryptoKey
{
	uint16		id;
	unsigned char bytes[CF_CRYPTO_KEY_BYTES];
} CryptoKey;

struct CfKeyring
{
	int			nkeys;
	CryptoKey	keys[CF_CRYPTO_MAX_KEYS];
};

/* ---- the ring ---- */

static const CryptoKey *
find_key(const CfKeyring *ring, uint16 id)
{
	for (int i = 0; ring != NULL && i < ring->nkeys; i++)
	{
		if (ring->keys[i].id == id)
			return &ring->keys[i];
	}
	return NULL;
}

bool
cf_keyring_has(const CfKeyring *ring, uint16 id)
{
	return find_key(ring, id) != NULL;
}

uint16
cf_keyring_sealing_id(const CfKeyring *ring)
{
	return ring != NULL && ring->nkeys > 0 ? ring->keys[0].id : 0;
}

CfKeyring *
cf_keyring_make(const void *bytes)
{
	CfKeyring  *ring = palloc_extended(sizeof(CfKeyring), MCXT_ALLOC_NO_OOM | MCXT_ALLOC_ZERO);

	if (ring == NULL)
		return NULL;
	ring->nkeys = 1;
	ring->keys[0].id = 1;
	memcpy(ring->keys[0].bytes, bytes, CF_CRYPTO_KEY_BYTES);
	return ring;
}

void
cf_keyring_free(CfKeyring *ring)
{
	if (ring == NULL)
		return;
	explicit_bzero(ring, sizeof(*ring));
	pfree(ring);
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static const char *
skip_blanks(const char *at, const char *end)
{
	while (at < end && is_blank(*at))
		at++;
	return at;
}

/* Moves *at past a decimal id; 0 if there is none of the allowed ones. */
static uint16
parse_id(const char **at, const char *end)
{
	uint32		id = 0;

	while (*at < end && **at >= '0' && **at <= '9' && id <= PG_UINT16_MAX)
		id = id * 10 + (*(*at)++ - '0');
	if (id > PG_UINT16_MAX || *at == end || !is_blank(**at))
		return 0;
	return (uint16) id;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Moves *at past the digits of a key. */
static bool
parse_key_bytes(const char **at, const char *end, unsigned char *bytes)
{
	if (end - *at < 2 * CF_CRYPTO_KEY_BYTES)
		return false;
	for (int i = 0; i < CF_CRYPTO_KEY_BYTES; i++, *at += 2)
	{
		int			high = hex_digit((*at)[0]);
		int			low = hex_digit((*at)[1]);

		if (high < 0 || low < 0)
			return false;
		bytes[i] = (unsigned char) (high << 4 | low);
	}
	return *at == end || hex_digit(**at) < 0;
}

static CfKeyringStatus
parse_line(CfKeyring *ring, const char *at, const char *end)
{
	CryptoKey  *key;
	uint16		id;

	at = skip_blanks(at, end);
	if (at == end || *at == '#')
		return CF_KEYRING_OK;
	id = parse_id(&at, end);
	if (id == 0)
		return CF_KEYRING_BAD_ID;
	if (cf_keyring_has(ring, id))
		return CF_KEYRING_DUPLICATE;
	if (ring->nkeys == CF_CRYPTO_MAX_KEYS)
		return CF_KEYRING_TOO_MANY;

	key = &ring->keys[ring->nkeys];
	at = skip_blanks(at, end);
	if (!parse_key_bytes(&at, end, key->bytes))
		return CF_KEYRING_BAD_KEY;
	if (skip_blanks(at, end) != end)
		return CF_KEYRING_TRAILING;
	key->id = id;
	ring->nkeys++;
	return CF_KEYRING_OK;
}

static CfKeyringStatus
parse_lines(CfKeyring *ring, const char *text, Size len, int *line)
{
	const char *end = text + len;

	*line = 0;
	while (text < end)
	{
		const char *newline = memchr(text, '\n', end - text);
		const char *stop = newline != NULL ? newline : end;
		CfKeyringStatus status;

		(*line)++;
		status = parse_line(ring, text, stop);
		if (status != CF_KEYRING_OK)
			return status;
		text = newline != NULL ? newline + 1 : end;
	}
	return ring->nkeys > 0 ? CF_KEYRING_OK : CF_KEYRING_EMPTY;
}

CfKeyringStatus
cf_keyring_parse(const char *text, Size len, CfKeyring **ring, int *line)
{
	CfKeyringStatus status;

	*line = 0;
	*ring = palloc_extended(sizeof(CfKeyring), MCXT_ALLOC_NO_OOM | MCXT_ALLOC_ZERO);
	if (*ring == NULL)
		return CF_KEYRING_NO_MEMORY;
	status = parse_lines(*ring, text, len, line);
	if (status != CF_KEYRING_OK)
	{
		cf_keyring_free(*ring);
		*ring = NULL;
	}
	return status;
}

/* ---- sealing and opening ---- */

/*
 * One for the process: to make one, and to look the cipher up, takes longer than
 * to sign a short value. NULL: no memory.
 */
static EVP_CIPHER_CTX *
cipher_context(void)
{
	static EVP_CIPHER_CTX *ctx = NULL;
	EVP_CIPHER_CTX *new;

	if (ctx != NULL)
		return ctx;
	new = EVP_CIPHER_CTX_new();
	if (new != NULL && EVP_CipherInit_ex(new, EVP_aes_256_gcm(), NULL, NULL, NULL, 1))
		ctx = new;
	else
		EVP_CIPHER_CTX_free(new);
	return ctx;
}

/* What a value is sealed or opened with, but for the value. */
typedef struct Cipher
{
	EVP_CIPHER_CTX *ctx;
	const CryptoKey *key;
	const unsigned char *nonce;
	const CfCryptoPart *parts;	/* associated data */
	int			nparts;
} Cipher;

/* Key and nonce, and the associated data. */
static bool
begin_cipher(const Cipher *cipher, bool seal)
{
	int			done;

	if (!EVP_CipherInit_ex(cipher->ctx, NULL, NULL, cipher->key->bytes, cipher->nonce, seal))
		return false;
	for (int i = 0; i < cipher->nparts; i++)
	{
		const CfCryptoPart *part = &cipher->parts[i];

		if (part->len > 0 &&
			!EVP_CipherUpdate(cipher->ctx, NULL, &done, part->data, (int) part->len))
			return false;
	}
	return true;
}

/* GCM's output is as long as its input. With nothing to work on, an update is but trouble. */
static bool
run_cipher(const Cipher *cipher, const char *in, Size len, char *out)
{
	int			done;

	return len == 0 ||
		(EVP_CipherUpdate(cipher->ctx, (unsigned char *) out, &done,
						  (const unsigned char *) in, (int) len) &&
		 (Size) done == len);
}

static bool
finish_cipher(const Cipher *cipher)
{
	unsigned char none[EVP_MAX_BLOCK_LENGTH];
	int			done;

	return EVP_CipherFinal_ex(cipher->ctx, none, &done) && done == 0;
}

bool
cf_crypto_seal(const CfKeyring *ring, uint16 id, const CfCryptoPart *parts,
			   int nparts, const char *plain, Size len, char *out)
{
	unsigned char *nonce = (unsigned char *) out;
	char	   *sealed = out + CF_CRYPTO_NONCE_BYTES;
	Cipher		cipher = {NULL, find_key(ring, id), nonce, parts, nparts};
	bool		done;

	Assert(len <= PG_INT32_MAX / 2);
	if (cipher.key == NULL)
		return false;
	cipher.ctx = cipher_context();
	done = cipher.ctx != NULL &&
		RAND_bytes(nonce, CF_CRYPTO_NONCE_BYTES) == 1 &&
		begin_cipher(&cipher, true) && run_cipher(&cipher, plain, len, sealed) &&
		finish_cipher(&cipher) &&
		EVP_CIPHER_CTX_ctrl(cipher.ctx, EVP_CTRL_GCM_GET_TAG, CF_CRYPTO_TAG_BYTES,
							sealed + len);
	if (!done)
		ERR_clear_error();
	return done;
}

CfCryptoStatus
cf_crypto_open(const CfKeyring *ring, uint16 id, const CfCryptoPart *parts,
			   int nparts, const char *sealed, Size len, char *out)
{
	Cipher		cipher = {NULL, find_key(ring, id), (const unsigned char *) sealed, parts, nparts};
	unsigned char tag[CF_CRYPTO_TAG_BYTES];
	bool		done;

	Assert(len <= PG_INT32_MAX / 2);
	if (cipher.key == NULL)
		return CF_CRYPTO_NO_KEY;
	if (len < CF_CRYPTO_OVERHEAD)
		return CF_CRYPTO_NOT_AUTHENTIC;
	cipher.ctx = cipher_context();
	if (cipher.ctx == NULL)
	{
		ERR_clear_error();
		return CF_CRYPTO_NO_MEMORY;
	}
	len -= CF_CRYPTO_OVERHEAD;
	sealed += CF_CRYPTO_NONCE_BYTES;
	memcpy(tag, sealed + len, sizeof(tag));
	done = begin_cipher(&cipher, false) && run_cipher(&cipher, sealed, len, out) &&
		EVP_CIPHER_CTX_ctrl(cipher.ctx, EVP_CTRL_GCM_SET_TAG, sizeof(tag), tag) &&
		finish_cipher(&cipher);
	if (!done)
	{
		/* GCM deciphers before it knows whether it may. */
		memset(out, 0, len);
		ERR_clear_error();
	}
	return done ? CF_CRYPTO_OK : CF_CRYPTO_NOT_AUTHENTIC;
}
