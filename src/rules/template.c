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
	part->column = 0;
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
	return result->nparts == 0 ? CF_TEMPLATE_EMPTY : CF_TEMPLATE_OK;
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
		case CF_TEMPLATE_TOO_LONG:
			return "The template has too many parts.";
	}
	return NULL;
}

/*
 * Each column stands for any text, so literals are looked for one after the
 * other, each at its first place; only the last must be at the end. That is
 * right for '*' patterns: an earlier place leaves more room for the rest.
 */
bool
cf_template_matches(const CfTemplate *template, const char *text, int len)
{
	const char *end = text + len;
	bool		anywhere = false;

	for (int i = 0; i < template->nparts; i++)
	{
		const CfTemplatePart *part = &template->parts[i];
		bool		last = i == template->nparts - 1;
		const char *at = text;

		if (part->is_column)
		{
			anywhere = true;
			continue;
		}
		if (end - text < part->len)
			return false;
		if (last)
			at = end - part->len;
		else if (anywhere)
		{
			while (end - at >= part->len && memcmp(at, part->text, part->len) != 0)
				at++;
			if (end - at < part->len)
				return false;
		}
		if (memcmp(at, part->text, part->len) != 0 || (!anywhere && at != text))
			return false;
		text = at + part->len;
		anywhere = false;
	}
	return anywhere || text == end;
}
