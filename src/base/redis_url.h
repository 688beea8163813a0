/*
 * redis_url.h - takes apart cachefront.redis_url.
 *
 *		redis://[user[:password]@]host[:port][/db]
 *		rediss://...				the same over TLS
 *		unix://[user[:password]@]/path/to/socket[?db=N]
 *		redis+sentinel://[user[:password]@]host[:port][,...]/master[/db]
 *		rediss+sentinel://...		the same over TLS, Sentinels and Redis
 *		redis+cluster://[user[:password]@]host[:port][,...]
 *		rediss+cluster://...		the same over TLS
 *
 * Percent-encoding is decoded in user, password, path and the master's name; an IPv6
 * address is written in brackets. Pure: no allocation, no errors, so that the setting's
 * check hook and the connection use the same parser.
 *
 * src/base/redis_url.h
 */
#ifndef CF_BASE_REDIS_URL_H
#define CF_BASE_REDIS_URL_H

#include "postgres.h"

#define CF_REDIS_MAX_HOST 256	/* of a name; a socket's path has at most 107 bytes */
#define CF_REDIS_MAX_USER 256
#define CF_REDIS_MAX_PASSWORD 4096	/* tokens of cloud providers are long */
#define CF_REDIS_MAX_PATH 107
#define CF_REDIS_MAX_DB 999999
#define CF_REDIS_MAX_MASTER 128	/* of the name by which Sentinels know a master */
#define CF_REDIS_MAX_SEEDS 16	/* hosts of a url */
#define CF_REDIS_DEFAULT_PORT 6379
#define CF_REDIS_SENTINEL_PORT 26379

typedef enum CfRedisTransport
{
	CF_REDIS_TCP,
	CF_REDIS_TLS,
	CF_REDIS_UNIX
} CfRedisTransport;

typedef enum CfRedisKind
{
	CF_REDIS_SINGLE,			/* one server */
	CF_REDIS_SENTINEL,			/* the server that the Sentinels call the master */
	CF_REDIS_CLUSTER			/* the nodes of a Redis Cluster */
} CfRedisKind;

typedef struct CfRedisHost
{
	int			port;			/* 0 for a unix socket */
	char		name[CF_REDIS_MAX_HOST];	/* name, address or path */
} CfRedisHost;

static inline bool
cf_redis_same_host(const CfRedisHost *a, const CfRedisHost *b)
{
	return a->port == b->port && strcmp(a->name, b->name) == 0;
}

typedef struct CfRedisUrl
{
	CfRedisKind kind;
	CfRedisTransport transport;
	int			db;
	int			nseeds;
	CfRedisHost seeds[CF_REDIS_MAX_SEEDS];	/* a single server is the first */
	char		master[CF_REDIS_MAX_MASTER];	/* empty but with Sentinels */
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
	CF_REDIS_URL_SEEDS,			/* too many hosts */
	CF_REDIS_URL_MASTER,
	CF_REDIS_URL_CLUSTER_DB,
	CF_REDIS_URL_PARAMETER
} CfRedisUrlError;

extern CfRedisUrlError cf_redis_url_parse(const char *text, CfRedisUrl *result);

/* A sentence for the user; it never has a part of the url in it. */
extern const char *cf_redis_url_error(CfRedisUrlError error);

#endif							/* CF_BASE_REDIS_URL_H */
