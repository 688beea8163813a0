/*
 * l2_internal.h - the connection of this session, and how its parts share it.
 *
 *	address.c	where Redis is
 *	conn.c		the socket: connect, wait, drop, idle time-out
 *	plain.c		its bytes as they are
 *	tls.c		its bytes through OpenSSL
 *	exchange.c	commands out, replies in
 *	handshake.c	who we are, and what server this is
 *	script.c	scripts by their hash, with their text where that is unknown
 *	command.c	the interface: one pipeline, the breaker, a status
 *
 * Nothing here raises an error; what goes wrong is noted once, by
 * cf_conn_fail, and comes back as false. The one exception: cf_conn_wait
 * services interrupts where the caller said interruptible, and those may throw.
 * All memory is malloc'd and static, or belongs to what is, so nothing leaks
 * then, and the connection is marked busy, so that its next user drops it.
 *
 * src/l2/l2_internal.h
 */
#ifndef CF_L2_INTERNAL_H
#define CF_L2_INTERNAL_H

#include "postgres.h"

#include <hiredis/hiredis.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>

#include "l2/breaker.h"
#include "l2/lua.h"
#include "redis_url.h"

#define CF_RUN_ID_LEN 40
#define CF_MAX_ADDRESSES 8

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
typedef struct CfTransport
{
	/* Sets the transport up; then handshake is called until it is done. */
	bool		(*start) (CfConn *conn, const CfRedisUrl *url);
	CfIo		(*handshake) (CfConn *conn);

	/* *done bytes of len, at least one, if CF_IO_DONE. */
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
	int			nslots;			/* of replies */
	redisReply **replies;
} CfPipe;

static inline int64
cf_mono_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* address.c */
extern int	cf_address_find(CfConn *conn, const CfRedisUrl *url, CfAddress *addresses);
extern void cf_address_doubt(void);

/* conn.c */
extern CfConn *cf_conn_get(void);
extern bool cf_conn_open(CfConn *conn, const CfRedisUrl *url);
extern bool cf_conn_wait(CfConn *conn, short events);
extern bool cf_conn_expired(CfConn *conn);
extern bool cf_conn_wait_io(CfConn *conn, CfIo want);
extern void cf_conn_drop(CfConn *conn);
extern void cf_conn_watch_idle(CfConn *conn);
extern bool cf_conn_fail(CfConn *conn, const char *fmt,...) pg_attribute_printf(2, 3);
extern bool cf_conn_fail_own(CfConn *conn, const char *what);

/* plain.c, tls.c */
extern const CfTransport cf_plain_transport;
extern const CfTransport cf_tls_transport;

/* exchange.c */
extern void cf_pipe_reset(CfPipe *pipe);
extern bool cf_pipe_add(CfPipe *pipe, int argc, const char *const *argv,
						const size_t *lens);
extern bool cf_pipe_add_formatted(CfPipe *pipe, const char *data, size_t len);
extern bool cf_pipe_append(CfPipe *pipe, const char *data, size_t len);
extern bool cf_pipe_append_count(CfPipe *pipe, int nwords);
extern bool cf_pipe_append_word(CfPipe *pipe, const char *word, size_t len);
extern bool cf_exchange(CfConn *conn, CfPipe *pipe);
extern void cf_exchange_set_max_reply(int64 bytes);

/* handshake.c */
extern uint64 cf_handshake_settings(void);
extern bool cf_handshake(CfConn *conn);

/* script.c */
extern void cf_script_reset(void);
extern void cf_script_add(CfPipe *pipe, CfL2Script script, const char *key, size_t keylen,
						  int argc, const char *const *argv, const size_t *lens);
extern bool cf_script_retry(CfConn *conn, CfPipe *pipe);

#endif							/* CF_L2_INTERNAL_H */
