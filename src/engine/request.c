/*
 * request.c - what the steps of a fetch ask a request.
 *
 * src/engine/request.c
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "debug_point.h"
#include "engine/request.h"
#include "rules/setting.h"
#include "stats/notes.h"

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

void
cf_request_set_limits(CfRequest *request)
{
	CfL1Limits *limits;
	CfClockRef *clocks;
	text	  **tags;

	request->limits = NULL;
	if (request->tags == NULL && request->ttl == 0)
		return;
	limits = palloc0(sizeof(CfL1Limits));
	limits->max_age = request->ttl != 0 ? request->ttl : PG_INT64_MAX;
	limits->asked_at = cf_now();
	tags = cf_request_tags(request, &limits->ntags);
	clocks = palloc(Max(limits->ntags, 1) * sizeof(CfClockRef));
	for (int i = 0; i < limits->ntags; i++)
		clocks[i] = cf_clock_of_tag(cf_tag_hash(request->key.dboid, VARDATA_ANY(tags[i]),
												VARSIZE_ANY_EXHDR(tags[i])));
	limits->tags = clocks;
	request->limits = limits;
}

uint32
cf_request_note(const CfRequest *request)
{
	StringInfoData settings;
	uint32		note;

	initStringInfo(&settings);
	cf_setting_describe(&settings);
	note = cf_notes_keep(VARDATA_ANY(request->query), VARSIZE_ANY_EXHDR(request->query),
						 settings.data, settings.len);
	pfree(settings.data);
	return note;
}
