/*
 * space.c - the databases that use Redis, and the floor of each.
 *
 * Locking: the tranche's one lock guards names, floors and starts; held for a copy.
 * The outbox's state and counts are atomics.
 *
 * src/l2/space.c
 */
#include "postgres.h"

#include "access/xlog.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/lwlock.h"

#include "guc.h"
#include "l2/horizon.h"
#include "l2/lua.h"
#include "l2/space.h"
#include "position.h"
#include "shmem.h"

typedef struct CfSharedSpace
{
	/* Protected by the lock */
	Oid			dboid;			/* InvalidOid: free */
	char		name[CF_SPACE_MAX_NAME];
	bool		known;			/* floor is of the server that we wrote for */
	CfFloor		floor;
	uint64		incarnation;	/* of this server, as of which it is known */
	CfSpaceStart start;

	/* Atomics, no lock */
	pg_atomic_uint64 naming;	/* grows with each name: what was learnt was of another */
	pg_atomic_uint64 forget_wanted; /* how often the floor had to be raised ... */
	pg_atomic_uint64 forget_done;	/* ... and up to which that was done */
	pg_atomic_uint32 outbox;	/* CfOutboxState */
	pg_atomic_uint32 committing;	/* transactions that have begun to fill the outbox */
	pg_atomic_uint64 begun;		/* how many ever have */
} CfSharedSpace;

static CfSharedSpace *spaces = NULL;
static LWLock *spaces_lock = NULL;

/* The connection that cf_space_open looked at last. */
static uint64 opened = 0;

static Size
space_shmem_size(void)
{
	return sizeof(CfSharedSpace) * CF_SPACE_MAX;
}

static void
space_shmem_init(void *memory, LWLockPadded *locks)
{
	CfSharedSpace *new = memory;

	for (int i = 0; i < CF_SPACE_MAX; i++)
	{
		pg_atomic_init_u64(&new[i].naming, 0);
		pg_atomic_init_u64(&new[i].forget_wanted, 0);
		pg_atomic_init_u64(&new[i].forget_done, 0);
		pg_atomic_init_u32(&new[i].outbox, CF_OUTBOX_UNKNOWN);
		pg_atomic_init_u32(&new[i].committing, 0);
		pg_atomic_init_u64(&new[i].begun, 0);
	}
}

static void
space_shmem_attach(void *memory, LWLockPadded *locks)
{
	spaces = memory;
	spaces_lock = &locks[0].lock;
}

void
cf_space_register(void)
{
	static const CfShmemSegment segment = {
		.name = "cachefront_spaces",
		.nlocks = 1,
		.size = space_shmem_size,
		.init = space_shmem_init,
		.attach = space_shmem_attach,
	};

	cf_shmem_register(&segment);
}

static void
set_names(CfSpace *space, const char *name)
{
	strlcpy(space->name, name, CF_SPACE_MAX_NAME);
	if (cf_guc_namespace[0] != '\0')
		strlcpy(space->server, cf_guc_namespace, CF_SPACE_MAX_NAME);
	else
		snprintf(space->server, CF_SPACE_MAX_NAME, UINT64_FORMAT, GetSystemIdentifier());
}

/* Finds or takes a place for a name; -1: there is none left. */
static int
take_place(Oid dboid, const char *name)
{
	int			found = -1;

	LWLockAcquire(spaces_lock, LW_EXCLUSIVE);
	for (int i = 0; i < CF_SPACE_MAX; i++)
	{
		if (spaces[i].dboid == dboid)
		{
			found = i;
			break;
		}
		if (!OidIsValid(spaces[i].dboid) && found < 0)
			found = i;
	}
	if (found >= 0 && (spaces[found].dboid != dboid ||
					   strcmp(spaces[found].name, name) != 0))
	{
		spaces[found].dboid = dboid;
		strlcpy(spaces[found].name, name, CF_SPACE_MAX_NAME);
		spaces[found].known = false;
		memset(&spaces[found].start, 0, sizeof(CfSpaceStart));
		pg_atomic_fetch_add_u64(&spaces[found].naming, 1);
		pg_atomic_write_u32(&spaces[found].outbox, CF_OUTBOX_UNKNOWN);
	}
	LWLockRelease(spaces_lock);
	return found;
}

const CfSpace *
cf_space_mine(void)
{
	static CfSpace mine;
	static char last_setting[CF_SPACE_MAX_NAME];
	static bool known = false;
	const char *name;

	if (!cf_l2_configured() || !OidIsValid(MyDatabaseId))
		return NULL;
	if (likely(known && strcmp(last_setting, cf_guc_namespace) == 0))
		return mine.index >= 0 ? &mine : NULL;
	name = cf_place_mine();
	if (name == NULL)
		return NULL;
	set_names(&mine, name);
	mine.dboid = MyDatabaseId;
	mine.index = take_place(MyDatabaseId, name);
	strlcpy(last_setting, cf_guc_namespace, sizeof(last_setting));
	known = true;
	return mine.index >= 0 ? &mine : NULL;
}

bool
cf_space_get(int i, CfSpace *space)
{
	bool		found;

	LWLockAcquire(spaces_lock, LW_SHARED);
	found = OidIsValid(spaces[i].dboid);
	if (found)
	{
		space->index = i;
		space->dboid = spaces[i].dboid;
		set_names(space, spaces[i].name);
	}
	LWLockRelease(spaces_lock);
	return found;
}

void
cf_space_floor_key(const CfSpace *space, char *key)
{
	snprintf(key, CF_FLOOR_KEY_MAX, "cff:%s", space->name);
}

void
cf_space_begin(void)
{
	cf_l2_begin();
	cf_l2_expect(opened);
}

/* Writes the floor for this run of Redis and this incarnation of ours. */
static CfL2Status
write_floor(const CfSpace *space, const CfIncarnation *incarnation, bool forget,
			bool interruptible, CfFloor *floor)
{
	char		key[CF_FLOOR_KEY_MAX];
	char		lsn[CF_LSN_LEN + 1];
	char		own[CF_INCARNATION_LEN + 1];
	char		horizon_text[CF_LSN_LEN + 1];
	const char *argv[] = {
		cf_l2_run_id(), lsn, own, "8", forget ? "1" : "0", horizon_text
	};
	size_t		lens[lengthof(argv)];
	const redisReply *reply;
	CfL2Status	status;
	uint64		horizon;

	if (!cf_horizon_get(cf_l2_run_id(), &horizon))
		return CF_L2_OPEN;
	cf_lsn_print(horizon_text, horizon);
	cf_space_floor_key(space, key);
	cf_lsn_print(lsn, cf_position_advance());
	cf_floor_print_incarnation(own, incarnation);
	for (int i = 0; i < lengthof(argv); i++)
		lens[i] = strlen(argv[i]);
	cf_space_begin();
	cf_l2_add_script(CF_L2_FLOOR, key, strlen(key), lengthof(argv), argv, lens);
	status = cf_l2_run(cf_guc_redis_command_timeout, interruptible);
	if (status != CF_L2_OK)
		return status;
	reply = cf_l2_reply(0);
	if (reply->type != REDIS_REPLY_STRING || !cf_floor_parse(reply->str, reply->len, floor))
		return CF_L2_FAILED;
	return CF_L2_OK;
}

static CfL2Status
read_floor(const CfSpace *space, bool interruptible, CfFloor *floor)
{
	char		key[CF_FLOOR_KEY_MAX];
	const char *argv[] = {"GET", key};
	size_t		lens[2];
	const redisReply *reply;
	CfL2Status	status;

	cf_space_floor_key(space, key);
	lens[0] = 3;
	lens[1] = strlen(key);
	cf_space_begin();
	cf_l2_add(lengthof(argv), argv, lens);
	status = cf_l2_run(cf_guc_redis_command_timeout, interruptible);
	if (status != CF_L2_OK)
		return status;
	reply = cf_l2_reply(0);
	if (reply->type != REDIS_REPLY_STRING ||
		!cf_floor_parse(reply->str, reply->len, floor) ||
		strcmp(floor->run_id, cf_l2_run_id()) != 0 ||
		floor->incarnation[0].timeline > cf_position_timeline())
		return CF_L2_FAILED;
	return CF_L2_OK;
}

/* The floor that another session has written for the same Redis. */
static bool
shared_floor(const CfSpace *space, const CfIncarnation *incarnation, CfFloor *floor)
{
	CfSharedSpace *shared = &spaces[space->index];
	bool		known;

	LWLockAcquire(spaces_lock, LW_SHARED);
	known = shared->known && shared->incarnation == incarnation->id &&
		strcmp(shared->floor.run_id, cf_l2_run_id()) == 0;
	if (known)
		*floor = shared->floor;
	LWLockRelease(spaces_lock);
	return known && pg_atomic_read_u64(&shared->forget_wanted) ==
		pg_atomic_read_u64(&shared->forget_done);
}

static CfL2Status
learn_floor(const CfSpace *space, bool interruptible, CfFloor *floor)
{
	CfSharedSpace *shared = &spaces[space->index];
	CfIncarnation incarnation;
	uint64		wanted;
	CfL2Status	status;

	if (RecoveryInProgress())
		return read_floor(space, interruptible, floor);
	if (!cf_position_incarnation(&incarnation))
		return CF_L2_OPEN;		/* only just started: the worker will say */
	if (shared_floor(space, &incarnation, floor))
		return CF_L2_OK;
	wanted = pg_atomic_read_u64(&shared->forget_wanted);
	status = write_floor(space, &incarnation,
						 wanted != pg_atomic_read_u64(&shared->forget_done),
						 interruptible, floor);
	if (status != CF_L2_OK)
		return status;
	LWLockAcquire(spaces_lock, LW_EXCLUSIVE);
	shared->floor = *floor;
	shared->incarnation = incarnation.id;
	shared->known = true;
	if (wanted > pg_atomic_read_u64(&shared->forget_done))
		pg_atomic_write_u64(&shared->forget_done, wanted);
	LWLockRelease(spaces_lock);
	return CF_L2_OK;
}

/* ---- where the stream is followed from ---- */

void
cf_space_start(const CfSpace *space, CfSpaceStart *start)
{
	LWLockAcquire(spaces_lock, LW_SHARED);
	*start = spaces[space->index].start;
	LWLockRelease(spaces_lock);
}

void
cf_space_left_out(const CfSpace *space)
{
	CfSpaceStart start;

	cf_space_start(space, &start);
	if (start.known || start.late)
		return;
	LWLockAcquire(spaces_lock, LW_EXCLUSIVE);
	if (!spaces[space->index].start.known)
		spaces[space->index].start.late = true;
	LWLockRelease(spaces_lock);
}

/* The first one counts: who asked earlier, but is later here, has read nothing yet. */
static void
keep_start(const CfSpace *space, const CfStreamId *id)
{
	CfSpaceStart *start = &spaces[space->index].start;

	LWLockAcquire(spaces_lock, LW_EXCLUSIVE);
	if (!start->known && strcmp(spaces[space->index].name, space->name) == 0)
	{
		start->id = *id;
		strlcpy(start->run_id, cf_l2_run_id(), sizeof(start->run_id));
		start->known = true;
	}
	LWLockRelease(spaces_lock);
}

/* Once in the life of a server, or of a name. A key that is no stream has no start. */
static CfL2Status
learn_start(const CfSpace *space, bool interruptible)
{
	CfSpaceStart start;
	CfStream	stream;
	char		key[CF_STREAM_KEY_MAX];
	CfL2Status	status;

	cf_space_start(space, &start);
	if (start.known)
		return CF_L2_OK;
	cf_space_begin();
	cf_l2_add_script(CF_L2_STREAM, key, cf_stream_print_key(key, space->name), 0, NULL, NULL);
	status = cf_l2_run(cf_guc_redis_command_timeout, interruptible);
	if (status == CF_L2_OK && cf_stream_take(cf_l2_reply(0), &stream))
		keep_start(space, &stream.last);
	else
		cf_space_left_out(space);
	return status;
}

/* ---- opening ---- */

CfL2Status
cf_space_open(const CfSpace *space, bool interruptible, const CfFloor **floor)
{
	static CfFloor learnt;
	static uint64 generation = 0;	/* of the connection that learnt it */
	static uint64 forgotten = 0;
	static int	index = -1;
	static bool standby = false;
	static uint64 naming = 0;
	uint64		named = pg_atomic_read_u64(&spaces[space->index].naming);
	uint64		wanted = pg_atomic_read_u64(&spaces[space->index].forget_wanted);
	CfL2Status	status;

	cf_l2_begin();
	status = cf_l2_run(cf_guc_redis_command_timeout, interruptible);
	*floor = &learnt;
	if (status != CF_L2_OK)
	{
		cf_space_left_out(space);
		return status;
	}
	opened = cf_l2_generation();
	if (generation == opened && forgotten == wanted && naming == named &&
		index == space->index && standby == RecoveryInProgress())
		return CF_L2_OK;
	generation = 0;
	standby = RecoveryInProgress();
	status = learn_start(space, interruptible);
	if (status == CF_L2_OK)
		status = learn_floor(space, interruptible, &learnt);
	if (status == CF_L2_OK)
	{
		generation = opened;
		naming = named;
		forgotten = wanted;
		index = space->index;
	}
	return status;
}

void
cf_space_forget(const CfSpace *space)
{
	pg_atomic_fetch_add_u64(&spaces[space->index].forget_wanted, 1);
}

void
cf_space_forget_unless(const CfSpace *space, const char *run_id)
{
	bool		same;

	LWLockAcquire(spaces_lock, LW_SHARED);
	same = spaces[space->index].known &&
		strcmp(spaces[space->index].floor.run_id, run_id) == 0;
	LWLockRelease(spaces_lock);
	if (!same)
		cf_space_forget(space);
}

CfOutboxState
cf_space_outbox(const CfSpace *space)
{
	return (CfOutboxState) pg_atomic_read_u32(&spaces[space->index].outbox);
}

void
cf_space_outbox_begin(const CfSpace *space)
{
	CfSharedSpace *shared = &spaces[space->index];

	pg_atomic_fetch_add_u32(&shared->committing, 1);
	pg_atomic_fetch_add_u64(&shared->begun, 1);
	pg_atomic_write_u32(&shared->outbox, CF_OUTBOX_WAITING);
	pg_memory_barrier();
}

void
cf_space_outbox_end(const CfSpace *space)
{
	pg_atomic_fetch_sub_u32(&spaces[space->index].committing, 1);
}

uint64
cf_space_outbox_count(const CfSpace *space)
{
	CfSharedSpace *shared = &spaces[space->index];
	uint64		count = pg_atomic_read_u64(&shared->begun);

	pg_memory_barrier();
	if (pg_atomic_read_u32(&shared->committing) > 0)
		count = CF_OUTBOX_BUSY;
	pg_memory_barrier();
	return count;
}

/*
 * Who had begun before the count was taken was over by then, so that the look
 * saw what it left. Who began after it has written the state itself, before
 * this or after this: so the count is compared again after the state is written.
 */
void
cf_space_outbox_found(const CfSpace *space, uint64 count, bool empty)
{
	CfSharedSpace *shared = &spaces[space->index];

	if (!empty || count == CF_OUTBOX_BUSY)
	{
		pg_atomic_write_u32(&shared->outbox, CF_OUTBOX_WAITING);
		return;
	}
	pg_atomic_write_u32(&shared->outbox, CF_OUTBOX_EMPTY);
	pg_memory_barrier();
	if (pg_atomic_read_u64(&shared->begun) != count)
		pg_atomic_write_u32(&shared->outbox, CF_OUTBOX_WAITING);
}
