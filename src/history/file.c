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
write_all(int fd, const CfFilePart *part)
{
	const char *at = part->data;
	Size		len = part->len;

	while (len > 0)
	{
		ssize_t		n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		len -= n;
	}
	return true;
}

bool
cf_file_replace(const char *name, const CfFilePart *parts, int n)
{
	char		temp[MAXPGPATH];
	int			fd;
	bool		written;

	snprintf(temp, sizeof(temp), "%s.tmp", name);
	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	written = fd >= 0;
	for (int i = 0; i < n && written; i++)
		written = write_all(fd, &parts[i]);
	written = written && pg_fsync(fd) == 0;
	if (!written)
		ereport(LOG,
				(errcode_for_file_access(),
				 errmsg("could not write file \"%s\": %m", temp)));
	if (fd >= 0)
		close(fd);
	return written && durable_rename(temp, name, LOG) == 0;
}
