/*
 * sweep.c - removes from Redis what nobody asks for any more: keys that start alike.
 *
 * A step is one SCAN and an UNLINK for each key that it has found. Of a cluster each
 * master is gone through, one after another. What is stored there meanwhile, by a
 * database that takes the name, say, is dropped as well, which is a miss.
 *
 * src/publish/sweep.c
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "storage/lwlock.h"

#include "base/guc.h"
#include "base/shmem.h"
#include "l2/place.h"
#include "l2/store.h"
#include "publish/sweep.h"
#include "redis/command.h"

#define CF_MAX_SWEEPS 64
#define CF_SWEEP_COUNT "500"	/* keys that Redis looks at in one step: less than a millisecond */
#define CF_SWEEP_CURSOR 24
#define CF_SWEEP_TRIES 100		/* of one step, a second apart */

/* Which keys. */
typedef struct Keys
{
	char		place[CF_PLACE_MAX];
	char		start[CF_SWEEP_START_MAX];	/* of each of them; "": all of the place */
} Keys;

typedef struct CfSharedSweeps
{
	/* Protected by the lock: a ring */
	int			first;
	int			n;
	Keys		keys[CF_MAX_SWEEPS];
} CfSharedSweeps;

static CfSharedSweeps *sweeps = NULL;
static LWLock *sweeps_lock = NULL;

/* Of the publisher */
static struct
{
	bool		busy;
	Keys		keys;
	int			node;			/* of a cluster, or 0 */
	char		cursor[CF_SWEEP_CURSOR];
	int			tries;
}			sweep;

/* ---- what there is to do ---- */

void
cf_sweep_keys(const char *place, const char *start)
{
	LWLockAcquire(sweeps_lock, LW_EXCLUSIVE);
	if (sweeps->n < CF_MAX_SWEEPS)
	{
		Keys	   *keys = &sweeps->keys[(sweeps->first + sweeps->n++) % CF_MAX_SWEEPS];

		strlcpy(keys->place, place, sizeof(keys->place));
		strlcpy(keys->start, start, sizeof(keys->start));
	}
	LWLockRelease(sweeps_lock);
}

void
cf_sweep_database(const char *name)
{
	char		place[CF_PLACE_MAX];

	if (sweeps != NULL && cf_l2_configured() && cf_place_of(name, place))
		cf_sweep_keys(place, "");
}

static void
begin_node(int node)
{
	sweep.node = node;
	strlcpy(sweep.cursor, "0", CF_SWEEP_CURSOR);
	sweep.tries = 0;
}

static bool
begin_sweep(void)
{
	LWLockAcquire(sweeps_lock, LW_EXCLUSIVE);
	sweep.busy = sweeps->n > 0;
	if (sweep.busy)
	{
		sweep.keys = sweeps->keys[sweeps->first];
		sweeps->first = (sweeps->first + 1) % CF_MAX_SWEEPS;
		sweeps->n--;
	}
	LWLockRelease(sweeps_lock);
	if (sweep.busy)
		begin_node(cf_l2_next_node(0));
	return sweep.busy;
}

/* ---- a step ---- */

static void
print_prefix(StringInfo prefix)
{
	char		name[CF_STORE_NAME_MAX];

	appendBinaryStringInfo(prefix, name,
						   cf_store_print_key(name, sweep.keys.place, sweep.keys.start,
											  strlen(sweep.keys.start)));
}

/* As a pattern, of which some characters mean more than themselves. */
static void
print_pattern(StringInfo pattern, const StringInfoData *prefix)
{
	for (int i = 0; i < prefix->len; i++)
	{
		if (strchr("*?[]\\", prefix->data[i]) != NULL)
			appendStringInfoChar(pattern, '\\');
		appendStringInfoChar(pattern, prefix->data[i]);
	}
	appendStringInfoChar(pattern, '*');
}

static bool
run(void)
{
	CfL2Status	status = cf_l2_run(cf_guc_redis_command_timeout, true);

	return status == CF_L2_OK || status == CF_L2_PARTLY;
}

/* NULL: Redis has not answered. */
static const redisReply *
ask(const StringInfoData *pattern)
{
	const char *argv[] = {"SCAN", sweep.cursor, "MATCH", pattern->data, "COUNT", CF_SWEEP_COUNT};
	size_t		lens[lengthof(argv)];

	for (int i = 0; i < lengthof(argv); i++)
		lens[i] = strlen(argv[i]);
	cf_l2_begin();
	cf_l2_add_keyed(0, lengthof(argv), argv, lens);
	cf_l2_at_node(sweep.node);
	return run() ? cf_l2_reply(0) : NULL;
}

static bool
is_scan(const redisReply *reply)
{
	return reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
		reply->element[0]->type == REDIS_REPLY_STRING &&
		reply->element[0]->len < CF_SWEEP_CURSOR &&
		reply->element[1]->type == REDIS_REPLY_ARRAY;
}

static bool
is_of_sweep(const redisReply *key, const StringInfoData *prefix)
{
	return key->type == REDIS_REPLY_STRING && key->len > prefix->len &&
		key->len < CF_STORE_NAME_MAX && memcmp(key->str, prefix->data, prefix->len) == 0;
}

/* The next cursor; false: what was found could not be dropped. */
static bool
drop_found(const redisReply *reply, const StringInfoData *prefix, char *cursor)
{
	const redisReply *keys = reply->element[1];
	int			n = 0;
	StringInfoData *names = palloc(Max(keys->elements, 1) * sizeof(StringInfoData));

	strlcpy(cursor, reply->element[0]->str, CF_SWEEP_CURSOR);
	for (size_t i = 0; i < keys->elements; i++)
	{
		if (!is_of_sweep(keys->element[i], prefix))
			continue;
		initStringInfo(&names[n]);
		appendBinaryStringInfo(&names[n++], keys->element[i]->str, keys->element[i]->len);
	}
	cf_l2_begin();				/* the reply is gone */
	for (int i = 0; i < n; i++)
		cf_store_add_drop(names[i].data, names[i].len);
	return n == 0 || run();
}

/* A node that is away is tried again, for a while. */
static bool
try_later(void)
{
	if (++sweep.tries >= CF_SWEEP_TRIES)
		sweep.busy = false;
	return false;
}

static void
end_node(void)
{
	int			node = sweep.node == 0 ? 0 : cf_l2_next_node(sweep.node);

	if (node == 0)
		sweep.busy = false;
	else
		begin_node(node);
}

bool
cf_sweep_step(void)
{
	StringInfoData prefix;
	StringInfoData pattern;
	const redisReply *reply;
	char		cursor[CF_SWEEP_CURSOR];

	if (!sweep.busy && !begin_sweep())
		return false;
	initStringInfo(&prefix);
	print_prefix(&prefix);
	initStringInfo(&pattern);
	print_pattern(&pattern, &prefix);
	reply = ask(&pattern);
	if (reply == NULL)
		return try_later();
	if (!is_scan(reply))
	{
		sweep.busy = false;
		return true;
	}
	if (!drop_found(reply, &prefix, cursor))
		return try_later();
	sweep.tries = 0;
	strlcpy(sweep.cursor, cursor, CF_SWEEP_CURSOR);
	if (strcmp(cursor, "0") == 0)
		end_node();
	return true;
}

/* ---- shared memory ---- */

static Size
sweep_shmem_size(void)
{
	return sizeof(CfSharedSweeps);
}

static void
sweep_shmem_init(void *memory, LWLockPadded *locks)
{
}

static void
sweep_shmem_attach(void *memory, LWLockPadded *locks)
{
	sweeps = memory;
	sweeps_lock = &locks[0].lock;
}

void
cf_sweep_register(void)
{
	static const CfShmemSegment segment = {
		.name = "cachefront_sweeps",
		.nlocks = 1,
		.size = sweep_shmem_size,
		.init = sweep_shmem_init,
		.attach = sweep_shmem_attach,
	};

	cf_shmem_register(&segment);
}
