/*
 * rowtype.h - the columns that a plan gives.
 *
 * src/statement/rowtype.h
 */
#ifndef CF_STATEMENT_ROWTYPE_H
#define CF_STATEMENT_ROWTYPE_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "nodes/pg_list.h"

/*
 * What ExecTypeFromTL says of the target list of the plan of that number (validity.h). The
 * second execution of a plan keeps it, for later ones to copy, which needs no catalog. The
 * caller has a copy of its own, palloc'd. Raises errors only for lack of memory.
 */
extern TupleDesc cf_rowtype_of(uint64 number, List *targetlist);

#endif							/* CF_STATEMENT_ROWTYPE_H */
