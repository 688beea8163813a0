/*
 * notify.h - publishes invalidations on channel "cachefront".
 *
 * src/commit/notify.h
 */
#ifndef CF_COMMIT_NOTIFY_H
#define CF_COMMIT_NOTIFY_H

#include "postgres.h"

extern void cf_notify_register(void);

/* cachefront.notify = commit: hands the transaction's log to NOTIFY. */
extern void cf_notify_pre_commit(void);

/* cachefront.notify = batched: leaves it to the database's worker. Never fails. */
extern void cf_notify_commit(void);

#endif							/* CF_COMMIT_NOTIFY_H */
