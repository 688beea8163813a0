/*
 * keyvalue.h - what the key/value functions share.
 *
 * src/api/keyvalue.h
 */
#ifndef CF_API_KEYVALUE_H
#define CF_API_KEYVALUE_H

#include "postgres.h"

#include "codec/key.h"
#include "rules/define.h"
#include "txn/claim.h"

/* Raises an error where the cache must not be changed, or is not there. */
extern void cf_keyvalue_require_write(void);

/*
 * The value that cache_set left, as this transaction sees it, or NULL. ask_redis: look there
 * too, if memory has none. stale, if not NULL: then one that is past its time to live but
 * may still be served, else NULL. May be cancelled.
 */
extern text *cf_keyvalue_find(const CfKey *key, const CfIdentity *id, const CfDefinition *def,
							  bool ask_redis, text **stale);

#define CF_CLAIM_HOLD_US (30 * USECS_PER_SEC)	/* unless the caller says */

/* Its time begins anew, unless somebody has inherited it, here or on another server. */
extern bool cf_keyvalue_renew_claim(const CfKey *key, const CfIdentity *id,
									const CfClaimToken *token, int64 hold);

#endif							/* CF_API_KEYVALUE_H */
