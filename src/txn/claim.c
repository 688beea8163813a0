/*
 * claim.c - the table of claims in shared memory, and what a transaction has of it.
 *
 * A claim is found by a keyed hash of its key and identity. Nothing of a claim is of those who
 * wait for it (claim_wait.c), so the slot of one that ends is free at once.
 *
 * Claims whose time is over stay until somebody inherits them, or needs the room: each
 * who takes a new one looks at a few others, and clears them.
 *
 * Locking: one lock for the table; no memory is allocated, and nothing waited for, under it.
 *
 * src/txn/claim.c
 */
#include "postgres.h"

#include "access/xlog.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/debug_point.h"
#include "base/guc.h"
#include "base/involved.h"
#include "base/position.h"
#include "base/shmem.h"
#include "history/history.h"
#include "l2/place.h"
#include "txn/claim.h"
#include "txn/claim_internal.h"

#ifdef CF_DEBUG
#define CF_CLAIMS 512		/* so that tests can fill it */
#else
#define CF_CLAIMS 8192
#endif
#define CF_CLAIM_SHARE (CF_CLAIMS / 8)	/* of one user */
#define CF_CLAIM_USERS 256		/* counted apart, by hash */
#define CF_CLAIM_BUCKETS 1024	/* powers of two */
#define CF_CLAIM_SWEEP 4		/* looked at for each that is taken */
#define CF_CLAIM_NONE (-1)

typedef struct SharedClaim
{
	bool		used;
	bool		pinned;			/* a commit that sets the value is under way */
	uint8		user;			/* whose share it is of */
	int			next;			/* in the bucket or the free list */
	int			holder;			/* process whose transaction took it and goes on, or 0 */
	TimestampTz until;			/* cf_now() */
	CfHash128	name;
	CfClaimToken token;
	uint64		stamp;
	uint64		lsn;			/* what its server had when it was given; 0: not begun */
	bool		adopted;		/* that was another */
	FullTransactionId xmin;
	char		lease[CF_TOKEN_LEN + 1];
} SharedClaim;

typedef struct CfSharedClaims
{
	/* Protected by the lock */
	int			used;
	int			free;
	int			hand;			/* of the sweep */
	TimestampTz earliest;		/* no claim's time is over before */
	int			user[CF_CLAIM_USERS];
	int			bucket[CF_CLAIM_BUCKETS];
	SharedClaim claim[CF_CLAIMS];
} CfSharedClaims;

/* A claim that the running transaction took. */
typedef struct OwnClaim
{
	struct OwnClaim *outer;
	bool		held;
	int			nest_level;
	CfHash128	name;
	CfClaimToken token;
	CfKey		key;
	CfIdentity	id;

	/* When it was given: see is_of_same_statement. */
	TimestampTz statement;
	FullTransactionId xmin;
	uint64		completed;
} OwnClaim;

static CfSharedClaims *claims = NULL;
static LWLock *claims_lock = NULL;

/* Of the running transaction, in its memory. */
static OwnClaim *own = NULL;	/* the newest first */
static CfClaimUse *uses = NULL; /* what it has pinned or ended */

static Size
claim_shmem_size(void)
{
	return sizeof(CfSharedClaims);
}

static void
claim_shmem_init(void *memory, LWLockPadded *locks)
{
	CfSharedClaims *new = memory;

	for (int i = 0; i < CF_CLAIM_BUCKETS; i++)
		new->bucket[i] = CF_CLAIM_NONE;
	for (int i = 0; i < CF_CLAIMS; i++)
		new->claim[i].next = i + 1 < CF_CLAIMS ? i + 1 : CF_CLAIM_NONE;
}

static void
claim_shmem_attach(void *memory, LWLockPadded *locks)
{
	claims = memory;
	claims_lock = &locks[0].lock;
}

void
cf_claim_register(void)
{
	static const CfShmemSegment segment = {
		.name = "cachefront_claims",
		.nlocks = 1,
		.size = claim_shmem_size,
		.init = claim_shmem_init,
		.attach = claim_shmem_attach,
	};

	cf_shmem_register(&segment);
	cf_claim_wait_register();
}

void
cf_claim_name(const CfKey *key, const CfIdentity *id, CfHash128 *name)
{
	cf_hash128_init(name, key->dboid);
	cf_hash128_add(name, key->data, key->len);
	cf_hash128_add(name, &id->hash, sizeof(id->hash));
	cf_hash128_add_u64(name, ((uint64) id->role << 32) | id->session_role);
}

/* ---- the table ---- */

static inline int *
bucket_of(const CfHash128 *name)
{
	return &claims->bucket[name->h[1] % CF_CLAIM_BUCKETS];
}

static inline bool
is_over(const SharedClaim *claim, TimestampTz now)
{
	return !claim->pinned && claim->until <= now;
}

/*
 * On a standby: by the history a value of the key was set since, or the key was
 * invalidated. So no set by its token counts any more, on whatever server.
 */
static bool
is_of_no_use(const SharedClaim *claim, const CfKey *key)
{
	return !claim->pinned && claim->lsn != 0 && RecoveryInProgress() &&
		(cf_history_lsn(cf_clock_of_key(key->hash)) > claim->lsn ||
		 cf_history_lsn(cf_clock_of_value(key->hash)) > claim->lsn);
}

static SharedClaim *
find_locked(const CfHash128 *name)
{
	for (int i = *bucket_of(name); i != CF_CLAIM_NONE; i = claims->claim[i].next)
	{
		if (cf_hash128_equal(&claims->claim[i].name, name))
			return &claims->claim[i];
	}
	return NULL;
}

static SharedClaim *
find_of_token_locked(const CfHash128 *name, const CfClaimToken *token)
{
	SharedClaim *claim = find_locked(name);

	return claim != NULL && cf_claim_token_equal(&claim->token, token) ? claim : NULL;
}

static void
free_locked(SharedClaim *claim)
{
	int		   *link = bucket_of(&claim->name);

	while (*link != (int) (claim - claims->claim))
		link = &claims->claim[*link].next;
	*link = claim->next;
	claims->user[claim->user]--;
	claims->used--;
	claim->used = false;
	claim->next = claims->free;
	claims->free = (int) (claim - claims->claim);
}

/* Clears some of those whose time is over, where the hand is. */
static void
sweep_locked(int n)
{
	TimestampTz now = cf_now();

	for (int i = 0; i < n; i++)
	{
		SharedClaim *claim = &claims->claim[claims->hand];

		claims->hand = (claims->hand + 1) % CF_CLAIMS;
		if (claim->used && is_over(claim, now))
			free_locked(claim);
	}
}

/* All of them. Who asks again and again pays for it once, until one's time is over. */
static void
sweep_all_locked(void)
{
	TimestampTz earliest = PG_INT64_MAX;

	if (cf_now() < claims->earliest)
		return;
	sweep_locked(CF_CLAIMS);
	for (int i = 0; i < CF_CLAIMS; i++)
	{
		if (claims->claim[i].used)
			earliest = Min(earliest, claims->claim[i].until);
	}
	claims->earliest = earliest;
}

/* Whoever changes when a claim is over says so. */
static void
set_until_locked(SharedClaim *claim, TimestampTz until)
{
	claim->until = until;
	claims->earliest = Min(claims->earliest, claim->until);
}

static bool
has_room_locked(uint8 user)
{
	return claims->free != CF_CLAIM_NONE && claims->user[user] < CF_CLAIM_SHARE;
}

static SharedClaim *
new_locked(const CfHash128 *name, uint8 user)
{
	SharedClaim *claim;

	sweep_locked(CF_CLAIM_SWEEP);
	if (!has_room_locked(user))
		sweep_all_locked();
	if (!has_room_locked(user))
		return NULL;
	claim = &claims->claim[claims->free];
	claims->free = claim->next;
	claims->used++;
	claims->user[user]++;
	claim->used = true;
	claim->user = user;
	claim->name = *name;
	claim->next = *bucket_of(name);
	*bucket_of(name) = (int) (claim - claims->claim);
	return claim;
}

/* By who logged in, for that nobody can choose. */
static uint8
user_of_session(void)
{
	return (uint8) ((GetSessionUserId() * UINT64CONST(0x9e3779b97f4a7c15)) >> 56);
}

/* ---- what the transaction took ---- */

static uint64
completed_transactions(void)
{
	return ActiveSnapshotSet() ? GetActiveSnapshot()->snapXactCompletionCount : 0;
}

static OwnClaim *
make_own(const CfKey *key, const CfIdentity *id, const CfHash128 *name)
{
	OwnClaim   *new = MemoryContextAllocZero(TopTransactionContext, sizeof(OwnClaim));
	char	   *text = MemoryContextAlloc(TopTransactionContext, key->len);

	memcpy(text, key->data, key->len);
	new->key = *key;
	new->key.data = text;
	new->id = *id;
	new->name = *name;
	new->nest_level = GetCurrentTransactionNestLevel();
	new->statement = GetCurrentStatementStartTimestamp();
	new->completed = completed_transactions();
	if (ActiveSnapshotSet())
		new->xmin = cf_position_widen(GetActiveSnapshot()->xmin);
	cf_involve();
	new->outer = own;
	own = new;
	return new;
}

static void
forget_newest_own(void)
{
	OwnClaim   *entry = own;

	own = entry->outer;
	pfree(unconstify(char *, entry->key.data));
	pfree(entry);
}

static OwnClaim *
find_own(const CfHash128 *name)
{
	for (OwnClaim *claim = own; claim != NULL; claim = claim->outer)
	{
		if (claim->held && cf_hash128_equal(&claim->name, name))
			return claim;
	}
	return NULL;
}

/*
 * A statement that asks for the claim and sets the value as well has its snapshot from
 * before the claim, so the stamp does not tell of the value.
 */
static bool
is_of_same_statement(const OwnClaim *claim)
{
	return claim->statement == GetCurrentStatementStartTimestamp() &&
		claim->completed == completed_transactions();
}

/* ---- asking ---- */

CfClaimAnswer
cf_claim_take(const CfKey *key, const CfIdentity *id, int64 hold, const CfClaimToken *mine,
			  CfClaim *result)
{
	CfHash128	name;
	CfClaimToken token;
	OwnClaim   *entry;
	SharedClaim *claim;
	uint8		user = user_of_session();
	FullTransactionId xmin = InvalidFullTransactionId;
	CfClaimAnswer answer = CF_CLAIM_REFUSED;

	cf_claim_name(key, id, &name);
	memset(result, 0, sizeof(*result));
	entry = find_own(&name);
	if (mine == NULL && entry != NULL)
		mine = &entry->token;
	if (!pg_strong_random(&token, sizeof(token)))
		return CF_CLAIM_REFUSED;
	if (IsolationUsesXactSnapshot())
		xmin = cf_position_snapshot_xmin();
	entry = make_own(key, id, &name);

	LWLockAcquire(claims_lock, LW_EXCLUSIVE);
	claim = find_locked(&name);
	if (claim != NULL && mine != NULL && cf_claim_token_equal(&claim->token, mine))
	{
		answer = CF_CLAIM_OWN;
		result->token = claim->token;
		strlcpy(result->lease, claim->lease, sizeof(result->lease));
	}
	else if (claim != NULL && !is_over(claim, cf_now()) && !is_of_no_use(claim, key))
	{
		answer = CF_CLAIM_HELD;
		result->token = claim->token;
		result->holder = claim->holder;
		strlcpy(result->lease, claim->lease, sizeof(result->lease));
		result->until = claim->until;
	}
	else
	{
		if (claim != NULL)
		{
			result->inherited = true;
			strlcpy(result->lease, claim->lease, sizeof(result->lease));
			free_locked(claim);
		}
		claim = new_locked(&name, user);
		if (claim != NULL)
		{
			answer = CF_CLAIM_GIVEN;
			claim->pinned = false;
			claim->holder = MyProcPid;
			set_until_locked(claim, cf_now() + hold);
			claim->lease[0] = '\0';
			claim->token = token;
			claim->stamp = claim->lsn = 0;
			claim->adopted = false;
			claim->xmin = xmin;
			entry->token = result->token = token;
			entry->held = true;
		}
	}
	LWLockRelease(claims_lock);
	if (!entry->held)
		forget_newest_own();
	return answer;
}

bool
cf_claim_begin(const CfHash128 *name, const CfClaimToken *token, TimestampTz until,
			   uint64 stamp, uint64 lsn, const char *lease)
{
	SharedClaim *claim;

	LWLockAcquire(claims_lock, LW_EXCLUSIVE);
	claim = find_of_token_locked(name, token);
	if (claim != NULL)
	{
		set_until_locked(claim, until);
		claim->stamp = stamp;
		claim->lsn = lsn;
		strlcpy(claim->lease, lease, sizeof(claim->lease));
	}
	LWLockRelease(claims_lock);
	return claim != NULL;
}

/* Its time is over, or it has not begun: its session still asks the other servers. */
static bool
can_give_way(const SharedClaim *claim)
{
	return !claim->pinned && (claim->lsn == 0 || is_over(claim, cf_now()));
}

bool
cf_claim_adopt(const CfHash128 *name, const CfClaimToken *token, TimestampTz until,
			   uint64 stamp, uint64 lsn, const char *lease)
{
	SharedClaim *claim;
	uint8		user = user_of_session();
	FullTransactionId xmin = InvalidFullTransactionId;
	bool		here = false;
	bool		taken = false;

	if (IsolationUsesXactSnapshot())
		xmin = cf_position_snapshot_xmin();
	LWLockAcquire(claims_lock, LW_EXCLUSIVE);
	claim = find_locked(name);
	if (claim != NULL && cf_claim_token_equal(&claim->token, token))
		here = true;
	else if (claim == NULL || can_give_way(claim))
	{
		if (claim != NULL)
			free_locked(claim);
		claim = new_locked(name, user);
		here = taken = claim != NULL;
	}
	if (taken)
	{
		claim->pinned = false;
		claim->holder = 0;
		set_until_locked(claim, until);
		strlcpy(claim->lease, lease, sizeof(claim->lease));
		claim->token = *token;
		claim->stamp = stamp;
		claim->lsn = lsn;
		claim->adopted = true;
		claim->xmin = xmin;
	}
	LWLockRelease(claims_lock);
	/* Those who wait for who had its place wait for this one now. */
	if (taken)
		cf_claim_wake_name(name);
	return here;
}

bool
cf_claim_is_here(const CfHash128 *name, const CfClaimToken *token)
{
	bool		here;

	LWLockAcquire(claims_lock, LW_SHARED);
	here = find_of_token_locked(name, token) != NULL;
	LWLockRelease(claims_lock);
	return here;
}

CfClaimUse *
cf_claim_use(const CfKey *key, const CfIdentity *id, const CfClaimToken *token, bool *over)
{
	CfClaimUse *use = MemoryContextAllocZero(TopTransactionContext, sizeof(CfClaimUse));
	char	   *text = MemoryContextAlloc(TopTransactionContext, key->len);
	const OwnClaim *entry;
	SharedClaim *claim;

	memcpy(text, key->data, key->len);
	use->key = *key;
	use->key.data = text;
	use->id = *id;
	use->refused = true;
	*over = false;
	if (token == NULL)
		return use;
	use->token = *token;
	cf_claim_name(key, id, &use->name);
	LWLockAcquire(claims_lock, LW_SHARED);
	claim = find_of_token_locked(&use->name, token);
	if (claim != NULL)
	{
		use->stamp = claim->stamp;
		use->xmin = claim->xmin;
		use->lsn = claim->adopted ? claim->lsn : 0;
		use->refused = false;
		strlcpy(use->lease, claim->lease, sizeof(use->lease));
		*over = is_over(claim, cf_now());
	}
	LWLockRelease(claims_lock);
	entry = find_own(&use->name);
	if (entry != NULL && is_of_same_statement(entry))
		use->xmin = cf_position_older(entry->xmin, use->xmin);
	return use;
}

bool
cf_claim_renew(const CfHash128 *name, const CfClaimToken *token, TimestampTz until)
{
	SharedClaim *claim;

	LWLockAcquire(claims_lock, LW_EXCLUSIVE);
	claim = find_of_token_locked(name, token);
	if (claim != NULL)
		set_until_locked(claim, until);
	LWLockRelease(claims_lock);
	return claim != NULL;
}

/* ---- its end ---- */

/* Not of one that a commit is about to set the value of. */
static bool
remove_claim(const CfHash128 *name, const CfClaimToken *token, char lease[CF_TOKEN_LEN + 1])
{
	SharedClaim *claim;
	bool		removed = false;

	LWLockAcquire(claims_lock, LW_EXCLUSIVE);
	claim = find_of_token_locked(name, token);
	if (claim != NULL && !claim->pinned)
	{
		strlcpy(lease, claim->lease, CF_TOKEN_LEN + 1);
		free_locked(claim);
		removed = true;
	}
	LWLockRelease(claims_lock);
	if (removed)
		cf_claim_wake_name(name);
	return removed;
}

void
cf_claim_ended_elsewhere(const CfHash128 *name, const CfClaimToken *token)
{
	char		lease[CF_TOKEN_LEN + 1];

	(void) remove_claim(name, token, lease);
}

void
cf_claim_give_back(const CfKey *key, const CfIdentity *id, const CfClaimToken *token,
				   const char *held)
{
	CfL2Variant variant;
	CfLease		lease = {0};
	CfHash128	name;
	char		ended[CF_STORE_CLAIM_MAX];
	const char *ns = held[0] != '\0' ? cf_place_mine() : NULL;

	if (ns == NULL)
		return;
	cf_claim_name(key, id, &name);
	cf_claim_print_ended(&name, token, ended);
	/* The session may be terminated in the middle of a round trip. */
	if (proc_exit_inprogress)
		cf_l2_drop_if_busy();
	strlcpy(lease.token, held, sizeof(lease.token));
	cf_store_variant(&variant, ns, key, id);
	cf_l2_allow((int64) cf_guc_redis_command_timeout * 1000);
	cf_store_release(&variant, &lease, ended);
	(void) cf_l2_end_allowance();
}

bool
cf_claim_release(const CfKey *key, const CfIdentity *id, const CfClaimToken *token)
{
	CfHash128	name;
	char		lease[CF_TOKEN_LEN + 1];
	OwnClaim   *entry;

	cf_claim_name(key, id, &name);
	entry = find_own(&name);
	if (!remove_claim(&name, token, lease))
		return false;
	if (entry != NULL && cf_claim_token_equal(&entry->token, token))
		entry->held = false;
	cf_claim_give_back(key, id, token, lease);
	return true;
}

/* ---- commits ---- */

bool
cf_claim_pin(CfClaimUse *use)
{
	SharedClaim *claim;

	if (use->refused)
		return false;
	LWLockAcquire(claims_lock, LW_EXCLUSIVE);
	claim = find_of_token_locked(&use->name, &use->token);
	/* Two commits with one token: the second comes too late. */
	if (claim != NULL && claim->pinned)
		claim = NULL;
	if (claim != NULL)
		claim->pinned = use->pinned = true;
	LWLockRelease(claims_lock);
	if (use->pinned)
	{
		use->next = uses;
		uses = use;
	}
	return use->pinned;
}

static void
unpin(CfClaimUse *use)
{
	SharedClaim *claim;

	LWLockAcquire(claims_lock, LW_EXCLUSIVE);
	claim = find_of_token_locked(&use->name, &use->token);
	if (claim != NULL)
		claim->pinned = false;
	LWLockRelease(claims_lock);
	cf_claim_wake_name(&use->name);
}

void
cf_claim_end(CfClaimUse *use)
{
	SharedClaim *claim;

	if (use->refused)
		return;
	LWLockAcquire(claims_lock, LW_EXCLUSIVE);
	claim = find_of_token_locked(&use->name, &use->token);
	/* Another session's commit may have pinned it. */
	if (claim != NULL && claim->pinned == use->pinned)
	{
		free_locked(claim);
		use->ended = true;
	}
	LWLockRelease(claims_lock);
	if (!use->ended)
		return;
	cf_claim_wake_name(&use->name);
	if (!use->pinned)
	{
		use->next = uses;
		uses = use;
	}
}

void
cf_claim_wake(const CfKey *key, const CfIdentity *id)
{
	CfHash128	name;

	if (claims->used == 0)
		return;
	cf_claim_name(key, id, &name);
	cf_claim_wake_name(&name);
}

/* ---- the end of the transaction ---- */

static void
let_live(const OwnClaim *entry)
{
	SharedClaim *claim;

	LWLockAcquire(claims_lock, LW_EXCLUSIVE);
	claim = find_of_token_locked(&entry->name, &entry->token);
	if (claim != NULL)
		claim->holder = 0;
	LWLockRelease(claims_lock);
}

void
cf_claim_at_commit(void)
{
	for (OwnClaim *entry = own; entry != NULL; entry = entry->outer)
	{
		if (entry->held)
			let_live(entry);
	}
	own = NULL;
}

/* What was taken in subtransactions from this level on. */
static void
drop_from(int level)
{
	for (; own != NULL && own->nest_level >= level; own = own->outer)
	{
		char		lease[CF_TOKEN_LEN + 1];

		if (own->held && remove_claim(&own->name, &own->token, lease))
			cf_claim_give_back(&own->key, &own->id, &own->token, lease);
	}
}

void
cf_claim_at_abort(void)
{
	for (; uses != NULL; uses = uses->next)
		unpin(uses);
	drop_from(1);
	own = NULL;
}

void
cf_claim_after_commit(void)
{
	for (; uses != NULL; uses = uses->next)
	{
		if (uses->ended && RecoveryInProgress())
			cf_claim_give_back(&uses->key, &uses->id, &uses->token, uses->lease);
	}
}

#ifdef CF_DEBUG
bool
cf_claim_any(void)
{
	return own != NULL || uses != NULL;
}
#endif

void
cf_claim_subxact(SubXactEvent event)
{
	int			level = GetCurrentTransactionNestLevel();

	if (own == NULL)
		return;
	if (event == SUBXACT_EVENT_ABORT_SUB)
		drop_from(level);
	else if (event == SUBXACT_EVENT_COMMIT_SUB)
	{
		for (OwnClaim *entry = own; entry != NULL && entry->nest_level >= level;
			 entry = entry->outer)
			entry->nest_level = level - 1;
	}
}

int
cf_claim_count(void)
{
	return claims->used;
}
