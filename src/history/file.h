/*
 * file.h - small files of ours in the data directory.
 *
 * src/history/file.h
 */
#ifndef CF_HISTORY_FILE_H
#define CF_HISTORY_FILE_H

#include "postgres.h"

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

#endif							/* CF_HISTORY_FILE_H */
