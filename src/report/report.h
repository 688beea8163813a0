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

#include "l1/table.h"
#include "request/request.h"
#include "statement/examine.h"

/* The state of an entry in one word or two. */
extern const char *cf_report_state(bool current, CfL1Marker marker,
								   TimestampTz expires_at, int64 stale_for,
								   TimestampTz now);

/*
 * A text of that database (InvalidOid: of a shared catalog) as one that is valid
 * in this one and can be sent to this client: where it cannot be had as it is, each
 * byte that is not ASCII is written \xNN and a backslash twice. palloc'd; raises no
 * error but for lack of memory.
 */
extern char *cf_report_text(const char *text, int len, Oid dboid);

/* What tells the variants of a key apart, in hexadecimal digits. */
extern const char *cf_report_identity(const CfHash128 *hash);

/* Puts the rows of cache_explain into the set. */
extern void cf_report_explain(ReturnSetInfo *rsinfo, CfRequest *request);

/* The same for a plain statement: would it be served in this session? */
extern void cf_report_explain_statement(ReturnSetInfo *rsinfo, const CfExamined *examined);

#endif							/* CF_REPORT_REPORT_H */
