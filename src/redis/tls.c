/*
 * tls.c - the socket's bytes through OpenSSL.
 *
 * Fails closed: what cannot be verified is not talked to, and nothing falls
 * back to plain text. The context (authorities, certificate, key) is made
 * once a process, for loading authorities takes milliseconds, and again after a
 * reload: the files may be new ones by the same names.
 *
 * PostgreSQL uses OpenSSL in the same process, and OpenSSL keeps errors in a
 * queue of the thread: it is emptied before each call whose errors matter, and
 * left empty.
 *
 * src/redis/tls.c
 */
#include "postgres.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/guc.h"
#include "redis/redis_internal.h"

static SSL_CTX *context = NULL;
static uint32 context_changes = 0;	/* cf_guc_redis_changes, when it was made */

/* OpenSSL's oldest error in words; empties its queue. */
static const char *
take_reason(void)
{
	static char number[32];
	unsigned long code = ERR_get_error();
	const char *reason;

	ERR_clear_error();
	if (code == 0)
		return "no reason given";
	if (ERR_GET_LIB(code) == ERR_LIB_SYS)
		return strerror(ERR_GET_REASON(code));
	reason = ERR_reason_error_string(code);
	if (reason != NULL)
		return reason;
	snprintf(number, sizeof(number), "error %lX", code);
	return number;
}

static bool
fail_tls(CfConn *conn, const char *what)
{
	return cf_conn_fail(conn, "%s: %s", what, take_reason());
}

static bool
fail_file(CfConn *conn, const char *setting, const char *file)
{
	return cf_conn_fail(conn, "could not use \"%s\" (cachefront.%s): %s", file, setting,
						take_reason());
}

/* Never ask the server's terminal for a passphrase. */
static int
no_passphrase(char *buf, int size, int rwflag, void *userdata)
{
	return 0;
}

static bool
is_set(const char *setting)
{
	return setting != NULL && setting[0] != '\0';
}

static bool
load_authorities(CfConn *conn, SSL_CTX *ctx)
{
	SSL_CTX_set_verify(ctx, cf_guc_redis_tls_verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE,
					   NULL);
	if (!cf_guc_redis_tls_verify)
		return true;
	if (!is_set(cf_guc_redis_tls_ca_file))
		return SSL_CTX_set_default_verify_paths(ctx) == 1 ||
			fail_tls(conn, "could not load the system's authorities");
	return SSL_CTX_load_verify_locations(ctx, cf_guc_redis_tls_ca_file, NULL) == 1 ||
		fail_file(conn, "redis_tls_ca_file", cf_guc_redis_tls_ca_file);
}

static bool
load_certificate(CfConn *conn, SSL_CTX *ctx)
{
	const char *cert = cf_guc_redis_tls_cert_file;
	const char *key = cf_guc_redis_tls_key_file;

	if (is_set(cert) != is_set(key))
		return cf_conn_fail(conn, "cachefront.redis_tls_cert_file and redis_tls_key_file must be set together");
	if (!is_set(cert))
		return true;
	SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
	if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1)
		return fail_file(conn, "redis_tls_cert_file", cert);
	if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1 ||
		SSL_CTX_check_private_key(ctx) != 1)
		return fail_file(conn, "redis_tls_key_file", key);
	return true;
}

static bool
make_context(CfConn *conn)
{
	SSL_CTX    *ctx;

	if (context != NULL && context_changes == cf_guc_redis_changes)
		return true;
	SSL_CTX_free(context);
	context = NULL;
	ERR_clear_error();
	ctx = SSL_CTX_new(TLS_client_method());
	if (ctx == NULL)
		return fail_tls(conn, "could not set up TLS");
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
					 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION);
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1)
	{
		SSL_CTX_free(ctx);
		return fail_tls(conn, "could not set up TLS");
	}
	if (!load_authorities(conn, ctx) || !load_certificate(conn, ctx))
	{
		SSL_CTX_free(ctx);
		return false;
	}
	context = ctx;
	context_changes = cf_guc_redis_changes;
	return true;
}

static bool
is_address(const char *host)
{
	unsigned char buf[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, host, buf) == 1 || inet_pton(AF_INET6, host, buf) == 1;
}

/* The certificate must be for this host; a name is also sent (SNI). */
static bool
expect_host(SSL *ssl, const char *host)
{
	if (is_address(host))
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

static bool
tls_start(CfConn *conn, const CfRedisHost *host)
{
	SSL		   *ssl;

	if (!make_context(conn))
		return false;
	ERR_clear_error();
	ssl = SSL_new(context);
	conn->tls = ssl;
	if (ssl == NULL || SSL_set_fd(ssl, conn->fd) != 1 || !expect_host(ssl, host->name))
		return fail_tls(conn, "could not set up TLS");
	SSL_set_connect_state(ssl);
	return true;
}

/* What the result of an SSL function means for the one who tried. */
static CfIo
interpret(CfConn *conn, int result, const char *what)
{
	SSL		   *ssl = conn->tls;
	int			error = SSL_get_error(ssl, result);
	int			save_errno = errno;

	switch (error)
	{
		case SSL_ERROR_NONE:
			return CF_IO_DONE;
		case SSL_ERROR_WANT_READ:
			return CF_IO_WANT_READ;
		case SSL_ERROR_WANT_WRITE:
			return CF_IO_WANT_WRITE;
		case SSL_ERROR_ZERO_RETURN:
			cf_conn_fail(conn, "Redis closed the connection");
			break;
		case SSL_ERROR_SYSCALL:
			if (save_errno != 0)
				cf_conn_fail(conn, "%s: %s", what, strerror(save_errno));
			else
				cf_conn_fail(conn, "%s: Redis closed the connection", what);
			break;
		default:
			fail_tls(conn, what);
			break;
	}
	ERR_clear_error();
	return CF_IO_FAILED;
}

/*
 * OpenSSL ends the handshake by itself when it cannot verify the other side;
 * this says why, and makes sure.
 */
static bool
is_verified(CfConn *conn)
{
	long		verdict = SSL_get_verify_result(conn->tls);

	if (!cf_guc_redis_tls_verify || verdict == X509_V_OK)
		return true;
	return cf_conn_fail(conn, "could not verify the certificate of Redis: %s",
						X509_verify_cert_error_string(verdict));
}

static CfIo
tls_handshake(CfConn *conn)
{
	int			result;

	ERR_clear_error();
	errno = 0;
	result = SSL_do_handshake(conn->tls);
	if (!is_verified(conn))
	{
		ERR_clear_error();
		return CF_IO_FAILED;
	}
	return interpret(conn, result, "could not negotiate TLS with Redis");
}

static CfIo
tls_write(CfConn *conn, const char *data, size_t len, size_t *done)
{
	int			n;

	ERR_clear_error();
	errno = 0;
	n = SSL_write(conn->tls, data, (int) Min(len, INT_MAX));
	*done = Max(n, 0);
	return interpret(conn, n, "could not send to Redis");
}

static CfIo
tls_read(CfConn *conn, char *data, size_t len, size_t *done)
{
	int			n;

	ERR_clear_error();
	errno = 0;
	n = SSL_read(conn->tls, data, (int) Min(len, INT_MAX));
	*done = Max(n, 0);
	return interpret(conn, n, "could not receive from Redis");
}

/* Through OpenSSL, for a session ticket may have come in, which is no data. */
static bool
tls_is_quiet(CfConn *conn)
{
	char		byte;
	int			n;
	bool		quiet;

	ERR_clear_error();
	n = SSL_peek(conn->tls, &byte, 1);
	quiet = n <= 0 && SSL_get_error(conn->tls, n) == SSL_ERROR_WANT_READ;
	ERR_clear_error();
	return quiet;
}

/* Says nothing to the other side: its socket may belong to another by now. */
static void
tls_stop(CfConn *conn)
{
	SSL_free(conn->tls);
	conn->tls = NULL;
	ERR_clear_error();
}

const CfTransport cf_tls_transport = {
	.start = tls_start,
	.handshake = tls_handshake,
	.write = tls_write,
	.read = tls_read,
	.is_quiet = tls_is_quiet,
	.stop = tls_stop,
};
