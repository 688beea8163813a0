/*
 * fault.h - faults that a build, or a test, plants to see whether they are found.
 *
 * A fault leaves a rule of the protocol out. CF_FAULTS has those of a whole build
 * (-DCF_FAULT_NAME, by which CF_PLANTED(NAME) is true): each with what must find it, and
 * with what it leaves out. test/soak/faults.sh reads the list from here, and shows
 * that each is found. "checker" is the one that reads and writes at the same time
 * (test/soak/soak.sh): "local" on one server, "bare" without any rule, "standby" there,
 * "redis" with what happens to Redis meanwhile. Others are found by a test of that name.
 *
 * Fault points are of debug builds, and go wrong while a test says so:
 * cf_debug_fault('name'), cf_debug_fault(NULL) mends it. They are listed below.
 *
 * src/base/fault.h
 */
#ifndef CF_BASE_FAULT_H
#define CF_BASE_FAULT_H

#define CF_FAULTS(FAULT) \
	/* readers and writers */ \
	FAULT(NO_PENDING, "checker local", "a reader does not ask for commits under way") \
	FAULT(SETTLE_EARLY, "checker local", "clocks settle before the commit is visible") \
	FAULT(NO_EPOCH, "checker local", "DDL raises no clock of its database") \
	FAULT(LATE_STAMP, "checker local", "a load reads its stamp after its query") \
	FAULT(NO_KEY_CLOCK, "checker local", "a fill does not ask for the clock of its key") \
	FAULT(NO_WAITER_CHECK, "checker local", "who joins late takes the leader's value unasked") \
	FAULT(NO_XMIN, "checker local", "an old snapshot takes any current entry") \
	FAULT(NO_XMIN_FILL, "checker local", "an old snapshot fills with what it sees") \
	FAULT(NO_OWN_WRITES, "checker local", "who has written takes and fills as others do") \
	FAULT(NO_GAP, "checker local", "cache_set after a miss replaces what came between") \
	FAULT(NO_THROUGH_CHECK, "checker local", "write-through publishes whatever others moved") \
	FAULT(NO_WITNESS, "regress proven", "no look at what row triggers did not see") \
	FAULT(LOWER_AT_PREPARE, "tap 053_twophase", "PREPARE lowers what it has raised") \
	/* tracking of changes, where no rule does the same */ \
	FAULT(NO_WRITE_SET, "checker bare", "PostgreSQL's own list of changed tables counts for nothing") \
	FAULT(NO_TABLE_RAISE, "checker bare", "tables' clocks are raised when the commit is visible") \
	FAULT(NO_DEPEND, "checker bare", "nobody says that he depends on a table") \
	FAULT(NO_ANCESTORS, "checker bare", "a change of a partition is none of its parents") \
	FAULT(NO_OWN_TABLES, "checker bare", "who has changed a table himself does not know it") \
	/* standbys */ \
	FAULT(NO_FOLLOW_GATE, "checker standby", "a reader does not wait for the follower of the WAL") \
	FAULT(NO_FOLLOW_NOTES, "checker standby", "the follower notes nothing of what commits told") \
	/* Redis */ \
	FAULT(NO_HISTORY, "checker redis kill-old", "the history is not asked of what Redis has") \
	FAULT(NO_REDIS_CLOCKS, "checker redis none", "nor are the clocks") \
	FAULT(NO_FILL_CLOCKS, "checker redis none", "a fill of Redis does not ask the clocks") \
	FAULT(NO_INCARNATION, "tap 111", "values of another server's data count") \
	FAULT(LATE_LSN, "tap 112", "a load's LSN is read after its query") \
	FAULT(NO_FUTURE, "tap 112", "a standby takes what it has not replayed yet")

#define CF_FAULT_POINTS(POINT) \
	POINT("no-raise", "tap 045", "a commit leaves the clocks of tags and tables as they are") \
	POINT("no-message", "tap 071", "a commit tells the WAL nothing") \
	POINT("refresh-late-timeout", "tap 055", "the timeout of a load at a commit comes as it is ended") \
	POINT("hot-list", "tap 078", "none: the list of hot keys is written once a second") \
	POINT("bad-block", "tap 077", "what a stop saves is spoilt") \
	POINT("other-boot", "tap 076", "what a stop saves is of another start of the machine")

/* A fault that is not listed does not compile. */
#define CF_FAULT_IS_LISTED(name, finder, what) CF_FAULT_LISTED_##name = 1,
enum
{
	CF_FAULTS(CF_FAULT_IS_LISTED)
};

/* 1 where -DCF_FAULT_NAME makes of CF_FAULT_NAME a 1, and with it of the arguments three. */
#define CF_FAULT_SHIFT_1 0,
#define CF_FAULT_SECOND(first, second, ...) second
#define CF_FAULT_PICK(shift) CF_FAULT_SECOND(shift 1, 0, 0)
#define CF_FAULT_JOIN(value) CF_FAULT_PICK(CF_FAULT_SHIFT_##value)
#define CF_FAULT_EXPAND(value) CF_FAULT_JOIN(value)
#define CF_PLANTED(name) (CF_FAULT_LISTED_##name && CF_FAULT_EXPAND(CF_FAULT_##name))

#endif							/* CF_BASE_FAULT_H */
