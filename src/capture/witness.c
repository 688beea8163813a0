/*
 * witness.c - did the triggers of row rules see every change?
 *
 * Calls are counted by trigger (each partition has one of its own) and level of
 * subtransaction, as PostgreSQL counts rows: a subtransaction that is rolled back
 * takes its counts away, one that is committed leaves them to its parent.
 *
 * Which rules a table has is remembered until any relation's definition changes.
 *
 * src/capture/witness.c
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/xact.h"
#include "catalog/pg_trigger.h"
#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "base/fault.h"
#include "base/involved.h"
#include "base/memo.h"
#include "base/relchange.h"
#include "capture/epoch.h"
#include "capture/witness.h"
#include "capture/writeset.h"
#include "rules/missed.h"
#include "rules/rule.h"
#include "txn/clockset.h"
#include "txn/pending.h"

#define CF_FEW_COUNTS 16		/* more are found by hash */
#define CF_MANY_COUNTS 4096		/* an array of this size is given back */

/* Calls of a trigger in a subtransaction. */
typedef struct Count
{
	Oid			trigger;
	int			level;
	int			older;			/* its count in one further out, or -1 */
	int64		calls;
} Count;

/* Its newest count. */
typedef struct Newest
{
	Oid			trigger;		/* hash key */
	int			count;
} Newest;

/* A rule whose trigger must see every change of a table. */
typedef struct WatchedRule
{
	Oid			trigger;		/* on this table */
	Oid			rule;			/* on the table that the rule was made for */
	CfTag	   *tag;
} WatchedRule;

typedef struct Watched
{
	Oid			key;			/* the table's OID */
	int			n;
	WatchedRule *rules;
} Watched;

/* What a transaction has changed of a table, over all its levels. */
typedef struct Sum
{
	Oid			relid;			/* hash key */
	int64		rows;
	bool		truncated;
} Sum;

typedef struct Witness
{
	/* of the running transaction */
	Count	   *counts;			/* levels ascend */
	int			ncounts;
	int			room;
	HTAB	   *newest;			/* or NULL, with few counts */

	/* as of the last collect */
	CfClockSet	missed;
} Witness;

static Witness own;
static CfMemo watched_tables = CF_MEMO("cachefront rules of tables", Watched, 8192);

static void
relation_changed(Oid relid)
{
	cf_memo_forget(&watched_tables);
}

void
cf_witness_install_hooks(void)
{
	cf_relchange_register(relation_changed);
}

/* ---- counts ------------------------------------------------------------- */

/* The newest count of a trigger, or -1. */
static int
find_count(Oid trigger)
{
	const Newest *entry;

	if (own.newest != NULL)
	{
		entry = hash_search(own.newest, &trigger, HASH_FIND, NULL);
		return entry != NULL ? entry->count : -1;
	}
	for (int i = own.ncounts - 1; i >= 0; i--)
	{
		if (own.counts[i].trigger == trigger)
			return i;
	}
	return -1;
}

static void
set_newest(Oid trigger, int count)
{
	if (own.newest == NULL)
		return;
	if (count < 0)
		hash_search(own.newest, &trigger, HASH_REMOVE, NULL);
	else
		((Newest *) hash_search(own.newest, &trigger, HASH_ENTER, NULL))->count = count;
}

/* There are no longer few: from now on there is a hash table. */
static void
build_newest(void)
{
	HASHCTL		control = {
		.keysize = sizeof(Oid),
		.entrysize = sizeof(Newest),
		.hcxt = TopTransactionContext,
	};
	HTAB	   *table = hash_create("cachefront calls of triggers", 4 * CF_FEW_COUNTS,
									&control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);

	for (int i = 0; i < own.ncounts; i++)
		((Newest *) hash_search(table, &own.counts[i].trigger, HASH_ENTER, NULL))->count = i;
	own.newest = table;
}

static void
make_room(void)
{
	if (own.counts == NULL)
	{
		own.counts = MemoryContextAlloc(TopMemoryContext, CF_FEW_COUNTS * sizeof(Count));
		own.room = CF_FEW_COUNTS;
	}
	if (own.ncounts == own.room)
	{
		own.counts = repalloc_huge(own.counts, 2 * (Size) own.room * sizeof(Count));
		own.room *= 2;
	}
	if (own.newest == NULL && own.ncounts >= CF_FEW_COUNTS)
		build_newest();
}

static void
add_count(Oid trigger, int level, int older)
{
	Count	   *count;

	make_room();
	set_newest(trigger, own.ncounts);
	cf_involve();
	count = &own.counts[own.ncounts++];
	count->trigger = trigger;
	count->level = level;
	count->older = older;
	count->calls = 1;
}

void
cf_witness_event(Oid trigger)
{
	int			level;
	int			newest;

	if (!cf_writeset_in_use())
		return;
	level = GetCurrentTransactionNestLevel();
	newest = find_count(trigger);
	if (likely(newest >= 0 && own.counts[newest].level == level))
		own.counts[newest].calls++;
	else
		add_count(trigger, level, newest);
}

/* Where the counts of the innermost level begin. */
static int
first_of_level(int level)
{
	int			first = own.ncounts;

	while (first > 0 && own.counts[first - 1].level >= level)
		first--;
	return first;
}

static void
take_away(int first)
{
	while (own.ncounts > first)
	{
		const Count *count = &own.counts[--own.ncounts];

		set_newest(count->trigger, count->older);
	}
}

/* A parent that has none of its own gets them as they are. Needs no memory. */
static void
give_to_parent(int first, int level)
{
	int			kept = first;

	for (int i = first; i < own.ncounts; i++)
	{
		Count		count = own.counts[i];

		if (count.older >= 0 && own.counts[count.older].level == level - 1)
		{
			own.counts[count.older].calls += count.calls;
			set_newest(count.trigger, count.older);
			continue;
		}
		count.level = level - 1;
		own.counts[kept] = count;
		set_newest(count.trigger, kept++);
	}
	own.ncounts = kept;
}

void
cf_witness_subxact(SubXactEvent event)
{
	int			level = GetCurrentTransactionNestLevel();
	int			first = first_of_level(level);

	if (first == own.ncounts)
		return;
	if (event == SUBXACT_EVENT_ABORT_SUB)
		take_away(first);
	else if (event == SUBXACT_EVENT_COMMIT_SUB)
		give_to_parent(first, level);
}

void
cf_witness_reset(void)
{
	own.ncounts = 0;
	cf_clockset_reset(&own.missed);
	own.newest = NULL;
	if (own.room < CF_MANY_COUNTS)
		return;
	pfree(own.counts);
	own.counts = NULL;
	own.room = 0;
}

/* Over all levels. */
static int64
calls_of(Oid trigger)
{
	int64		calls = 0;

	for (int i = find_count(trigger); i >= 0; i = own.counts[i].older)
		calls += own.counts[i].calls;
	return calls;
}

/* ---- which rules a table has -------------------------------------------- */

/* No longer than it must be; at a place that has room for that. */
#define TAG_SIZE(tag) MAXALIGN(offsetof(CfTag, text) + (tag)->len)

static CfTag *
copy_tag(const CfTag *tag, void *place)
{
	return memcpy(place, tag, offsetof(CfTag, text) + tag->len);
}

/* Copies, as the list of rules may be read anew. In CurrentMemoryContext. */
static void
make_watched(Watched *watched, Oid relid)
{
	Relation	rel = try_relation_open(relid, AccessShareLock);

	watched->n = 0;
	watched->rules = NULL;
	if (rel == NULL)
		return;
	if (rel->trigdesc != NULL)
	{
		watched->rules = palloc(rel->trigdesc->numtriggers * sizeof(WatchedRule));
		for (int i = 0; i < rel->trigdesc->numtriggers; i++)
		{
			const Trigger *trigger = &rel->trigdesc->triggers[i];
			const CfRule *rule = cf_rule_of_rows(trigger, relid);

			if (rule == NULL)
				continue;
			watched->rules[watched->n].trigger = trigger->tgoid;
			watched->rules[watched->n].rule = rule->trigger;
			watched->rules[watched->n].tag = copy_tag(rule->tag, palloc(TAG_SIZE(rule->tag)));
			watched->n++;
		}
	}
	relation_close(rel, AccessShareLock);
}

/* In one piece of the memo's memory, or NULL. */
static WatchedRule *
copy_rules(const Watched *watched, CfMemoTicket ticket)
{
	Size		size = MAXALIGN(Max(watched->n, 1) * sizeof(WatchedRule));
	WatchedRule *rules;
	char	   *place;

	for (int i = 0; i < watched->n; i++)
		size += TAG_SIZE(watched->rules[i].tag);
	rules = cf_memo_alloc(&watched_tables, size, ticket);
	if (rules == NULL)
		return NULL;
	place = (char *) rules + MAXALIGN(Max(watched->n, 1) * sizeof(WatchedRule));
	for (int i = 0; i < watched->n; i++)
	{
		rules[i] = watched->rules[i];
		rules[i].tag = copy_tag(watched->rules[i].tag, place);
		place += TAG_SIZE(rules[i].tag);
	}
	return rules;
}

/* Valid until the next call. */
static const Watched *
get_watched(Oid relid)
{
	static Watched made;
	CfMemoTicket ticket;
	Watched    *known = cf_memo_find(&watched_tables, &relid, &ticket);
	WatchedRule *rules;

	if (likely(known != NULL))
		return known;
	/* To look it up may bring the news that some relation has changed. */
	make_watched(&made, relid);
	rules = copy_rules(&made, ticket);
	known = rules != NULL ? cf_memo_enter(&watched_tables, &relid, ticket) : NULL;
	if (known == NULL)
		return &made;
	known->n = made.n;
	known->rules = rules;
	return known;
}

/* ---- the comparison ----------------------------------------------------- */

typedef void (*MissedCallback) (const WatchedRule *rule, bool truncated);

/* What a TRUNCATE has taken away, no trigger has seen row by row. */
static void
compare(const CfWrittenTable *table, MissedCallback callback)
{
	const Watched *watched = get_watched(table->relid);

	for (int i = 0; i < watched->n; i++)
	{
		const WatchedRule *rule = &watched->rules[i];

		if (CF_PLANTED(NO_WITNESS))
			continue;
		if (table->truncated || calls_of(rule->trigger) != table->rows)
			callback(rule, table->truncated);
	}
}

static void
invalidate_rule(const WatchedRule *rule, bool truncated)
{
	CfTag		any;

	cf_pending_add_tag_of_rows(rule->tag);
	cf_rule_tag_of_any(&any);
	cf_pending_add_tag_of_rows(&any);
	/* A rule that was made, or enabled, after the change could not see it. */
	if (!truncated && !cf_epoch_changing())
		cf_missed_note(rule->rule);
}

static void
compare_at_commit(const CfWrittenTable *table, void *arg)
{
	compare(table, invalidate_rule);
}

void
cf_witness_pre_commit(void)
{
	/* Where nobody has counted, the clock of the database moves. */
	if (cf_writeset_in_use() && !cf_writeset_is_blind())
		cf_writeset_each(compare_at_commit, NULL);
}

/* ---- own writes --------------------------------------------------------- */

static void
add_missed(const WatchedRule *rule, bool truncated)
{
	cf_involve();
	cf_clockset_add(&own.missed, rule->tag->hash);
}

static void
add_to_sum(const CfWrittenTable *table, void *arg)
{
	bool		found;
	Sum		   *sum = hash_search(arg, &table->relid, HASH_ENTER, &found);

	if (!found)
	{
		sum->rows = 0;
		sum->truncated = false;
	}
	sum->rows += table->rows;
	sum->truncated |= table->truncated;
}

static void
compare_sums(HTAB *sums)
{
	HASH_SEQ_STATUS status;
	const Sum  *sum;

	hash_seq_init(&status, sums);
	while ((sum = hash_seq_search(&status)) != NULL)
	{
		CfWrittenTable table = {sum->relid, sum->rows, sum->truncated};

		compare(&table, add_missed);
	}
}

void
cf_witness_collect(void)
{
	HASHCTL		control = {
		.keysize = sizeof(Oid),
		.entrysize = sizeof(Sum),
		.hcxt = CurrentMemoryContext,
	};
	HTAB	   *sums;

	cf_clockset_reset(&own.missed);
	if (!cf_writeset_in_use() || cf_writeset_is_blind())
		return;
	sums = hash_create("cachefront changed tables", 16, &control,
					   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	cf_writeset_each(add_to_sum, sums);
	compare_sums(sums);
	cf_clockset_finish(&own.missed);
	hash_destroy(sums);
}

bool
cf_witness_touches(CfClockRef clock)
{
	return cf_clockset_has(&own.missed, clock);
}
