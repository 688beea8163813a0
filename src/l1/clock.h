/*
 * clock.h - invalidation clocks: has anything that an entry depends on changed?
 *
 * A clock is one of a fixed number of slots, found by hash; callers' tags, keys,
 * tags of the cache itself, tables and epochs have an array each: so whoever invalidates
 * many tags or keys disturbs those who named some, and nobody else. A writer raises a clock before its commit becomes
 * visible and settles it (a new sequence number, then one pending less)
 * after; before it falls the history (history/history.h) has the LSN. A reader stamps itself before it takes its snapshot; what it read is
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

#include "codec/key.h"

extern void cf_clock_register(void);
extern int	cf_clock_slots(void);

static inline CfClockRef
cf_clock_of_key(uint64 hash)
{
	return cf_clock_ref(CF_CLOCK_KEY, hash);
}

/* Databases by a multiplication (Knuth's), for it is asked twice a hit. */
#define cf_clock_hash_of_database(dboid) ((dboid) * UINT64CONST(0x9e3779b97f4a7c15))

/* The clock that every entry of a database (0: of all) depends on. No tag or key has it. */
static inline CfClockRef
cf_clock_of_epoch(Oid dboid)
{
	return OidIsValid(dboid) ?
		cf_clock_ref(CF_CLOCK_EPOCH, cf_clock_hash_of_database(dboid)) :
		cf_clock_ref(CF_CLOCK_SERVER, 0);
}

/*
 * The clock of names of a database (0: of the server) that come and go without an
 * epoch, on which results depend that look some up or print them.
 */
static inline CfClockRef
cf_clock_of_light_names(Oid dboid)
{
	return OidIsValid(dboid) ?
		cf_clock_ref(CF_CLOCK_NAMES, cf_clock_hash_of_database(dboid)) :
		cf_clock_ref(CF_CLOCK_SERVER, UINT64CONST(1) << 32);
}

/*
 * The clock of the values that cache_set stores under a key: what took one in a
 * query that is cached depends on it. Nothing else does, the value least of all.
 */
static inline CfClockRef
cf_clock_of_value(uint64 key_hash)
{
	return cf_clock_ref(CF_CLOCK_VALUE, key_hash);
}

/*
 * A clock that nothing moves, on which depends what no other server can judge: it
 * was read from tables that the WAL does not have.
 */
static inline CfClockRef
cf_clock_of_unlogged(void)
{
	return cf_clock_ref(CF_CLOCK_SERVER, UINT64CONST(2) << 32);
}

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

/* Every transaction that invalidated there is older than xmin: it is in the snapshot. */
extern bool cf_clock_precedes(CfClockRef ref, FullTransactionId xmin);

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
