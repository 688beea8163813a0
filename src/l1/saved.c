/*
 * saved.c - entries as records of a file, over a clean restart.
 *
 * src/l1/saved.c
 */
#include "postgres.h"

#include "base/guc.h"
#include "l1/l1_internal.h"
#include "l1/saved.h"

/* Followed by the dependencies, the key and the value, each at once after the other. */
typedef struct SavedEntry
{
	uint32		size;			/* of all of it */
	uint32		value_len;
	uint32		first_len;
	uint32		load_us;
	uint32		stale_for;
	uint32		note;
	Oid			dboid;
	Oid			role;
	Oid			session_role;
	uint16		key_len;
	uint16		ndeps;
	uint8		form;
	uint8		flags;
	uint8		visited;
	uint8		stats_slot;
	int64		age;			/* us since it was filled */
	int64		ttl;
	uint64		lsn;
	CfHash128	id_hash;
} SavedEntry;

/* A century: what is more is no time that anybody has given, and might overflow. */
#define CF_MAX_SAVED_TIME (INT64CONST(100) * 366 * USECS_PER_DAY)

StaticAssertDecl(CF_L1_WALK_PARTITIONS == CF_L1_PARTITIONS, "a walk has a place in each");

void
cf_l1_postmaster_begin(void)
{
	cf_l1_dsa = cf_l1_postmaster_area;
}

/* A child attaches by itself. */
void
cf_l1_postmaster_end(void)
{
	cf_l1_dsa = NULL;
}

/* ---- the end ---------------------------------------------------------------------- */

static void
begin_round(CfL1Walk *walk)
{
	for (int i = 0; i < CF_L1_PARTITIONS; i++)
		walk->next[i] = cf_l1_shared->partition[i].sieve.newest;
	walk->partition = 0;
}

void
cf_l1_walk_begin(CfL1Walk *walk, TimestampTz now)
{
	walk->now = now;
	walk->visited = true;
	begin_round(walk);
}

static Size
record_size(const CfSharedL1Entry *entry)
{
	return sizeof(SavedEntry) + entry->ndeps * sizeof(CfClockRef) + entry->key_len +
		entry->value_len;
}

static bool
is_worth_it(const CfL1Walk *walk, const CfSharedL1Entry *entry)
{
	return walk->now < cf_entry_expires_at(entry) + cf_entry_stale_for(entry) &&
		entry->ttl < CF_MAX_SAVED_TIME && cf_l1_entry_is_current(entry, true);
}

/* The partitions in turn, each from its newest on. */
static CfSharedL1Entry *
find_next(CfL1Walk *walk)
{
	int			empty = 0;

	while (empty < CF_L1_PARTITIONS)
	{
		uint64	   *next = &walk->next[walk->partition];
		CfSharedL1Entry *entry;

		if (*next == 0)
		{
			walk->partition = (walk->partition + 1) % CF_L1_PARTITIONS;
			empty++;
			continue;
		}
		empty = 0;
		entry = cf_entry(*next);
		if ((entry->sieve.visited != 0) == walk->visited && is_worth_it(walk, entry))
			return entry;
		*next = entry->sieve.older;
	}
	return NULL;
}

Size
cf_l1_walk_size(CfL1Walk *walk)
{
	CfSharedL1Entry *entry = find_next(walk);

	if (entry == NULL && walk->visited)
	{
		walk->visited = false;
		begin_round(walk);
		entry = find_next(walk);
	}
	return entry == NULL ? 0 : record_size(entry);
}

void
cf_l1_walk_skip(CfL1Walk *walk)
{
	walk->next[walk->partition] = cf_entry(walk->next[walk->partition])->sieve.older;
	walk->partition = (walk->partition + 1) % CF_L1_PARTITIONS;
}

void
cf_l1_walk_take(CfL1Walk *walk, char *record)
{
	CfSharedL1Entry *entry = cf_entry(walk->next[walk->partition]);
	SavedEntry	saved = {
		.size = (uint32) record_size(entry),
		.value_len = entry->value_len,
		.first_len = entry->first_len,
		.load_us = entry->load_us,
		.stale_for = entry->stale_for,
		.note = entry->sieve.note,
		.dboid = entry->dboid,
		.role = entry->role,
		.session_role = entry->session_role,
		.key_len = entry->key_len,
		.ndeps = entry->ndeps,
		.form = entry->form,
		.flags = entry->sieve.flags,
		.visited = entry->sieve.visited,
		.stats_slot = entry->stats_slot,
		.age = walk->now - entry->filled_at,
		.ttl = entry->ttl,
		.lsn = entry->lsn,
		.id_hash = entry->id_hash,
	};
	char	   *at = record;

	memcpy(at, &saved, sizeof(saved));
	at += sizeof(saved);
	memcpy(at, cf_entry_deps(entry), entry->ndeps * sizeof(CfClockRef));
	at += entry->ndeps * sizeof(CfClockRef);
	memcpy(at, cf_entry_key(entry), entry->key_len);
	at += entry->key_len;
	cf_l1_copy_value(entry, 0, entry->value_len, at);
	cf_l1_walk_skip(walk);
}

/* ---- the start -------------------------------------------------------------------- */

/* Is all that the head says true of a text of that length, and will it do as an entry? */
static bool
is_sound(const SavedEntry *saved, Size len)
{
	return saved->size <= len && saved->ndeps <= CF_L1_MAX_DEPS && saved->key_len <= CF_MAX_KEY &&
		saved->value_len <= saved->size &&
		saved->size == sizeof(*saved) + saved->ndeps * sizeof(CfClockRef) + saved->key_len +
		(Size) saved->value_len &&
		saved->form <= CF_FORM_VALUE &&
		(saved->flags >> CF_ENTRY_MARKER_SHIFT) <= CF_L1_MARK_BOUND_ALL &&
		/* From the second byte on: see cf_l1_get. */
		(saved->first_len == 0 || saved->first_len < saved->value_len) &&
		(saved->flags & CF_ENTRY_OUTDATED) == 0 &&
		saved->age > -CF_MAX_SAVED_TIME && saved->age < CF_MAX_SAVED_TIME &&
		saved->ttl > -CF_MAX_SAVED_TIME && saved->ttl < CF_MAX_SAVED_TIME;
}

static void
describe(const CfL1Restoring *restoring, const SavedEntry *saved, const CfClockRef *deps,
		 CfL1Meta *meta)
{
	MemSet(meta, 0, sizeof(*meta));
	meta->filled_at = restoring->now - saved->age - restoring->downtime;
	meta->ttl = saved->ttl;
	meta->expires_at = meta->filled_at + meta->ttl;
	meta->stale_for = saved->stale_for * CF_ENTRY_STALE_UNIT;
	meta->basis.stamp = cf_clock_stamp();
	meta->basis.lsn = saved->lsn;
	meta->load_us = saved->load_us;
	meta->about = saved->note;
	meta->stats_slot = restoring->slots[saved->stats_slot];
	meta->covered = (saved->flags & CF_ENTRY_COVERED) != 0;
	meta->provable = (saved->flags & CF_ENTRY_PROVABLE) != 0;
	meta->outlives = (saved->flags & CF_ENTRY_OUTLIVES) != 0;
	meta->marker = (CfL1Marker) (saved->flags >> CF_ENTRY_MARKER_SHIFT);
	meta->basis.ndeps = saved->ndeps;
	meta->basis.deps = deps;
}

CfL1RestoreStatus
cf_l1_restore(const CfL1Restoring *restoring, const char *text, Size len, Size *size)
{
	SavedEntry	saved;
	CfClockRef	deps[CF_L1_MAX_DEPS];
	CfL1Meta	meta;
	CfValue		value;
	CfIdentity	id;
	CfKey		key;
	const char *at = text + sizeof(saved);

	if (len < sizeof(saved))
		return CF_L1_BAD_RECORD;
	memcpy(&saved, text, sizeof(saved));
	if (!is_sound(&saved, len))
		return CF_L1_BAD_RECORD;
	*size = saved.size;
	memcpy(deps, at, saved.ndeps * sizeof(CfClockRef));
	at += saved.ndeps * sizeof(CfClockRef);
	describe(restoring, &saved, deps, &meta);
	cf_key_init(&key, saved.dboid, at, saved.key_len);
	at += saved.key_len;
	id.role = saved.role;
	id.session_role = saved.session_role;
	id.form = (CfForm) saved.form;
	id.hash = saved.id_hash;
	if (saved.value_len > (uint32) cf_guc_l1_max_value ||
		restoring->now >= meta.expires_at + meta.stale_for)
		return CF_L1_PASSED;
	/* Before anybody may change what it depends on: nobody has to be told that he was first. */
	for (int i = 0; i < meta.basis.ndeps; i++)
		cf_clock_depend_at_start(deps[i]);
	value = (CfValue) {
		at, saved.value_len, saved.first_len, (saved.flags & CF_ENTRY_NEGATIVE) != 0
	};
	return cf_l1_put_at_start(&key, &id, &value, &meta, saved.visited != 0) ?
		CF_L1_RESTORED : CF_L1_FULL;
}

void
cf_l1_restore_undo(void)
{
	for (int p = 0; p < CF_L1_PARTITIONS; p++)
	{
		CfSharedL1Partition *partition = &cf_l1_shared->partition[p];

		LWLockAcquire(partition->lock, LW_EXCLUSIVE);
		for (uint32 b = 0; b < cf_l1_shared->nbuckets && partition->entries > 0; b++)
		{
			dsa_pointer *link = &cf_l1_shared->bucket[(Size) p * cf_l1_shared->nbuckets + b];

			while (DsaPointerIsValid(*link))
				cf_l1_remove_locked(partition, link);
		}
		LWLockRelease(partition->lock);
	}
}
