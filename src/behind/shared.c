/*
 * shared.c - what is known of queues in shared memory.
 *
 * A database is pending from the moment that a session has put a row into its queue, so
 * that DROP DATABASE finds it even before the commit. Only its worker takes that
 * back: when it has found nothing, not even of transactions under way, and nobody has
 * added anything since it began to look.
 *
 * src/behind/shared.c
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/lwlock.h"
#include "utils/timestamp.h"

#include "base/involved.h"
#include "base/shmem.h"
#include "base/steady.h"
#include "base/worker.h"
#include "behind/shared.h"

#define CF_BEHIND_DATABASES 128
#define CF_BEHIND_WRITERS 256
#define CF_BEHIND_ROUND_US (60 * USECS_PER_SEC)
#define CF_BEHIND_LOOK_US USECS_PER_SEC
#define CF_BEHIND_PATIENCE 4000 /* writes */
#define CF_BEHIND_MAX_PAUSE_MS (60 * 1000)

typedef struct Database
{
	Oid			dboid;			/* InvalidOid: a free place */
	bool		pending;
	bool		look;
	uint32		version;		/* moves with each row that is added */
	uint32		requests;
	uint32		seen;			/* of these */
	TimestampTz due;			/* steady; when pending */
	TimestampTz postponed;		/* steady; no worker before */
	int64		waiting;		/* writes that were committed since the last round */
	bool		early;			/* the next round is, for their sake */
	int64		patience;		/* so many may wait before a round comes early; 0: flush_rows */
} Database;

typedef struct State
{
	Oid			dboid;
	char		name[CF_MAX_CACHE_NAME];
	CfWriterState state;
} State;

typedef struct CfSharedBehind
{
	bool		known;			/* each database was looked at */
	bool		overflow;		/* one had no place here */
	Database	database[CF_BEHIND_DATABASES];
	State		writer[CF_BEHIND_WRITERS];
} CfSharedBehind;

static CfSharedBehind *shared = NULL;
static LWLock *lock = NULL;

/* What this transaction has added to queues. */
static struct
{
	bool		any;
	int64		flush_us;
	int			flush_rows;		/* the least; 0: none */
	int64		n;
}			added;

static Size
shared_size(void)
{
	return sizeof(CfSharedBehind);
}

/* Zeroed memory is what it is to be. */
static void
shared_init(void *memory, LWLockPadded *locks)
{
}

static void
shared_attach(void *memory, LWLockPadded *locks)
{
	shared = memory;
	lock = &locks[0].lock;
}

void
cf_behind_shared_register(void)
{
	static const CfShmemSegment segment = {
		.name = "cachefront_behind",
		.nlocks = 1,
		.size = shared_size,
		.init = shared_init,
		.attach = shared_attach,
	};

	cf_shmem_register(&segment);
}

static Database *
find(Oid dboid)
{
	for (int i = 0; i < CF_BEHIND_DATABASES; i++)
	{
		if (shared->database[i].dboid == dboid)
			return &shared->database[i];
	}
	return NULL;
}

/* NULL: there is no place; then the launcher looks at all databases again, in a while. */
static Database *
find_or_make(Oid dboid)
{
	Database   *database = find(dboid);

	if (database != NULL)
		return database;
	database = find(InvalidOid);
	/* One that has nothing is as good as unknown: each was looked at. */
	for (int i = 0; i < CF_BEHIND_DATABASES && database == NULL; i++)
	{
		if (!shared->database[i].pending && !shared->database[i].look)
			database = &shared->database[i];
	}
	if (database == NULL)
	{
		shared->overflow = true;
		return NULL;
	}
	MemSet(database, 0, sizeof(*database));
	database->dboid = dboid;
	return database;
}

/* ---- sessions ---- */

static void
set_due(Database *database, TimestampTz due)
{
	if (!database->pending || due < database->due)
		database->due = due;
	database->pending = true;
}

void
cf_behind_added(int64 flush_us, int flush_rows)
{
	Database   *database;

	if (!added.any)
	{
		added.flush_us = flush_us;
		added.flush_rows = 0;
		added.n = 0;
	}
	added.flush_us = Min(added.flush_us, flush_us);
	if (flush_rows > 0)
		added.flush_rows = added.flush_rows == 0 ? flush_rows : Min(added.flush_rows, flush_rows);
	added.n++;
	cf_involve();
	added.any = true;
	LWLockAcquire(lock, LW_EXCLUSIVE);
	database = find_or_make(MyDatabaseId);
	if (database != NULL)
	{
		database->version++;
		if (!database->pending)
			set_due(database, DT_NOEND);
	}
	LWLockRelease(lock);
}

/*
 * How many keys these are only the round knows. One that has come early for nothing doubles the
 * patience, until the next that comes at its time.
 */
static bool
many_wait(Database *database)
{
	database->waiting += added.n;
	return added.flush_rows > 0 && database->waiting >= Max(added.flush_rows, database->patience);
}

static void
ended(int64 flush_us, bool committed)
{
	TimestampTz due = cf_steady_now() + flush_us;
	Database   *database;
	bool		wake = false;

	added.any = false;
	LWLockAcquire(lock, LW_EXCLUSIVE);
	database = find_or_make(MyDatabaseId);
	if (database != NULL)
	{
		database->version++;
		if (committed && many_wait(database))
		{
			due = cf_steady_now();
			database->early = database->pending && due < database->due;
		}
		wake = !database->pending || due < database->due;
		set_due(database, due);
	}
	LWLockRelease(lock);
	if (wake)
		cf_worker_wake(MyDatabaseId);
}

void
cf_behind_committed(void)
{
	if (unlikely(added.any))
		ended(added.flush_us, true);
}

/* Only the worker can tell that there is nothing left. */
void
cf_behind_aborted(void)
{
	if (unlikely(added.any))
		ended(CF_BEHIND_LOOK_US, false);
}

void
cf_behind_request(void)
{
	Database   *database;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	database = find_or_make(MyDatabaseId);
	if (database != NULL)
	{
		database->requests++;
		/* One that let nobody in does again, as its caller shows. */
		database->postponed = 0;
		set_due(database, cf_steady_now());
	}
	LWLockRelease(lock);
	cf_worker_wake(MyDatabaseId);
}

CfBehindDatabase
cf_behind_database(Oid dboid)
{
	Database   *database;
	CfBehindDatabase result;

	LWLockAcquire(lock, LW_SHARED);
	database = find(dboid);
	/* Whoever looks has it pending meanwhile, but nobody knows yet. */
	if (database != NULL && database->look)
		result = CF_BEHIND_UNKNOWN;
	else if (database != NULL)
		result = database->pending ? CF_BEHIND_PENDING : CF_BEHIND_EMPTY;
	else
		result = shared->known && !shared->overflow ? CF_BEHIND_EMPTY : CF_BEHIND_UNKNOWN;
	LWLockRelease(lock);
	return result;
}

/* ---- the launcher ---- */

void
cf_behind_want_look(Oid dboid)
{
	Database   *database;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	database = find_or_make(dboid);
	if (database != NULL)
		database->look = true;
	LWLockRelease(lock);
}

int
cf_behind_count_looks(void)
{
	int			n = 0;

	LWLockAcquire(lock, LW_SHARED);
	for (int i = 0; i < CF_BEHIND_DATABASES; i++)
		n += OidIsValid(shared->database[i].dboid) && shared->database[i].look;
	LWLockRelease(lock);
	return n;
}

void
cf_behind_forget(Oid dboid)
{
	Database   *database;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	database = find(dboid);
	if (database != NULL)
		MemSet(database, 0, sizeof(*database));
	for (int i = 0; i < CF_BEHIND_WRITERS; i++)
	{
		if (shared->writer[i].dboid == dboid)
			MemSet(&shared->writer[i], 0, sizeof(State));
	}
	LWLockRelease(lock);
}

void
cf_behind_postpone(Oid dboid)
{
	Database   *database;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	database = find(dboid);
	if (database != NULL)
	{
		database->look = false;
		database->postponed = cf_steady_now() + CF_BEHIND_ROUND_US;
	}
	LWLockRelease(lock);
}

void
cf_behind_all_known(void)
{
	LWLockAcquire(lock, LW_EXCLUSIVE);
	shared->known = true;
	LWLockRelease(lock);
}

bool
cf_behind_take_overflow(void)
{
	bool		overflow;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	overflow = shared->overflow;
	shared->overflow = false;
	if (overflow)
		shared->known = false;
	LWLockRelease(lock);
	return overflow;
}

Oid
cf_behind_next_database(int *next)
{
	Oid			dboid = InvalidOid;
	TimestampTz now = cf_steady_now();

	LWLockAcquire(lock, LW_SHARED);
	for (; *next < CF_BEHIND_DATABASES && !OidIsValid(dboid); (*next)++)
	{
		const Database *database = &shared->database[*next];

		if (database->postponed > now)
			continue;
		/* One that has only rows of transactions under way is told of their commits. */
		if (database->look || (database->pending && !TIMESTAMP_IS_NOEND(database->due)))
			dboid = database->dboid;
	}
	LWLockRelease(lock);
	return dboid;
}

/* ---- the worker of a database ---- */

bool
cf_behind_begin_round(CfBehindRound *round)
{
	Database   *database;
	bool		due = false;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	database = find(MyDatabaseId);
	if (database != NULL)
	{
		due = database->look || database->requests != database->seen ||
			(database->pending && database->due <= cf_steady_now());
		if (due)
		{
			round->version = database->version;
			round->forced = database->requests != database->seen;
			round->early = database->early && !round->forced;
			database->early = false;
			database->waiting = 0;
			database->seen = database->requests;
			database->pending = true;
			/* Should it end in some way of which nobody tells. */
			database->due = cf_steady_now() + CF_BEHIND_ROUND_US;
		}
	}
	LWLockRelease(lock);
	return due;
}

void
cf_behind_end_empty(const CfBehindRound *round)
{
	Database   *database;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	database = find(MyDatabaseId);
	if (database != NULL)
	{
		database->look = false;
		if (database->version == round->version && database->requests == database->seen)
			database->pending = false;
	}
	LWLockRelease(lock);
}

void
cf_behind_end_round(const CfBehindRound *round, TimestampTz due, bool full)
{
	Database   *database;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	database = find(MyDatabaseId);
	if (database != NULL)
	{
		database->look = false;
		if (!round->early)
			database->patience = 0;
		else if (!full)
			database->patience = Max(database->patience * 2, CF_BEHIND_PATIENCE);
		set_due(database, due);
	}
	LWLockRelease(lock);
}

int
cf_behind_wait_ms(void)
{
	Database   *database;
	TimestampTz due = DT_NOEND;
	TimestampTz now = cf_steady_now();

	LWLockAcquire(lock, LW_SHARED);
	database = find(MyDatabaseId);
	if (database != NULL && (database->look || database->requests != database->seen))
		due = now;
	else if (database != NULL && database->pending)
		due = database->due;
	LWLockRelease(lock);
	if (TIMESTAMP_IS_NOEND(due))
		return -1;
	return (int) Max(Min((due - now + 999) / 1000, 60 * 1000), 0);
}

/* ---- writers ---- */

static State *
find_state(const char *writer)
{
	for (int i = 0; i < CF_BEHIND_WRITERS; i++)
	{
		State	   *state = &shared->writer[i];

		if (state->dboid == MyDatabaseId && strcmp(state->name, writer) == 0)
			return state;
	}
	return NULL;
}

static CfWriterState *
find_or_make_state(const char *writer)
{
	State	   *state = find_state(writer);

	for (int i = 0; i < CF_BEHIND_WRITERS && state == NULL; i++)
	{
		if (OidIsValid(shared->writer[i].dboid))
			continue;
		state = &shared->writer[i];
		MemSet(state, 0, sizeof(*state));
		state->dboid = MyDatabaseId;
		strlcpy(state->name, writer, sizeof(state->name));
	}
	return state == NULL ? NULL : &state->state;
}

void
cf_behind_get_state(const char *writer, CfWriterState *result)
{
	State	   *state;

	MemSet(result, 0, sizeof(*result));
	LWLockAcquire(lock, LW_SHARED);
	state = find_state(writer);
	if (state != NULL)
		*result = state->state;
	LWLockRelease(lock);
}

void
cf_behind_count(const char *writer, int64 flushed, int64 statements, int64 unmatched,
				int64 retries)
{
	CfWriterState *state;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	state = find_or_make_state(writer);
	if (state != NULL)
	{
		state->flushed += flushed;
		state->statements += statements;
		state->unmatched += unmatched;
		state->retries += retries;
	}
	LWLockRelease(lock);
}

void
cf_behind_failed(const char *writer, const char *error, bool pause)
{
	CfWriterState *state;
	int			len = pg_mbcliplen(error, strlen(error), CF_BEHIND_ERROR - 1);

	LWLockAcquire(lock, LW_EXCLUSIVE);
	state = find_or_make_state(writer);
	if (state != NULL)
	{
		memcpy(state->error, error, len);
		state->error[len] = '\0';
		if (pause)
		{
			int64		ms = INT64CONST(1000) << Min(state->failures, 6);

			state->failures++;
			state->retry_at = cf_steady_now() + Min(ms, CF_BEHIND_MAX_PAUSE_MS) * 1000;
		}
	}
	LWLockRelease(lock);
}

void
cf_behind_succeeded(const char *writer)
{
	State	   *state;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	state = find_state(writer);
	if (state != NULL)
	{
		state->state.failures = 0;
		state->state.retry_at = 0;
	}
	LWLockRelease(lock);
}

void
cf_behind_forget_state(const char *writer)
{
	State	   *state;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	state = find_state(writer);
	if (state != NULL)
		MemSet(state, 0, sizeof(*state));
	LWLockRelease(lock);
}
