/*
 * saved.h - entries as records of a file, over a clean restart.
 *
 * A record holds all of an entry but what a start makes anew: its links, the
 * hash of its key, its stamp (nothing has been settled before a start's first
 * change), and the time on the steady clock, in whose place its age is kept.
 * It is read with suspicion, whoever vouches for the file: no record makes an entry
 * that reads beyond its own memory.
 *
 * Only for the postmaster while it is alone, and after a stop that is proven to be a
 * clean one: then nobody has died with a lock. Nothing here takes one to read.
 *
 * src/l1/saved.h
 */
#ifndef CF_L1_SAVED_H
#define CF_L1_SAVED_H

#include "postgres.h"

#include "base/compat.h"
#include "datatype/timestamp.h"

#include "stats/counters.h"

/* ---- the end ---- */

/* Over all entries that are current, hottest first. Its fields are its own. */
#define CF_L1_WALK_PARTITIONS 128
typedef struct CfL1Walk
{
	TimestampTz now;
	bool		visited;		/* those that were asked for; the others come after */
	int			partition;
	uint64		next[CF_L1_WALK_PARTITIONS];	/* 0: no more */
} CfL1Walk;

extern void cf_l1_walk_begin(CfL1Walk *walk, TimestampTz now);

/* Bytes of the record of the next entry; 0: there is none. */
extern Size cf_l1_walk_size(CfL1Walk *walk);

/* Writes it to a place of that size. Either of these goes on to the one after. */
extern void cf_l1_walk_take(CfL1Walk *walk, char *record);
extern void cf_l1_walk_skip(CfL1Walk *walk);

/* ---- the start ---- */

/* What is true of all records of a file. */
typedef struct CfL1Restoring
{
	TimestampTz now;
	int64		downtime;		/* us by which all have aged */
	const CfStatsSlot *slots;	/* CF_STATS_SLOTS of them: the new one of each old one */
} CfL1Restoring;

typedef enum CfL1RestoreStatus
{
	CF_L1_RESTORED,
	CF_L1_PASSED,				/* too old by now, or too large */
	CF_L1_FULL,					/* no room; smaller ones may still find some */
	CF_L1_BAD_RECORD
} CfL1RestoreStatus;

/*
 * Makes an entry of the record at the head of a text; *size has its length, but for
 * CF_L1_BAD_RECORD. Those that come first are the last to be evicted.
 */
extern pg_nodiscard CfL1RestoreStatus cf_l1_restore(const CfL1Restoring *restoring,
													const char *text,
													Size len, Size *size);

/* Memory is empty again. */
extern void cf_l1_restore_undo(void);

/* Between these two the functions above may be called. */
extern void cf_l1_postmaster_begin(void);
extern void cf_l1_postmaster_end(void);

#endif							/* CF_L1_SAVED_H */
