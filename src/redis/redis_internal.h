/*
 * redis_internal.h - the connections of this session, and how its parts share them.
 *
 *	address.c	where the hosts are
 *	conn.c		a socket: connect, wait, drop, idle time-out
 *	plain.c		its bytes as they are
 *	tls.c		its bytes through OpenSSL
 *	exchange.c	commands out, replies in
 *	handshake.c	who we are, and what server this is
 *	script.c	scripts by their hash, with their text where that is unknown
 *	sentinel.c	which server the Sentinels call the master
 *	map.c		which node of a cluster has which slot, for all sessions
 *	cluster.c	a pipeline to the nodes of a cluster
 *	refusal.c	which commands Redis refuses to our user
 *	command.c	the interface: one pipeline, the breaker, a status
 *
 * Nothing here raises an error; what goes wrong is noted once, by
 * cf_conn_fail, and comes back as false. The one exception: cf_conn_wait
 * services interrupts where the caller said interruptible, and those may throw.
 * All memory is malloc'd and static, or belongs to what is, so nothing leaks
 * then, and the connection is marked busy, so that its next user drops it.
 *
 * src/redis/redis_internal.h
 */
#ifndef CF_REDIS_INTERNAL_H
#define CF_REDIS_INTERNAL_H

#include "postgres.h"

#include <hiredis/hiredis.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>

#include "base/compat.h"
#include "base/redis_url.h"
#include "redis/breaker.h"
#include "redis/command.h"
#include "redis/slot.h"

#define CF_RUN_ID_LEN 40
#define CF_MAX_ADDRESSES 8

/*
 * Connections by number. That to a node has the number of its breaker. The first is
 * to the one server, to the master, or to a host that is asked for a cluster's nodes.
 */
#define CF_CONN_WHOLE CF_BREAKER_WHOLE
#define CF_CONN_SENTINEL CF_BREAKERS
#define CF_CONNS (CF_BREAKERS + 1)

/* What a step of a transport came to. */
typedef enum CfIo
{
	CF_IO_DONE,
	CF_IO_WANT_READ,			/* try again when the socket is readable */
	CF_IO_WANT_WRITE,			/* try again when it is writable */
	CF_IO_FAILED				/* cf_conn_fail was called */
} CfIo;

typedef struct CfConn CfConn;

typedef struct CfAddress
{
	struct sockaddr_storage storage;
	socklen_t	len;
} CfAddress;

/* How bytes get through a connected socket. None of these blocks. */
#define CF_BRIEF_MS 1			/* may pass before an interrupt is seen */

typedef struct CfTransport
{
	/* Sets the transport up; then handshake is called until it is done. */
	bool		(*start) (CfConn *conn, const CfRedisHost *host);
	CfIo		(*handshake) (CfConn *conn);

	/*
	 * *done bytes of len, at least one, if CF_IO_DONE. Neither waits, but that read does,
	 * for some milliseconds, where conn->soon says that an answer is coming; it resets
	 * that. can_wait: it can.
	 */
	bool		can_wait;
	CfIo		(*write) (CfConn *conn, const char *data, size_t len, size_t *done);
	CfIo		(*read) (CfConn *conn, char *data, size_t len, size_t *done);

	/* Idle: nothing has come in, and the other side has not closed. */
	bool		(*is_quiet) (CfConn *conn);

	/* Frees what start allocated. The socket may be closed already. */
	void		(*stop) (CfConn *conn);
} CfTransport;

/*
 * fd and busy are also used by the idle time-out's signal handler: see conn.c.
 */
struct CfConn
{
	volatile int fd;			/* -1: none, or closed by the idle time-out */
	volatile sig_atomic_t busy; /* a call is under way, or was cut off by an error */
	volatile int64 used_at;		/* end of the last call, by cf_mono_us */

	bool		open;			/* what follows is to be freed by cf_conn_drop */
	bool		soon;			/* the next read may wait for a moment */
	const CfTransport *transport;
	void	   *tls;			/* SSL */
	redisReader *reader;
	uint64		settings;		/* fingerprint of those it was made with */
	uint64		generation;		/* number of this connection, from 1 */
	char		run_id[CF_RUN_ID_LEN + 1];

	/* Of the call that is under way. */
	int64		deadline;		/* by cf_mono_us */
	bool		interruptible;
	bool		patient;		/* nobody waits for it */
	bool		timed_out;
	bool		own_fault;		/* it failed for want of our own resources */
	bool		too_large;		/* it failed for the size of a reply */
	char		error[CF_L2_ERROR_LEN];
};

/* Where a command is in the data of its pipeline. */
typedef struct CfCommand
{
	size_t		start;
	size_t		end;
	size_t		key;			/* where its key begins */
	size_t		keylen;			/* 0: it has none */
	int			node;			/* of a cluster, that it is for; 0: by its key */
} CfCommand;

/* Commands to send, and the replies to them. Static: freed by the next reset. */
typedef struct CfPipe
{
	char	   *data;
	size_t		len;
	size_t		size;
	bool		secret;			/* has passwords in it: wiped at reset */
	bool		broken;			/* a command could not be added */
	int			ncommands;
	int			nreplies;
	int			nslots;			/* of replies and commands */
	redisReply **replies;		/* NULL: there is none, but only after cf_cluster_run */
	CfCommand  *commands;
	size_t		key;			/* of the command that is being added */
	size_t		keylen;
} CfPipe;

/* A run of the pipeline, and how long it may take. */
typedef struct CfRun
{
	int64		started;		/* by cf_mono_us */
	int64		deadline;		/* connecting included; PG_INT64_MAX: none */
	int			timeout_ms;		/* from the moment that there is a connection */
	bool		interruptible;
	bool		patient;		/* nobody waits for it */
} CfRun;

/* What a run in a cluster came to. */
typedef struct CfOutcome
{
	int			nreplies;		/* commands that were answered */
	bool		denied;			/* a breaker was open */
	bool		timed_out;
	bool		own_fault;
	bool		too_large;
	char		error[CF_L2_ERROR_LEN]; /* the first one */
} CfOutcome;

static inline int64
cf_mono_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* address.c */
extern int	cf_address_find(CfConn *conn, const CfRedisHost *host, CfAddress *addresses);
extern void cf_address_doubt(void);

/* conn.c */
extern CfConn *cf_conn_get(int i);
extern pg_nodiscard bool cf_conn_open(CfConn *conn, CfRedisTransport transport,
									  const CfRedisHost *host);
extern pg_nodiscard bool cf_conn_wait(CfConn *conn, short events);
extern pg_nodiscard bool cf_conn_wait_any(CfConn *waiter, CfConn *const *waiting,
										  const short *events,
										  int n);
extern bool cf_conn_expired(CfConn *conn);
extern pg_nodiscard bool cf_conn_wait_io(CfConn *conn, CfIo want);
extern void cf_conn_drop(CfConn *conn);
extern void cf_conn_drop_all(bool only_busy);
extern void cf_conn_watch_idle(void);
extern bool cf_conn_fail(CfConn *conn, const char *fmt,...) pg_attribute_printf(2, 3);
extern bool cf_conn_fail_own(CfConn *conn, const char *what);

/* plain.c, tls.c */
extern const CfTransport cf_plain_transport;
extern const CfTransport cf_tls_transport;

/* exchange.c */
extern void cf_pipe_reset(CfPipe *pipe);
extern bool cf_pipe_add(CfPipe *pipe, int argc, const char *const *argv,
						const size_t *lens, int key);
extern bool cf_pipe_add_formatted(CfPipe *pipe, const char *data, size_t len);
extern pg_nodiscard bool cf_pipe_append(CfPipe *pipe, const char *data, size_t len);
extern pg_nodiscard bool cf_pipe_append_count(CfPipe *pipe, int nwords);
extern pg_nodiscard bool cf_pipe_append_word(CfPipe *pipe, const char *word, size_t len);
extern void cf_pipe_mark_key(CfPipe *pipe, size_t len);

/* A command's first word; it is not terminated. */
extern const char *cf_pipe_verb(const CfPipe *pipe, int command, size_t *len);

extern pg_nodiscard bool cf_exchange(CfConn *conn, CfPipe *pipe);

/* Several at once, a pipeline each, by the deadline of the first; failed: which did. */
extern void cf_exchange_all(CfConn *const *conns, CfPipe *const *pipes, bool *failed,
							int n);
extern void cf_exchange_set_max_reply(int64 bytes);

/* handshake.c: fingerprints of settings, and what they say */
extern uint64 cf_handshake_settings(void);
extern CfRedisKind cf_handshake_kind(void);
extern uint64 cf_handshake_settings_of(const CfRedisHost *host);

/* The url, or NULL. Its password is empty. */
extern const CfRedisUrl *cf_handshake_url(void);

/* Leaves a connection that is ready for commands and busy, if it is true. */
extern pg_nodiscard bool cf_handshake_ready(CfConn *conn, const CfRedisHost *host, uint64 settings,
											const CfRun *run);

/* The same for a Sentinel, whom only what it asks for is told. */
extern pg_nodiscard bool cf_handshake_sentinel(CfConn *conn, const CfRedisHost *host, CfPipe *pipe);

/* The user as whom we ask; "default" if the url names none. */
extern const char *cf_handshake_user(void);

/* script.c */
extern void cf_script_reset(void);
extern void cf_script_add(CfPipe *pipe, CfScript *script, const char *key, size_t keylen,
						  int argc, const char *const *argv, const size_t *lens);
extern const CfScript *cf_script_of(int command);	/* NULL: it is no script */
extern bool cf_script_is_unknown(const redisReply *reply);
extern pg_nodiscard bool cf_script_retry(CfConn *conn, CfPipe *pipe);

/* Adds a script of one pipeline, by its text, to another. False: it is none. */
extern bool cf_script_add_text(CfPipe *to, const CfPipe *from, int command);

/* sentinel.c */
extern void cf_sentinel_register(void);

/* The master, as far as it is known; false: nobody knows. */
extern bool cf_sentinel_master(CfRedisHost *host);

/* Is it time to ask, and the caller's turn? */
extern bool cf_sentinel_is_due(void);

/* The same for a worker, who asks also where there is no doubt. */
extern bool cf_sentinel_is_due_anyway(void);

/* Asks until the deadline. May throw if the run is interruptible. */
extern pg_nodiscard bool cf_sentinel_ask(const CfRun *run, char *error, size_t size);
extern void cf_sentinel_doubt(void);

/* Somebody uses the master that is known. */
extern void cf_sentinel_trust(void);

/* cluster.c */
extern void cf_cluster_run(CfPipe *pipe, const CfRun *run, CfOutcome *outcome);
extern void cf_cluster_abort(void);
extern void cf_cluster_upkeep(const CfRun *run);

/* refusal.c: the first word of an error by which a server is of no use now, or NULL. */
extern const char *cf_refusal_useless(const redisReply *reply);

extern void cf_refusal_register(void);

/* scripts: it is the one that script.c knows. */
extern void cf_refusal_look(const CfPipe *pipe, bool scripts);

#endif							/* CF_REDIS_INTERNAL_H */
