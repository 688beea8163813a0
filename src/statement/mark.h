/*
 * mark.h - statements that are marked by cache_query, without a comment of their own.
 *
 * A marked query is a text, and means all statements of its shape (shape.h) that read the
 * same tables, whoever sends them. The table cache_query_marks is the only record; see mark.c.
 *
 * src/statement/mark.h
 */
#ifndef CF_STATEMENT_MARK_H
#define CF_STATEMENT_MARK_H

#include "postgres.h"

#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"
#include "utils/array.h"

#include "codec/key.h"

/* Columns of cache_query_marks. */
enum
{
	CF_MARK_NAME = 1,
	CF_MARK_QUERY,
	CF_MARK_TTL,
	CF_MARK_MAX_STALE,
	CF_MARK_TAGS,
	CF_MARK_SEARCH_PATH,
	CF_MARK_OWNER,
	CF_MARK_COLUMNS = CF_MARK_OWNER
};

typedef struct CfMark
{
	char		name[CF_MAX_CACHE_NAME];
	char		cache[CF_MAX_CACHE_NAME];	/* the name, up to its last colon */
	char	   *query;
	char	   *search_path;	/* under which it is read */
	char	   *owner;			/* or NULL */
	int64		ttl;			/* us; 0: as the cache has it */
	int64		max_stale;		/* us, */
	bool		max_stale_defined;	/* if it says so; else as the cache has it */
	List	   *tags;			/* of String nodes */
} CfMark;

extern void cf_mark_register(void);

/* Is any statement marked? Cheap, unless the table has changed. */
extern bool cf_mark_any(void);

/*
 * The mark of a rewritten query whose shape has this number, or NULL. Good until the session
 * next accepts catalog invalidations. Locks no table that the query does not read, and raises no
 * error but for cancel and lack of memory.
 */
extern const CfMark *cf_mark_find(const Query *query, uint64 number);

/* Lets PostgreSQL plan a kept statement anew when marks come or go. */
extern void cf_mark_add_dependency(PlannedStmt *stmt);

/* Tags of a mark as an argument of cache_fetch, palloc'd; NULL: none. */
extern ArrayType *cf_mark_tags(const List *tags);

/* Copies of all, palloc'd. */
extern List *cf_mark_list(void);

/* Why no statement is like it, at the moment and for this role, palloc'd; NULL: nothing. */
extern char *cf_mark_problem(const CfMark *mark);

/*
 * Would a statement with this text, read under this search path, be found to be like "query",
 * which is what it means now?
 */
extern bool cf_mark_is_found(const char *text, const char *search_path, const Query *query);

/* The table; InvalidOid where the extension is not there. */
extern Oid	cf_mark_relation(void);

/*
 * Stores a mark, or deletes one (false: there is none). values and nulls have all columns; the
 * owner's is filled in: the caller, if it is new. Another can be changed by the role that it
 * belongs to, its members and superusers, and where that role is gone by the database's owner:
 * else, as in a read-only transaction, an error. Keeps the table locked against other changes
 * to the end of the transaction. Takes no right on the table, and fires no trigger of it.
 */
extern void cf_mark_store(const char *name, const Datum *values, const bool *nulls);
extern bool cf_mark_delete(const char *name);

#endif							/* CF_STATEMENT_MARK_H */
