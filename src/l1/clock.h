/*
 * clock.h - invalidation clocks: has anything that an entry depends on changed?
 *
 * A clock is one of a fixed number of slots, found by hash; callers' tags, keys,
 * tags of the cache itself and epochs have an array each: so whoever invalidates
 * many tags or keys disturbs those who named some, and nobody else. A writer raises a clock before its commit becomes
 * visible and settles it (a new sequence number, then one pending less)
 * after. A reader stamps itself before it takes its snapshot; what it read is
 * current as long as no clock was settled after the stamp and none is
 * pending. Two tags that share a slot cost a miss, never a stale hit.
 *
 * Who asked for max_stale takes what a change of rows has outdated, and nothing
 * else: so a tag has a second clock, which each move moves as well unless it says
 * that it comes of rows (..._rows). Whoever moves a clock for another reason, a
 * new one too, need not know of it.
 * DESIGN sections 4 and 5.
 *
 * Locking: atomics only.
 *
 * src/l1/clock.h
 */
#ifndef CF_L1_CLOCK_H
#define CF_L1_CLOCK_H

#include "postgres.h"

#include "access/transam.h"

typedef uint32 CfClockRef;		/* index of a slot */

extern void cf_clock_register(void);
extern int	cf_clock_slots(void);

extern CfClockRef cf_clock_of_tag(uint64 hash);
extern CfClockRef cf_clock_of_key(uint64 hash);

/* The clock that every entry of a database (0: of all) depends on. No tag or key has it. */
extern CfClockRef cf_clock_of_epoch(Oid dboid);

/*
 * The clock of names of a database (0: of the server) that come and go without an
 * epoch, on which results depend that look some up or print them.
 */
extern CfClockRef cf_clock_of_light_names(Oid dboid);

/*
 * The clock of the values that cache_set stores under a key: what took one in a
 * query that is cached depends on it. Nothing else does, the value least of all.
 */
extern CfClockRef cf_clock_of_value(uint64 key_hash);

/* Reader: call before taking the snapshot that the stamp is to judge. */
extern uint64 cf_clock_stamp(void);

/* The number of the last invalidation that was settled there. */
extern uint64 cf_clock_seq(CfClockRef ref);

/* No invalidation is under way, none was settled after the stamp. */
extern bool cf_clock_unmoved(CfClockRef ref, uint64 stamp);

/*
 * The same, whatever changes of rows have done to it since. Of keys and epochs:
 * as above, for they have no second clock (nor has that of roles).
 */
extern bool cf_clock_unmoved_but_by_rows(CfClockRef ref, uint64 stamp);

/*
 * The LSN of the last invalidation that was settled there since the server
 * started: what was read before that is not current. Of a key it is known only
 * until another key of the same clock is invalidated (0 then): busy keys would
 * otherwise make all that share a clock with them look old.
 */
extern uint64 cf_clock_lsn(CfClockRef ref);
extern uint64 cf_clock_lsn_of_key(uint64 hash);

/* Every transaction that invalidated there is older than xmin: it is in the snapshot. */
extern bool cf_clock_precedes(CfClockRef ref, FullTransactionId xmin);

/* Writer: raise, then either settle or lower, once each. None can fail. */
extern void cf_clock_raise(CfClockRef ref);
extern uint64 cf_clock_next(void);
extern void cf_clock_settle(CfClockRef ref, uint64 seq, FullTransactionId xid,
							uint64 lsn);

/* The same for a key, which the clock remembers. */
extern void cf_clock_settle_key(uint64 hash, uint64 seq, FullTransactionId xid, uint64 lsn);
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

/* Is it the clock of tables' tags? */
extern bool cf_clock_is_of_table(CfClockRef ref);

/* The same for what rules or PostgreSQL's own write set say of changed rows. */
extern void cf_clock_raise_rows(CfClockRef ref);
extern void cf_clock_settle_rows(CfClockRef ref, uint64 seq, FullTransactionId xid, uint64 lsn);
extern void cf_clock_lower_rows(CfClockRef ref);

/* Both at once: an invalidation that no transaction of this server makes. */
extern void cf_clock_move(CfClockRef ref, uint64 lsn);

#endif							/* CF_L1_CLOCK_H */
