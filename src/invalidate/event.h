/*
 * event.h - reads the JSON text of an event of the bus. Pure.
 *
 * {"keys":["..."],"tags":["..."],"all":true}, as payload.c writes it; other
 * servers, applications, or an attacker in Redis may write anything.
 *
 * src/invalidate/event.h
 */
#ifndef CF_INVALIDATE_EVENT_H
#define CF_INVALIDATE_EVENT_H

#include "postgres.h"

/*
 * Called for each key and tag that can be one: 1 to CF_MAX_KEY bytes, without
 * a zero. The text is not zero-terminated and valid until the call ends.
 */
typedef void (*CfEventItem) (void *arg, bool is_key, const char *text, int len);

/*
 * False: it is no such text, and what was called for is not all that it was
 * about. *all: everything changed.
 */
extern bool cf_event_parse(const char *text, Size len, CfEventItem item, void *arg,
						   bool *all);

#endif							/* CF_INVALIDATE_EVENT_H */
