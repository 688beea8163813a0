/*
 * claim.h - who computes a value that no query gives, and who waits for it.
 *
 * A claim is a token, given for a key (and an identity: callers who share no values
 * share no claims) for some time. Nothing ties it to a session: who has the token
 * sets the value, renews the claim or gives it back, over whatever connection. Only
 * while the transaction that took it goes on is it that transaction's, and ends
 * with its rollback.
 *
 * The claim has the stamp of the clocks as of when it was given: a set that names its
 * token is a fill of that miss (txn/gap.h), and loses against an invalidation
 * that came between. When the time is over, the next who asks inherits the claim, and
 * the old token is none any more. All claims are in a table of fixed size, of which no
 * user has more than a share.
 *
 * Where Redis is used, one server of all asks for the lease of the key there (tier.h);
 * the claim remembers its token, to give it back. Beside the lease stands what the server says
 * of the claim, signed with its token, which Redis does not learn. Any server of the
 * cluster to which the token comes back reads that, and adopts the claim: from then on it is
 * in its own table.
 *
 * src/txn/claim.h
 */
#ifndef CF_TXN_CLAIM_H
#define CF_TXN_CLAIM_H

#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "datatype/timestamp.h"

#include "codec/key.h"
#include "l2/store.h"

#define CF_CLAIM_TOKEN_BYTES 16
#define CF_CLAIM_TOKEN_DIGITS 32

typedef struct CfClaimToken
{
	uint8		bytes[CF_CLAIM_TOKEN_BYTES];
} CfClaimToken;

/* A set of the running transaction that names a token; in the transaction's memory. */
typedef struct CfClaimUse
{
	CfKey		key;
	CfIdentity	id;
	CfHash128	name;			/* of both */
	CfClaimToken token;
	uint64		stamp;			/* what was settled up to here the value shows */
	FullTransactionId xmin;		/* of the old snapshot that it may be made from; or invalid */
	char		lease[CF_TOKEN_LEN + 1];	/* in Redis, or "" */
	uint64		lsn;			/* adopted: what its server had when it was given; else 0 */
	bool		refused;		/* it is not that token's claim (any more) */
	bool		pinned;
	bool		ended;
	struct CfClaimUse *next;	/* of those that are pinned or ended */
} CfClaimUse;

extern void cf_claim_register(void);

extern void cf_claim_name(const CfKey *key, const CfIdentity *id, CfHash128 *name);
extern void cf_claim_print(const CfClaimToken *token, char digits[CF_CLAIM_TOKEN_DIGITS + 1]);

/* False: it looks like no token. */
extern bool cf_claim_parse(const char *digits, int len, CfClaimToken *token);

extern bool cf_claim_token_equal(const CfClaimToken *a, const CfClaimToken *b);

/*
 * What servers tell each other of a claim by Redis, in CF_STORE_CLAIM_MAX bytes: that it was
 * given, on data up to an LSN of an incarnation; and that it has been given back. Only who
 * has the token can read the one or make the other.
 */
typedef struct CfClaimOrigin
{
	uint64		lsn;
	uint64		incarnation;
} CfClaimOrigin;

extern void cf_claim_print_given(const CfHash128 *name, const CfClaimToken *token,
								 const CfClaimOrigin *origin, char *text);
extern bool cf_claim_parse_given(const CfHash128 *name, const CfClaimToken *token,
								 const char *text, CfClaimOrigin *origin);
extern void cf_claim_print_ended(const CfHash128 *name, const CfClaimToken *token, char *text);
extern bool cf_claim_is_ended(const CfHash128 *name, const CfClaimToken *token,
							  const char *text);

typedef enum CfClaimAnswer
{
	CF_CLAIM_GIVEN,				/* it is the caller's now */
	CF_CLAIM_OWN,				/* it was before: by his token, or his transaction */
	CF_CLAIM_HELD,				/* it is somebody else's */
	CF_CLAIM_REFUSED			/* there is no room, or none for this user */
} CfClaimAnswer;

typedef struct CfClaim
{
	CfClaimToken token;			/* GIVEN, OWN; HELD: it must not get out */
	bool		inherited;		/* GIVEN: the time of another was over */
	char		lease[CF_TOKEN_LEN + 1];	/* in Redis, GIVEN: of the one before; or "" */
	int			holder;			/* HELD: process whose transaction has it, or 0 */
	TimestampTz until;			/* HELD: by cf_now() */
} CfClaim;

/*
 * Asks for a claim for hold microseconds. mine: a token that the caller has, or NULL.
 * One that is given ends with the rollback of the current (sub)transaction. Raises
 * an error only if out of memory.
 */
extern CfClaimAnswer cf_claim_take(const CfKey *key, const CfIdentity *id, int64 hold,
								   const CfClaimToken *mine, CfClaim *claim);

/*
 * The claim that was given begins now, for the caller is about to go and compute: stamp
 * and lsn are of just now. lease: its token in Redis, or "". until: by cf_now(), and by when
 * Redis was asked, so that no claim here outlasts its lease there. False: it is gone, for
 * a claim that another server has given was adopted.
 */
extern bool cf_claim_begin(const CfHash128 *name, const CfClaimToken *token, TimestampTz until,
						   uint64 stamp, uint64 lsn, const char *lease);

/*
 * A claim that another server gave becomes one of this server. stamp: of before Redis was asked
 * for it. False: there is no room, or a claim of somebody else's, which has begun and is not over.
 */
extern bool cf_claim_adopt(const CfHash128 *name, const CfClaimToken *token, TimestampTz until,
						   uint64 stamp, uint64 lsn, const char *lease);

/* Is there a claim of that token here? */
extern bool cf_claim_is_here(const CfHash128 *name, const CfClaimToken *token);

/* Another server has ended it: by its token, of which Redis knows. */
extern void cf_claim_ended_elsewhere(const CfHash128 *name, const CfClaimToken *token);

/*
 * What a set by a token (NULL: by none that can be) needs, in the transaction's memory. It is
 * refused if the claim is not that token's. *over: its time is over, though nobody has
 * inherited it.
 */
extern CfClaimUse *cf_claim_use(const CfKey *key, const CfIdentity *id,
								const CfClaimToken *token, bool *over);

/* If it is still that token's. */
extern bool cf_claim_renew(const CfHash128 *name, const CfClaimToken *token, TimestampTz until);

/*
 * It ends: by its holder's word, who tells Redis too. False: it was not that token's, or
 * a commit that sets the value is under way.
 */
extern bool cf_claim_release(const CfKey *key, const CfIdentity *id,
							 const CfClaimToken *token);

/*
 * For commits; neither fails. PRE_COMMIT: pins the claim, if it is still that token's, so
 * that nobody inherits it, and the value of who had it before cannot come after that
 * of who has it then. End: it is set. A rollback unpins.
 */
extern bool cf_claim_pin(CfClaimUse *use);
extern void cf_claim_end(CfClaimUse *use);

/* Tells Redis that a claim and its lease there have ended; one round trip, and no error. */
extern void cf_claim_give_back(const CfKey *key, const CfIdentity *id,
							   const CfClaimToken *token, const char *lease);

/* A value is there now: those who wait look. */
extern void cf_claim_wake(const CfKey *key, const CfIdentity *id);

/*
 * Waiting. Read the events, look for a value, ask for the claim; then sleep until one
 * more has come, the claim's time or the deadline (cf_steady_now()) is over. False: the
 * holder waits for this session. Interruptible.
 */
extern uint32 cf_claim_events(const CfHash128 *name);

/*
 * *look: it is this session's turn to ask Redis for the others, of a claim that may end on
 * another server.
 */
extern bool cf_claim_sleep(const CfHash128 *name, uint32 events, const CfClaim *claim,
						   TimestampTz deadline, bool *look);

/* The transaction that took claims has ended: they live on, or go. */
extern void cf_claim_at_commit(void);
extern void cf_claim_at_abort(void);
extern void cf_claim_subxact(SubXactEvent event);

#ifdef CF_DEBUG
/* Has the transaction asked for a claim that it still knows? */
extern bool cf_claim_any(void);
#endif

/*
 * After all locks are released: Redis is told of what ended, where no publisher tells it
 * of the value.
 */
extern void cf_claim_after_commit(void);

/* Reporting: how many there are. */
extern int	cf_claim_count(void);

#endif							/* CF_TXN_CLAIM_H */
