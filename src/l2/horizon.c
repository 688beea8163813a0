/*
 * horizon.c - the file cachefront.redis: "<LSN> <run id> <1: raise it>".
 *
 * Locking: the tranche's one lock guards the file and what is known of it. It is
 * held while the file is written, as PostgreSQL's ControlFileLock is: that is
 * once for each time that Redis is switched off, lost, or replaced.
 *
 * src/l2/horizon.c
 */
#include "postgres.h"

#include <fcntl.h>
#include <unistd.h>

#include "port/atomics.h"
#include "storage/fd.h"
#include "storage/lwlock.h"

#include "l2/floor.h"
#include "l2/horizon.h"
#include "position.h"
#include "shmem.h"

#define CF_HORIZON_FILE "cachefront.redis"	/* in the data directory */
#define CF_HORIZON_TEMP "cachefront.redis.tmp"
#define CF_HORIZON_LEN (CF_LSN_LEN + 1 + CF_RUN_ID_LEN + 1 + 1 + 1)

typedef struct CfSharedHorizon
{
	/* Protected by the lock; flags are also read without it */
	pg_atomic_uint32 loaded;
	pg_atomic_uint32 used;		/* there is a file */
	pg_atomic_uint32 raise;		/* to be raised at the next use */
	uint64		lsn;
	char		run_id[CF_RUN_ID_LEN + 1];

	/* Atomic, no lock */
	pg_atomic_uint32 missing;	/* commits under way that Redis will not hear of */
} CfSharedHorizon;

static CfSharedHorizon *horizon = NULL;
static LWLock *horizon_lock = NULL;

/* In its place at once and for good, or not at all. */
static void
save_locked(void)
{
	char		text[CF_HORIZON_LEN + 1];
	char		lsn[CF_LSN_LEN + 1];
	int			fd = open(CF_HORIZON_TEMP, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int			len;
	bool		written;

	Assert(LWLockHeldByMeInMode(horizon_lock, LW_EXCLUSIVE));
	cf_lsn_print(lsn, horizon->lsn);
	len = snprintf(text, sizeof(text), "%s %s %d\n", lsn, horizon->run_id,
				   pg_atomic_read_u32(&horizon->raise) != 0);
	written = fd >= 0 && write(fd, text, len) == len && pg_fsync(fd) == 0;
	if (fd >= 0)
		close(fd);
	if (!written)
		ereport(LOG,
				(errcode_for_file_access(),
				 errmsg("could not write file \"%s\": %m", CF_HORIZON_TEMP)));
	else
		(void) durable_rename(CF_HORIZON_TEMP, CF_HORIZON_FILE, LOG);
	pg_atomic_write_u32(&horizon->used, 1);
}

/* What cannot be read is of a Redis that nothing is known about. */
static void
load_locked(void)
{
	char		text[CF_HORIZON_LEN + 1] = "";
	int			fd = open(CF_HORIZON_FILE, O_RDONLY | O_CLOEXEC);
	ssize_t		len = fd >= 0 ? read(fd, text, CF_HORIZON_LEN) : 0;

	if (fd >= 0)
		close(fd);
	if (fd >= 0 || errno != ENOENT)
		pg_atomic_write_u32(&horizon->used, 1);
	pg_atomic_write_u32(&horizon->raise, 1);
	if (len == CF_HORIZON_LEN && cf_lsn_parse(text, CF_LSN_LEN, &horizon->lsn))
	{
		memcpy(horizon->run_id, text + CF_LSN_LEN + 1, CF_RUN_ID_LEN);
		pg_atomic_write_u32(&horizon->raise, text[CF_HORIZON_LEN - 2] != '0');
	}
	pg_write_barrier();
	pg_atomic_write_u32(&horizon->loaded, 1);
}

static void
load_once(void)
{
	if (likely(pg_atomic_read_u32(&horizon->loaded) != 0))
		return;
	LWLockAcquire(horizon_lock, LW_EXCLUSIVE);
	if (pg_atomic_read_u32(&horizon->loaded) == 0)
		load_locked();
	LWLockRelease(horizon_lock);
}

bool
cf_horizon_is_used(void)
{
	load_once();
	return pg_atomic_read_u32(&horizon->used) != 0;
}

/* Counted first: see cf_horizon_get. */
void
cf_horizon_begin_miss(void)
{
	load_once();
	pg_atomic_fetch_add_u32(&horizon->missing, 1);
	if (likely(pg_atomic_read_u32(&horizon->raise) != 0))
		return;
	LWLockAcquire(horizon_lock, LW_EXCLUSIVE);
	if (pg_atomic_read_u32(&horizon->raise) == 0)
	{
		pg_atomic_write_u32(&horizon->raise, 1);
		save_locked();
	}
	LWLockRelease(horizon_lock);
}

void
cf_horizon_end_miss(void)
{
	pg_atomic_fetch_sub_u32(&horizon->missing, 1);
}

/*
 * A commit that found the flag still set relies on the horizon to come; it was
 * counted before it looked, so it shows in the count after the flag is cleared.
 */
static bool
raise_locked(const char *run_id)
{
	if (pg_atomic_read_u32(&horizon->missing) > 0)
		return false;
	horizon->lsn = cf_position_advance();
	strlcpy(horizon->run_id, run_id, sizeof(horizon->run_id));
	pg_atomic_write_u32(&horizon->raise, 0);
	pg_memory_barrier();
	if (pg_atomic_read_u32(&horizon->missing) > 0)
	{
		pg_atomic_write_u32(&horizon->raise, 1);
		return false;
	}
	save_locked();
	return true;
}

bool
cf_horizon_get(const char *run_id, uint64 *lsn)
{
	bool		known = true;

	load_once();
	LWLockAcquire(horizon_lock, LW_EXCLUSIVE);
	if (pg_atomic_read_u32(&horizon->raise) != 0 || strcmp(horizon->run_id, run_id) != 0)
		known = raise_locked(run_id);
	*lsn = horizon->lsn;
	LWLockRelease(horizon_lock);
	return known;
}

static Size
horizon_shmem_size(void)
{
	return sizeof(CfSharedHorizon);
}

static void
horizon_shmem_init(void *memory, LWLockPadded *locks)
{
	CfSharedHorizon *new = memory;

	pg_atomic_init_u32(&new->loaded, 0);
	pg_atomic_init_u32(&new->used, 0);
	pg_atomic_init_u32(&new->raise, 0);
	pg_atomic_init_u32(&new->missing, 0);
	new->lsn = 0;
	memset(new->run_id, '-', CF_RUN_ID_LEN);
	new->run_id[CF_RUN_ID_LEN] = '\0';
}

static void
horizon_shmem_attach(void *memory, LWLockPadded *locks)
{
	horizon = memory;
	horizon_lock = &locks[0].lock;
}

void
cf_horizon_register(void)
{
	static const CfShmemSegment segment = {
		.name = "cachefront_horizon",
		.nlocks = 1,
		.size = horizon_shmem_size,
		.init = horizon_shmem_init,
		.attach = horizon_shmem_attach,
	};

	cf_shmem_register(&segment);
}
