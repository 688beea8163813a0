/*
 * request.c - what the steps of a fetch ask a request.
 *
 * src/request/request.c
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "base/debug_point.h"
#include "request/request.h"
#include "rules/setting.h"
#include "stats/notes.h"

void
cf_request_define(CfRequest *request)
{
	if (request->cache != NULL)
		cf_define_find_named(request->cache, &request->def);
	else
		cf_define_find(&request->key, &request->def);
}

text	  **
cf_request_tags(const CfRequest *request, int *ntags)
{
	Datum	   *elements;
	text	  **tags;

	*ntags = 0;
	if (request->tags == NULL)
		return NULL;
	deconstruct_array(request->tags, TEXTOID, -1, false, TYPALIGN_INT,
					  &elements, NULL, ntags);
	tags = palloc(sizeof(text *) * Max(*ntags, 1));
	for (int i = 0; i < *ntags; i++)
		tags[i] = DatumGetTextPP(elements[i]);
	return tags;
}

int64
cf_request_ttl(const CfRequest *request)
{
	if (request->def.scope == CF_SCOPE_SHARED && request->ttl > request->def.ttl)
		return request->def.ttl;
	return request->ttl;
}

CfL1Limits *
cf_request_make_limits(const CfRequest *request)
{
	CfL1Limits *limits;
	CfClockRef *clocks;
	text	  **tags;

	limits = palloc0(sizeof(CfL1Limits));
	limits->max_age = request->ttl != 0 ? request->ttl : PG_INT64_MAX;
	limits->asked_at = cf_now();
	tags = cf_request_tags(request, &limits->ntags);
	clocks = palloc(Max(limits->ntags, 1) * sizeof(CfClockRef));
	for (int i = 0; i < limits->ntags; i++)
		clocks[i] = cf_tag_hash(request->key.dboid, VARDATA_ANY(tags[i]),
												VARSIZE_ANY_EXHDR(tags[i]));
	limits->tags = clocks;
	return limits;
}

uint32
cf_request_note(const CfRequest *request)
{
	StringInfoData settings;
	uint32		note;

	if (request->query == NULL)
		return 0;				/* cache_get */
	initStringInfo(&settings);
	cf_setting_describe(&settings);
	note = cf_notes_keep(VARDATA_ANY(request->query), VARSIZE_ANY_EXHDR(request->query),
						 settings.data, settings.len);
	pfree(settings.data);
	return note;
}

/* Does the key look like a query? */
static bool
is_key_a_query(const CfKey *key)
{
	static const char *const words[] = {"select ", "with ", "values ", "values(", "table "};

	for (int i = 0; i < lengthof(words); i++)
	{
		int			len = strlen(words[i]);

		if (key->len >= len && pg_strncasecmp(key->data, words[i], len) == 0)
			return true;
	}
	return false;
}

/* Says of PostgreSQL's own errors what they mean here. */
static void
explain_error(const CfRequest *request, int sqlerrcode)
{
	if (sqlerrcode == ERRCODE_READ_ONLY_SQL_TRANSACTION)
	{
		errdetail("A query that is being cached runs once for many callers, so neither it nor a function that it calls may write.");
		errhint("Write before or after the fetch, or run the query without it.");
	}
	else if (sqlerrcode == ERRCODE_UNDEFINED_PARAMETER && request->args.declared)
		errhint("Name the type of each of $1, $2, ... in arg_types: '{int,text}'.");
	else if (sqlerrcode == ERRCODE_UNDEFINED_PARAMETER)
		errhint("Pass one value for each of $1, $2, ... as the third argument, args: (7) for one, (7, 'x') or ARRAY['7', 'x'] for more.");
	else if (sqlerrcode == ERRCODE_UNDEFINED_FUNCTION && request->args.array)
		errhint("args is an array, and so the value of $1. Pass a row, (1, 2), or an array of text, ARRAY['1', '2'], for one value a parameter.");
	else if (sqlerrcode == ERRCODE_SYNTAX_ERROR && is_key_a_query(&request->key))
		errhint("The key comes first, then the query.");
}

/* Shows the query's text and the error's position in it, as SPI does. */
static void
query_error_callback(void *arg)
{
	const CfRequest *request = arg;
	char	   *query = text_to_cstring(request->query);
	int			position = geterrposition();

	explain_error(request, geterrcode());
	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery(query);
	}
	else
		errcontext("cached query \"%s\"", query);
}

void
cf_request_begin_errors(ErrorContextCallback *callback, const CfRequest *request)
{
	callback->callback = query_error_callback;
	callback->arg = (void *) request;
	callback->previous = error_context_stack;
	error_context_stack = callback;
}
