/*
 * identity.h - what makes two calls the same entry. DESIGN section 3.
 *
 * src/engine/identity.h
 */
#ifndef CF_ENGINE_IDENTITY_H
#define CF_ENGINE_IDENTITY_H

#include "engine/request.h"

/* Fills in request->id. request->def must be there. */
extern void cf_identity_of_request(CfRequest *request);

/* Is it still what cf_identity_of_request would say? */
extern bool cf_identity_still_holds(const CfRequest *request);

/* The identity under which cache_set keeps a value of this session. */
extern void cf_identity_of_value(const CfDefinition *def, CfIdentity *id);

#endif							/* CF_ENGINE_IDENTITY_H */
