/*
 * policy.h - when the cache must stay out of the way, and how long values live.
 *
 * src/engine/policy.h
 */
#ifndef CF_ENGINE_POLICY_H
#define CF_ENGINE_POLICY_H

#include "request/request.h"

/* Why a fetch runs its query and leaves no trace. In the order of the counters. */
typedef enum CfBypass
{
	CF_BYPASS_NONE,
	CF_BYPASS_DISABLED,
	CF_BYPASS_SERIALIZABLE,
	CF_BYPASS_REPEATABLE_READ,
	CF_BYPASS_OWN_WRITES,
	CF_BYPASS_ROW_SECURITY,
	CF_BYPASS_TEMPORARY,
	CF_BYPASS_SETTING,
	CF_BYPASS_SESSION,
	CF_BYPASS_RIGHTS
} CfBypass;

extern void cf_policy_register(void);

/*
 * What the invalidation side knows of the running transaction: whether it
 * holds writes to the cache; and whether to what a clock stands for, once it
 * has collected what has been written so far. Set once, at start.
 */
extern void cf_policy_set_own_writes(bool (*any) (void), void (*collect) (void),
									 bool (*touches) (CfClockRef ref));

extern CfBypass cf_policy_bypass(const CfRequest *request);
extern bool cf_policy_has_written(void);

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

/* The xmin of the transaction's snapshot, made 64 bits wide. */
extern FullTransactionId cf_policy_snapshot_xmin(void);
extern void cf_policy_count(const CfRequest *request, CfBypass bypass);
extern const char *cf_policy_reason(CfBypass bypass);

/*
 * For how long after it was filled (us) the caller, whom nothing keeps out of the
 * cache, may have what changed rows have outdated. Inside of a load not at all:
 * its result would be as old, and others would get it.
 */
extern int64 cf_policy_max_stale(const CfRequest *request);

/* Time to live in us for a value of so many rows, shortened by jitter. */
extern int64 cf_policy_ttl(const CfDefinition *def, int64 ttl, bool negative);

#endif							/* CF_ENGINE_POLICY_H */
