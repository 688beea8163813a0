/*
 * handshake.c - who we are, and what server this is.
 *
 * One round trip: AUTH, SELECT, CLIENT SETNAME, INFO server. The run id that
 * INFO tells is new each time that the server starts: what is known of its data
 * holds only for one run id.
 *
 * What Redis says when it refuses AUTH may have the password in it, so only the
 * first word of an error goes into a message.
 *
 * src/l2/handshake.c
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/hashfn.h"

#include "guc.h"
#include "l2/l2_internal.h"

static CfPipe hello = {.secret = true};
static CfRedisUrl url;			/* not on the stack: it is large, and wiped */

/* ---- settings ---- */

static uint64
add_setting(uint64 hash, const char *setting)
{
	const char *text = setting ? setting : "";

	return hash_bytes_extended((const unsigned char *) text, strlen(text), hash);
}

/* A fingerprint of what describes the connection. */
uint64
cf_handshake_settings(void)
{
	static uint64 hash = 0;
	static uint32 changes = 0;

	if (changes != cf_guc_redis_changes || hash == 0)
	{
		hash = add_setting(0, cf_guc_redis_url);
		hash = add_setting(hash, cf_guc_redis_password_file);
		hash = add_setting(hash, cf_guc_redis_tls_ca_file);
		hash = add_setting(hash, cf_guc_redis_tls_cert_file);
		hash = add_setting(hash, cf_guc_redis_tls_key_file);
		hash = add_setting(hash, cf_guc_redis_tls_verify ? "on" : "off");
		changes = cf_guc_redis_changes;
	}
	return hash;
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
	len = read(fd, url.password, sizeof(url.password) - 1);
	if (len < 0)
		return fail_password_file(conn, strerror(errno));
	url.password[len] = '\0';
	len = strcspn(url.password, "\r\n");
	if (len == sizeof(url.password) - 1)
		return fail_password_file(conn, "its first line is too long");
	url.password[len] = '\0';
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
	cf_pipe_add(&hello, argc, argv, lens);
}

static bool
greet(CfConn *conn, bool auth)
{
	const char *as_user[] = {"AUTH", url.user, url.password};
	const char *as_default[] = {"AUTH", url.password};
	const char *name[] = {"CLIENT", "SETNAME", "cachefront"};
	const char *info[] = {"INFO", "server"};
	char		db[16];
	const char *select[] = {"SELECT", db};

	snprintf(db, sizeof(db), "%d", url.db);
	if (auth && url.user[0] != '\0')
		say(3, as_user);
	else if (auth)
		say(2, as_default);
	if (url.db != 0)
		say(2, select);
	say(3, name);
	say(2, info);
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
	if (url.db != 0 && !is_status(hello.replies[i++]))
		return fail_reply(conn, "SELECT", hello.replies[i - 1]);
	i++;
	return take_run_id(conn, hello.replies[i]);
}

static bool
connect_and_greet(CfConn *conn)
{
	bool		auth;

	if (cf_redis_url_parse(cf_guc_redis_url, &url) != CF_REDIS_URL_OK)
		return cf_conn_fail(conn, "cachefront.redis_url is not valid");
	if (cf_guc_redis_password_file[0] != '\0' && !read_password_file(conn))
		return false;
	auth = url.password[0] != '\0';
	if (!auth && url.user[0] != '\0')
		return cf_conn_fail(conn, "cachefront.redis_url has a user, but there is no password");
	return cf_conn_open(conn, &url) && greet(conn, auth) &&
		cf_exchange(conn, &hello) && check_greeting(conn, auth);
}

/*
 * Makes a connection that is ready for commands. After a failure, or an error
 * that is thrown, cf_conn_drop is due.
 */
bool
cf_handshake(CfConn *conn)
{
	bool		ready;

	cf_pipe_reset(&hello);		/* an error may have cut the last one off */
	ready = connect_and_greet(conn);
	cf_pipe_reset(&hello);
	explicit_bzero(url.password, sizeof(url.password));
	if (ready)
		cf_breaker_count(CF_L2_CONNECTS, 1);
	return ready;
}
