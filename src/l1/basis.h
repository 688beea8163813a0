/*
 * basis.h - what a value rests on: is it still what the tables hold?
 *
 * A value was read at a moment, and depends on some clocks. Beside those that are named, the
 * clock of its key and the epochs of its database and of the server always count. Each
 * question about that is asked of all of them, by one loop.
 *
 * Locking: atomics only.
 *
 * src/l1/basis.h
 */
#ifndef CF_L1_BASIS_H
#define CF_L1_BASIS_H

#include "postgres.h"

#include "access/transam.h"

#include "base/compat.h"
#include "codec/key.h"
#include "l1/clock.h"

typedef struct CfBasis
{
	uint64		stamp;			/* clocks settled up to here are in the value */
	uint64		lsn;			/* what is committed up to here is in it: then the history
								 * counts as well; 0: only the clocks do */
	FullTransactionId xmin;		/* of the snapshot, if it is an old one; else invalid */
	int			ndeps;
	const CfClockRef *deps;		/* tag clocks; the key's and the epochs are implied */
} CfBasis;

/*
 * What a transaction must know of a value that it may use only if its own
 * snapshot and its own writes would give the same. Rules 8 and 10 of docs/consistency.md.
 */
typedef struct CfL1Proof
{
	FullTransactionId xmin;		/* of an old snapshot, or invalid */
	bool		(*own) (CfClockRef ref);	/* has this transaction touched it? or NULL */
} CfL1Proof;

/*
 * Is the value of a key still what the tables hold? With an lsn, the history must have
 * caught up before (cf_follow_catch_up).
 */
extern pg_nodiscard bool cf_basis_is_current(const CfKey *key, const CfBasis *basis);

/*
 * The same of an entry, whose key's clock need not be asked, for who moves it unlinks the
 * entry; and by clocks alone.
 */
extern pg_nodiscard bool cf_basis_is_unmoved(Oid dboid, const CfBasis *basis);

/* The same, whatever changes of rows have done to it. */
extern pg_nodiscard bool cf_basis_is_unmoved_but_by_rows(Oid dboid, const CfBasis *basis);

/* Did all that has invalidated it commit before the proof's snapshot, and elsewhere? */
extern pg_nodiscard bool cf_basis_is_proven(uint64 key_hash, Oid dboid, const CfBasis *basis,
											const CfL1Proof *proof);

/*
 * From here on writers must settle the clocks of the tables that it depends on. Whoever
 * says so first outdates what was loaded before, this value too. Done by
 * cf_l1_put; needed by itself where a value is passed on that is not put.
 */
extern void cf_basis_depend(const CfBasis *basis);

/* Asks something of the epochs and of each clock that is named, until the answer is no. */
static pg_attribute_always_inline bool
cf_basis_all(Oid dboid, const CfBasis *basis,
			 bool (*holds) (CfClockRef ref, const void *arg), const void *arg)
{
	if (!holds(cf_clock_of_epoch(dboid), arg) || !holds(cf_clock_of_epoch(InvalidOid), arg))
		return false;
	for (int i = 0; i < basis->ndeps; i++)
	{
		if (!holds(basis->deps[i], arg))
			return false;
	}
	return true;
}

#endif							/* CF_L1_BASIS_H */
