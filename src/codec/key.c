/*
 * key.c - hashing of keys, tags and identities.
 *
 * PostgreSQL's hash_bytes_extended does the work. An identity runs it twice
 * with different seeds, each part seeded by the hash so far, so that the
 * borders between parts count. The hash is not keyed: roles are compared
 * exactly, so a collision that somebody constructs shows him his own data.
 *
 * src/codec/key.c
 */
#include "postgres.h"

#include "common/hashfn.h"

#include "codec/key.h"

#define CF_SEED_KEY UINT64CONST(0x6366206b65793a31)
#define CF_SEED_TAG UINT64CONST(0x6366207461673a31)
#define CF_SEED_LOW UINT64CONST(0x9e3779b97f4a7c15)
#define CF_SEED_HIGH UINT64CONST(0xc2b2ae3d27d4eb4f)

void
cf_key_init(CfKey *key, Oid dboid, const char *data, int len)
{
	key->dboid = dboid;
	key->data = data;
	key->len = len;
	key->hash = hash_bytes_extended((const unsigned char *) data, len,
									CF_SEED_KEY ^ dboid);
}

uint64
cf_tag_hash(Oid dboid, const char *data, int len)
{
	return hash_bytes_extended((const unsigned char *) data, len,
							   CF_SEED_TAG ^ dboid);
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
cf_hash128_init(CfHash128 *hash, uint64 kind)
{
	hash->h[0] = CF_SEED_LOW ^ kind;
	hash->h[1] = CF_SEED_HIGH ^ kind;
}

void
cf_hash128_add(CfHash128 *hash, const void *data, Size len)
{
	/* The length goes into the seeds: hash_bytes takes an int. */
	Assert(len <= PG_INT32_MAX);
	hash->h[0] = hash_bytes_extended(data, (int) len, hash->h[0] + len);
	hash->h[1] = hash_bytes_extended(data, (int) len, hash->h[1] - len);
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
