/*
 * fill.h - what becomes of a value that was loaded.
 *
 * src/engine/fill.h
 */
#ifndef CF_ENGINE_FILL_H
#define CF_ENGINE_FILL_H

#include "load/loader.h"
#include "request/deps.h"
#include "request/request.h"

/* What became of a value that was loaded. */
typedef enum CfFilled
{
	CF_FILLED_PRIVATE,			/* it must not leave this session */
	CF_FILLED_SHARED,			/* whoever waits may have it */
	CF_FILLED_ELSEWHERE			/* it is in L1 under an identity with more settings */
} CfFilled;

/*
 * Puts what was loaded into L1, unless it must not be shared, and counts why it
 * was not. replaced, or NULL: what was found in place of it. deps and meta are
 * filled in in any case; their clocks are palloc'd in CurrentMemoryContext.
 */
extern CfFilled cf_fill(const CfRequest *request, CfLoad *load, const CfL1Result *replaced,
						CfDeps *deps, CfL1Meta *meta);

/* Only fills in deps and meta. */
extern void cf_fill_describe(const CfRequest *request, const CfLoad *load,
							 const CfL1Result *replaced, CfDeps *deps, CfL1Meta *meta);

/* Puts a value into L1 under the request's identity, and counts what became of it. */
extern CfL1PutStatus cf_fill_put(const CfRequest *request, const CfValue *value,
								 const CfL1Meta *meta);

#endif							/* CF_ENGINE_FILL_H */
