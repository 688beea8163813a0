/*
 * due.h - keys of named loaders that the running transaction is to load at its commit.
 *
 * A list in backend memory, each cache and arguments once, cut back by ROLLBACK TO
 * SAVEPOINT. What is made of it: api/refresh.h.
 *
 * src/txn/due.h
 */
#ifndef CF_TXN_DUE_H
#define CF_TXN_DUE_H

#include "postgres.h"

#include "access/xact.h"

#include "codec/key.h"

typedef struct CfDue
{
	CfHash128	hash;			/* of the cache and its arguments */
	const char *cache;
	Oid			role;			/* whose rights were in force */
	Oid			table;			/* of the rule; InvalidOid: somebody called cache_refresh */
	const CfTag *rule;			/* its tag, which outlives the transaction; or NULL */
	int			nargs;
	const Oid  *types;
	const int16 *typlens;
	const bool *typbyvals;
	Datum	   *values;
	bool	   *nulls;
} CfDue;

/*
 * Copies what it is given but for the rule's tag; the hash is computed here. False: there
 * are cachefront.max_keys_per_commit already. Raises an error only if out of memory.
 */
extern bool cf_due_add(const CfDue *due);

extern int	cf_due_count(void);

/* Valid until the end of the transaction. */
extern const CfDue *cf_due_get(int i);

/* Is any key of this cache in the list? */
extern bool cf_due_has(const char *cache);

extern void cf_due_subxact(SubXactEvent event);
extern void cf_due_reset(void);

#endif							/* CF_TXN_DUE_H */
