/*
 * refusal.c - which commands Redis refuses to our user.
 *
 * Redis names a command that it refuses, but not one that a script calls: for a
 * script all that it calls are named.
 *
 * Locking: the spinlock guards the list; texts are made and logged outside of it.
 *
 * src/redis/refusal.c
 */
#include "postgres.h"

#include "port/atomics.h"
#include "storage/spin.h"
#include "utils/timestamp.h"

#include "base/debug_point.h"
#include "base/shmem.h"
#include "redis/redis_internal.h"
#include "redis/refusal.h"

#define CF_REFUSALS 8			/* further ones are counted, but not named */
#define CF_VERB_LEN 32
#define CF_USER_LEN 64
#define CF_REFUSAL_LOG_EVERY_MS (10 * 60 * 1000)

/* First words of errors that say: this server is of no use now. */
static const char *const useless[] = {
	"ASK", "BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "MISCONF", "MOVED",
	"NOAUTH", "READONLY", "TRYAGAIN", "WRONGPASS"
};

typedef struct CfRefusal
{
	char		verb[CF_VERB_LEN];	/* of the command that we sent; empty: free */
	char		name[CF_VERB_LEN];	/* of the one that Redis refused */
	char		user[CF_USER_LEN];
	const CfScript *script;		/* NULL: none, or refused as a whole. It is in the library, which
								 * was loaded before any process was made */
	bool		keys;			/* not the command, but our keys */
	bool		standing;		/* not answered since */
	uint64		settings;
	TimestampTz logged_at;
} CfRefusal;

typedef struct CfSharedRefusals
{
	/* Protected by mutex */
	slock_t		mutex;
	CfRefusal	refusals[CF_REFUSALS];

	/* Atomics, no lock */
	pg_atomic_uint32 nstanding;
} CfSharedRefusals;

static CfSharedRefusals *shared = NULL;

/* ---- what is refused ---- */

static bool
is_refusal(const redisReply *reply, bool *in_script, bool *keys)
{
	*in_script = strstr(reply->str, "user executing the script") != NULL ||
		strstr(reply->str, "ACL failure in script") != NULL;
	*keys = strstr(reply->str, " key") != NULL && strchr(reply->str, '\'') == NULL;
	return *in_script || strncmp(reply->str, "NOPERM", 6) == 0;
}

/* In upper case, as far as it looks like the name of a command. */
static void
copy_name(char to[CF_VERB_LEN], const char *from, size_t len)
{
	size_t		n = 0;

	for (size_t i = 0; i < len && n < CF_VERB_LEN - 1; i++)
	{
		char		c = pg_ascii_toupper((unsigned char) from[i]);

		if ((c < 'A' || c > 'Z') && strchr("|-_.", c) == NULL)
			break;
		to[n++] = c;
	}
	to[n] = '\0';
}

/* Redis 7 quotes the name; before, and for keys, it is what we sent. */
static void
find_name(CfRefusal *refusal, const char *text)
{
	const char *quote = strchr(text, '\'');
	const char *end = quote != NULL ? strchr(quote + 1, '\'') : NULL;

	refusal->name[0] = '\0';
	if (end != NULL)
		copy_name(refusal->name, quote + 1, end - quote - 1);
	if (refusal->name[0] == '\0' && refusal->script == NULL)
		strlcpy(refusal->name, refusal->verb, sizeof(refusal->name));
}

static void
describe(CfRefusal *refusal, const char *verb, size_t len, const CfScript *script)
{
	MemSet(refusal, 0, sizeof(*refusal));
	copy_name(refusal->verb, verb, len);
	refusal->script = script;
	refusal->settings = cf_handshake_settings();
}

/* The commands that a script calls, with commas between. */
static void
append_calls(char text[CF_REFUSAL_LEN], const char *lua)
{
	static const char call[] = "call('";
	char	   *start = text + strlen(text);

	for (const char *at = strstr(lua, call); at != NULL; at = strstr(at, call))
	{
		char		name[CF_VERB_LEN];

		at += sizeof(call) - 1;
		copy_name(name, at, strcspn(at, "'"));
		if (strstr(start, name) != NULL)
			continue;
		strlcat(text, *start != '\0' ? ", " : "", CF_REFUSAL_LEN);
		strlcat(text, name, CF_REFUSAL_LEN);
	}
}

/* Allocates nothing: this may be a commit. */
static void
append_refused(char text[CF_REFUSAL_LEN], const CfRefusal *refusal)
{
	if (refusal->keys)
		strlcat(text, "the keys of ", CF_REFUSAL_LEN);
	if (refusal->name[0] != '\0')
	{
		strlcat(text, refusal->name, CF_REFUSAL_LEN);
		return;
	}
	strlcat(text, "a command of a script, one of ", CF_REFUSAL_LEN);
	append_calls(text, refusal->script->text);
}

/* ---- the list ---- */

/* Is it the same command of ours? Whom it is refused to does not matter. */
static bool
is_of(const CfRefusal *a, const CfRefusal *b)
{
	return strcmp(a->verb, b->verb) == 0 &&
		(a->script == b->script || a->script == NULL || b->script == NULL);
}

/* True if it is new, or was logged long ago. */
static bool
add_locked(const CfRefusal *refusal, TimestampTz now)
{
	CfRefusal  *place = NULL;
	TimestampTz logged_at = 0;

	for (int i = 0; i < CF_REFUSALS; i++)
	{
		CfRefusal  *other = &shared->refusals[i];

		if (is_of(other, refusal) && other->verb[0] != '\0')
		{
			if (other->settings == refusal->settings)
				logged_at = other->logged_at;
			place = other;
			break;
		}
		if (place == NULL && !other->standing)
			place = other;
	}
	if (place == NULL)
		return false;
	if (!place->standing)
		pg_atomic_fetch_add_u32(&shared->nstanding, 1);
	*place = *refusal;
	place->standing = true;
	place->logged_at = logged_at;
	if (logged_at != 0 &&
		now < TimestampTzPlusMilliseconds(logged_at, CF_REFUSAL_LOG_EVERY_MS))
		return false;
	place->logged_at = now;
	return true;
}

static void
note(CfRefusal *refusal, const char *text)
{
	TimestampTz now = cf_now();
	char		refused[CF_REFUSAL_LEN] = "";
	bool		log;

	find_name(refusal, text);
	strlcpy(refusal->user, cf_handshake_user(), sizeof(refusal->user));
	SpinLockAcquire(&shared->mutex);
	log = add_locked(refusal, now);
	SpinLockRelease(&shared->mutex);
	cf_breaker_count(CF_L2_REFUSALS, 1);
	if (!log)
		return;
	append_refused(refused, refusal);
	ereport(LOG,
			(errmsg("Redis refuses its user \"%s\" %s", refusal->user, refused),
			 errhint("Give the user the rights that docs/redis.md of cachefront lists.")));
}

static void
forget(const CfRefusal *answered)
{
	SpinLockAcquire(&shared->mutex);
	for (int i = 0; i < CF_REFUSALS; i++)
		if (shared->refusals[i].standing && is_of(&shared->refusals[i], answered))
		{
			shared->refusals[i].standing = false;
			pg_atomic_fetch_sub_u32(&shared->nstanding, 1);
		}
	SpinLockRelease(&shared->mutex);
}

void
cf_refusal_look(const CfPipe *pipe, bool scripts)
{
	for (int i = 0; i < pipe->nreplies; i++)
	{
		const redisReply *reply = pipe->replies[i];
		CfRefusal	refusal;
		const char *verb;
		size_t		len;
		bool		in_script;
		bool		keys;
		bool		refused;

		if (reply == NULL)
			continue;
		refused = reply->type == REDIS_REPLY_ERROR && is_refusal(reply, &in_script, &keys);
		if (!refused && pg_atomic_read_u32(&shared->nstanding) == 0)
			continue;
		verb = cf_pipe_verb(pipe, i, &len);
		describe(&refusal, verb, len, scripts ? cf_script_of(i) : NULL);
		if (!refused)
		{
			forget(&refusal);
			continue;
		}
		if (!in_script)
			refusal.script = NULL;
		refusal.keys = keys;
		note(&refusal, reply->str);
	}
}

/* ---- reports ---- */

static int
copy_standing(CfRefusal list[CF_REFUSALS])
{
	int			n = 0;

	SpinLockAcquire(&shared->mutex);
	for (int i = 0; i < CF_REFUSALS; i++)
		if (shared->refusals[i].standing &&
			shared->refusals[i].settings == cf_handshake_settings())
			list[n++] = shared->refusals[i];
	SpinLockRelease(&shared->mutex);
	return n;
}

bool
cf_refusal_obstacle(char text[CF_REFUSAL_LEN], bool with_user)
{
	CfRefusal	list[CF_REFUSALS];
	int			n = copy_standing(list);

	strlcpy(text, "Redis refuses its user ", CF_REFUSAL_LEN);
	if (with_user && n > 0)
	{
		strlcat(text, "\"", CF_REFUSAL_LEN);
		strlcat(text, list[0].user, CF_REFUSAL_LEN);
		strlcat(text, "\" ", CF_REFUSAL_LEN);
	}
	for (int i = 0; i < n; i++)
	{
		strlcat(text, i > 0 ? ", " : "", CF_REFUSAL_LEN);
		append_refused(text, &list[i]);
	}
	return n > 0;
}

/* ---- start-up ---- */

static Size
refusal_shmem_size(void)
{
	return sizeof(CfSharedRefusals);
}

static void
refusal_shmem_init(void *memory, LWLockPadded *locks)
{
	CfSharedRefusals *new = memory;

	SpinLockInit(&new->mutex);
	pg_atomic_init_u32(&new->nstanding, 0);
}

static void
refusal_shmem_attach(void *memory, LWLockPadded *locks)
{
	shared = memory;
}

void
cf_refusal_register(void)
{
	static const CfShmemSegment segment = {
		.name = "cachefront_refusals",
		.nlocks = 0,
		.size = refusal_shmem_size,
		.init = refusal_shmem_init,
		.attach = refusal_shmem_attach,
	};

	cf_shmem_register(&segment);
}

const char *
cf_refusal_useless(const redisReply *reply)
{
	if (reply->type != REDIS_REPLY_ERROR)
		return NULL;
	for (int i = 0; i < lengthof(useless); i++)
	{
		size_t		len = strlen(useless[i]);

		if (strncmp(reply->str, useless[i], len) == 0 &&
			(reply->str[len] == ' ' || reply->str[len] == '\0'))
			return useless[i];
	}
	return NULL;
}
