/*
 * request.c - what the steps of a fetch ask a request.
 *
 * src/engine/request.c
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "engine/request.h"

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
