/*
 * objaccess.c - one object access hook for all of us.
 *
 * src/base/objaccess.c
 */
#include "postgres.h"

#include "catalog/pg_proc.h"

#include "base/objaccess.h"

#define CF_MAX_CALLBACKS 4

static CfObjectAccessCallback callbacks[CF_MAX_CALLBACKS];
static int	ncallbacks = 0;
static CfFunctionCallback function_callback = NULL;
static object_access_hook_type prev_object_access = NULL;

static void
object_access(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id, void *arg)
{
	if (prev_object_access)
		prev_object_access(access, class_id, object_id, sub_id, arg);
	if (likely(access == OAT_FUNCTION_EXECUTE))
	{
		if (class_id == ProcedureRelationId && function_callback != NULL)
			function_callback(object_id);
		return;
	}
	if (access == OAT_NAMESPACE_SEARCH)
		return;
	for (int i = 0; i < ncallbacks; i++)
		callbacks[i] (access, class_id, object_id, sub_id, arg);
}

static void
install(void)
{
	if (object_access_hook == object_access)
		return;
	prev_object_access = object_access_hook;
	object_access_hook = object_access;
}

void
cf_objaccess_register(CfObjectAccessCallback callback)
{
	if (ncallbacks == CF_MAX_CALLBACKS)
		elog(ERROR, "too many callbacks for accessed objects");
	install();
	callbacks[ncallbacks++] = callback;
}

void
cf_objaccess_register_function(CfFunctionCallback callback)
{
	Assert(function_callback == NULL);
	install();
	function_callback = callback;
}
