/*
 * pending.c - the transaction's log of operations on the cache.
 *
 * An array in order of time, and a hash table from what an operation is about
 * to the newest operation about it (a short log is searched from its end
 * instead: most transactions change a few rows). A subtransaction remembers where the log
 * ended when it first added something; its abort pops the log back to there.
 * Texts and the hash table live in TopTransactionContext and go with it.
 *
 * src/txn/pending.c
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "base/involved.h"
#include "txn/pending.h"

#define CF_SMALL_LOG 16
#define CF_FEW_MARKS 8
#define CF_LARGE_LOG 4096		/* an array of this size is given back */
#define CF_GUESSES 8
#define CF_OF_CLOCK UINT64CONST(0x6366206f6620636c)

/* Newest operation about something. */
typedef struct Newest
{
	CfHash128	hash;			/* hash key */
	int			op;
	int			first_move;		/* of a clock: oldest that moves it, or -1 */
} Newest;

/* Where the log ended when a subtransaction first added to it. */
typedef struct Mark
{
	int			nest_level;
	int			nops;
} Mark;

#ifdef CF_DEBUG
static uint64 steps = 0;		/* operations and entries looked at */

uint64
cf_pending_steps(void)
{
	return steps;
}

#define COUNT_STEP() (steps++)
#else
#define COUNT_STEP() ((void) 0)
#endif

/* The log of the running transaction. */
static struct
{
	MemoryContext context;		/* of what operations point to */
	HTAB	   *newest;			/* of each thing that an operation is about */
	CfOp	   *ops;
	int			nops;
	int			ops_room;
	int			last_value_op;	/* newest SET or TOUCH ever added, or -1; only grows */
	int			last_tag_op;	/* newest TAG ever added, or -1; only grows */
	bool		by_hand;		/* some operation was asked for by a call */
	Mark	   *marks;			/* of open subtransactions that have added something */
	int			nmarks;
	int			marks_room;
}			txlog = {.last_value_op = -1, .last_tag_op = -1};

/* The arrays outlive the transaction, so that a small one need not allocate. */
static void
begin(void)
{
	if (txlog.context != NULL)
		return;

	/* At commit nothing may fail, so what can is done now. */
	cf_l1_attach();
	if (txlog.ops == NULL)
	{
		txlog.ops = MemoryContextAlloc(TopMemoryContext, CF_SMALL_LOG * sizeof(CfOp));
		txlog.ops_room = CF_SMALL_LOG;
	}
	if (txlog.marks == NULL)
	{
		txlog.marks = MemoryContextAlloc(TopMemoryContext, CF_FEW_MARKS * sizeof(Mark));
		txlog.marks_room = CF_FEW_MARKS;
	}
	cf_involve();
	txlog.context = TopTransactionContext;	/* last: an error must not leave half of it */
}

static void
mark_subtransaction(void)
{
	int			level = GetCurrentTransactionNestLevel();

	if (level <= 1 || (txlog.nmarks > 0 && txlog.marks[txlog.nmarks - 1].nest_level >= level))
		return;
	if (txlog.nmarks == txlog.marks_room)
	{
		txlog.marks = repalloc(txlog.marks, 2 * txlog.marks_room * sizeof(Mark));
		txlog.marks_room *= 2;
	}
	txlog.marks[txlog.nmarks].nest_level = level;
	txlog.marks[txlog.nmarks].nops = txlog.nops;
	txlog.nmarks++;
}

static bool
moves_clock(CfOpKind kind)
{
	return kind != CF_OP_SET && kind != CF_OP_TOUCH;
}

/* What the operations on a clock are found by: itself. No other hash has that half. */
static void
hash_clock(CfHash128 *hash, CfClockRef clock)
{
	hash->h[0] = clock;
	hash->h[1] = CF_OF_CLOCK;
}

/* The log is no longer short: from now on there is a hash table. */
static void
build_newest(void)
{
	HASHCTL		control = {
		.keysize = sizeof(CfHash128),
		.entrysize = sizeof(Newest),
		.hcxt = txlog.context,
	};
	HTAB	   *new = hash_create("cachefront pending", 4 * CF_SMALL_LOG, &control,
								  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);

	for (int i = 0; i < txlog.nops; i++)
	{
		CfHash128	clock_hash;
		Newest	   *entry;
		bool		found;

		((Newest *) hash_search(new, &txlog.ops[i].hash, HASH_ENTER, NULL))->op = i;
		hash_clock(&clock_hash, txlog.ops[i].clock);
		entry = hash_search(new, &clock_hash, HASH_ENTER, &found);
		entry->op = i;
		if (!found)
			entry->first_move = -1;
		if (entry->first_move < 0 && moves_clock(txlog.ops[i].kind))
			entry->first_move = i;
	}
	txlog.newest = new;
}

static int
find_newest(const CfHash128 *hash)
{
	Newest	   *found;

	if (txlog.newest == NULL)
	{
		for (int i = txlog.nops - 1; i >= 0; i--)
		{
			COUNT_STEP();
			if (cf_hash128_equal(&txlog.ops[i].hash, hash))
				return i;
		}
		return -1;
	}
	COUNT_STEP();
	found = hash_search(txlog.newest, hash, HASH_FIND, NULL);
	return found != NULL ? found->op : -1;
}

/* The newest operation on this clock, or -1. */
static int
find_newest_on_clock(CfClockRef clock)
{
	CfHash128	hash;

	if (txlog.newest != NULL)
	{
		hash_clock(&hash, clock);
		return find_newest(&hash);
	}
	for (int i = txlog.nops - 1; i >= 0; i--)
	{
		COUNT_STEP();
		if (txlog.ops[i].clock == clock)
			return i;
	}
	return -1;
}

/* A new entry says that there is none, until the operation is there. */
static Newest *
enter_newest(const CfHash128 *hash)
{
	bool		found;
	Newest	   *entry = hash_search(txlog.newest, hash, HASH_ENTER, &found);

	COUNT_STEP();
	if (!found)
		entry->op = entry->first_move = -1;
	return entry;
}

/*
 * Adds an operation, zeroed but for what it is about. All memory is taken
 * before anything changes, so that an error leaves the log as it was.
 */
static CfOp *
append(CfOpKind kind, const CfHash128 *hash, CfClockRef clock)
{
	Newest	   *entry = NULL;
	Newest	   *clock_entry = NULL;
	int			older;
	int			older_on_clock;
	CfHash128	clock_hash;
	CfOp	   *op;

	mark_subtransaction();
	if (txlog.nops == txlog.ops_room)
	{
		txlog.ops = repalloc_huge(txlog.ops, 2 * (Size) txlog.ops_room * sizeof(CfOp));
		txlog.ops_room *= 2;
	}
	if (txlog.newest == NULL && txlog.nops == CF_SMALL_LOG)
		build_newest();
	if (txlog.newest != NULL)
	{
		hash_clock(&clock_hash, clock);
		clock_entry = enter_newest(&clock_hash);
		entry = enter_newest(hash);
	}
	older = entry != NULL ? entry->op : find_newest(hash);
	older_on_clock = clock_entry != NULL ? clock_entry->op : find_newest_on_clock(clock);
	op = &txlog.ops[txlog.nops];
	MemSet(op, 0, sizeof(*op));
	op->kind = kind;
	op->reason = CF_OP_BY_HAND;
	op->clock = clock;
	op->hash = *hash;
	op->older = older;
	op->older_on_clock = older_on_clock;
	if (kind == CF_OP_SET || kind == CF_OP_TOUCH)
		txlog.last_value_op = txlog.nops;
	if (kind == CF_OP_TAG)
		txlog.last_tag_op = txlog.nops;
	if (entry != NULL)
		entry->op = txlog.nops;
	if (clock_entry != NULL)
	{
		clock_entry->op = txlog.nops;
		if (clock_entry->first_move < 0 && moves_clock(kind))
			clock_entry->first_move = txlog.nops;
	}
	txlog.nops++;
	return op;
}

static void
restore_newest(const CfHash128 *hash, int older)
{
	Newest	   *entry;

	if (older < 0)
	{
		hash_search(txlog.newest, hash, HASH_REMOVE, NULL);
		return;
	}
	entry = hash_search(txlog.newest, hash, HASH_FIND, NULL);
	entry->op = older;
	if (entry->first_move > older)
		entry->first_move = -1;
}

static void
pop(void)
{
	CfOp	   *op = &txlog.ops[--txlog.nops];
	CfHash128	clock_hash;

	if (txlog.newest == NULL)
		return;
	hash_clock(&clock_hash, op->clock);
	restore_newest(&op->hash, op->older);
	restore_newest(&clock_hash, op->older_on_clock);
}

static void
hash_key(CfHash128 *hash, const CfKey *key)
{
	cf_hash128_init(hash, CF_OP_KEY);
	cf_hash128_add(hash, key->data, key->len);
}

static void
hash_value(CfHash128 *hash, const CfKey *key, const CfIdentity *id)
{
	cf_hash128_init(hash, CF_OP_SET);
	cf_hash128_add(hash, key->data, key->len);
	cf_hash128_add(hash, &id->hash, sizeof(id->hash));
	cf_hash128_add_u64(hash, ((uint64) id->role << 32) | id->session_role);
}

static char *
copy_key(const CfKey *key)
{
	char	   *copy = MemoryContextAlloc(txlog.context, key->len);

	memcpy(copy, key->data, key->len);
	return copy;
}

static void
add_key(const CfKey *key, CfOpReason reason)
{
	CfHash128	hash;
	char	   *copy;
	CfOp	   *op;
	int			known;

	begin();
	hash_key(&hash, key);
	/* Once is enough, unless a value was set or touched after it. */
	known = find_newest(&hash);
	if (known > txlog.last_value_op)
	{
		txlog.ops[known].reason = Max(txlog.ops[known].reason, reason);
		return;
	}
	copy = copy_key(key);
	op = append(CF_OP_KEY, &hash, cf_clock_of_key(key->hash));
	op->key = *key;
	op->key.data = copy;
	op->reason = reason;
}

void
cf_pending_add_key(const CfKey *key)
{
	add_key(key, CF_OP_BY_HAND);
}

void
cf_pending_add_key_of_row(const CfKey *key)
{
	add_key(key, CF_OP_BY_ROWS);
}

/* Where a tag's operation may be in the log, by its clock: a guess, for who looks there. */
static int *
guess_of(const CfTag *tag)
{
	static int	guesses[CF_GUESSES];

	return &guesses[(tag->hash >> 8) % CF_GUESSES];
}

/* After too many rows each calls for the same two tags. -1: it may be there or not. */
static int
guess_tag(const CfTag *tag)
{
	int			i = *guess_of(tag);

	return i < txlog.nops && txlog.ops[i].kind == CF_OP_TAG && txlog.ops[i].clock == tag->hash &&
		txlog.ops[i].tag_len == tag->len &&
		memcmp(txlog.ops[i].tag, tag->text, tag->len) == 0 ? i : -1;
}

static void
add_tag(const CfTag *tag, CfOpReason reason)
{
	CfHash128	hash;
	char	   *copy;
	CfOp	   *op;
	int			known;

	known = guess_tag(tag);
	if (known > txlog.last_value_op)
	{
		txlog.ops[known].reason = Max(txlog.ops[known].reason, reason);
		return;
	}
	begin();
	cf_hash128_init(&hash, CF_OP_TAG);
	cf_hash128_add(&hash, tag->text, tag->len);
	/* Once is enough, unless a value was set or touched after it. */
	known = find_newest(&hash);
	if (known > txlog.last_value_op)
	{
		*guess_of(tag) = known;
		txlog.ops[known].reason = Max(txlog.ops[known].reason, reason);
		return;
	}
	copy = MemoryContextAlloc(txlog.context, tag->len);
	memcpy(copy, tag->text, tag->len);
	op = append(CF_OP_TAG, &hash, tag->hash);
	op->tag = copy;
	op->tag_len = tag->len;
	op->reason = reason;
	*guess_of(tag) = txlog.nops - 1;
}

void
cf_pending_add_tag(const CfTag *tag)
{
	add_tag(tag, CF_OP_BY_HAND);
}

void
cf_pending_add_tag_of_rows(const CfTag *tag)
{
	add_tag(tag, CF_OP_BY_ROWS);
}

void
cf_pending_add_quiet_tag(const CfTag *tag)
{
	add_tag(tag, CF_OP_BY_NO_ROW);
}

void
cf_pending_add_flush(void)
{
	CfHash128	hash;

	begin();
	cf_hash128_init(&hash, CF_OP_FLUSH);
	(void) append(CF_OP_FLUSH, &hash, cf_clock_of_epoch(MyDatabaseId));
}

static text *
copy_value(const text *value)
{
	Size		len = VARSIZE_ANY_EXHDR(value);
	text	   *copy = MemoryContextAlloc(txlog.context, VARHDRSZ + len);

	SET_VARSIZE(copy, VARHDRSZ + len);
	memcpy(VARDATA(copy), VARDATA_ANY(value), len);
	return copy;
}

static const CfClockRef *
copy_deps(const CfBasis *basis)
{
	CfClockRef *copy = MemoryContextAlloc(txlog.context, Max(basis->ndeps, 1) * sizeof(CfClockRef));

	if (basis->ndeps > 0)
		memcpy(copy, basis->deps, basis->ndeps * sizeof(CfClockRef));
	return copy;
}

void
cf_pending_add_set(const CfKey *key, const CfIdentity *id, const CfSet *set)
{
	CfHash128	hash;
	char	   *key_copy;
	CfSet		copy = *set;
	CfOp	   *op;

	begin();
	hash_value(&hash, key, id);
	key_copy = copy_key(key);
	if (set->value != NULL)
		copy.value = copy_value(set->value);
	copy.basis.deps = copy_deps(&set->basis);

	op = append(CF_OP_SET, &hash, cf_clock_of_key(key->hash));
	op->key = *key;
	op->key.data = key_copy;
	op->id = *id;
	op->set = copy;
}

void
cf_pending_note_by_hand(void)
{
	begin();
	txlog.by_hand = true;
}

bool
cf_pending_by_hand(void)
{
	return txlog.by_hand;
}

/* The newest operation that decides what a value is, or -1. */
static int
deciding_op(const CfKey *key, const CfIdentity *id)
{
	CfHash128	hash;
	int			decided;

	hash_key(&hash, key);
	decided = find_newest(&hash);
	hash_value(&hash, key, id);
	decided = Max(decided, find_newest(&hash));
	cf_hash128_init(&hash, CF_OP_FLUSH);
	return Max(decided, find_newest(&hash));
}

int
cf_pending_first_move(CfClockRef clock)
{
	CfHash128	hash;
	Newest	   *found;

	if (txlog.newest != NULL)
	{
		COUNT_STEP();
		hash_clock(&hash, clock);
		found = hash_search(txlog.newest, &hash, HASH_FIND, NULL);
		return found != NULL ? found->first_move : -1;
	}
	for (int i = 0; i < txlog.nops; i++)
	{
		COUNT_STEP();
		if (txlog.ops[i].clock == clock && moves_clock(txlog.ops[i].kind))
			return i;
	}
	return -1;
}

bool
cf_pending_is_outdated(int set)
{
	const CfOp *op = &txlog.ops[set];

	if (txlog.last_tag_op < set)
		return false;
	for (int k = 0; k < op->set.basis.ndeps; k++)
	{
		if (find_newest_on_clock(op->set.basis.deps[k]) > set)
			return true;
	}
	return false;
}

void
cf_pending_add_touch(const CfKey *key, const CfIdentity *id, CfStatsSlot stats_slot,
					 int64 ttl)
{
	int			decided;
	CfHash128	hash;
	char	   *copy;
	CfOp	   *op;

	begin();
	decided = deciding_op(key, id);
	if (decided >= 0 && txlog.ops[decided].kind == CF_OP_SET)
	{
		CfSet		set = txlog.ops[decided].set;

		set.stats_slot = stats_slot;
		set.ttl = ttl;
		if (set.value != NULL && !cf_pending_is_outdated(decided))
			cf_pending_add_set(key, id, &set);
		return;
	}
	if (decided >= 0 && txlog.ops[decided].kind != CF_OP_TOUCH)
		return;					/* dropped: nothing to touch */
	hash_value(&hash, key, id);
	copy = copy_key(key);
	op = append(CF_OP_TOUCH, &hash, cf_clock_of_key(key->hash));
	op->key = *key;
	op->key.data = copy;
	op->id = *id;
	op->set.stats_slot = stats_slot;
	op->set.ttl = ttl;
}

bool
cf_pending_get(const CfKey *key, const CfIdentity *id, text **value)
{
	int			decided;

	if (!cf_pending_any())
		return false;
	decided = deciding_op(key, id);
	if (decided < 0 || txlog.ops[decided].kind == CF_OP_TOUCH)
		return false;
	*value = txlog.ops[decided].kind == CF_OP_SET && !cf_pending_is_outdated(decided) ?
		txlog.ops[decided].set.value : NULL;
	return true;
}

bool
cf_pending_any(void)
{
	return txlog.nops > 0;
}

bool
cf_pending_has_tag(CfClockRef clock)
{
	return txlog.last_tag_op >= 0 && find_newest_on_clock(clock) >= 0;
}

bool
cf_pending_touches(CfClockRef clock)
{
	return txlog.nops > 0 && find_newest_on_clock(clock) >= 0;
}

int
cf_pending_count(void)
{
	return txlog.nops;
}

CfOp *
cf_pending_op(int i)
{
	return &txlog.ops[i];
}

bool
cf_pending_is_last(int i)
{
	return deciding_op(&txlog.ops[i].key, &txlog.ops[i].id) == i;
}

void
cf_pending_subxact(SubXactEvent event)
{
	int			level = GetCurrentTransactionNestLevel();

	if (txlog.context == NULL || txlog.nmarks == 0 ||
		txlog.marks[txlog.nmarks - 1].nest_level < level)
		return;
	if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		while (txlog.nops > txlog.marks[txlog.nmarks - 1].nops)
			pop();
		txlog.nmarks--;
	}
	else if (event == SUBXACT_EVENT_COMMIT_SUB)
	{
		/* What it added is now the parent's, which may have its own mark. */
		if (level - 1 <= 1 ||
			(txlog.nmarks > 1 && txlog.marks[txlog.nmarks - 2].nest_level == level - 1))
			txlog.nmarks--;
		else
			txlog.marks[txlog.nmarks - 1].nest_level = level - 1;
	}
}

/* Texts and the hash table go with the transaction's memory. Never fails. */
void
cf_pending_reset(void)
{
	if (txlog.context == NULL)
		return;
	txlog.context = NULL;
	txlog.newest = NULL;
	txlog.nops = txlog.nmarks = 0;
	txlog.by_hand = false;
	txlog.last_value_op = txlog.last_tag_op = -1;
	if (txlog.ops_room >= CF_LARGE_LOG)
	{
		pfree(txlog.ops);
		txlog.ops = NULL;
		txlog.ops_room = 0;
	}
}
