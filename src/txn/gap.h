/*
 * gap.h - a cache_set that follows a missed cache_get is a fill, and loses
 * against an invalidation that came between.
 *
 * The idea is memcached's at Facebook (Nishtala et al., NSDI 2013, section
 * 3.2.1, a lease), without a token to carry: the session remembers what it missed.
 *
 * src/txn/gap.h
 */
#ifndef CF_TXN_GAP_H
#define CF_TXN_GAP_H

#include "postgres.h"

#include "codec/key.h"

/* No gap: a stamp that no clock exceeds. */
#define CF_NO_GAP PG_UINT64_MAX

/*
 * cache_get missed; the stamp was read before it looked, and before the
 * statement that will read the tables takes its snapshot.
 */
extern void cf_gap_note(const CfKey *key, uint64 stamp);

/* cache_set: the stamp of a gap of the last seconds, or CF_NO_GAP. */
extern uint64 cf_gap_find(const CfKey *key);

/* The session itself has committed an invalidation: it knows what it sets. */
extern void cf_gap_forget(const CfKey *key);
extern void cf_gap_forget_all(void);

#endif							/* CF_TXN_GAP_H */
