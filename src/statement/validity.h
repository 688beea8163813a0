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
 * PostgreSQL found it valid, and now? Call it after the invalidation messages have been accepted
 * that were sent before the moment. Cheap; raises no error.
 */
extern bool cf_validity_holds(const CfStatement *statement, const CfMoment *moment);

#endif							/* CF_STATEMENT_VALIDITY_H */
