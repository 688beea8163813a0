/*
 * prepared.h - which prepared transactions there are.
 *
 * src/invalidate/prepared.h
 */
#ifndef CF_INVALIDATE_PREPARED_H
#define CF_INVALIDATE_PREPARED_H

#include "postgres.h"

/* Calls back once a prepared transaction of the server. */
extern void cf_prepared_each(void (*callback) (TransactionId xid, Oid dboid, void *arg),
							 void *arg);

#endif							/* CF_INVALIDATE_PREPARED_H */
