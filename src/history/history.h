/*
 * history.h - up to which LSN is it known what has changed, and when?
 *
 * For each thing that a value may depend on (CfClockRef) the end of the last
 * commit that changed it. A value whose lsn says "all that was committed up to
 * here is in me" is current if that is not less than the history's answer for
 * each thing that it depends on, and not less than the floor. So a server can
 * judge values that it did not load: what Redis has, and on a standby also what
 * it has in memory.
 *
 * The writing server notes its commits in their COMMIT callback, before their
 * clocks are lowered; a standby notes them when its reader of the WAL comes past
 * the commit record, before it says how far it has read.
 *
 * Things share a slot by hash, so an answer may be too late, which costs a miss,
 * and is never too early.
 *
 * Locking: atomics only. Nothing here can fail.
 *
 * src/history/history.h
 */
#ifndef CF_HISTORY_HISTORY_H
#define CF_HISTORY_HISTORY_H

#include "postgres.h"

#include "base/compat.h"
#include "codec/key.h"

extern void cf_history_register(void);

/* A commit that ends at this LSN has changed it. Full barrier if it was news. */
extern void cf_history_note(CfClockRef ref, uint64 lsn);

/* The end of the last commit known to have changed it; 0: none since the floor. */
extern uint64 cf_history_lsn(CfClockRef ref);

/*
 * Has nothing changed, by what is known, since an LSN that is not before the floor:
 * the key, the epochs of its database and of the server, and what else is named? On a
 * server that writes this comes after the clocks: a commit writes the history before
 * they fall.
 */
extern pg_nodiscard bool cf_history_is_unchanged(uint64 lsn, uint64 key_hash, Oid dboid,
												 const CfClockRef *deps, int ndeps);

/* The same of any things, and of nothing but those. */
extern bool cf_history_has_none_since(uint64 lsn, const CfClockRef *refs, int n);

/*
 * What changed before the floor is not known: a value of a smaller lsn does not
 * count. It begins so high that nothing counts.
 */
extern uint64 cf_history_floor(void);

/* Something may be missing up to this LSN. */
extern void cf_history_raise_floor(uint64 lsn);

/*
 * All from this LSN on is there after all. expected: what the floor was when that
 * began to be looked for. False: it has been raised since, and stays.
 */
extern pg_nodiscard bool cf_history_lower_floor(uint64 expected, uint64 lsn);

#endif							/* CF_HISTORY_HISTORY_H */
