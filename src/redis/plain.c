/*
 * plain.c - the socket's bytes as they are: TCP and unix sockets.
 *
 * src/redis/plain.c
 */
#include "postgres.h"

#include <sys/socket.h>

#include "redis/redis_internal.h"

static bool
plain_start(CfConn *conn, const CfRedisHost *host)
{
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
		n = send(conn->fd, data, len, MSG_NOSIGNAL);
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
	ssize_t		n;

	do
		n = recv(conn->fd, data, len, 0);
	while (n < 0 && errno == EINTR);
	if (n > 0)
	{
		*done = n;
		return CF_IO_DONE;
	}
	if (n < 0 && would_block())
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

	return recv(conn->fd, &byte, 1, MSG_PEEK) < 0 && would_block();
}

static void
plain_stop(CfConn *conn)
{
}

const CfTransport cf_plain_transport = {
	.start = plain_start,
	.handshake = plain_handshake,
	.write = plain_write,
	.read = plain_read,
	.is_quiet = plain_is_quiet,
	.stop = plain_stop,
};
