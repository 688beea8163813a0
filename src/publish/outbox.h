/*
 * outbox.h - table cache_outbox: keys that Redis may not have dropped yet.
 *
 * src/publish/outbox.h
 */
#ifndef CF_PUBLISH_OUTBOX_H
#define CF_PUBLISH_OUTBOX_H

#include "postgres.h"

#include "base/compat.h"
#include "storage/itemptr.h"

typedef struct CfOutboxKey
{
	const char *text;			/* not zero-terminated; the caller's memory */
	int			len;
} CfOutboxKey;

extern void cf_outbox_register(void);

/*
 * PRE_COMMIT: leaves keys there, as a part of this transaction; tells of each row
 * which keys it has and where it is. False: there is no such table, or it cannot be
 * written; why is logged, and what was told is of no rows. Raises an error only if
 * the transaction is being cancelled.
 */
extern pg_nodiscard bool cf_outbox_write(const CfOutboxKey *keys, int n,
										 void (*wrote) (int first, int n, TransactionId xid,
										 const ItemPointerData *tid));

#endif							/* CF_PUBLISH_OUTBOX_H */
