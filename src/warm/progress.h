/*
 * progress.h - how far the warming of memory is, and whether the server is ready.
 *
 * A server is ready when what was saved is restored, and what Redis had of hot keys
 * is pulled; where Redis is not used, or down, nobody waits for it; and never
 * longer than cachefront.warm_timeout. Once ready, it stays so until its next start.
 *
 * Locking: the tranche's one lock guards who has which slot; counts are atomics.
 *
 * src/warm/progress.h
 */
#ifndef CF_WARM_PROGRESS_H
#define CF_WARM_PROGRESS_H

#include "postgres.h"

#include "datatype/timestamp.h"

#include "codec/key.h"

typedef enum CfWarming
{
	CF_WARMING_RESTORE,			/* of the start: one each */
	CF_WARMING_HOT_KEYS,
	CF_WARMING_BY_CALL			/* cache_warm: the last 16 of them */
} CfWarming;

#define CF_WARMING_CALLS 16
#define CF_WARMINGS (CF_WARMING_BY_CALL + CF_WARMING_CALLS)
#define CF_WARMING_UNKNOWN (-1)	/* total */

typedef struct CfWarmingInfo
{
	CfWarming	source;
	Oid			dboid;			/* these two: of cache_warm */
	char		cache[CF_MAX_CACHE_NAME];
	int64		done;
	int64		errors;
	int64		total;			/* CF_WARMING_UNKNOWN: not known */
	TimestampTz started;		/* by cf_steady_now */
	TimestampTz ended;			/* 0: it goes on */
} CfWarmingInfo;

extern void cf_progress_register(void);

/* One's own: what later ones have taken the slot of is counted no more. */
typedef struct CfWarmingRun
{
	int			slot;
	uint64		turn;
} CfWarmingRun;

/* Ends with the process at the latest. */
extern CfWarmingRun cf_progress_begin(CfWarming source, Oid dboid, const char *cache,
									  int64 total);
extern void cf_progress_add(const CfWarmingRun *run, int64 done, int64 errors);
extern void cf_progress_end(const CfWarmingRun *run);

/* 0 to CF_WARMINGS - 1, in no order; false: there is none in that slot. */
extern bool cf_progress_get(int slot, CfWarmingInfo *info);

/* Hot keys have been looked for once, whatever came of it. */
extern void cf_progress_hot_keys_done(void);
extern bool cf_progress_are_hot_keys_done(void);

extern bool cf_progress_is_ready(void);

#endif							/* CF_WARM_PROGRESS_H */
