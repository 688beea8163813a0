/*
 * shutdown.c - what was saved at a clean stop, and whether it is of the last one.
 *
 * src/history/shutdown.c
 */
#include "postgres.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/xlog.h"
#include "catalog/pg_control.h"
#include "common/controldata_utils.h"
#include "miscadmin.h"
#include "storage/fd.h"

#include "codec/key.h"
#include "history/shutdown.h"

/*
 * A shutdown leaves a file for each. What is prepared may end without anybody who would
 * note what it has changed: then what was saved says too little.
 */
static bool
is_any_prepared(void)
{
	DIR		   *folder = AllocateDir("pg_twophase");
	struct dirent *entry;
	bool		any = folder == NULL;

	while (folder != NULL && (entry = ReadDirExtended(folder, "pg_twophase", LOG)) != NULL)
		any |= entry->d_name[0] != '.';
	if (folder != NULL)
		FreeDir(folder);
	return any;
}

static uint64
probe_secrets(void)
{
	CfHash128	identity;

	cf_hash128_init(&identity, 0);
	cf_hash128_add(&identity, "probe", 5);
	return cf_tag_hash(InvalidOid, "probe", 5) ^ identity.h[0];
}

bool
cf_shutdown_describe(CfShutdown *shutdown)
{
	bool		crc_ok;
	ControlFileData *control = get_controlfile(DataDir, &crc_ok);
	bool		clean = crc_ok && control->state == DB_SHUTDOWNED;

	memset(shutdown, 0, sizeof(*shutdown));
	shutdown->system = control->system_identifier;
	shutdown->checkpoint = control->checkPoint;
	shutdown->probe = probe_secrets();
	pfree(control);
	return clean && !is_any_prepared();
}

static bool
exists(const char *name)
{
	struct stat status;

	return stat(name, &status) == 0;
}

bool
cf_shutdown_is_recovery_asked(void)
{
	return exists(STANDBY_SIGNAL_FILE) || exists(RECOVERY_SIGNAL_FILE) ||
		exists(BACKUP_LABEL_FILE);
}

int
cf_shutdown_take_file(const char *name)
{
	/* What is no plain file, a pipe for one, must not hold up the start. */
	int			fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	struct stat status;

	if (fd < 0)
		return -1;
	if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && durable_unlink(name, LOG) == 0)
		return fd;
	close(fd);
	return -1;
}

bool
cf_shutdown_read(int fd, void *data, Size len)
{
	char	   *at = data;

	while (len > 0)
	{
		ssize_t		n = read(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		len -= n;
	}
	return true;
}
