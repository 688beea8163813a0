/*
 * moment.c - moments, on servers that write and on standbys.
 *
 * Locking: none of its own.
 *
 * src/statement/moment.c
 */
#include "postgres.h"

#include "access/xlog.h"

#include "base/position.h"
#include "history/follow.h"
#include "history/history.h"
#include "l1/clock.h"
#include "statement/moment.h"

/* Is it a standby? That is asked first: what a server that writes has by then is in the clocks. */
CfMoment
cf_moment_now(void)
{
	bool		replica = RecoveryInProgress();
	CfMoment	moment = {.stamp = cf_clock_stamp()};

	if (unlikely(replica))
		moment.lsn = cf_position_lsn();
	return moment;
}

bool
cf_moment_history_holds(const CfMoment *moment, const CfClockRef *refs, int n)
{
	return likely(moment->lsn == 0) ||
		(cf_follow_catch_up() && cf_history_has_none_since(moment->lsn, refs, n));
}
