/*
 * owntable.h - tables of the extension that it reads and writes by their access method.
 *
 * Whoever may define something need not have a right on the table, and no role is
 * switched to the table's owner. So nothing that the owner has put onto the table
 * (triggers, deferred ones, rules, policies) runs, neither now as the caller nor at
 * COMMIT. Indexes are kept as those of catalogs are.
 *
 * src/rules/owntable.h
 */
#ifndef CF_RULES_OWNTABLE_H
#define CF_RULES_OWNTABLE_H

#include "postgres.h"

#include "access/htup.h"
#include "catalog/indexing.h"
#include "fmgr.h"
#include "utils/rel.h"

#define CF_OWN_TABLE_DEFINITIONS "cache_definitions"
#define CF_OWN_TABLE_MARKS "cache_query_marks"

/* A table as this version of the library knows it. */
typedef struct CfOwnTable
{
	const char *name;
	int			natts;			/* the last is the name of the role that a row belongs to */
	const Oid  *types;			/* of these columns; its owner may have added others */
} CfOwnTable;

/* The table cache_definitions, or InvalidOid where the extension is not there. */
extern Oid	cf_own_table_definitions(void);

/*
 * The extension's relation of that name; InvalidOid where there is none, for one that is
 * not the extension's is somebody else's.
 */
extern Oid	cf_own_table_relid(const char *name);

/*
 * Has the table of this name only settings of the cache, of which it tells sessions by relation
 * cache invalidations that change no definition of a table?
 */
extern bool cf_own_table_has_settings(Oid relid, const char *name);

/* Has it the columns that this library knows? Its owner may change them. */
extern bool cf_own_table_fits(Relation rel, const CfOwnTable *table);

/*
 * Opens it for writing, and locks it against other changes to the end of the
 * transaction. Raises an error in a read-only transaction, named by the command; if relid
 * is invalid, with the hint; and if it has other columns.
 */
extern Relation cf_own_table_open(const CfOwnTable *table, Oid relid, const char *command,
								  const char *hint);

/*
 * Its indexes, for writing. Raises an error if one would run its owner's functions as the
 * caller.
 */
extern CatalogIndexState cf_own_table_open_indexes(Relation rel, const CfOwnTable *table);

/* The row whose column (text, from 1) is the name, copied, or NULL. */
extern HeapTuple cf_own_table_find(Relation rel, int column, const char *name);

/*
 * The role whose name the row has in a column (name, from 1), or InvalidOid if there is none
 * of that name. And an error unless the current user has its privileges, or it is gone and he has
 * those of the database's owner: "must be owner of KIND "NAME"".
 */
extern Oid	cf_own_table_owner(Relation rel, HeapTuple row, int column);
extern void cf_own_table_require_owner(const char *kind, const char *name, Oid owner);

/*
 * Puts a row in place of the old one, or a new one (old is NULL), and closes all. values
 * and nulls have the columns that the library knows but the last: the row belongs to the owner,
 * or if that is InvalidOid to the current user. Other columns of the old row stay as they are.
 */
extern void cf_own_table_put(Relation rel, const CfOwnTable *table, CatalogIndexState indexes,
							 HeapTuple old, Oid owner, const Datum *values, const bool *nulls);

/*
 * The statement trigger of such a table, for changes by SQL: tells all sessions at COMMIT.
 * Raises an error, which names the function, if it is not called as a trigger.
 */
extern Datum cf_own_table_changed(FunctionCallInfo fcinfo, const char *function);

/* Deletes a row, and closes the table. */
extern void cf_own_table_delete(Relation rel, HeapTuple row);

#endif							/* CF_RULES_OWNTABLE_H */
