/*
 * prepared.h - which prepared transactions there are.
 *
 * src/txn/prepared.h
 */
#ifndef CF_TXN_PREPARED_H
#define CF_TXN_PREPARED_H

#include "postgres.h"

/* Calls back once a prepared transaction of the server. */
extern void cf_prepared_each(void (*callback) (TransactionId xid, Oid dboid, void *arg),
							 void *arg);

#endif							/* CF_TXN_PREPARED_H */
