/*
 * history_internal.h - the history's memory, for files of this folder.
 *
 * src/history/history_internal.h
 */
#ifndef CF_HISTORY_INTERNAL_H
#define CF_HISTORY_INTERNAL_H

#include "postgres.h"

#include "history/history.h"

/* All slots. Only for who is alone: before the first and after the last other process. */
typedef struct CfHistoryImage
{
	char	   *data;			/* in shared memory */
	Size		len;			/* bytes */
	uint64		floor;
} CfHistoryImage;

extern CfHistoryImage cf_history_image(void);

/* The slots hold what they held at a clean shutdown, when this was the floor. */
extern void cf_history_restored(uint64 floor);

/*
 * This server begins to write, and notes all that it commits from now on: the
 * floor where nothing was restored, and at least that after a promotion.
 */
extern void cf_history_begin(uint64 lsn);

#endif							/* CF_HISTORY_INTERNAL_H */
