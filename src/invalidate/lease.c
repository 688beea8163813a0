/*
 * lease.c - the keys that this session lately asked for in vain.
 *
 * A small ring in backend memory: a lease that falls out of it is no lease.
 *
 * src/invalidate/lease.c
 */
#include "postgres.h"

#include "invalidate/lease.h"

#define CF_LEASES 64

typedef struct Lease
{
	uint64		key_hash;		/* 0: none */
	uint64		stamp;
} Lease;

static Lease leases[CF_LEASES];
static int	newest = 0;
static bool any = false;		/* false: the ring is empty */

static Lease *
find_lease(const CfKey *key)
{
	if (!any)
		return NULL;
	for (int i = 0; i < CF_LEASES; i++)
	{
		if (leases[i].key_hash == key->hash)
			return &leases[i];
	}
	return NULL;
}

void
cf_lease_take(const CfKey *key, uint64 stamp)
{
	Lease	   *lease = find_lease(key);

	if (lease == NULL)
	{
		newest = (newest + 1) % CF_LEASES;
		lease = &leases[newest];
	}
	any = true;
	lease->key_hash = key->hash;
	lease->stamp = stamp;
}

uint64
cf_lease_use(const CfKey *key)
{
	Lease	   *lease = find_lease(key);

	if (lease == NULL)
		return CF_NO_LEASE;
	lease->key_hash = 0;
	return lease->stamp;
}

void
cf_lease_drop(const CfKey *key)
{
	(void) cf_lease_use(key);
}

void
cf_lease_drop_all(void)
{
	if (any)
		MemSet(leases, 0, sizeof(leases));
	any = false;
}
