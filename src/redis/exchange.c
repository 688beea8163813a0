/*
 * exchange.c - commands out, replies in.
 *
 * Commands are formatted here and hiredis parses the replies: its own formatter
 * allocates and prints by vsnprintf, word by word, which a hit would feel. What
 * arrives passes frame.c before the parser sees it, so a server that lies about
 * lengths can make us allocate only what it has sent, and no more than the
 * bounds.
 *
 * While there is still something to send, replies are read as they come: else
 * both sides of a large pipeline could wait for the other to read.
 *
 * src/redis/exchange.c
 */
#include "postgres.h"

#include <poll.h>

#include "utils/builtins.h"

#include "base/guc.h"
#include "redis/frame.h"
#include "redis/redis_internal.h"

#define CF_PIPE_MAX_BYTES (512 * 1024 * 1024)	/* Redis accepts no longer string */
#define CF_PIPE_KEEP_BYTES (256 * 1024) /* a larger buffer is freed after use */
#define CF_READ_BYTES 65536
#define CF_REPLY_SLACK (1024 * 1024)	/* beside one value */
#define CF_REPLIES_MAX_BYTES (INT64CONST(256) * 1024 * 1024)	/* of a pipeline */

static int64 max_reply = 0;		/* 0: follows cachefront.l1_max_value */

void
cf_exchange_set_max_reply(int64 bytes)
{
	max_reply = bytes;
}

/* ---- commands ---- */

static void
free_replies(CfPipe *pipe)
{
	for (int i = 0; i < pipe->nreplies; i++)
		if (pipe->replies[i] != NULL)
			freeReplyObject(pipe->replies[i]);
	pipe->nreplies = 0;
}

void
cf_pipe_reset(CfPipe *pipe)
{
	free_replies(pipe);
	if (pipe->secret && pipe->data != NULL)
		explicit_bzero(pipe->data, pipe->size);
	pipe->len = 0;
	pipe->keylen = 0;
	pipe->ncommands = 0;
	pipe->broken = false;
	if (pipe->size > CF_PIPE_KEEP_BYTES)
	{
		free(pipe->data);
		pipe->data = NULL;
		pipe->size = 0;
	}
}

static bool
reserve_bytes(CfPipe *pipe, size_t more)
{
	size_t		size = Max(pipe->size, 1024);
	char	   *data;

	if (more > CF_PIPE_MAX_BYTES - pipe->len)
		return false;
	while (size < pipe->len + more)
		size *= 2;
	if (size == pipe->size)
		return true;
	data = realloc(pipe->data, size);
	if (data == NULL)
		return false;
	pipe->data = data;
	pipe->size = size;
	return true;
}

static bool
reserve_reply(CfPipe *pipe)
{
	int			nslots = Max(pipe->nslots, 16);
	redisReply **replies;
	CfCommand  *commands;

	while (nslots < pipe->ncommands + 1)
		nslots *= 2;
	if (nslots == pipe->nslots)
		return true;
	replies = realloc(pipe->replies, nslots * sizeof(redisReply *));
	if (replies == NULL)
		return false;
	pipe->replies = replies;
	commands = realloc(pipe->commands, nslots * sizeof(CfCommand));
	if (commands == NULL)
		return false;
	pipe->commands = commands;
	pipe->nslots = nslots;
	return true;
}

/* Bytes of a command that is added in parts. */
bool
cf_pipe_append(CfPipe *pipe, const char *data, size_t len)
{
	if (pipe->broken || !reserve_bytes(pipe, len))
	{
		pipe->broken = true;
		return false;
	}
	memcpy(pipe->data + pipe->len, data, len);
	pipe->len += len;
	return true;
}

/* The last bytes of a command, or all of them. */
bool
cf_pipe_add_formatted(CfPipe *pipe, const char *data, size_t len)
{
	CfCommand  *command;

	if (!cf_pipe_append(pipe, data, len))
		return false;
	if (!reserve_reply(pipe))
	{
		pipe->broken = true;
		return false;
	}
	command = &pipe->commands[pipe->ncommands];
	command->start = pipe->ncommands > 0 ? command[-1].end : 0;
	command->end = pipe->len;
	command->key = pipe->key;
	command->keylen = pipe->keylen;
	command->node = 0;
	pipe->keylen = 0;
	pipe->ncommands++;
	return true;
}

/* "<type><number>\r\n" */
static bool
append_number(CfPipe *pipe, char type, size_t number)
{
	char		text[24];
	int			n = 1;

	text[0] = type;
	n += pg_ulltoa_n(number, text + n);
	text[n++] = '\r';
	text[n++] = '\n';
	return cf_pipe_append(pipe, text, n);
}

bool
cf_pipe_append_count(CfPipe *pipe, int nwords)
{
	return append_number(pipe, '*', nwords);
}

bool
cf_pipe_append_word(CfPipe *pipe, const char *word, size_t len)
{
	return append_number(pipe, '$', len) && cf_pipe_append(pipe, word, len) &&
		cf_pipe_append(pipe, "\r\n", 2);
}

/* The last word, of so many bytes, is the command's key. */
void
cf_pipe_mark_key(CfPipe *pipe, size_t len)
{
	pipe->key = pipe->len - len - 2;
	pipe->keylen = len;
}

/* key: which of the words is one, 0 for none. */
bool
cf_pipe_add(CfPipe *pipe, int argc, const char *const *argv, const size_t *lens, int key)
{
	if (!cf_pipe_append_count(pipe, argc))
		return false;
	for (int i = 0; i < argc; i++)
	{
		if (!cf_pipe_append_word(pipe, argv[i], lens[i]))
			return false;
		if (i == key && i > 0)
			cf_pipe_mark_key(pipe, lens[i]);
	}
	return cf_pipe_add_formatted(pipe, "", 0);
}

/* Behind "*<count>\r\n$<length>\r\n". */
const char *
cf_pipe_verb(const CfPipe *pipe, int command, size_t *len)
{
	const char *length = strchr(pipe->data + pipe->commands[command].start, '$') + 1;
	char	   *end;

	*len = strtoul(length, &end, 10);
	return end + 2;
}

/* ---- bytes ---- */

/* Sends what goes; *want tells what the transport waits for, if for anything. */
static bool
send_some(CfConn *conn, CfPipe *pipe, size_t *sent, CfIo *want)
{
	while (*sent < pipe->len)
	{
		size_t		done = 0;

		*want = conn->transport->write(conn, pipe->data + *sent, pipe->len - *sent,
									   &done);
		if (*want != CF_IO_DONE)
			return *want != CF_IO_FAILED;
		*sent += done;
	}
	*want = CF_IO_DONE;
	return true;
}

static bool
fail_protocol(CfConn *conn, const char *problem)
{
	return cf_conn_fail(conn, "could not understand Redis: %s", problem);
}

/* Gives scanned bytes to the parser and takes whole replies from it. */
static bool
parse(CfConn *conn, CfPipe *pipe, const char *data, size_t len)
{
	void	   *reply;

	if (redisReaderFeed(conn->reader, data, len) != REDIS_OK)
		return cf_conn_fail_own(conn, "out of memory");
	for (;;)
	{
		if (redisReaderGetReply(conn->reader, &reply) != REDIS_OK)
			return conn->reader->err == REDIS_ERR_OOM ?
				cf_conn_fail_own(conn, "out of memory") :
				fail_protocol(conn, conn->reader->errstr);
		if (reply == NULL)
			return true;
		if (pipe->nreplies >= pipe->ncommands)
		{
			freeReplyObject(reply);
			return fail_protocol(conn, "more replies than commands");
		}
		pipe->replies[pipe->nreplies++] = reply;
	}
}

/* Receives what has come. */
static bool
receive_some(CfConn *conn, CfPipe *pipe, CfFrame *frame, CfIo *want)
{
	char		data[CF_READ_BYTES];

	*want = CF_IO_DONE;
	while (frame->complete < frame->expected)
	{
		size_t		done = 0;

		*want = conn->transport->read(conn, data, sizeof(data), &done);
		if (*want != CF_IO_DONE)
			return *want != CF_IO_FAILED;
		if (!cf_frame_scan(frame, data, done))
		{
			conn->too_large = frame->too_large;
			return fail_protocol(conn, frame->problem);
		}
		if (!parse(conn, pipe, data, done))
			return false;
		if (pipe->nreplies != frame->complete)
			return fail_protocol(conn, "a reply that ends elsewhere");
		/* Bytes that keep coming are no reason to go on for longer. */
		if (frame->complete < frame->expected && cf_conn_expired(conn))
			return false;
	}
	return true;
}

static int64
reply_bound(void)
{
	return max_reply > 0 ? max_reply : (int64) cf_guc_l1_max_value + CF_REPLY_SLACK;
}

static short
events_for(CfIo want)
{
	switch (want)
	{
		case CF_IO_WANT_READ:
			return POLLIN;
		case CF_IO_WANT_WRITE:
			return POLLOUT;
		default:
			return 0;
	}
}

/* A pipeline that is under way. */
typedef struct Exchange
{
	CfConn	   *conn;
	CfPipe	   *pipe;
	CfFrame		frame;
	size_t		sent;
	short		events;			/* what it waits for; 0: it is over */
} Exchange;

static void
begin_exchange(Exchange *exchange, CfConn *conn, CfPipe *pipe)
{
	int64		bound = reply_bound();

	exchange->conn = conn;
	exchange->pipe = pipe;
	exchange->sent = 0;
	free_replies(pipe);
	cf_frame_init(&exchange->frame, pipe->ncommands, bound, Max(CF_REPLIES_MAX_BYTES, bound));
}

static bool
send_more(Exchange *exchange)
{
	CfIo		want;

	if (!send_some(exchange->conn, exchange->pipe, &exchange->sent, &want))
		return false;
	exchange->events = events_for(want);
	return true;
}

static bool
receive_more(Exchange *exchange)
{
	CfPipe	   *pipe = exchange->pipe;
	CfIo		want;

	if (!receive_some(exchange->conn, pipe, &exchange->frame, &want))
		return false;
	if (exchange->frame.complete < pipe->ncommands)
	{
		exchange->events |= events_for(want);
		return true;
	}
	exchange->events = 0;
	return exchange->sent == pipe->len ||
		fail_protocol(exchange->conn, "a reply before its command");
}

/*
 * Sends all commands and receives a reply to each, or fails. May throw if the
 * call is interruptible.
 */
bool
cf_exchange(CfConn *conn, CfPipe *pipe)
{
	Exchange	exchange;

	begin_exchange(&exchange, conn, pipe);
	while (exchange.frame.complete < pipe->ncommands)
	{
		if (!send_more(&exchange))
			return false;
		/* A reply takes longer than this: the first attempt would be in vain. */
		if (exchange.frame.total_bytes == 0 && exchange.sent == pipe->len)
		{
			conn->soon = conn->transport->can_wait;
			if (!conn->soon && !cf_conn_wait(conn, POLLIN))
				return false;
		}
		if (!receive_more(&exchange))
			return false;
		if (exchange.events != 0 && !cf_conn_wait(conn, exchange.events))
			return false;
	}
	return true;
}

/* What is not over has failed, and why is known of the wait. */
static void
fail_the_rest(const Exchange *exchanges, const CfConn *waiter, bool *failed, int n)
{
	for (int i = 0; i < n; i++)
	{
		CfConn	   *conn = exchanges[i].conn;

		if (exchanges[i].events == 0)
			continue;
		failed[i] = true;
		conn->timed_out = waiter->timed_out;
		conn->own_fault = waiter->own_fault;
		cf_conn_fail(conn, "%s", waiter->error);
	}
}

/* Sends and receives what goes. Is there more to come? */
static bool
continue_exchanges(Exchange *exchanges, bool *failed, int n)
{
	bool		more = false;

	for (int i = 0; i < n; i++)
	{
		if (exchanges[i].events == 0)
			continue;
		if (!send_more(&exchanges[i]) || !receive_more(&exchanges[i]))
		{
			failed[i] = true;
			exchanges[i].events = 0;
		}
		more |= exchanges[i].events != 0;
	}
	return more;
}

void
cf_exchange_all(CfConn *const *conns, CfPipe *const *pipes, bool *failed, int n)
{
	static Exchange exchanges[CF_CONNS];	/* not on the stack: frames are large */
	CfConn		waiter = {
		.fd = -1,
		.deadline = conns[0]->deadline,
		.interruptible = conns[0]->interruptible,
	};
	short		events[CF_CONNS];

	for (int i = 0; i < n; i++)
	{
		begin_exchange(&exchanges[i], conns[i], pipes[i]);
		exchanges[i].events = POLLOUT;
		failed[i] = false;
	}
	while (continue_exchanges(exchanges, failed, n))
	{
		for (int i = 0; i < n; i++)
			events[i] = exchanges[i].events;
		if (!cf_conn_wait_any(&waiter, conns, events, n))
		{
			fail_the_rest(exchanges, &waiter, failed, n);
			return;
		}
	}
}
