/*
 * announce.h - a transaction tells the WAL what it has changed.
 *
 * Standbys, and this server after a crash, learn of it from there
 * (history/message.h).
 *
 * src/commit/announce.h
 */
#ifndef CF_COMMIT_ANNOUNCE_H
#define CF_COMMIT_ANNOUNCE_H

#include "postgres.h"

/*
 * PRE_COMMIT and PRE_PREPARE, when nothing of ours will write any more and the
 * clocks are raised. May raise errors: if memory is out, or the query is cancelled.
 */
extern void cf_announce_commit(void);

/* PRE_COMMIT of a transaction that is not involved (base/involved.h): its tables. */
extern void cf_announce_tables(void);

extern void cf_announce_prepare(void);

#endif							/* CF_COMMIT_ANNOUNCE_H */
