/*
 * sentinel.c - which server the Sentinels call the master.
 *
 * The answer is kept in shared memory for all sessions. It is in doubt as soon as
 * somebody cannot use that server: it does not answer, refuses writes (READONLY),
 * or says that it is a master no more. Then the next one who wants something of
 * Redis asks, at most one in CF_ASK_EVERY_US, and a worker asks once a second
 * whatever happens: a master that was cut off from the others may go on as if
 * nothing were. All sessions connect anew when the answer changes, and the breaker,
 * which was opened for another server, lets them.
 *
 * The Sentinels are those of the url and those that they named of each other; who
 * answered last is asked first. One that answers with the server that is in doubt
 * may be the last to hear of another: so the others are asked as well.
 *
 * Locking: the tranche's one lock guards what is kept; held for a copy.
 *
 * src/redis/sentinel.c
 */
#include "postgres.h"

#include "storage/lwlock.h"

#include "base/atomic.h"
#include "base/guc.h"
#include "base/shmem.h"
#include "redis/command.h"
#include "redis/redis_internal.h"

#define CF_SENTINELS 16			/* beyond those of the url */
#define CF_ASK_EVERY_US 250000
#define CF_ASK_ANYWAY_US 1000000

typedef struct CfKeptMaster
{
	uint64		settings;		/* of whose url this is the master; 0: none is known */
	CfRedisHost host;
	int			nmore;
	CfRedisHost more[CF_SENTINELS]; /* Sentinels that others named */
	CfRedisHost answered;		/* the last Sentinel that did */
} CfKeptMaster;

typedef struct CfSharedMaster
{
	/* Protected by the lock */
	CfKeptMaster kept;

	/* Atomics, no lock */
	pg_atomic_uint64 generation;	/* changes with what is kept */
	pg_atomic_uint32 doubted;
	pg_atomic_uint64 asked_at;	/* by cf_mono_us */
} CfSharedMaster;

static CfSharedMaster *shared = NULL;
static LWLock *shared_lock = NULL;

/* What this process knows of it. */
static CfKeptMaster mine;
static uint64 my_generation = 0;
static CfPipe question;

static void
refresh(void)
{
	if (my_generation == pg_atomic_read_u64(&shared->generation))
		return;
	LWLockAcquire(shared_lock, LW_SHARED);
	mine = shared->kept;
	my_generation = pg_atomic_read_u64(&shared->generation);
	LWLockRelease(shared_lock);
}

/* Are the answers those to our url? */
static bool
is_known(void)
{
	refresh();
	return mine.settings == cf_handshake_settings();
}

bool
cf_sentinel_master(CfRedisHost *host)
{
	if (!is_known())
		return false;
	*host = mine.host;
	return true;
}

void
cf_sentinel_doubt(void)
{
	pg_atomic_write_u32(&shared->doubted, 1);
}

void
cf_sentinel_trust(void)
{
	if (pg_atomic_read_u32(&shared->doubted) != 0)
		pg_atomic_write_u32(&shared->doubted, 0);
}

bool
cf_sentinel_is_due(void)
{
	if (is_known() && pg_atomic_read_u32(&shared->doubted) == 0)
		return false;
	return cf_atomic_take_turn(&shared->asked_at, cf_mono_us(), CF_ASK_EVERY_US);
}

bool
cf_sentinel_is_due_anyway(void)
{
	return cf_atomic_take_turn(&shared->asked_at, cf_mono_us(), CF_ASK_ANYWAY_US);
}

/* ---- answers ---- */

/* A host and a port, as Redis writes them. */
static bool
take_host(const redisReply *name, const redisReply *port, CfRedisHost *host)
{
	char	   *end;

	if (name->type != REDIS_REPLY_STRING || port->type != REDIS_REPLY_STRING ||
		!cf_slot_is_host(name->str, name->len))
		return false;
	host->port = (int) Min(strtoul(port->str, &end, 10), PG_UINT16_MAX + 1);
	memcpy(host->name, name->str, name->len);
	host->name[name->len] = '\0';
	return *end == '\0' && host->port >= 1 && host->port <= PG_UINT16_MAX;
}

static bool
take_master(CfConn *conn, const CfRedisUrl *url, const redisReply *reply, CfRedisHost *host)
{
	if (reply->type == REDIS_REPLY_NIL)
		return cf_conn_fail(conn, "the Sentinels know no master \"%s\"", url->master);
	if (reply->type == REDIS_REPLY_ERROR)
		return cf_conn_fail(conn, "a Sentinel refused to name the master: %.*s",
							(int) strspn(reply->str, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
							reply->str);
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
		!take_host(reply->element[0], reply->element[1], host))
		return cf_conn_fail(conn, "could not understand what a Sentinel calls the master");
	return true;
}

/* The value of a field, in a list of names and values; NULL if it is not there. */
static const redisReply *
field(const redisReply *list, const char *name)
{
	for (size_t i = 0; i + 1 < list->elements; i += 2)
		if (list->element[i]->type == REDIS_REPLY_STRING &&
			strcmp(list->element[i]->str, name) == 0)
			return list->element[i + 1];
	return NULL;
}

/* Only a courtesy: what cannot be understood is left out. */
static int
take_sentinels(const redisReply *reply, CfRedisHost *hosts)
{
	int			n = 0;

	if (reply->type != REDIS_REPLY_ARRAY)
		return 0;
	for (size_t i = 0; i < reply->elements && n < CF_SENTINELS; i++)
	{
		const redisReply *one = reply->element[i];
		const redisReply *ip;
		const redisReply *port;

		if (one->type != REDIS_REPLY_ARRAY)
			continue;
		ip = field(one, "ip");
		port = field(one, "port");
		if (ip != NULL && port != NULL && take_host(ip, port, &hosts[n]))
			n++;
	}
	return n;
}

/* ---- asking ---- */

static void
word_command(int argc, const char *const *argv)
{
	size_t		lens[3];

	for (int i = 0; i < argc; i++)
		lens[i] = strlen(argv[i]);
	cf_pipe_add(&question, argc, argv, lens, 0);
}

/* One Sentinel; the connection tells why it failed. */
static bool
ask_one(CfConn *conn, const CfRedisUrl *url, const CfRedisHost *sentinel,
		CfKeptMaster *answer)
{
	const char *master[] = {"SENTINEL", "get-master-addr-by-name", url->master};
	const char *others[] = {"SENTINEL", "sentinels", url->master};
	bool		done;

	cf_pipe_reset(&question);
	word_command(3, master);
	word_command(3, others);
	conn->error[0] = '\0';
	conn->timed_out = false;
	conn->own_fault = false;
	done = (!question.broken || cf_conn_fail_own(conn, "out of memory")) &&
		cf_handshake_sentinel(conn, sentinel, &question) &&
		take_master(conn, url, question.replies[0], &answer->host);
	if (done)
	{
		answer->nmore = take_sentinels(question.replies[1], answer->more);
		answer->answered = *sentinel;
	}
	cf_pipe_reset(&question);
	return done;
}

/* Whom to ask, the one who answered last first, nobody twice. */
static int
list_sentinels(const CfRedisUrl *url, CfRedisHost *list)
{
	const CfRedisHost *sources[] = {&mine.answered, url->seeds, mine.more};
	int			counts[] = {is_known() ? 1 : 0, url->nseeds, is_known() ? mine.nmore : 0};
	int			n = 0;

	for (int s = 0; s < lengthof(sources); s++)
		for (int i = 0; i < counts[s]; i++)
		{
			bool		listed = false;

			for (int j = 0; j < n && !listed; j++)
				listed = cf_redis_same_host(&list[j], &sources[s][i]);
			if (!listed)
				list[n++] = sources[s][i];
		}
	return n;
}

static void
keep(const CfKeptMaster *answer)
{
	LWLockAcquire(shared_lock, LW_EXCLUSIVE);
	if (shared->kept.settings != answer->settings ||
		!cf_redis_same_host(&shared->kept.host, &answer->host) ||
		!cf_redis_same_host(&shared->kept.answered, &answer->answered) ||
		shared->kept.nmore != answer->nmore ||
		memcmp(shared->kept.more, answer->more, answer->nmore * sizeof(CfRedisHost)) != 0)
	{
		shared->kept = *answer;
		pg_atomic_fetch_add_u64(&shared->generation, 1);
	}
	LWLockRelease(shared_lock);
}

bool
cf_sentinel_ask(const CfRun *run, char *error, size_t size)
{
	CfRedisHost list[1 + CF_REDIS_MAX_SEEDS + CF_SENTINELS];
	const CfRedisUrl *url = cf_handshake_url();
	CfConn	   *conn = cf_conn_get(CF_CONN_SENTINEL);
	CfKeptMaster answer;
	CfKeptMaster same;
	int64		deadline;
	int			n;
	bool		have_same = false;
	bool		found = false;

	error[0] = '\0';
	if (url == NULL)
		return false;
	cf_breaker_count(CF_L2_LOOKUPS, 1);
	deadline = Min(run->deadline, cf_mono_us() + (int64) run->timeout_ms * 1000);
	n = list_sentinels(url, list);
	for (int i = 0; i < n && !found && cf_mono_us() < deadline; i++)
	{
		int64		now = cf_mono_us();

		MemSet(&answer, 0, sizeof(answer));
		cf_conn_drop(conn);
		conn->busy = true;
		conn->interruptible = run->interruptible;
		conn->patient = run->patient;
		/* A silent one leaves time for two others. */
		conn->deadline = now + (deadline - now) / Min(n - i, 3);
		found = ask_one(conn, url, &list[i], &answer);
		if (!found)
			strlcpy(error, conn->error, size);
		else if (is_known() && cf_redis_same_host(&answer.host, &mine.host) &&
				 pg_atomic_read_u32(&shared->doubted) != 0)
		{
			if (!have_same)
				same = answer;
			have_same = true;
			found = false;
		}
		cf_conn_drop(conn);
	}
	if (!found && !have_same)
		return false;
	if (!found)
		answer = same;
	answer.settings = cf_handshake_settings();
	keep(&answer);
	return true;
}

/* ---- start-up ---- */

static Size
sentinel_shmem_size(void)
{
	return sizeof(CfSharedMaster);
}

static void
sentinel_shmem_init(void *memory, LWLockPadded *locks)
{
	CfSharedMaster *new = memory;

	pg_atomic_init_u64(&new->generation, 1);
	pg_atomic_init_u32(&new->doubted, 0);
	pg_atomic_init_u64(&new->asked_at, 0);
}

static void
sentinel_shmem_attach(void *memory, LWLockPadded *locks)
{
	shared = memory;
	shared_lock = &locks[0].lock;
}

void
cf_sentinel_register(void)
{
	static const CfShmemSegment segment = {
		.name = "cachefront_sentinel",
		.nlocks = 1,
		.size = sentinel_shmem_size,
		.init = sentinel_shmem_init,
		.attach = sentinel_shmem_attach,
	};

	cf_shmem_register(&segment);
}
