/*
 * prepared.h - which prepared transactions there are, and may the session commit one?
 *
 * src/invalidate/prepared.h
 */
#ifndef CF_INVALIDATE_PREPARED_H
#define CF_INVALIDATE_PREPARED_H

#include "postgres.h"

/*
 * Raises the error that COMMIT PREPARED would raise: there is no such prepared
 * transaction, it is somebody else's, or another database's.
 */
extern void cf_prepared_check(const char *gid);

/* Calls back once a prepared transaction of the server. */
extern void cf_prepared_each(void (*callback) (TransactionId xid, Oid dboid, void *arg),
							 void *arg);

#endif							/* CF_INVALIDATE_PREPARED_H */
