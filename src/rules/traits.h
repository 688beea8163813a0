/*
 * traits.h - the traits of expressions and plans: see function.h.
 *
 * src/rules/traits.h
 */
#ifndef CF_RULES_TRAITS_H
#define CF_RULES_TRAITS_H

#include "postgres.h"

#include "nodes/parsenodes.h"
#include "nodes/pg_list.h"
#include "nodes/plannodes.h"

#include "rules/function.h"

/* What is no function and brings a trait. */
typedef struct CfTraitsOther
{
	const char *what;			/* for cache_explain */
	CfTraits	traits;
} CfTraitsOther;

typedef struct CfTraitsFound
{
	CfTraits	traits;			/* never CF_TRAIT_NAMED_SETTING: the name was looked at */
	int			named;			/* calls of current_setting that were looked at */
	List	   *functions;		/* OIDs that brought a trait, if asked for */
	List	   *others;			/* of CfTraitsOther *: what else did, if asked for */
	bool		want_functions;
	bool		trusting;		/* cachefront.transparent_functions counts */
	List	   *dates;			/* of Const *: what may have been a word such as 'today' */
} CfTraitsFound;

/*
 * Adds what an expression calls: functions, operators, casts by input and
 * output functions, checks of domains.
 */
extern void cf_traits_of_expr(Node *expr, CfTraitsFound *found);

/*
 * The same for all expressions of a plan, as the planner has them: with
 * default arguments, views, policies and inlined functions.
 */
extern void cf_traits_of_plan(PlannedStmt *stmt, CfTraitsFound *found);

/*
 * Would functions that are to be seen as they run do so in other processes, if the
 * plan got any?
 */
extern bool cf_traits_hide_in_workers(const PlannedStmt *stmt);

/* Does a function make its columns of text or JSON, as json_to_record(...) AS t(a type)? */
extern bool cf_traits_reads_columns(const RangeTblFunction *function);

/*
 * Adds CF_TRAIT_CLOCK if constants that were found may come from a word such as 'today' in
 * the text, and forgets them. text NULL: it is not known.
 */
extern void cf_traits_add_dates(CfTraitsFound *found, const char *text);

/* The same for cache_explain, which says only what is known: of dates and times. */
extern void cf_traits_explain_dates(CfTraitsFound *found, const char *text);

/* The same if some are not among those that were there before: in texts nobody has. */
extern void cf_traits_add_new_dates(CfTraitsFound *found, const List *before);

/* What a value goes through that becomes one of a domain: its checks. */
extern void cf_traits_of_domain(Oid type, CfTraitsFound *found);

/* Walks the checks of a domain. True: some walk has said so. */
extern bool cf_traits_walk_domain(Oid type, bool (*walker) (Node *node, void *context),
								  void *context);

/* Is a light name in a constant of a query? The planner may hide it. */
extern bool cf_traits_has_light_name(Query *query);

#endif							/* CF_RULES_TRAITS_H */
