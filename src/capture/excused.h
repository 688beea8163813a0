/*
 * excused.h - which relations a statement that is known to be harmless is about.
 *
 * src/capture/excused.h
 */
#ifndef CF_CAPTURE_EXCUSED_H
#define CF_CAPTURE_EXCUSED_H

#include "catalog/pg_class.h"

#include "capture/catalog.h"

static inline bool
cf_relkind_is_index(char relkind)
{
	return relkind == RELKIND_INDEX || relkind == RELKIND_PARTITIONED_INDEX;
}

/*
 * Before it runs: their OIDs, palloc'd; InvalidOid stands for one that is not there. May raise
 * the errors that the statement itself would.
 */
extern List *cf_excused_find(Node *stmt);

#endif							/* CF_CAPTURE_EXCUSED_H */
