/*
 * due.c - the transaction's list of keys to load at its commit.
 *
 * An array in order of time, each with the nesting level that added it; a long one has a
 * hash table as well. All of it is in TopTransactionContext and goes with that.
 *
 * src/txn/due.c
 */
#include "postgres.h"

#include "utils/datum.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "base/guc.h"
#include "base/involved.h"
#include "txn/due.h"

#define CF_SHORT_LIST 16		/* is searched from its end */

typedef struct Noted
{
	CfDue		due;
	int			level;			/* of subtransactions */
} Noted;

/* Of the running transaction. */
static struct
{
	Noted	   *note;
	int			n;
	int			room;
	HTAB	   *hashes;			/* of a list that is no longer short; or NULL */
}			notes;

/* A value that is out of line might be gone by then, and has no image to compare. */
static Datum
in_line(const CfDue *due, int i)
{
	if (due->nulls[i] || due->typlens[i] != -1)
		return due->values[i];
	return PointerGetDatum(PG_DETOAST_DATUM_PACKED(due->values[i]));
}

static void
hash_due(CfDue *due)
{
	cf_hash128_init(&due->hash, due->nargs);
	cf_hash128_add(&due->hash, due->cache, strlen(due->cache));
	for (int i = 0; i < due->nargs; i++)
	{
		cf_hash128_add_u64(&due->hash, ((uint64) due->types[i] << 1) | due->nulls[i]);
		if (due->nulls[i])
			continue;
		if (due->typbyvals[i])
			cf_hash128_add_u64(&due->hash, (uint64) due->values[i]);
		else if (due->typlens[i] == -1)
		{
			struct varlena *value = (struct varlena *) DatumGetPointer(due->values[i]);

			cf_hash128_add(&due->hash, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
		}
		else
			cf_hash128_add(&due->hash, DatumGetPointer(due->values[i]),
						   due->typlens[i] == -2 ?
						   strlen(DatumGetCString(due->values[i])) : due->typlens[i]);
	}
}

static bool
is_known(const CfHash128 *hash)
{
	if (notes.hashes != NULL)
		return hash_search(notes.hashes, hash, HASH_FIND, NULL) != NULL;
	for (int i = notes.n - 1; i >= 0; i--)
	{
		if (cf_hash128_equal(&notes.note[i].due.hash, hash))
			return true;
	}
	return false;
}

static void
build_known(void)
{
	HASHCTL		control = {
		.keysize = sizeof(CfHash128),
		.entrysize = sizeof(CfHash128),
		.hcxt = TopTransactionContext,
	};
	HTAB	   *new = hash_create("cachefront keys to refresh", 4 * CF_SHORT_LIST, &control,
								  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);

	for (int i = 0; i < notes.n; i++)
		(void) hash_search(new, &notes.note[i].due.hash, HASH_ENTER, NULL);
	notes.hashes = new;
}

static void
make_room(void)
{
	if (notes.note == NULL)
	{
		notes.note = palloc(CF_SHORT_LIST * sizeof(Noted));
		notes.room = CF_SHORT_LIST;
	}
	if (notes.n == notes.room)
	{
		notes.note = repalloc_huge(notes.note, 2 * (Size) notes.room * sizeof(Noted));
		notes.room *= 2;
	}
	if (notes.hashes == NULL && notes.n == CF_SHORT_LIST)
		build_known();
}

/* In CurrentMemoryContext. */
static void *
copy(const void *from, Size size)
{
	void	   *to = palloc(Max(size, 1));

	if (size > 0)
		memcpy(to, from, size);
	return to;
}

static void
append(const CfDue *due)
{
	MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);
	int			n = due->nargs;
	CfDue		own = *due;

	cf_involve();
	make_room();
	own.cache = notes.n > 0 && strcmp(notes.note[notes.n - 1].due.cache, due->cache) == 0 ?
		notes.note[notes.n - 1].due.cache : pstrdup(due->cache);
	own.types = copy(due->types, n * sizeof(Oid));
	own.typlens = copy(due->typlens, n * sizeof(int16));
	own.typbyvals = copy(due->typbyvals, n * sizeof(bool));
	own.nulls = copy(due->nulls, n * sizeof(bool));
	own.values = copy(due->values, n * sizeof(Datum));
	for (int i = 0; i < n; i++)
	{
		if (!own.nulls[i])
			own.values[i] = datumCopy(own.values[i], own.typbyvals[i], own.typlens[i]);
	}
	if (notes.hashes != NULL)
		(void) hash_search(notes.hashes, &own.hash, HASH_ENTER, NULL);
	notes.note[notes.n].due = own;
	notes.note[notes.n].level = GetCurrentTransactionNestLevel();
	notes.n++;
	MemoryContextSwitchTo(old);
}

bool
cf_due_add(const CfDue *due)
{
	CfDue		plain = *due;

	plain.values = palloc(Max(due->nargs, 1) * sizeof(Datum));
	for (int i = 0; i < due->nargs; i++)
		plain.values[i] = in_line(due, i);
	hash_due(&plain);
	if (!is_known(&plain.hash))
	{
		if (notes.n >= cf_guc_max_keys_per_commit)
			return false;
		append(&plain);
	}
	for (int i = 0; i < due->nargs; i++)
	{
		if (plain.values[i] != due->values[i])
			pfree(DatumGetPointer(plain.values[i]));
	}
	pfree(plain.values);
	return true;
}

int
cf_due_count(void)
{
	return notes.n;
}

const CfDue *
cf_due_get(int i)
{
	return &notes.note[i].due;
}

bool
cf_due_has(const char *cache)
{
	const char *last = NULL;

	/* Neighbours of one cache have its name in common. */
	for (int i = 0; i < notes.n; i++)
	{
		if (notes.note[i].due.cache != last && strcmp(notes.note[i].due.cache, cache) == 0)
			return true;
		last = notes.note[i].due.cache;
	}
	return false;
}

/* What a parent has noted as well stays its own. */
void
cf_due_subxact(SubXactEvent event)
{
	int			level;

	if (likely(notes.n == 0))
		return;
	level = GetCurrentTransactionNestLevel();
	if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		while (notes.n > 0 && notes.note[notes.n - 1].level >= level)
		{
			notes.n--;
			if (notes.hashes != NULL)
				(void) hash_search(notes.hashes, &notes.note[notes.n].due.hash, HASH_REMOVE, NULL);
		}
	}
	else if (event == SUBXACT_EVENT_COMMIT_SUB)
	{
		for (int i = notes.n - 1; i >= 0 && notes.note[i].level >= level; i--)
			notes.note[i].level = level - 1;
	}
}

/* The memory goes with the transaction. */
void
cf_due_reset(void)
{
	notes.note = NULL;
	notes.hashes = NULL;
	notes.n = notes.room = 0;
}
