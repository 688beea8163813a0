/*
 * merge.h - what several writes of a key come to.
 *
 * src/behind/merge.h
 */
#ifndef CF_BEHIND_MERGE_H
#define CF_BEHIND_MERGE_H

#include "postgres.h"

#include "fmgr.h"
#include "storage/itemptr.h"

#include "behind/writer.h"

#define CF_NOT_IN_MEMORY (-1)

/* A row of the queue, or what a slot of shared memory has. */
typedef struct CfWrite
{
	ItemPointerData tid;
	TransactionId xmin;			/* by which the row at this place is known to be it */
	int64		number;
	int64		count;			/* calls that it came from */
	int			slot;			/* of shared memory (memory.h), or CF_NOT_IN_MEMORY: a row */
	CfHash128	hash;			/* of that */
	char	   *value;			/* as its type's output function printed it, or NULL */
} CfWrite;

/* The writes of one key: of arguments whose texts are the same. */
typedef struct CfWriteKey
{
	struct varlena *args;		/* text[] */
	int			n;
	int			room;
	CfWrite    *writes;
	bool		was_applied;	/* a row of the queue says so, of this number */
	ItemPointerData applied_tid;
	TransactionId applied_xmin;
	int64		applied_number;
	bool		applied_settled;	/* and nothing older can come any more */
} CfWriteKey;

/* What becomes of it. */
typedef struct CfMerged
{
	Datum		value;
	bool		isnull;
	int			n;				/* of the key's writes it is the first so many */
	int64		number;			/* the greatest of these */
} CfMerged;

typedef struct CfMerger
{
	const CfWriter *writer;
	FmgrInfo	input;
	Oid			ioparam;
	FmgrInfo	output;
	FmgrInfo	compare;		/* of max and min */
	Oid			collation;
	int16		typlen;
	bool		typbyval;
	char		typalign;
} CfMerger;

extern void cf_merge_begin(CfMerger *merger, const CfWriter *writer);

/*
 * May raise what the type's input function raises. A sum that would overflow ends before:
 * the rest is of another statement.
 */
extern void cf_merge_key(CfMerger *merger, const CfWriteKey *key, CfMerged *result);

/* Two keys that turned out to be one; false: their sum would overflow. */
extern bool cf_merge_two(CfMerger *merger, CfMerged *into, const CfMerged *other);

extern char *cf_merge_print(CfMerger *merger, const CfMerged *merged);

#endif							/* CF_BEHIND_MERGE_H */
