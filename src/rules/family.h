/*
 * family.h - the columns by which a rule tells rows apart.
 *
 * A rule names columns in its key template, in each of its tag templates, and by
 * 'rows'. Each such set is a family. The rows that have the same values in its
 * columns share a tag, 'rule:#HASH': whoever changes a row invalidates the tags of
 * the old and the new row, and a read whose plan can touch only rows of certain
 * values depends on the tags of those, and on no others.
 *
 * Values are compared as their type compares them, not as they are spelled: what
 * '=' calls equal has the same hash. The hash is the same on all servers of a
 * cluster. Two tags that share a hash cost a miss.
 *
 * src/rules/family.h
 */
#ifndef CF_RULES_FAMILY_H
#define CF_RULES_FAMILY_H

#include "postgres.h"

#include "codec/key.h"
#include "common/hashfn.h"
#include "rules/template.h"

/*
 * How values of a type are compared. function: of 64 bits, of the type's default
 * hash operator class; it raises no error, whatever the value. Values of types of
 * one operator family can be compared with each other. builtin: there was never
 * another class, nor none.
 */
typedef struct CfHashing
{
	Oid			opfamily;
	Oid			function;
	bool		builtin;
} CfHashing;

/*
 * False: there is no such function, or none that is sure to raise no error.
 * Domains count as what they are of. Looks into catalogs.
 */
extern bool cf_hashing_of_type(Oid type, CfHashing *hashing);

#define CF_HASH_SEED 0			/* that the function is given */

/* The columns, each once, in the order of their names. */
typedef struct CfFamily
{
	int			ncolumns;
	const char **columns;		/* palloc'd; the names are the caller's */
	uint64		seed;			/* of the rule's name and these */
} CfFamily;

/* Names in any order, also more than once; at least one. */
extern void cf_family_init(CfFamily *family, const char *rule, const char **columns,
						   int ncolumns);

/* Of the columns of a template. False: it has none. */
extern bool cf_family_of_template(CfFamily *family, const char *rule,
								  const CfTemplate *template);

/*
 * The tag that stands for all rows of a rule: who writes rows with values that he
 * knows no hash for invalidates it, and who reads by a hash that he might not have
 * known depends on it.
 */
extern uint64 cf_family_of_unhashed(const char *rule);

extern bool cf_family_equal(const CfFamily *a, const CfFamily *b);

/* The hash of a tag: the seed, and then the hash of each column's value in order. */
static inline uint64
cf_family_add(uint64 hash, uint64 value)
{
	return hash_combine64(hash, value);
}

#endif							/* CF_RULES_FAMILY_H */
