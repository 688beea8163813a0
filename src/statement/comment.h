/*
 * comment.h - what a statement's own comment asks for.
 *
 * src/statement/comment.h
 */
#ifndef CF_STATEMENT_COMMENT_H
#define CF_STATEMENT_COMMENT_H

#include "postgres.h"

#include "nodes/parsenodes.h"

#include "codec/key.h"

typedef struct CfComment
{
	char		name[CF_MAX_CACHE_NAME];	/* "" if it gives none */
	int64		ttl;			/* us; 0: as the cache is defined */
} CfComment;

/*
 * Does the statement begin with a comment like this, or have one right after its first
 * word, where PL/pgSQL leaves it? The comment is "cache", alone or with options:
 * "cache name=home ttl=30s". One that says anything else is none of ours. text is the
 * whole source, or NULL; location and len are the statement's place in it, as its Query
 * has them. Raises no error.
 */
extern bool cf_comment_of(const char *text, int location, int len, CfComment *comment);

#endif							/* CF_STATEMENT_COMMENT_H */
