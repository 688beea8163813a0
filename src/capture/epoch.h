/*
 * epoch.h - DDL, GRANT, policy and role changes make entries a miss: those that they
 * can change, where that is known, else every one.
 *
 * src/capture/epoch.h
 */
#ifndef CF_CAPTURE_EPOCH_H
#define CF_CAPTURE_EPOCH_H

#include "postgres.h"

#include "access/xact.h"

#include "l1/clock.h"

extern void cf_epoch_install_hooks(void);

/* Nobody knows what the running transaction has changed: all of its database. */
extern void cf_epoch_note_blind(void);

/* Has the running transaction changed definitions or rights? */
extern bool cf_epoch_changing(void);

/* Before cf_epoch_touches: looks for changes that no statement has told of. May raise errors. */
extern void cf_epoch_collect(void);

/* The same, of what an entry that depends on this clock is made of. */
extern bool cf_epoch_touches(CfClockRef clock);

extern void cf_epoch_prepare(void); /* PRE_COMMIT */
extern void cf_epoch_prepare_transaction(void);	/* PRE_PREPARE */

/* After that: which epochs the transaction moves, or clocks of definitions. */
extern void cf_epoch_raised(bool *database, bool *server);

#define CF_EPOCH_CLOCKS 4		/* epochs, and clocks of names: of the database, of the server */

/* PRE_COMMIT, PRE_PREPARE: the epochs and clocks of names that it moves; how many. */
extern int	cf_epoch_clocks(CfClockRef clocks[CF_EPOCH_CLOCKS]);

extern void cf_epoch_committed(void);	/* COMMIT, last of all; cannot fail */
extern void cf_epoch_finish(bool committed);	/* after the locks are released */
extern void cf_epoch_at_prepare_transaction(void);
extern void cf_epoch_subxact(SubXactEvent event);

#endif							/* CF_CAPTURE_EPOCH_H */
