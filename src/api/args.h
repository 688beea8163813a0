/*
 * args.h - checks and takes apart the arguments of SQL-callable functions.
 *
 * Every function here raises an error with SQLSTATE for a bad argument. What
 * they return may point into the argument.
 *
 * src/api/args.h
 */
#ifndef CF_API_ARGS_H
#define CF_API_ARGS_H

#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"

#include "request/request.h"

extern void cf_arg_key(FunctionCallInfo fcinfo, int i, CfKey *key);

/* The name of a cache, palloc'd. */
extern char *cf_arg_cache_name(FunctionCallInfo fcinfo, int i);

/* The element of an array of keys or tags. */
extern void cf_check_key(const text *key);
extern void cf_check_tag(const text *tag);

/* Microseconds, or 0 for NULL. */
extern int64 cf_arg_ttl(FunctionCallInfo fcinfo, int i);

/* NULL, or an array of valid tags. */
extern ArrayType *cf_arg_tags(FunctionCallInfo fcinfo, int i);

/* The elements of a VARIADIC text[], none NULL. */
extern text **cf_arg_texts(FunctionCallInfo fcinfo, int i, const char *what, int *n);

/* A row of parameters, or a single value as the only one. */
extern void cf_arg_params(FunctionCallInfo fcinfo, int i, CfArgs *args);

/* Types by which a caller may give an argument of another: see docs/functions.md. */
static inline bool
cf_arg_is_string(Oid type)
{
	return type == TEXTOID || type == VARCHAROID || type == UNKNOWNOID;
}

static inline bool
cf_arg_is_integer(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID;
}

/* The text of a value, by its type's output function, palloc'd. */
extern char *cf_arg_print(Oid type, Datum value);

/* "name(integer, text)", for messages; palloc'd. */
extern char *cf_arg_signature(const char *name, const Oid *types, int n);

/* key, query, args, ttl, tags of the cache_fetch family. */
extern void cf_arg_request(FunctionCallInfo fcinfo, CfRequest *request);

#endif							/* CF_API_ARGS_H */
