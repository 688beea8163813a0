/*
 * ring.h - with which key that is sealed by which memory gets warm.
 *
 * src/warm/ring.h
 */
#ifndef CF_WARM_RING_H
#define CF_WARM_RING_H

#include "postgres.h"

#include "codec/crypto.h"

/* Number 0: the secret that pg_control holds, used where no file of keys is named. */
#define CF_RING_SECRET 0

/*
 * To seal: *key becomes the number of the key. NULL: one must be used, and there is none
 * (which is logged).
 */
extern const CfKeyring *cf_ring_to_seal(uint32 *key);

/* To open what was sealed with that key; NULL: it does not count now, or is not there. */
extern const CfKeyring *cf_ring_to_open(uint32 key);

/* What cf_crypto_seal and cf_crypto_open want to know. */
extern uint16 cf_ring_id(const CfKeyring *ring, uint32 key);

#endif							/* CF_WARM_RING_H */
