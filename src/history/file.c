/*
 * file.c - small files of ours in the data directory.
 *
 * src/history/file.c
 */
#include "postgres.h"

#include <fcntl.h>
#include <unistd.h>

#include "storage/fd.h"

#include "history/file.h"

static bool
fail(CfFileWriter *writer)
{
	ereport(LOG,
			(errcode_for_file_access(),
			 errmsg("could not write file \"%s\": %m", writer->temp)));
	if (writer->fd >= 0)
		close(writer->fd);
	writer->fd = -1;
	return false;
}

bool
cf_file_begin(CfFileWriter *writer, const char *name)
{
	snprintf(writer->temp, sizeof(writer->temp), "%s.tmp", name);
	/* What an attempt has left, whatever its mode is. */
	(void) unlink(writer->temp);
	writer->fd = open(writer->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return writer->fd >= 0 || fail(writer);
}

bool
cf_file_write(CfFileWriter *writer, const void *data, Size len)
{
	const char *at = data;

	if (writer->fd < 0)
		return false;
	while (len > 0)
	{
		ssize_t		n;

		errno = 0;
		n = write(writer->fd, at, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
		{
			/* Nothing was written, and nothing was said of why. */
			if (errno == 0)
				errno = ENOSPC;
			return fail(writer);
		}
		at += n;
		len -= n;
	}
	return true;
}

bool
cf_file_flush(CfFileWriter *writer)
{
	return writer->fd >= 0 && (pg_fsync(writer->fd) == 0 || fail(writer));
}

bool
cf_file_end(CfFileWriter *writer, const char *name)
{
	if (!cf_file_flush(writer))
	{
		cf_file_abandon(writer);
		return false;
	}
	close(writer->fd);
	writer->fd = -1;
	if (durable_rename(writer->temp, name, LOG) == 0)
		return true;
	cf_file_abandon(writer);
	return false;
}

void
cf_file_abandon(CfFileWriter *writer)
{
	if (writer->fd >= 0)
		close(writer->fd);
	writer->fd = -1;
	(void) unlink(writer->temp);
}

bool
cf_file_replace(const char *name, const CfFilePart *parts, int n)
{
	CfFileWriter writer;

	(void) cf_file_begin(&writer, name);
	for (int i = 0; i < n; i++)
		(void) cf_file_write(&writer, parts[i].data, parts[i].len);
	return cf_file_end(&writer, name);
}
