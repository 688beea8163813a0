/*
 * key.h - keys, identities and the 128-bit hash that tells variants apart.
 *
 * A key is the caller's text. One key has many variants, one an identity:
 * who asks (roles, compared exactly) and what (a 128-bit hash of query, args,
 * result form, search_path and settings).
 *
 * src/codec/key.h
 */
#ifndef CF_CODEC_KEY_H
#define CF_CODEC_KEY_H

#include "postgres.h"

#include "codec/siphash.h"

#define CF_MAX_KEY 1024			/* bytes */
#define CF_MAX_TAG 1024			/* bytes */
#define CF_MAX_TAGS 1000		/* that a caller may name */
#define CF_MAX_CACHE_NAME 64	/* bytes, with the closing zero */

typedef struct CfHash128
{
	uint64		h[2];
} CfHash128;

/* What the value of an entry is. */
typedef enum CfForm
{
	CF_FORM_JSON,				/* array of row objects */
	CF_FORM_ROWS,				/* rowcodec */
	CF_FORM_VALUE,				/* set by cache_set */
	CF_FORM_TUPLES				/* rows as this server has them: statement/keep.c */
} CfForm;

typedef struct CfKey
{
	Oid			dboid;
	const char *data;			/* not zero-terminated; the caller's memory */
	int			len;
	uint64		hash;			/* of dboid and data */
} CfKey;

typedef struct CfIdentity
{
	Oid			role;			/* effective role, or InvalidOid if shared */
	Oid			session_role;
	CfForm		form;
	CfHash128	hash;
} CfIdentity;

/*
 * What the hashes depend on, set as the process starts: secrets that the primary
 * and its standbys share. names: for hashes of keys and tags, which each of them
 * must compute alike, for they stand in the WAL and in Redis. identities: for
 * hashes of identities, which are names of values in Redis.
 */
typedef struct CfHashSecrets
{
	uint64		names;
	uint64		identities[2];
} CfHashSecrets;

extern void cf_key_set_secrets(const CfHashSecrets *secrets);

extern void cf_key_init(CfKey *key, Oid dboid, const char *data, int len);

/*
 * What an entry may depend on, and a commit may change: a hash, the same on all
 * servers of a cluster, with what it is of in its lowest three bits (or four). Two things
 * of one hash cost a miss, never a stale hit. In memory it names a clock
 * (l1/clock.h) and a slot of the history (history/history.h).
 */
typedef uint64 CfClockRef;

typedef enum CfClockKind
{
	CF_CLOCK_TAG,				/* a caller's */
	CF_CLOCK_KEY,
	CF_CLOCK_ROWS,				/* of rows that a rule tells apart */
	CF_CLOCK_TABLE,				/* of a table, or a rule */
	CF_CLOCK_EPOCH,				/* all of a database */
	CF_CLOCK_NAMES,				/* names of a database that come and go without an epoch */
	CF_CLOCK_VALUE,				/* what cache_set stores under a key */
	CF_CLOCK_SERVER,			/* the epoch and the names of the server */
	CF_CLOCK_DEFINITION			/* definitions of a database; of this server alone */
} CfClockKind;

#define CF_CLOCK_KINDS 9
#define CF_CLOCK_KIND_MASK UINT64CONST(7)
#define CF_CLOCK_LOCAL_BIT UINT64CONST(8)

/*
 * Those of the server are a few numbers without the fourth bit. With it the same
 * three mean a definition: never in the WAL or in Redis.
 */
static inline CfClockKind
cf_clock_kind(CfClockRef ref)
{
	const uint64 local = CF_CLOCK_LOCAL_BIT | CF_CLOCK_SERVER;

	return (CfClockKind) ((ref & CF_CLOCK_KIND_MASK) + ((ref & local) == local));
}

/* Of those of CF_CLOCK_TABLE: a rule's, which moves whether somebody depends on it or not. */
#define CF_CLOCK_OF_RULE UINT64CONST(8)

static inline bool
cf_clock_is_of_table(CfClockRef ref)
{
	return cf_clock_kind(ref) == CF_CLOCK_TABLE && (ref & CF_CLOCK_OF_RULE) == 0;
}

/* For kinds but that of definitions. */
static inline CfClockRef
cf_clock_ref(CfClockKind kind, uint64 hash)
{
	return (hash & ~CF_CLOCK_KIND_MASK) | (uint64) kind;
}

static inline CfClockRef
cf_clock_of_key(uint64 hash)
{
	return cf_clock_ref(CF_CLOCK_KEY, hash);
}

/* Databases by a multiplication (Knuth's), for it is asked twice a hit. */
#define cf_clock_hash_of_database(dboid) ((dboid) * UINT64CONST(0x9e3779b97f4a7c15))

/* The clock that every entry of a database (0: of all) depends on. No tag or key has it. */
static inline CfClockRef
cf_clock_of_epoch(Oid dboid)
{
	return OidIsValid(dboid) ?
		cf_clock_ref(CF_CLOCK_EPOCH, cf_clock_hash_of_database(dboid)) :
		cf_clock_ref(CF_CLOCK_SERVER, 0);
}

/*
 * The clock of names of a database (0: of the server) that come and go without an
 * epoch, on which results depend that look some up or print them.
 */
static inline CfClockRef
cf_clock_of_light_names(Oid dboid)
{
	return OidIsValid(dboid) ?
		cf_clock_ref(CF_CLOCK_NAMES, cf_clock_hash_of_database(dboid)) :
		cf_clock_ref(CF_CLOCK_SERVER, UINT64CONST(1) << 32);
}

/*
 * The clock of the values that cache_set stores under a key: what took one in a
 * query that is cached depends on it. Nothing else does, the value least of all.
 */
static inline CfClockRef
cf_clock_of_value(uint64 key_hash)
{
	return cf_clock_ref(CF_CLOCK_VALUE, key_hash);
}

/*
 * A clock that nothing moves, on which depends what no other server can judge: it
 * was read from tables that the WAL does not have.
 */
static inline CfClockRef
cf_clock_of_unlogged(void)
{
	return cf_clock_ref(CF_CLOCK_SERVER, UINT64CONST(2) << 32);
}

/*
 * Clocks that DDL moves where it is known what it changes (docs/ddl.md): of what a
 * relation is; of a name in a schema, which may come to mean something else; and
 * one of each database that all such DDL moves.
 */
extern CfClockRef cf_clock_of_definition(Oid dboid, Oid relid);
extern CfClockRef cf_clock_of_name(Oid dboid, Oid schema, const char *name);
extern CfClockRef cf_clock_of_any_definition(Oid dboid);

/* A tag's hash is the name of its clock. */
extern CfClockRef cf_tag_hash(Oid dboid, const char *data, int len);

/* A tag with its hash. */
typedef struct CfTag
{
	uint64		hash;
	int			len;
	char		text[CF_MAX_TAG];
} CfTag;

#define CF_TAG_OF_ROWS_LEN 22

/*
 * Tags of the cache itself: 'table:OID', 'rule:OID:NAME', 'rule:#HASH' (rows: see
 * rules/family.h), and the epochs, whose names are not worth typing. No caller's
 * tag may be one.
 */
static inline bool
cf_tag_is_of_table(const char *tag, int len)
{
	return len >= 6 && memcmp(tag, "table:", 6) == 0;
}

static inline bool
cf_tag_is_reserved(const char *tag, int len)
{
	return (len == 1 && (unsigned char) tag[0] < ' ') || cf_tag_is_of_table(tag, len) ||
		(len >= 5 && memcmp(tag, "rule:", 5) == 0);
}

/* 'rule:#HASH', with sixteen digits. */
static inline bool
cf_tag_is_of_rows(const char *tag, int len)
{
	return len == CF_TAG_OF_ROWS_LEN && memcmp(tag, "rule:#", 6) == 0;
}

/* Of rows ('rule:#HASH'), or what else only this cache can make sense of? */
static inline bool
cf_tag_is_unpublished(const char *tag, int len)
{
	return len > 6 && memcmp(tag, "rule:#", 6) == 0;
}

extern void cf_tag_init(CfTag *tag, Oid dboid, const char *data, int len);

/* 'rule:#HASH', for which see rules/family.h. */
extern void cf_tag_of_rows(CfTag *tag, Oid dboid, uint64 hash);

/* 'table:OID', on which every entry that reads the table depends. */
extern void cf_tag_of_table(CfTag *tag, Oid dboid, Oid relid);

extern void cf_hash128_init(CfHash128 *hash, uint64 kind);
extern void cf_hash128_add(CfHash128 *hash, const void *data, Size len);
extern void cf_hash128_add_u64(CfHash128 *hash, uint64 value);

/*
 * Many small parts in one go, for a third of the price: begin with the hash so
 * far, put them, end. A text is put with its length, so that borders count.
 */
typedef struct CfHashStream
{
	CfSipState	sip;
	uint64		bytes;
} CfHashStream;

extern void cf_hash_stream_begin(CfHashStream *stream, const CfHash128 *hash);
extern void cf_hash_stream_put(CfHashStream *stream, const void *data, Size len);
extern void cf_hash_stream_end(CfHashStream *stream, CfHash128 *hash);

static inline void
cf_hash_stream_put_u64(CfHashStream *stream, uint64 value)
{
	cf_siphash_word(&stream->sip, value);
	stream->bytes += sizeof(value);
}

static inline bool
cf_hash128_equal(const CfHash128 *a, const CfHash128 *b)
{
	return a->h[0] == b->h[0] && a->h[1] == b->h[1];
}

static inline bool
cf_identity_equal(const CfIdentity *a, const CfIdentity *b)
{
	return cf_hash128_equal(&a->hash, &b->hash) &&
		a->role == b->role && a->session_role == b->session_role &&
		a->form == b->form;
}

/* The next shorter prefix of a key that ends before a colon, or -1. */
extern int	cf_key_prefix(const char *data, int len);

#endif							/* CF_CODEC_KEY_H */
