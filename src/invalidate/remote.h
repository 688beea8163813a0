/*
 * remote.h - the writer's side of the freshness protocol in Redis: steps 2 and
 * 4 of DESIGN section 5.
 *
 * src/invalidate/remote.h
 */
#ifndef CF_INVALIDATE_REMOTE_H
#define CF_INVALIDATE_REMOTE_H

#include "postgres.h"

/*
 * PRE_COMMIT, after all clocks are raised: fences in Redis what the transaction
 * invalidates, or leaves it in the outbox. Raises an error if that is what
 * cachefront.on_redis_failure says, or for a cancel.
 */
extern void cf_remote_fence(void);

/* Before COMMIT PREPARED of what anybody may have prepared: likewise. */
extern void cf_remote_fence_server(void);

/* COMMIT, before the clocks are settled. Never fails. */
extern void cf_remote_settle(void);

/* ABORT, after the clocks are lowered. Never fails. */
extern void cf_remote_lift(void);

/* What so many keys and tags may take Redis, ms: see cachefront.redis_command_timeout. */
extern int	cf_remote_timeout(int n);

/* Does the tag stand for all that a database, or the server, has? */
extern bool cf_remote_is_epoch(const char *tag, int len);

#endif							/* CF_INVALIDATE_REMOTE_H */
