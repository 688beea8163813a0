/* unit: src/stats/histogram.c */
/*
 * histogram_test.c - buckets and percentiles of the latency histogram.
 *
 * test/unit/histogram_test.c
 */
#include "harness.h"

#include "stats/histogram.h"

static CfSharedHistogram histogram;

/* Every value lies in its bucket, and no bucket is wider than 1/8 of it. */
static void
test_buckets(void)
{
	int			last = -1;

	for (uint64 ns = 0; ns < UINT64CONST(1) << 43; ns = ns < 1000 ? ns + 1 : ns + ns / 97)
	{
		int			bucket = cf_histogram_bucket(ns);

		CHECK_QUIET(bucket >= last && bucket < CF_HISTOGRAM_BUCKETS);
		last = bucket;
		if (bucket == CF_HISTOGRAM_BUCKETS - 1)
			continue;
		CHECK_QUIET(ns <= cf_histogram_upper(bucket));
		CHECK_QUIET(bucket == 0 || ns > cf_histogram_upper(bucket - 1));
		CHECK_QUIET(cf_histogram_upper(bucket) - ns <= ns / 8);
	}
	CHECK_INT(cf_histogram_bucket(0), 0);
	CHECK_INT(cf_histogram_bucket(7), 7);
	CHECK_INT(cf_histogram_bucket(8), 8);
	CHECK_INT(cf_histogram_bucket(PG_UINT64_MAX), CF_HISTOGRAM_BUCKETS - 1);
}

/* Each bucket begins where the one before it ends. */
static void
test_upper(void)
{
	for (int i = 0; i < CF_HISTOGRAM_BUCKETS - 1; i++)
	{
		CHECK_QUIET(cf_histogram_bucket(cf_histogram_upper(i)) == i);
		CHECK_QUIET(cf_histogram_bucket(cf_histogram_upper(i) + 1) == i + 1);
	}
	CHECK_INT(cf_histogram_upper(0), 0);
	CHECK_INT(cf_histogram_upper(15), 15);
	CHECK_INT(cf_histogram_upper(16), 17);
}

static void
test_empty(void)
{
	cf_histogram_init(&histogram);
	CHECK_INT(cf_histogram_count(&histogram), 0);
	CHECK_INT(cf_histogram_percentile(&histogram, 0.5), 0);
	CHECK_INT(cf_histogram_percentile(&histogram, 1.0), 0);
}

static void
test_percentiles(void)
{
	cf_histogram_init(&histogram);
	for (uint64 ns = 1; ns <= 10000; ns++)
		cf_histogram_add(&histogram, ns);
	CHECK_INT(cf_histogram_count(&histogram), 10000);
	CHECK_RANGE((double) cf_histogram_percentile(&histogram, 0.50), 5000, 5000 * 1.125);
	CHECK_RANGE((double) cf_histogram_percentile(&histogram, 0.95), 9500, 10000);
	CHECK_RANGE((double) cf_histogram_percentile(&histogram, 0.99), 9900, 10000);
	CHECK_INT(cf_histogram_percentile(&histogram, 1.0), 10000);

	cf_histogram_reset(&histogram);
	CHECK_INT(cf_histogram_count(&histogram), 0);
	CHECK_INT(cf_histogram_percentile(&histogram, 1.0), 0);
}

/* A percentile never exceeds the largest sample. */
static void
test_single(void)
{
	cf_histogram_init(&histogram);
	cf_histogram_add(&histogram, 1000);
	CHECK_INT(cf_histogram_percentile(&histogram, 0.0), 1000);
	CHECK_INT(cf_histogram_percentile(&histogram, 0.5), 1000);
	CHECK_INT(cf_histogram_percentile(&histogram, 1.0), 1000);

	/* beyond the last bucket: the count and the maximum stay true */
	cf_histogram_add(&histogram, PG_UINT64_MAX);
	CHECK_INT(cf_histogram_count(&histogram), 2);
	CHECK(cf_histogram_percentile(&histogram, 1.0) == PG_UINT64_MAX);
}

/* Steps count each sample once, and their totals are right to a sixteenth. */
static void
test_steps(void)
{
	CfHistogramStep step[CF_HISTOGRAM_STEPS];
	double		total = 0;

	cf_histogram_init(&histogram);
	cf_histogram_steps(&histogram, step);
	CHECK_INT(step[CF_HISTOGRAM_STEPS - 1].count, 0);
	CHECK_RANGE(step[CF_HISTOGRAM_STEPS - 1].total, 0, 0);

	for (uint64 ns = 0; ns < 10000; ns++)
	{
		cf_histogram_add(&histogram, ns);
		total += (double) ns;
	}
	cf_histogram_steps(&histogram, step);
	CHECK_INT(step[0].below, 256);
	CHECK_INT(step[0].count, 256);
	CHECK_INT(step[1].count, 512);
	CHECK_RANGE(step[1].total, 511 * 256 * 15 / 16.0, 511 * 256 * 17 / 16.0);
	CHECK_INT(step[5].count, 8192);
	CHECK_INT(step[6].count, 10000);
	CHECK_INT(step[CF_HISTOGRAM_STEPS - 2].count, 10000);
	CHECK_RANGE(step[CF_HISTOGRAM_STEPS - 1].total, total * 15 / 16, total * 17 / 16);

	/* What is beyond the last power of two is below infinity. */
	cf_histogram_add(&histogram, UINT64CONST(1) << 40);
	cf_histogram_steps(&histogram, step);
	CHECK(step[CF_HISTOGRAM_STEPS - 2].below == UINT64CONST(1) << 36);
	CHECK_INT(step[CF_HISTOGRAM_STEPS - 2].count, 10000);
	CHECK(step[CF_HISTOGRAM_STEPS - 1].below == PG_UINT64_MAX);
	CHECK_INT(step[CF_HISTOGRAM_STEPS - 1].count, 10001);
	CHECK_RANGE(step[CF_HISTOGRAM_STEPS - 1].total, total + 1e12, total + 1.2e12);
}

int
main(void)
{
	RUN(test_buckets);
	RUN(test_upper);
	RUN(test_empty);
	RUN(test_percentiles);
	RUN(test_single);
	RUN(test_steps);
	return cf_unit_end();
}
