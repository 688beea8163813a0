/*
 * defined.h - by which definitions is a result what it is?
 *
 * DDL that is known to change a relation, or to give a name a meaning, moves the
 * clock of that alone (docs/ddl.md). A result that is made of nothing but relations
 * and of what comes with PostgreSQL depends on those clocks; any other on the one
 * that all such DDL moves.
 *
 * src/rules/defined.h
 */
#ifndef CF_RULES_DEFINED_H
#define CF_RULES_DEFINED_H

#include "postgres.h"

#include "nodes/parsenodes.h"
#include "nodes/pg_list.h"
#include "nodes/plannodes.h"

#include "codec/key.h"
#include "rules/function.h"
#include "rules/proof.h"

#define CF_DEFINED_MAX_RELATIONS 32 /* with types; more: any definition */
#define CF_DEFINED_MAX_NAMES 24

/* At most so many clocks come of it. */
#define CF_DEFINED_MAX_CLOCKS (CF_DEFINED_MAX_RELATIONS + CF_DEFINED_MAX_NAMES)

typedef struct CfDefined
{
	bool		any;			/* of whatever else: nobody can say */
	List	   *relids;			/* OIDs of relations of the plan, views too; unique */
	List	   *rowtypes;		/* OIDs of relations whose rows are values in it */
	List	   *types;			/* OIDs of types of users whose values are in it; unique */
	List	   *operators;		/* OIDs, as the text was understood; unique */
	List	   *attributes;		/* OIDs of functions that are called as if they were columns */
	int			nnames;
	CfClockRef	names[CF_DEFINED_MAX_NAMES];
} CfDefined;

/*
 * What a query calls and is made of, before the planner has changed it: analysed and
 * rewritten.
 */
extern void cf_defined_add_query(CfDefined *defined, Query *query);

/* The relations of its plan. Then the names in its text, which must be known by now. */
extern void cf_defined_add_plan(CfDefined *defined, PlannedStmt *plan);
extern void cf_defined_add_names(CfDefined *defined, const char *text);

/*
 * The clocks that a result depends on beside those that it depends on already, with
 * room for CF_DEFINED_MAX_CLOCKS; returns how many. traits: of all that ran. proof:
 * what is read as part of another table, which stands for it.
 */
extern int	cf_defined_clocks(const CfDefined *defined, CfTraits traits, const CfProof *proof,
							  const CfClockRef *known, int nknown, CfClockRef *clocks);

#endif							/* CF_RULES_DEFINED_H */
