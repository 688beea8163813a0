/*
 * ring.c - with which key that is sealed by which memory gets warm.
 *
 * src/warm/ring.c
 */
#include "postgres.h"

#include "codec/secret.h"
#include "l2/keyring.h"
#include "warm/ring.h"

const CfKeyring *
cf_ring_to_seal(uint32 *key)
{
	const CfKeyring *ring;
	bool		required;

	*key = CF_RING_SECRET;
	if (!cf_keyring_get(&ring, &required))
		return NULL;
	if (!required)
		return cf_secret_of_values();
	*key = cf_keyring_sealing_id(ring);
	return ring;
}

const CfKeyring *
cf_ring_to_open(uint32 key)
{
	const CfKeyring *ring;
	bool		required;

	if (!cf_keyring_get(&ring, &required) || required != (key != CF_RING_SECRET))
		return NULL;
	if (!required)
		return cf_secret_of_values();
	return key <= PG_UINT16_MAX && cf_keyring_has(ring, (uint16) key) ? ring : NULL;
}

uint16
cf_ring_id(const CfKeyring *ring, uint32 key)
{
	return key == CF_RING_SECRET ? cf_keyring_sealing_id(ring) : (uint16) key;
}
