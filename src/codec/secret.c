/*
 * secret.c - makes the secrets that hashes are keyed with.
 *
 * They come from the nonce that initdb puts into pg_control for mock
 * authentication: 32 random bytes that a standby has from its primary, and that
 * no SQL shows. Hashes of them, not they themselves, are the keys.
 *
 * src/codec/secret.c
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_control.h"
#include "utils/memutils.h"

#include "base/guc.h"
#include "base/shmem.h"
#include "codec/key.h"
#include "codec/secret.h"
#include "codec/siphash.h"

static CfKeyring *values_secret = NULL;
static uint64 claims_secret[2];

/* Sixteen bytes that the nonce gives for a purpose. */
static void
derive(const char *purpose, uint64 secret[2])
{
	const char *nonce = GetMockAuthenticationNonce();
	char		text[MOCK_AUTH_NONCE_LEN + 32] = {0};
	uint64		key[2];

	memcpy(key, nonce, sizeof(key));
	memcpy(text, nonce, MOCK_AUTH_NONCE_LEN);
	strlcpy(text + MOCK_AUTH_NONCE_LEN, purpose, sizeof(text) - MOCK_AUTH_NONCE_LEN);
	cf_siphash(key, text, MOCK_AUTH_NONCE_LEN + strlen(purpose) + 1, secret);
}

static Size
secret_shmem_size(void)
{
	return 1;
}

static void
secret_shmem_init(void *memory, LWLockPadded *locks)
{
}

static void
secret_shmem_attach(void *memory, LWLockPadded *locks)
{
	CfHashSecrets secrets;
	uint64		names[2];
	uint64		values[4];
	MemoryContext old;

	StaticAssertStmt(sizeof(values) == CF_CRYPTO_KEY_BYTES, "it is a key");
	derive("cachefront identities", secrets.identities);
	derive("cachefront names", names);
	secrets.names = cf_guc_hash_seed != 0 ? (uint64) cf_guc_hash_seed : names[0];
	cf_key_set_secrets(&secrets);

	derive("cachefront claims", claims_secret);

	if (values_secret != NULL)
		return;
	derive("cachefront values", values);
	derive("cachefront values, second half", values + 2);
	old = MemoryContextSwitchTo(TopMemoryContext);
	values_secret = cf_keyring_make(values);
	MemoryContextSwitchTo(old);
}

const CfKeyring *
cf_secret_of_values(void)
{
	return values_secret;
}

void
cf_secret_sign_claim(const void *data, Size len, uint64 signature[2])
{
	cf_siphash(claims_secret, data, len, signature);
}

void
cf_secret_register(void)
{
	static const CfShmemSegment segment = {
		.name = "cachefront_secrets",
		.nlocks = 0,
		.size = secret_shmem_size,
		.init = secret_shmem_init,
		.attach = secret_shmem_attach,
	};

	cf_shmem_register(&segment);
}
