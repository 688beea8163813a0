/*
 * claim_internal.h - between claim.c and claim_wait.c.
 *
 * src/txn/claim_internal.h
 */
#ifndef CF_TXN_CLAIM_INTERNAL_H
#define CF_TXN_CLAIM_INTERNAL_H

#include "postgres.h"

#include "codec/key.h"

extern void cf_claim_wait_register(void);

/* Those who may have looked before must look again. */
extern void cf_claim_wake_name(const CfHash128 *name);

#endif							/* CF_TXN_CLAIM_INTERNAL_H */
