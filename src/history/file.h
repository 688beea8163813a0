/*
 * file.h - small files of ours in the data directory.
 *
 * src/history/file.h
 */
#ifndef CF_HISTORY_FILE_H
#define CF_HISTORY_FILE_H

#include "postgres.h"

#include "base/compat.h"

typedef struct CfFilePart
{
	const void *data;
	Size		len;
} CfFilePart;

/*
 * The file has these parts, one after the other: at once and for good, or not at all.
 * False: it could not be written, which is logged. Its mode is 0600. By way of
 * NAME.tmp, so one process at a time.
 */
extern bool cf_file_replace(const char *name, const CfFilePart *parts, int n);

/*
 * The same step by step. Whatever fails is logged, and then all that follows fails
 * too; begin must be followed by one of end and abandon, even so.
 */
typedef struct CfFileWriter
{
	char		temp[MAXPGPATH];
	int			fd;				/* -1: something has failed */
} CfFileWriter;

extern bool cf_file_begin(CfFileWriter *writer, const char *name);
extern bool cf_file_write(CfFileWriter *writer, const void *data, Size len);

/* What was written is on the disk, if not yet under its name. */
extern pg_nodiscard bool cf_file_flush(CfFileWriter *writer);
extern pg_nodiscard bool cf_file_end(CfFileWriter *writer, const char *name);
extern void cf_file_abandon(CfFileWriter *writer);

#endif							/* CF_HISTORY_FILE_H */
