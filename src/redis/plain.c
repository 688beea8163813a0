/*
 * plain.c - the socket's bytes as they are: TCP and unix sockets.
 *
 * src/redis/plain.c
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "redis/redis_internal.h"

/*
 * Most answers come so soon that to wait for them and then to read takes a good part of the
 * time: so one call does both. An interrupt ends it, for a signal does.
 */
static bool
plain_start(CfConn *conn, const CfRedisHost *host)
{
	struct timeval soon = {.tv_usec = CF_BRIEF_MS * 1000};
	int			flags = fcntl(conn->fd, F_GETFL);

	conn->soon = false;
	if (flags < 0 || setsockopt(conn->fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon)) != 0 ||
		fcntl(conn->fd, F_SETFL, flags & ~O_NONBLOCK) != 0)
		return cf_conn_fail_own(conn, "could not set up the socket");
	return true;
}

static CfIo
plain_handshake(CfConn *conn)
{
	return CF_IO_DONE;
}

static bool
would_block(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK;
}

static CfIo
plain_write(CfConn *conn, const char *data, size_t len, size_t *done)
{
	ssize_t		n;

	do
		n = send(conn->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
	{
		*done = n;
		return CF_IO_DONE;
	}
	if (would_block())
		return CF_IO_WANT_WRITE;
	cf_conn_fail(conn, "could not send to Redis: %s", strerror(errno));
	return CF_IO_FAILED;
}

static CfIo
plain_read(CfConn *conn, char *data, size_t len, size_t *done)
{
	bool		soon = conn->soon;
	ssize_t		n;

	conn->soon = false;
	do
		n = recv(conn->fd, data, len, soon ? 0 : MSG_DONTWAIT);
	while (n < 0 && errno == EINTR && !soon);
	if (n > 0)
	{
		*done = n;
		return CF_IO_DONE;
	}
	if (n < 0 && (would_block() || errno == EINTR))
		return CF_IO_WANT_READ;
	if (n == 0)
		cf_conn_fail(conn, "Redis closed the connection");
	else
		cf_conn_fail(conn, "could not receive from Redis: %s", strerror(errno));
	return CF_IO_FAILED;
}

static bool
plain_is_quiet(CfConn *conn)
{
	char		byte;

	return recv(conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && would_block();
}

static void
plain_stop(CfConn *conn)
{
}

const CfTransport cf_plain_transport = {
	.can_wait = true,
	.start = plain_start,
	.handshake = plain_handshake,
	.write = plain_write,
	.read = plain_read,
	.is_quiet = plain_is_quiet,
	.stop = plain_stop,
};
