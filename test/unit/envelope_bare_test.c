/* unit: src/codec/envelope.c src/codec/envelope_meta.c src/codec/crypto.c */
/*
 * envelope_bare_test.c - a build without zstd and lz4 writes values as they are,
 * and refuses what others compressed.
 *
 * test/unit/envelope_bare_test.c
 */
#undef CF_HAVE_LZ4
#undef CF_HAVE_ZSTD
#include "harness.h"

#include "codec/compress.c"
#include "codec/envelope.h"

static const CfEnvelopePlace place = {"ns", "key", "id", 2, 3, 2};

static void
test_available(void)
{
	CHECK(cf_compress_available(CF_COMPRESSION_NONE));
	CHECK(!cf_compress_available(CF_COMPRESSION_LZ4));
	CHECK(!cf_compress_available(CF_COMPRESSION_ZSTD));
	CHECK(!cf_decompress_plausible(CF_COMPRESSION_LZ4, "aaaa", 4, 8));
	CHECK(!cf_decompress(CF_COMPRESSION_LZ4, "aaaa", 4, NULL, 0));
}

static void
test_envelope(void)
{
	for (int algorithm = CF_COMPRESSION_LZ4; algorithm <= CF_COMPRESSION_ZSTD; algorithm++)
	{
		static const char value[1000] = "";
		CfEnvelope	env = {0};
		CfKeyring  *secret = cf_keyring_make("abcdefghijklmnopqrstuvwxyzabcdef");
		CfEnvelopeOptions options = {
			.compression = (CfCompression) algorithm, .secret = secret
		};
		CfEnvelopeEncoded encoded;

		CHECK_INT(cf_envelope_encode(&env, value, 1000, &place, &options, &encoded),
				  CF_ENVELOPE_OK);
		CHECK(encoded.stored == value && encoded.stored_len == 1000);
		CHECK_INT(cf_envelope_decode_meta(encoded.meta, encoded.meta_len, &env), CF_ENVELOPE_OK);
		encoded.meta[5] = (char) algorithm;
		CHECK_INT(cf_envelope_decode_meta(encoded.meta, encoded.meta_len, &env),
				  CF_ENVELOPE_UNSUPPORTED);
		cf_envelope_free_encoded(&encoded);
		cf_keyring_free(secret);
	}
}

int
main(void)
{
	RUN(test_available);
	RUN(test_envelope);
	return cf_unit_end();
}
