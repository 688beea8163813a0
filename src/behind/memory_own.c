/*
 * memory_own.c - what a transaction adds to memory, and keeps to itself until it commits.
 *
 * All of it is in TopTransactionContext. A key has a sum for each savepoint that has added to
 * it; when the savepoint ends it becomes the outer one's, or goes.
 *
 * src/behind/memory_own.c
 */
#include "postgres.h"

#include "lib/ilist.h"
#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/involved.h"
#include "base/worker.h"
#include "behind/memory.h"
#include "behind/memory_internal.h"

typedef struct Sum
{
	slist_node	node;			/* the innermost savepoint's first */
	int			level;
	int64		value;
	int64		writes;
	TimestampTz since;
} Sum;

typedef struct Mine
{
	CfHash128	hash;			/* hash key */
	char		writer[CF_MAX_CACHE_NAME];
	CfMerge		merge;
	int			args_len;
	char		args[CF_MEMORY_ARGS];
	slist_head	sums;
} Mine;

/* Keys that have a sum of a level; several may be of the same level. */
typedef struct Level
{
	struct Level *outer;
	int			level;
	int			n;
	int			room;
	Mine	  **keys;
} Level;

/* Of the running transaction, in TopTransactionContext. */
static struct
{
	HTAB	   *keys;			/* of Mine; or NULL */
	Level	   *levels;
	int			reserved;
}			own;

static void
forget_mine(void)
{
	own.keys = NULL;
	own.levels = NULL;
	own.reserved = 0;
}

static void
note_level(Mine *key, int level)
{
	if (own.levels == NULL || own.levels->level != level)
	{
		Level	   *new = MemoryContextAllocZero(TopTransactionContext, sizeof(Level));

		new->outer = own.levels;
		new->level = level;
		new->room = 4;
		new->keys = MemoryContextAlloc(TopTransactionContext, new->room * sizeof(Mine *));
		own.levels = new;
	}
	if (own.levels->n == own.levels->room)
	{
		own.levels->keys = repalloc_huge(own.levels->keys, 2 * own.levels->room * sizeof(Mine *));
		own.levels->room *= 2;
	}
	own.levels->keys[own.levels->n++] = key;
}

static void
make_mine(void)
{
	HASHCTL		control = {
		.keysize = sizeof(CfHash128),
		.entrysize = sizeof(Mine),
		.hcxt = TopTransactionContext,
	};

	cf_involve();
	if (own.keys == NULL)
		own.keys = hash_create("cachefront own writes behind", 64, &control,
						   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static Mine *
find_mine(const CfWriter *writer, const struct varlena *args)
{
	CfHash128	hash = cf_memory_hash(writer->name, args);
	bool		found;
	Mine	   *key;

	make_mine();
	key = hash_search(own.keys, &hash, HASH_ENTER, &found);
	if (found)
		return key;
	slist_init(&key->sums);
	strlcpy(key->writer, writer->name, sizeof(key->writer));
	key->merge = writer->merge;
	key->args_len = VARSIZE(args) - VARHDRSZ;
	memcpy(key->args, VARDATA(args), key->args_len);
	return key;
}

static Sum *
first_sum(Mine *key)
{
	return slist_is_empty(&key->sums) ? NULL : slist_head_element(Sum, node, &key->sums);
}

bool
cf_memory_add(const CfWriter *writer, const struct varlena *args, int64 by)
{
	int			level = GetCurrentTransactionNestLevel();
	Mine	   *key;
	Sum		   *sum;

	if (VARSIZE(args) - VARHDRSZ > CF_MEMORY_ARGS || !cf_worker_serves(MyDatabaseId))
		return false;
	key = find_mine(writer, args);
	sum = first_sum(key);
	if (sum != NULL && sum->level == level)
	{
		int64		value;

		if (!cf_memory_merge(key->merge, sum->value, by, &value))
			return false;
		sum->value = value;
		sum->writes++;
		return true;
	}
	sum = MemoryContextAlloc(TopTransactionContext, sizeof(Sum));
	note_level(key, level);
	if (!cf_memory_reserve())
	{
		own.levels->n--;
		pfree(sum);
		return false;
	}
	own.reserved++;
	sum->level = level;
	sum->value = by;
	sum->writes = 1;
	sum->since = GetCurrentTimestamp();
	slist_push_head(&key->sums, &sum->node);
	return true;
}

/* Sums of this level become the outer one's; one that would overflow stays one of its own. */
static void
join_outer(Mine *key, int level)
{
	Sum		   *sum;
	Sum		   *outer;
	int64		value;

	for (sum = first_sum(key); sum != NULL && sum->level == level; sum = outer)
	{
		outer = slist_has_next(&key->sums, &sum->node) ?
			slist_container(Sum, node, sum->node.next) : NULL;
		sum->level = level - 1;
		if (outer == NULL || outer->level != level - 1 || sum != first_sum(key) ||
			!cf_memory_merge(key->merge, outer->value, sum->value, &value))
			continue;
		(void) slist_pop_head_node(&key->sums);
		outer->value = value;
		outer->writes += sum->writes;
	}
}

static void
drop_level(Mine *key, int level)
{
	Sum		   *sum;

	while ((sum = first_sum(key)) != NULL && sum->level >= level)
		(void) slist_pop_head_node(&key->sums);
}

/* What a savepoint has becomes the level's around it; allocates nothing. */
void
cf_memory_subxact(SubXactEvent event)
{
	int			level = GetCurrentTransactionNestLevel();

	if (likely(own.levels == NULL))
		return;
	if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		for (; own.levels != NULL && own.levels->level >= level; own.levels = own.levels->outer)
		{
			for (int i = 0; i < own.levels->n; i++)
				drop_level(own.levels->keys[i], level);
		}
	}
	else if (event == SUBXACT_EVENT_COMMIT_SUB)
	{
		for (Level *ended = own.levels; ended != NULL && ended->level == level;
			 ended = ended->outer)
		{
			ended->level = level - 1;
			for (int i = 0; i < ended->n; i++)
				join_outer(ended->keys[i], level);
		}
	}
}

static void
add_sums(Mine *key)
{
	slist_iter	iter;

	slist_foreach(iter, &key->sums)
	{
		const Sum  *sum = slist_container(Sum, node, iter.cur);
		CfMemorySum add = {
			.hash = &key->hash,
			.writer = key->writer,
			.args = key->args,
			.args_len = key->args_len,
			.merge = key->merge,
			.value = sum->value,
			.writes = sum->writes,
			.since = sum->since,
		};

		cf_memory_add_sum(&add);
	}
}

void
cf_memory_committed(void)
{
	HASH_SEQ_STATUS scan;
	Mine	   *key;

	if (likely(own.keys == NULL && !cf_memory_has_flights()))
		return;
	cf_memory_begin_end();
	if (own.keys != NULL)
	{
		hash_seq_init(&scan, own.keys);
		while ((key = hash_seq_search(&scan)) != NULL)
			add_sums(key);
	}
	cf_memory_finish_end(own.reserved, true);
	forget_mine();
}

void
cf_memory_aborted(void)
{
	if (likely(own.keys == NULL && !cf_memory_has_flights()))
		return;
	cf_memory_begin_end();
	cf_memory_finish_end(own.reserved, false);
	forget_mine();
}

void
cf_memory_before_prepare(void)
{
	if (own.keys != NULL && own.reserved > 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot PREPARE a transaction that has added to a writer whose buffer is memory"),
				 errhint("Use buffer => 'table'.")));
}

static void
own_visit(const char *writer, const struct varlena *args, CfMemoryVisit visit, void *arg)
{
	HASH_SEQ_STATUS scan;
	Mine	   *key;

	if (own.keys == NULL)
		return;
	hash_seq_init(&scan, own.keys);
	while ((key = hash_seq_search(&scan)) != NULL)
	{
		slist_iter	iter;
		CfMemoryItem item = {.slot = CF_NO_SLOT,.writer = key->writer};

		if ((writer != NULL && strcmp(key->writer, writer) != 0) ||
			(args != NULL && (VARSIZE(args) - VARHDRSZ != key->args_len ||
							  memcmp(VARDATA(args), key->args, key->args_len) != 0)))
			continue;
		item.args = cf_memory_args(key->args, key->args_len);
		slist_foreach(iter, &key->sums)
		{
			const Sum  *sum = slist_container(Sum, node, iter.cur);

			item.value = sum->value;
			item.writes = sum->writes;
			item.since = sum->since;
			visit(&item, arg);
		}
	}
}

static bool
own_has_any(const char *writer)
{
	HASH_SEQ_STATUS scan;
	Mine	   *key;
	bool		any = false;

	if (own.keys == NULL)
		return false;
	hash_seq_init(&scan, own.keys);
	while ((key = hash_seq_search(&scan)) != NULL)
		any |= !slist_is_empty(&key->sums) && (writer == NULL || strcmp(key->writer, writer) == 0);
	return any;
}

static void
own_discard(const char *writer)
{
	HASH_SEQ_STATUS scan;
	Mine	   *key;

	if (own.keys == NULL)
		return;
	hash_seq_init(&scan, own.keys);
	while ((key = hash_seq_search(&scan)) != NULL)
	{
		if (strcmp(key->writer, writer) == 0)
			slist_init(&key->sums);
	}
}

/* ---- both together ---- */

void
cf_memory_pending(const char *writer, const struct varlena *args, Snapshot snapshot,
				  CfMemoryVisit visit, void *arg)
{
	cf_memory_visit(writer, args, snapshot, visit, arg);
	own_visit(writer, args, visit, arg);
}

bool
cf_memory_has_any(const char *writer)
{
	return cf_memory_holds_any(writer) || own_has_any(writer);
}

void
cf_memory_discard(const char *writer)
{
	cf_memory_discard_shared(writer);
	own_discard(writer);
}
