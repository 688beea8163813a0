/*
 * verify.h - the live self-check: is a hit what its query gives?
 *
 * src/engine/verify.h
 */
#ifndef CF_ENGINE_VERIFY_H
#define CF_ENGINE_VERIFY_H

#include "common/pg_prng.h"

#include "base/guc.h"
#include "codec/rowset.h"
#include "load/loader.h"
#include "request/request.h"

/* Is this hit one of those that cachefront.verify_rate chooses? */
static inline bool
cf_verify_is_due(const CfL1Result *hit)
{
	return unlikely(cf_guc_verify_rate > 0) && hit->provable && !hit->outdated &&
		pg_prng_double(&pg_global_prng_state) < cf_guc_verify_rate;
}

/*
 * Compares what L1 has for a request with what its query gives. True: they
 * differ, and nothing has changed meanwhile. Then that is counted and logged, the
 * entry is dropped, and load has the query's rows, in CurrentMemoryContext. False
 * in every other case, as where it cannot be told. Raises no error of the query:
 * only one that asks for the statement's end.
 */
extern bool cf_verify(const CfRequest *request, CfLoad *load);

/* Logs that they differ: of the rows only how many and a digest. what: "query" or "statement". */
extern void cf_verify_report(const CfRequest *request, const CfRowSet *cached,
							 const CfRowSet *fresh, const char *what, const char *text, int len);

#endif							/* CF_ENGINE_VERIFY_H */
