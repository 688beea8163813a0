/*
 * envelope_meta.c - the meta of a cached value: fields to bytes and back.
 *
 * In network byte order and without padding:
 *
 *	 0	magic 'cfe', then the version of the format, 2
 *	 4	flags (8 bits), compression (8), id of the encryption key (16; 0: none)
 *	 8	LSN, end, incarnation, system identifier, schema version (64 each)
 *	48	filled at, expires at, time to live, stale for (64 each)
 *	80	load time, length of the first object, plain length (32 each)
 *	92	number of refs (16), length of the identity (8)
 *	95	identity
 *		refs (64 each)
 *		if it is not encrypted: the signature, which envelope.c fills in and checks
 *
 * There is one way only to write a given meta, and a reader accepts no other.
 *
 * src/codec/envelope_meta.c
 */
#include "postgres.h"

#include "common/int.h"
#include "port/pg_bswap.h"

#include "codec/envelope.h"
#include "codec/envelope_internal.h"

static const char MAGIC[3] = {'c', 'f', 'e'};

#define FORMAT_VERSION 2
#define FIXED_LEN 95

#define FLAG_NEGATIVE 0x01
#define FLAG_ROWS 0x02
#define FLAG_COVERED 0x04
#define FLAG_PROVABLE 0x08
#define FLAG_VALUE 0x10
#define FLAG_FORMS (FLAG_ROWS | FLAG_VALUE)
#define FLAGS_KNOWN 0x1f

bool
cf_envelope_meta_is_valid(const CfEnvelope *env)
{
	int64		sum;

	return IS_VALID_TIMESTAMP(env->filled_at) &&
		IS_VALID_TIMESTAMP(env->expires_at) &&
		env->expires_at >= env->filled_at &&
		env->ttl >= 0 && env->stale_for >= 0 &&
		!pg_add_s64_overflow(env->filled_at, env->ttl, &sum) &&
		!pg_add_s64_overflow(env->expires_at, env->stale_for, &sum) &&
		(env->first_len == 0 || env->first_len < env->plain_len) &&
		env->end >= env->lsn &&
		env->identity_len <= CF_ENVELOPE_MAX_IDENTITY &&
		env->nrefs >= 0 && env->nrefs <= CF_ENVELOPE_MAX_REFS;
}

/* ---- writing a meta ---- */

static void
put_bytes(char **at, const void *data, Size len)
{
	if (len > 0)
		memcpy(*at, data, len);
	*at += len;
}

static void
put_u8(char **at, uint8 n)
{
	*(*at)++ = (char) n;
}

static void
put_u16(char **at, uint16 n)
{
	n = pg_hton16(n);
	put_bytes(at, &n, sizeof(n));
}

static void
put_u32(char **at, uint32 n)
{
	n = pg_hton32(n);
	put_bytes(at, &n, sizeof(n));
}

static void
put_u64(char **at, uint64 n)
{
	n = pg_hton64(n);
	put_bytes(at, &n, sizeof(n));
}

static uint8
flags_of(const CfEnvelope *env)
{
	return (env->negative ? FLAG_NEGATIVE : 0) |
		(env->form == CF_FORM_ROWS ? FLAG_ROWS : 0) |
		(env->form == CF_FORM_VALUE ? FLAG_VALUE : 0) |
		(env->covered ? FLAG_COVERED : 0) | (env->provable ? FLAG_PROVABLE : 0);
}

Size
cf_envelope_meta_measure(const CfEnvelope *env)
{
	return FIXED_LEN + env->identity_len + env->nrefs * sizeof(CfClockRef) +
		cf_envelope_signature_len(env);
}

void
cf_envelope_meta_write(const CfEnvelope *env, char *at)
{
	put_bytes(&at, MAGIC, sizeof(MAGIC));
	put_u8(&at, FORMAT_VERSION);
	put_u8(&at, flags_of(env));
	put_u8(&at, (uint8) env->compression);
	put_u16(&at, env->key_id);
	put_u64(&at, env->lsn);
	put_u64(&at, env->end);
	put_u64(&at, env->incarnation);
	put_u64(&at, env->server);
	put_u64(&at, env->schema);
	put_u64(&at, (uint64) env->filled_at);
	put_u64(&at, (uint64) env->expires_at);
	put_u64(&at, (uint64) env->ttl);
	put_u64(&at, (uint64) env->stale_for);
	put_u32(&at, env->load_us);
	put_u32(&at, env->first_len);
	put_u32(&at, env->plain_len);
	put_u16(&at, (uint16) env->nrefs);
	put_u8(&at, env->identity_len);
	put_bytes(&at, env->identity, env->identity_len);
	for (int i = 0; i < env->nrefs; i++)
		put_u64(&at, env->refs[i]);
}

/* ---- reading a meta ---- */

/* Reading past the end gives zeroes, and is remembered. */
typedef struct Reader
{
	const char *at;
	const char *end;
	bool		overrun;
} Reader;

static const char *
get_bytes(Reader *reader, Size len)
{
	const char *data = reader->at;

	if (reader->overrun || len > reader->end - reader->at)
	{
		reader->overrun = true;
		return NULL;
	}
	reader->at += len;
	return data;
}

static uint8
get_u8(Reader *reader)
{
	const char *data = get_bytes(reader, 1);

	return data != NULL ? (uint8) *data : 0;
}

static uint16
get_u16(Reader *reader)
{
	const char *data = get_bytes(reader, sizeof(uint16));
	uint16		n = 0;

	if (data != NULL)
		memcpy(&n, data, sizeof(n));
	return pg_ntoh16(n);
}

static uint32
get_u32(Reader *reader)
{
	const char *data = get_bytes(reader, sizeof(uint32));
	uint32		n = 0;

	if (data != NULL)
		memcpy(&n, data, sizeof(n));
	return pg_ntoh32(n);
}

static uint64
get_u64(Reader *reader)
{
	const char *data = get_bytes(reader, sizeof(uint64));
	uint64		n = 0;

	if (data != NULL)
		memcpy(&n, data, sizeof(n));
	return pg_ntoh64(n);
}

static CfEnvelopeStatus
read_magic(Reader *reader)
{
	const char *magic = get_bytes(reader, sizeof(MAGIC));
	uint8		version = get_u8(reader);

	if (reader->overrun || memcmp(magic, MAGIC, sizeof(MAGIC)) != 0)
		return CF_ENVELOPE_BAD_FORMAT;
	return version == FORMAT_VERSION ? CF_ENVELOPE_OK : CF_ENVELOPE_BAD_VERSION;
}

/* JSON is what has neither flag. */
static bool
read_flags(Reader *reader, CfEnvelope *env)
{
	uint8		flags = get_u8(reader);

	env->form = (flags & FLAG_ROWS) != 0 ? CF_FORM_ROWS :
		(flags & FLAG_VALUE) != 0 ? CF_FORM_VALUE : CF_FORM_JSON;
	env->negative = (flags & FLAG_NEGATIVE) != 0;
	env->covered = (flags & FLAG_COVERED) != 0;
	env->provable = (flags & FLAG_PROVABLE) != 0;
	return (flags & ~FLAGS_KNOWN) == 0 && (flags & FLAG_FORMS) != FLAG_FORMS;
}

static CfEnvelopeStatus
read_fixed(Reader *reader, CfEnvelope *env)
{
	bool		known = read_flags(reader, env);
	uint8		compression = get_u8(reader);

	env->compression = (CfCompression) compression;
	env->key_id = get_u16(reader);
	env->lsn = get_u64(reader);
	env->end = get_u64(reader);
	env->incarnation = get_u64(reader);
	env->server = get_u64(reader);
	env->schema = get_u64(reader);
	env->filled_at = (TimestampTz) get_u64(reader);
	env->expires_at = (TimestampTz) get_u64(reader);
	env->ttl = (int64) get_u64(reader);
	env->stale_for = (int64) get_u64(reader);
	env->load_us = get_u32(reader);
	env->first_len = get_u32(reader);
	env->plain_len = get_u32(reader);
	env->nrefs = get_u16(reader);
	env->identity_len = get_u8(reader);
	env->identity = get_bytes(reader, env->identity_len);
	if (reader->overrun || !known || !cf_envelope_meta_is_valid(env))
		return CF_ENVELOPE_BAD_FORMAT;
	return cf_compress_available(compression) ? CF_ENVELOPE_OK : CF_ENVELOPE_UNSUPPORTED;
}

/* The refs must fill what is left, but for the signature. None is of one server alone. */
static CfEnvelopeStatus
read_refs(Reader *reader, CfEnvelope *env)
{
	CfClockRef *refs;

	if (reader->end - reader->at !=
		env->nrefs * sizeof(CfClockRef) + cf_envelope_signature_len(env))
		return CF_ENVELOPE_BAD_FORMAT;
	if (env->nrefs == 0)
		return CF_ENVELOPE_OK;
	refs = palloc_extended(env->nrefs * sizeof(CfClockRef), MCXT_ALLOC_NO_OOM);
	if (refs == NULL)
		return CF_ENVELOPE_NO_MEMORY;
	for (int i = 0; i < env->nrefs; i++)
	{
		refs[i] = get_u64(reader);
		if (cf_clock_kind(refs[i]) == CF_CLOCK_DEFINITION)
		{
			pfree(refs);
			return CF_ENVELOPE_BAD_FORMAT;
		}
	}
	env->refs = refs;
	return CF_ENVELOPE_OK;
}

CfEnvelopeStatus
cf_envelope_decode_meta(const char *meta, Size len, CfEnvelope *env)
{
	Reader		reader = {meta, meta + len, false};
	CfEnvelopeStatus status;

	memset(env, 0, sizeof(*env));
	status = read_magic(&reader);
	if (status == CF_ENVELOPE_OK)
		status = read_fixed(&reader, env);
	if (status == CF_ENVELOPE_OK)
		status = read_refs(&reader, env);
	env->meta = meta;
	env->meta_len = len;
	return status;
}
