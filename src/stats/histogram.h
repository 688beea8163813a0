/*
 * histogram.h - latency histogram with fixed buckets, cheap to add to.
 *
 * Log-linear: eight buckets for each power of two of nanoseconds, so that a
 * percentile is exact to 12.5 %. The layout is that of HdrHistogram with
 * three bits of precision. Buckets are atomic: any session adds at any time.
 *
 * src/stats/histogram.h
 */
#ifndef CF_STATS_HISTOGRAM_H
#define CF_STATS_HISTOGRAM_H

#include "postgres.h"

#include "port/atomics.h"

#define CF_HISTOGRAM_BITS 3
#define CF_HISTOGRAM_BUCKETS 320	/* up to 2^42 ns, 73 minutes */

/*
 * For who adds up histograms, or looks at the last minutes only: how many samples are
 * below each power of two, from 256 ns to 68 s, and below infinity.
 */
#define CF_HISTOGRAM_FIRST_STEP 8
#define CF_HISTOGRAM_STEPS 30

typedef struct CfHistogramStep
{
	uint64		below;			/* ns; PG_UINT64_MAX: all */
	uint64		count;			/* samples */
	double		total;			/* ns, of all these together, to a sixteenth */
} CfHistogramStep;

typedef struct CfSharedHistogram
{
	pg_atomic_uint64 max;		/* ns */
	pg_atomic_uint64 bucket[CF_HISTOGRAM_BUCKETS];
} CfSharedHistogram;

extern int	cf_histogram_bucket(uint64 ns);
extern uint64 cf_histogram_upper(int bucket);

extern void cf_histogram_init(CfSharedHistogram *histogram);
extern void cf_histogram_reset(CfSharedHistogram *histogram);
extern void cf_histogram_add(CfSharedHistogram *histogram, uint64 ns);
extern uint64 cf_histogram_count(CfSharedHistogram *histogram);

/* Nanoseconds that a fraction (0 to 1) of the samples do not exceed. */
extern uint64 cf_histogram_percentile(CfSharedHistogram *histogram, double fraction);

extern void cf_histogram_steps(CfSharedHistogram *histogram,
							   CfHistogramStep step[CF_HISTOGRAM_STEPS]);

#endif							/* CF_STATS_HISTOGRAM_H */
