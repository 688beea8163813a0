/*
 * script.c - scripts by their hash, with their text where that is unknown.
 *
 * A script goes out as EVALSHA. Redis forgets scripts when it restarts; then
 * it answers NOSCRIPT, having done nothing, and the same command goes out
 * again as EVAL, which also teaches the script. The arguments are not kept for
 * that: both commands end in the same bytes, so those are taken from the
 * pipeline's buffer.
 *
 * Where SHA1 may not be used (FIPS), every script goes out as EVAL.
 *
 * src/redis/script.c
 */
#include "postgres.h"

#include <openssl/sha.h>

#include "redis/redis_internal.h"

/* A script command of the pipeline. */
typedef struct ScriptCall
{
	int			command;		/* its number in the pipeline */
	const CfScript *script;
	int			nwords;			/* of the whole command */
	size_t		rest;			/* where the words after the hash begin, */
	size_t		end;			/* and where they end, in the pipeline's data */
} ScriptCall;

/* Those of the pipeline that is being filled or runs. */
static struct
{
	ScriptCall *call;
	int			n;
	int			size;
}			calls;

static CfPipe again;			/* what is sent once more */

/* NULL if it cannot be computed. */
static const char *
hash_of(CfScript *script)
{
	char	   *hash = script->hash;
	unsigned char digest[SHA_DIGEST_LENGTH];

	if (hash[0] != '\0')
		return hash;
	if (SHA1((const unsigned char *) script->text, strlen(script->text), digest) == NULL)
		return NULL;
	for (int i = 0; i < SHA_DIGEST_LENGTH; i++)
		snprintf(hash + 2 * i, 3, "%02x", digest[i]);
	return hash;
}

void
cf_script_reset(void)
{
	calls.n = 0;
	cf_pipe_reset(&again);
}

static ScriptCall *
new_call(void)
{
	int			size = Max(calls.size, 16);
	ScriptCall *grown;

	while (size < calls.n + 1)
		size *= 2;
	if (size != calls.size)
	{
		grown = realloc(calls.call, size * sizeof(ScriptCall));
		if (grown == NULL)
			return NULL;
		calls.call = grown;
		calls.size = size;
	}
	return &calls.call[calls.n];
}

/* "*N $.. EVALSHA $40 <hash>", or the same with EVAL and the text. */
static bool
append_head(CfPipe *pipe, int nwords, const char *verb, const char *script)
{
	return cf_pipe_append_count(pipe, nwords) &&
		cf_pipe_append_word(pipe, verb, strlen(verb)) &&
		cf_pipe_append_word(pipe, script, strlen(script));
}

static bool
append_words(CfPipe *pipe, const char *key, size_t keylen, int argc,
			 const char *const *argv, const size_t *lens)
{
	if (!cf_pipe_append_word(pipe, "1", 1) || !cf_pipe_append_word(pipe, key, keylen))
		return false;
	cf_pipe_mark_key(pipe, keylen);
	for (int i = 0; i < argc; i++)
		if (!cf_pipe_append_word(pipe, argv[i], lens[i]))
			return false;
	return true;
}

/* A failure to allocate is remembered in the pipeline. */
void
cf_script_add(CfPipe *pipe, CfScript *script, const char *key, size_t keylen,
			  int argc, const char *const *argv, const size_t *lens)
{
	const char *hash = hash_of(script);
	ScriptCall *call = new_call();
	int			nwords = 4 + argc;

	if (call == NULL)
	{
		pipe->broken = true;
		return;
	}
	if (!append_head(pipe, nwords, hash ? "EVALSHA" : "EVAL",
					 hash ? hash : script->text))
		return;
	call->command = pipe->ncommands;
	call->script = script;
	call->nwords = nwords;
	call->rest = pipe->len;
	if (!append_words(pipe, key, keylen, argc, argv, lens) ||
		!cf_pipe_add_formatted(pipe, "", 0))
		return;
	call->end = pipe->len;
	calls.n++;
}

bool
cf_script_is_unknown(const redisReply *reply)
{
	return reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "NOSCRIPT", 8) == 0;
}

static const ScriptCall *
find_call(int command)
{
	for (int i = 0; i < calls.n; i++)
		if (calls.call[i].command == command)
			return &calls.call[i];
	return NULL;
}

const CfScript *
cf_script_of(int command)
{
	const ScriptCall *call = find_call(command);

	return call != NULL ? call->script : NULL;
}

static bool
add_text(CfPipe *to, const CfPipe *from, const ScriptCall *call)
{
	return append_head(to, call->nwords, "EVAL", call->script->text) &&
		cf_pipe_add_formatted(to, from->data + call->rest, call->end - call->rest);
}

bool
cf_script_add_text(CfPipe *to, const CfPipe *from, int command)
{
	const ScriptCall *call = find_call(command);

	return call != NULL && add_text(to, from, call);
}

/*
 * Sends the scripts that Redis did not know once more, by their text, and puts
 * the replies in the place of its complaints. All else has run.
 */
bool
cf_script_retry(CfConn *conn, CfPipe *pipe)
{
	int			next = 0;

	for (int i = 0; i < calls.n; i++)
	{
		const ScriptCall *call = &calls.call[i];

		if (!cf_script_is_unknown(pipe->replies[call->command]))
			continue;
		if (!add_text(&again, pipe, call))
			return cf_conn_fail_own(conn, "out of memory");
	}
	if (again.ncommands == 0)
		return true;
	if (!cf_exchange(conn, &again))
		return false;
	for (int i = 0; i < calls.n; i++)
	{
		redisReply **place = &pipe->replies[calls.call[i].command];

		if (!cf_script_is_unknown(*place))
			continue;
		freeReplyObject(*place);
		*place = again.replies[next];
		again.replies[next++] = NULL;
	}
	return true;
}
