/*
 * stream.c - what Redis says of a space's stream, taken apart. Pure.
 *
 * src/l2/stream.c
 */
#include "postgres.h"

#include "l2/space.h"
#include "l2/stream.h"

StaticAssertDecl(CF_STREAM_KEY_MAX >= CF_SPACE_MAX_NAME + 5, "a name of a stream fits");

int
cf_stream_print_key(char *key, const char *space_name)
{
	return snprintf(key, CF_STREAM_KEY_MAX, "cfb:%s", space_name);
}

static bool
is_string(const redisReply *reply)
{
	return reply != NULL && reply->type == REDIS_REPLY_STRING;
}

/* Up to 20 digits that a uint64 holds; NULL if there are none. */
static const char *
parse_number(const char *text, const char *end, uint64 *number)
{
	const char *start = text;

	*number = 0;
	while (text < end && *text >= '0' && *text <= '9')
	{
		uint64		digit = (uint64) (*text++ - '0');

		if (*number > (PG_UINT64_MAX - digit) / 10)
			return NULL;
		*number = *number * 10 + digit;
	}
	return text > start ? text : NULL;
}

static bool
take_number(const redisReply *reply, uint64 *number)
{
	return is_string(reply) &&
		parse_number(reply->str, reply->str + reply->len, number) == reply->str + reply->len;
}

bool
cf_stream_take_id(const redisReply *reply, CfStreamId *id)
{
	const char *end;
	const char *at;

	if (!is_string(reply))
		return false;
	end = reply->str + reply->len;
	at = parse_number(reply->str, end, &id->ms);
	return at != NULL && at < end && *at == '-' &&
		parse_number(at + 1, end, &id->number) == end;
}

int
cf_stream_compare(const CfStreamId *a, const CfStreamId *b)
{
	if (a->ms != b->ms)
		return a->ms < b->ms ? -1 : 1;
	return a->number < b->number ? -1 : a->number > b->number ? 1 : 0;
}

bool
cf_stream_is_origin(const CfStreamId *id)
{
	return id->ms == 0 && id->number == 0;
}

bool
cf_stream_take(const redisReply *reply, CfStream *stream)
{
	memset(stream, 0, sizeof(*stream));
	if (reply == NULL || reply->type != REDIS_REPLY_ARRAY)
		return false;
	if (reply->elements == 0)
		return true;
	stream->exists = true;
	return reply->elements == 4 && cf_stream_take_id(reply->element[0], &stream->first) &&
		cf_stream_take_id(reply->element[1], &stream->last) &&
		take_number(reply->element[2], &stream->added) &&
		take_number(reply->element[3], &stream->length);
}
