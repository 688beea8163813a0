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

#include "base/compat.h"
#include "history/message.h"

#define CF_LINE_MAX 64			/* older ones are forgotten: their values are foreign */

extern void cf_line_register(void);

/*
 * Worker, where the server writes and no incarnation has begun since shared memory was
 * made, or since the promotion: begins one; it is in the WAL and in the file before it
 * counts. Sets the floor of the history, too. False: the file could not
 * be written, which is logged; try again.
 *
 * Where recovery has ended on a new timeline, the line goes on only if the reader
 * of the WAL has vouched that it knows all that began up to there; else it begins
 * anew, and all that is older is foreign. followed: see cf_follow_has_followed.
 */
extern pg_nodiscard bool cf_line_begin(bool followed);

/* This server writes, and has begun. 0: it is a standby, or has only just begun to write. */
extern uint64 cf_line_mine(void);

/*
 * The incarnation that data up to an LSN come from: for what is loaded here up to
 * that LSN. 0: it is not known, or the reader has not vouched for it yet.
 */
extern uint64 cf_line_at(uint64 lsn);

/* Does a value of that incarnation that holds nothing of after end count here? */
extern pg_nodiscard bool cf_line_admits(uint64 incarnation, uint64 end);

/*
 * The reader of the WAL, alone; of a record it tells here before it tells anybody that it
 * has read that far. Up to which LSN the list that it finds at its start is
 * complete: if it cannot read from there on, it does not know what it has missed,
 * and vouches for nothing until the next START. (The file of a writing server is
 * complete up to where a backup of it begins: PG_UINT64_MAX.)
 */
extern uint64 cf_line_known(void);

/*
 * A START that it has met, which names the whole line. In memory, and in the file;
 * what cannot be written there is logged, and the line then holds in memory only.
 * One of before what has been vouched for is passed over, as is such an end.
 */
extern void cf_line_learn(const CfMessage *start, uint64 lsn);

/*
 * It has read all up to an LSN; 0: it has not, and no value counts until it has. To
 * the file: now and then, and when it ends.
 */
extern void cf_line_vouch(uint64 lsn);
extern void cf_line_save(void);

/*
 * It has met the end of a server's run, or of its recovery (CHECKPOINT_SHUTDOWN,
 * END_OF_RECOVERY), in a record that begins at an LSN. Who goes on from there is
 * told by the next START; what is loaded before that is nobody's.
 */
extern void cf_line_end(uint64 lsn);

/*
 * A standby turned to a timeline that leaves the old one at an LSN: what began after
 * that is not in its data, and what came is nobody's until the next START.
 */
extern void cf_line_cut(uint64 lsn);

/* Reporting: copies at most room of them, oldest first; how many there are. */
extern int	cf_line_get(CfStart *starts, int room);

#endif							/* CF_HISTORY_LINE_H */
