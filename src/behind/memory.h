/*
 * memory.h - buffer 'memory': sums, greatest and least values in shared memory, by key.
 *
 * A transaction keeps what it adds to itself until it commits; then it is added to the
 * key's slot, for which there is room since the statement. What the worker applies is first
 * put in flight, under the id of its transaction: then whoever finds it can tell what became
 * of it. What comes meanwhile is a sum of its own.
 *
 * Locking: one LWLock, held for as many slots as a transaction or a look concerns.
 *
 * src/behind/memory.h
 */
#ifndef CF_BEHIND_MEMORY_H
#define CF_BEHIND_MEMORY_H

#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "datatype/timestamp.h"
#include "utils/snapshot.h"

#include "behind/writer.h"
#include "codec/key.h"

extern void cf_memory_register(void);

/* Can memory keep what a writer takes? What of several writes of a key is kept is one bigint. */
extern bool cf_memory_can_keep(CfMerge merge, Oid value_type);

/*
 * False: there is no room, or the key is too long, or no worker of the database is there to
 * apply it when the server stops: then the write goes into the table.
 */
extern bool cf_memory_add(const CfWriter *writer, const struct varlena *args, int64 value);

/* At the transaction's end, and those of savepoints. Do not fail, but at PREPARE. */
extern void cf_memory_committed(void);
extern void cf_memory_aborted(void);
extern void cf_memory_before_prepare(void);
extern void cf_memory_subxact(SubXactEvent event);

/* What a slot has that is not applied. */
typedef struct CfMemoryItem
{
	int			slot;
	CfHash128	hash;
	char	   *writer;
	struct varlena *args;
	int64		value;
	int64		writes;			/* that came to it */
	TimestampTz since;			/* the first of them, on the wall's clock */
} CfMemoryItem;

typedef void (*CfMemoryVisit) (const CfMemoryItem *item, void *arg);

/* Worker: all that can be put in flight, palloc'd; writer NULL: of any. */
extern int	cf_memory_list(const char *writer, CfMemoryItem **items);

/*
 * Puts a slot's sum in flight with the current transaction: it is gone if that commits,
 * and is to be applied again if not. False: there is nothing, or it is in flight. Tells
 * sum and number of writes.
 */
extern bool cf_memory_fly(int slot, const CfHash128 *hash, int64 *value, int64 *writes);
extern void cf_memory_ground(int slot); /* it is left for another transaction */

/* What a snapshot has not seen applied; args NULL: of all keys. Own writes come, too. */
extern void cf_memory_pending(const char *writer, const struct varlena *args,
							  Snapshot snapshot, CfMemoryVisit visit, void *arg);

/* Is there anything, also of transactions under way? writer NULL: of any. */
extern bool cf_memory_has_any(const char *writer);

/* Throws away what a writer has, if the transaction commits; nobody else flies it. */
extern void cf_memory_discard(const char *writer);

/* Has anybody a reservation? Then more may come. */
extern bool cf_memory_is_reserved(void);

/* Slots of keys that were not written for a while. Worker. */
extern void cf_memory_clean(void);

#endif							/* CF_BEHIND_MEMORY_H */
