/*
 * envelope.h - a cached value as it lies in Redis: its meta, and its bytes.
 *
 * A stored variant is two byte strings. The meta says what a reader must know
 * before it takes the value: when and by whom it was filled, until when it is
 * good, which tag versions it depends on. The stored bytes are the value,
 * compressed and encrypted where asked for. DESIGN section 6; the layout of the
 * meta is at the head of envelope_meta.c.
 *
 * What comes from Redis is untrusted. A reader first calls
 * cf_envelope_decode_meta, which only checks bounds, and decides by what it
 * finds; nothing of that is proven before cf_envelope_decode_value returns OK.
 * Then the CRC was right for this namespace, key, identity, meta and value
 * together, so that no reply is taken for another's; and with encryption all
 * five are authentic.
 *
 * Nothing here raises an error, reads a setting, or looks at a clock. Memory
 * comes from CurrentMemoryContext.
 *
 * src/codec/envelope.h
 */
#ifndef CF_CODEC_ENVELOPE_H
#define CF_CODEC_ENVELOPE_H

#include "postgres.h"

#include "datatype/timestamp.h"

#include "codec/compress.h"
#include "codec/crypto.h"

#define CF_ENVELOPE_MAX_IDENTITY 64 /* bytes */
#define CF_ENVELOPE_MAX_TAGS 1000
#define CF_ENVELOPE_MAX_VERSION 96	/* bytes of a tag's version */

/* A little less than the largest string that Redis takes. */
#define CF_ENVELOPE_MAX_VALUE (512 * 1024 * 1024 - 1024)

typedef enum CfEnvelopeStatus
{
	CF_ENVELOPE_OK,
	CF_ENVELOPE_NO_MEMORY,
	CF_ENVELOPE_BAD_FORMAT,		/* not a meta, cut off, or a field out of bounds */
	CF_ENVELOPE_BAD_VERSION,	/* a meta of another version of the format */
	CF_ENVELOPE_BAD_IDENTITY,	/* another identity's value */
	CF_ENVELOPE_BAD_CRC,		/* damaged, or of another key or namespace */
	CF_ENVELOPE_BAD_KEY,		/* the ring lacks its key, or it must have one */
	CF_ENVELOPE_NOT_AUTHENTIC,	/* not what was encrypted, or not for here */
	CF_ENVELOPE_BAD_COMPRESSION,
	CF_ENVELOPE_TOO_LARGE,
	CF_ENVELOPE_UNSUPPORTED,	/* compressed as this build cannot read */
	CF_ENVELOPE_CRYPTO_FAILED	/* OpenSSL could not encrypt */
} CfEnvelopeStatus;

typedef struct CfEnvelopeTag
{
	const char *name;			/* 1 to CF_MAX_TAG bytes, not zero-terminated */
	const char *version;
	uint16		name_len;
	uint8		version_len;
} CfEnvelopeTag;

typedef struct CfEnvelope
{
	/* What the one who fills says of the value. */
	bool		negative;		/* the query gave no rows */
	bool		rows;			/* the value is rowcodec's, not JSON */
	bool		covered;
	bool		provable;
	bool		tracked;		/* true only in the incarnation that filled it */
	uint32		timeline;		/* where it was filled */
	uint64		lsn;			/* all that committed before is in the value ... */
	uint64		end_lsn;		/* ... and nothing that committed after */
	uint64		incarnation;
	uint64		schema;			/* version of the result's shape */
	TimestampTz filled_at;
	TimestampTz expires_at;		/* not before filled_at */
	int64		ttl;			/* us, not negative */
	int64		stale_for;		/* us past expires_at, not negative */
	uint32		load_us;
	uint32		first_len;		/* bytes of the first object, at offset 1 */
	int			ntags;
	CfEnvelopeTag *tags;

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
extern CfEnvelopeStatus cf_envelope_encode(CfEnvelope *env,
										   const char *value, Size len,
										   const CfEnvelopePlace *place,
										   const CfEnvelopeOptions *options,
										   CfEnvelopeEncoded *encoded);
extern void cf_envelope_free_encoded(CfEnvelopeEncoded *encoded);

/*
 * Takes a meta apart. Identity, names and versions point into it: it must stay
 * as long as env is used. Only the array of tags is allocated (NULL if there is
 * none); on failure it is not.
 */
extern CfEnvelopeStatus cf_envelope_decode_meta(const char *meta, Size len,
												CfEnvelope *env);

/*
 * The value to an env that was decoded just so: a palloc'd varlena, or NULL on
 * any failure. Takes no more memory than twice max_len and a fixed amount.
 */
extern CfEnvelopeStatus cf_envelope_decode_value(const CfEnvelope *env,
												 const char *stored, Size len,
												 const CfEnvelopePlace *place,
												 const CfEnvelopeOptions *options,
												 struct varlena **value);

/* For the log: 'damaged', 'not authentic', ... */
extern const char *cf_envelope_status_text(CfEnvelopeStatus status);

#endif							/* CF_CODEC_ENVELOPE_H */
