/*
 * frame.c - finds where replies of Redis end, and refuses what is out of bounds.
 *
 * src/redis/frame.c
 */
#include "postgres.h"

#include "redis/frame.h"

void
cf_frame_init(CfFrame *frame, int expected, int64 max_reply, int64 max_total)
{
	memset(frame, 0, sizeof(*frame));
	frame->expected = expected;
	frame->max_reply = max_reply;
	frame->max_total = max_total;
	frame->state = CF_FRAME_TYPE;
}

static bool
refuse(CfFrame *frame, const char *problem)
{
	frame->problem = problem;
	return false;
}

/* What may be a proper reply, but not one that we take. */
static bool
refuse_size(CfFrame *frame, const char *problem)
{
	frame->too_large = true;
	return refuse(frame, problem);
}

/* A value is complete: so may be the arrays that it is the last one of. */
static void
end_value(CfFrame *frame)
{
	frame->state = CF_FRAME_TYPE;
	while (frame->depth > 0)
	{
		if (--frame->left[frame->depth - 1] > 0)
			return;
		frame->depth--;
	}
	frame->complete++;
	frame->reply_bytes = 0;
	frame->elements = 0;
}

static bool
begin_value(CfFrame *frame, char c)
{
	if (frame->complete >= frame->expected)
		return refuse(frame, "more replies than commands");
	frame->type = c;
	frame->line_bytes = 0;
	frame->ndigits = 0;
	frame->negative = false;
	frame->number = 0;
	switch (c)
	{
		case '+':
		case '-':
			frame->state = CF_FRAME_LINE;
			return true;
		case ':':
		case '$':
		case '*':
			frame->state = CF_FRAME_NUMBER;
			return true;
		default:
			return refuse(frame, "a reply of an unknown type");
	}
}

static bool
scan_line(CfFrame *frame, char c)
{
	if (c == '\r')
		frame->state = CF_FRAME_LINE_END;
	else if (c == '\n')
		return refuse(frame, "a line feed without a carriage return");
	else if (++frame->line_bytes > CF_FRAME_MAX_LINE)
		return refuse(frame, "a line that is too long");
	return true;
}

/* Only the one way to write each number: the parser knows no other. */
static bool
scan_number(CfFrame *frame, char c)
{
	if (c == '\r' && frame->ndigits > 0)
	{
		frame->state = CF_FRAME_LINE_END;
		return true;
	}
	if (c == '-' && frame->ndigits == 0 && !frame->negative)
	{
		frame->negative = true;
		return true;
	}
	if (c < '0' || c > '9' || (frame->ndigits > 0 && frame->number == 0) ||
		(frame->negative && frame->ndigits == 0 && c == '0'))
		return refuse(frame, "a malformed number");
	frame->number = frame->number * 10 + (c - '0');
	if (++frame->ndigits > 19 ||
		frame->number > (uint64) PG_INT64_MAX + (frame->negative ? 1 : 0))
		return refuse(frame, "a number out of range");
	return true;
}

static bool
begin_bulk(CfFrame *frame)
{
	if (frame->number > (uint64) (frame->max_reply - frame->reply_bytes))
		return refuse_size(frame, "a reply that is too large");
	frame->bulk_left = (int64) frame->number;
	frame->state = frame->bulk_left > 0 ? CF_FRAME_BULK : CF_FRAME_BULK_CR;
	return true;
}

static bool
begin_array(CfFrame *frame)
{
	if (frame->number == 0)
	{
		end_value(frame);
		return true;
	}
	if (frame->number > (uint64) (CF_FRAME_MAX_ELEMENTS - frame->elements))
		return refuse_size(frame, "a reply with too many elements");
	if (frame->depth >= CF_FRAME_MAX_DEPTH)
		return refuse(frame, "a reply that is nested too deeply");
	frame->elements += (int64) frame->number;
	frame->left[frame->depth++] = (int64) frame->number;
	frame->state = CF_FRAME_TYPE;
	return true;
}

static bool
end_line(CfFrame *frame, char c)
{
	if (c != '\n')
		return refuse(frame, "a carriage return without a line feed");
	if (frame->type == '$' || frame->type == '*')
	{
		if (frame->negative && frame->number != 1)
			return refuse(frame, "a negative length");
		if (!frame->negative)
			return frame->type == '$' ? begin_bulk(frame) : begin_array(frame);
	}
	end_value(frame);			/* a line, an integer, or nil */
	return true;
}

static bool
scan_byte(CfFrame *frame, char c)
{
	switch (frame->state)
	{
		case CF_FRAME_TYPE:
			return begin_value(frame, c);
		case CF_FRAME_LINE:
			return scan_line(frame, c);
		case CF_FRAME_NUMBER:
			return scan_number(frame, c);
		case CF_FRAME_LINE_END:
			return end_line(frame, c);
		case CF_FRAME_BULK:
			break;				/* not byte by byte */
		case CF_FRAME_BULK_CR:
			if (c != '\r')
				break;
			frame->state = CF_FRAME_BULK_LF;
			return true;
		case CF_FRAME_BULK_LF:
			if (c != '\n')
				break;
			end_value(frame);
			return true;
	}
	return refuse(frame, "a string that does not end where it should");
}

static bool
count_bytes(CfFrame *frame, size_t n)
{
	frame->reply_bytes += n;
	frame->total_bytes += n;
	if (frame->reply_bytes > frame->max_reply)
		return refuse_size(frame, "a reply that is too large");
	if (frame->total_bytes > frame->max_total)
		return refuse_size(frame, "replies that are too large together");
	return true;
}

bool
cf_frame_scan(CfFrame *frame, const char *bytes, size_t len)
{
	const char *end = bytes + len;

	if (frame->problem != NULL)
		return false;
	while (bytes < end)
	{
		size_t		n = 1;

		if (frame->state == CF_FRAME_BULK)
			n = Min((size_t) (end - bytes), (size_t) frame->bulk_left);
		if (!count_bytes(frame, n))
			return false;
		if (frame->state == CF_FRAME_BULK)
		{
			frame->bulk_left -= n;
			if (frame->bulk_left == 0)
				frame->state = CF_FRAME_BULK_CR;
		}
		else if (!scan_byte(frame, *bytes))
			return false;
		bytes += n;
	}
	return true;
}
