/*
 * timeword.c - looks for words of time in a text.
 *
 * A literal of an unknown type is read when the text is analysed, and leaves nothing but a
 * date or a time in the tree. So the text is looked at.
 *
 * src/rules/timeword.c
 */
#include "postgres.h"

#include <ctype.h>

#include "rules/timeword.h"

/*
 * Does a literal go on in another line? 'to' and 'day' are one word then. What stands
 * between two literals, and a comment after one, is taken for that as well.
 */
static bool
is_divided(const char *begin, int len)
{
	const char *end = begin + len;

	for (const char *quote = begin; quote < end; quote++)
	{
		const char *next = quote + 1;
		bool		line = false;

		if (*quote != '\'')
			continue;
		for (; next < end && isspace((unsigned char) *next); next++)
			line |= *next == '\n' || *next == '\r';
		if (line && next < end && *next == '\'')
			return true;
		if (next + 1 < end && next[0] == '-' && next[1] == '-')
			return true;
	}
	return false;
}

bool
cf_timeword_is_in(const char *text, int len)
{
	static const char *const words[] = {"now", "today", "tomorrow", "yesterday", "u&", "\\"};

	for (int i = 0; i < lengthof(words); i++)
	{
		int			n = strlen(words[i]);

		for (int k = 0; k + n <= len; k++)
		{
			if (pg_strncasecmp(text + k, words[i], n) == 0)
				return true;
		}
	}
	return is_divided(text, len);
}
