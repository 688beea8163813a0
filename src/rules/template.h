/*
 * template.h - key and tag templates: 'order:{tenant_id}:{order_id}'.
 *
 * Text with columns in braces; a brace of the text itself is doubled. Pure:
 * what a column's value looks like is the caller's business.
 *
 * src/rules/template.h
 */
#ifndef CF_RULES_TEMPLATE_H
#define CF_RULES_TEMPLATE_H

#include "postgres.h"

#include "lib/stringinfo.h"

#define CF_TEMPLATE_MAX_PARTS 64
#define CF_TEMPLATE_MAX_TEXT 1024 /* bytes: what a key or tag may have */

typedef struct CfTemplatePart
{
	bool		is_column;
	int			len;
	char	   *text;			/* literal text, or a column's name */
	bool		(*allows) (char c); /* strict: what a value may have; NULL: all but ':' */
} CfTemplatePart;

typedef struct CfTemplate
{
	const char *source;			/* the caller's text */
	int			nparts;
	CfTemplatePart *parts;		/* palloc'd */
} CfTemplate;

typedef enum CfTemplateError
{
	CF_TEMPLATE_OK,
	CF_TEMPLATE_EMPTY,
	CF_TEMPLATE_UNCLOSED,		/* '{' without '}' */
	CF_TEMPLATE_UNOPENED,		/* '}' without '{' */
	CF_TEMPLATE_NO_NAME,		/* '{}' */
	CF_TEMPLATE_NO_LITERAL,		/* columns only: it would match everything */
	CF_TEMPLATE_TOO_LONG
} CfTemplateError;

/* Splits a template; texts are palloc'd, adjacent literals are one part. */
extern CfTemplateError cf_template_parse(const char *text, CfTemplate *result);

extern const char *cf_template_error(CfTemplateError error);

/* Without one every row gives the same text. */
extern bool cf_template_has_column(const CfTemplate *template);

/*
 * Could the template, with some values for its columns, give this text? Strict:
 * with values that are not empty and have only characters that they allow.
 * What only matches if a value has a colon in it is more likely another kind
 * of key ('product:42:reviews'), so to promise something needs the strict
 * answer, and to be on the safe side the other.
 */
extern bool cf_template_matches(const CfTemplate *template, const char *text, int len,
								bool strict);

/* Digits and the minus sign; and those of a UUID. */
extern bool cf_template_allows_integer(char c);
extern bool cf_template_allows_uuid(char c);

#endif							/* CF_RULES_TEMPLATE_H */
