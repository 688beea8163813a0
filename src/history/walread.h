/*
 * walread.h - reads records from the WAL files of this server, up to a limit.
 *
 * Neither replay nor the receiver of WAL is asked for anything: what they have
 * written into pg_wal is read from there. A position is the start of a record, which is
 * the end of the one before. The caller says up to where the files are good, and
 * of which timeline; a file of its forebears serves where that has none.
 *
 * Locking: none. What cannot be read is told by the status; reading the history
 * of timelines and memory that is not to be had raise errors.
 *
 * src/history/walread.h
 */
#ifndef CF_HISTORY_WALREAD_H
#define CF_HISTORY_WALREAD_H

#include "postgres.h"

#include "access/xlogreader.h"

#include "base/compat.h"

typedef enum CfWalStatus
{
	CF_WAL_RECORD,				/* *record has the next one */
	CF_WAL_LIMIT,				/* there is none that ends at the limit or before */
	CF_WAL_UNREADABLE			/* a file is gone, or has something else: see cf_wal_problem */
} CfWalStatus;

typedef struct CfWalReader CfWalReader;

/* In the current memory context. start: of a record, or of a page. */
extern CfWalReader *cf_wal_open(XLogRecPtr start, TimeLineID timeline);
extern void cf_wal_close(CfWalReader *reader);

/* The record is good until the next call. */
extern pg_nodiscard CfWalStatus cf_wal_next(CfWalReader *reader, XLogRecPtr limit,
											XLogReaderState **record);

/* Where the next record begins. */
extern XLogRecPtr cf_wal_position(const CfWalReader *reader);
extern TimeLineID cf_wal_timeline(const CfWalReader *reader);

/* In words, without a full stop; of the last CF_WAL_UNREADABLE. */
extern const char *cf_wal_problem(const CfWalReader *reader);

/*
 * Where the timeline that was read turns off from the line of another, later one.
 * InvalidXLogRecPtr: it is none of its forebears, as far as files tell.
 */
extern XLogRecPtr cf_wal_switch_point(TimeLineID from, TimeLineID to);

/*
 * The start of the first record at or after a position, where reading may begin;
 * InvalidXLogRecPtr: none up to the limit, or it cannot be read.
 */
extern XLogRecPtr cf_wal_find_first(XLogRecPtr from, XLogRecPtr limit, TimeLineID timeline);

/* Does pg_wal have the segment that holds this position, of the timeline or a forebear? */
extern pg_nodiscard bool cf_wal_has(XLogRecPtr position, TimeLineID timeline);

#endif							/* CF_HISTORY_WALREAD_H */
