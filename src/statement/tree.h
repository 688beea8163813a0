/*
 * tree.h - what a statement means, as one number.
 *
 * src/statement/tree.h
 */
#ifndef CF_STATEMENT_TREE_H
#define CF_STATEMENT_TREE_H

#include "postgres.h"

#include "nodes/parsenodes.h"

#include "codec/key.h"

/*
 * The hash of an analysed and rewritten query, with all that it is made of: tables,
 * columns and functions by their numbers, names and types of the result, constants;
 * not where in the text it stands. With it go the settings that choose plans, and so
 * the order of rows that no ORDER BY settles. Palloc's and frees; about a microsecond for
 * each dozen nodes.
 */
extern void cf_tree_hash(const Query *query, CfHash128 *hash);

/* The same for all that differ only in the values of constants. */
extern void cf_tree_shape(const Query *query, CfHash128 *hash);

/* The hash of those settings alone; computed anew only when one of them changed. */
extern CfHash128 cf_tree_settings(void);

#endif							/* CF_STATEMENT_TREE_H */
