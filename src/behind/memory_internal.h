/*
 * memory_internal.h - between memory.c and memory_own.c.
 *
 * src/behind/memory_internal.h
 */
#ifndef CF_BEHIND_MEMORY_INTERNAL_H
#define CF_BEHIND_MEMORY_INTERNAL_H

#include "postgres.h"

#include "datatype/timestamp.h"

#include "behind/memory.h"
#include "codec/key.h"

#define CF_MEMORY_ARGS 184		/* bytes of a key's arguments: text[] without its length */

#define CF_NO_SLOT (-1)

/* What a transaction adds to a key. */
typedef struct CfMemorySum
{
	const CfHash128 *hash;		/* of writer and args */
	const char *writer;
	const char *args;
	int			args_len;
	CfMerge		merge;			/* how it is to be merged with what the key has */
	int64		value;
	int64		writes;
	TimestampTz since;
} CfMemorySum;

/* False: the sum would overflow. */
extern bool cf_memory_merge(CfMerge merge, int64 a, int64 b, int64 *result);


extern struct varlena *cf_memory_args(const char *data, int len);
extern CfHash128 cf_memory_hash(const char *writer, const struct varlena *args);

/* One free slot is ours; false: there is none. */
extern bool cf_memory_reserve(void);

/*
 * At the transaction's end: the lock; each sum takes a reserved slot, or its key's; then all that
 * was reserved, and what was in flight. None of it fails.
 */
extern bool cf_memory_has_flights(void);
extern void cf_memory_begin_end(void);
extern void cf_memory_add_sum(const CfMemorySum *sum);
extern void cf_memory_finish_end(int reserved, bool committed);

/* Of cf_memory_pending, cf_memory_has_any and cf_memory_discard, what all sessions share. */
extern void cf_memory_visit(const char *writer, const struct varlena *args, Snapshot snapshot,
							CfMemoryVisit visit, void *arg);
extern bool cf_memory_holds_any(const char *writer);
extern void cf_memory_discard_shared(const char *writer);

#endif							/* CF_BEHIND_MEMORY_INTERNAL_H */
