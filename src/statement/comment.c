/*
 * comment.c - reads the comment that marks a statement.
 *
 * Until 17 a statement's place in the source begins right after the one before, with
 * its comment; as of 18, at its first word. So it is looked for on both sides.
 *
 * src/statement/comment.c
 */
#include "postgres.h"

#include "datatype/timestamp.h"
#include "utils/guc.h"

#include "statement/comment.h"

#define CF_MAX_COMMENT 256		/* bytes between the slash and the asterisk at its end */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static bool
is_of_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		c == '_' || c == '-' || c == '.' || IS_HIGHBIT_SET(c);
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The next word from *text on, of "len" bytes; NULL: there is none. */
static const char *
next_word(const char **text, const char *end, int *len)
{
	const char *begin = *text;

	while (begin < end && is_blank(*begin))
		begin++;
	*text = begin;
	while (*text < end && !is_blank(**text))
		(*text)++;
	*len = *text - begin;
	return *len > 0 ? begin : NULL;
}

static bool
read_name(const char *value, int len, CfComment *comment)
{
	if (len < 1 || len >= CF_MAX_CACHE_NAME)
		return false;
	for (int i = 0; i < len; i++)
	{
		if (!is_of_name(value[i]))
			return false;
	}
	memcpy(comment->name, value, len);
	comment->name[len] = '\0';
	return true;
}

/* As settings have times: 500ms, 30s, 5min, 1h, 1d. */
static bool
read_ttl(const char *value, int len, CfComment *comment)
{
	char		text[32];
	int			ms;

	if (len < 1 || len >= sizeof(text))
		return false;
	memcpy(text, value, len);
	text[len] = '\0';
	if (!is_letter(text[len - 1]) || !parse_int(text, &ms, GUC_UNIT_MS, NULL) || ms <= 0)
		return false;
	comment->ttl = ms * INT64CONST(1000);
	return true;
}

static bool
read_option(const char *word, int len, CfComment *comment)
{
	if (len > 5 && memcmp(word, "name=", 5) == 0)
		return read_name(word + 5, len - 5, comment);
	if (len > 4 && memcmp(word, "ttl=", 4) == 0)
		return read_ttl(word + 4, len - 4, comment);
	return false;
}

/* What stands between the comment's beginning and its end. */
static bool
read_comment(const char *text, const char *end, CfComment *comment)
{
	int			len;
	const char *word = next_word(&text, end, &len);

	memset(comment, 0, sizeof(*comment));
	if (word == NULL || len != 5 || memcmp(word, "cache", 5) != 0)
		return false;
	while ((word = next_word(&text, end, &len)) != NULL)
	{
		if (!read_option(word, len, comment))
			return false;
	}
	return true;
}

/* A comment that begins at *text, which then is after it. False: none does, or a long one. */
static bool
take_comment(const char **text, const char *end, CfComment *comment, bool *ours)
{
	const char *begin = *text + 2;

	if (end - *text < 4 || (*text)[0] != '/' || (*text)[1] != '*')
		return false;
	for (const char *at = begin; at + 1 < end && at - begin < CF_MAX_COMMENT; at++)
	{
		if (at[0] == '/' && at[1] == '*')
			return false;		/* one in it, as PostgreSQL has them */
		if (at[0] != '*' || at[1] != '/')
			continue;
		*ours = read_comment(begin, at, comment);
		*text = at + 2;
		return true;
	}
	return false;
}

/* Of those that follow each other from here on, is one ours? */
static bool
find_comment(const char *text, const char *end, CfComment *comment)
{
	bool		ours;

	for (;;)
	{
		while (text < end && is_blank(*text))
			text++;
		if (!take_comment(&text, end, comment, &ours))
			return false;
		if (ours)
			return true;
	}
}

/* Where the comments begin that end right before "at". */
static const char *
before(const char *text, const char *at)
{
	const char *end;

	for (;;)
	{
		end = at;
		while (end > text && is_blank(end[-1]))
			end--;
		if (end - text < 4 || end[-1] != '/' || end[-2] != '*')
			return at;
		for (at = end - 4; at > text && !(at[0] == '/' && at[1] == '*'); at--)
			;
		if (at[0] != '/' || at[1] != '*')
			return end;
	}
}

bool
cf_comment_of(const char *text, int location, int len, CfComment *comment)
{
	const char *begin;
	const char *end;

	if (text == NULL)
		return false;
	begin = text + Max(location, 0);
	end = len > 0 ? begin + len : begin + strlen(begin);
	if (find_comment(before(text, begin), end, comment))
		return true;
	while (begin < end && is_blank(*begin))
		begin++;
	while (begin < end && is_letter(*begin))
		begin++;
	return find_comment(begin, end, comment);
}
