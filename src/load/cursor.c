/*
 * cursor.c - which cursors has a load opened?
 *
 * A cursor gets its rows from a query that somebody has started, once. So who
 * knows each query that was started during a load knows which were before. A
 * pointer is enough to tell them by: that of a query from before the load is in
 * use as long as it can be run, and none of the load's has the same.
 *
 * A cursor WITH HOLD whose transaction is over has rows and no query. So has one
 * over a statement without a plan: that counts as of somebody else, too.
 *
 * Locking: none; all is of this session.
 *
 * src/load/cursor.c
 */
#include "postgres.h"

#include "nodes/memnodes.h"
#include "utils/memutils.h"
#include "utils/portal.h"

#include "load/cursor.h"

void
cf_cursors_start(CfCursors *cursors, const QueryDesc *query, bool own)
{
	HASHCTL		control = {
		.keysize = sizeof(QueryDesc *),
		.entrysize = sizeof(QueryDesc *),
		.hcxt = cursors->context,
	};

	if (own)
	{
		cursors->own = query;
		return;
	}
	if (cursors->started == NULL)
		cursors->started = hash_create("cachefront queries", 32, &control,
									   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	(void) hash_search(cursors->started, &query, HASH_ENTER, NULL);
}

bool
cf_cursors_started(const CfCursors *cursors, const QueryDesc *query)
{
	return query == cursors->own ||
		(cursors->started != NULL &&
		 hash_search(cursors->started, &query, HASH_FIND, NULL) != NULL);
}

void
cf_cursors_open(CfCursors *cursors, const char *name)
{
	MemoryContext old = MemoryContextSwitchTo(cursors->context);
	ListCell   *cell;

	foreach(cell, cursors->opened)
	{
		if (strcmp(lfirst(cell), name) == 0)
			break;
	}
	if (cell == NULL)
		cursors->opened = lappend(cursors->opened, pstrdup(name));
	MemoryContextSwitchTo(old);
}

static bool
has_opened(const CfCursors *cursors, Portal portal)
{
	return portal->queryDesc != NULL && cf_cursors_started(cursors, portal->queryDesc);
}

bool
cf_cursors_is_foreign(const CfCursors *cursors, const char *name)
{
	Portal		portal = GetPortalByName(name);

	return PortalIsValid(portal) && !has_opened(cursors, portal);
}

bool
cf_cursors_is_own(const CfCursors *cursors, const char *name)
{
	Portal		portal = GetPortalByName(name);

	return PortalIsValid(portal) && has_opened(cursors, portal);
}

bool
cf_cursors_left_open(const CfCursors *cursors)
{
	ListCell   *cell;

	foreach(cell, cursors->opened)
	{
		if (cf_cursors_is_own(cursors, lfirst(cell)))
			return true;
	}
	return false;
}

/*
 * PostgreSQL has no list of cursors for others; but each has a memory context,
 * all under the same one, which bears its name.
 */
bool
cf_cursors_any_held(void)
{
	MemoryContext context = PortalContext != NULL ? PortalContext->parent->firstchild : NULL;

	for (; context != NULL; context = context->nextchild)
	{
		Portal		portal = context->ident != NULL ? GetPortalByName(context->ident) : NULL;

		if (PortalIsValid(portal) && portal->holdStore != NULL &&
			portal->status == PORTAL_READY)
			return true;
	}
	return false;
}
