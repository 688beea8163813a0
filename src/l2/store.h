/*
 * store.h - values and leases in Redis: what a reader does there.
 *
 * Each function is one round trip. Nothing here raises an error, but a cancel does: in a
 * look, in a fill, and where a lease's terms say so.
 *
 * src/l2/store.h
 */
#ifndef CF_L2_STORE_H
#define CF_L2_STORE_H

#include "postgres.h"

#include "base/compat.h"
#include "codec/key.h"
#include "l2/place.h"
#include "redis/command.h"

#define CF_TOKEN_LEN 16			/* hexadecimal digits */
#define CF_SUFFIX_LEN 61		/* what tells variants of a key apart */
#define CF_CLUSTER_LEN 17		/* what tells clusters apart */

/* One variant of one key: where it lies. */
typedef struct CfL2Variant
{
	const char *ns;				/* cf_place_mine() */
	char		key[CF_PLACE_MAX + CF_MAX_KEY + 8];
	int			key_len;
	char		suffix[CF_SUFFIX_LEN + 1];
	char		value_field[CF_SUFFIX_LEN + 3];
	char		meta_field[CF_SUFFIX_LEN + 3];
	char		lease_field[CF_SUFFIX_LEN + 3 + CF_CLUSTER_LEN];
	char		claim_field[CF_SUFFIX_LEN + 3 + CF_CLUSTER_LEN];
} CfL2Variant;

extern void cf_store_variant(CfL2Variant *variant, const char *ns, const CfKey *key,
							 const CfIdentity *id);

/* What is there; strings point into the reply, and are valid until the next round trip. */
typedef struct CfLook
{
	bool		found;
	const char *value;
	Size		value_len;
	const char *meta;
	Size		meta_len;
} CfLook;

/* The same for many: adds to the pipeline of cf_l2_begin; false: nothing was found. */
extern void cf_store_add_look(const CfL2Variant *variant);
extern bool cf_store_take_look(const redisReply *reply, CfLook *look);

extern pg_nodiscard CfL2Status cf_store_look(const CfL2Variant *variant, CfLook *look);

/*
 * One load at a time, of all servers. For economy only: no value is the fresher for
 * it. Whoever drops the key drops its leases too, so that what was loaded before is
 * not put there after.
 */
typedef enum CfLeaseState
{
	CF_LEASE_GRANTED,			/* fill with this token */
	CF_LEASE_OTHER,				/* somebody else loads: wait for it */
	CF_LEASE_FILLED,			/* somebody else has: look again */
	CF_LEASE_REFUSED			/* load, and do not fill */
} CfLeaseState;

typedef struct CfLease
{
	CfLeaseState state;
	char		token[CF_TOKEN_LEN + 1];
	char		holder[CF_TOKEN_LEN + 1];	/* the token of who has it; "" if that is us,
	or unknown */
} CfLease;

/* What a lease is asked for with; all that is not set is none. */
typedef struct CfLeaseTerms
{
	int64		ms;				/* after that others may take it over; who has it can still fill */
	int64		longest_ms;		/* at most, however often one after the other takes longer */
	uint64		incarnation;	/* of this server, if it writes */
	const char *instead;		/* a token of a dead holder, or our own; or NULL */
	bool		keep;			/* our own: then it stays our token */
	bool		empty;			/* the last look found nothing: none, if there is a value by now */
	bool		interruptible;
	const char *claim;			/* what is said of the claim that it is for, or NULL */
} CfLeaseTerms;

/* Sets all of *lease. */
extern pg_nodiscard CfL2Status cf_store_lease(const CfL2Variant *variant, const CfLeaseTerms *terms,
											  CfLease *lease);

/* Is a token of an incarnation, or perhaps of another with the same low half? */
extern bool cf_store_is_of(const char *token, uint64 incarnation);

/*
 * Gives the lease back, for nothing will be filled. claim: what is said from now on of
 * the claim that it was for, or NULL. Does not wait long.
 */
extern void cf_store_release(const CfL2Variant *variant, const CfLease *lease,
							 const char *claim);

/* What is said of a claim, and its lease. */
#define CF_STORE_CLAIM_MAX 128

typedef struct CfClaimLook
{
	char		claim[CF_STORE_CLAIM_MAX];	/* "": nothing */
	char		lease[CF_TOKEN_LEN + 1];	/* "": there is none */
	int64		left_ms;		/* that the lease has, not negative */
} CfClaimLook;

extern CfL2Status cf_store_look_at_claim(const CfL2Variant *variant, CfClaimLook *look,
										 bool interruptible);

/* What is to be stored of a variant: the bytes are the caller's. */
typedef struct CfL2Value
{
	const char *value;
	Size		value_len;
	const char *meta;
	Size		meta_len;
	int64		keep_ms;		/* then Redis forgets it */
} CfL2Value;

/* *stored is false if the lease no longer stood. */
extern CfL2Status cf_store_fill(const CfL2Variant *variant, const CfLease *lease,
								const CfL2Value *value, bool *stored);

/* The name of a key in Redis, which takes CF_STORE_NAME_MAX bytes at most; its length. */
#define CF_STORE_NAME_MAX (CF_PLACE_MAX + CF_MAX_KEY + 8)
extern int	cf_store_print_key(char *name, const char *ns, const char *key, int len);

/* Adds to the pipeline of cf_l2_begin: drops all that there is of a key. */
extern void cf_store_add_drop(const char *name, int len);

/* The same: stores one variant, or drops it; a claim of it ends with that. */
extern void cf_store_add_put(const CfL2Variant *variant, const CfL2Value *value);
extern void cf_store_add_remove(const CfL2Variant *variant);

/*
 * Lists of hot keys, in the hash "cfh:<ns>": number 0 of the server that writes, the others
 * of standbys, which choose one. These, too, add to the pipeline. keep_ms: of all of them.
 */
#define CF_STORE_LISTS 7
extern void cf_store_add_lists(const char *ns);
extern pg_nodiscard bool cf_store_take_list(const redisReply *reply, int i, const char **list,
											Size *len);
extern void cf_store_add_put_list(const char *ns, int i, const char *list, Size len,
								  int64 keep_ms);

#endif							/* CF_L2_STORE_H */
