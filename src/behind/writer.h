/*
 * writer.h - writers: the table cache_writers, and this session's copy of it.
 *
 * src/behind/writer.h
 */
#ifndef CF_BEHIND_WRITER_H
#define CF_BEHIND_WRITER_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/rel.h"

#include "codec/key.h"

/* Columns of cache_writers. */
enum
{
	CF_WRITER_NAME = 1,
	CF_WRITER_WRITE,
	CF_WRITER_ARG_TYPES,
	CF_WRITER_VALUE_TYPE,
	CF_WRITER_MERGE,
	CF_WRITER_BUFFER,
	CF_WRITER_FLUSH_INTERVAL,
	CF_WRITER_FLUSH_ROWS,
	CF_WRITER_MISSING,
	CF_WRITER_SECURITY,
	CF_WRITER_WRITERS,
	CF_WRITER_SEARCH_PATH,
	CF_WRITER_OWNER,
	CF_WRITER_COLUMNS = CF_WRITER_OWNER
};

typedef enum CfMerge
{
	CF_MERGE_SUM,
	CF_MERGE_LAST,
	CF_MERGE_MAX,
	CF_MERGE_MIN
} CfMerge;

typedef struct CfWriter
{
	char		name[CF_MAX_CACHE_NAME];	/* hash key */
	char	   *write;			/* the statement */
	int			nargs;
	Oid		   *arg_types;
	Oid			value_type;
	CfMerge		merge;
	int64		flush_us;		/* what is taken waits for so long */
	int			flush_rows;		/* keys of one statement */
	bool		in_memory;		/* what is written waits there, if it can */
	bool		ignore_missing; /* a key that has no row is no dead write */
	bool		definer;		/* row security of the target is the owner's matter */
	List	   *writers;		/* names of roles whose members may write */
	char	   *search_path;
	char	   *owner;			/* or NULL */
} CfWriter;

extern void cf_writer_register(void);

/*
 * The writer of a name, or NULL. Good until the session next accepts catalog
 * invalidations; cf_writer_copy makes one that lasts.
 */
extern const CfWriter *cf_writer_find(const char *name);
extern CfWriter *cf_writer_copy(const CfWriter *writer);

/* Copies of all of them, palloc'd. */
extern List *cf_writer_list(void);

/* What a row says, of however many columns; values may be anything, the table can be edited. */
extern CfWriter *cf_writer_read(const Datum *values, const bool *nulls);

/*
 * Stores a writer, or deletes one (false: there is none). It belongs to the caller if it
 * is new; another's is changed only by his members, and where he is gone by the
 * database's owner. Keeps the table locked against other changes. Fires no trigger.
 */
extern void cf_writer_store(const char *name, const Datum *values, const bool *nulls);
extern bool cf_writer_delete(const char *name);

/* May the current user change or drop it? Raises an error if not. */
extern void cf_writer_require_owner(const CfWriter *writer);

#endif							/* CF_BEHIND_WRITER_H */
