/*
 * missed.h - of which rules have the triggers missed changes?
 *
 * Counted for the server, since it started or its counters were reset; for
 * cache_rules. A commit that finds its rule's trigger to have missed some has
 * invalidated all that the rule covers, so nothing is stale; but the rule is of
 * little use as long as that happens.
 *
 * Locking: a lock of its own, for a look.
 *
 * src/rules/missed.h
 */
#ifndef CF_RULES_MISSED_H
#define CF_RULES_MISSED_H

#include "postgres.h"

#define CF_MISSED_RULES 256		/* that are counted; of more nobody is told */

extern void cf_missed_register(void);

/* A transaction of this database has changed more rows than the rule's trigger saw. */
extern void cf_missed_note(Oid trigger);

/* How many such transactions there were, of a rule of this database. */
extern int64 cf_missed_count(Oid trigger);

extern void cf_missed_reset(void);

#endif							/* CF_RULES_MISSED_H */
