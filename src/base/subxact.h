/*
 * subxact.h - runs something that may fail without failing the transaction.
 *
 * src/base/subxact.h
 */
#ifndef CF_BASE_SUBXACT_H
#define CF_BASE_SUBXACT_H

#include "postgres.h"

#include "base/compat.h"

/*
 * Calls run(arg) in a subtransaction. NULL: it came through. Else what it left
 * is rolled back and this is its error, palloc'd in CurrentMemoryContext, which
 * the caller frees or raises again. Memory context and resource owner are as
 * before in either case. Not in parallel mode.
 */
extern pg_nodiscard ErrorData *cf_subxact_try(void (*run) (void *arg), void *arg);

/*
 * Of an error that was caught so: is it of the server or of who wants to end the session or
 * the statement, and not of what was run? Then it is to be raised again.
 */
extern bool cf_subxact_ends_all(int sqlerrcode);

#endif							/* CF_BASE_SUBXACT_H */
