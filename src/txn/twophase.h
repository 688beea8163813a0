/*
 * twophase.h - prepared transactions, and what they will change when they end.
 *
 * PREPARE TRANSACTION raises the clocks of all that the transaction has changed,
 * and they stay raised until it has ended, by whatever way: COMMIT PREPARED or
 * ROLLBACK PREPARED as a statement, or the functions behind them, which logical
 * replication calls. So in between nobody takes what depends on them from the
 * cache, and no hook is needed to see the end: whoever misses looks whether
 * transactions have ended, and settles their clocks. test/model/prepared.pml.
 *
 * A start of the server forgets the raised clocks, not the prepared transactions;
 * and a standby that is promoted never knew them. Before the first load they are
 * looked for, and keep the clock of their database raised, for nobody knows what
 * they have changed.
 *
 * Locking: see twophase.c.
 *
 * src/txn/twophase.h
 */
#ifndef CF_TXN_TWOPHASE_H
#define CF_TXN_TWOPHASE_H

#include "postgres.h"

#include "l1/clock.h"

extern void cf_twophase_register(void);

/*
 * PRE_PREPARE: raises the clocks, and keeps them with the transaction's id. Too many
 * are the clock of the database in their place. kept: it has rows in cache_outbox,
 * which somebody has to look for when it has committed. Assigns a transaction id, as
 * PREPARE does. May raise an error; ABORT then undoes it.
 */
extern void cf_twophase_prepare(const CfClockRef *clocks, int n, bool kept);

/* PREPARE: it is prepared. Cannot fail. */
extern void cf_twophase_prepared(void);

/* ABORT: it is not. Cannot fail. */
extern void cf_twophase_abandon(void);

/*
 * Before a load reads the clocks, and wherever a prepared transaction is about to
 * end or has ended: settles the clocks of those that have ended since; after a
 * start or promotion, finds those that nobody knows. Costs a look at two atomics
 * while there is none. Raises an error only if memory is out.
 */
extern void cf_twophase_look(void);

#endif							/* CF_TXN_TWOPHASE_H */
