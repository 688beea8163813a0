/*
 * lease.c - the keys that this session lately asked for in vain.
 *
 * A small ring in backend memory: a lease that falls out of it is no lease.
 *
 * src/txn/lease.c
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "base/steady.h"
#include "txn/lease.h"

#define CF_LEASES 64
#define CF_LEASE_MS 10000		/* who sets after that has not filled a miss */

typedef struct Lease
{
	uint64		key_hash;		/* 0: none */
	uint64		stamp;
	TimestampTz taken;
} Lease;

/* A ring: the oldest one gives way. */
static struct
{
	bool		any;			/* false: it is empty */
	int			newest;
	Lease		lease[CF_LEASES];
}			leases;

static Lease *
find_lease(const CfKey *key)
{
	if (!leases.any)
		return NULL;
	for (int i = 0; i < CF_LEASES; i++)
	{
		if (leases.lease[i].key_hash == key->hash)
			return &leases.lease[i];
	}
	return NULL;
}

void
cf_lease_take(const CfKey *key, uint64 stamp)
{
	Lease	   *lease = find_lease(key);

	if (lease == NULL)
	{
		leases.newest = (leases.newest + 1) % CF_LEASES;
		lease = &leases.lease[leases.newest];
	}
	leases.any = true;
	lease->key_hash = key->hash;
	lease->stamp = stamp;
	lease->taken = cf_steady_now();
}

uint64
cf_lease_find(const CfKey *key)
{
	Lease	   *lease = find_lease(key);

	if (lease == NULL ||
		TimestampDifferenceExceeds(lease->taken, cf_steady_now(), CF_LEASE_MS))
		return CF_NO_LEASE;
	return lease->stamp;
}

void
cf_lease_drop(const CfKey *key)
{
	Lease	   *lease = find_lease(key);

	if (lease != NULL)
		lease->key_hash = 0;
}

void
cf_lease_drop_all(void)
{
	if (leases.any)
		MemSet(leases.lease, 0, sizeof(leases.lease));
	leases.any = false;
}
