/*
 * siphash.h - SipHash-2-4 with a result of 128 bits.
 *
 * Aumasson, Bernstein: "SipHash: a fast short-input PRF" (2012). Who does not
 * know the key can neither make two texts of one hash nor a text of a given
 * one. The steps are inline: an identity is hashed at every fetch.
 *
 * src/codec/siphash.h
 */
#ifndef CF_CODEC_SIPHASH_H
#define CF_CODEC_SIPHASH_H

#include "postgres.h"

typedef struct CfSipState
{
	uint64		v0;
	uint64		v1;
	uint64		v2;
	uint64		v3;
} CfSipState;

static inline uint64
cf_siphash_rotate(uint64 x, int bits)
{
	return (x << bits) | (x >> (64 - bits));
}

static inline void
cf_siphash_round(CfSipState *s)
{
	s->v0 += s->v1;
	s->v2 += s->v3;
	s->v1 = cf_siphash_rotate(s->v1, 13) ^ s->v0;
	s->v3 = cf_siphash_rotate(s->v3, 16) ^ s->v2;
	s->v0 = cf_siphash_rotate(s->v0, 32);
	s->v2 += s->v1;
	s->v0 += s->v3;
	s->v1 = cf_siphash_rotate(s->v1, 17) ^ s->v2;
	s->v3 = cf_siphash_rotate(s->v3, 21) ^ s->v0;
	s->v2 = cf_siphash_rotate(s->v2, 32);
}

static inline void
cf_siphash_begin(CfSipState *s, const uint64 key[2])
{
	s->v0 = key[0] ^ UINT64CONST(0x736f6d6570736575);
	s->v1 = key[1] ^ UINT64CONST(0x646f72616e646f6d) ^ 0xee;
	s->v2 = key[0] ^ UINT64CONST(0x6c7967656e657261);
	s->v3 = key[1] ^ UINT64CONST(0x7465646279746573);
}

/* Eight bytes of the text, the first of them the lowest. */
static inline void
cf_siphash_word(CfSipState *s, uint64 word)
{
	s->v3 ^= word;
	cf_siphash_round(s);
	cf_siphash_round(s);
	s->v0 ^= word;
}

/* The last word has the bytes that are left, and in its highest the length. */
static inline void
cf_siphash_end(CfSipState *s, uint64 last, uint64 hash[2])
{
	cf_siphash_word(s, last);
	s->v2 ^= 0xee;
	for (int i = 0; i < 4; i++)
		cf_siphash_round(s);
	hash[0] = s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
	s->v1 ^= 0xdd;
	for (int i = 0; i < 4; i++)
		cf_siphash_round(s);
	hash[1] = s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

/*
 * Takes the words of a text and ends it. before: bytes that the caller has
 * added as words already.
 */
extern void cf_siphash_finish(CfSipState *s, const void *data, Size len, Size before,
							  uint64 hash[2]);

/* The hash of a text; the key's first eight bytes are key[0], the first the lowest. */
extern void cf_siphash(const uint64 key[2], const void *data, Size len, uint64 hash[2]);

#endif							/* CF_CODEC_SIPHASH_H */
