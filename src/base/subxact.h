/*
 * subxact.h - runs something that may fail without failing the transaction.
 *
 * src/base/subxact.h
 */
#ifndef CF_BASE_SUBXACT_H
#define CF_BASE_SUBXACT_H

#include "postgres.h"

/*
 * Calls run(arg) in a subtransaction. NULL: it came through. Else what it left
 * is rolled back and this is its error, palloc'd in CurrentMemoryContext, which
 * the caller frees or raises again. Memory context and resource owner are as
 * before in either case. Not in parallel mode.
 */
extern ErrorData *cf_subxact_try(void (*run) (void *arg), void *arg);

#endif							/* CF_BASE_SUBXACT_H */
