/*
 * table.h - the shared-memory store: entries by (database, key), then identity.
 *
 * Entries live in a DSA area of fixed size. A fixed number of partitions each
 * have a lock, bucket chains and a SIEVE list. All variants of a key are in
 * one chain, so that a key is invalidated under one lock. Nothing here raises
 * an error: every function returns a status. See src/l1/README.md.
 *
 * src/l1/table.h
 */
#ifndef CF_L1_TABLE_H
#define CF_L1_TABLE_H

#include "postgres.h"

#include "base/compat.h"
#include "datatype/timestamp.h"
#include "utils/dsa.h"

#include "codec/key.h"
#include "l1/basis.h"
#include "l1/value.h"
#include "stats/counters.h"

/* Room for all that a caller may name, and for what rules add to it. */
#define CF_L1_MAX_DEPS (CF_MAX_TAGS + 64)

#define CF_L1_MAX_VARIANTS 1024 /* of one key */

/* Why a result of this identity is not cached: kept as an entry without value. */
typedef enum CfL1Marker
{
	CF_L1_VALUE,
	CF_L1_MARK_ROW_SECURITY,
	CF_L1_MARK_SETTING,
	CF_L1_MARK_SESSION,
	CF_L1_MARK_RIGHTS,

	/* It is cached, under an identity that more settings are part of. */
	CF_L1_MARK_BOUND,
	CF_L1_MARK_BOUND_ALL
} CfL1Marker;

/* What is known of a value beside itself (l1/value.h), in memory and on the way there. */
typedef struct CfL1Meta
{
	TimestampTz filled_at;		/* just before the snapshot of the load */
	TimestampTz expires_at;
	int64		ttl;			/* us; expires_at - filled_at, after jitter */
	int64		stale_for;		/* us past expires_at */
	CfBasis		basis;			/* by which it is told whether it is current */
	uint64		set_lsn;		/* cache_set: the end of its commit; else 0 */
	uint32		load_us;
	uint32		about;			/* cf_notes_keep, or 0 */
	int			ndefined;		/* of its dependencies: those that are of definitions */
	CfStatsSlot stats_slot;
	bool		covered;		/* each table that it reads has a rule that reaches it */
	bool		provable;		/* and nothing else but the snapshot decides its value */
	bool		outlives;		/* some may have it after changed rows have outdated it */
	CfL1Marker	marker;
} CfL1Meta;

/*
 * What a caller asks of an entry that another may have filled: that it goes
 * when one of his tags is invalidated, and that it is not too old for him.
 */
typedef struct CfL1Limits
{
	int			ntags;
	const CfClockRef *tags;		/* an entry must depend on each */
	int64		max_age;		/* us; PG_INT64_MAX: its own time to live is enough */
	TimestampTz asked_at;		/* what was loaded since then is young enough */
} CfL1Limits;

typedef enum CfL1Status
{
	CF_L1_MISS,					/* nothing, or invalidated */
	CF_L1_HIT,
	CF_L1_EXPIRED,				/* past its time to live; still usable as stale */
	CF_L1_MARKED				/* known not to be cacheable: see marker */
} CfL1Status;

typedef struct CfL1Result
{
	struct varlena *value;		/* palloc'd; NULL: no first row, or no memory */
	bool		no_memory;
	bool		behind;			/* what was loaded on a standby was not looked at */
	bool		lacks_tags;		/* a miss, for the limits' tags are not all among its deps */
	bool		outdated;		/* a hit only for who asked for max_stale */
	bool		negative;
	bool		covered;
	bool		provable;
	CfL1Marker	marker;
	TimestampTz filled_at;
	TimestampTz expires_at;
	int64		ttl;
	uint64		stamp;
	uint32		load_us;
	uint32		value_len;
	int			ndeps;
	CfClockRef *deps;			/* palloc'd, only where asked for */
} CfL1Result;

typedef enum CfL1PutStatus
{
	CF_L1_STORED,
	CF_L1_REFUSED,				/* an invalidation came between */
	CF_L1_TOO_LARGE,
	CF_L1_NO_MEMORY
} CfL1PutStatus;

extern void cf_l1_register(void);

/*
 * Maps the area into this process. The only function here that may raise an
 * error (out of memory), and only on its first call: call it before anything
 * that must not fail.
 */
extern void cf_l1_attach(void);

/*
 * Looks an identity up. A value is copied into CurrentMemoryContext for
 * CF_L1_HIT, and for CF_L1_EXPIRED with CF_L1_WANT_STALE.
 */
#define CF_L1_WANT_STALE 0x01
#define CF_L1_WANT_DEPS 0x02

extern pg_nodiscard CfL1Status cf_l1_get(const CfKey *key, const CfIdentity *id,
										 CfL1Part part, TimestampTz now, int flags,
										 CfL1Result *result);

/* What somebody asks of an entry. */
typedef struct CfL1Ask
{
	CfL1Part	part;
	TimestampTz now;
	int			flags;
	const CfL1Limits *limits;	/* or NULL */
	const CfL1Proof *proof;		/* only a hit that it allows; or NULL */
	int64		max_stale;		/* us after it was filled: it is a hit although changed rows,
								 * and nothing else, have outdated it; its time to live is as
								 * much shorter, then */
} CfL1Ask;

/* The same within that. With CF_L1_WANT_DEPS an entry that lacks tags still gives its deps. */
extern pg_nodiscard CfL1Status cf_l1_get_within(const CfKey *key, const CfIdentity *id,
												const CfL1Ask *ask, CfL1Result *result);

/* Does a value that was loaded or found elsewhere keep within limits (or NULL)? */
extern pg_nodiscard bool cf_l1_meta_is_within(const CfL1Meta *meta, const CfL1Limits *limits);

/*
 * Stores a value unless a clock that it depends on moved after its stamp. One of cache_set:
 * unless another cache_set under the key has committed after it, or is about to. Its own
 * clock of values must be settled before.
 */
extern CfL1PutStatus cf_l1_put(const CfKey *key, const CfIdentity *id, const CfValue *value,
							   const CfL1Meta *meta);

/* Gives an entry a new time to live, counted from now. False: no entry. */
extern bool cf_l1_touch(const CfKey *key, const CfIdentity *id,
						TimestampTz now, int64 ttl);

extern void cf_l1_delete(const CfKey *key, const CfIdentity *id);

/*
 * After a cache_set, whose commit ends at set_lsn, was not stored: what it was to replace
 * goes, unless it is of a commit after that.
 */
extern void cf_l1_delete_older(const CfKey *key, const CfIdentity *id, uint64 set_lsn);
extern int	cf_l1_delete_key(const CfKey *key);

/*
 * A changed row invalidates a key: its variants become misses, but those that may
 * outlive that stay for who asked for max_stale, and are the first to be evicted.
 */
extern void cf_l1_outdate_key(const CfKey *key);
extern void cf_l1_delete_database(Oid dboid);

/*
 * Memory of the same area, 8 kB at most, for a value that is handed from one
 * session to others. Evicts to make room, within bounds. InvalidDsaPointer:
 * none. The caller must hold no partition lock.
 */
extern pg_nodiscard dsa_pointer cf_l1_alloc(Size size);
extern void cf_l1_free(dsa_pointer dp);
extern void *cf_l1_address(dsa_pointer dp);

/* Reporting. */
typedef struct CfL1Info
{
	Oid			dboid;
	Oid			role;
	Oid			session_role;
	CfHash128	id_hash;
	uint32		about;			/* see CfL1Meta */
	CfForm		form;
	CfStatsSlot stats_slot;
	CfL1Marker	marker;
	bool		negative;
	bool		covered;
	bool		current;		/* no clock moved */
	int			bytes;			/* entry with key and value */
	int			value_len;
	int			ndeps;
	uint32		load_us;
	TimestampTz filled_at;
	TimestampTz expires_at;
	int64		stale_for;
	char	   *key;
} CfL1Info;

typedef struct CfL1Totals
{
	uint64		bytes;
	uint64		entries;
	uint64		evictions;
} CfL1Totals;

extern int	cf_l1_partitions(void);
extern void cf_l1_totals(CfL1Totals *totals);

/* Calls back once an entry of a partition, with no lock held. */
extern void cf_l1_scan(int partition,
					   void (*callback) (const CfL1Info *info, void *arg),
					   void *arg);

#endif							/* CF_L1_TABLE_H */
