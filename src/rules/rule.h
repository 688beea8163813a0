/*
 * rule.h - rules: triggers that say what a change of a table invalidates.
 *
 * A trigger's own arguments are the only record of a rule: pairs of
 * 'key', template; 'tag', template; 'row', name; 'column', name; 'cache', name of a named
 * loader that is refreshed; 'arg', name of the column that one of its arguments is.
 *
 * src/rules/rule.h
 */
#ifndef CF_RULES_RULE_H
#define CF_RULES_RULE_H

#include "postgres.h"

#include "utils/rel.h"
#include "utils/reltrigger.h"

#include "codec/key.h"
#include "l1/clock.h"
#include "nodes/pg_list.h"
#include "rules/family.h"
#include "rules/template.h"

#define CF_RULE_MAX_TAGS 16
#define CF_RULE_MAX_COLUMNS 64
#define CF_RULE_MAX_ROWS 16
#define CF_RULE_MAX_ARGS 16
#define CF_RULE_MAX_FAMILIES (CF_RULE_MAX_TAGS + 2)

/* What the arguments of a trigger say. */
typedef struct CfRuleArgs
{
	bool		has_key;
	CfTemplate	key;
	int			ntags;
	CfTemplate	tags[CF_RULE_MAX_TAGS];
	int			nrows;			/* columns that tell rows apart, without a template */
	const char *rows[CF_RULE_MAX_ROWS];
	int			ncolumns;		/* UPDATE counts only if one of them changes */
	char	   *columns[CF_RULE_MAX_COLUMNS];
	const char *cache;			/* that changed rows refresh, or NULL */
	int			ncache_args;	/* and the columns that its arguments are */
	const char *cache_args[CF_RULE_MAX_ARGS];
} CfRuleArgs;

/* Does it tell rows apart? Else it is about the table as a whole. */
static inline bool
cf_rule_args_tell_rows(const CfRuleArgs *args)
{
	return args->has_key || args->ntags > 0 || args->nrows > 0;
}

/* Do changes refresh the cache that a key is of, if it is one of a named loader? */
static inline bool
cf_rule_args_refresh(const CfRuleArgs *args, const CfKey *key)
{
	int			len = args->cache == NULL ? 0 : strlen(args->cache);

	return args->cache != NULL && key->len > len && key->data[len] == ':' &&
		memcmp(key->data, args->cache, len) == 0;
}

/*
 * Takes arguments apart. Returns NULL, or what is wrong with them: *detail
 * has a sentence about it. Never raises an error but for lack of memory.
 */
extern const char *cf_rule_parse_args(int nargs, char **args, CfRuleArgs *rule,
									  const char **detail);

/* The families of columns that a rule tells rows apart by, each once; palloc'd. */
extern int	cf_rule_families(const CfRuleArgs *args, const char *rule, CfFamily **families);

/* A rule of this database. */
typedef struct CfRule
{
	Oid			trigger;
	Oid			relid;
	char	   *name;			/* of the trigger */
	bool		row;			/* FOR EACH ROW */
	bool		all_events;		/* INSERT, UPDATE and DELETE */
	char		enabled;		/* pg_trigger.tgenabled */
	bool		valid;			/* its arguments can be read */
	CfTag	   *tag;			/* that all it covers depend on */
	CfRuleArgs	args;
	int			nfamilies;
	CfFamily   *families;
} CfRule;

/*
 * The tag of a rule: 'rule:<table>:<trigger>', where the table is the one that
 * the rule was made for, not a partition of it. So whoever writes to a partition
 * and whoever reads mean the same, even while it is being detached.
 */
extern void cf_rule_tag(CfTag *tag, Oid table, const char *trigger);

/* The tag of the rule that a trigger is, or is cloned from. False: it is of none. */
extern bool cf_rule_tag_of_trigger(CfTag *tag, Oid trigger);

/* Is a trigger a rule, not the clone that a partition has of one? */
extern bool cf_rule_is_trigger(Oid trigger);

/*
 * The tag of what is invalidated by hand, or by TRUNCATE, together with a table:
 * 'rule:#hand:<table>'. For entries that are to outlive other changes of it.
 */
extern void cf_rule_tag_by_hand(CfTag *tag, Oid table);

/* The table that the trigger was made for, if a partition has only a clone of it. */
extern Oid	cf_rule_table(Oid trigger, Oid relid, bool clone);

/*
 * The tag of all rules together: whoever invalidates the tag of a rule with a
 * template invalidates this one, too. An entry that too many rules reach
 * depends on it in their place.
 */
#define CF_TAG_ANY_RULE "rule:*"

extern void cf_rule_tag_of_any(CfTag *tag);

/* This transaction changes definitions: read the list again. */
extern void cf_rule_forget(void);

/* All rules of this database, as of the last DDL. Valid until the next call. */
extern int	cf_rules(const CfRule **rules);

/* Of that list: another number, never 0, whenever it has been read anew. */
extern uint64 cf_rules_version(void);

/*
 * The row rules whose triggers note every change of a relation's rows: its own,
 * and those of the partitioned tables that it is part of. A palloc'd list.
 */
extern List *cf_rules_of_rows(Oid relid);

/*
 * The same for one trigger of a relation: its rule, or that from which a partition
 * has it. NULL: it is not of a row rule that covers anything.
 */
extern const CfRule *cf_rule_of_rows(const Trigger *trigger, Oid relid);

/* How a table that a query reads is covered. */
typedef enum CfCoverKind
{
	CF_COVER_NONE,				/* only the time to live bounds it */
	CF_COVER_TABLE,				/* by a table rule */
	CF_COVER_ROW,				/* by a row rule whose template key or tag matches */
	CF_COVER_VIEW				/* a materialized view: REFRESH invalidates it */
} CfCoverKind;

typedef struct CfCover
{
	CfCoverKind kind;
	const CfRule *rule;
} CfCover;

/* By rules alone, if keys and tags mean what their templates say. */
extern CfCover cf_rule_cover(Oid relid, const CfKey *key, text **tags, int ntags);

/*
 * The rules in force, of whatever table, whose template gives this key or one
 * of these tags, or that refresh the cache that it is of. Such an entry depends on the
 * rule's tag: should a transaction change too many rows to name their keys, it
 * invalidates that. Returns how many; if it is more than max there are more than max,
 * and these are some.
 */
extern int	cf_rules_reaching(const CfKey *key, text **tags, int ntags,
							  const CfRule **found, int max);

#endif							/* CF_RULES_RULE_H */
