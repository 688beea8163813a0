/*
 * pull.c - values from Redis that nobody has asked for yet.
 *
 * Locking: none of its own; see l1/table.h.
 *
 * src/tier/pull.c
 */
#include "postgres.h"

#include "access/xlog.h"

#include "base/position.h"
#include "tier/pull.h"
#include "tier/tier_internal.h"

/*
 * Its definition only a database knows; what it is not to exceed was seen to when it was filled.
 * Who asks for max_stale does not get it once it is outdated.
 */
static void
describe(const CfTierPull *pull, CfRequest *request)
{
	MemSet(request, 0, sizeof(*request));
	request->key = pull->key;
	request->id = pull->id;
	request->form = pull->id.form;
	request->def.stats_slot = pull->slot;
	request->def.scope = CF_SCOPE_ROLE;
}

/* True: something may have moved because of it, or for another reason. */
static bool
take(CfTierPull *pull, CfTier *tier, const redisReply *reply)
{
	CfRequest	request;
	CfTierHit	hit;
	CfLook		look;
	CfL1PutStatus status;

	describe(pull, &request);
	tier->request = &request;
	cf_store_variant(&tier->variant, pull->ns, &pull->key, &pull->id);
	pull->found = cf_store_take_look(reply, &look);
	if (!pull->found || !cf_tier_take_value(tier, &look, &hit))
		return false;
	status = cf_l1_put(&pull->key, &pull->id, &hit.value, &hit.meta);
	pull->stored = status == CF_L1_STORED;
	pfree(hit.datum);
	return status == CF_L1_REFUSED;
}

/* In the order of tier.c: first the stamps, then Redis. */
bool
cf_tier_pull(CfTierPull *pulls, int n, int timeout_ms)
{
	CfTier		tier;
	CfL2Status	status;
	bool		refused = false;

	MemSet(&tier, 0, offsetof(CfTier, variant));
	tier.state = CF_TIER_AWAY;
	tier.stamp = cf_clock_stamp();
	tier.replica = RecoveryInProgress();
	tier.replayed = tier.replica ? cf_position_lsn() : 0;
	cf_l2_begin();
	for (int i = 0; i < n; i++)
	{
		pulls[i].found = pulls[i].stored = pulls[i].again = false;
		cf_store_variant(&tier.variant, pulls[i].ns, &pulls[i].key, &pulls[i].id);
		cf_store_add_look(&tier.variant);
	}
	status = cf_l2_run(timeout_ms, true);
	if (status != CF_L2_OK && status != CF_L2_PARTLY)
		return false;
	for (int i = 0; i < n; i++)
		refused |= take(&pulls[i], &tier, cf_l2_reply(i));
	for (int i = 0; i < n; i++)
		pulls[i].again = refused && pulls[i].found && !pulls[i].stored;
	return true;
}
