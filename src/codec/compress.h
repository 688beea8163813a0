/*
 * compress.h - values made smaller on their way to Redis and back.
 *
 * zstd and lz4, each where the library was there at build time (CF_HAVE_ZSTD,
 * CF_HAVE_LZ4; see the Makefile). Nothing here raises an error or looks at
 * settings. Compressed bytes are untrusted: the length that they are said to
 * have is believed only as far as cf_decompress_plausible goes, and must then
 * come out exactly.
 *
 * src/codec/compress.h
 */
#ifndef CF_CODEC_COMPRESS_H
#define CF_CODEC_COMPRESS_H

#include "postgres.h"

#include "base/compat.h"

/* The numbers go over the wire. */
typedef enum CfCompression
{
	CF_COMPRESSION_NONE = 0,
	CF_COMPRESSION_LZ4 = 1,
	CF_COMPRESSION_ZSTD = 2
} CfCompression;

/* False too for a number that is none of the above. */
extern bool cf_compress_available(int algorithm);

/*
 * Compresses len bytes (at most PG_INT32_MAX / 2) into at most room bytes.
 * Returns how many it took, or 0 if there is not enough room, no memory, or no
 * such algorithm: the caller then keeps what it has.
 */
extern pg_nodiscard Size cf_compress(CfCompression algorithm, const char *plain, Size len,
									 char *out, Size room);

/*
 * Could that many plain bytes be in these compressed ones? Asked before any
 * memory is taken for them, so that a few bytes cannot claim a gigabyte.
 */
extern pg_nodiscard bool cf_decompress_plausible(CfCompression algorithm, const char *data,
												 Size len, Size plain_len);

/* True if the bytes decompress to plain_len bytes, no more and no fewer. */
extern pg_nodiscard bool cf_decompress(CfCompression algorithm, const char *data, Size len,
									   char *out, Size plain_len);

#endif							/* CF_CODEC_COMPRESS_H */
