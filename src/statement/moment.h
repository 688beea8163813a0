/*
 * moment.h - a moment, of which it can be said later what has changed since.
 *
 * src/statement/moment.h
 */
#ifndef CF_STATEMENT_MOMENT_H
#define CF_STATEMENT_MOMENT_H

#include "postgres.h"

#include "codec/key.h"

/*
 * Taken before catalogs are read. What commits on this server moves clocks (l1/clock.h); what a
 * standby replays is in the history alone (history/history.h), which knows LSNs.
 */
typedef struct CfMoment
{
	uint64		stamp;			/* of the clocks */
	uint64		lsn;			/* on a standby: what had been replayed; else 0 */
} CfMoment;

extern CfMoment cf_moment_now(void);

/*
 * Has nothing that was replayed since changed these things? Of a moment of a server that
 * writes it is true, for there the clocks tell. The history has nothing finer of definitions
 * than the epochs. False, too, where the WAL has not been read as far as it is replayed:
 * waits up to about a millisecond for that. Raises no error; not to be called with a lock.
 */
extern bool cf_moment_history_holds(const CfMoment *moment, const CfClockRef *refs, int n);

#endif							/* CF_STATEMENT_MOMENT_H */
