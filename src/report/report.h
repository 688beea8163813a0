/*
 * report.h - what the reports share.
 *
 * src/report/report.h
 */
#ifndef CF_REPORT_REPORT_H
#define CF_REPORT_REPORT_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "nodes/execnodes.h"

#include "engine/request.h"
#include "l1/table.h"

/* The state of an entry in one word or two. */
extern const char *cf_report_state(bool current, CfL1Marker marker,
								   TimestampTz expires_at, int64 stale_for,
								   TimestampTz now);

/* Puts the rows of cache_explain into the set. */
extern void cf_report_explain(ReturnSetInfo *rsinfo, CfRequest *request);

#endif							/* CF_REPORT_REPORT_H */
