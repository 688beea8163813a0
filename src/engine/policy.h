/*
 * policy.h - when the cache must stay out of the way, and how long values live.
 *
 * src/engine/policy.h
 */
#ifndef CF_ENGINE_POLICY_H
#define CF_ENGINE_POLICY_H

#include "utils/snapshot.h"

#include "request/bypass.h"
#include "request/request.h"

extern void cf_policy_register(void);

extern CfBypass cf_policy_bypass(const CfRequest *request);
extern bool cf_policy_has_written(void);

/*
 * Are rows changed that our triggers have not seen yet? Also in a trigger, be it deferred to
 * the end of the transaction.
 */
extern bool cf_policy_is_writing(void);

/*
 * What an entry must satisfy for the own writes of the transaction, in proof->own; NULL: it has
 * none. False: no entry does.
 */
extern bool cf_policy_prove_own(CfL1Proof *proof);


/*
 * To which settings is a query bound as far as its plan tells? Remembered by
 * the session: a load finds out what the plan has hidden, or what has changed.
 * Raises the query's own errors.
 */
extern CfBinding cf_policy_planned_binding(const CfRequest *request);

/*
 * May this role run the query itself? Raises the query's own error if it may
 * not. The answer is kept until the next DDL or change of rights.
 */
extern bool cf_policy_has_rights(const CfRequest *request);

/* Scope 'shared': may this role have what others have filled? As above. */
static inline bool
cf_policy_may_share(const CfRequest *request)
{
	return request->def.scope != CF_SCOPE_SHARED || cf_policy_has_rights(request);
}

/*
 * For REPEATABLE READ, and for a transaction that has written: what an entry
 * must satisfy to be used all the same. False: none may.
 */
extern bool cf_policy_proof(const CfRequest *request, CfBypass bypass, CfL1Proof *proof);

/*
 * Do the clocks tell what precedes an old snapshot? They know nothing of what a standby has
 * replayed, neither there nor once it is promoted: not of a snapshot that was taken in recovery.
 */
extern bool cf_policy_can_prove(Snapshot snapshot);

extern void cf_policy_count(const CfRequest *request, CfBypass bypass);
extern const char *cf_policy_reason(CfBypass bypass);

/*
 * For how long after it was filled (us) the caller, whom nothing keeps out of the
 * cache, may have what changed rows have outdated. Inside of a load not at all:
 * its result would be as old, and others would get it.
 */
extern int64 cf_policy_max_stale(const CfRequest *request);

/* Is it this caller's turn to load what he has hit, before its time is over (xfetch.h)? */
extern bool cf_policy_refresh_is_due(const CfDefinition *def, const CfL1Result *hit,
									 TimestampTz now);

/* Time to live in us for a value of so many rows, shortened by jitter. */
extern int64 cf_policy_ttl(const CfDefinition *def, int64 ttl, bool negative);

#endif							/* CF_ENGINE_POLICY_H */
