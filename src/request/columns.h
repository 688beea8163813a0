/*
 * columns.h - does a column definition list fit a query?
 *
 * src/request/columns.h
 */
#ifndef CF_REQUEST_COLUMNS_H
#define CF_REQUEST_COLUMNS_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "nodes/parsenodes.h"

/*
 * Raises an error that shows the list that would fit, if the query's columns
 * differ from desc in number, or in type so that no assignment is possible.
 */
extern void cf_columns_check(Query *query, TupleDesc desc);

#endif							/* CF_REQUEST_COLUMNS_H */
