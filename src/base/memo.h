/*
 * memo.h - answers that a session remembers until something changes.
 *
 * What can be asked again may be forgotten at any time: so a memo is emptied as
 * a whole when it is full, or when what its answers rest on has changed. Who
 * asks meanwhile must not leave an answer from before the change. So a look that
 * finds nothing gives a ticket, and what was found out goes in only with one
 * that still holds:
 *
 *	static CfMemo memo = CF_MEMO("cachefront functions", Known, 4096);
 *
 *	known = cf_memo_find(&memo, &function, &ticket);
 *	if (known != NULL)
 *		return known->traits;
 *	traits = find_traits(function);
 *	known = cf_memo_enter(&memo, &function, ticket);
 *	if (known != NULL)
 *		known->traits = traits;
 *
 * An entry is the memo's, and there until the memo is used the next time: by
 * the same caller, or by whoever runs while he does something else.
 *
 * Locking: none; a memo is of one process.
 *
 * src/base/memo.h
 */
#ifndef CF_BASE_MEMO_H
#define CF_BASE_MEMO_H

#include "postgres.h"

#include "common/hashfn.h"

#define CF_MEMO_HASH_SIZE 16

/* One for each time that a memo was emptied, or is to be. */
typedef uint64 CfMemoTicket;

typedef struct CfMemo
{
	const char *name;			/* of its memory, in pg_backend_memory_contexts */
	Size		key_size;		/* bytes: of an OID, or of a hash */
	Size		entry_size;		/* bytes, the key included */
	uint32		max_entries;

	/* its own */
	CfMemoTicket now;			/* of what would be entered */
	CfMemoTicket filled;		/* of what is there; another than now: nothing */
	uint32		nentries;
	uint32		mask;			/* slots - 1, which is a power of two */
	char	   *entries;		/* one a slot; the next free slot takes what collides */
	bool	   *used;			/* one a slot */
	MemoryContext context;		/* of all this, and of what entries point to */
} CfMemo;

/* The type of an entry begins with its key, a field called key. */
#define CF_MEMO(name, type, max_entries) \
	{(name), sizeof(((type *) 0)->key), sizeof(type), (max_entries), .now = 1}

/*
 * Where an entry is looked for first. Bits of a hash are as good as any; those
 * of an OID are mixed.
 */
static inline uint32
cf_memo_first_slot(const CfMemo *memo, const void *key, Size key_size)
{
	uint32		word;

	memcpy(&word, (const char *) key + key_size - sizeof(word), sizeof(word));
	return (key_size == sizeof(Oid) ? murmurhash32(word) : word) & memo->mask;
}

/* What a look does where the first slot does not have the entry. */
extern void *cf_memo_find_slowly(CfMemo *memo, const void *key, CfMemoTicket *ticket);

static inline void *
cf_memo_find_sized(CfMemo *memo, const void *key, Size key_size, CfMemoTicket *ticket)
{
	Assert(key_size == memo->key_size);
	if (likely(memo->filled == memo->now))
	{
		uint32		slot = cf_memo_first_slot(memo, key, key_size);
		char	   *entry = memo->entries + slot * memo->entry_size;

		if (likely(memo->used[slot] && memcmp(entry, key, key_size) == 0))
			return entry;
	}
	return cf_memo_find_slowly(memo, key, ticket);
}

/*
 * An entry, or NULL and a ticket for what will be found out. key: a pointer to
 * one, of its type. Raises errors only for lack of memory.
 */
#define cf_memo_find(memo, key, ticket) \
	cf_memo_find_sized((memo), (key), sizeof(*(key)), (ticket))

/*
 * A new entry, all zeros but for its key, or the one that somebody else has
 * entered meanwhile. NULL: the memo was emptied since the ticket was given.
 * Raises errors only for lack of memory. The entry must be whole before
 * anything else can raise one.
 */
extern void *cf_memo_enter(CfMemo *memo, const void *key, CfMemoTicket ticket);

/*
 * Memory for what an entry points to, to be had before it is entered; zeros.
 * NULL: the ticket does not hold. Raises errors only for lack of memory.
 */
extern void *cf_memo_alloc(CfMemo *memo, Size size, CfMemoTicket ticket);

/*
 * Forgets all entries, at the next look: what a caller holds stays until then.
 * Cannot fail, and so may be called wherever invalidations arrive.
 */
extern void cf_memo_forget(CfMemo *memo);

#endif							/* CF_BASE_MEMO_H */
