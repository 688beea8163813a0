/*
 * clock.h - invalidation clocks: has anything that an entry depends on changed?
 *
 * A clock is one of a fixed number of slots, found by hash; callers' tags, keys, rows,
 * tables with rules, and epochs have an array each: so whoever invalidates
 * many tags, keys or rows disturbs those who named some, and nobody else. A writer
 * raises a clock before its commit becomes visible and settles it (a new sequence
 * number, then one pending less) after; before it falls the history (history/history.h)
 * has the LSN. A reader stamps itself before it takes its snapshot; what it read is
 * current as long as no clock was settled after the stamp and none is
 * pending. Two tags that share a slot cost a miss, never a stale hit.
 *
 * Who asked for max_stale takes what a change of rows has outdated, and nothing
 * else: so a tag has a second clock, which each move moves as well unless it says
 * that it comes of rows (..._rows). Whoever moves a clock for another reason, a
 * new one too, need not know of it.
 * docs/consistency.md has the protocol.
 *
 * Locking: atomics only.
 *
 * src/l1/clock.h
 */
#ifndef CF_L1_CLOCK_H
#define CF_L1_CLOCK_H

#include "postgres.h"

#include "access/transam.h"

#include "base/compat.h"
#include "codec/key.h"

extern void cf_clock_register(void);
extern int	cf_clock_slots(void);

/* Reader: call before taking the snapshot that the stamp is to judge. */
extern uint64 cf_clock_stamp(void);

/* Clocks that share one have the same. */
extern uint32 cf_clock_slot(CfClockRef ref);

/* The number of the last invalidation that was settled there. */
extern uint64 cf_clock_seq(CfClockRef ref);

/* How many invalidations are under way there. */
extern uint32 cf_clock_pending(CfClockRef ref);

/* No invalidation is under way, none was settled after the stamp. */
extern pg_nodiscard bool cf_clock_unmoved(CfClockRef ref, uint64 stamp);

/*
 * The same, whatever changes of rows have done to it since. Of keys and epochs:
 * as above, for they have no second clock (nor has that of roles).
 */
extern pg_nodiscard bool cf_clock_unmoved_but_by_rows(CfClockRef ref, uint64 stamp);

/* Every transaction that invalidated there is older than xmin: it is in the snapshot. */
extern pg_nodiscard bool cf_clock_precedes(CfClockRef ref, FullTransactionId xmin);

/* Writer: raise, then either settle or lower, once each. None can fail. */
extern void cf_clock_raise(CfClockRef ref);
extern uint64 cf_clock_next(void);
extern void cf_clock_settle(CfClockRef ref, uint64 seq, FullTransactionId xid,
							uint64 lsn);
extern void cf_clock_lower(CfClockRef ref);

/*
 * Of a table's tag: does, or did, any entry depend on it? What nobody
 * ever depended on need not be settled: a writer asks after its commit has become
 * visible, and only lowers the clock if nobody does. Who comes to depend on it
 * says so when he knows, which settles the clock once, so that whatever was read
 * before, by himself too, is refused as out of date. True: he was the first.
 * The order is that of test/model/depend.pml. Never taken back.
 */
extern bool cf_clock_is_depended(CfClockRef ref);
extern bool cf_clock_depend(CfClockRef ref);

/* Postmaster, alone, before anybody changes anything: of a table's tag, or of anything else. */
extern void cf_clock_depend_at_start(CfClockRef ref);

/* The same for what rules or PostgreSQL's own write set say of changed rows. */
extern void cf_clock_raise_rows(CfClockRef ref);
extern void cf_clock_settle_rows(CfClockRef ref, uint64 seq, FullTransactionId xid, uint64 lsn);
extern void cf_clock_lower_rows(CfClockRef ref);

/*
 * A commit at this LSN has changed what nobody in this server's memory depends on:
 * lowers the clock. (Values in Redis may depend on it, so the history has it.)
 */
extern void cf_clock_pass_rows(CfClockRef ref, uint64 lsn);

/* Both at once: an invalidation that no transaction of this server makes. */
extern void cf_clock_move(CfClockRef ref, uint64 lsn);

#endif							/* CF_L1_CLOCK_H */
