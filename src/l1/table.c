/*
 * table.c - look up, store and drop entries (scan.c reports them).
 *
 * Locking: each function takes one partition lock: shared to look up and
 * scan, exclusive to change. Below it come only DSA's own locks. No function
 * waits, does I/O or raises an error while it holds one; memory for a copy is
 * taken with MCXT_ALLOC_NO_OOM.
 *
 * src/l1/table.c
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "base/compat.h"
#include "base/fault.h"
#include "base/guc.h"
#include "history/follow.h"
#include "history/history.h"
#include "l1/l1_internal.h"

static inline bool
entry_matches(const CfSharedL1Entry *entry, const CfKey *key)
{
	return entry->key_hash == key->hash && entry->dboid == key->dboid &&
		entry->key_len == key->len &&
		memcmp(cf_entry_key(entry), key->data, key->len) == 0;
}

static inline bool
entry_is_variant(const CfSharedL1Entry *entry, const CfIdentity *id)
{
	return cf_hash128_equal(&entry->id_hash, &id->hash) &&
		entry->role == id->role && entry->session_role == id->session_role &&
		entry->form == (uint32) id->form;
}

/* Nobody knows by which definitions somebody has made a value that he stored. */
static inline bool
is_defined_as_before(const CfSharedL1Entry *entry)
{
	return entry->form != CF_FORM_VALUE ||
		cf_clock_unmoved(cf_clock_of_any_definition(entry->dboid), entry->stamp);
}

static inline CfBasis
basis_of(const CfSharedL1Entry *entry)
{
	return (CfBasis) {
		.stamp = entry->stamp,
		.lsn = entry->lsn,
		.ndeps = entry->ndeps,
		.deps = cf_entry_deps(entry),
	};
}

/* See l1_internal.h. */
bool
cf_l1_entry_is_current(const CfSharedL1Entry *entry, bool followed)
{
	CfBasis		basis = basis_of(entry);

	if ((entry->sieve.flags & CF_ENTRY_OUTDATED) || !cf_basis_is_unmoved(entry->dboid, &basis) ||
		!is_defined_as_before(entry))
		return false;
	if (likely(entry->lsn == 0))
		return true;
	/* Another server's cache_set replaces what this one has stored. */
	if (entry->form == CF_FORM_VALUE &&
		cf_history_lsn(cf_clock_of_value(entry->key_hash)) > entry->lsn)
		return false;
	return followed && cf_history_is_unchanged(entry->lsn, entry->key_hash, entry->dboid,
											   basis.deps, basis.ndeps);
}

/*
 * What is not current: was it but rows that changed? Whoever invalidates a key
 * by hand unlinks its entries. A marker that says that results are not shared is
 * asked about again at once.
 */
static bool
is_outdated_by_rows(const CfSharedL1Entry *entry)
{
	CfBasis		basis = basis_of(entry);
	CfL1Marker	marker = cf_entry_marker(entry);

	if (marker != CF_L1_VALUE && marker != CF_L1_MARK_BOUND && marker != CF_L1_MARK_BOUND_ALL)
		return false;
	/* The history does not tell what a change was of. */
	return entry->lsn == 0 && cf_basis_is_unmoved_but_by_rows(entry->dboid, &basis);
}

/* What an entry may be used for by who holds an old snapshot or has written. */
static bool
entry_is_proven(const CfSharedL1Entry *entry, const CfL1Proof *proof)
{
	CfBasis		basis = basis_of(entry);
	CfL1Proof	needed = *proof;

	if (!(entry->sieve.flags & CF_ENTRY_COVERED) ||
		(FullTransactionIdIsValid(proof->xmin) && !(entry->sieve.flags & CF_ENTRY_PROVABLE)))
		return false;
	if (CF_PLANTED(NO_XMIN))
		needed.xmin = InvalidFullTransactionId;
	return cf_basis_is_proven(entry->key_hash, entry->dboid, &basis, &needed);
}

/* The link that leads to the variant, or to the chain's end. */
static dsa_pointer *
find_locked(const CfKey *key, const CfIdentity *id)
{
	dsa_pointer *link = cf_l1_bucket_of(key->hash);

	while (DsaPointerIsValid(*link))
	{
		CfSharedL1Entry *entry = cf_entry(*link);

		if (entry_is_variant(entry, id) && entry_matches(entry, key))
			break;
		link = &entry->next;
	}
	return link;
}

/* See l1_internal.h. */
void
cf_l1_copy_value(CfSharedL1Entry *entry, Size offset, Size len, char *to)
{
	dsa_pointer dp = entry->chunks;

	if (!DsaPointerIsValid(dp))
	{
		memcpy(to, cf_entry_value(entry) + offset, len);
		return;
	}
	while (len > 0)
	{
		CfSharedL1Chunk *chunk = dsa_get_address(cf_l1_dsa, dp);
		Size		n = Min(len, CF_L1_CHUNK_DATA - offset);

		/* An offset is 0 or 1: in the first chunk. */
		memcpy(to, chunk->data + offset, n);
		to += n;
		len -= n;
		offset = 0;
		dp = chunk->next;
	}
}

static void
copy_part(CfSharedL1Entry *entry, CfL1Part part, CfL1Result *result)
{
	CfValue		value = {
		.len = entry->value_len,
		.first_len = entry->first_len,
		.negative = (entry->sieve.flags & CF_ENTRY_NEGATIVE) != 0,
	};
	Size		offset;
	Size		len;

	if (!cf_value_find(&value, part, &offset, &len))
		return;
	result->value = palloc_extended(VARHDRSZ + len, MCXT_ALLOC_NO_OOM);
	if (result->value == NULL)
	{
		result->no_memory = true;
		return;
	}
	SET_VARSIZE(result->value, VARHDRSZ + len);
	cf_l1_copy_value(entry, offset, len, VARDATA(result->value));
}

static void
copy_deps(CfSharedL1Entry *entry, CfL1Result *result)
{
	Size		size = Max(entry->ndeps, 1) * sizeof(CfClockRef);

	result->deps = palloc_extended(size, MCXT_ALLOC_NO_OOM);
	if (result->deps == NULL)
	{
		result->no_memory = true;
		return;
	}
	result->ndeps = entry->ndeps;
	memcpy(result->deps, cf_entry_deps(entry), entry->ndeps * sizeof(CfClockRef));
}

/* Each of a few tags among what an entry depends on. */
static bool
has_tags(const CfClockRef *deps, int ndeps, const CfL1Limits *limits)
{
	for (int t = 0; t < limits->ntags; t++)
	{
		int			i = 0;

		while (i < ndeps && deps[i] != limits->tags[t])
			i++;
		if (i == ndeps)
			return false;
	}
	return true;
}

bool
cf_l1_meta_is_within(const CfL1Meta *meta, const CfL1Limits *limits)
{
	return limits == NULL ||
		(limits->asked_at - meta->filled_at < limits->max_age &&
		 has_tags(meta->basis.deps, meta->basis.ndeps, limits));
}

CfL1Status
cf_l1_get_within(const CfKey *key, const CfIdentity *id, const CfL1Ask *ask,
				 CfL1Result *result)
{
	const CfL1Limits *limits = ask->limits;
	CfSharedL1Partition *partition;
	CfSharedL1Entry *entry;
	dsa_pointer dp;
	TimestampTz expires_at;
	int64		ttl;
	CfL1Status	status = CF_L1_MISS;
	bool		followed = cf_follow_catch_up();

	cf_l1_attach();
	result->behind = !followed;
	result->value = NULL;
	result->no_memory = false;
	result->lacks_tags = false;
	result->outdated = false;
	result->deps = NULL;
	result->ndeps = 0;

	partition = &cf_l1_shared->partition[cf_l1_partition_of(key->hash)];
	LWLockAcquire(partition->lock, LW_SHARED);
	dp = *find_locked(key, id);
	if (DsaPointerIsValid(dp) &&
		(cf_l1_entry_is_current(entry = cf_entry(dp), followed) ||
		 (ask->max_stale > 0 && (result->outdated = is_outdated_by_rows(entry)))))
	{
		ttl = entry->ttl;
		if (unlikely(limits != NULL))
			ttl = Min(ttl, limits->max_age);
		if (unlikely(result->outdated))
			ttl = Min(ttl, ask->max_stale);
		expires_at = entry->filled_at + ttl;
		if (ask->now < expires_at)
			status = cf_entry_marker(entry) == CF_L1_VALUE ? CF_L1_HIT : CF_L1_MARKED;
		else if (ask->now < expires_at + cf_entry_stale_for(entry) && !result->outdated &&
				 cf_entry_marker(entry) == CF_L1_VALUE)
			status = CF_L1_EXPIRED;

		if (status != CF_L1_MISS)
		{
			result->covered = (entry->sieve.flags & CF_ENTRY_COVERED) != 0;
			result->provable = (entry->sieve.flags & CF_ENTRY_PROVABLE) != 0;
			result->stamp = entry->stamp;
			result->negative = (entry->sieve.flags & CF_ENTRY_NEGATIVE) != 0;
			result->marker = cf_entry_marker(entry);
			result->filled_at = entry->filled_at;
			result->expires_at = expires_at;
			result->ttl = ttl;
			result->load_us = entry->load_us;
			result->value_len = entry->value_len;
		}
		if (unlikely(limits != NULL) && limits->ntags > 0 &&
			(status == CF_L1_HIT || status == CF_L1_EXPIRED) &&
			!has_tags(cf_entry_deps(entry), entry->ndeps, limits))
		{
			status = CF_L1_MISS;
			result->lacks_tags = true;
			if (ask->flags & CF_L1_WANT_DEPS)
				copy_deps(entry, result);
		}
		if (unlikely(ask->proof != NULL) &&
			(status != CF_L1_HIT || !entry_is_proven(entry, ask->proof)))
			status = CF_L1_MISS;
		if (status == CF_L1_HIT || (status == CF_L1_EXPIRED && (ask->flags & CF_L1_WANT_STALE)))
		{
			if (!entry->sieve.visited)
				entry->sieve.visited = 1;
			copy_part(entry, ask->part, result);
			if (ask->flags & CF_L1_WANT_DEPS)
				copy_deps(entry, result);
		}
	}
	LWLockRelease(partition->lock);
	return status;
}

CfL1Status
cf_l1_get(const CfKey *key, const CfIdentity *id, CfL1Part part,
		  TimestampTz now, int flags, CfL1Result *result)
{
	CfL1Ask		ask = {.part = part, .now = now, .flags = flags};

	return cf_l1_get_within(key, id, &ask, result);
}

static void
free_entry(dsa_pointer dp)
{
	cf_l1_free_chunks(cf_entry(dp)->chunks);
	dsa_free(cf_l1_dsa, dp);
}

void
cf_l1_remove_locked(CfSharedL1Partition *partition, dsa_pointer *link)
{
	dsa_pointer dp = *link;
	CfSharedL1Entry *entry = cf_entry(dp);
	Size		size;

	Assert(LWLockHeldByMeInMode(partition->lock, LW_EXCLUSIVE));
	*link = entry->next;
	cf_sieve_remove(&partition->sieve, NULL, dp);
	size = cf_entry_size(entry->ndeps, entry->key_len, entry->value_len);
	partition->bytes -= size;
	partition->entries--;
	cf_stats_hold(entry->stats_slot, -1, -(int64) size);
	free_entry(dp);
}

static void
write_entry(CfSharedL1Entry *entry, const CfKey *key, const CfIdentity *id,
			const CfValue *value, dsa_pointer chunks, const CfL1Meta *meta)
{
	MemSet(entry, 0, sizeof(*entry));
	entry->chunks = chunks;
	entry->sieve.note = meta->about;
	entry->key_hash = key->hash;
	entry->id_hash = id->hash;
	entry->filled_at = meta->filled_at;
	entry->ttl = meta->ttl;
	entry->stale_for = (uint32) Min(meta->stale_for / CF_ENTRY_STALE_UNIT, PG_UINT32_MAX);
	entry->stamp = meta->basis.stamp;
	entry->lsn = meta->basis.lsn;
	entry->dboid = key->dboid;
	entry->role = id->role;
	entry->session_role = id->session_role;
	entry->load_us = meta->load_us;
	entry->value_len = (uint32) value->len;
	entry->first_len = value->first_len;
	entry->key_len = (uint32) key->len;
	entry->ndeps = (uint32) meta->basis.ndeps;
	entry->stats_slot = meta->stats_slot;
	entry->form = (uint32) id->form;
	entry->sieve.flags = (uint8) ((value->negative ? CF_ENTRY_NEGATIVE : 0) |
							(meta->covered ? CF_ENTRY_COVERED : 0) |
							(meta->provable ? CF_ENTRY_PROVABLE : 0) |
							(meta->outlives ? CF_ENTRY_OUTLIVES : 0) |
							(meta->marker << CF_ENTRY_MARKER_SHIFT));
	if (meta->basis.ndeps > 0)
		memcpy(cf_entry_deps(entry), meta->basis.deps, meta->basis.ndeps * sizeof(CfClockRef));
	memcpy(cf_entry_key(entry), key->data, key->len);
	if (!DsaPointerIsValid(chunks) && value->len > 0)
		memcpy(cf_entry_value(entry), value->bytes, value->len);
}

/* Copies a value into a chain of chunks. InvalidDsaPointer: no memory. */
static dsa_pointer
make_chunks(const char *value, Size len, Size *budget)
{
	dsa_pointer first = InvalidDsaPointer;

	/* From the end, so that each chunk knows the next. All are of one size. */
	while (len > 0)
	{
		Size		n = (len - 1) % CF_L1_CHUNK_DATA + 1;
		dsa_pointer dp = cf_l1_alloc_evicting(sizeof(CfSharedL1Chunk), budget);
		CfSharedL1Chunk *chunk;

		if (!DsaPointerIsValid(dp))
		{
			cf_l1_free_chunks(first);
			return InvalidDsaPointer;
		}
		chunk = dsa_get_address(cf_l1_dsa, dp);
		chunk->next = first;
		memcpy(chunk->data, value + len - n, n);
		first = dp;
		len -= n;
	}
	return first;
}

/* An entry that nobody sees yet. InvalidDsaPointer: no memory. */
static dsa_pointer
make_entry(const CfKey *key, const CfIdentity *id, const CfValue *value, const CfL1Meta *meta,
		   bool evict)
{
	Size		size = cf_entry_size(meta->basis.ndeps, key->len, value->len);
	Size		budget = evict ? 2 * size + CF_L1_EVICT_MIN : 0;
	dsa_pointer chunks = InvalidDsaPointer;
	dsa_pointer dp;

	if (size > cf_l1_shared->dsa_size / 2)
		return InvalidDsaPointer;
	if (size > CF_L1_CHUNK && value->len > 0)
	{
		chunks = make_chunks(value->bytes, value->len, &budget);
		if (!DsaPointerIsValid(chunks))
			return InvalidDsaPointer;
		size -= value->len;
	}
	dp = cf_l1_alloc_evicting(size, &budget);
	if (DsaPointerIsValid(dp))
		write_entry(cf_entry(dp), key, id, value, chunks, meta);
	else
		cf_l1_free_chunks(chunks);
	return dp;
}

/*
 * All variants of a key are in one chain, which each look walks. So there are
 * but so many, and one more takes the place of an old one: of its own roles if
 * they have more than half of them, else of others. So nobody drives out all
 * that others have.
 */
static void
make_room_in_chain_locked(CfSharedL1Partition *partition, const CfKey *key,
						  const CfIdentity *id)
{
	dsa_pointer *own = NULL;
	dsa_pointer *other = NULL;
	int			nown = 0;
	int			n = 0;

	Assert(LWLockHeldByMeInMode(partition->lock, LW_EXCLUSIVE));
	/* New ones are put in front: the last is the oldest. */
	for (dsa_pointer *link = cf_l1_bucket_of(key->hash); DsaPointerIsValid(*link);
		 link = &cf_entry(*link)->next)
	{
		CfSharedL1Entry *entry = cf_entry(*link);

		if (!entry_matches(entry, key))
			continue;
		n++;
		if (entry->role == id->role && entry->session_role == id->session_role)
		{
			nown++;
			own = link;
		}
		else
			other = link;
	}
	if (n < CF_L1_MAX_VARIANTS)
		return;
	if (nown <= n / 2)
		own = other;
	partition->evictions++;
	cf_stats_count(cf_entry(*own)->stats_slot, CF_COUNT_EVICTIONS);
	cf_l1_remove_locked(partition, own);
}

/*
 * COMMIT callbacks come in another order than the commits that they are of. Who settles
 * writes the history first, and raises the clock before he drops what is here: so under
 * the lock one of the two is seen, or is yet to come and will replace this.
 */
static bool
is_overtaken(const CfKey *key, const CfL1Meta *meta)
{
	CfClockRef	clock = cf_clock_of_value(key->hash);

	return meta->set_lsn != 0 &&
		(cf_clock_pending(clock) > 0 || cf_history_lsn(clock) > meta->set_lsn);
}

/* link: the place in its bucket's chain. */
static void
link_locked(CfSharedL1Partition *partition, dsa_pointer *link, dsa_pointer dp)
{
	CfSharedL1Entry *entry = cf_entry(dp);
	Size		size = cf_entry_size(entry->ndeps, entry->key_len, entry->value_len);

	Assert(LWLockHeldByMeInMode(partition->lock, LW_EXCLUSIVE));
	entry->next = *link;
	*link = dp;
	partition->bytes += size;
	partition->entries++;
	cf_stats_hold(entry->stats_slot, 1, (int64) size);
}

/* See l1_internal.h. */
bool
cf_l1_put_at_start(const CfKey *key, const CfIdentity *id, const CfValue *value,
				   const CfL1Meta *meta, bool visited)
{
	CfSharedL1Partition *partition = &cf_l1_shared->partition[cf_l1_partition_of(key->hash)];
	dsa_pointer dp;

	/* A file that has it twice is none of ours, but shall do no harm. */
	if (DsaPointerIsValid(*find_locked(key, id)))
		return true;
	dp = make_entry(key, id, value, meta, false);
	if (!DsaPointerIsValid(dp))
		return false;
	LWLockAcquire(partition->lock, LW_EXCLUSIVE);
	make_room_in_chain_locked(partition, key, id);
	/* In chain and list behind all that came before. */
	link_locked(partition, find_locked(key, id), dp);
	cf_sieve_insert_oldest(&partition->sieve, NULL, dp);
	cf_entry(dp)->sieve.visited = visited;
	LWLockRelease(partition->lock);
	return true;
}

/*
 * The check of the clocks and the linking are one step under the partition's
 * lock. A writer raises the key's clock first and then takes the same lock to
 * unlink the key: so either it finds this entry, or this finds its clock.
 */
CfL1PutStatus
cf_l1_put(const CfKey *key, const CfIdentity *id, const CfValue *value, const CfL1Meta *meta)
{
	CfSharedL1Partition *partition;
	CfSharedL1Entry *entry;
	dsa_pointer dp;
	dsa_pointer *link;
	CfL1PutStatus status = CF_L1_STORED;

	Assert(meta->basis.ndeps <= CF_L1_MAX_DEPS);
	cf_l1_attach();
	cf_basis_depend(&meta->basis);
	if (value->len > (Size) cf_guc_l1_max_value)
		return CF_L1_TOO_LARGE;
	if (!cf_basis_is_current(key, &meta->basis))
		return CF_L1_REFUSED;

	dp = make_entry(key, id, value, meta, true);
	if (!DsaPointerIsValid(dp))
		return CF_L1_NO_MEMORY;

	partition = &cf_l1_shared->partition[cf_l1_partition_of(key->hash)];
	LWLockAcquire(partition->lock, LW_EXCLUSIVE);
	link = find_locked(key, id);
	if (!cf_basis_is_current(key, &meta->basis) || is_overtaken(key, meta))
		status = CF_L1_REFUSED;
	else if (DsaPointerIsValid(*link) &&
			 (entry = cf_entry(*link))->filled_at > meta->filled_at &&
			 cf_l1_entry_is_current(entry, true))
		status = CF_L1_REFUSED; /* a slower load must not replace a newer one */
	else
	{
		if (DsaPointerIsValid(*link))
			cf_l1_remove_locked(partition, link);
		else
			make_room_in_chain_locked(partition, key, id);
		link_locked(partition, cf_l1_bucket_of(key->hash), dp);
		cf_sieve_insert(&partition->sieve, NULL, dp);
	}
	LWLockRelease(partition->lock);

	if (status != CF_L1_STORED)
		free_entry(dp);
	return status;
}

bool
cf_l1_touch(const CfKey *key, const CfIdentity *id, TimestampTz now, int64 ttl)
{
	CfSharedL1Partition *partition;
	dsa_pointer dp;

	cf_l1_attach();
	partition = &cf_l1_shared->partition[cf_l1_partition_of(key->hash)];
	LWLockAcquire(partition->lock, LW_EXCLUSIVE);
	dp = *find_locked(key, id);
	/* What has expired stays so: a touch does not bring it back. */
	if (DsaPointerIsValid(dp) && now >= cf_entry_expires_at(cf_entry(dp)))
		dp = InvalidDsaPointer;
	if (DsaPointerIsValid(dp))
		cf_entry(dp)->ttl = now - cf_entry(dp)->filled_at + ttl;
	LWLockRelease(partition->lock);
	return DsaPointerIsValid(dp);
}

void
cf_l1_delete(const CfKey *key, const CfIdentity *id)
{
	cf_l1_delete_older(key, id, PG_UINT64_MAX);
}

void
cf_l1_delete_older(const CfKey *key, const CfIdentity *id, uint64 set_lsn)
{
	CfSharedL1Partition *partition;
	dsa_pointer *link;

	cf_l1_attach();
	partition = &cf_l1_shared->partition[cf_l1_partition_of(key->hash)];
	LWLockAcquire(partition->lock, LW_EXCLUSIVE);
	link = find_locked(key, id);
	if (DsaPointerIsValid(*link) && cf_history_lsn(cf_clock_of_value(key->hash)) <= set_lsn)
		cf_l1_remove_locked(partition, link);
	LWLockRelease(partition->lock);
}

/* The entry may outlive that its key is invalidated: SIEVE's hand need not spare it. */
static void
outdate_locked(CfSharedL1Entry *entry)
{
	entry->sieve.flags |= CF_ENTRY_OUTDATED;
	entry->sieve.visited = 0;
}

/* Drops all variants of a key, or outdates those that outlive it; returns how many there were. */
static int
drop_key(const CfKey *key, bool by_rows)
{
	CfSharedL1Partition *partition;
	dsa_pointer *link;
	int			n = 0;

	cf_l1_attach();
	partition = &cf_l1_shared->partition[cf_l1_partition_of(key->hash)];
	LWLockAcquire(partition->lock, LW_EXCLUSIVE);
	link = cf_l1_bucket_of(key->hash);
	while (DsaPointerIsValid(*link))
	{
		CfSharedL1Entry *entry = cf_entry(*link);
		bool		matches = entry_matches(entry, key);

		n += matches;
		if (matches && by_rows && (entry->sieve.flags & CF_ENTRY_OUTLIVES))
			outdate_locked(entry);
		else if (matches)
		{
			cf_l1_remove_locked(partition, link);
			continue;
		}
		link = &entry->next;
	}
	LWLockRelease(partition->lock);
	return n;
}

/* Drops all variants of a key; returns how many there were. */
int
cf_l1_delete_key(const CfKey *key)
{
	return drop_key(key, false);
}

void
cf_l1_outdate_key(const CfKey *key)
{
	(void) drop_key(key, true);
}

void
cf_l1_delete_database(Oid dboid)
{
	cf_l1_attach();
	for (int p = 0; p < CF_L1_PARTITIONS; p++)
	{
		CfSharedL1Partition *partition = &cf_l1_shared->partition[p];

		LWLockAcquire(partition->lock, LW_EXCLUSIVE);
		for (uint32 b = 0; b < cf_l1_shared->nbuckets && partition->entries > 0; b++)
		{
			dsa_pointer *link =
				&cf_l1_shared->bucket[(Size) p * cf_l1_shared->nbuckets + b];

			while (DsaPointerIsValid(*link))
			{
				if (cf_entry(*link)->dboid == dboid)
					cf_l1_remove_locked(partition, link);
				else
					link = &cf_entry(*link)->next;
			}
		}
		LWLockRelease(partition->lock);
	}
}
