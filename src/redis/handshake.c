/*
 * handshake.c - who we are, and what server this is.
 *
 * One round trip: AUTH, SELECT, CLIENT SETNAME, INFO server. The run id that
 * INFO tells is new each time that the server starts: what is known of its data
 * holds only for one run id. A server that Sentinels named is also asked for its
 * role (INFO replication, which takes no further right as ROLE would): it may be
 * a master no more.
 *
 * A Sentinel gets the password only if it asks for one.
 *
 * What Redis says when it refuses AUTH may have the password in it, so only the
 * first word of an error goes into a message.
 *
 * src/redis/handshake.c
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/hashfn.h"
#include "port/atomics.h"

#include "base/guc.h"
#include "redis/redis_internal.h"

static CfPipe hello = {.secret = true};

/* What the settings say. */
static struct
{
	CfRedisUrl	url;			/* its password is there only during a handshake */
	bool		url_is_valid;
	uint64		base_settings;	/* fingerprint */
}			wanted;

/* ---- settings ---- */

static uint64
add_setting(uint64 hash, const char *setting)
{
	const char *text = setting ? setting : "";

	return hash_bytes_extended((const unsigned char *) text, strlen(text), hash);
}

static void
parse_url(void)
{
	wanted.url_is_valid = cf_redis_url_parse(cf_guc_redis_url, &wanted.url) == CF_REDIS_URL_OK;
	explicit_bzero(wanted.url.password, sizeof(wanted.url.password));
}

/* A fingerprint of the settings that describe the connection. */
uint64
cf_handshake_settings(void)
{
	static uint32 changes = 0;

	if (changes != cf_guc_redis_changes || wanted.base_settings == 0)
	{
		uint64		hash = add_setting(0, cf_guc_redis_url);

		hash = add_setting(hash, cf_guc_redis_password_file);
		hash = add_setting(hash, cf_guc_redis_tls_ca_file);
		hash = add_setting(hash, cf_guc_redis_tls_cert_file);
		hash = add_setting(hash, cf_guc_redis_tls_key_file);
		wanted.base_settings = add_setting(hash, cf_guc_redis_tls_verify ? "on" : "off");
		changes = cf_guc_redis_changes;
		parse_url();
	}
	return wanted.base_settings;
}

/* The same together with a host that they do not name. */
uint64
cf_handshake_settings_of(const CfRedisHost *host)
{
	return add_setting(cf_handshake_settings() + host->port, host->name);
}

CfRedisKind
cf_handshake_kind(void)
{
	(void) cf_handshake_settings();
	return wanted.url.kind;
}

const CfRedisUrl *
cf_handshake_url(void)
{
	(void) cf_handshake_settings();
	return wanted.url_is_valid ? &wanted.url : NULL;
}

const char *
cf_handshake_user(void)
{
	(void) cf_handshake_settings();
	return wanted.url.user[0] != '\0' ? wanted.url.user : "default";
}

/* ---- the password ---- */

static bool
fail_password_file(CfConn *conn, const char *why)
{
	return cf_conn_fail(conn, "could not use \"%s\" (cachefront.redis_password_file): %s",
						cf_guc_redis_password_file, why);
}

/* The file's first line replaces the url's password. */
static bool
take_password_line(CfConn *conn, int fd)
{
	struct stat st;
	ssize_t		len;

	if (fstat(fd, &st) != 0)
		return fail_password_file(conn, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return fail_password_file(conn, "not a regular file");
	if ((st.st_mode & S_IRWXO) != 0)
		return fail_password_file(conn, "everybody may use it; its mode should be 0600 or 0640");
	len = read(fd, wanted.url.password, sizeof(wanted.url.password) - 1);
	if (len < 0)
		return fail_password_file(conn, strerror(errno));
	wanted.url.password[len] = '\0';
	len = strcspn(wanted.url.password, "\r\n");
	if (len == sizeof(wanted.url.password) - 1)
		return fail_password_file(conn, "its first line is too long");
	wanted.url.password[len] = '\0';
	return len > 0 || fail_password_file(conn, "its first line is empty");
}

static bool
read_password_file(CfConn *conn)
{
	bool		taken;
	int			fd;

	/* Not blocking: it could be a pipe. */
	fd = open(cf_guc_redis_password_file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return fail_password_file(conn, strerror(errno));
	taken = take_password_line(conn, fd);
	close(fd);
	return taken;
}

/* ---- the round trip ---- */

static void
say(int argc, const char *const *argv)
{
	size_t		lens[4];

	for (int i = 0; i < argc; i++)
		lens[i] = strlen(argv[i]);
	cf_pipe_add(&hello, argc, argv, lens, 0);
}

static void
say_auth(void)
{
	const char *as_user[] = {"AUTH", wanted.url.user, wanted.url.password};
	const char *as_default[] = {"AUTH", wanted.url.password};

	if (wanted.url.user[0] != '\0')
		say(3, as_user);
	else
		say(2, as_default);
}

static bool
greet(CfConn *conn, bool auth)
{
	const char *name[] = {"CLIENT", "SETNAME", "cachefront"};
	const char *server[] = {"INFO", "server"};
	const char *role[] = {"INFO", "replication"};
	char		db[16];
	const char *select[] = {"SELECT", db};

	snprintf(db, sizeof(db), "%d", wanted.url.db);
	if (auth)
		say_auth();
	if (wanted.url.db != 0)
		say(2, select);
	say(3, name);
	say(2, server);
	if (wanted.url.kind == CF_REDIS_SENTINEL)
		say(2, role);
	return !hello.broken || cf_conn_fail_own(conn, "out of memory");
}

static bool
fail_reply(CfConn *conn, const char *command, const redisReply *reply)
{
	int			len;

	if (reply->type != REDIS_REPLY_ERROR)
		return cf_conn_fail(conn, "could not understand Redis's answer to %s", command);
	len = Min(strspn(reply->str, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"), 20);
	return cf_conn_fail(conn, "Redis refused %s: %.*s", command, len, reply->str);
}

/* "run_id:" and 40 hexadecimal digits, on a line of their own. */
static bool
take_run_id(CfConn *conn, const redisReply *reply)
{
	static const char label[] = "\nrun_id:";
	const char *found;

	if (reply->type != REDIS_REPLY_STRING)
		return fail_reply(conn, "INFO", reply);
	found = strstr(reply->str, label);
	if (found != NULL)
		found += sizeof(label) - 1;
	if (found == NULL || strspn(found, "0123456789abcdef") != CF_RUN_ID_LEN)
		return cf_conn_fail(conn, "Redis did not tell its run id");
	memcpy(conn->run_id, found, CF_RUN_ID_LEN);
	conn->run_id[CF_RUN_ID_LEN] = '\0';
	return true;
}

/* The Sentinels may not know yet what this server has become. */
static bool
check_role(CfConn *conn, const redisReply *reply)
{
	if (reply->type != REDIS_REPLY_STRING)
		return fail_reply(conn, "INFO", reply);
	return strstr(reply->str, "\nrole:master") != NULL ||
		cf_conn_fail(conn, "the Redis that the Sentinels call the master is none");
}

static bool
is_status(const redisReply *reply)
{
	return reply->type == REDIS_REPLY_STATUS;
}

/* The name is only for people who look at CLIENT LIST: a refusal is no matter. */
static bool
check_greeting(CfConn *conn, bool auth)
{
	int			i = 0;

	if (auth && !is_status(hello.replies[i++]))
		return fail_reply(conn, "AUTH", hello.replies[i - 1]);
	if (wanted.url.db != 0 && !is_status(hello.replies[i++]))
		return fail_reply(conn, "SELECT", hello.replies[i - 1]);
	i++;
	return take_run_id(conn, hello.replies[i]) &&
		(wanted.url.kind != CF_REDIS_SENTINEL || check_role(conn, hello.replies[i + 1]));
}

/* Puts the password into the url, and says whether there is one. */
static bool
take_password(CfConn *conn, bool *auth)
{
	static CfRedisUrl with_password;

	if (!wanted.url_is_valid)
		return cf_conn_fail(conn, "cachefront.redis_url is not valid");
	if (cf_guc_redis_password_file[0] != '\0')
	{
		if (!read_password_file(conn))
			return false;
	}
	else
	{
		(void) cf_redis_url_parse(cf_guc_redis_url, &with_password);
		strlcpy(wanted.url.password, with_password.password, sizeof(wanted.url.password));
		explicit_bzero(with_password.password, sizeof(with_password.password));
	}
	*auth = wanted.url.password[0] != '\0';
	return *auth || wanted.url.user[0] == '\0' ||
		cf_conn_fail(conn, "cachefront.redis_url has a user, but there is no password");
}

static bool
connect_and_greet(CfConn *conn, const CfRedisHost *host)
{
	bool		auth;

	return take_password(conn, &auth) && cf_conn_open(conn, wanted.url.transport, host) &&
		greet(conn, auth) && cf_exchange(conn, &hello) && check_greeting(conn, auth);
}

/* An error may have cut the last handshake off: so its secrets go at both ends. */
static void
wipe(void)
{
	cf_pipe_reset(&hello);
	explicit_bzero(wanted.url.password, sizeof(wanted.url.password));
}

/*
 * Makes a connection that is ready for commands. After a failure, or an error
 * that is thrown, cf_conn_drop is due.
 */
static bool
handshake(CfConn *conn, const CfRedisHost *host)
{
	bool		ready;

	wipe();
	ready = connect_and_greet(conn, host);
	wipe();
	if (ready)
		cf_breaker_count(CF_L2_CONNECTS, 1);
	return ready;
}

/* ---- a connection to use ---- */

/* For so long a connection that was of use is not looked at again. */
#define CF_CHECKED_US 1000

/*
 * Is the connection, if there is one, still of use? The idle time-out, a restart
 * of Redis or Redis's own time-out may have closed it. To notice that here saves
 * a failure. After a use or a look of just now there is hardly anything to
 * notice, and a look takes time.
 */
static bool
is_usable(CfConn *conn, uint64 settings)
{
	bool		checked = cf_mono_us() - conn->used_at < CF_CHECKED_US;

	return conn->open && conn->fd >= 0 && conn->settings == settings &&
		(checked || conn->transport->is_quiet(conn));
}

/* From now on, but not past that of the run. */
static void
set_deadline(CfConn *conn, int ms, const CfRun *run)
{
	conn->deadline = Min(cf_mono_us() + (int64) ms * 1000, run->deadline);
}

/*
 * Leaves the connection ready and marked busy, or false. One that is marked
 * already was cut off by an error: its replies are still to come.
 */
bool
cf_handshake_ready(CfConn *conn, const CfRedisHost *host, uint64 settings, const CfRun *run)
{
	bool		cut_off = conn->busy;

	/* From here on the idle time-out keeps its hands off. */
	conn->busy = true;
	pg_compiler_barrier();
	conn->error[0] = '\0';
	conn->timed_out = false;
	conn->own_fault = false;
	conn->too_large = false;
	conn->interruptible = run->interruptible;
	conn->patient = run->patient;
	set_deadline(conn, run->timeout_ms, run);
	if (!cut_off && is_usable(conn, settings))
		return true;
	cf_conn_drop(conn);
	conn->busy = true;
	pg_compiler_barrier();
	conn->settings = settings;
	set_deadline(conn, cf_guc_redis_connect_timeout, run);
	if (!handshake(conn, host))
		return false;
	set_deadline(conn, run->timeout_ms, run);
	return true;
}

static bool
wants_password(const CfPipe *pipe)
{
	return pipe->ncommands > 0 && pipe->replies[0]->type == REDIS_REPLY_ERROR &&
		strncmp(pipe->replies[0]->str, "NOAUTH", 6) == 0;
}

static bool
authenticate(CfConn *conn)
{
	bool		auth;

	if (!take_password(conn, &auth))
		return false;
	if (!auth)
		return cf_conn_fail(conn, "a Sentinel wants a password, and there is none");
	say_auth();
	if (hello.broken)
		return cf_conn_fail_own(conn, "out of memory");
	return cf_exchange(conn, &hello) &&
		(is_status(hello.replies[0]) || fail_reply(conn, "AUTH", hello.replies[0]));
}

/* The caller has set busy and the deadline, and drops the connection. */
bool
cf_handshake_sentinel(CfConn *conn, const CfRedisHost *host, CfPipe *pipe)
{
	bool		done;

	wipe();
	done = cf_conn_open(conn, wanted.url.transport, host) && cf_exchange(conn, pipe) &&
		(!wants_password(pipe) || (authenticate(conn) && cf_exchange(conn, pipe)));
	wipe();
	return done;
}
