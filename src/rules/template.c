/*
 * template.c - key and tag templates.
 *
 * src/rules/template.c
 */
#include "postgres.h"

#include "rules/template.h"

static bool
add_part(CfTemplate *template, bool is_column, StringInfo text)
{
	CfTemplatePart *part;

	if (text->len == 0)
		return true;
	if (template->nparts == CF_TEMPLATE_MAX_PARTS)
		return false;
	if (template->nparts == 0)
		template->parts = palloc(sizeof(CfTemplatePart));
	else
		template->parts = repalloc(template->parts,
								   (template->nparts + 1) * sizeof(CfTemplatePart));
	part = &template->parts[template->nparts++];
	part->is_column = is_column;
	part->len = text->len;
	part->text = pnstrdup(text->data, text->len);
	part->allows = NULL;
	resetStringInfo(text);
	return true;
}

/* A column's name from after its '{'; returns where its '}' is, or NULL. */
static const char *
read_column(const char *p, StringInfo name)
{
	for (; *p != '\0'; p++)
	{
		if (*p != '}')
			appendStringInfoChar(name, *p);
		else if (p[1] == '}')
			appendStringInfoChar(name, *p++);
		else
			return p;
	}
	return NULL;
}

static CfTemplateError
parse(const char *text, CfTemplate *result, StringInfo buf)
{
	for (const char *p = text; *p != '\0'; p++)
	{
		if ((*p == '{' || *p == '}') && p[1] == *p)
			appendStringInfoChar(buf, *p++);
		else if (*p == '}')
			return CF_TEMPLATE_UNOPENED;
		else if (*p == '{')
		{
			if (!add_part(result, false, buf))
				return CF_TEMPLATE_TOO_LONG;
			p = read_column(p + 1, buf);
			if (p == NULL)
				return CF_TEMPLATE_UNCLOSED;
			if (buf->len == 0)
				return CF_TEMPLATE_NO_NAME;
			if (!add_part(result, true, buf))
				return CF_TEMPLATE_TOO_LONG;
		}
		else
			appendStringInfoChar(buf, *p);
	}
	if (!add_part(result, false, buf))
		return CF_TEMPLATE_TOO_LONG;
	if (result->nparts == 0)
		return CF_TEMPLATE_EMPTY;
	for (int i = 0; i < result->nparts; i++)
	{
		if (!result->parts[i].is_column)
			return CF_TEMPLATE_OK;
	}
	return CF_TEMPLATE_NO_LITERAL;
}

CfTemplateError
cf_template_parse(const char *text, CfTemplate *result)
{
	CfTemplateError error;
	StringInfoData buf;

	result->source = text;
	result->nparts = 0;
	result->parts = NULL;
	initStringInfo(&buf);
	error = parse(text, result, &buf);
	pfree(buf.data);
	return error;
}

bool
cf_template_has_column(const CfTemplate *template)
{
	for (int i = 0; i < template->nparts; i++)
	{
		if (template->parts[i].is_column)
			return true;
	}
	return false;
}

const char *
cf_template_error(CfTemplateError error)
{
	switch (error)
	{
		case CF_TEMPLATE_OK:
			return NULL;
		case CF_TEMPLATE_EMPTY:
			return "The template is empty.";
		case CF_TEMPLATE_UNCLOSED:
			return "A \"{\" has no \"}\"; a brace of the text itself is written twice.";
		case CF_TEMPLATE_UNOPENED:
			return "A \"}\" has no \"{\"; a brace of the text itself is written twice.";
		case CF_TEMPLATE_NO_NAME:
			return "There is no column name between \"{\" and \"}\".";
		case CF_TEMPLATE_NO_LITERAL:
			return "It needs some text beside its columns, or it would match every key.";
		case CF_TEMPLATE_TOO_LONG:
			return "The template has too many parts.";
	}
	return NULL;
}

bool
cf_template_allows_integer(char c)
{
	return (c >= '0' && c <= '9') || c == '-';
}

bool
cf_template_allows_uuid(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == '-';
}

/* Where the literal occurs first at or after an offset; -1: nowhere. */
static int
find_literal(const CfTemplatePart *part, const char *text, int len, int from)
{
	const char *end = text + len - part->len;

	for (const char *at = text + from; at <= end; at++)
	{
		at = memchr(at, part->text[0], end - at + 1);
		if (at == NULL)
			return -1;
		if (memcmp(at, part->text, part->len) == 0)
			return (int) (at - text);
	}
	return -1;
}

/*
 * With any values, empty ones too: the first literal at the beginning, the last
 * at the end unless columns are there, each between where it first occurs.
 */
static bool
matches_loosely(const CfTemplate *template, const char *text, int len)
{
	int			last = template->nparts - 1;
	int			at = 0;

	for (int i = 0; i <= last; i++)
	{
		const CfTemplatePart *part = &template->parts[i];

		if (part->is_column)
			continue;
		if (part->len > len - at)
			return false;
		if (i == 0 || i == last)
		{
			int			place = i == 0 ? 0 : len - part->len;

			if (memcmp(text + place, part->text, part->len) != 0)
				return false;
			at = place + part->len;
		}
		else
		{
			at = find_literal(part, text, len, at);
			if (at < 0)
				return false;
			at += part->len;
		}
	}
	return at == len || template->parts[last].is_column;
}

static bool
allows(const CfTemplatePart *part, char c)
{
	return part->allows != NULL ? part->allows(c) : c != ':';
}

/*
 * reached[i]: the parts so far can give the first i bytes of the text. Linear
 * in the text's length for each part, whatever the text.
 */
static void
match_column(const CfTemplatePart *part, const char *text, int len,
			 const bool *reached, bool *next)
{
	bool		open = false;

	for (int i = 0; i <= len; i++)
	{
		next[i] = open;
		open = (open || reached[i]) && i < len && allows(part, text[i]);
	}
}

static void
match_literal(const CfTemplatePart *part, const char *text, int len,
			  const bool *reached, bool *next)
{
	for (int i = 0; i <= len; i++)
		next[i] = i >= part->len && reached[i - part->len] &&
			memcmp(text + i - part->len, part->text, part->len) == 0;
}

bool
cf_template_matches(const CfTemplate *template, const char *text, int len, bool strict)
{
	bool		reached[2][CF_TEMPLATE_MAX_TEXT + 1];
	int			now = 0;

	if (len > CF_TEMPLATE_MAX_TEXT || !matches_loosely(template, text, len))
		return false;
	if (!strict)
		return true;
	memset(reached[0], 0, sizeof(reached[0]));
	reached[0][0] = true;
	for (int i = 0; i < template->nparts; i++)
	{
		const CfTemplatePart *part = &template->parts[i];

		if (part->is_column)
			match_column(part, text, len, reached[now], reached[1 - now]);
		else
			match_literal(part, text, len, reached[now], reached[1 - now]);
		now = 1 - now;
	}
	return reached[now][len];
}
