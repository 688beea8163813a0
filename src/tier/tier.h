/*
 * tier.h - Redis on the way of a read that L1 cannot answer.
 *
 * The leader of a flight looks there, gets the value or a lease, loads, and
 * fills; it waits for Redis for cachefront.redis_command_timeout in all, and as
 * long again for each further look at another server's lease. Whatever goes
 * wrong with Redis, the read goes on without it: nothing here raises an error
 * but for a cancel.
 *
 * Redis promises nothing. Whatever it gives back, this server judges by its own
 * history of the WAL (history/history.h) whether it is current here.
 *
 * src/tier/tier.h
 */
#ifndef CF_TIER_TIER_H
#define CF_TIER_TIER_H

#include "l2/store.h"
#include "load/loader.h"
#include "request/request.h"
#include "txn/claim.h"

/* Bytes of a value: what goes over a network within cachefront.redis_command_timeout. */
#define CF_TIER_MAX_VALUE (16 * 1024 * 1024)

typedef enum CfTierState
{
	CF_TIER_AWAY,				/* Redis is not there, or not for this read */
	CF_TIER_ASKED,				/* for a lease: it may have got it */
	CF_TIER_LEASED,				/* load, then fill */
	CF_TIER_UNLEASED			/* load; nothing is filled there */
} CfTierState;

/* One read's dealings with Redis. */
typedef struct CfTier
{
	CfTierState state;
	const CfRequest *request;
	CfL2Variant variant;
	CfLease		lease;
	bool		empty;			/* the last look found nothing, not even of no use */
	uint64		stamp;			/* of the clocks, before Redis was asked */
	bool		replica;		/* it was a standby then */
	uint64		replayed;		/* standby: LSN, then */
	bool		ahead;			/* standby: what the last look found is not replayed or read */
	uint64		end;			/* the LSN that it needs, if it is ahead */
	int64		allowance;		/* microseconds that it may still wait for Redis */
	struct CfTier *outer;		/* where it has asked: of the load that this one is inside of */
} CfTier;

/* A value that was found. */
typedef struct CfTierHit
{
	struct varlena *datum;		/* palloc'd: all of it, not a part */
	CfValue		value;			/* its bytes are the datum's */
	CfL1Meta	meta;
} CfTierHit;

/*
 * Looks for a value that was filled after newer_than, and waits until the
 * deadline for another server that loads the same; on a standby for as long again, until
 * then at most, for the replay of what that load has seen.
 * True: here is the value, as fresh as any that a load would give. False: load;
 * then fill or release. May be cancelled.
 */
extern bool cf_tier_look(CfTier *tier, const CfRequest *request, TimestampTz newer_than,
						 TimestampTz deadline, CfTierHit *hit);

/* The load is over: fills, if nothing came between. meta: what it depends on. */
extern void cf_tier_fill(CfTier *tier, const CfLoad *load, const CfL1Meta *meta);

/* It failed, or must not be shared: others may load. Never raises an error. */
extern void cf_tier_release(CfTier *tier);

/* Forgets leases that an error left behind, though none should have. */
extern void cf_tier_reset(void);

/*
 * A value of cache_set, as current as one in memory. No lease: nobody can load it.
 * May be cancelled.
 */
extern bool cf_tier_find_value(const CfKey *key, const CfIdentity *id, const CfDefinition *def,
							   CfTierHit *hit);

/* A claim that this server has given. */
typedef struct CfTierClaim
{
	CfClaimToken token;
	int64		hold_us;
	uint64		lsn;			/* of the server's data, from before its stamp */
	const char *instead;		/* a lease that it takes the place of, or "" */
} CfTierClaim;

/*
 * The claim of such a value, which is this server's, of all servers. GRANTED: lease is the
 * token in Redis, which whoever ends the claim gives back (txn/claim.h), or "" if Redis
 * is not there, and the claim is of this server alone. FILLED: there is a value by now,
 * or (only if patient) one that a standby may use as soon as it has replayed some more.
 * May be cancelled, but not once it has the lease.
 */
extern CfLeaseState cf_tier_claim(const CfKey *key, const CfIdentity *id,
								  const CfDefinition *def, const CfTierClaim *claim,
								  bool patient, char lease[CF_TOKEN_LEN + 1]);

/* The same, of who has it, and wants it for longer. False: it is another's. */
extern bool cf_tier_renew_claim(const CfKey *key, const CfIdentity *id, int64 hold_us,
								const char *lease);

/*
 * Makes the claim of a token this server's, if another of the cluster has given it, and it
 * stands. True: it is here, now or before. May be cancelled.
 */
extern bool cf_tier_adopt_claim(const CfKey *key, const CfIdentity *id,
								const CfClaimToken *token);

/* Has a server that adopted it given it back? What Redis has lost was not. May be cancelled. */
extern bool cf_tier_is_claim_over(const CfKey *key, const CfIdentity *id,
								  const CfClaimToken *token);

/* What memory has of such a value, ready for cf_store_add_put; in CurrentMemoryContext. */
typedef struct CfSealedValue
{
	CfL2Variant variant;
	CfL2Value	stored;
} CfSealedValue;

/*
 * Publisher: the value that the commit at that LSN left. False: memory has none, or
 * that of a later commit; only the variant is set then. Needs no database.
 */
extern bool cf_tier_seal_value(const char *ns, const CfKey *key, const CfIdentity *id,
							   uint64 lsn, CfSealedValue *sealed);

/* Redis is configured, but the breaker has it out of use. */
extern bool cf_tier_is_down(void);

/* Reporting: what Redis has for a request whose identity is known. Palloc'd. */
extern const char *cf_tier_explain(const CfRequest *request);

/* Reporting: why Redis is not used for this database now, or NULL if it is. */
extern const char *cf_tier_obstacle(void);

#endif							/* CF_TIER_TIER_H */
