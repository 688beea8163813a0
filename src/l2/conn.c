/*
 * conn.c - the socket: connect, wait, drop, idle time-out.
 *
 * Waiting is ppoll on the socket and on the postmaster's death, and not
 * WaitLatchOrSocket. That one makes an epoll set for each wait, which can
 * raise an error; this may be a COMMIT callback, where an error is a PANIC. And
 * whatever interrupts us comes as a signal: its handler sets InterruptPending,
 * so it is enough that ppoll lets signals in only while it sleeps. No latch is
 * reset, so nobody's wake-up is lost.
 *
 * The idle time-out closes the socket of a session that may do nothing more for
 * hours, so it must do so in a signal handler. It only calls close() and sets
 * fd to -1, and only while busy is not set; whoever uses the connection sets
 * busy first and then looks at fd. So a number that close() has freed is never
 * used again, whoever gets it next. All else is freed at the next use.
 *
 * At the end of the process the kernel closes the socket.
 *
 * src/l2/conn.c
 */
#include "postgres.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "postmaster/postmaster.h"
#include "storage/fd.h"
#include "storage/pmsignal.h"
#include "utils/timeout.h"
#include "utils/wait_event.h"

#include "guc.h"
#include "l2/l2_internal.h"
#include "shmem.h"
#include "worker.h"

#define CF_BRIEF_MS 1			/* may pass before an interrupt is seen */

static CfConn the_conn = {.fd = -1};
static TimeoutId idle_timeout;
static bool idle_timeout_registered = false;
static int	armed_for = 0;		/* the setting, when it was armed last */

CfConn *
cf_conn_get(void)
{
	return &the_conn;
}

/* ---- failures ---- */

/* Always false. The first reason stays: what comes after follows from it. */
bool
cf_conn_fail(CfConn *conn, const char *fmt,...)
{
	va_list		args;

	if (conn->error[0] != '\0')
		return false;
	va_start(args, fmt);
	vsnprintf(conn->error, sizeof(conn->error), fmt, args);
	va_end(args);
	return false;
}

/* Not the server's fault: says nothing about it to the breaker. */
bool
cf_conn_fail_own(CfConn *conn, const char *what)
{
	conn->own_fault = true;
	return cf_conn_fail(conn, "%s", what);
}

/* ---- the idle time-out ---- */

static void
arm_idle_timeout(int64 us)
{
	enable_timeout_after(idle_timeout, (int) Min(us / 1000 + 1, INT_MAX));
}

/* In a signal handler: see the head of this file. */
static void
idle_timeout_handler(void)
{
	CfConn	   *conn = &the_conn;
	int64		limit = (int64) cf_guc_redis_idle_timeout * 1000;
	int64		left;

	if (conn->fd < 0 || limit == 0)
		return;
	left = conn->used_at + limit - cf_mono_us();
	if (conn->busy)
		left = limit;
	if (left > 0)
	{
		arm_idle_timeout(left);
		return;
	}
	close(conn->fd);
	conn->fd = -1;
}

/*
 * Makes sure that the time-out runs. It re-arms itself, but PostgreSQL turns
 * all time-outs off at an error: so this is called after each use, and at the
 * end of a transaction that failed.
 */
void
cf_conn_watch_idle(CfConn *conn)
{
	if (conn->fd < 0 || cf_guc_redis_idle_timeout == 0)
		return;
	if (!idle_timeout_registered)
	{
		idle_timeout = RegisterTimeout(USER_TIMEOUT, idle_timeout_handler);
		idle_timeout_registered = true;
	}
	if (!get_timeout_active(idle_timeout) || armed_for != cf_guc_redis_idle_timeout)
		arm_idle_timeout((int64) cf_guc_redis_idle_timeout * 1000);
	armed_for = cf_guc_redis_idle_timeout;
}

/* ---- waiting ---- */

/* Signals are let in only while it sleeps, so none can come just before that. */
static int
sleep_until_ready(struct pollfd *fds, int64 us, bool interruptible)
{
	int64		left = Max(us, 0);
	struct timespec timeout = {left / 1000000, left % 1000000 * 1000};
	sigset_t	old;
	int			result = -1;
	int			save_errno = EINTR;

	sigprocmask(SIG_SETMASK, &BlockSig, &old);
	if (!interruptible || !InterruptPending)
	{
		pgstat_report_wait_start(cf_wait_event_redis);
		result = ppoll(fds, 2, &timeout, &old);
		save_errno = errno;
		pgstat_report_wait_end();
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	errno = save_errno;
	return result;
}

/* Is the deadline over? If so, that is the failure. */
bool
cf_conn_expired(CfConn *conn)
{
	if (cf_mono_us() < conn->deadline)
		return false;
	conn->timed_out = true;
	cf_conn_fail(conn, "Redis did not answer in time");
	return true;
}

/*
 * Waits for the socket (POLLIN, POLLOUT) until the deadline. May throw if the
 * call is interruptible; interrupts that are held off wait for their time.
 */
bool
cf_conn_wait(CfConn *conn, short events)
{
	struct pollfd fds[2] = {
		{.fd = conn->fd, .events = events},
		{.fd = postmaster_alive_fds[POSTMASTER_FD_WATCH], .events = POLLIN},
	};

	if (conn->interruptible)
		cf_worker_check_interrupts();
	if (cf_conn_expired(conn))
		return false;
	/* Most answers come so soon that all else would take as long as they do. */
	if (poll(fds, 1, CF_BRIEF_MS) > 0)
		return true;
	for (;;)
	{
		int			ready;

		if (conn->interruptible)
			cf_worker_check_interrupts();
		if (cf_conn_expired(conn))
			return false;
		ready = sleep_until_ready(fds, conn->deadline - cf_mono_us(),
								  conn->interruptible && INTERRUPTS_CAN_BE_PROCESSED());
		if (ready > 0 && fds[0].revents != 0)
			return true;
		if (ready < 0 && errno != EINTR)
			return cf_conn_fail(conn, "could not wait for Redis: %s", strerror(errno));
		if (ready > 0 && !PostmasterIsAlive())
			return cf_conn_fail_own(conn, "the postmaster has died");
	}
}

/* ---- connecting ---- */

/* Keepalive finds a server that is gone while the session does other things. */
static void
set_socket_options(int fd)
{
	int			on = 1;

	(void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void) setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

static bool
fail_connect(CfConn *conn, const CfRedisUrl *url, int error)
{
	if (url->transport == CF_REDIS_UNIX)
		return cf_conn_fail(conn, "could not connect to \"%s\": %s", url->host,
							strerror(error));
	return cf_conn_fail(conn, "could not connect to \"%s\", port %d: %s", url->host,
						url->port, strerror(error));
}

static bool
connect_socket(CfConn *conn, const CfRedisUrl *url, const CfAddress *address)
{
	int			error = 0;
	socklen_t	len = sizeof(error);

	conn->fd = socket(address->storage.ss_family,
					  SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (conn->fd < 0)
		return fail_connect(conn, url, errno);
	if (url->transport != CF_REDIS_UNIX)
		set_socket_options(conn->fd);
	if (connect(conn->fd, (const struct sockaddr *) &address->storage, address->len) == 0)
		return true;
	/* EAGAIN: the queue of a unix socket is full, and nothing will tell when not. */
	if (errno != EINPROGRESS && errno != EINTR)
		return fail_connect(conn, url, errno);
	if (!cf_conn_wait(conn, POLLOUT))
		return false;
	if (getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	return error == 0 || fail_connect(conn, url, error);
}

static void
close_socket(CfConn *conn)
{
	if (conn->fd >= 0)
		close(conn->fd);
	conn->fd = -1;
}

/* Tries one address after another; each gets its share of the time left. */
static bool
connect_any(CfConn *conn, const CfRedisUrl *url)
{
	CfAddress	addresses[CF_MAX_ADDRESSES];
	int64		deadline = conn->deadline;
	int			n;
	bool		connected = false;

	n = cf_address_find(conn, url, addresses);
	for (int i = 0; i < n && !connected; i++)
	{
		int64		now = cf_mono_us();

		/* What the last address said counts, not the first. */
		conn->error[0] = '\0';
		conn->timed_out = false;
		conn->deadline = now + (deadline - now) / (n - i);
		connected = connect_socket(conn, url, &addresses[i]);
		if (!connected)
			close_socket(conn);
	}
	conn->deadline = deadline;
	return connected;
}

/* Waits for what a transport wants. */
bool
cf_conn_wait_io(CfConn *conn, CfIo want)
{
	return cf_conn_wait(conn, want == CF_IO_WANT_WRITE ? POLLOUT : POLLIN);
}

static bool
start_transport(CfConn *conn, const CfRedisUrl *url)
{
	CfIo		io;

	conn->transport = url->transport == CF_REDIS_TLS ?
		&cf_tls_transport : &cf_plain_transport;
	if (!conn->transport->start(conn, url))
		return false;
	while ((io = conn->transport->handshake(conn)) != CF_IO_DONE)
		if (io == CF_IO_FAILED || !cf_conn_wait_io(conn, io))
			return false;
	return true;
}

/*
 * Connects until the deadline; the caller has set busy, deadline and
 * settings. After a failure, or an error that is thrown, cf_conn_drop is due.
 */
bool
cf_conn_open(CfConn *conn, const CfRedisUrl *url)
{
	static uint64 generation = 0;

	Assert(conn->busy && !conn->open);
	if (!AcquireExternalFD())
		return cf_conn_fail_own(conn, "too many open files");
	conn->open = true;
	conn->generation = ++generation;
	conn->run_id[0] = '\0';
	conn->reader = redisReaderCreate();
	if (conn->reader == NULL)
		return cf_conn_fail_own(conn, "out of memory");
	return connect_any(conn, url) && start_transport(conn, url);
}

static void
free_connection(CfConn *conn)
{
	close_socket(conn);
	if (conn->transport != NULL)
		conn->transport->stop(conn);
	conn->transport = NULL;
	if (conn->reader != NULL)
		redisReaderFree(conn->reader);
	conn->reader = NULL;
	conn->run_id[0] = '\0';
	ReleaseExternalFD();
	conn->open = false;
}

/* Frees the connection, in whatever state it is. */
void
cf_conn_drop(CfConn *conn)
{
	conn->busy = true;
	pg_compiler_barrier();
	if (conn->open)
		free_connection(conn);
	pg_compiler_barrier();
	conn->busy = false;
}
