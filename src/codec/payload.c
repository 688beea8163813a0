/*
 * payload.c - invalidations as JSON texts that fit a NOTIFY.
 *
 * src/codec/payload.c
 */
#include "postgres.h"

#include "utils/json.h"

#include "codec/payload.h"

/* {"keys":[],"tags":[],"all":true} */
#define CF_PAYLOAD_FRAME 40

void
cf_payload_begin(CfPayload *payload, void (*emit) (const char *payload))
{
	initStringInfo(&payload->keys);
	initStringInfo(&payload->tags);
	payload->all = false;
	payload->emit = emit;
}

static void
flush(CfPayload *payload)
{
	StringInfoData text;

	if (payload->keys.len == 0 && payload->tags.len == 0 && !payload->all)
		return;
	initStringInfo(&text);
	appendStringInfo(&text, "{\"keys\":[%s],\"tags\":[%s]%s}", payload->keys.data,
					 payload->tags.data, payload->all ? ",\"all\":true" : "");
	payload->emit(text.data);
	pfree(text.data);
	resetStringInfo(&payload->keys);
	resetStringInfo(&payload->tags);
	payload->all = false;
}

/* A key of 1,024 bytes is 6,144 at most when it is escaped: one always fits. */
void
cf_payload_add(CfPayload *payload, bool is_key, const char *text, int len)
{
	StringInfo	list = is_key ? &payload->keys : &payload->tags;
	char	   *copy = pnstrdup(text, len);
	StringInfoData item;

	initStringInfo(&item);
	escape_json(&item, copy);
	if (payload->keys.len + payload->tags.len + item.len + 1 + CF_PAYLOAD_FRAME >
		CF_PAYLOAD_MAX)
		flush(payload);
	if (list->len > 0)
		appendStringInfoChar(list, ',');
	appendBinaryStringInfo(list, item.data, item.len);
	pfree(item.data);
	pfree(copy);
}

void
cf_payload_end(CfPayload *payload)
{
	flush(payload);
	pfree(payload->keys.data);
	pfree(payload->tags.data);
}
