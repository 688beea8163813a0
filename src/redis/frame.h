/*
 * frame.h - finds where replies of Redis end, and refuses what is out of bounds.
 *
 * hiredis's parser believes what a reply says of itself: it allocates an array
 * by its header, and waits for as many bytes as a bulk string announces. What
 * arrives is therefore scanned here before the parser sees it, byte for byte,
 * in pieces of any size. The scanner is stricter than RESP2 where the parser
 * is lax (line ends, digits), so that both see the same frames.
 *
 * Pure: no allocation, no errors.
 *
 * src/redis/frame.h
 */
#ifndef CF_REDIS_FRAME_H
#define CF_REDIS_FRAME_H

#include "postgres.h"

#include "base/compat.h"

#define CF_FRAME_MAX_DEPTH 5	/* arrays in arrays: XREAD has five */
#define CF_FRAME_MAX_ELEMENTS 100000	/* of one reply, all its arrays together */
#define CF_FRAME_MAX_LINE 65536 /* a status or an error */

typedef enum CfFrameState
{
	CF_FRAME_TYPE,				/* before the first byte of a value */
	CF_FRAME_LINE,				/* in a status or an error */
	CF_FRAME_NUMBER,			/* in an integer, a length or a count */
	CF_FRAME_LINE_END,			/* between CR and LF */
	CF_FRAME_BULK,				/* in the bytes of a bulk string */
	CF_FRAME_BULK_CR,			/* after them */
	CF_FRAME_BULK_LF
} CfFrameState;

typedef struct CfFrame
{
	/* Bounds and what to expect; set by init. */
	int64		max_reply;		/* bytes of one reply */
	int64		max_total;		/* bytes of all replies */
	int			expected;		/* replies */

	int			complete;		/* replies that were seen to their end */
	const char *problem;		/* after a refusal: what was wrong */
	bool		too_large;		/* that was its size alone */

	/* Where we are. */
	CfFrameState state;
	char		type;
	int64		reply_bytes;
	int64		total_bytes;
	int64		line_bytes;
	int			ndigits;
	bool		negative;
	uint64		number;
	int64		bulk_left;
	int64		elements;		/* announced so far in this reply */
	int			depth;
	int64		left[CF_FRAME_MAX_DEPTH];	/* values still to come, an array each */
} CfFrame;

extern void cf_frame_init(CfFrame *frame, int expected, int64 max_reply, int64 max_total);

/* False if the bytes must not be given to the parser: see problem. */
extern pg_nodiscard bool cf_frame_scan(CfFrame *frame, const char *bytes, size_t len);

#endif							/* CF_REDIS_FRAME_H */
