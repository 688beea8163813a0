/*
 * tracked.h - of which tables does the server notice every change by itself?
 *
 * src/rules/tracked.h
 */
#ifndef CF_RULES_TRACKED_H
#define CF_RULES_TRACKED_H

#include "postgres.h"

/*
 * One border for those who read and those who write: what comes with PostgreSQL
 * is not tracked, catalogs and information_schema among it.
 */
extern bool cf_is_system_relation(Oid relid);

/*
 * May a result that reads the relation rely on the tracking of changes? A table,
 * partitioned table or materialized view of a known access method, on a server
 * that writes. Looks into catalogs.
 */
extern bool cf_is_tracked(Oid relid);

#endif							/* CF_RULES_TRACKED_H */
