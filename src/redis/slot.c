/*
 * slot.c - which of a cluster's slots a key is in, and where a slot has gone.
 *
 * The slot is the CRC-16 of the key (polynomial 0x1021, as of XMODEM), as the
 * specification of Redis Cluster has it.
 *
 * src/redis/slot.c
 */
#include "postgres.h"

#include "redis/slot.h"

/* Of each half of a byte: small enough to stay in the processor's cache. */
static const uint16 crc_of_nibble[16] = {
	0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5, 0x60c6, 0x70e7,
	0x8108, 0x9129, 0xa14a, 0xb16b, 0xc18c, 0xd1ad, 0xe1ce, 0xf1ef
};

static uint16
crc16(const char *bytes, size_t len)
{
	uint16		crc = 0;

	for (size_t i = 0; i < len; i++)
	{
		unsigned char byte = (unsigned char) bytes[i];

		crc = (crc << 4) ^ crc_of_nibble[(crc >> 12) ^ (byte >> 4)];
		crc = (crc << 4) ^ crc_of_nibble[(crc >> 12) ^ (byte & 15)];
	}
	return crc;
}

int
cf_slot_of(const char *key, size_t len)
{
	const char *open = memchr(key, '{', len);

	if (open != NULL)
	{
		const char *tag = open + 1;
		const char *close = memchr(tag, '}', key + len - tag);

		if (close != NULL && close > tag)
			return crc16(tag, close - tag) % CF_SLOTS;
	}
	return crc16(key, len) % CF_SLOTS;
}

/* Leaves *text behind the digits. */
static bool
take_number(const char **text, int max, int *result)
{
	int			value = 0;
	int			ndigits = 0;

	while (**text >= '0' && **text <= '9')
	{
		if (++ndigits > 5)
			return false;
		value = value * 10 + (*(*text)++ - '0');
	}
	*result = value;
	return ndigits > 0 && value <= max;
}

bool
cf_slot_is_host(const char *name, size_t len)
{
	if (len == 0 || len >= CF_REDIS_MAX_HOST)
		return false;
	for (size_t i = 0; i < len; i++)
	{
		char		c = name[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') &&
			!(c >= 'A' && c <= 'Z') && (c == '\0' || strchr(":.%-_", c) == NULL))
			return false;
	}
	return true;
}

/* "host:port", "address:with:colons:port" or ":port". */
static bool
take_host(const char *text, CfRedisHost *host)
{
	const char *colon = strrchr(text, ':');
	const char *port;
	size_t		len;

	if (colon == NULL)
		return false;
	port = colon + 1;
	if (!take_number(&port, PG_UINT16_MAX, &host->port) || host->port == 0 || *port != '\0')
		return false;
	len = colon - text;
	if (len > 0 && !cf_slot_is_host(text, len))
		return false;
	memcpy(host->name, text, len);
	host->name[len] = '\0';
	return true;
}

CfRedirectKind
cf_redirect_parse(const char *error, CfRedirect *result)
{
	CfRedirectKind kind;

	result->kind = CF_REDIRECT_NONE;
	if (strncmp(error, "MOVED ", 6) == 0)
	{
		kind = CF_REDIRECT_MOVED;
		error += 6;
	}
	else if (strncmp(error, "ASK ", 4) == 0)
	{
		kind = CF_REDIRECT_ASK;
		error += 4;
	}
	else
		return CF_REDIRECT_NONE;
	if (take_number(&error, CF_SLOTS - 1, &result->slot) && *error == ' ' &&
		take_host(error + 1, &result->host))
		result->kind = kind;
	return result->kind;
}
