/* unit: src/codec/compress.c */
/*
 * compress_test.c - both algorithms there and back, and what they refuse.
 *
 * test/unit/compress_test.c
 */
#include "harness.h"

#include "common/pg_prng.h"

#include "codec/compress.h"

static const CfCompression algorithms[] = {CF_COMPRESSION_LZ4, CF_COMPRESSION_ZSTD};

/* Text much like a cached result. */
static char *
make_text(Size len)
{
	char	   *text = palloc(len + 64);

	for (Size at = 0; at < len;)
		at += sprintf(text + at, "{\"id\":%d,\"name\":\"product %d\"},", (int) at, (int) at);
	return text;
}

static char *
make_noise(Size len)
{
	pg_prng_state state;
	char	   *noise = palloc(len);

	pg_prng_seed(&state, 42);
	for (Size i = 0; i < len; i++)
		noise[i] = (char) pg_prng_uint32(&state);
	return noise;
}

/* In memory of exactly their lengths, so that ASan sees every step beyond. */
static bool
restores(CfCompression algorithm, const char *data, Size len, Size plain_len,
		 const char *want)
{
	char	   *in = palloc(len);
	char	   *out = palloc(plain_len);
	bool		good;

	memcpy(in, data, len);
	good = cf_decompress_plausible(algorithm, in, len, plain_len) &&
		cf_decompress(algorithm, in, len, out, plain_len) &&
		(want == NULL || memcmp(out, want, plain_len) == 0);
	pfree(in);
	pfree(out);
	return good;
}

static void
test_available(void)
{
	CHECK(cf_compress_available(CF_COMPRESSION_NONE));
	CHECK(cf_compress_available(CF_COMPRESSION_LZ4));
	CHECK(cf_compress_available(CF_COMPRESSION_ZSTD));
	CHECK(!cf_compress_available(3));
	CHECK(!cf_compress_available(255));
	CHECK(!cf_compress_available(-1));
	CHECK_INT(cf_compress(CF_COMPRESSION_NONE, "aaaa", 4, NULL, 0), 0);
	CHECK(!cf_decompress_plausible(CF_COMPRESSION_NONE, "aaaa", 4, 8));
	CHECK(!cf_decompress(CF_COMPRESSION_NONE, "aaaa", 4, NULL, 0));
}

static void
test_round_trip(void)
{
	static const Size lengths[] = {200, 1000, 1024, 65536, 131072, 131073, 3000000};
	char	   *text = make_text(3000000);
	char	   *small = palloc(3000000);

	for (int a = 0; a < (int) lengthof(algorithms); a++)
	{
		for (int i = 0; i < (int) lengthof(lengths); i++)
		{
			Size		len = lengths[i];
			Size		got = cf_compress(algorithms[a], text, len, small, len - 1);

			CHECK(got > 0 && got < len);
			CHECK(restores(algorithms[a], small, got, len, text));
			CHECK(!restores(algorithms[a], small, got, len - 1, NULL));
			CHECK(!restores(algorithms[a], small, got, len + 1, NULL));
			CHECK(!restores(algorithms[lengthof(algorithms) - 1 - a], small, got, len, text));
		}
	}
	pfree(small);
	pfree(text);
}

/* Where it does not fit it is not written, nor one byte too many. */
static void
test_room(void)
{
	char	   *noise = make_noise(4096);
	char	   *text = make_text(4096);

	for (int a = 0; a < (int) lengthof(algorithms); a++)
	{
		char	   *out = palloc(4096);
		Size		need = cf_compress(algorithms[a], text, 4096, out, 4096);

		pfree(out);
		out = palloc(3584);
		CHECK_INT(cf_compress(algorithms[a], noise, 4096, out, 3584), 0);
		pfree(out);
		out = palloc(need - 1);
		CHECK_INT(cf_compress(algorithms[a], text, 4096, out, need - 1), 0);
		pfree(out);
	}
	pfree(noise);
	pfree(text);
}

/* Truncated it is refused; damaged it may be anything, but harms nothing. */
static void
test_damage(void)
{
	char	   *text = make_text(2000);
	char	   *small = palloc(2000);

	for (int a = 0; a < (int) lengthof(algorithms); a++)
	{
		Size		len = cf_compress(algorithms[a], text, 2000, small, 1999);

		for (Size cut = 0; cut < len; cut++)
			CHECK_QUIET(!restores(algorithms[a], small, cut, 2000, NULL));
		for (Size bit = 0; bit < len * 8; bit++)
		{
			small[bit / 8] ^= 1 << bit % 8;
			(void) restores(algorithms[a], small, len, 2000, NULL);
			small[bit / 8] ^= 1 << bit % 8;
		}
		CHECK(restores(algorithms[a], small, len, 2000, text));
	}
	pfree(small);
	pfree(text);
}

/* A few bytes that claim to be 512 MB are refused before anybody allocates. */
static void
test_bombs(void)
{
	Size		huge = 512 * 1024 * 1024;

	/* zstd: one frame of one block; the header says 512 MB */
	static const char frame[] = "\x28\xb5\x2f\xfd\xa0\x00\x00\x00\x20\x03\x00\x00\x41";
	/* of zstd 0.7, which the library may still know; it says 100 bytes */
	static const char old[] = "\x27\xb5\x2f\xfd\x20\x64\x00\x00";
	/* a frame that can be skipped says nothing */
	static const char skip[] = "\x50\x2a\x4d\x18\x04\x00\x00\x00zstd";

	CHECK(!cf_decompress_plausible(CF_COMPRESSION_ZSTD, frame, sizeof(frame) - 1, huge));
	CHECK(!cf_decompress_plausible(CF_COMPRESSION_ZSTD, frame, sizeof(frame) - 1, 100));
	CHECK(!cf_decompress_plausible(CF_COMPRESSION_ZSTD, skip, sizeof(skip) - 1, 100));
	CHECK(!cf_decompress_plausible(CF_COMPRESSION_ZSTD, old, sizeof(old) - 1, 100));
	CHECK(!cf_decompress_plausible(CF_COMPRESSION_LZ4, frame, sizeof(frame) - 1, huge));
	CHECK(!cf_decompress_plausible(CF_COMPRESSION_LZ4, "", 0, 100));
	CHECK(!cf_decompress_plausible(CF_COMPRESSION_LZ4, frame, 13, 13));
	CHECK(!cf_decompress_plausible(CF_COMPRESSION_LZ4, frame, 13, (Size) PG_INT32_MAX + 1));
}

/* The largest ratios that the formats have are still believed. */
static void
test_zeroes(void)
{
	Size		len = 8 * 1024 * 1024;
	char	   *zeroes = palloc0(len);
	char	   *small = palloc(len);

	for (int a = 0; a < (int) lengthof(algorithms); a++)
	{
		Size		got = cf_compress(algorithms[a], zeroes, len, small, len / 8 * 7);

		CHECK(got > 0);
		printf("# %d MB of zeroes: %d bytes\n", (int) (len >> 20), (int) got);
		CHECK(restores(algorithms[a], small, got, len, zeroes));
	}
	pfree(small);
	pfree(zeroes);
}

int
main(void)
{
	RUN(test_available);
	RUN(test_round_trip);
	RUN(test_room);
	RUN(test_damage);
	RUN(test_bombs);
	RUN(test_zeroes);
	return cf_unit_end();
}
