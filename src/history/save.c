/*
 * save.c - the history outlives a clean restart.
 *
 * Nothing but the control file is believed. That a server has ended says nothing:
 * an immediate stop, too, ends the postmaster in order. The file is taken out of
 * the folder, for good, before it is read: whatever becomes of this start, no
 * later one finds it. A file of another shutdown, server, key or format is none.
 *
 * All runs in the postmaster, alone, while there are no other processes.
 *
 * src/history/save.c
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
#include "port/pg_crc32c.h"
#include "storage/fd.h"
#include "storage/ipc.h"

#include "base/guc.h"
#include "base/shmem.h"
#include "codec/key.h"
#include "history/file.h"
#include "history/follow.h"
#include "history/history_internal.h"
#include "history/save.h"

#define CF_SAVE_FILE "cachefront.history"
#define CF_SAVE_MAGIC UINT64CONST(0x31767369686663)	/* "cfhisv1" */
#define CF_SAVE_MAX ((Size) 256 * 1024 * 1024)

typedef struct SaveHead
{
	uint64		magic;
	uint64		system;
	uint64		checkpoint;		/* LSN of the shutdown's */
	uint64		probe;			/* of the secret that names are hashed with */
	uint64		floor;
	uint64		len;			/* bytes that follow */
	pg_crc32c	crc;			/* of these */
} SaveHead;

/*
 * A shutdown leaves a file for each. What is prepared may end without anybody who would
 * note what it has changed: then the history says too little.
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

/* Of this shutdown or start; false: the server was not shut down cleanly. */
static bool
describe(SaveHead *head)
{
	bool		crc_ok;
	ControlFileData *control = get_controlfile(DataDir, &crc_ok);
	bool		clean = crc_ok && control->state == DB_SHUTDOWNED;

	memset(head, 0, sizeof(*head));
	head->magic = CF_SAVE_MAGIC;
	head->system = control->system_identifier;
	head->checkpoint = control->checkPoint;
	head->probe = cf_tag_hash(InvalidOid, "probe", 5);
	pfree(control);
	return clean && !is_any_prepared();
}

static pg_crc32c
checksum(const char *data, Size len)
{
	pg_crc32c	crc;

	INIT_CRC32C(crc);
	COMP_CRC32C(crc, data, len);
	FIN_CRC32C(crc);
	return crc;
}

/* ---- the end ---------------------------------------------------------------------- */

static void
save(int code, Datum arg)
{
	CfHistoryImage image = cf_history_image();
	SaveHead	head;
	const CfFilePart parts[] = {{&head, sizeof(head)}, {image.data, image.len}};

	/* Without tracking it has not noted what only that would have. */
	if (!cf_guc_track_changes)
		return;
	/* What was not taken at the start has nothing that this start has noted. */
	if (!describe(&head) || !cf_follow_is_complete() || image.floor == PG_UINT64_MAX ||
		image.len > CF_SAVE_MAX)
		return;
	head.floor = image.floor;
	head.len = image.len;
	head.crc = checksum(image.data, image.len);
	(void) cf_file_replace(CF_SAVE_FILE, parts, lengthof(parts));
}

/* ---- the start -------------------------------------------------------------------- */

static bool
read_all(int fd, void *data, Size len)
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

static bool
exists(const char *name)
{
	struct stat status;

	return stat(name, &status) == 0;
}

/* A backup, or what is to be a standby, does not go on where that server ended. */
static bool
is_recovery_asked(void)
{
	return exists(STANDBY_SIGNAL_FILE) || exists(RECOVERY_SIGNAL_FILE) ||
		exists(BACKUP_LABEL_FILE);
}

/* Out of the folder for good; -1: there was none, or it could not be taken out. */
static int
take_file(void)
{
	int			fd = open(CF_SAVE_FILE, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	if (durable_unlink(CF_SAVE_FILE, LOG) == 0)
		return fd;
	close(fd);
	return -1;
}

static void
restore(int fd)
{
	CfHistoryImage image = cf_history_image();
	SaveHead	now;
	SaveHead	head;

	if (!describe(&now) || is_recovery_asked() || !read_all(fd, &head, sizeof(head)) ||
		head.magic != now.magic || head.system != now.system ||
		head.checkpoint != now.checkpoint || head.probe != now.probe ||
		head.len != image.len)
		return;
	if (!read_all(fd, image.data, image.len) || checksum(image.data, image.len) != head.crc)
	{
		memset(image.data, 0, image.len);
		ereport(LOG,
				(errmsg("file \"%s\" was damaged: what Redis has of before is not used",
						CF_SAVE_FILE)));
		return;
	}
	cf_history_restored(head.floor);
	ereport(DEBUG1,
			(errmsg_internal("cachefront restored its history from %X/%X on",
							 LSN_FORMAT_ARGS(head.floor))));
}

static Size
save_shmem_size(void)
{
	return 1;
}

static void
save_shmem_init(void *memory, LWLockPadded *locks)
{
	int			fd;

	if (!IsPostmasterEnvironment)
		return;
	fd = take_file();
	if (fd >= 0)
	{
		restore(fd);
		close(fd);
	}
	before_shmem_exit(save, (Datum) 0);
}

static void
save_shmem_attach(void *memory, LWLockPadded *locks)
{
}

void
cf_history_save_register(void)
{
	static const CfShmemSegment segment = {
		.name = "cachefront_history_save",
		.nlocks = 0,
		.size = save_shmem_size,
		.init = save_shmem_init,
		.attach = save_shmem_attach,
	};

	cf_shmem_register(&segment);
}
