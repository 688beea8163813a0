/*
 * walread.c - PostgreSQL's reader of WAL records over pages that are read here.
 *
 * Recovery reads a segment from the file of the newest timeline that has one, for that
 * holds what came before the timeline too; so does this. A file that is being
 * written is read again where it ended before: XLogReader keeps no page whose end
 * it has not seen.
 *
 * src/history/walread.c
 */
#include "postgres.h"

#include <fcntl.h>
#include <unistd.h>

#include "access/timeline.h"
#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "storage/fd.h"

#include "history/walread.h"

struct CfWalReader
{
	XLogReaderState *state;
	TimeLineID	timeline;
	List	   *line;			/* TimeLineHistoryEntry, newest first */
	XLogRecPtr	limit;
	bool		at_limit;
	int			file;			/* descriptor, or -1 */
	XLogSegNo	segment;		/* of file */
	TimeLineID	file_timeline;
	char		problem[128];
};

static void
close_file(CfWalReader *reader)
{
	if (reader->file >= 0)
		close(reader->file);
	reader->file = -1;
}

/* -1: there is none. */
static int
open_of_line(List *line, XLogSegNo segment, TimeLineID *found)
{
	char		path[MAXPGPATH];
	ListCell   *cell;
	int			file;

	foreach(cell, line)
	{
		TimeLineHistoryEntry *entry = lfirst(cell);

		if (!XLogRecPtrIsInvalid(entry->begin) && segment < entry->begin / wal_segment_size)
			continue;
		XLogFilePath(path, entry->tli, segment, wal_segment_size);
		file = BasicOpenFile(path, O_RDONLY | PG_BINARY);
		if (file >= 0)
		{
			*found = entry->tli;
			return file;
		}
	}
	return -1;
}

/*
 * An archive may have had the segment only as a later timeline's, which begins
 * with what this one has.
 */
static int
open_of_later(CfWalReader *reader, XLogSegNo segment)
{
	TimeLineID	newest = findNewestTimeLine(reader->timeline);
	List	   *line;
	int			file = -1;

	if (newest == reader->timeline)
		return -1;
	line = readTimeLineHistory(newest);
	if (tliInHistory(reader->timeline, line) &&
		segment <= tliSwitchPoint(reader->timeline, line, NULL) / wal_segment_size)
		file = open_of_line(line, segment, &reader->file_timeline);
	list_free_deep(line);
	return file;
}

static bool
open_segment(CfWalReader *reader, XLogSegNo segment)
{
	if (reader->file >= 0 && reader->segment == segment)
		return true;
	close_file(reader);
	reader->segment = segment;
	reader->file = open_of_line(reader->line, segment, &reader->file_timeline);
	if (reader->file < 0)
		reader->file = open_of_later(reader, segment);
	if (reader->file < 0)
		snprintf(reader->problem, sizeof(reader->problem), "segment " UINT64_FORMAT " is not there",
				 (uint64) segment);
	return reader->file >= 0;
}

static int
read_page(XLogReaderState *state, XLogRecPtr page, int wanted, XLogRecPtr record, char *buffer)
{
	CfWalReader *reader = state->private_data;
	int			size;

	if (page + wanted > reader->limit)
	{
		reader->at_limit = true;
		return XLREAD_FAIL;
	}
	if (!open_segment(reader, page / wal_segment_size))
		return XLREAD_FAIL;
	size = (int) Min(XLOG_BLCKSZ, reader->limit - page);
	if (pg_pread(reader->file, buffer, size, XLogSegmentOffset(page, wal_segment_size)) != size)
	{
		snprintf(reader->problem, sizeof(reader->problem), "segment " UINT64_FORMAT " is too short",
				 (uint64) reader->segment);
		return XLREAD_FAIL;
	}
	state->seg.ws_tli = reader->file_timeline;
	return size;
}

/* The descriptor is ours. */
static void
close_segment(XLogReaderState *state)
{
	state->seg.ws_file = -1;
}

CfWalReader *
cf_wal_open(XLogRecPtr start, TimeLineID timeline)
{
	CfWalReader *reader = palloc0(sizeof(CfWalReader));

	reader->timeline = timeline;
	reader->line = readTimeLineHistory(timeline);
	reader->file = -1;
	reader->state = XLogReaderAllocate(wal_segment_size, NULL,
									   XL_ROUTINE(.page_read = read_page,
												  .segment_close = close_segment),
									   reader);
	if (reader->state == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory"),
				 errdetail("Failed while allocating a WAL reading processor.")));
	XLogBeginRead(reader->state, start);
	return reader;
}

void
cf_wal_close(CfWalReader *reader)
{
	if (reader == NULL)
		return;
	close_file(reader);
	XLogReaderFree(reader->state);
	list_free_deep(reader->line);
	pfree(reader);
}

CfWalStatus
cf_wal_next(CfWalReader *reader, XLogRecPtr limit, XLogReaderState **record)
{
	char	   *error = NULL;

	if (reader->state->EndRecPtr >= limit)
		return CF_WAL_LIMIT;
	reader->limit = limit;
	reader->at_limit = false;
	reader->problem[0] = '\0';
	*record = reader->state;
	if (XLogReadRecord(reader->state, &error) != NULL)
		return CF_WAL_RECORD;
	if (reader->at_limit)
		return CF_WAL_LIMIT;
	if (reader->problem[0] == '\0')
		strlcpy(reader->problem, error != NULL ? error : "no record was found",
				sizeof(reader->problem));
	return CF_WAL_UNREADABLE;
}

XLogRecPtr
cf_wal_position(const CfWalReader *reader)
{
	return reader->state->EndRecPtr;
}

TimeLineID
cf_wal_timeline(const CfWalReader *reader)
{
	return reader->timeline;
}

const char *
cf_wal_problem(const CfWalReader *reader)
{
	return reader->problem;
}

XLogRecPtr
cf_wal_switch_point(TimeLineID from, TimeLineID to)
{
	List	   *line = readTimeLineHistory(to);
	XLogRecPtr	point = InvalidXLogRecPtr;

	if (from != to && tliInHistory(from, line))
		point = tliSwitchPoint(from, line, NULL);
	list_free_deep(line);
	return point;
}

XLogRecPtr
cf_wal_find_first(XLogRecPtr from, XLogRecPtr limit, TimeLineID timeline)
{
	CfWalReader *reader = cf_wal_open(from, timeline);
	XLogRecPtr	found;

	reader->limit = limit;
	found = XLogFindNextRecord(reader->state, from);
	cf_wal_close(reader);
	return found;
}

bool
cf_wal_has(XLogRecPtr position, TimeLineID timeline)
{
	List	   *line = readTimeLineHistory(timeline);
	TimeLineID	found;
	int			file = open_of_line(line, position / wal_segment_size, &found);

	if (file >= 0)
		close(file);
	list_free_deep(line);
	return file >= 0;
}
