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
 * A session has one connection, or with a cluster one to each node that it has
 * had something to ask. All are in one array, by the number of the node.
 *
 * At the end of the process the kernel closes the socket.
 *
 * src/redis/conn.c
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

#include "base/guc.h"
#include "base/shmem.h"
#include "base/worker.h"
#include "redis/redis_internal.h"

static CfConn conns[CF_CONNS];
static int	nconns = 0;			/* of them, the first ones that were ever used */

/* The time-out that closes those which nobody uses. */
static struct
{
	bool		registered;
	TimeoutId	timeout;
	int			armed_for;		/* the setting, when it was armed last */
}			idle;

CfConn *
cf_conn_get(int i)
{
	Assert(i >= 0 && i < CF_CONNS);
	while (nconns <= i)
	{
		conns[nconns].fd = -1;
		pg_compiler_barrier();
		nconns++;
	}
	return &conns[i];
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
	enable_timeout_after(idle.timeout, (int) Min(us / 1000 + 1, INT_MAX));
}

/* Closes what has been idle for the limit; how long the next one has left, or 0. */
static int64
close_idle(CfConn *conn, int64 limit, int64 now)
{
	int64		left;

	if (conn->fd < 0)
		return 0;
	left = conn->busy ? limit : conn->used_at + limit - now;
	if (left > 0)
		return left;
	close(conn->fd);
	conn->fd = -1;
	return 0;
}

/* In a signal handler: see the head of this file. */
static void
idle_timeout_handler(void)
{
	int64		limit = (int64) cf_guc_redis_idle_timeout * 1000;
	int64		now = cf_mono_us();
	int64		next = 0;

	if (limit == 0)
		return;
	for (int i = 0; i < nconns; i++)
	{
		int64		left = close_idle(&conns[i], limit, now);

		if (left > 0 && (next == 0 || left < next))
			next = left;
	}
	if (next > 0)
		arm_idle_timeout(next);
}

static bool
any_connected(void)
{
	for (int i = 0; i < nconns; i++)
		if (conns[i].fd >= 0)
			return true;
	return false;
}

/*
 * Makes sure that the time-out runs. It re-arms itself, but PostgreSQL turns
 * all time-outs off at an error: so this is called after each use, and at the
 * end of a transaction that failed.
 */
void
cf_conn_watch_idle(void)
{
	if (cf_guc_redis_idle_timeout == 0 || !any_connected())
		return;
	if (!idle.registered)
	{
		idle.timeout = RegisterTimeout(USER_TIMEOUT, idle_timeout_handler);
		idle.registered = true;
	}
	if (!get_timeout_active(idle.timeout) || idle.armed_for != cf_guc_redis_idle_timeout)
		arm_idle_timeout((int64) cf_guc_redis_idle_timeout * 1000);
	idle.armed_for = cf_guc_redis_idle_timeout;
}

/* ---- waiting ---- */

/* Signals are let in only while it sleeps, so none can come just before that. */
static int
sleep_until_ready(struct pollfd *fds, int nfds, int64 us, bool interruptible)
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
		result = ppoll(fds, nfds, &timeout, &old);
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
 * Waits for the sockets, or the deadline of conn. fds has n of them, whose events
 * are set, and room for one more.
 */
static bool
wait_for(CfConn *conn, struct pollfd *fds, int n)
{
	fds[n].fd = postmaster_alive_fds[POSTMASTER_FD_WATCH];
	fds[n].events = POLLIN;
	fds[n].revents = 0;
	if (conn->interruptible)
		cf_worker_check_interrupts();
	if (cf_conn_expired(conn))
		return false;
	/* Most answers come so soon that all else would take as long as they do. */
	if (poll(fds, n, CF_BRIEF_MS) > 0)
		return true;
	for (;;)
	{
		int			ready;

		if (conn->interruptible)
			cf_worker_check_interrupts();
		if (cf_conn_expired(conn))
			return false;
		ready = sleep_until_ready(fds, n + 1, conn->deadline - cf_mono_us(),
								  conn->interruptible && INTERRUPTS_CAN_BE_PROCESSED());
		if (ready > (fds[n].revents != 0 ? 1 : 0))
			return true;
		if (ready < 0 && errno != EINTR)
			return cf_conn_fail(conn, "could not wait for Redis: %s", strerror(errno));
		if (ready > 0 && !PostmasterIsAlive())
			return cf_conn_fail_own(conn, "the postmaster has died");
	}
}

/*
 * Waits for the socket (POLLIN, POLLOUT) until the deadline. May throw if the
 * call is interruptible; interrupts that are held off wait for their time.
 */
bool
cf_conn_wait(CfConn *conn, short events)
{
	struct pollfd fds[2] = {{.fd = conn->fd, .events = events}};

	return wait_for(conn, fds, 1);
}

/*
 * The same for any of n connections, by the deadline of the waiter, which is none of
 * them and gets the failure. One whose events are 0 is not waited for.
 */
bool
cf_conn_wait_any(CfConn *waiter, CfConn *const *waiting, const short *events, int n)
{
	struct pollfd fds[CF_CONNS + 1];

	Assert(n > 0 && n <= CF_CONNS);
	for (int i = 0; i < n; i++)
	{
		fds[i].fd = events[i] != 0 ? waiting[i]->fd : -1;
		fds[i].events = events[i];
		fds[i].revents = 0;
	}
	return wait_for(waiter, fds, n);
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
fail_connect(CfConn *conn, const CfRedisHost *host, int error)
{
	if (host->port == 0)
		return cf_conn_fail(conn, "could not connect to \"%s\": %s", host->name,
							strerror(error));
	return cf_conn_fail(conn, "could not connect to \"%s\", port %d: %s", host->name,
						host->port, strerror(error));
}

static bool
connect_socket(CfConn *conn, const CfRedisHost *host, const CfAddress *address)
{
	int			error = 0;
	socklen_t	len = sizeof(error);

	conn->fd = socket(address->storage.ss_family,
					  SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (conn->fd < 0)
		return fail_connect(conn, host, errno);
	if (host->port != 0)
		set_socket_options(conn->fd);
	if (connect(conn->fd, (const struct sockaddr *) &address->storage, address->len) == 0)
		return true;
	/* EAGAIN: the queue of a unix socket is full, and nothing will tell when not. */
	if (errno != EINPROGRESS && errno != EINTR)
		return fail_connect(conn, host, errno);
	if (!cf_conn_wait(conn, POLLOUT))
		return false;
	if (getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	return error == 0 || fail_connect(conn, host, error);
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
connect_any(CfConn *conn, const CfRedisHost *host)
{
	CfAddress	addresses[CF_MAX_ADDRESSES];
	int64		deadline = conn->deadline;
	int			n;
	bool		connected = false;

	n = cf_address_find(conn, host, addresses);
	for (int i = 0; i < n && !connected; i++)
	{
		int64		now = cf_mono_us();

		/* What the last address said counts, not the first. */
		conn->error[0] = '\0';
		conn->timed_out = false;
		conn->deadline = now + (deadline - now) / (n - i);
		connected = connect_socket(conn, host, &addresses[i]);
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
start_transport(CfConn *conn, CfRedisTransport transport, const CfRedisHost *host)
{
	CfIo		io;

	conn->transport = transport == CF_REDIS_TLS ? &cf_tls_transport : &cf_plain_transport;
	if (!conn->transport->start(conn, host))
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
cf_conn_open(CfConn *conn, CfRedisTransport transport, const CfRedisHost *host)
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
	return connect_any(conn, host) && start_transport(conn, transport, host);
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

void
cf_conn_drop_all(bool only_busy)
{
	for (int i = 0; i < nconns; i++)
		if (!only_busy || conns[i].busy)
			cf_conn_drop(&conns[i]);
}
