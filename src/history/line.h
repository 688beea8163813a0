/*
 * line.h - whose values count here?
 *
 * The time between two starts of a writing server is an incarnation, with a
 * random id and the LSN where it began. This server's line are the incarnations
 * that its data come from, oldest first: its own if it writes, and those before,
 * as the WAL tells of them (history/message.h, START). They are in shared memory,
 * and in a file of the data directory, so that a base backup brings them along.
 *
 * A value from Redis counts only if its incarnation is in the line, and if it
 * holds nothing of after the start of the one that directly followed it: what a
 * crashed or deposed server had beyond that is not in these data. So what copies,
 * drills and split brains store is foreign here, without anybody's care.
 *
 * src/history/line.h
 */
#ifndef CF_HISTORY_LINE_H
#define CF_HISTORY_LINE_H

#include "postgres.h"

#include "history/message.h"

#define CF_LINE_MAX 64			/* older ones are forgotten: their values are foreign */

extern void cf_line_register(void);

/*
 * Worker, once the server may write: begins an incarnation if none has begun since
 * shared memory was made, or since the promotion; written to the WAL and to the
 * file before it counts. Also sets the floor of the history.
 */
extern void cf_line_begin(void);

/* This server writes, and has begun. 0: it is a standby, or has only just begun to write. */
extern uint64 cf_line_mine(void);

/*
 * The incarnation that data up to an LSN come from: for what is loaded here up to
 * that LSN. 0: it is not known.
 */
extern uint64 cf_line_at(uint64 lsn);

/* Does a value of that incarnation that holds nothing of after end count here? */
extern bool cf_line_admits(uint64 incarnation, uint64 end);

/*
 * Reader of the WAL: a START that it has met, in memory and in the file. Raises no
 * error; what cannot be written to the file is logged. One that is known is passed over.
 */
extern void cf_line_add(const CfStart *start);

/*
 * The timeline of a standby has turned off at an LSN: what began after that is not
 * in its data.
 */
extern void cf_line_cut(uint64 lsn);

/* Reporting: copies at most room of them, oldest first; how many there are. */
extern int	cf_line_get(CfStart *starts, int room);

#endif							/* CF_HISTORY_LINE_H */
