/*
 * identity.h - what makes two calls the same entry.
 *
 * src/request/identity.h
 */
#ifndef CF_REQUEST_IDENTITY_H
#define CF_REQUEST_IDENTITY_H

#include "request/request.h"

/* Fills in request->id. request->def must be there. */
extern void cf_identity_of_request(CfRequest *request);

/*
 * The hash of a query's text and of the settings under which it is read, known
 * without being computed while a session asks the same few queries.
 */
extern CfHash128 cf_identity_of_query(const text *query);

/* The hash of the settings that are part of every identity. */
extern CfHash128 cf_identity_of_settings(void);

/* Is it still what cf_identity_of_request would say? */
extern bool cf_identity_still_holds(const CfRequest *request);

/* The identity under which cache_set keeps a value of this session. */
extern void cf_identity_of_value(const CfDefinition *def, CfIdentity *id);

#endif							/* CF_REQUEST_IDENTITY_H */
