/*
 * pending.h - what the running transaction will do to the cache at commit.
 *
 * A log of operations in backend memory, cut back by ROLLBACK TO SAVEPOINT.
 *
 * src/txn/pending.h
 */
#ifndef CF_TXN_PENDING_H
#define CF_TXN_PENDING_H

#include "postgres.h"

#include "access/xact.h"

#include "codec/key.h"
#include "l1/clock.h"
#include "l1/table.h"
#include "txn/claim.h"

typedef enum CfOpKind
{
	CF_OP_KEY,					/* drop all variants of a key */
	CF_OP_TAG,					/* drop what depends on a clock */
	CF_OP_FLUSH,				/* drop what the database has */
	CF_OP_SET,					/* store a value */
	CF_OP_TOUCH					/* give a stored value a new time to live */
} CfOpKind;

/* Why a key or a tag is invalidated. Where there are more reasons than one, the last counts. */
typedef enum CfOpReason
{
	CF_OP_BY_NO_ROW,			/* TAG: not even a row has changed: not published */
	CF_OP_BY_ROWS,				/* rows have changed, and nothing else */
	CF_OP_BY_HAND				/* and all other reasons */
} CfOpReason;

/* A value as cache_set gives it. */
typedef struct CfSet
{
	CfStatsSlot stats_slot;
	text	   *value;			/* NULL: drop the caller's own value */
	int64		ttl;			/* us */
	int64		stale_for;		/* us */
	CfBasis		basis;			/* the stamp: of the miss that it fills, or CF_NO_GAP */
	CfClaimUse *claim;			/* by a token, or NULL */
} CfSet;

typedef struct CfOp
{
	CfOpKind	kind;
	CfOpReason	reason;			/* KEY, TAG; else by hand */
	CfClockRef	clock;			/* of what it is about: SET and TOUCH do not move it */
	bool		raised;			/* its clock is raised (of SET, that of values under the key), */
	bool		hard;			/* and not for changed rows alone */
	CfHash128	hash;			/* what it is about */
	int			older;			/* the previous operation about that, or -1 */
	int			older_on_clock; /* likewise for all that share its clock */
	CfKey		key;			/* KEY, SET, TOUCH: in the transaction's memory */
	const char *tag;			/* TAG: likewise, as is its length */
	int			tag_len;

	/* SET and TOUCH */
	CfIdentity	id;
	CfSet		set;			/* of TOUCH stats_slot and ttl alone */
	bool		dropped;		/* SET, PRE_COMMIT: the token is none any more: it does nothing */
	bool		last;			/* PRE_COMMIT: the last word on its value */
	bool		own;			/* PRE_COMMIT: the transaction itself moves a clock of it */
	bool		writes;			/* SET, PRE_COMMIT: of a transaction that has changed more than
								 * the cache; the key's clock is raised as well */
} CfOp;

extern void cf_pending_add_key(const CfKey *key);
extern void cf_pending_add_tag(const CfTag *tag);

/* The same because rows have changed: who asked for max_stale goes on with what he has. */
extern void cf_pending_add_key_of_row(const CfKey *key);
extern void cf_pending_add_tag_of_rows(const CfTag *tag);
extern void cf_pending_add_quiet_tag(const CfTag *tag);	/* CF_OP_BY_NO_ROW */
extern void cf_pending_add_flush(void);

/*
 * A user invalidates by hand: what he drops may be what other transactions have
 * changed. Remembered to the end of the transaction.
 */
extern void cf_pending_note_by_hand(void);
extern bool cf_pending_by_hand(void);

/*
 * Copies everything that it is given, but for the claim, which must live as long as the
 * transaction; raises an error only if out of memory.
 */
extern void cf_pending_add_set(const CfKey *key, const CfIdentity *id, const CfSet *set);
extern void cf_pending_add_touch(const CfKey *key, const CfIdentity *id,
								 CfStatsSlot stats_slot, int64 ttl);

/*
 * What this transaction itself has done to a value. True: *value is it, NULL
 * if the transaction dropped it. False: look in the cache.
 */
extern bool cf_pending_get(const CfKey *key, const CfIdentity *id, text **value);

/* Has the transaction invalidated the tag of a clock, or all? Never fails. */
extern bool cf_pending_has_tag(CfClockRef clock);

/* Does it hold anything? */
extern bool cf_pending_any(void);

/* Anything about what the clock stands for? Never fails. */
extern bool cf_pending_touches(CfClockRef clock);

/*
 * The log, oldest first. A SET or TOUCH counts only if it is the last word on
 * its value: no later operation is about it, its key, or all. If a tag of a SET
 * was invalidated after it, the last word is that there is no value. All take
 * a time that does not grow with the log, and never fail.
 */
extern int	cf_pending_count(void);
extern CfOp *cf_pending_op(int i);
extern bool cf_pending_is_last(int i);
extern bool cf_pending_is_outdated(int set);

/* The oldest operation that moves a clock, or -1. Likewise. */
extern int	cf_pending_first_move(CfClockRef clock);

#ifdef CF_DEBUG
/* How often the session has looked at an operation, to see how the work grows. */
extern uint64 cf_pending_steps(void);
#endif

extern void cf_pending_subxact(SubXactEvent event);
extern void cf_pending_reset(void);

#endif							/* CF_TXN_PENDING_H */
