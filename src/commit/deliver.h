/*
 * deliver.h - what a commit has Redis told.
 *
 * Dropping in Redis what a commit has outdated is hygiene: every server judges by
 * its own history what it finds there. So no session waits for Redis in a commit;
 * what there is to drop, and what cache_set has stored, goes into a ring in shared
 * memory, and a worker sends it (publish/).
 *
 * With cachefront.redis_commit = sync who sees COMMIT finds nothing older in Redis
 * under the keys that were changed. Then the keys are in table cache_outbox as well,
 * so that they are delivered whatever crashes, and the session waits, after its
 * locks are released, until Redis has them. That ends with a time-out, a cancel, or
 * when Redis goes out of use; the commit stands, and a worker delivers them later.
 *
 * A standby commits nothing, but its users may invalidate by hand; it has no outbox.
 *
 * src/commit/deliver.h
 */
#ifndef CF_COMMIT_DELIVER_H
#define CF_COMMIT_DELIVER_H

#include "postgres.h"

#include "base/compat.h"

/*
 * PRE_COMMIT, while the transaction may still write: makes the items. Raises an
 * error only for a cancel, or if memory is out.
 */
extern void cf_deliver_prepare(void);

/*
 * PRE_PREPARE: nobody will know the keys at COMMIT PREPARED, so only the outbox gets
 * them, with sync. True: it has, and somebody has to look into it after that.
 */
extern pg_nodiscard bool cf_deliver_prepare_transaction(void);

/*
 * COMMIT, when all is settled, and what cache_set leaves is stored, for that is taken
 * from there. Cannot fail.
 */
extern void cf_deliver_append(void);

/* When all locks are released: waits, where that is asked for. Cannot fail. */
extern void cf_deliver_wait(void);

/* The transaction is rolled back, or prepared. */
extern void cf_deliver_reset(void);

#endif							/* CF_COMMIT_DELIVER_H */
