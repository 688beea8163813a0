/*
 * objaccess.h - one object access hook for all of us.
 *
 * With a hook PostgreSQL calls it for each function of each statement that starts. So
 * there is one, which knows who cares for that.
 *
 * src/base/objaccess.h
 */
#ifndef CF_BASE_OBJACCESS_H
#define CF_BASE_OBJACCESS_H

#include "postgres.h"

#include "catalog/objectaccess.h"

/*
 * Called for every access but the start of a function, and the look-up in a schema; when
 * those of other libraries that were there before were called. May raise errors. Register
 * in _PG_init: who registers first is called first.
 */
typedef void (*CfObjectAccessCallback) (ObjectAccessType access, Oid class_id, Oid object_id,
										int sub_id, void *arg);

extern void cf_objaccess_register(CfObjectAccessCallback callback);

/* Called for each function that a statement is about to call. There is room for one. */
typedef void (*CfFunctionCallback) (Oid function);

extern void cf_objaccess_register_function(CfFunctionCallback callback);

#endif							/* CF_BASE_OBJACCESS_H */
