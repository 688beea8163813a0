/*
 * statement.h - a writer's statement: what it may be, who may use it, and its run.
 *
 * src/behind/statement.h
 */
#ifndef CF_BEHIND_STATEMENT_H
#define CF_BEHIND_STATEMENT_H

#include "postgres.h"

#include "behind/writer.h"

extern void cf_statement_register(void);

/*
 * Is it one that can be planned, and that changes a table, are its types of those that
 * can be merged? Raises an error if not. Plans it as the current user.
 */
extern void cf_statement_check(const CfWriter *writer);

/*
 * May the current user make it run? If it is granted to him by the writer, or he has all
 * the rights that it takes. Raises an error if not. Nothing of it runs.
 */
extern void cf_statement_require_rights(const CfWriter *writer);

/* The role that it runs as, or InvalidOid if there is none any more. */
extern Oid	cf_statement_owner(const CfWriter *writer);

/*
 * Runs it in the worker's own transaction, as the owner, in a security-restricted operation,
 * under the writer's settings; how many rows it has processed. values: an array of each
 * argument, and one of the values.
 */
extern uint64 cf_statement_run(const CfWriter *writer, Datum *arrays);

#endif							/* CF_BEHIND_STATEMENT_H */
