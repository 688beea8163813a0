/*
 * determined.h - do the rows of its tables alone decide a query's rows?
 *
 * src/rules/determined.h
 */
#ifndef CF_RULES_DETERMINED_H
#define CF_RULES_DETERMINED_H

#include "postgres.h"

#include "nodes/parsenodes.h"

/*
 * True: whatever plan runs a query (rewritten, SELECT) on a snapshot, it gives the
 * same rows, in some order, byte by byte. False: unknown. The query must be one
 * that calls immutable functions only; that is not looked at.
 */
extern bool cf_query_is_determined(Query *query);

#endif							/* CF_RULES_DETERMINED_H */
