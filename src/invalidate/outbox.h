/*
 * outbox.h - table cache_outbox: invalidations that Redis has not got yet.
 *
 * src/invalidate/outbox.h
 */
#ifndef CF_INVALIDATE_OUTBOX_H
#define CF_INVALIDATE_OUTBOX_H

#include "postgres.h"

#include "l2/space.h"

/* A key or a tag that Redis has to hear of. */
typedef struct CfOutboxItem
{
	const char *text;			/* not zero-terminated; the caller's memory */
	int			len;
	bool		is_key;
	bool		published;		/* on the bus too */
} CfOutboxItem;

extern void cf_outbox_register(void);

/*
 * PRE_COMMIT: leaves them to the worker, as a part of this transaction. False:
 * there is no such table, or it cannot be written; why is logged. Raises an
 * error only if the transaction is being cancelled.
 */
extern bool cf_outbox_write(const CfOutboxItem *items, int n);

/*
 * Readers, in a transaction: is the table empty, so that Redis may be trusted?
 * For CF_OUTBOX_UNKNOWN, after a start, and on a standby, which has no worker:
 * it asks each time, and what it sees is as old as all else that it has.
 */
extern bool cf_outbox_look(const CfSpace *space);

#endif							/* CF_INVALIDATE_OUTBOX_H */
