/*
 * key.c - hashing of keys, tags and identities.
 *
 * Keys are compared in full, and two tags with one clock cost a miss: there a
 * fast hash will do, with a seed that nobody can guess. An identity is its
 * hash: that is SipHash, each part hashed together with the hash so far, so
 * that the borders between parts count.
 *
 * src/codec/key.c
 */
#include "postgres.h"

#include "common/hashfn.h"

#include "codec/key.h"

#define CF_SEED_KEY UINT64CONST(0x6366206b65793a31)
#define CF_SEED_TAG UINT64CONST(0x6366207461673a31)
#define CF_SEED_DEFINITION UINT64CONST(0x6366206465663a31)
#define CF_SEED_LOW UINT64CONST(0x9e3779b97f4a7c15)
#define CF_SEED_HIGH UINT64CONST(0xc2b2ae3d27d4eb4f)

static CfHashSecrets secrets;

void
cf_key_set_secrets(const CfHashSecrets *new)
{
	secrets = *new;
}

void
cf_key_init(CfKey *key, Oid dboid, const char *data, int len)
{
	key->dboid = dboid;
	key->data = data;
	key->len = len;
	key->hash = hash_bytes_extended((const unsigned char *) data, len,
									secrets.names ^ CF_SEED_KEY ^ dboid);
}

CfClockRef
cf_tag_hash(Oid dboid, const char *data, int len)
{
	uint64		hash = hash_bytes_extended((const unsigned char *) data, len,
										   secrets.names ^ CF_SEED_TAG ^ dboid);

	if (!cf_tag_is_reserved(data, len))
		return cf_clock_ref(CF_CLOCK_TAG, hash);
	if (cf_tag_is_of_rows(data, len))
		return cf_clock_ref(CF_CLOCK_ROWS, hash);
	/* Of tables and rules there are few, and many depend on each: they share with no row. */
	hash = cf_tag_is_of_table(data, len) ? hash & ~CF_CLOCK_OF_RULE : hash | CF_CLOCK_OF_RULE;
	return cf_clock_ref(CF_CLOCK_TABLE, hash);
}

static CfClockRef
definition_ref(const void *data, Size len)
{
	return hash_bytes_extended(data, (int) len, secrets.names ^ CF_SEED_DEFINITION) |
		CF_CLOCK_LOCAL_BIT | CF_CLOCK_SERVER;
}

CfClockRef
cf_clock_of_definition(Oid dboid, Oid relid)
{
	Oid			ids[] = {dboid, relid};

	return definition_ref(ids, sizeof(ids));
}

/* Each look at an answer asks, of the session's own database. */
CfClockRef
cf_clock_of_any_definition(Oid dboid)
{
	static Oid	last = InvalidOid;
	static CfClockRef clock;

	if (unlikely(dboid != last || !OidIsValid(dboid)))
	{
		clock = cf_clock_of_definition(dboid, InvalidOid);
		last = dboid;
	}
	return clock;
}

CfClockRef
cf_clock_of_name(Oid dboid, Oid schema, const char *name)
{
	struct
	{
		Oid			ids[2];
		char		name[NAMEDATALEN];
	}			id = {{dboid, schema}};

	strlcpy(id.name, name, sizeof(id.name));
	return definition_ref(&id, sizeof(id));
}

/* The caller has checked the length. */
void
cf_tag_init(CfTag *tag, Oid dboid, const char *data, int len)
{
	Assert(len <= CF_MAX_TAG);
	tag->hash = cf_tag_hash(dboid, data, len);
	tag->len = len;
	memcpy(tag->text, data, len);
}

void
cf_tag_of_table(CfTag *tag, Oid dboid, Oid relid)
{
	tag->len = snprintf(tag->text, CF_MAX_TAG, "table:%u", relid);
	tag->hash = cf_tag_hash(dboid, tag->text, tag->len);
}

void
cf_tag_of_rows(CfTag *tag, Oid dboid, uint64 hash)
{
	static const char digits[] = "0123456789abcdef";

	/* Once for each row that changes: so by hand. */
	memcpy(tag->text, "rule:#", 6);
	for (int i = 0; i < 16; i++)
		tag->text[6 + i] = digits[(hash >> (60 - 4 * i)) & 15];
	tag->len = CF_TAG_OF_ROWS_LEN;
	tag->hash = cf_tag_hash(dboid, tag->text, tag->len);
}

void
cf_hash128_init(CfHash128 *hash, uint64 kind)
{
	hash->h[0] = CF_SEED_LOW ^ kind;
	hash->h[1] = CF_SEED_HIGH ^ kind;
}

void
cf_hash_stream_begin(CfHashStream *stream, const CfHash128 *hash)
{
	cf_siphash_begin(&stream->sip, secrets.identities);
	stream->bytes = 0;
	cf_hash_stream_put_u64(stream, hash->h[0]);
	cf_hash_stream_put_u64(stream, hash->h[1]);
}

void
cf_hash_stream_put(CfHashStream *stream, const void *data, Size len)
{
	const char *at = data;
	uint64		word;

	cf_hash_stream_put_u64(stream, len);
	for (; len > sizeof(word); len -= sizeof(word), at += sizeof(word))
	{
		memcpy(&word, at, sizeof(word));
		cf_hash_stream_put_u64(stream, word);
	}
	word = 0;
	memcpy(&word, at, len);
	cf_hash_stream_put_u64(stream, word);
}

void
cf_hash_stream_end(CfHashStream *stream, CfHash128 *hash)
{
	cf_siphash_end(&stream->sip, stream->bytes << 56, hash->h);
}

void
cf_hash128_add(CfHash128 *hash, const void *data, Size len)
{
	CfHashStream stream;

	cf_hash_stream_begin(&stream, hash);
	cf_siphash_finish(&stream.sip, data, len, stream.bytes, hash->h);
}

void
cf_hash128_add_u64(CfHash128 *hash, uint64 value)
{
	CfHashStream stream;

	cf_hash_stream_begin(&stream, hash);
	cf_hash_stream_put_u64(&stream, value);
	cf_hash_stream_end(&stream, hash);
}

int
cf_key_prefix(const char *data, int len)
{
	for (int i = len - 1; i > 0; i--)
	{
		if (data[i] == ':')
			return i;
	}
	return -1;
}
