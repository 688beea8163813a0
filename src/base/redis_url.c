/*
 * redis_url.c - takes apart cachefront.redis_url.
 *
 * src/base/redis_url.c
 */
#include "postgres.h"

#include "base/redis_url.h"

/* A part of the url's text. */
typedef struct Slice
{
	const char *at;
	size_t		len;
} Slice;

static Slice
slice(const char *from, const char *to)
{
	Slice		result = {from, to - from};

	return result;
}

static const char *
find(Slice text, char c)
{
	return memchr(text.at, c, text.len);
}

/* User and password may hold '@' in practice, so the last one ends them. */
static const char *
find_last(Slice text, char c)
{
	for (const char *p = text.at + text.len; p-- > text.at;)
		if (*p == c)
			return p;
	return NULL;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Decodes into a buffer of size bytes; too_long says which part is too long. */
static CfRedisUrlError
decode(Slice from, char *to, size_t size, CfRedisUrlError too_long)
{
	size_t		n = 0;

	for (size_t i = 0; i < from.len; i++)
	{
		char		c = from.at[i];

		if (c == '%')
		{
			bool		room = i + 2 < from.len;
			int			high = room ? hex_digit(from.at[i + 1]) : -1;
			int			low = room ? hex_digit(from.at[i + 2]) : -1;

			if (high < 0 || low < 0 || high + low == 0)
				return CF_REDIS_URL_ENCODING;
			c = (char) (high * 16 + low);
			i += 2;
		}
		if (n + 1 >= size)
			return too_long;
		to[n++] = c;
	}
	to[n] = '\0';
	return CF_REDIS_URL_OK;
}

static bool
parse_number(Slice text, int max, int *result)
{
	int			value = 0;

	if (text.len < 1 || text.len > 6)
		return false;
	for (size_t i = 0; i < text.len; i++)
	{
		if (text.at[i] < '0' || text.at[i] > '9')
			return false;
		value = value * 10 + (text.at[i] - '0');
	}
	*result = value;
	return value <= max;
}

/* Blanks and control characters, and '#', which would start a fragment. */
static bool
has_bad_character(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char) *text <= ' ' || *text == 0x7f || *text == '#')
			return true;
	return false;
}

static bool
starts_with(const char **text, const char *scheme)
{
	size_t		len = strlen(scheme);

	if (pg_strncasecmp(*text, scheme, len) != 0)
		return false;
	*text += len;
	return true;
}

static bool
parse_scheme(const char **text, CfRedisUrl *result)
{
	static const struct
	{
		const char *scheme;
		CfRedisTransport transport;
		CfRedisKind kind;
	}			schemes[] = {
		{"redis://", CF_REDIS_TCP, CF_REDIS_SINGLE},
		{"rediss://", CF_REDIS_TLS, CF_REDIS_SINGLE},
		{"unix://", CF_REDIS_UNIX, CF_REDIS_SINGLE},
		{"redis+sentinel://", CF_REDIS_TCP, CF_REDIS_SENTINEL},
		{"rediss+sentinel://", CF_REDIS_TLS, CF_REDIS_SENTINEL},
		{"redis+cluster://", CF_REDIS_TCP, CF_REDIS_CLUSTER},
		{"rediss+cluster://", CF_REDIS_TLS, CF_REDIS_CLUSTER},
	};

	for (int i = 0; i < lengthof(schemes); i++)
		if (starts_with(text, schemes[i].scheme))
		{
			result->transport = schemes[i].transport;
			result->kind = schemes[i].kind;
			return true;
		}
	return false;
}

static CfRedisUrlError
parse_userinfo(Slice info, CfRedisUrl *result)
{
	const char *colon = find(info, ':');
	const char *end = info.at + info.len;
	CfRedisUrlError error;

	error = decode(slice(info.at, colon ? colon : end), result->user,
				   sizeof(result->user), CF_REDIS_URL_USER);
	if (error == CF_REDIS_URL_OK && colon)
		error = decode(slice(colon + 1, end), result->password,
					   sizeof(result->password), CF_REDIS_URL_PASSWORD);
	return error;
}

/* What a host name, or an address (in brackets: with colons), may consist of. */
static bool
is_host(Slice text, bool address)
{
	if (text.len == 0 || text.len >= CF_REDIS_MAX_HOST)
		return false;
	for (size_t i = 0; i < text.len; i++)
	{
		char		c = text.at[i];

		if (c >= '0' && c <= '9')
			continue;
		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
			continue;
		if (strchr(address ? ":.%-_" : ".-_", c) == NULL)
			return false;
	}
	return true;
}

static CfRedisUrlError
parse_host_port(Slice text, int default_port, CfRedisHost *result)
{
	const char *end = text.at + text.len;
	const char *colon;
	Slice		host;
	bool		address = text.len > 0 && text.at[0] == '[';

	if (address)
	{
		const char *bracket = find(text, ']');

		if (bracket == NULL)
			return CF_REDIS_URL_HOST;
		host = slice(text.at + 1, bracket);
		colon = bracket + 1 < end ? bracket + 1 : NULL;
		if (colon != NULL && *colon != ':')
			return CF_REDIS_URL_HOST;
	}
	else
	{
		colon = find(text, ':');
		host = slice(text.at, colon ? colon : end);
	}
	if (!is_host(host, address))
		return CF_REDIS_URL_HOST;
	memcpy(result->name, host.at, host.len);
	result->name[host.len] = '\0';

	result->port = default_port;
	if (colon != NULL &&
		(!parse_number(slice(colon + 1, end), PG_UINT16_MAX, &result->port) ||
		 result->port == 0))
		return CF_REDIS_URL_PORT;
	return CF_REDIS_URL_OK;
}

/* One host, or several with commas between. */
static CfRedisUrlError
parse_hosts(Slice text, CfRedisUrl *result)
{
	int			port = result->kind == CF_REDIS_SENTINEL ? CF_REDIS_SENTINEL_PORT :
		CF_REDIS_DEFAULT_PORT;
	const char *end = text.at + text.len;

	for (;;)
	{
		const char *comma = result->kind == CF_REDIS_SINGLE ? NULL : find(text, ',');
		CfRedisUrlError error;

		if (result->nseeds == CF_REDIS_MAX_SEEDS)
			return CF_REDIS_URL_SEEDS;
		error = parse_host_port(slice(text.at, comma ? comma : end), port,
								&result->seeds[result->nseeds]);
		if (error != CF_REDIS_URL_OK)
			return error;
		result->nseeds++;
		if (comma == NULL)
			return CF_REDIS_URL_OK;
		text = slice(comma + 1, end);
	}
}

/* What follows the host: nothing, '/', or '/N'. */
static CfRedisUrlError
parse_db(const char *text, CfRedisUrl *result)
{
	if (strchr(text, '?') != NULL)
		return CF_REDIS_URL_PARAMETER;
	if (text[0] == '\0' || text[1] == '\0')
		return CF_REDIS_URL_OK;
	if (!parse_number(slice(text + 1, text + strlen(text)), CF_REDIS_MAX_DB,
					  &result->db))
		return CF_REDIS_URL_DB;
	return CF_REDIS_URL_OK;
}

/* '/master', and what may follow it as it follows a host. */
static CfRedisUrlError
parse_master(const char *text, CfRedisUrl *result)
{
	const char *end;
	CfRedisUrlError error;

	if (text[0] != '/')
		return CF_REDIS_URL_MASTER;
	text++;
	end = text + strcspn(text, "/?");
	if (end == text)
		return CF_REDIS_URL_MASTER;
	error = decode(slice(text, end), result->master, sizeof(result->master),
				   CF_REDIS_URL_MASTER);
	return error == CF_REDIS_URL_OK ? parse_db(end, result) : error;
}

/* What follows the hosts of a cluster, which has one database. */
static CfRedisUrlError
parse_cluster_rest(const char *text, CfRedisUrl *result)
{
	CfRedisUrlError error = parse_db(text, result);

	return error == CF_REDIS_URL_OK && result->db != 0 ? CF_REDIS_URL_CLUSTER_DB : error;
}

static CfRedisUrlError
parse_path(const char *text, CfRedisUrl *result)
{
	const char *end = text + strlen(text);
	const char *query = strchr(text, '?');
	char	   *path = result->seeds[0].name;
	CfRedisUrlError error;

	error = decode(slice(text, query ? query : end), path, CF_REDIS_MAX_PATH + 1,
				   CF_REDIS_URL_PATH);
	if (error != CF_REDIS_URL_OK)
		return error;
	result->nseeds = 1;
	if (path[0] != '/' || path[1] == '\0')
		return CF_REDIS_URL_PATH;
	if (query == NULL)
		return CF_REDIS_URL_OK;
	if (strncmp(query, "?db=", 4) != 0)
		return CF_REDIS_URL_PARAMETER;
	return parse_number(slice(query + 4, end), CF_REDIS_MAX_DB, &result->db) ?
		CF_REDIS_URL_OK : CF_REDIS_URL_DB;
}

CfRedisUrlError
cf_redis_url_parse(const char *text, CfRedisUrl *result)
{
	CfRedisUrlError error;
	const char *rest;
	const char *at;
	Slice		authority;

	memset(result, 0, sizeof(*result));
	if (!parse_scheme(&text, result))
		return CF_REDIS_URL_SCHEME;
	if (has_bad_character(text))
		return CF_REDIS_URL_CHARACTER;

	rest = text + strcspn(text, "/?");
	authority = slice(text, rest);
	at = find_last(authority, '@');
	if (at != NULL)
	{
		error = parse_userinfo(slice(text, at), result);
		if (error != CF_REDIS_URL_OK)
			return error;
		authority = slice(at + 1, rest);
	}
	if (result->transport == CF_REDIS_UNIX)
		return authority.len > 0 ? CF_REDIS_URL_PATH : parse_path(rest, result);
	error = parse_hosts(authority, result);
	if (error != CF_REDIS_URL_OK)
		return error;
	switch (result->kind)
	{
		case CF_REDIS_SINGLE:
			return parse_db(rest, result);
		case CF_REDIS_SENTINEL:
			return parse_master(rest, result);
		case CF_REDIS_CLUSTER:
			return parse_cluster_rest(rest, result);
	}
	return CF_REDIS_URL_SCHEME;
}

const char *
cf_redis_url_error(CfRedisUrlError error)
{
	switch (error)
	{
		case CF_REDIS_URL_OK:
			return "The URL is valid.";
		case CF_REDIS_URL_SCHEME:
			return "The URL must start with redis://, rediss:// or unix://, or with redis+sentinel://, rediss+sentinel://, redis+cluster:// or rediss+cluster://.";
		case CF_REDIS_URL_CHARACTER:
			return "The URL has a blank, a control character or a \"#\" that is not percent-encoded.";
		case CF_REDIS_URL_ENCODING:
			return "The URL has a \"%\" that is not followed by two hexadecimal digits, or a \"%00\".";
		case CF_REDIS_URL_USER:
			return "The user name is too long.";
		case CF_REDIS_URL_PASSWORD:
			return "The password is too long.";
		case CF_REDIS_URL_HOST:
			return "The host must be a name, an IPv4 address, or an IPv6 address in brackets; \"/\" and \"?\" in a password must be percent-encoded.";
		case CF_REDIS_URL_PORT:
			return "The port must be a number from 1 to 65535.";
		case CF_REDIS_URL_DB:
			return "The database must be a number from 0 to 999999.";
		case CF_REDIS_URL_PATH:
			return "The path of the socket must be absolute, after three slashes, and have at most 107 bytes.";
		case CF_REDIS_URL_SEEDS:
			return "There are more than 16 hosts.";
		case CF_REDIS_URL_MASTER:
			return "After the Sentinels there must be a slash and the name of the master, of at most 127 bytes.";
		case CF_REDIS_URL_CLUSTER_DB:
			return "A cluster has only database 0.";
		case CF_REDIS_URL_PARAMETER:
			return "There is no such parameter; only unix:// URLs have one, \"db\".";
	}
	return "The URL is not valid.";
}
