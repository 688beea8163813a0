/*
 * secret.h - what hashes are keyed with: see CfHashSecrets in key.h.
 *
 * src/codec/secret.h
 */
#ifndef CF_CODEC_SECRET_H
#define CF_CODEC_SECRET_H

#include "codec/crypto.h"

/* Its segment is to be the first: others may hash as they attach. */
extern void cf_secret_register(void);

/* What signs values in Redis: a ring of one key, which the servers of a cluster share. */
extern const CfKeyring *cf_secret_of_values(void);

/* Signs what servers of a cluster tell each other of a claim: SipHash, by a key for that alone. */
extern void cf_secret_sign_claim(const void *data, Size len, uint64 signature[2]);

#endif							/* CF_CODEC_SECRET_H */
