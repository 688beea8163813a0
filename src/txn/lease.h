/*
 * lease.h - a cache_set that follows a missed cache_get is a fill, and loses
 * against an invalidation that came between.
 *
 * The idea is memcached's at Facebook (Nishtala et al., NSDI 2013, section
 * 3.2.1), without a token to carry: the session remembers what it missed.
 *
 * src/txn/lease.h
 */
#ifndef CF_TXN_LEASE_H
#define CF_TXN_LEASE_H

#include "postgres.h"

#include "codec/key.h"

/* No lease: a stamp that no clock exceeds. */
#define CF_NO_LEASE PG_UINT64_MAX

/*
 * cache_get missed; the stamp was read before it looked, and before the
 * statement that will read the tables takes its snapshot.
 */
extern void cf_lease_take(const CfKey *key, uint64 stamp);

/* cache_set: the stamp of a lease of the last seconds, or CF_NO_LEASE. */
extern uint64 cf_lease_find(const CfKey *key);

/* The session itself has committed an invalidation: it knows what it sets. */
extern void cf_lease_drop(const CfKey *key);
extern void cf_lease_drop_all(void);

#endif							/* CF_TXN_LEASE_H */
