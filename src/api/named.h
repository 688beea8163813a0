/*
 * named.h - named loaders: a definition's query, under its settings.
 *
 * src/api/named.h
 */
#ifndef CF_API_NAMED_H
#define CF_API_NAMED_H

#include "postgres.h"

#include "fmgr.h"

#include "request/request.h"
#include "rules/define.h"

/*
 * Takes apart the arguments of cache_read and its family, name and values, and sets
 * the definition's settings until cf_named_end gets the level that it returns, or an
 * error ends the (sub)transaction.
 */
extern int	cf_named_begin(FunctionCallInfo fcinfo, CfRequest *request);
extern void cf_named_end(int level);

/* The settings alone which a definition's query is read and run under. */
extern int	cf_named_begin_settings(const char *search_path);

/* Values for the query's $1, $2, ..., of whatever types the caller has. */
typedef struct CfNamedArgs
{
	int			n;
	Datum	   *values;
	Oid		   *types;
	bool	   *nulls;
} CfNamedArgs;

/* The same, of a cache and values that are at hand. */
extern int	cf_named_begin_with(const char *name, const CfNamedArgs *given, CfRequest *request);

/* Its definition. Raises an error if there is no such cache, or it has no query. */
extern void cf_named_require(const char *name, CfLoaderDefinition *loader);

/*
 * Is the loader one whose query can be read and planned? Raises an error if not. Planning may
 * run functions, so a query that the caller has not named himself is planned as the owner of
 * its definition, in a security-restricted operation: _as.
 */
extern void cf_named_check(const char *name, const CfLoaderDefinition *loader);
extern void cf_named_check_as(Oid owner, const char *name, const CfLoaderDefinition *loader);

#endif							/* CF_API_NAMED_H */
