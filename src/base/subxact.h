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
 *
 * On a standby a conflict with recovery ends the session, and not the statement alone, where it
 * finds a subtransaction. So what takes longer than a moment is not run so in recovery.
 */
extern pg_nodiscard ErrorData *cf_subxact_try(void (*run) (void *arg), void *arg);

/*
 * The same of what takes a moment, and runs no query: a conflict with recovery is heard when
 * the subtransaction is over, and then does to the statement what it would have done anyway.
 * Cancel and the end of the session are errors of it, as of others. May raise these itself.
 */
extern pg_nodiscard ErrorData *cf_subxact_try_briefly(void (*run) (void *arg), void *arg);

/* Is an error that was caught so somebody's wish to end the statement or the session? */
extern bool cf_subxact_is_called_off(int sqlerrcode);

/*
 * Of an error that was caught so: is it of the server or of who wants to end the session or
 * the statement, and not of what was run? Then it is to be raised again.
 */
extern bool cf_subxact_ends_all(int sqlerrcode);

#endif							/* CF_BASE_SUBXACT_H */
