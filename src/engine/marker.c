/*
 * marker.c - what stands in L1 in place of a value.
 *
 * A load learns what its identity could not know: that the result must not be
 * shared, or that it is bound to more of the session's settings. It leaves a
 * marker under the identity that was looked for. One of the first kind tells
 * the next caller to load alone; one of the second leads him to the identity
 * with the settings, which is computed only then.
 *
 * Locking: none of its own; see l1/table.h.
 *
 * src/engine/marker.c
 */
#include "postgres.h"

#include "engine/marker.h"
#include "request/identity.h"

/* The identity of the same request if it is bound to more settings. */
static CfRequest
bind(const CfRequest *request, CfBinding binding)
{
	CfRequest	bound = *request;

	bound.binding = binding;
	cf_identity_of_request(&bound);
	return bound;
}

bool
cf_marker_follow(CfRequest *request, CfL1Marker marker)
{
	CfBinding	binding = CF_BOUND_NONE;

	if (marker == CF_L1_MARK_BOUND)
		binding = CF_BOUND_SETTINGS;
	else if (marker == CF_L1_MARK_BOUND_ALL)
		binding = CF_BOUND_ALL_SETTINGS;
	if (binding <= request->binding)
		return false;
	*request = bind(request, binding);
	return true;
}

bool
cf_marker_bind_as_planned(CfRequest *request)
{
	CfBinding	binding;

	if (request->binding != CF_BOUND_NONE)
		return false;
	binding = cf_policy_planned_binding(request);
	if (binding == CF_BOUND_NONE)
		return false;
	*request = bind(request, binding);
	return true;
}

/* Leaves a marker in place of a value. False: it could not be kept. */
static bool
put_mark(const CfRequest *request, CfL1Marker marker, const CfL1Meta *meta)
{
	CfL1Meta	mark = *meta;

	mark.marker = marker;
	return cf_l1_put(&request->key, &request->id, CF_NO_VALUE, &mark) == CF_L1_STORED;
}

void
cf_marker_put_bypass(const CfRequest *request, CfBypass bypass, const CfL1Meta *meta)
{
	CfL1Marker	marker;

	switch (bypass)
	{
		case CF_BYPASS_ROW_SECURITY:
			marker = CF_L1_MARK_ROW_SECURITY;
			break;
		case CF_BYPASS_SETTING:
			marker = CF_L1_MARK_SETTING;
			break;
		case CF_BYPASS_SESSION:
			marker = CF_L1_MARK_SESSION;
			break;
		case CF_BYPASS_RIGHTS:
			marker = CF_L1_MARK_RIGHTS;
			break;
		default:
			return;
	}
	(void) put_mark(request, marker, meta);
}

CfL1Marker
cf_marker_of_binding(CfBinding binding)
{
	return binding == CF_BOUND_SETTINGS ? CF_L1_MARK_BOUND : CF_L1_MARK_BOUND_ALL;
}

bool
cf_marker_put_bound(const CfRequest *request, CfBinding binding, const CfL1Meta *meta,
					CfRequest *bound)
{
	*bound = bind(request, binding);
	return put_mark(request, cf_marker_of_binding(binding), meta);
}

CfBypass
cf_marker_bypass(CfL1Marker marker)
{
	switch (marker)
	{
		case CF_L1_MARK_SETTING:
			return CF_BYPASS_SETTING;
		case CF_L1_MARK_SESSION:
			return CF_BYPASS_SESSION;
		case CF_L1_MARK_RIGHTS:
			return CF_BYPASS_RIGHTS;
		case CF_L1_MARK_ROW_SECURITY:
			return CF_BYPASS_ROW_SECURITY;
		default:
			return CF_BYPASS_NONE;
	}
}
