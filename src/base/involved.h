/*
 * involved.h - has the running transaction to do with the cache by more than the tables
 * that it has changed?
 *
 * Most transactions have not. Whoever leaves something that the end of the transaction is
 * to see to says so here, once, however often; then the callbacks at its end (xact.c) look
 * at all there may be, and else at changed tables only. Taken back by them alone. Who says
 * so for nothing costs a few hundred instructions; who says nothing is forgotten.
 *
 * src/base/involved.h
 */
#ifndef CF_BASE_INVOLVED_H
#define CF_BASE_INVOLVED_H

#include "postgres.h"

extern bool cf_involved;		/* xact.c alone sets it false */

/* Cannot fail. In a transaction or before one: then it is the next one's. */
static inline void
cf_involve(void)
{
	cf_involved = true;
}

#endif							/* CF_BASE_INVOLVED_H */
