/*
 * event.c - reads the JSON text of an event of the bus. Pure.
 *
 * PostgreSQL's JSON parser raises errors, and needs memory; the little that is
 * needed here does with a buffer for one string. Members that it does not know
 * are skipped, so that later versions can add some.
 *
 * src/invalidate/event.c
 */
#include "postgres.h"

#include "codec/key.h"
#include "invalidate/event.h"

#define CF_EVENT_MAX_DEPTH 16	/* of values that are skipped */
#define CF_EVENT_MAX_TEXT Max(CF_MAX_KEY, CF_MAX_TAG)

typedef struct Reader
{
	const char *at;
	const char *end;
	char		text[CF_EVENT_MAX_TEXT];	/* of the last string */
	int			len;
	bool		fits;			/* it can be a key or a tag */
} Reader;

static bool skip_value(Reader *reader, int depth);

static void
skip_space(Reader *reader)
{
	while (reader->at < reader->end &&
		   (*reader->at == ' ' || *reader->at == '\t' || *reader->at == '\n' || *reader->at == '\r'))
		reader->at++;
}

/* The next character that counts; 0 at the end. */
static char
peek(Reader *reader)
{
	skip_space(reader);
	return reader->at < reader->end ? *reader->at : '\0';
}

static bool
take(Reader *reader, char c)
{
	if (peek(reader) != c)
		return false;
	reader->at++;
	return true;
}

/* ---- strings ---- */

static void
put(Reader *reader, unsigned char c)
{
	if (c == '\0' || reader->len == CF_EVENT_MAX_TEXT)
		reader->fits = false;
	else
		reader->text[reader->len++] = (char) c;
}

static void
put_utf8(Reader *reader, uint32 c)
{
	if (c < 0x80)
		put(reader, c);
	else if (c < 0x800)
	{
		put(reader, 0xC0 | (c >> 6));
		put(reader, 0x80 | (c & 0x3F));
	}
	else if (c < 0x10000)
	{
		put(reader, 0xE0 | (c >> 12));
		put(reader, 0x80 | ((c >> 6) & 0x3F));
		put(reader, 0x80 | (c & 0x3F));
	}
	else
	{
		put(reader, 0xF0 | (c >> 18));
		put(reader, 0x80 | ((c >> 12) & 0x3F));
		put(reader, 0x80 | ((c >> 6) & 0x3F));
		put(reader, 0x80 | (c & 0x3F));
	}
}

static bool
take_hex4(Reader *reader, uint32 *value)
{
	if (reader->end - reader->at < 4)
		return false;
	*value = 0;
	for (int i = 0; i < 4; i++)
	{
		char		c = *reader->at++;
		int			digit = c >= '0' && c <= '9' ? c - '0' :
			c >= 'A' && c <= 'F' ? c - 'A' + 10 :
			c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;

		if (digit < 0)
			return false;
		*value = *value << 4 | (uint32) digit;
	}
	return true;
}

/* After "\u". Half a surrogate pair is no character. */
static bool
take_unicode(Reader *reader)
{
	uint32		high;
	uint32		low;

	if (!take_hex4(reader, &high))
		return false;
	if (high < 0xD800 || high > 0xDFFF)
	{
		put_utf8(reader, high);
		return true;
	}
	if (high > 0xDBFF || reader->end - reader->at < 2 ||
		reader->at[0] != '\\' || reader->at[1] != 'u')
		return false;
	reader->at += 2;
	if (!take_hex4(reader, &low) || low < 0xDC00 || low > 0xDFFF)
		return false;
	put_utf8(reader, 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00));
	return true;
}

static bool
take_escape(Reader *reader)
{
	static const char escapes[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
	char		c;

	if (reader->at == reader->end)
		return false;
	c = *reader->at++;
	if (c == 'u')
		return take_unicode(reader);
	for (int i = 0; escapes[i] != '\0'; i += 2)
	{
		if (escapes[i] == c)
		{
			put(reader, escapes[i + 1]);
			return true;
		}
	}
	return false;
}

static bool
take_string(Reader *reader)
{
	reader->len = 0;
	reader->fits = true;
	if (!take(reader, '"'))
		return false;
	while (reader->at < reader->end)
	{
		unsigned char c = *reader->at++;

		if (c == '"')
			return true;
		if (c < ' ' || (c == '\\' && !take_escape(reader)))
			return false;
		if (c != '\\')
			put(reader, c);
	}
	return false;
}

/* ---- other values ---- */

static bool
take_word(Reader *reader, const char *word)
{
	Size		len = strlen(word);

	skip_space(reader);
	if (reader->end - reader->at < len || memcmp(reader->at, word, len) != 0)
		return false;
	reader->at += len;
	return true;
}

/* Not how it is built, but where it ends. */
static bool
skip_number(Reader *reader)
{
	const char *start;

	skip_space(reader);
	start = reader->at;
	while (reader->at < reader->end && *reader->at != '\0' &&
		   strchr("+-.0123456789Ee", *reader->at) != NULL)
		reader->at++;
	return reader->at > start;
}

static bool
skip_array(Reader *reader, int depth)
{
	if (!take(reader, '['))
		return false;
	if (take(reader, ']'))
		return true;
	do
	{
		if (!skip_value(reader, depth - 1))
			return false;
	} while (take(reader, ','));
	return take(reader, ']');
}

static bool
skip_object(Reader *reader, int depth)
{
	if (!take(reader, '{'))
		return false;
	if (take(reader, '}'))
		return true;
	do
	{
		if (!take_string(reader) || !take(reader, ':') || !skip_value(reader, depth - 1))
			return false;
	} while (take(reader, ','));
	return take(reader, '}');
}

static bool
skip_value(Reader *reader, int depth)
{
	if (depth == 0)
		return false;
	switch (peek(reader))
	{
		case '"':
			return take_string(reader);
		case '[':
			return skip_array(reader, depth);
		case '{':
			return skip_object(reader, depth);
		case 't':
			return take_word(reader, "true");
		case 'f':
			return take_word(reader, "false");
		case 'n':
			return take_word(reader, "null");
		default:
			return skip_number(reader);
	}
}

/* ---- events ---- */

static bool
take_items(Reader *reader, bool is_key, CfEventItem item, void *arg)
{
	int			max = is_key ? CF_MAX_KEY : CF_MAX_TAG;

	if (!take(reader, '['))
		return false;
	if (take(reader, ']'))
		return true;
	do
	{
		if (!take_string(reader))
			return false;
		/* What cannot be one has no entries. */
		if (reader->fits && reader->len > 0 && reader->len <= max)
			item(arg, is_key, reader->text, reader->len);
	} while (take(reader, ','));
	return take(reader, ']');
}

static bool
take_all(Reader *reader, bool *all)
{
	if (take_word(reader, "true"))
		*all = true;
	else
		return take_word(reader, "false");
	return true;
}

static bool
is_name(const Reader *reader, const char *name)
{
	return reader->fits && reader->len == strlen(name) &&
		memcmp(reader->text, name, reader->len) == 0;
}

static bool
take_member(Reader *reader, CfEventItem item, void *arg, bool *all)
{
	bool		keys;
	bool		tags;
	bool		everything;

	if (!take_string(reader))
		return false;
	keys = is_name(reader, "keys");
	tags = is_name(reader, "tags");
	everything = is_name(reader, "all");
	if (!take(reader, ':'))
		return false;
	if (keys || tags)
		return take_items(reader, keys, item, arg);
	if (everything)
		return take_all(reader, all);
	return skip_value(reader, CF_EVENT_MAX_DEPTH);
}

bool
cf_event_parse(const char *text, Size len, CfEventItem item, void *arg, bool *all)
{
	Reader		reader = {.at = text, .end = text + len};

	*all = false;
	if (!take(&reader, '{'))
		return false;
	if (!take(&reader, '}'))
	{
		do
		{
			if (!take_member(&reader, item, arg, all))
				return false;
		} while (take(&reader, ','));
		if (!take(&reader, '}'))
			return false;
	}
	skip_space(&reader);
	return reader.at == reader.end;
}
