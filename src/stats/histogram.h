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

#endif							/* CF_STATS_HISTOGRAM_H */
