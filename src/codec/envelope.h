/*
 * envelope.h - a cached value as it lies in Redis: its meta, and its bytes.
 *
 * A stored variant is two byte strings. The meta says what a reader must know
 * before it takes the value: up to which LSN it holds what was committed, what
 * it depends on, by whom it was filled and until when it is good. The stored
 * bytes are the value, compressed and encrypted where asked for. The layout of
 * the meta is at the head of envelope_meta.c.
 *
 * What comes from Redis is untrusted. A reader first calls
 * cf_envelope_decode_meta, which only checks bounds, and decides by what it
 * finds; nothing of that is proven before cf_envelope_decode_value returns OK.
 * Then somebody who knows the secret of this cluster, or has the key of
 * encryption, has put namespace, key, identity, meta and value together. So no
 * reply is taken for another's, and whoever can only write into Redis can give
 * back what was there once, and nothing else.
 *
 * Nothing here raises an error, reads a setting, or looks at a clock. Memory
 * comes from CurrentMemoryContext.
 *
 * src/codec/envelope.h
 */
#ifndef CF_CODEC_ENVELOPE_H
#define CF_CODEC_ENVELOPE_H

#include "postgres.h"

#include "base/compat.h"
#include "datatype/timestamp.h"

#include "codec/compress.h"
#include "codec/crypto.h"
#include "codec/key.h"

#define CF_ENVELOPE_MAX_IDENTITY 64 /* bytes */
#define CF_ENVELOPE_MAX_REFS CF_MAX_TAGS

/* A little less than the largest string that Redis takes. */
#define CF_ENVELOPE_MAX_VALUE (512 * 1024 * 1024 - 1024)

typedef enum CfEnvelopeStatus
{
	CF_ENVELOPE_OK,
	CF_ENVELOPE_NO_MEMORY,
	CF_ENVELOPE_BAD_FORMAT,		/* not a meta, cut off, or a field out of bounds */
	CF_ENVELOPE_BAD_VERSION,	/* a meta of another version of the format */
	CF_ENVELOPE_BAD_IDENTITY,	/* another identity's value */
	CF_ENVELOPE_BAD_KEY,		/* the ring lacks its key, or it must have one */
	CF_ENVELOPE_NOT_AUTHENTIC,	/* damaged, of another key, or of none of our servers */
	CF_ENVELOPE_BAD_COMPRESSION,
	CF_ENVELOPE_TOO_LARGE,
	CF_ENVELOPE_UNSUPPORTED,	/* compressed as this build cannot read */
	CF_ENVELOPE_CRYPTO_FAILED	/* OpenSSL could not encrypt or sign */
} CfEnvelopeStatus;

typedef struct CfEnvelope
{
	/* What the one who fills says of the value. */
	CfForm		form;
	bool		negative;		/* the query gave no rows */
	bool		covered;
	bool		provable;
	uint64		lsn;			/* all that committed before is in the value ... */
	uint64		end;			/* ... and nothing that committed after; not less */
	uint64		incarnation;	/* of the data that it was made of: history/line.h */
	uint64		server;			/* system identifier: for the log */
	uint64		schema;			/* version of the result's shape */
	TimestampTz filled_at;
	TimestampTz expires_at;		/* not before filled_at */
	int64		ttl;			/* us, not negative */
	int64		stale_for;		/* us past expires_at, not negative */
	uint32		load_us;
	uint32		first_len;		/* bytes of the first object, at offset 1 */
	int			nrefs;
	const CfClockRef *refs;		/* what it depends on; key and epochs are implied */

	/* Set by encoding and decoding. */
	CfCompression compression;
	uint16		key_id;			/* of encryption; 0: not encrypted */
	uint32		plain_len;
	uint8		identity_len;
	const char *identity;
	const char *meta;			/* decoding: what it was decoded from */
	Size		meta_len;
} CfEnvelope;

/* Where a value belongs. It is of no use anywhere else. */
typedef struct CfEnvelopePlace
{
	const char *ns;
	const char *key;
	const char *identity;		/* at most CF_ENVELOPE_MAX_IDENTITY bytes */
	int			ns_len;
	int			key_len;
	int			identity_len;
} CfEnvelopePlace;

typedef struct CfEnvelopeOptions
{
	CfCompression compression;	/* encoding; one not built in means none */
	Size		compress_min;	/* encoding: shorter values are left as they are */
	const CfKeyring *keyring;	/* encoding: encrypt if not NULL */
	const CfKeyring *secret;	/* one key, of the cluster: signs what is not encrypted */
	bool		must_encrypt;	/* refuse what is not, or could not be, encrypted */
	Size		max_len;		/* decoding: of the plain value */
} CfEnvelopeOptions;

typedef struct CfEnvelopeEncoded
{
	char	   *meta;
	Size		meta_len;
	const char *stored;			/* the caller's value itself, if it was not changed */
	Size		stored_len;
	char	   *owned;			/* what stored points to, if that is ours */
} CfEnvelopeEncoded;

/* On failure nothing is allocated. Free with cf_envelope_free_encoded. */
extern pg_nodiscard CfEnvelopeStatus cf_envelope_encode(CfEnvelope *env,
														const char *value, Size len,
														const CfEnvelopePlace *place,
														const CfEnvelopeOptions *options,
														CfEnvelopeEncoded *encoded);
extern void cf_envelope_free_encoded(CfEnvelopeEncoded *encoded);

/*
 * Takes a meta apart. The identity points into it: it must stay as long as env is
 * used. Only the array of refs is allocated (NULL if there is none); on failure
 * it is not.
 */
extern pg_nodiscard CfEnvelopeStatus cf_envelope_decode_meta(const char *meta, Size len,
															 CfEnvelope *env);

/*
 * The value to an env that was decoded just so: a palloc'd varlena, or NULL on
 * any failure. Takes no more memory than twice max_len and a fixed amount.
 */
extern pg_nodiscard CfEnvelopeStatus cf_envelope_decode_value(const CfEnvelope *env,
															  const char *stored, Size len,
															  const CfEnvelopePlace *place,
															  const CfEnvelopeOptions *options,
															  struct varlena **value);

/* For the log: 'damaged', 'not authentic', ... */
extern const char *cf_envelope_status_text(CfEnvelopeStatus status);

#endif							/* CF_CODEC_ENVELOPE_H */
