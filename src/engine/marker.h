/*
 * marker.h - what stands in L1 in place of a value: why there is none, or the
 * way to it.
 *
 * src/engine/marker.h
 */
#ifndef CF_ENGINE_MARKER_H
#define CF_ENGINE_MARKER_H

#include "engine/policy.h"
#include "request/request.h"

/*
 * Does a marker say that the entry has an identity that more settings are part
 * of? Then the request has it.
 */
extern bool cf_marker_follow(CfRequest *request, CfL1Marker marker);

/*
 * Looks in L1 as cf_l1_get_within does, and follows markers of what is bound to
 * settings. Afterwards the request has the identity that there is to look for.
 */
static inline CfL1Status
cf_marker_get(CfRequest *request, CfL1Part part, TimestampTz now, int flags,
			  CfL1Result *result)
{
	CfL1Ask		ask = {
		.part = part,
		.now = now,
		.flags = flags,
		.limits = request->limits,
		.max_stale = request->max_stale,
	};
	CfL1Status	status;

	do
		status = cf_l1_get_within(&request->key, &request->id, &ask, result);
	while (unlikely(status == CF_L1_MARKED) && cf_marker_follow(request, result->marker));
	return status;
}

/*
 * Gives the request the identity that its plan asks for, without a marker.
 * False: it has it already. Raises the query's own errors.
 */
extern bool cf_marker_bind_as_planned(CfRequest *request);

/*
 * Leaves a marker that leads to the value of those with the same settings, and
 * gives the request that has their identity. False: it could not be kept.
 */
extern bool cf_marker_put_bound(const CfRequest *request, CfBinding binding,
								const CfL1Meta *meta, CfRequest *bound);

/*
 * Remembers that this identity is not to be shared, so that nobody queues up.
 * For reasons that lie in the session and not in the query, nothing.
 */
extern void cf_marker_put_bypass(const CfRequest *request, CfBypass bypass,
								 const CfL1Meta *meta);

/* Why an entry that is only a marker is not cached. */
extern CfBypass cf_marker_bypass(CfL1Marker marker);

/* What leads to a value that is bound to settings, from where it was looked for. */
extern CfL1Marker cf_marker_of_binding(CfBinding binding);

#endif							/* CF_ENGINE_MARKER_H */
