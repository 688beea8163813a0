/*
 * save.c - the history outlives a clean restart.
 *
 * A file of another shutdown, server, key or format is none: see shutdown.h.
 *
 * All runs in the postmaster, alone, while there are no other processes.
 *
 * src/history/save.c
 */
#include "postgres.h"

#include <unistd.h>

#include "access/xlogdefs.h"
#include "miscadmin.h"
#include "port/pg_crc32c.h"
#include "storage/ipc.h"

#include "base/guc.h"
#include "base/shmem.h"
#include "history/file.h"
#include "history/follow.h"
#include "history/history_internal.h"
#include "history/save.h"
#include "history/shutdown.h"

#define CF_SAVE_FILE "cachefront.history"
#define CF_SAVE_MAGIC UINT64CONST(0x32767369686663)	/* "cfhisv2" */
#define CF_SAVE_MAX ((Size) 256 * 1024 * 1024)

typedef struct SaveHead
{
	uint64		magic;
	CfShutdown	shutdown;
	uint64		floor;
	uint64		len;			/* bytes that follow */
	pg_crc32c	crc;			/* of these */
} SaveHead;

/* Of this shutdown or start; false: the server was not shut down cleanly. */
static bool
describe(SaveHead *head)
{
	memset(head, 0, sizeof(*head));
	head->magic = CF_SAVE_MAGIC;
	return cf_shutdown_describe(&head->shutdown);
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

static void
restore(int fd)
{
	CfHistoryImage image = cf_history_image();
	SaveHead	now;
	SaveHead	head;

	if (!describe(&now) || cf_shutdown_is_recovery_asked() ||
		!cf_shutdown_read(fd, &head, sizeof(head)) || head.magic != now.magic ||
		!cf_shutdown_equal(&head.shutdown, &now.shutdown) || head.len != image.len)
		return;
	if (!cf_shutdown_read(fd, image.data, image.len) || checksum(image.data, image.len) != head.crc)
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
	fd = cf_shutdown_take_file(CF_SAVE_FILE);
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
