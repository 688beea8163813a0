/*
 * tier_claim.c - a claim (txn/claim.h) over all servers that share a Redis.
 *
 * Of each server the one session that has the claim there asks for the lease of
 * the value's variant, which loads of queries have for theirs; the others of its server
 * wait for it. As with loads it is for economy only: whether a value counts, each
 * server judges by itself. Where Redis does not answer, the claim is of this server.
 *
 * The lease ends with the value, which the publisher stores; or the session that ends
 * the claim gives it back.
 *
 * src/tier/tier_claim.c
 */
#include "postgres.h"

#include "base/guc.h"
#include "history/line.h"
#include "tier/tier_internal.h"

/* Not to be cancelled in its middle: the lease might be ours, and nobody know of it. */
static CfL2Status
ask(CfTier *tier, int64 hold_us, const char *dead)
{
	CfLeaseTerms terms = {
		.ms = hold_us / 1000 + 1,
		.longest_ms = hold_us / 1000 + 1,
		.incarnation = cf_line_mine(),
		.dead = dead,
		.empty = tier->empty,
		.interruptible = false,
	};

	return cf_store_lease(&tier->variant, &terms, &tier->lease);
}

/* A lease of a server that is gone nobody gives back. */
static CfL2Status
ask_twice(CfTier *tier, int64 hold_us, const char *dead)
{
	CfL2Status	status = ask(tier, hold_us, dead);
	char		holder[CF_TOKEN_LEN + 1];

	if (status != CF_L2_OK || tier->lease.state != CF_LEASE_OTHER ||
		!cf_tier_is_dead(tier->lease.holder))
		return status;
	strlcpy(holder, tier->lease.holder, sizeof(holder));
	return ask(tier, hold_us, holder);
}

CfLeaseState
cf_tier_claim(const CfKey *key, const CfIdentity *id, const CfDefinition *def, int64 hold_us,
			  const char *dead, bool patient, char lease[CF_TOKEN_LEN + 1])
{
	CfRequest	request = {.key = *key, .id = *id, .def = *def, .form = CF_FORM_VALUE};
	CfTier		tier;
	CfTierHit	hit;
	bool		failed;
	CfLeaseState state = CF_LEASE_GRANTED;

	lease[0] = '\0';
	if (cf_tier_look_without_lease(&tier, &request, &hit, &failed))
		return CF_LEASE_FILLED;
	if (failed)
		return CF_LEASE_GRANTED;
	if (patient && tier.ahead)
		return CF_LEASE_FILLED;
	cf_l2_allow((int64) cf_guc_redis_command_timeout * 1000);
	if (ask_twice(&tier, hold_us, dead) == CF_L2_OK)
		state = tier.lease.state;
	(void) cf_l2_end_allowance();
	switch (state)
	{
		case CF_LEASE_GRANTED:
			strlcpy(lease, tier.lease.token, CF_TOKEN_LEN + 1);
			break;
		case CF_LEASE_FILLED:	/* a moment ago: look again */
			state = CF_LEASE_OTHER;
			break;
		case CF_LEASE_REFUSED:
			state = CF_LEASE_GRANTED;
			break;
		case CF_LEASE_OTHER:
			break;
	}
	return state;
}

bool
cf_tier_renew_claim(const CfKey *key, const CfIdentity *id, int64 hold_us,
					char lease[CF_TOKEN_LEN + 1])
{
	CfRequest	request = {.key = *key, .id = *id, .form = CF_FORM_VALUE};
	CfTier		tier;
	CfL2Status	status;

	MemSet(&tier, 0, offsetof(CfTier, variant));
	tier.request = &request;
	if (lease[0] == '\0' || !cf_tier_find_place(&tier))
		return true;
	cf_l2_allow((int64) cf_guc_redis_command_timeout * 1000);
	status = ask(&tier, hold_us, lease);
	(void) cf_l2_end_allowance();
	if (status != CF_L2_OK)
		return true;
	if (tier.lease.state == CF_LEASE_GRANTED)
		strlcpy(lease, tier.lease.token, CF_TOKEN_LEN + 1);
	return tier.lease.state != CF_LEASE_OTHER;
}
