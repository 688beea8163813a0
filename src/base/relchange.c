/*
 * relchange.c - one relation cache callback for all of us.
 *
 * src/base/relchange.c
 */
#include "postgres.h"

#include "utils/inval.h"
#include "utils/syscache.h"

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

static CfRelchangeCallback any_callbacks[CF_MAX_CALLBACKS];
static int	nany = 0;

static void
definition_changed(Datum arg, int cache, uint32 hash)
{
	for (int i = 0; i < nany; i++)
		any_callbacks[i] (InvalidOid);
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

void
cf_relchange_register_any(CfRelchangeCallback callback)
{
	static const int caches[] = {PROCOID, OPEROID, TYPEOID, CASTSOURCETARGET, NAMESPACEOID};

	cf_relchange_register(callback);
	if (nany == 0)
	{
		for (int i = 0; i < lengthof(caches); i++)
			CacheRegisterSyscacheCallback(caches[i], definition_changed, (Datum) 0);
	}
	any_callbacks[nany++] = callback;
}
