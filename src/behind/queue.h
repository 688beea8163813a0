/*
 * queue.h - the tables cache_write_queue and cache_dead_writes.
 *
 * Written and read through the access method, not by SQL: neither the role, search_path,
 * row security nor read-only mode matters, and no trigger or rule on the tables runs.
 * What is inserted is not logged for logical decoding; with REPLICA IDENTITY NOTHING
 * nobody is told of what is deleted, and no publication stops it.
 *
 * src/behind/queue.h
 */
#ifndef CF_BEHIND_QUEUE_H
#define CF_BEHIND_QUEUE_H

#include "postgres.h"

#include "access/transam.h"
#include "executor/tuptable.h"
#include "datatype/timestamp.h"
#include "storage/itemptr.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

typedef struct CfQueueRow
{
	ItemPointerData tid;
	TransactionId xmin;
	char	   *writer;
	struct varlena *args;		/* text[], plain */
	char	   *value;			/* or NULL */
	TimestampTz created;
	int64		number;			/* 0: of a merge that has no order */
	FullTransactionId applied;	/* of the flush that did it; invalid: it is to be done */
} CfQueueRow;

typedef struct CfDeadRow
{
	ItemPointerData tid;
	TransactionId xmin;
	char	   *writer;
	struct varlena *args;
	char	   *value;
	const char *sqlstate;
	const char *error;
} CfDeadRow;

extern void cf_queue_register(void);

/* NULL: the extension is not here, or of a version that had no such table. */
extern Relation cf_queue_open(LOCKMODE lockmode);
extern Relation cf_dead_open(LOCKMODE lockmode);
extern bool cf_queue_is(Oid relid);

/* The same without waiting; NULL also if it is locked, which *locked tells. */
extern Relation cf_queue_try_open(LOCKMODE lockmode, bool *locked);

extern void cf_queue_insert(Relation rel, const CfQueueRow *row);
extern int64 cf_queue_next_number(void);
extern void cf_dead_insert(Relation rel, const CfDeadRow *row);

/*
 * Of the queue or the dead writes; false: somebody else has done so or is about to, or
 * the place is another row's by now. The slot is of table_slot_create, and left empty.
 */
extern bool cf_queue_delete(Relation rel, TupleTableSlot *slot, const ItemPointerData *tid,
							TransactionId xmin);

/*
 * Rows in the order of the table, until the function returns false. What a row points to is in
 * the current memory context and stays.
 */
typedef bool (*CfQueueVisit) (const CfQueueRow *row, void *arg);
extern void cf_queue_scan(Relation rel, Snapshot snapshot, const char *writer,
						  CfQueueVisit visit, void *arg);
typedef bool (*CfDeadVisit) (const CfDeadRow *row, void *arg);
extern void cf_dead_scan(Relation rel, Snapshot snapshot, const char *writer,
						 CfDeadVisit visit, void *arg);

/* Is anything to be applied, of transactions under way, too? writer NULL: of any. */
extern bool cf_queue_has_any(Relation rel, const char *writer);

/* All of a writer, what was applied too. */
extern void cf_queue_discard(Relation rel, const char *writer);

#endif							/* CF_BEHIND_QUEUE_H */
