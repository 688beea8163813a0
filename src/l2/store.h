/*
 * store.h - values, leases and tag versions in Redis: what a reader does there.
 *
 * Each function is one pipelined round trip, in a space that cf_space_open has
 * opened. Nothing here raises an error; where the caller says interruptible, a
 * cancel does.
 *
 * src/l2/store.h
 */
#ifndef CF_L2_STORE_H
#define CF_L2_STORE_H

#include "postgres.h"

#include "codec/key.h"
#include "l2/command.h"
#include "l2/space.h"

#define CF_TOKEN_LEN 16			/* hexadecimal digits, random */
#define CF_VERSION_LEN (CF_LSN_LEN + 1 + CF_TOKEN_LEN)
#define CF_SUFFIX_LEN 61		/* what tells variants of a key apart */

/*
 * The DDL epochs, of the database and of the server, are tags of every entry.
 * They have names that are not worth typing.
 */
#define CF_TAG_EPOCH_DATABASE "\001"
#define CF_TAG_EPOCH_SERVER "\002"

typedef enum CfVersionState
{
	CF_VERSION_NONE,			/* missing, fenced, or of before the floor */
	CF_VERSION_MARKED,			/* to be confirmed */
	CF_VERSION_KNOWN
} CfVersionState;

/* A tag and the version that it has, or had when an entry was filled. */
typedef struct CfL2Tag
{
	const char *name;			/* the caller's memory */
	int			name_len;
	CfVersionState state;
	char		version[CF_VERSION_LEN + 1];
} CfL2Tag;

/* One variant of one key: where it lies. */
typedef struct CfL2Variant
{
	const CfSpace *space;
	char		key[CF_SPACE_MAX_NAME + CF_MAX_KEY + 8];
	int			key_len;
	char		suffix[CF_SUFFIX_LEN + 1];
	char		value_field[CF_SUFFIX_LEN + 3];
	char		meta_field[CF_SUFFIX_LEN + 3];
	char		lease_field[CF_SUFFIX_LEN + 3];
} CfL2Variant;

extern void cf_store_variant(CfL2Variant *variant, const CfSpace *space,
							 const CfKey *key, const CfIdentity *id);

typedef enum CfLookState
{
	CF_LOOK_ABSENT,
	CF_LOOK_FENCED,
	CF_LOOK_PRESENT
} CfLookState;

/* Strings point into the reply: valid until the next round trip. */
typedef struct CfLook
{
	CfLookState state;
	const char *value;
	Size		value_len;
	const char *meta;
	Size		meta_len;
} CfLook;

/*
 * The variant, and the versions that the tags have now. On a standby the floor
 * is read anew with it, into *floor; it is CF_L2_FAILED if there is none.
 */
extern CfL2Status cf_store_look(const CfL2Variant *variant, CfL2Tag *tags, int ntags,
								CfFloor *floor, CfLook *look, bool interruptible);

/* The versions of more tags, as cf_store_look has them. */
extern CfL2Status cf_store_versions(const CfSpace *space, CfL2Tag *tags, int ntags,
									const CfFloor *floor, bool interruptible);

typedef enum CfLeaseState
{
	CF_LEASE_GRANTED,			/* fill with this token */
	CF_LEASE_OTHER,				/* somebody else loads: wait for it */
	CF_LEASE_REFUSED			/* load, and do not fill */
} CfLeaseState;

typedef struct CfLease
{
	CfLeaseState state;
	char		token[CF_TOKEN_LEN + 1];
	uint64		lsn;			/* where the server was before it asked */
	bool		proven;			/* standby: nothing of late was lost, even where
								 * tombstones and versions are missing ... */
	uint64		beat_lsn;		/* ... after this beat */
	int64		beat_ms;
	uint64		beat_evicted;
} CfLease;

/* Sets all of *lease. */
extern CfL2Status cf_store_lease(const CfL2Variant *variant, int64 lease_ms,
								 const CfFloor *floor, CfLease *lease, bool interruptible);

/*
 * Under a lease, before the snapshot of the load: the versions of the tags
 * that it depends on. Those that are missing the writing server marks; if then
 * no clock of them is pending it confirms them. A standby makes them only where
 * the lease has proof, which must still hold. keep_ms: how long an unused
 * version must be kept.
 */
extern CfL2Status cf_store_ensure(const CfSpace *space, CfL2Tag *tags, int ntags,
								  int64 keep_ms, const CfFloor *floor,
								  const CfLease *lease, bool interruptible);
extern CfL2Status cf_store_confirm(const CfSpace *space, CfL2Tag *tags, int ntags,
								   int64 keep_ms, bool interruptible);

/* Gives the lease back, for nothing will be filled. Does not wait long. */
extern void cf_store_release(const CfL2Variant *variant, const CfLease *lease);

/* *stored is false if the lease no longer stood. */
extern CfL2Status cf_store_fill(const CfL2Variant *variant, const CfLease *lease,
								const char *value, Size value_len,
								const char *meta, Size meta_len, int64 keep_ms,
								bool *stored, bool interruptible);

/* Writers: one command each, added to the pipeline of cf_l2_begin. */
typedef enum CfFenceStep
{
	CF_STEP_FENCE,
	CF_STEP_SETTLE,
	CF_STEP_LIFT
} CfFenceStep;

extern void cf_store_add_key(const CfSpace *space, CfFenceStep step,
							 const char *key, int len, const char *token,
							 uint64 commit_lsn, const CfFloor *floor);
extern void cf_store_add_tag(const CfSpace *space, CfFenceStep step,
							 const char *tag, int len, const char *token,
							 uint64 commit_lsn, const CfFloor *floor);

/* Did all commands of the pipeline that ran give what such steps give? */
extern bool cf_store_steps_ok(void);

extern bool cf_store_make_token(char *token);

#endif							/* CF_L2_STORE_H */
