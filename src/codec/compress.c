/*
 * compress.c - values made smaller on their way to Redis and back.
 *
 * zstd's contexts are made and freed within one call: a session that once
 * compressed a large value would else keep a megabyte for it.
 *
 * src/codec/compress.c
 */
#include "postgres.h"

#ifdef CF_HAVE_LZ4
#include <lz4.h>
#endif
#ifdef CF_HAVE_ZSTD
#include <zstd.h>
#endif

#include "codec/compress.h"

/* A fill is paid for by a session that waits for it: speed before size. */
#define CF_ZSTD_LEVEL 1

/*
 * The most that the formats can say in few bytes. lz4: one more byte of length
 * is 255 bytes more. zstd: a block of up to 128 kB takes 4 bytes at least, a
 * header of 3 and one byte to repeat.
 */
#define CF_LZ4_BYTES_PER_BYTE 255
#define CF_ZSTD_BLOCK_MIN 4
#define CF_ZSTD_BLOCK_PLAIN (128 * 1024)

bool
cf_compress_available(int algorithm)
{
	switch (algorithm)
	{
		case CF_COMPRESSION_NONE:
			return true;
#ifdef CF_HAVE_LZ4
		case CF_COMPRESSION_LZ4:
			return true;
#endif
#ifdef CF_HAVE_ZSTD
		case CF_COMPRESSION_ZSTD:
			return true;
#endif
		default:
			return false;
	}
}

#ifdef CF_HAVE_LZ4
static Size
compress_lz4(const char *plain, Size len, char *out, Size room)
{
	return LZ4_compress_default(plain, out, (int) len, (int) room);
}

static bool
decompress_lz4(const char *data, Size len, char *out, Size plain_len)
{
	int			got = LZ4_decompress_safe(data, out, (int) len, (int) plain_len);

	return got >= 0 && (Size) got == plain_len;
}
#endif

#ifdef CF_HAVE_ZSTD
static Size
compress_zstd(const char *plain, Size len, char *out, Size room)
{
	Size		got = ZSTD_compress(out, room, plain, len, CF_ZSTD_LEVEL);

	return ZSTD_isError(got) ? 0 : got;
}

static bool
decompress_zstd(const char *data, Size len, char *out, Size plain_len)
{
	Size		got = ZSTD_decompress(out, plain_len, data, len);

	return !ZSTD_isError(got) && got == plain_len;
}

/*
 * Our encoder writes one frame that says its length. The magic keeps the
 * library's decoders of older formats out of reach.
 */
static bool
plausible_zstd(const char *data, Size len, Size plain_len)
{
	static const unsigned char magic[4] = {0x28, 0xb5, 0x2f, 0xfd};

	return len >= sizeof(magic) && memcmp(data, magic, sizeof(magic)) == 0 &&
		len / CF_ZSTD_BLOCK_MIN >= plain_len / CF_ZSTD_BLOCK_PLAIN &&
		ZSTD_getFrameContentSize(data, len) == plain_len;
}
#endif

Size
cf_compress(CfCompression algorithm, const char *plain, Size len, char *out,
			Size room)
{
	Assert(len <= PG_INT32_MAX / 2 && room <= PG_INT32_MAX / 2);
	switch (algorithm)
	{
#ifdef CF_HAVE_LZ4
		case CF_COMPRESSION_LZ4:
			return compress_lz4(plain, len, out, room);
#endif
#ifdef CF_HAVE_ZSTD
		case CF_COMPRESSION_ZSTD:
			return compress_zstd(plain, len, out, room);
#endif
		default:
			return 0;
	}
}

bool
cf_decompress_plausible(CfCompression algorithm, const char *data, Size len,
						Size plain_len)
{
	/* Whatever the algorithm, it was used only where it made the value smaller. */
	if (len == 0 || len >= plain_len || plain_len > PG_INT32_MAX / 2)
		return false;
	switch (algorithm)
	{
#ifdef CF_HAVE_LZ4
		case CF_COMPRESSION_LZ4:
			return plain_len / CF_LZ4_BYTES_PER_BYTE <= len;
#endif
#ifdef CF_HAVE_ZSTD
		case CF_COMPRESSION_ZSTD:
			return plausible_zstd(data, len, plain_len);
#endif
		default:
			return false;
	}
}

bool
cf_decompress(CfCompression algorithm, const char *data, Size len, char *out,
			  Size plain_len)
{
	Assert(len <= PG_INT32_MAX / 2 && plain_len <= PG_INT32_MAX / 2);
	switch (algorithm)
	{
#ifdef CF_HAVE_LZ4
		case CF_COMPRESSION_LZ4:
			return decompress_lz4(data, len, out, plain_len);
#endif
#ifdef CF_HAVE_ZSTD
		case CF_COMPRESSION_ZSTD:
			return decompress_zstd(data, len, out, plain_len);
#endif
		default:
			return false;
	}
}
