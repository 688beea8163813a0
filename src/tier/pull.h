/*
 * pull.h - values from Redis that nobody has asked for yet.
 *
 * As in a read of one (tier.h), but many in one pipeline, without a lease and without a
 * database: what is not there, or does not count here, is left out. Each is judged as any other.
 *
 * src/tier/pull.h
 */
#ifndef CF_TIER_PULL_H
#define CF_TIER_PULL_H

#include "tier/tier.h"

/* One value, and where it lies. All in the caller's memory. */
typedef struct CfTierPull
{
	CfKey		key;
	CfIdentity	id;
	CfStatsSlot slot;
	const char *ns;
	bool		found;			/* something is there */
	bool		stored;			/* it is in memory now */
	bool		again;			/* it might be with another pull: one of them was the first
								 * that depends on a table, which outdates what was read before */
} CfTierPull;

/*
 * Pulls so many into memory. False: Redis could not be asked, or one is larger than is
 * taken (cf_l2_was_too_large). May be cancelled.
 */
extern bool cf_tier_pull(CfTierPull *pulls, int n, int timeout_ms);

#endif							/* CF_TIER_PULL_H */
