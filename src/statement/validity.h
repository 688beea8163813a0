/*
 * validity.h - is a plan still one that PostgreSQL would make now?
 *
 * src/statement/validity.h
 */
#ifndef CF_STATEMENT_VALIDITY_H
#define CF_STATEMENT_VALIDITY_H

#include "postgres.h"

#include "statement/statement.h"

/* A number for a plan that is made, of this session alone. */
extern uint64 cf_validity_number(void);

/*
 * Has no DDL that its result may depend on come between the plan, or the last time that
 * PostgreSQL found it valid, and the stamp? Call it after the invalidation messages
 * have been accepted that were sent before the stamp. Cheap; raises no error.
 */
extern bool cf_validity_holds(const CfStatement *statement, uint64 stamp);

#endif							/* CF_STATEMENT_VALIDITY_H */
