/*
 * proof.h - which rows of its tables can a result depend on?
 *
 * A row rule covers a table of a plan if every scan of it pins all columns of one
 * of the rule's families: then no other rows can have come into the result, and it
 * depends on the tags of these rows and on that of the rule. Else it depends on the
 * table as a whole: coarser, never stale. How keys and tags of the entry are spelled
 * does not matter.
 *
 * Locking: none.
 *
 * src/rules/proof.h
 */
#ifndef CF_RULES_PROOF_H
#define CF_RULES_PROOF_H

#include "postgres.h"

#include "nodes/params.h"
#include "nodes/pg_list.h"
#include "nodes/plannodes.h"

#define CF_PROOF_MAX_ROWS 32	/* tags of rows of one table; more: the table */

/* What is read of a table. */
typedef struct CfTableUse
{
	Oid			relid;
	bool		whole;			/* any row may matter */
	List	   *tags;			/* of char *: of rows, and of the rules that note them */
	int			nrows;			/* tags of rows among them */
	const char *how;			/* for cache_explain; or NULL */
} CfTableUse;

/* All that some statements read. */
typedef struct CfProof
{
	List	   *uses;			/* of CfTableUse, a table once */
	List	   *parts;			/* OIDs of partitions that were read as part of their table */
} CfProof;

/*
 * Adds what one execution of a plan reads; in CurrentMemoryContext. With explain,
 * also how each table is covered. params may be NULL.
 */
extern void cf_proof_add_plan(CfProof *proof, const PlannedStmt *plan, ParamListInfo params,
							  bool explain);

/* Adds what others have read, copied. */
extern void cf_proof_add(CfProof *proof, const CfProof *other);

/* NULL: nothing is known of it, so that any row may matter. */
extern const CfTableUse *cf_proof_find(const CfProof *proof, Oid relid);

/* Was it read only as part of a partitioned table, which has a use of its own? */
extern bool cf_proof_is_part(const CfProof *proof, Oid relid);

#endif							/* CF_RULES_PROOF_H */
