/*
 * request.h - one fetch: what the caller asked for, and who is asking.
 *
 * src/request/request.h
 */
#ifndef CF_REQUEST_REQUEST_H
#define CF_REQUEST_REQUEST_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "utils/array.h"
#include "utils/tuplestore.h"

#include "codec/key.h"
#include "l1/table.h"
#include "rules/define.h"
#include "rules/setting.h"

#define CF_MAX_ARGS 1664

/* The query's $1, $2, ... */
typedef struct CfArgs
{
	int			n;
	Oid		   *types;
	int16	   *typlens;
	bool	   *typbyvals;
	Datum	   *values;
	bool	   *nulls;
	bool		list;			/* given as an array of text, one element each */
	bool		array;			/* given as another array, which is one value */
	bool		optional;		/* an untyped NULL: none, if the query has no parameter */
	bool		declared;		/* by the definition of a named loader */
	bool		resolved;		/* of the parameters' types: params.c */
} CfArgs;

/*
 * Where a load of typed rows puts them as they are, so that its own caller need
 * not decode what it has just encoded.
 */
typedef struct CfRowsSink
{
	Tuplestorestate *store;
	bool		filled;			/* a load has put all of its rows */
} CfRowsSink;

typedef struct CfRequest
{
	CfKey		key;
	const char *cache;			/* of a named loader, or NULL: as the key says */
	uint32		shape;			/* of a loader of version 'auto': see version.h; else 0 */
	bool	   *reshaped;		/* set by a load whose rows have another shape, or NULL */
	text	   *query;
	const CfHash128 *tree;		/* of a statement that is known by its tree, or NULL */
	const CfHash128 *settings;	/* cf_identity_of_settings of now; NULL: to be asked */
	CfArgs		args;
	CfForm		form;
	CfL1Part	part;			/* what of the JSON the caller wants */
	TupleDesc	rows_desc;		/* with CF_FORM_ROWS: the caller's columns */
	CfRowsSink *rows_sink;		/* or NULL */
	int64		ttl;			/* us; 0: as defined */
	ArrayType  *tags;			/* text[] without NULLs, or NULL */

	/* filled in by the engine */
	CfDefinition def;
	CfBinding	binding;		/* of the identity: what is known of the query so far */
	CfIdentity	id;
	CfL1Limits *limits;			/* what its tags and ttl ask of an entry, or NULL */
	int64		max_stale;		/* us; see cf_policy_max_stale */
	struct CfMiss *miss;		/* where what it depends on is kept, or NULL: see deps.h */
} CfRequest;

/*
 * Makes errors that are raised from here on tell of the query and of what the
 * caller can do, until error_context_stack is set to callback->previous.
 */
extern void cf_request_begin_errors(ErrorContextCallback *callback, const CfRequest *request);

/* Fills in request->def. */
extern void cf_request_define(CfRequest *request);

/* The tags as texts, palloc'd. */
extern text **cf_request_tags(const CfRequest *request, int *ntags);

/*
 * The caller's time to live, or 0. The first caller decides for all who share
 * the entry, so in scope 'shared' it is no longer than the definition's.
 */
extern int64 cf_request_ttl(const CfRequest *request);

/*
 * Keeps what the reports say of the entries of such a request: see cf_notes_keep.
 * Once a load; raises no error but for lack of memory.
 */
extern uint32 cf_request_note(const CfRequest *request);

/* What tags and ttl ask of entries that others filled; palloc'd. */
extern CfL1Limits *cf_request_make_limits(const CfRequest *request);

static inline void
cf_request_set_limits(CfRequest *request)
{
	request->limits = request->tags == NULL && request->ttl == 0 ? NULL :
		cf_request_make_limits(request);
}

#endif							/* CF_REQUEST_REQUEST_H */
