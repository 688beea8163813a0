/*
 * l1_internal.h - shared structures of the store, for files of this folder.
 *
 * src/l1/l1_internal.h
 */
#ifndef CF_L1_INTERNAL_H
#define CF_L1_INTERNAL_H

#include "postgres.h"

#include "base/compat.h"
#include "port/atomics.h"
#include "storage/lwlock.h"
#include "utils/dsa.h"

#include "l1/table.h"

#define CF_L1_PARTITIONS 128	/* a power of two */

extern dsa_area *cf_l1_dsa;

/* The postmaster's own, as it was made, for saved.c. */
extern dsa_area *cf_l1_postmaster_area;

/* References are dsa_pointers to entries, whose links come first. */
#define CF_SIEVE_LINK(ctx, ref) \
	((CfSieveLink *) dsa_get_address(cf_l1_dsa, (dsa_pointer) (ref)))
#include "l1/sieve.h"

/*
 * An entry, followed by its dependencies, its key and its value. A value that
 * would make that larger than CF_L1_CHUNK lies in a chain of chunks: so there
 * are few sizes of allocations, and memory that evicting one value frees is of
 * use to any other (memory.c). All fields
 * are written before the entry is linked, and protected by the partition's
 * lock from then on; only sieve.visited is set under the shared lock. After it is
 * linked, only the links, ttl and CF_ENTRY_OUTDATED change.
 */
typedef struct CfSharedL1Entry
{
	CfSieveLink sieve;			/* first: see CF_SIEVE_LINK; note: see CfL1Meta.about; flags:
								 * CF_ENTRY_..., marker above */
	dsa_pointer next;			/* in the bucket's chain */
	uint64		key_hash;
	CfHash128	id_hash;
	TimestampTz filled_at;
	int64		ttl;			/* us */
	uint64		stamp;
	uint64		lsn;			/* see CfL1Meta */
	dsa_pointer chunks;			/* the value's, or invalid: it follows the key */
	Oid			dboid;
	Oid			role;
	Oid			session_role;
	uint32		load_us;
	uint32		value_len;
	uint32		first_len;
	uint32		stale_for;		/* in CF_ENTRY_STALE_UNIT */
	uint32		key_len:11;
	uint32		ndeps:11;
	uint32		form:2;
	uint32		stats_slot:8;
} CfSharedL1Entry;

#define CF_ENTRY_STALE_UNIT INT64CONST(10000)	/* us */

StaticAssertDecl(CF_MAX_KEY < 1 << 11, "the length of a key fits");
StaticAssertDecl(CF_L1_MAX_DEPS < 1 << 11, "the number of dependencies fits");
StaticAssertDecl(CF_FORM_TUPLES < 1 << 2, "the form fits");
StaticAssertDecl(CF_STATS_SLOTS <= 1 << 8, "the slot of the counters fits");

#define CF_ENTRY_NEGATIVE 0x01
#define CF_ENTRY_COVERED 0x02
#define CF_ENTRY_PROVABLE 0x04
#define CF_ENTRY_OUTLIVES 0x08	/* see CfL1Meta.outlives */
#define CF_ENTRY_OUTDATED 0x10	/* a changed row has invalidated its key */
#define CF_ENTRY_MARKER_SHIFT 5

StaticAssertDecl(sizeof(CfSharedL1Entry) <= 128,
				 "an entry's overhead is promised to be at most 128 bytes");

#define cf_entry_deps(entry) ((CfClockRef *) ((entry) + 1))
#define cf_entry_key(entry) ((char *) (cf_entry_deps(entry) + (entry)->ndeps))
#define cf_entry_value(entry) (cf_entry_key(entry) + (entry)->key_len)
#define cf_entry_stale_for(entry) ((entry)->stale_for * CF_ENTRY_STALE_UNIT)
#define cf_entry_expires_at(entry) ((entry)->filled_at + (entry)->ttl)
#define cf_entry_marker(entry) \
	((CfL1Marker) ((entry)->sieve.flags >> CF_ENTRY_MARKER_SHIFT))

#define CF_L1_EVICT_MIN (256 * 1024) /* least budget of bytes to evict */
#define CF_L1_CHUNK 1024
#define CF_L1_MAX_ALLOC 8192	/* DSA's largest size class */

typedef struct CfSharedL1Chunk
{
	dsa_pointer next;
	char		data[CF_L1_CHUNK - sizeof(dsa_pointer)];
} CfSharedL1Chunk;

#define CF_L1_CHUNK_DATA sizeof(((CfSharedL1Chunk *) NULL)->data)

static inline Size
cf_entry_size(Size ndeps, Size key_len, Size value_len)
{
	return sizeof(CfSharedL1Entry) + ndeps * sizeof(CfClockRef) +
		key_len + value_len;
}

typedef struct CfSharedL1Partition
{
	LWLock	   *lock;

	/* Protected by lock */
	CfSieve		sieve;
	uint64		bytes;			/* of all entries, by cf_entry_size */
	uint64		entries;
	uint64		evictions;
} CfSharedL1Partition;

typedef struct CfSharedL1
{
	/* Immutable after startup */
	uint32		nbuckets;		/* per partition, a power of two */
	Size		dsa_size;

	/* Atomics, no lock */
	pg_atomic_uint32 hand;		/* partition to evict from next */
	pg_atomic_uint32 sparse;	/* entries fill less than half of the area */

	CfSharedL1Partition partition[CF_L1_PARTITIONS];

	/* nbuckets heads a partition, protected by its lock; then the DSA area */
	dsa_pointer bucket[FLEXIBLE_ARRAY_MEMBER];
} CfSharedL1;

extern CfSharedL1 *cf_l1_shared;

static inline CfSharedL1Entry *
cf_entry(dsa_pointer dp)
{
	return dsa_get_address(cf_l1_dsa, dp);
}

static inline uint32
cf_l1_partition_of(uint64 hash)
{
	return (uint32) hash & (CF_L1_PARTITIONS - 1);
}

static inline dsa_pointer *
cf_l1_bucket_of(uint64 hash)
{
	uint32		bucket = (uint32) (hash / CF_L1_PARTITIONS) & (cf_l1_shared->nbuckets - 1);

	return &cf_l1_shared->bucket[(Size) cf_l1_partition_of(hash) * cf_l1_shared->nbuckets + bucket];
}

/*
 * Has nothing that the entry depends on changed? Rules 2 and 32 of docs/consistency.md.
 * followed: what cf_follow_catch_up said before.
 */
extern pg_nodiscard bool cf_l1_entry_is_current(const CfSharedL1Entry *entry, bool followed);

/* Copies len bytes of the value from an offset (0 or 1) on. */
extern void cf_l1_copy_value(CfSharedL1Entry *entry, Size offset, Size len, char *to);

/*
 * The postmaster, alone: stores what is known to be current, as the next to be evicted;
 * evicts nothing. False: no room.
 */
extern pg_nodiscard bool cf_l1_put_at_start(const CfKey *key, const CfIdentity *id,
											const CfValue *value, const CfL1Meta *meta,
											bool visited);

/* Evicts within the bounds of a budget, which it lowers. */
extern dsa_pointer cf_l1_alloc_evicting(Size size, Size *budget);
extern void cf_l1_free_chunks(dsa_pointer chunks);

/* Unlinks and frees the entry that *link points to; *link then has the next. */
extern void cf_l1_remove_locked(CfSharedL1Partition *partition, dsa_pointer *link);

#endif							/* CF_L1_INTERNAL_H */
