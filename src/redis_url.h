/*
 * redis_url.h - takes apart cachefront.redis_url.
 *
 *		redis://[user[:password]@]host[:port][/db]
 *		rediss://...				the same over TLS
 *		unix://[user[:password]@]/path/to/socket[?db=N]
 *
 * Percent-encoding is decoded in user, password and path; an IPv6 address is
 * written in brackets. Pure: no allocation, no errors, so that the setting's
 * check hook and the connection use the same parser.
 *
 * src/redis_url.h
 */
#ifndef CF_REDIS_URL_H
#define CF_REDIS_URL_H

#include "postgres.h"

#define CF_REDIS_MAX_HOST 256	/* of a name; a socket's path has at most 107 bytes */
#define CF_REDIS_MAX_USER 256
#define CF_REDIS_MAX_PASSWORD 4096	/* tokens of cloud providers are long */
#define CF_REDIS_MAX_PATH 107
#define CF_REDIS_MAX_DB 999999
#define CF_REDIS_DEFAULT_PORT 6379

typedef enum CfRedisTransport
{
	CF_REDIS_TCP,
	CF_REDIS_TLS,
	CF_REDIS_UNIX
} CfRedisTransport;

typedef struct CfRedisUrl
{
	CfRedisTransport transport;
	int			port;			/* 0 for a unix socket */
	int			db;
	char		host[CF_REDIS_MAX_HOST];	/* name, address or path */
	char		user[CF_REDIS_MAX_USER];	/* empty: Redis's default user */
	char		password[CF_REDIS_MAX_PASSWORD];	/* empty: none */
} CfRedisUrl;

typedef enum CfRedisUrlError
{
	CF_REDIS_URL_OK,
	CF_REDIS_URL_SCHEME,
	CF_REDIS_URL_CHARACTER,		/* one that must be percent-encoded */
	CF_REDIS_URL_ENCODING,		/* '%' without two hex digits, or %00 */
	CF_REDIS_URL_USER,
	CF_REDIS_URL_PASSWORD,
	CF_REDIS_URL_HOST,
	CF_REDIS_URL_PORT,
	CF_REDIS_URL_DB,
	CF_REDIS_URL_PATH,
	CF_REDIS_URL_PARAMETER
} CfRedisUrlError;

extern CfRedisUrlError cf_redis_url_parse(const char *text, CfRedisUrl *result);

/* A sentence for the user; it never has a part of the url in it. */
extern const char *cf_redis_url_error(CfRedisUrlError error);

#endif							/* CF_REDIS_URL_H */
