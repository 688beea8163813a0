/*
 * part.h - one transaction of a flush.
 *
 * src/behind/part.h
 */
#ifndef CF_BEHIND_PART_H
#define CF_BEHIND_PART_H

#include "postgres.h"

#include "utils/rel.h"

#include "behind/merge.h"
#include "behind/writer.h"

typedef enum CfPartStatus
{
	CF_PART_APPLIED,
	CF_PART_BUSY,				/* a lock, a deadlock, a serialization failure, its time */
	CF_PART_POISON,				/* a row of it is refused, or not there */
	CF_PART_LATER,				/* somebody has locked the queue */
	CF_PART_BROKEN				/* no row's fault: the writer has to wait */
} CfPartStatus;

typedef struct CfPartResult
{
	CfPartStatus status;
	int64		nwrites;		/* applied */
	int64		nunmatched;		/* keys without a row */
	bool		is_rest;		/* something of these keys is left for another part */
	char		sqlstate[6];
	char	   *message;		/* of an error; in the context of the call */
} CfPartResult;

typedef struct CfPart
{
	const CfWriter *writer;
	CfWriteKey **keys;
	int			nkeys;
	int			lock_ms;		/* how long it waits for a lock */
	bool		mark;			/* older writes of these keys may still come */
} CfPart;

/* Applies a part and deletes what it applied, in a transaction of its own. */
extern void cf_part_apply(const CfPart *part, CfPartResult *result);

/*
 * Moves all writes of the one key to cache_dead_writes, puts what is in memory into the
 * queue, and deletes rows that came too late, each in a transaction of its own. They raise errors.
 */
extern void cf_part_bury(const CfWriter *writer, CfWriteKey *key, const CfPartResult *reason);
extern void cf_part_save_memory(void);
extern void cf_part_delete(const CfWrite *rows, int n);

/* Of which file rows are named: a table that was written anew has others at their places. */
extern void cf_part_expect(Relation queue);

/*
 * What a transaction of the worker's does not take from ALTER DATABASE; and back, for what
 * else the worker does.
 */
extern void cf_part_begin_settings(void);
extern void cf_part_end_settings(void);

#endif							/* CF_BEHIND_PART_H */
