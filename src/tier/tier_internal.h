/*
 * tier_internal.h - what the files of tier.c share.
 *
 * src/tier/tier_internal.h
 */
#ifndef CF_TIER_TIER_INTERNAL_H
#define CF_TIER_TIER_INTERNAL_H

#include "postgres.h"

#include "codec/envelope.h"
#include "tier/tier.h"

#define count(request, counter) cf_stats_count((request)->def.stats_slot, (counter))

/*
 * Ends what began when it asked for a lease: there is none, or it has been used
 * or given back.
 */
extern void cf_tier_let_go(CfTier *tier, CfTierState state);

/* Nothing will be filled; those who wait for it need not. */
extern void cf_tier_give_up(CfTier *tier);

/* What is between these two waits for Redis no longer than the read still may. */
extern void cf_tier_begin_step(const CfTier *tier);
extern void cf_tier_end_step(CfTier *tier);

/* Steps 1 to 3 alone, with a tier of its own. *failed: Redis is not there, or not for it. */
extern bool cf_tier_look_without_lease(CfTier *tier, const CfRequest *request, CfTierHit *hit,
									   bool *failed);

/* Prepares steps 2 and 4. False: Redis is not there, or not for this read. */
extern bool cf_tier_find_place(CfTier *tier);

/* Is a lease's token of a server that is not there any more? */
extern bool cf_tier_is_dead(const char *token);

extern void cf_tier_set_place(const CfTier *tier, CfEnvelopePlace *place);

/* False: values must be encrypted, and there is no key. */
extern bool cf_tier_set_options(const CfTier *tier, CfEnvelopeOptions *options);

/*
 * Does what a look found count? False: it is of no use. What is damaged or not ours
 * is counted.
 */
extern bool cf_tier_take_value(CfTier *tier, const CfLook *look, CfTierHit *hit);

#endif							/* CF_TIER_TIER_INTERNAL_H */
