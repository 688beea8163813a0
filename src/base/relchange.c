/*
 * relchange.c - one relation cache callback for all of us.
 *
 * src/base/relchange.c
 */
#include "postgres.h"

#include "utils/inval.h"

#include "base/relchange.h"

#define CF_MAX_CALLBACKS 16

static CfRelchangeCallback callbacks[CF_MAX_CALLBACKS];
static int	ncallbacks = 0;

static void
relation_changed(Datum arg, Oid relid)
{
	for (int i = 0; i < ncallbacks; i++)
		callbacks[i] (relid);
}

void
cf_relchange_register(CfRelchangeCallback callback)
{
	if (ncallbacks == CF_MAX_CALLBACKS)
		elog(ERROR, "too many callbacks for changed relations");
	if (ncallbacks == 0)
		CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
	callbacks[ncallbacks++] = callback;
}
