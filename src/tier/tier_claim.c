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
 * Beside the lease the server says of what data the claim is (claim_token.c). So whoever has
 * the token may come to any server of the cluster: it adopts the claim, unless it has one
 * of its own for the key. What Redis says of a claim is proven, but may be old. That does no
 * harm: whether the value counts the server that stores it judges by its own history, from
 * the claim's LSN on.
 *
 * src/tier/tier_claim.c
 */
#include "postgres.h"

#include "access/xlog.h"

#include "base/debug_point.h"
#include "base/guc.h"
#include "history/line.h"
#include "tier/tier_internal.h"

#define CF_CLAIM_MAX_MS (INT64CONST(3600) * 1000)

/* Not to be cancelled in its middle: the lease might be ours, and nobody know of it. */
static CfL2Status
ask(CfTier *tier, int64 hold_us, const char *dead, const char *said)
{
	CfLeaseTerms terms = {
		.ms = hold_us / 1000 + 1,
		.longest_ms = hold_us / 1000 + 1,
		.incarnation = cf_line_mine(),
		.instead = dead,
		.empty = tier->empty,
		.claim = said,
	};

	return cf_store_lease(&tier->variant, &terms, &tier->lease);
}

/* Of its own: the token stays, for other servers may have adopted the claim. */
static CfL2Status
ask_again(CfTier *tier, int64 hold_us, const char *lease)
{
	CfLeaseTerms terms = {
		.ms = hold_us / 1000 + 1,
		.longest_ms = hold_us / 1000 + 1,
		.instead = lease,
		.keep = true,
	};

	return cf_store_lease(&tier->variant, &terms, &tier->lease);
}

/* A lease of a server that is gone nobody gives back. */
static CfL2Status
ask_twice(CfTier *tier, int64 hold_us, const char *dead, const char *said)
{
	CfL2Status	status = ask(tier, hold_us, dead, said);
	char		holder[CF_TOKEN_LEN + 1];

	if (status != CF_L2_OK || tier->lease.state != CF_LEASE_OTHER ||
		!cf_tier_is_dead(tier->lease.holder))
		return status;
	strlcpy(holder, tier->lease.holder, sizeof(holder));
	return ask(tier, hold_us, holder, said);
}

/* NULL: it is not known of what data this server's are. */
static const char *
say_given(const CfKey *key, const CfIdentity *id, const CfClaimToken *token, uint64 lsn,
		  char *text)
{
	CfClaimOrigin origin = {.lsn = lsn};
	CfHash128	name;

	origin.incarnation = RecoveryInProgress() ? cf_line_at(lsn) : cf_line_mine();
	if (origin.incarnation == 0)
		return NULL;
	cf_claim_name(key, id, &name);
	cf_claim_print_given(&name, token, &origin, text);
	return text;
}

CfLeaseState
cf_tier_claim(const CfKey *key, const CfIdentity *id, const CfDefinition *def,
			  const CfTierClaim *claim, bool patient, char lease[CF_TOKEN_LEN + 1])
{
	CfRequest	request = {.key = *key, .id = *id, .def = *def, .form = CF_FORM_VALUE};
	CfTier		tier;
	CfTierHit	hit;
	bool		failed;
	CfLeaseState state = CF_LEASE_GRANTED;
	char		text[CF_STORE_CLAIM_MAX];
	const char *said = say_given(key, id, &claim->token, claim->lsn, text);

	lease[0] = '\0';
	if (cf_tier_look_without_lease(&tier, &request, &hit, &failed))
		return CF_LEASE_FILLED;
	if (failed)
		return CF_LEASE_GRANTED;
	if (patient && tier.ahead)
		return CF_LEASE_FILLED;
	cf_l2_allow((int64) cf_guc_redis_command_timeout * 1000);
	if (ask_twice(&tier, claim->hold_us, claim->instead, said) == CF_L2_OK)
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
cf_tier_renew_claim(const CfKey *key, const CfIdentity *id, int64 hold_us, const char *lease)
{
	CfRequest	request = {.key = *key, .id = *id, .form = CF_FORM_VALUE};
	CfTier		tier;
	CfL2Status	status;

	MemSet(&tier, 0, offsetof(CfTier, variant));
	tier.request = &request;
	if (lease[0] == '\0' || !cf_tier_find_place(&tier))
		return true;
	cf_l2_allow((int64) cf_guc_redis_command_timeout * 1000);
	status = ask_again(&tier, hold_us, lease);
	(void) cf_l2_end_allowance();
	return status != CF_L2_OK || tier.lease.state != CF_LEASE_OTHER;
}

/* ---- claims of other servers ---- */

static bool
look_at_claim(const CfKey *key, const CfIdentity *id, CfClaimLook *look)
{
	CfRequest	request = {.key = *key, .id = *id, .form = CF_FORM_VALUE};
	CfTier		tier;
	CfL2Status	status;

	MemSet(&tier, 0, offsetof(CfTier, variant));
	tier.request = &request;
	if (!cf_tier_find_place(&tier))
		return false;
	cf_l2_allow((int64) cf_guc_redis_command_timeout * 1000);
	status = cf_store_look_at_claim(&tier.variant, look, true);
	(void) cf_l2_end_allowance();
	return status == CF_L2_OK;
}

/*
 * A server that writes takes only what was made of its own data, as far as they go: what a
 * standby of another, or of it before its last start, has shown may be none of them.
 */
static bool
is_of_our_data(const CfClaimOrigin *origin)
{
	if (RecoveryInProgress())
		return cf_line_admits(origin->incarnation, origin->lsn);
	return origin->incarnation == cf_line_mine() && origin->incarnation != 0;
}

bool
cf_tier_adopt_claim(const CfKey *key, const CfIdentity *id, const CfClaimToken *token)
{
	CfHash128	name;
	CfClaimLook look;
	CfClaimOrigin origin;
	uint64		stamp = cf_clock_stamp();
	TimestampTz now = cf_now();

	cf_claim_name(key, id, &name);
	if (cf_claim_is_here(&name, token))
		return true;
	if (!look_at_claim(key, id, &look) || look.lease[0] == '\0' ||
		!cf_claim_parse_given(&name, token, look.claim, &origin) || !is_of_our_data(&origin))
		return false;
	return cf_claim_adopt(&name, token, now + Min(look.left_ms, CF_CLAIM_MAX_MS) * 1000,
						  stamp, origin.lsn, look.lease);
}

bool
cf_tier_is_claim_over(const CfKey *key, const CfIdentity *id, const CfClaimToken *token)
{
	CfHash128	name;
	CfClaimLook look;

	cf_claim_name(key, id, &name);
	return look_at_claim(key, id, &look) && cf_claim_is_ended(&name, token, look.claim);
}
