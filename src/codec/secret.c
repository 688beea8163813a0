/*
 * secret.c - makes the secrets that hashes are keyed with.
 *
 * The one of the cluster comes from the nonce that initdb puts into pg_control
 * for mock authentication: 32 random bytes that a standby has from its primary,
 * and that no SQL shows. A hash of them, not they themselves, is the key.
 *
 * src/codec/secret.c
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_control.h"

#include "codec/key.h"
#include "codec/secret.h"
#include "codec/siphash.h"
#include "guc.h"
#include "shmem.h"

typedef struct CfSharedSecrets
{
	/* Immutable after startup */
	uint64		start;
} CfSharedSecrets;

static Size
secret_shmem_size(void)
{
	return sizeof(CfSharedSecrets);
}

static void
secret_shmem_init(void *memory, LWLockPadded *locks)
{
	CfSharedSecrets *new = memory;

	new->start = cf_guc_hash_seed;
	if (new->start == 0 && !pg_strong_random(&new->start, sizeof(new->start)))
		ereport(FATAL,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate the seed of the cache's hashes")));
}

static void
secret_shmem_attach(void *memory, LWLockPadded *locks)
{
	static const char purpose[] = "cachefront identities";
	const char *nonce = GetMockAuthenticationNonce();
	char		text[MOCK_AUTH_NONCE_LEN + sizeof(purpose)];
	uint64		key[2];
	CfHashSecrets secrets;

	memcpy(key, nonce, sizeof(key));
	memcpy(text, nonce, MOCK_AUTH_NONCE_LEN);
	memcpy(text + MOCK_AUTH_NONCE_LEN, purpose, sizeof(purpose));
	cf_siphash(key, text, sizeof(text), secrets.cluster);
	secrets.start = ((CfSharedSecrets *) memory)->start;
	cf_key_set_secrets(&secrets);
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
