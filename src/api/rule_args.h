/*
 * rule_args.h - from the arguments of cache_attach and cache_detach to those of a trigger.
 *
 * Everything here raises an error with SQLSTATE for what cannot be.
 *
 * src/api/rule_args.h
 */
#ifndef CF_API_RULE_ARGS_H
#define CF_API_RULE_ARGS_H

#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/rel.h"

/* A trigger's arguments as SQL has them, and as pg_trigger does. */
typedef struct CfTriggerArgs
{
	StringInfoData sql;
	StringInfoData stored;		/* each with its closing zero */
} CfTriggerArgs;

extern void cf_rule_require_table(Relation rel);

/*
 * Checked against the table: key, tags and columns are arguments 1 to 3. rows: which one
 * has the columns that tell rows apart; without it and any template it is the primary key.
 * cache: which one has the cache's name; the columns of its arguments come after it.
 */
extern CfTriggerArgs cf_rule_make_args(FunctionCallInfo fcinfo, Relation rel, int rows, int cache);

/* Mode 'refresh': can, and may, changes of the table refresh that cache? */
extern void cf_rule_require_cache(FunctionCallInfo fcinfo, Relation rel, int cache);

#endif							/* CF_API_RULE_ARGS_H */
