/*
 * payload.h - invalidations as JSON texts that fit a NOTIFY.
 *
 * Pure: {"keys":["…"],"tags":["…"]}, each text shorter than the limit; with
 * "all":true where everything must go.
 *
 * src/codec/payload.h
 */
#ifndef CF_CODEC_PAYLOAD_H
#define CF_CODEC_PAYLOAD_H

#include "postgres.h"

#include "lib/stringinfo.h"

#define CF_PAYLOAD_MAX 7999		/* bytes: NOTIFY wants fewer than 8000 */

typedef struct CfPayload
{
	StringInfoData keys;
	StringInfoData tags;
	bool		all;
	void		(*emit) (const char *payload);
} CfPayload;

extern void cf_payload_begin(CfPayload *payload, void (*emit) (const char *payload));
extern void cf_payload_add(CfPayload *payload, bool is_key, const char *text, int len);
extern void cf_payload_end(CfPayload *payload);

#endif							/* CF_CODEC_PAYLOAD_H */
