/*
 * restart.c - what is in memory outlives a clean restart.
 *
 * The file: a head, then blocks, each sealed with the head as associated data and its
 * own number, so that none is of another file, place or stop. The key is the first of
 * cachefront.encryption_key_file; without one, a secret that pg_control holds, which
 * lies beside the file and so hides nothing, but finds all damage. Block 0 has the
 * names of the caches that entries count for, the others have records (l1/saved.h).
 *
 * An entry that is restored is as good as it was: the last change before the
 * shutdown's checkpoint is in it, and all that come later move clocks, which begin anew
 * and are compared with a stamp from before the first of them. What is not so sure makes the
 * file none, which one line of the log says.
 *
 * All runs in the postmaster, alone, while there are no other processes: no error
 * may be raised, and at its end no lock is taken.
 *
 * src/warm/restart.c
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/pg_prng.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "storage/fd.h"
#include "storage/ipc.h"
#include "utils/timestamp.h"

#include "base/debug_point.h"
#include "base/guc.h"
#include "base/shmem.h"
#include "base/steady.h"
#include "codec/crypto.h"
#include "history/file.h"
#include "history/follow.h"
#include "history/shutdown.h"
#include "l1/saved.h"
#include "warm/fingerprint.h"
#include "warm/progress.h"
#include "warm/restart.h"
#include "warm/ring.h"

#define CF_RESTART_FILE "cachefront.memory"
#define CF_RESTART_MAGIC UINT64CONST(0x31766d656d6663)	/* "cfmemv1" */
#define CF_BLOCK ((Size) 1024 * 1024)	/* but for an entry that is larger */
#define CF_BLOCK_MAX ((Size) PG_INT32_MAX / 2)	/* cf_crypto_seal takes no more */
#define CF_FLUSH_BLOCKS 16
#define CF_SAVE_SECONDS 5.0
#define CF_BOOT_ID 36

/* No padding: all of it is read and written as it is. */
typedef struct FileHead
{
	uint64		magic;
	CfShutdown	shutdown;
	CfFingerprint fingerprint;
	int64		wall;			/* when it was written */
	int64		since_boot;		/* us */
	char		boot[CF_BOOT_ID];	/* of the machine */
	uint32		key;			/* 0: the secret of pg_control */
} FileHead;

StaticAssertDecl(sizeof(FileHead) == 128, "the head has no padding");

typedef struct BlockHead
{
	uint32		number;
	uint32		len;			/* of what is sealed */
	uint32		last;
} BlockHead;

typedef struct CacheName
{
	Oid			dboid;
	char		name[CF_MAX_CACHE_NAME];
} CacheName;

/* ---- what is true of this stop or start ------------------------------------------- */

/* The machine's start has a name; without one (empty) only the wall's clock counts. */
static void
read_boot_id(char boot[CF_BOOT_ID])
{
	int			fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (CF_FAULT_POINT("other-boot"))
		boot[0] = ' ';
	else if (!cf_shutdown_read(fd, boot, CF_BOOT_ID))
		memset(boot, 0, CF_BOOT_ID);
	close(fd);
}

static void
describe_time(FileHead *head)
{
	TimestampTz now = cf_steady_now();

	head->wall = cf_steady_to_wall(now);
	head->since_boot = cf_steady_since_boot(now);
	read_boot_id(head->boot);
}

/* How long nobody ran, in us; below 0: nobody can tell, for a clock has been set back. */
static int64
downtime(const FileHead *then, const FileHead *now)
{
	if (now->boot[0] != '\0' && memcmp(then->boot, now->boot, CF_BOOT_ID) == 0)
		return now->since_boot - then->since_boot;
	return now->wall - then->wall;
}

/* ---- the end ---------------------------------------------------------------------- */

typedef struct Saving
{
	CfFileWriter file;
	FileHead	head;
	const CfKeyring *ring;
	instr_time	began;
	char	   *plain;
	char	   *sealed;			/* a block with its head */
	Size		room;			/* of plain */
	Size		used;
	Size		written;		/* bytes of the file */
	uint32		blocks;
	uint64		entries;
} Saving;

static double
seconds_since(const instr_time *began)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, *began);
	return INSTR_TIME_GET_DOUBLE(now);
}

/* The plain block becomes this large; what is in it goes. False: no memory. */
static bool
make_block(Saving *saving, Size room)
{
	free(saving->plain);
	free(saving->sealed);
	saving->room = room;
	saving->plain = malloc(room);
	saving->sealed = malloc(sizeof(BlockHead) + room + CF_CRYPTO_OVERHEAD);
	return saving->plain != NULL && saving->sealed != NULL;
}

/* What a key vouches for may be wrong all the same, if a test says so. */
static void
spoil(Saving *saving)
{
	if (!CF_FAULT_POINT("bad-block") || saving->used == 0 || saving->blocks == 0)
		return;
	for (uint32 n = 1 + pg_prng_uint32(&pg_global_prng_state) % 4; n > 0; n--)
		saving->plain[pg_prng_uint32(&pg_global_prng_state) % saving->used] ^=
			(char) (1 << pg_prng_uint32(&pg_global_prng_state) % 8);
}

static bool
write_block(Saving *saving, bool last)
{
	BlockHead	head = {saving->blocks, (uint32) saving->used, last};
	const CfCryptoPart parts[] = {{&saving->head, sizeof(FileHead)}, {&head, sizeof(head)}};
	Size		size = sizeof(head) + saving->used + CF_CRYPTO_OVERHEAD;

	spoil(saving);
	memcpy(saving->sealed, &head, sizeof(head));
	if (!cf_crypto_seal(saving->ring, cf_ring_id(saving->ring, saving->head.key), parts,
						lengthof(parts), saving->plain, saving->used,
						saving->sealed + sizeof(head)))
	{
		ereport(LOG, (errmsg("could not seal a block of file \"%s\"", CF_RESTART_FILE)));
		return false;
	}
	if (!cf_file_write(&saving->file, saving->sealed, size))
		return false;
	saving->written += size;
	saving->blocks++;
	saving->used = 0;
	/* What a disk is slow to take counts while there is time to stop. */
	return saving->blocks % CF_FLUSH_BLOCKS != 0 || cf_file_flush(&saving->file);
}

static void
put_names(Saving *saving)
{
	CacheName  *names = (CacheName *) saving->plain;
	int			n = cf_stats_nslots();

	StaticAssertStmt(sizeof(CacheName) * CF_STATS_SLOTS <= CF_BLOCK, "names fit in a block");
	saving->used = n * sizeof(CacheName);
	memset(names, 0, saving->used);
	for (int i = 0; i < n; i++)
		cf_stats_identify((CfStatsSlot) i, &names[i].dboid, names[i].name);
}

/* Room for a record of that size. False: the file could not be written. */
static bool
make_room(Saving *saving, Size size)
{
	if (saving->used + size <= saving->room)
		return true;
	if (saving->used > 0 && !write_block(saving, false))
		return false;
	return Max(size, CF_BLOCK) == saving->room || make_block(saving, Max(size, CF_BLOCK));
}

/* False: the file could not be written. */
static bool
put_entries(Saving *saving)
{
	Size		limit = (Size) cf_guc_l1_save_max * 1024 * 1024;
	CfL1Walk	walk;
	Size		size;

	cf_l1_walk_begin(&walk, cf_now());
	while ((size = cf_l1_walk_size(&walk)) != 0)
	{
		/* One that takes a quarter of the file is not worth what it keeps out. */
		if (size > CF_BLOCK_MAX || (size > CF_BLOCK && size > limit / 4))
		{
			cf_l1_walk_skip(&walk);
			continue;
		}
		if (saving->written + saving->used + size + 2 * sizeof(BlockHead) +
			2 * CF_CRYPTO_OVERHEAD > limit ||
			(saving->used + size > saving->room &&
			 seconds_since(&saving->began) > CF_SAVE_SECONDS))
			break;
		if (!make_room(saving, size))
			return false;
		cf_l1_walk_take(&walk, saving->plain + saving->used);
		saving->used += size;
		saving->entries++;
	}
	return true;
}

static bool
put_all(Saving *saving)
{
	if (!cf_file_begin(&saving->file, CF_RESTART_FILE) ||
		!cf_file_write(&saving->file, &saving->head, sizeof(FileHead)) ||
		!make_block(saving, CF_BLOCK))
		return false;
	saving->written = sizeof(FileHead);
	put_names(saving);
	return write_block(saving, false) && put_entries(saving) && write_block(saving, true);
}

static void
save(int code, Datum arg)
{
	Saving		saving = {0};

	if (!cf_guc_l1_save)
		return;
	saving.head.magic = CF_RESTART_MAGIC;
	saving.head.fingerprint = cf_fingerprint_get();
	/* A promoted server's history may not be all there yet: then nothing in it is sure. */
	if (saving.head.fingerprint.programs == 0 || !cf_shutdown_describe(&saving.head.shutdown) ||
		!cf_follow_is_complete())
		return;
	describe_time(&saving.head);
	INSTR_TIME_SET_CURRENT(saving.began);
	saving.ring = cf_ring_to_seal(&saving.head.key);
	if (saving.ring == NULL)
		return;
	cf_l1_postmaster_begin();
	if (!put_all(&saving))
		cf_file_abandon(&saving.file);
	else if (cf_file_end(&saving.file, CF_RESTART_FILE))
		ereport(LOG,
				(errmsg("cachefront saved %llu entries (%llu kB) in %.1f s",
						(unsigned long long) saving.entries,
						(unsigned long long) saving.written / 1024,
						seconds_since(&saving.began))));
	cf_l1_postmaster_end();
	free(saving.plain);
	free(saving.sealed);
}

/* ---- the start -------------------------------------------------------------------- */

typedef struct Restoring
{
	int			fd;
	int64		left;			/* bytes of the file that are not yet read */
	FileHead	head;
	const CfKeyring *ring;
	char	   *sealed;
	char	   *plain;
	Size		room;			/* of plain */
	Size		used;
	uint32		blocks;
	bool		last;
	CfStatsSlot slots[CF_STATS_SLOTS];
	uint64		entries;
	bool		full;
} Restoring;

static const char *const damaged = "it is damaged";
static const char *const no_memory = "there is no memory to read it";

static bool
make_buffers(Restoring *restoring, Size room)
{
	if (room <= restoring->room)
		return true;
	free(restoring->plain);
	free(restoring->sealed);
	restoring->room = room;
	restoring->plain = malloc(room);
	restoring->sealed = malloc(room + CF_CRYPTO_OVERHEAD);
	return restoring->plain != NULL && restoring->sealed != NULL;
}

/* Each of these: NULL, or why the file does not count. */
static const char *
read_block(Restoring *restoring)
{
	BlockHead	head;
	const CfCryptoPart parts[] = {{&restoring->head, sizeof(FileHead)}, {&head, sizeof(head)}};
	Size		size;

	if (!cf_shutdown_read(restoring->fd, &head, sizeof(head)))
		return damaged;
	size = (Size) head.len + CF_CRYPTO_OVERHEAD;
	restoring->left -= sizeof(head);
	if (head.number != restoring->blocks || head.len > CF_BLOCK_MAX ||
		(int64) size > restoring->left)
		return damaged;
	if (!make_buffers(restoring, Max(head.len, CF_BLOCK)))
		return no_memory;
	if (!cf_shutdown_read(restoring->fd, restoring->sealed, size))
		return damaged;
	switch (cf_crypto_open(restoring->ring, cf_ring_id(restoring->ring, restoring->head.key), parts,
						   lengthof(parts), restoring->sealed, size, restoring->plain))
	{
		case CF_CRYPTO_OK:
			break;
		case CF_CRYPTO_NO_KEY:
			return "the key that it was sealed with is not there";
		case CF_CRYPTO_NO_MEMORY:
			return no_memory;
		case CF_CRYPTO_NOT_AUTHENTIC:
			return damaged;
	}
	restoring->left -= size;
	restoring->used = head.len;
	restoring->blocks++;
	restoring->last = head.last != 0;
	return NULL;
}

/* Slot 0 is nobody's, as before. */
static const char *
take_names(Restoring *restoring)
{
	Size		n = restoring->used / sizeof(CacheName);

	if (n > CF_STATS_SLOTS || restoring->used % sizeof(CacheName) != 0)
		return damaged;
	for (Size i = 1; i < n; i++)
	{
		CacheName	name;

		memcpy(&name, restoring->plain + i * sizeof(name), sizeof(name));
		name.name[sizeof(name.name) - 1] = '\0';
		restoring->slots[i] = cf_stats_slot(name.dboid, name.name);
	}
	return NULL;
}

static const char *
take_entries(Restoring *restoring, const CfL1Restoring *as)
{
	Size		at = 0;

	while (at < restoring->used && !restoring->full)
	{
		Size		size;

		switch (cf_l1_restore(as, restoring->plain + at, restoring->used - at, &size))
		{
			case CF_L1_RESTORED:
				restoring->entries++;
				break;
			case CF_L1_PASSED:
				break;
			case CF_L1_FULL:
				restoring->full = true;
				break;
			case CF_L1_BAD_RECORD:
				return damaged;
		}
		at += size;
	}
	return NULL;
}

static const char *
take_all(Restoring *restoring, int64 down)
{
	CfL1Restoring as = {cf_now(), down, restoring->slots};
	const char *problem = read_block(restoring);

	if (problem == NULL)
		problem = take_names(restoring);
	while (problem == NULL && !restoring->last)
	{
		problem = read_block(restoring);
		if (problem == NULL)
			problem = take_entries(restoring, &as);
	}
	return problem == NULL && restoring->left != 0 ? damaged : problem;
}

static const char *
judge_head(Restoring *restoring, FileHead *now)
{
	const FileHead *head = &restoring->head;
	const char *difference;

	if (!cf_guc_l1_save)
		return "cachefront.l1_save is off";
	if (!cf_shutdown_read(restoring->fd, &restoring->head, sizeof(FileHead)) ||
		head->magic != CF_RESTART_MAGIC)
		return "it is damaged, or of another version";
	restoring->left -= sizeof(FileHead);
	if (cf_shutdown_is_recovery_asked())
		return "the server starts with a recovery";
	if (!cf_shutdown_describe(&now->shutdown))
		return "the server was not shut down cleanly since, or something is prepared";
	if (!cf_shutdown_equal(&head->shutdown, &now->shutdown))
		return "it is of another shutdown, or another server";
	difference = cf_fingerprint_difference(&head->fingerprint, &now->fingerprint);
	if (difference != NULL)
		return difference;
	restoring->ring = cf_ring_to_open(head->key);
	if (restoring->ring == NULL)
		return "it was not sealed with a key that counts now";
	if (downtime(head, now) < 0)
		return "the clock has been set back";
	return NULL;
}

static void
restore(int fd)
{
	/* More than a stack should have; and the postmaster ends where it gets no memory. */
	Restoring  *restoring = calloc(1, sizeof(Restoring));
	FileHead	now = {.fingerprint = cf_fingerprint_get()};
	struct stat status;
	instr_time	began;
	const char *problem;
	CfWarmingRun run = cf_progress_begin(CF_WARMING_RESTORE, InvalidOid, "", CF_WARMING_UNKNOWN);

	if (restoring == NULL)
		return;
	INSTR_TIME_SET_CURRENT(began);
	describe_time(&now);
	restoring->fd = fd;
	restoring->left = fstat(fd, &status) == 0 ? status.st_size : 0;
	cf_l1_postmaster_begin();
	problem = judge_head(restoring, &now);
	if (problem == NULL)
		problem = take_all(restoring, downtime(&restoring->head, &now));
	if (problem == NULL)
		ereport(LOG,
				(errmsg("cachefront restored %llu entries in %.3f s",
						(unsigned long long) restoring->entries, seconds_since(&began))));
	else
	{
		cf_l1_restore_undo();
		ereport(LOG,
				(errmsg("cachefront starts with an empty memory: file \"%s\" is not used",
						CF_RESTART_FILE),
				 errdetail("Reason: %s.", problem)));
	}
	cf_l1_postmaster_end();
	cf_progress_add(&run, problem == NULL ? restoring->entries : 0, problem != NULL);
	cf_progress_end(&run);
	free(restoring->plain);
	free(restoring->sealed);
	free(restoring);
}

static Size
restart_shmem_size(void)
{
	return 1;
}

static void
restart_shmem_init(void *memory, LWLockPadded *locks)
{
	int			fd;

	if (!IsPostmasterEnvironment)
		return;
	if (cf_guc_l1_save)
		cf_fingerprint_take();
	/* Of an end that was cut short. */
	(void) unlink(CF_RESTART_FILE ".tmp");
	fd = cf_shutdown_take_file(CF_RESTART_FILE);
	if (fd >= 0)
	{
		restore(fd);
		close(fd);
	}
	before_shmem_exit(save, (Datum) 0);
}

static void
restart_shmem_attach(void *memory, LWLockPadded *locks)
{
}

void
cf_restart_register(void)
{
	static const CfShmemSegment segment = {
		.name = "cachefront_restart",
		.nlocks = 0,
		.size = restart_shmem_size,
		.init = restart_shmem_init,
		.attach = restart_shmem_attach,
	};

	cf_shmem_register(&segment);
}
