/*
 * ask.c - what readers have asked workers to load, and who these are.
 *
 * One lock for a table of requests, one of workers and one of failures: all are short, and
 * touched once for many hits.
 *
 * src/engine/ask.c
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "utils/lsyscache.h"

#include "base/compat.h"
#include "base/debug_point.h"
#include "base/guc.h"
#include "base/shmem.h"
#include "engine/ask.h"
#include "stats/counters.h"

#define CF_ASKS 64
#define CF_FAILURES 256
#define CF_NO_PROC (-1)
#define CF_NOBODY_CAME (INT64CONST(1) * USECS_PER_SEC)
#define CF_START_TIME (INT64CONST(5) * USECS_PER_SEC)	/* after which no worker comes any more */
#define CF_FIRST_PAUSE (INT64CONST(1) * USECS_PER_SEC)	/* after a failure; doubled with each */
#define CF_LAST_PAUSE (INT64CONST(64) * USECS_PER_SEC)

typedef enum AskState
{
	FREE,
	WAITING,
	TAKEN
} AskState;

/* All protected by the lock. */
typedef struct CfSharedAsk
{
	AskState	state;
	Oid			dboid;
	TimestampTz at;
	CfAsked		asked;
} CfSharedAsk;

typedef struct CfSharedRefresher
{
	Oid			dboid;			/* InvalidOid: there is none */
	int			proc;			/* CF_NO_PROC: it is being started */
	TimestampTz started;
	bool		busy;
} CfSharedRefresher;

typedef struct CfSharedFailure
{
	CfHash128	id;
	TimestampTz until;			/* 0: none */
	int64		pause;
	bool		foreign;		/* CF_ASK_FOREIGN */
} CfSharedFailure;

typedef struct CfSharedAsks
{
	CfSharedAsk ask[CF_ASKS];
	CfSharedRefresher worker[CF_MAX_REFRESH_WORKERS];
	CfSharedFailure failure[CF_FAILURES];
} CfSharedAsks;

static CfSharedAsks *asks = NULL;
static LWLock *asks_lock = NULL;
static int	my_place = -1;		/* worker: its own */
static int	my_ask = -1;		/* worker: what it has taken, or -1 */

static Size
ask_shmem_size(void)
{
	return sizeof(CfSharedAsks);
}

static void
ask_shmem_init(void *memory, LWLockPadded *locks)
{
	CfSharedAsks *new = memory;

	for (int i = 0; i < CF_MAX_REFRESH_WORKERS; i++)
		new->worker[i].proc = CF_NO_PROC;
}

static void
ask_shmem_attach(void *memory, LWLockPadded *locks)
{
	asks = memory;
	asks_lock = &locks[0].lock;
}

void
cf_ask_register(void)
{
	static const CfShmemSegment segment = {
		.name = "cachefront_asks",
		.nlocks = 1,
		.size = ask_shmem_size,
		.init = ask_shmem_init,
		.attach = ask_shmem_attach,
	};

	cf_shmem_register(&segment);
}

/* ---- who fails ---------------------------------------------------------- */

/* Those that share a place forget each other. */
static CfSharedFailure *
failure_of(const CfHash128 *id)
{
	return &asks->failure[id->h[0] % CF_FAILURES];
}

/* NULL: it has not, or not of late. */
static const CfSharedFailure *
find_failure_locked(const CfHash128 *id, TimestampTz now)
{
	const CfSharedFailure *failure = failure_of(id);

	return cf_hash128_equal(&failure->id, id) && failure->until > now ? failure : NULL;
}

static void
note_outcome_locked(const CfHash128 *id, CfAskOutcome outcome)
{
	CfSharedFailure *failure = failure_of(id);
	bool		known = cf_hash128_equal(&failure->id, id);

	if (outcome == CF_ASK_LOADED)
	{
		if (known)
			MemSet(failure, 0, sizeof(*failure));
		return;
	}
	failure->pause = known && failure->pause > 0 ?
		Min(2 * failure->pause, CF_LAST_PAUSE) : CF_FIRST_PAUSE;
	failure->foreign = outcome == CF_ASK_FOREIGN;
	if (failure->foreign)
		failure->pause = CF_LAST_PAUSE;
	failure->id = *id;
	failure->until = cf_now() + failure->pause;
}

/* ---- a reader ----------------------------------------------------------- */

/* Is the value the same for whoever loads it, and can it be named in a few words? */
static bool
is_for_others(const CfRequest *request)
{
	return request->cache != NULL && request->def.scope == CF_SCOPE_SHARED &&
		request->form == CF_FORM_JSON && request->binding == CF_BOUND_NONE &&
		request->limits == NULL && cf_guc_refresh_workers > 0 && !IsInParallelMode() &&
		strlen(request->cache) < CF_MAX_CACHE_NAME;
}

/* Under the settings of the definition, as named loaders print and read them. */
static bool
encode(const CfRequest *request, TimestampTz filled_at, CfAsked *asked)
{
	const CfArgs *args = &request->args;

	MemSet(asked, 0, offsetof(CfAsked, args));
	strlcpy(asked->cache, request->cache, sizeof(asked->cache));
	asked->id = request->id.hash;
	asked->filled_at = filled_at;
	asked->nargs = args->n;
	for (int i = 0; i < args->n; i++)
	{
		const char *text = "";
		Oid			output;
		bool		varlena;
		int			len;

		if (!args->nulls[i])
		{
			getTypeOutputInfo(args->types[i], &output, &varlena);
			text = OidOutputFunctionCall(output, args->values[i]);
		}
		len = strlen(text) + 1;
		if (asked->len + 1 + len > CF_ASK_BYTES)
			return false;
		asked->args[asked->len++] = args->nulls[i] ? 'n' : 'v';
		memcpy(asked->args + asked->len, text, len);
		asked->len += len;
	}
	return true;
}

static CfSharedAsk *
find_ask_locked(const CfHash128 *id)
{
	for (int i = 0; i < CF_ASKS; i++)
	{
		CfSharedAsk *ask = &asks->ask[i];

		if (ask->state != FREE && ask->dboid == MyDatabaseId &&
			cf_hash128_equal(&ask->asked.id, id))
			return ask;
	}
	return NULL;
}

static CfSharedAsk *
find_room_locked(void)
{
	for (int i = 0; i < CF_ASKS; i++)
	{
		if (asks->ask[i].state == FREE)
			return &asks->ask[i];
	}
	return NULL;
}

/* What stands about a request or value that somebody has asked for already. */
typedef enum Known
{
	NOT_KNOWN,
	UNDER_WAY,					/* or left alone for a while */
	LEFT						/* nobody has come: it is the caller's now */
} Known;

static Known
look_locked(const CfHash128 *id, TimestampTz now)
{
	CfSharedAsk *ask = find_ask_locked(id);
	const CfSharedFailure *failure = find_failure_locked(id, now);

	if (ask == NULL && failure == NULL)
		return NOT_KNOWN;
	if (ask == NULL)
		return failure->foreign ? LEFT : UNDER_WAY;
	if (ask->state == TAKEN || now - ask->at < CF_NOBODY_CAME)
		return UNDER_WAY;
	ask->state = FREE;
	return LEFT;
}

/* Takes the place of a worker to be started, or -1. Who was to come and did not has none. */
static int
take_place_locked(TimestampTz now)
{
	int			free = -1;
	int			used = 0;

	for (int i = 0; i < CF_MAX_REFRESH_WORKERS; i++)
	{
		CfSharedRefresher *worker = &asks->worker[i];

		if (OidIsValid(worker->dboid) && worker->proc == CF_NO_PROC &&
			now - worker->started > CF_START_TIME)
			worker->dboid = InvalidOid;
		if (OidIsValid(worker->dboid))
			used++;
		else if (free < 0)
			free = i;
	}
	if (free < 0 || used >= cf_guc_refresh_workers)
		return -1;
	asks->worker[free].dboid = MyDatabaseId;
	asks->worker[free].proc = CF_NO_PROC;
	asks->worker[free].started = now;
	asks->worker[free].busy = false;
	return free;
}

/* One of this database that has nothing to do, or is about to come. False: there is none. */
static bool
wake_locked(void)
{
	for (int i = 0; i < CF_MAX_REFRESH_WORKERS; i++)
	{
		const CfSharedRefresher *worker = &asks->worker[i];

		if (worker->dboid != MyDatabaseId || worker->busy)
			continue;
		if (worker->proc != CF_NO_PROC)
			SetLatch(&ProcGlobal->allProcs[worker->proc].procLatch);
		return true;
	}
	return false;
}

static bool
start_worker(int place)
{
	BackgroundWorker worker = {0};
	BackgroundWorkerHandle *handle;

	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_ConsistentState;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_main_arg = Int32GetDatum(place);
	snprintf(worker.bgw_name, BGW_MAXLEN, "cachefront refresher for database %u", MyDatabaseId);
	strlcpy(worker.bgw_type, "cachefront refresher", BGW_MAXLEN);
	strlcpy(worker.bgw_library_name, "cachefront", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "cachefront_refresher_main", BGW_MAXLEN);
	return RegisterDynamicBackgroundWorker(&worker, &handle);
}

/* No slot of max_worker_processes. */
static void
give_up_start(int place, const CfHash128 *id)
{
	CfSharedAsk *ask;

	LWLockAcquire(asks_lock, LW_EXCLUSIVE);
	asks->worker[place].dboid = InvalidOid;
	ask = find_ask_locked(id);
	if (ask != NULL && ask->state == WAITING)
		ask->state = FREE;
	LWLockRelease(asks_lock);
}

bool
cf_ask(const CfRequest *request, TimestampTz filled_at)
{
	const CfHash128 *id = &request->id.hash;
	TimestampTz now = cf_now();
	CfAsked		asked;
	CfSharedAsk *ask;
	Known		known;
	bool		woken = false;
	int			place = -1;

	if (!is_for_others(request))
		return false;
	LWLockAcquire(asks_lock, LW_EXCLUSIVE);
	known = look_locked(id, now);
	LWLockRelease(asks_lock);
	if (known != NOT_KNOWN)
		return known == UNDER_WAY;
	if (!encode(request, filled_at, &asked))
		return false;

	LWLockAcquire(asks_lock, LW_EXCLUSIVE);
	ask = find_ask_locked(id) == NULL ? find_room_locked() : NULL;
	if (ask != NULL)
	{
		woken = wake_locked();
		place = woken ? -1 : take_place_locked(now);
		if (woken || place >= 0)
		{
			ask->state = WAITING;
			ask->dboid = MyDatabaseId;
			ask->at = now;
			ask->asked = asked;
		}
	}
	LWLockRelease(asks_lock);
	if (place >= 0 && !start_worker(place))
	{
		give_up_start(place, id);
		return false;
	}
	return woken || place >= 0;
}

/* ---- a worker ----------------------------------------------------------- */

static void
end_ask_locked(CfAskOutcome outcome)
{
	if (my_ask < 0)
		return;
	note_outcome_locked(&asks->ask[my_ask].asked.id, outcome);
	asks->ask[my_ask].state = FREE;
	my_ask = -1;
}

static void
worker_exit(int code, Datum arg)
{
	LWLockAcquire(asks_lock, LW_EXCLUSIVE);
	end_ask_locked(CF_ASK_FAILED);
	if (my_place >= 0)
	{
		asks->worker[my_place].dboid = InvalidOid;
		asks->worker[my_place].proc = CF_NO_PROC;
	}
	my_place = -1;
	LWLockRelease(asks_lock);
}

Oid
cf_ask_begin_worker(int place)
{
	Oid			dboid = InvalidOid;

	LWLockAcquire(asks_lock, LW_EXCLUSIVE);
	/* It may have come too late, and the place be somebody else's. */
	if (asks->worker[place].proc == CF_NO_PROC)
		dboid = asks->worker[place].dboid;
	if (OidIsValid(dboid))
	{
		asks->worker[place].proc = CF_MY_PROC_NUMBER;
		my_place = place;
	}
	LWLockRelease(asks_lock);
	if (OidIsValid(dboid))
		before_shmem_exit(worker_exit, (Datum) 0);
	return dboid;
}

bool
cf_ask_take(CfAsked *asked)
{
	int			oldest = -1;

	LWLockAcquire(asks_lock, LW_EXCLUSIVE);
	for (int i = 0; i < CF_ASKS; i++)
	{
		if (asks->ask[i].state == WAITING && asks->ask[i].dboid == asks->worker[my_place].dboid &&
			(oldest < 0 || asks->ask[i].at < asks->ask[oldest].at))
			oldest = i;
	}
	asks->worker[my_place].busy = oldest >= 0;
	if (oldest >= 0)
	{
		asks->ask[oldest].state = TAKEN;
		*asked = asks->ask[oldest].asked;
		my_ask = oldest;
	}
	LWLockRelease(asks_lock);
	return oldest >= 0;
}

void
cf_ask_done(CfAskOutcome outcome)
{
	LWLockAcquire(asks_lock, LW_EXCLUSIVE);
	end_ask_locked(outcome);
	LWLockRelease(asks_lock);
}

bool
cf_ask_rest(void)
{
	bool		rests = true;

	LWLockAcquire(asks_lock, LW_EXCLUSIVE);
	for (int i = 0; i < CF_ASKS; i++)
		rests &= asks->ask[i].state != WAITING ||
			asks->ask[i].dboid != asks->worker[my_place].dboid;
	if (rests)
	{
		asks->worker[my_place].dboid = InvalidOid;
		asks->worker[my_place].proc = CF_NO_PROC;
		my_place = -1;
	}
	LWLockRelease(asks_lock);
	return rests;
}
