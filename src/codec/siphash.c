/*
 * siphash.c - SipHash-2-4-128 of a whole text.
 *
 * src/codec/siphash.c
 */
#include "postgres.h"

#include "port/pg_bswap.h"

#include "codec/siphash.h"

#ifdef WORDS_BIGENDIAN
#define little_endian(word) pg_bswap64(word)
#else
#define little_endian(word) (word)
#endif

void
cf_siphash_finish(CfSipState *s, const void *data, Size len, Size before, uint64 hash[2])
{
	const char *at = data;
	uint64		last = 0;
	Size		left = len;

	for (; left >= sizeof(uint64); left -= sizeof(uint64))
	{
		uint64		word;

		memcpy(&word, at, sizeof(word));
		cf_siphash_word(s, little_endian(word));
		at += sizeof(word);
	}
	for (Size i = 0; i < left; i++)
		last |= (uint64) (unsigned char) at[i] << (8 * i);
	cf_siphash_end(s, last | (uint64) (before + len) << 56, hash);
}

void
cf_siphash(const uint64 key[2], const void *data, Size len, uint64 hash[2])
{
	CfSipState	s;

	cf_siphash_begin(&s, key);
	cf_siphash_finish(&s, data, len, 0, hash);
}
