/*
 * cursor.h - which cursors has a load opened?
 *
 * The rows of any other are of a snapshot before the load's, or are there in one
 * session alone.
 *
 * src/load/cursor.h
 */
#ifndef CF_LOAD_CURSOR_H
#define CF_LOAD_CURSOR_H

#include "postgres.h"

#include "executor/execdesc.h"
#include "nodes/pg_list.h"
#include "utils/hsearch.h"

/* What one load has started; all zeroes but for the context is nothing. */
typedef struct CfCursors
{
	MemoryContext context;		/* of all that is allocated here */
	const QueryDesc *own;		/* the query of the load itself */
	HTAB	   *started;		/* pointers to other QueryDescs, or NULL */
	List	   *opened;			/* names of cursors, palloc'd */
} CfCursors;

/* A query is about to start; own: that of the load itself. */
extern void cf_cursors_start(CfCursors *cursors, const QueryDesc *query, bool own);

/* Did the load start it? */
extern bool cf_cursors_started(const CfCursors *cursors, const QueryDesc *query);

/* A statement of the load has opened the cursor of this name. */
extern void cf_cursors_open(CfCursors *cursors, const char *name);

/* Is there a cursor of this name that the load did not open? */
extern bool cf_cursors_is_foreign(const CfCursors *cursors, const char *name);

/* Is there one that the load did open? */
extern bool cf_cursors_is_own(const CfCursors *cursors, const char *name);

/* Is a cursor still open that the load opened? */
extern bool cf_cursors_left_open(const CfCursors *cursors);

/*
 * Does the session hold rows of a cursor whose transaction is over? They can be
 * fetched without any executor. Not counted is what runs now.
 */
extern bool cf_cursors_any_held(void);

#endif							/* CF_LOAD_CURSOR_H */
