/*
 * stream.h - the stream cfb:<ns> of a space: its name, and what Redis says of it.
 *
 * Pure, but for the name of the script that asks (CF_L2_STREAM). What comes from
 * Redis is not trusted: each reply is checked for its shape.
 *
 * src/l2/stream.h
 */
#ifndef CF_L2_STREAM_H
#define CF_L2_STREAM_H

#include "postgres.h"

#include <hiredis/hiredis.h>

/* Of an entry: "ms-number". 0-0 is before the first one. */
typedef struct CfStreamId
{
	uint64		ms;
	uint64		number;
} CfStreamId;

/* The answer to CF_L2_STREAM. */
typedef struct CfStream
{
	bool		exists;
	CfStreamId	first;			/* of what is there */
	CfStreamId	last;			/* that there ever was */
	uint64		added;			/* entries ever */
	uint64		length;			/* entries now */
} CfStream;

/* The key's name, zero-terminated, in CF_STREAM_KEY_MAX bytes; its length. */
#define CF_STREAM_KEY_MAX 264
extern int	cf_stream_print_key(char *key, const char *space_name);

/* False: the reply is no id, or does not tell of a stream. */
extern bool cf_stream_take_id(const redisReply *reply, CfStreamId *id);
extern bool cf_stream_take(const redisReply *reply, CfStream *stream);

/* As strcmp. */
extern int	cf_stream_compare(const CfStreamId *a, const CfStreamId *b);

extern bool cf_stream_is_origin(const CfStreamId *id);

#endif							/* CF_L2_STREAM_H */
