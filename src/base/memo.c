/*
 * memo.c - answers that a session remembers until something changes.
 *
 * Entries stand in an array, where their hash says or in the next free slot
 * after it; single ones are never removed. Array and what entries point to live
 * in a memory context of their own, so that forgetting them is one step. An
 * error between the steps of making an array leaves none, and the next look
 * makes one.
 *
 * Locking: none.
 *
 * src/base/memo.c
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "base/memo.h"

#define CF_FIRST_SLOTS 64

static inline char *
entry_at(const CfMemo *memo, uint32 slot)
{
	return memo->entries + slot * memo->entry_size;
}

/* The slot that a key has, or is to get. */
static inline uint32
find_slot(const CfMemo *memo, const void *key)
{
	uint32		slot = cf_memo_first_slot(memo, key, memo->key_size);

	while (memo->used[slot] && memcmp(entry_at(memo, slot), key, memo->key_size) != 0)
		slot = (slot + 1) & memo->mask;
	return slot;
}

static void
set_slots(CfMemo *memo, char *entries, bool *used, uint32 nslots)
{
	memo->entries = entries;
	memo->used = used;
	memo->mask = nslots - 1;
}

static void
make_empty(CfMemo *memo)
{
	MemoryContext context = memo->context;
	char	   *entries;
	bool	   *used;

	Assert(memo->key_size == sizeof(Oid) || memo->key_size == CF_MEMO_HASH_SIZE);
	memo->now++;
	memo->context = NULL;
	if (context != NULL)
		MemoryContextDelete(context);
	memo->context = AllocSetContextCreate(TopMemoryContext, "cachefront memo",
										  ALLOCSET_SMALL_SIZES);
	MemoryContextSetIdentifier(memo->context, memo->name);
	entries = MemoryContextAllocZero(memo->context, CF_FIRST_SLOTS * memo->entry_size);
	used = MemoryContextAllocZero(memo->context, CF_FIRST_SLOTS * sizeof(bool));
	set_slots(memo, entries, used, CF_FIRST_SLOTS);
	memo->nentries = 0;
	memo->filled = memo->now;
}

/*
 * Half of the slots are free at any time, so that a search is short. Outgrown
 * arrays go with the context: all together they are smaller than the new ones.
 */
static void
double_slots(CfMemo *memo)
{
	CfMemo		old = *memo;
	uint32		nslots = 2 * (old.mask + 1);
	char	   *entries = MemoryContextAllocZero(memo->context, nslots * memo->entry_size);
	bool	   *used = MemoryContextAllocZero(memo->context, nslots * sizeof(bool));

	set_slots(memo, entries, used, nslots);
	for (uint32 i = 0; i <= old.mask; i++)
	{
		uint32		slot;

		if (!old.used[i])
			continue;
		slot = find_slot(memo, entry_at(&old, i));
		memcpy(entry_at(memo, slot), entry_at(&old, i), memo->entry_size);
		memo->used[slot] = true;
	}
}

void *
cf_memo_find_slowly(CfMemo *memo, const void *key, CfMemoTicket *ticket)
{
	if (memo->filled == memo->now)
	{
		uint32		slot = find_slot(memo, key);

		if (memo->used[slot])
			return entry_at(memo, slot);
	}
	if (memo->filled != memo->now || memo->nentries >= memo->max_entries)
		make_empty(memo);
	*ticket = memo->now;
	return NULL;
}

void *
cf_memo_alloc(CfMemo *memo, Size size, CfMemoTicket ticket)
{
	return memo->now == ticket ? MemoryContextAllocZero(memo->context, size) : NULL;
}

void *
cf_memo_enter(CfMemo *memo, const void *key, CfMemoTicket ticket)
{
	uint32		slot;

	if (memo->now != ticket)
		return NULL;
	if (2 * memo->nentries > memo->mask)
		double_slots(memo);
	slot = find_slot(memo, key);
	if (!memo->used[slot])
	{
		memcpy(entry_at(memo, slot), key, memo->key_size);
		memo->used[slot] = true;
		memo->nentries++;
	}
	return entry_at(memo, slot);
}

void
cf_memo_forget(CfMemo *memo)
{
	memo->now++;
}
