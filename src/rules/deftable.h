/*
 * deftable.h - the rows of the table cache_definitions.
 *
 * src/rules/deftable.h
 */
#ifndef CF_RULES_DEFTABLE_H
#define CF_RULES_DEFTABLE_H

#include "postgres.h"

#include "utils/rel.h"

/* Columns of cache_definitions. */
enum
{
	CF_DEF_NAME = 1,
	CF_DEF_TTL,
	CF_DEF_NEGATIVE_TTL,
	CF_DEF_STALE_TTL,
	CF_DEF_JITTER,
	CF_DEF_XFETCH_BETA,
	CF_DEF_SCOPE,
	CF_DEF_MAX_STALE,
	CF_DEF_FRESHNESS,
	CF_DEF_QUERY,				/* of a named loader, or NULL */
	CF_DEF_ARG_TYPES,
	CF_DEF_VERSION,
	CF_DEF_REFRESH_AFTER,
	CF_DEF_SEARCH_PATH,			/* under which the query is read */
	CF_DEF_OWNER,				/* the name of the role that it belongs to */
	CF_DEF_COLUMNS = CF_DEF_OWNER
};

/* Those that a definition's maker chooses. */
#define CF_DEF_CHOSEN (CF_DEF_SEARCH_PATH - CF_DEF_TTL + 1)

/* Has a table the columns that this library knows? Its owner may change them. */
extern bool cf_deftable_has_our_shape(Relation rel);

/*
 * Stores or deletes a definition. Values are in the columns' order, from
 * CF_DEF_TTL on to CF_DEF_SEARCH_PATH, CF_DEF_CHOSEN of them. A new one belongs to the
 * caller; another can be changed by the role that it belongs to, its members, and superusers,
 * and where that role is gone by the database's owner: else, as in a read-only transaction,
 * an error. So is a new one whose name begins with that of a cache of another's.
 * Keeps the table locked against other changes to the end of the
 * transaction. Takes no right on the table, and fires no trigger of it.
 */
extern void cf_deftable_store(const char *name, const Datum *values, const bool *nulls);
extern bool cf_deftable_delete(const char *name);

/*
 * What is stored, copied, for who is about to change it; false if there is nothing. *owner:
 * the role that it belongs to, or InvalidOid if that is gone. Locks and raises errors as
 * cf_deftable_store does.
 */
extern bool cf_deftable_get(const char *name, Datum *values, bool *nulls, Oid *owner);

#endif							/* CF_RULES_DEFTABLE_H */
