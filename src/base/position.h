/*
 * position.h - where this server stands in the WAL and in the numbers of transactions.
 *
 * An LSN says how much of the history a value holds. But a history can end, and the
 * same LSNs are given out again: see history/line.h.
 *
 * src/base/position.h
 */
#ifndef CF_BASE_POSITION_H
#define CF_BASE_POSITION_H

#include "postgres.h"

#include "access/transam.h"

/*
 * Where WAL is written, or on a standby, where it is replayed: what committed
 * before is visible to a snapshot that is taken now. (On the writing server
 * but for commits that are just becoming visible: their clocks are pending.)
 */
extern uint64 cf_position_lsn(void);

/*
 * Has the WAL writer flush up to there, as after an asynchronous commit: else a standby may
 * get it seconds later, if it is of a transaction that goes on. Waits for nothing.
 */
extern void cf_position_hasten(uint64 lsn);

/* In a commit callback: where the commit record ends; the above if there is none. */
extern uint64 cf_position_commit_lsn(void);

/*
 * The last transaction id given out. Whoever has committed by now has this one or
 * an older one: so it stands for a change whose transaction nobody knows.
 */
extern FullTransactionId cf_position_xid(void);

/* A transaction id that is given out, made 64 bits wide: the last that there was of it. */
extern FullTransactionId cf_position_widen(TransactionId xid);

/* The xmin of the transaction's snapshot, which is taken if there is none. */
extern FullTransactionId cf_position_snapshot_xmin(void);

/* The older of two, of which either may be invalid: then it is the other. */
extern FullTransactionId cf_position_older(FullTransactionId a, FullTransactionId b);

/* On a standby: of what is replayed. */
extern uint32 cf_position_timeline(void);

#endif							/* CF_BASE_POSITION_H */
