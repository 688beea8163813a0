/*
 * histogram.c - latency histogram with fixed buckets.
 *
 * src/stats/histogram.c
 */
#include "postgres.h"

#include "port/pg_bitutils.h"

#include "base/atomic.h"
#include "stats/histogram.h"

#define CF_SUB_BUCKETS (1 << CF_HISTOGRAM_BITS)

/* Values below 8 ns have a bucket each; above, three bits after the first. */
int
cf_histogram_bucket(uint64 ns)
{
	int			shift;
	int			bucket;

	if (ns < CF_SUB_BUCKETS)
		return (int) ns;
	shift = pg_leftmost_one_pos64(ns) - CF_HISTOGRAM_BITS;
	bucket = (shift + 1) * CF_SUB_BUCKETS +
		(int) ((ns >> shift) & (CF_SUB_BUCKETS - 1));
	return Min(bucket, CF_HISTOGRAM_BUCKETS - 1);
}

/* The largest value of a bucket. */
uint64
cf_histogram_upper(int bucket)
{
	int			shift;

	if (bucket < CF_SUB_BUCKETS)
		return (uint64) bucket;
	shift = bucket / CF_SUB_BUCKETS - 1;
	return (((uint64) (CF_SUB_BUCKETS + bucket % CF_SUB_BUCKETS) + 1) << shift) - 1;
}

void
cf_histogram_init(CfSharedHistogram *histogram)
{
	pg_atomic_init_u64(&histogram->max, 0);
	for (int i = 0; i < CF_HISTOGRAM_BUCKETS; i++)
		pg_atomic_init_u64(&histogram->bucket[i], 0);
}

void
cf_histogram_reset(CfSharedHistogram *histogram)
{
	pg_atomic_write_u64(&histogram->max, 0);
	for (int i = 0; i < CF_HISTOGRAM_BUCKETS; i++)
		pg_atomic_write_u64(&histogram->bucket[i], 0);
}

void
cf_histogram_add(CfSharedHistogram *histogram, uint64 ns)
{
	cf_atomic_raise_to(&histogram->max, ns);
	pg_atomic_fetch_add_u64(&histogram->bucket[cf_histogram_bucket(ns)], 1);
}

uint64
cf_histogram_count(CfSharedHistogram *histogram)
{
	uint64		count = 0;

	for (int i = 0; i < CF_HISTOGRAM_BUCKETS; i++)
		count += pg_atomic_read_u64(&histogram->bucket[i]);
	return count;
}

uint64
cf_histogram_percentile(CfSharedHistogram *histogram, double fraction)
{
	uint64		max = pg_atomic_read_u64(&histogram->max);
	uint64		want = (uint64) (fraction * (double) cf_histogram_count(histogram));
	uint64		seen = 0;

	for (int i = 0; i < CF_HISTOGRAM_BUCKETS; i++)
	{
		seen += pg_atomic_read_u64(&histogram->bucket[i]);
		if (seen > want)
			return Min(cf_histogram_upper(i), max);
	}
	return max;
}

/* Buckets begin where steps do. A sample counts as the middle of its bucket. */
void
cf_histogram_steps(CfSharedHistogram *histogram, CfHistogramStep step[CF_HISTOGRAM_STEPS])
{
	uint64		max = pg_atomic_read_u64(&histogram->max);
	uint64		count = 0;
	double		total = 0;
	int			bucket = 0;

	for (int i = 0; i < CF_HISTOGRAM_STEPS; i++)
	{
		bool		last = i == CF_HISTOGRAM_STEPS - 1;

		step[i].below = last ? PG_UINT64_MAX : UINT64CONST(1) << (CF_HISTOGRAM_FIRST_STEP + i);
		for (; bucket < CF_HISTOGRAM_BUCKETS &&
			 (last || cf_histogram_upper(bucket) < step[i].below); bucket++)
		{
			uint64		here = pg_atomic_read_u64(&histogram->bucket[bucket]);
			double		lower = bucket == 0 ? 0 : (double) cf_histogram_upper(bucket - 1) + 1;

			count += here;
			total += (double) here *
				(lower + Max(lower, (double) Min(cf_histogram_upper(bucket), max))) / 2;
		}
		step[i].count = count;
		step[i].total = total;
	}
}
