/*
 * basis.c - is a value still what the tables hold?
 *
 * src/l1/basis.c
 */
#include "postgres.h"

#include "base/fault.h"
#include "base/guc.h"
#include "history/history.h"
#include "l1/basis.h"

static inline bool
is_unmoved(CfClockRef ref, const void *arg)
{
	return cf_clock_unmoved(ref, *(const uint64 *) arg);
}

static inline bool
is_unmoved_but_by_rows(CfClockRef ref, const void *arg)
{
	return cf_clock_unmoved_but_by_rows(ref, *(const uint64 *) arg);
}

static inline bool
is_proven(CfClockRef ref, const void *arg)
{
	const CfL1Proof *proof = arg;

	return (!FullTransactionIdIsValid(proof->xmin) || cf_clock_precedes(ref, proof->xmin)) &&
		(proof->own == NULL || !proof->own(ref));
}

bool
cf_basis_is_unmoved(Oid dboid, const CfBasis *basis)
{
	return cf_basis_all(dboid, basis, is_unmoved, &basis->stamp);
}

bool
cf_basis_is_unmoved_but_by_rows(Oid dboid, const CfBasis *basis)
{
	return cf_basis_all(dboid, basis, is_unmoved_but_by_rows, &basis->stamp);
}

bool
cf_basis_is_proven(uint64 key_hash, Oid dboid, const CfBasis *basis, const CfL1Proof *proof)
{
	return is_proven(cf_clock_of_key(key_hash), proof) &&
		cf_basis_all(dboid, basis, is_proven, proof);
}

/* Did all that invalidated it commit before the old snapshot that it is from? */
static bool
fits_snapshot(const CfKey *key, const CfBasis *basis)
{
	CfL1Proof	proof = {basis->xmin};

	return !FullTransactionIdIsValid(basis->xmin) ||
		cf_basis_is_proven(key->hash, key->dboid, basis, &proof);
}

bool
cf_basis_is_current(const CfKey *key, const CfBasis *basis)
{
	if (!CF_PLANTED(NO_KEY_CLOCK) && !cf_clock_unmoved(cf_clock_of_key(key->hash), basis->stamp))
		return false;
	if (!cf_basis_is_unmoved(key->dboid, basis))
		return false;
	if (basis->lsn != 0 &&
		!cf_history_is_unchanged(basis->lsn, key->hash, key->dboid, basis->deps, basis->ndeps))
		return false;
	return CF_PLANTED(NO_XMIN_FILL) || fits_snapshot(key, basis);
}

void
cf_basis_depend(const CfBasis *basis)
{
	for (int i = 0; i < basis->ndeps && cf_guc_track_changes; i++)
	{
		if (cf_clock_is_of_table(basis->deps[i]))
			(void) cf_clock_depend(basis->deps[i]);
	}
}
