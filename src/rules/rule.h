/*
 * rule.h - rules: triggers that say what a change of a table invalidates.
 *
 * A trigger's own arguments are the only record of a rule: pairs of
 * 'key', template; 'tag', template; 'column', name. DESIGN sections 2 and 3.
 *
 * src/rules/rule.h
 */
#ifndef CF_RULES_RULE_H
#define CF_RULES_RULE_H

#include "postgres.h"

#include "utils/rel.h"

#include "codec/key.h"
#include "l1/clock.h"
#include "rules/template.h"

#define CF_RULE_MAX_TAGS 16
#define CF_RULE_MAX_COLUMNS 64

/* What the arguments of a trigger say. */
typedef struct CfRuleArgs
{
	bool		has_key;
	CfTemplate	key;
	int			ntags;
	CfTemplate	tags[CF_RULE_MAX_TAGS];
	int			ncolumns;		/* UPDATE counts only if one of them changes */
	char	   *columns[CF_RULE_MAX_COLUMNS];
} CfRuleArgs;

/*
 * Takes arguments apart. Returns NULL, or what is wrong with them: *detail
 * has a sentence about it. Never raises an error but for lack of memory.
 */
extern const char *cf_rule_parse_args(int nargs, char **args, CfRuleArgs *rule,
									  const char **detail);

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
} CfRule;

/*
 * The tag of a rule: 'rule:<table>:<trigger>', where the table is the topmost
 * one that a partition belongs to, so that the clones of a trigger share it.
 */
extern void cf_rule_tag(CfTag *tag, Oid relid, const char *trigger);

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

/* How a table that a query reads is covered. */
typedef enum CfCoverKind
{
	CF_COVER_NONE,				/* only the time to live bounds it */
	CF_COVER_TABLE,				/* by a table rule */
	CF_COVER_ROW,				/* by a row rule whose template key or tag matches */
	CF_COVER_VIEW,				/* a materialized view: REFRESH invalidates it */
	CF_COVER_TRACKED			/* by no rule; the server notices each change of it */
} CfCoverKind;

typedef struct CfCover
{
	CfCoverKind kind;
	const CfRule *rule;
} CfCover;

extern CfCover cf_rule_cover(Oid relid, const CfKey *key, text **tags, int ntags);

/*
 * The rules in force, of whatever table, whose template gives this key or one
 * of these tags. Such an entry depends on the rule's tag: should a transaction
 * change too many rows to name their keys, it invalidates that. Returns how
 * many; if it is more than max there are more than max, and these are some.
 */
extern int	cf_rules_reaching(const CfKey *key, text **tags, int ntags,
							  const CfRule **found, int max);

#endif							/* CF_RULES_RULE_H */
