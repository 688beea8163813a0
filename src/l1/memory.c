/*
 * memory.c - the store's memory: a DSA area of fixed size, and eviction.
 *
 * The area lies inside the main segment and may not grow, so DSA never makes
 * a segment of its own and never raises an error for lack of one. Where it
 * is full, entries are evicted by SIEVE, from one partition after another.
 *
 * Locking: one partition lock at a time; DSA's own locks come below it. The
 * allocation itself is made with no partition lock held.
 *
 * src/l1/memory.c
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "storage/ipc.h"
#include "utils/memutils.h"

#include "base/guc.h"
#include "base/shmem.h"
#include "l1/l1_internal.h"

#define CF_SIEVE_MAX_STEPS 256
#define CF_L1_FINE_SIZE (16 * 1024 * 1024)	/* from here on, more size classes */

CfSharedL1 *cf_l1_shared = NULL;
dsa_area   *cf_l1_dsa = NULL;
dsa_area   *cf_l1_postmaster_area = NULL;

static uint32
wanted_buckets(void)
{
	/* One bucket for each 512 bytes: chains of one or two for small values. */
	Size		n = (Size) cf_guc_l1_size * 1024 / 512 / CF_L1_PARTITIONS;

	return pg_nextpower2_32((uint32) Min(Max(n, 16), 1 << 24));
}

static Size
index_size(void)
{
	return MAXALIGN(add_size(offsetof(CfSharedL1, bucket),
							 mul_size(mul_size(wanted_buckets(), CF_L1_PARTITIONS),
									  sizeof(dsa_pointer))));
}

static Size
area_size(void)
{
	return MAXALIGN((Size) cf_guc_l1_size * 1024);
}

static Size
l1_shmem_size(void)
{
	return add_size(index_size(), area_size());
}

static void
l1_shmem_init(void *memory, LWLockPadded *locks)
{
	CfSharedL1 *new = memory;
	char	   *place = (char *) memory + index_size();
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	new->nbuckets = wanted_buckets();
	new->dsa_size = area_size();
	pg_atomic_init_u32(&new->hand, 0);
	pg_atomic_init_u32(&new->sparse, 0);
	for (int i = 0; i < CF_L1_PARTITIONS; i++)
		new->partition[i].lock = &locks[i].lock;
	for (Size i = 0; i < (Size) new->nbuckets * CF_L1_PARTITIONS; i++)
		new->bucket[i] = InvalidDsaPointer;

	/*
	 * Kept, for to attach takes a lock: at the postmaster's end nobody may be there who
	 * would give it back. After a crash the memory is a new one.
	 */
	if (cf_l1_postmaster_area != NULL)
		pfree(cf_l1_postmaster_area);
	cf_l1_postmaster_area = dsa_create_in_place(place, new->dsa_size, locks[0].lock.tranche, NULL);
	dsa_pin(cf_l1_postmaster_area);
	dsa_pin_mapping(cf_l1_postmaster_area);
	dsa_set_size_limit(cf_l1_postmaster_area, new->dsa_size);
	MemoryContextSwitchTo(old);
}

static void
l1_shmem_attach(void *memory, LWLockPadded *locks)
{
	cf_l1_shared = memory;
}

void
cf_l1_register(void)
{
	static const CfShmemSegment segment = {
		.name = "cachefront_l1",
		.nlocks = CF_L1_PARTITIONS,
		.size = l1_shmem_size,
		.init = l1_shmem_init,
		.attach = l1_shmem_attach,
	};

	cf_shmem_register(&segment);
}

/*
 * A copy of more than some 32 kB is a malloc of its own, which glibc gives back
 * to the kernel as soon as it is freed: 20 page faults a hit. Freeing one large
 * piece makes it keep more (its thresholds are dynamic: see mallopt(3)).
 */
static void
keep_freed_memory(void)
{
	void	   *volatile piece = malloc(4 * 1024 * 1024);

	free(piece);
}

void
cf_l1_attach(void)
{
	char	   *place;
	MemoryContext old;

	if (likely(cf_l1_dsa != NULL))
		return;
	place = (char *) cf_l1_shared + index_size();
	old = MemoryContextSwitchTo(TopMemoryContext);
	cf_l1_dsa = dsa_attach_in_place(place, NULL);
	dsa_pin_mapping(cf_l1_dsa);
	on_shmem_exit(dsa_on_shmem_exit_release_in_place, PointerGetDatum(place));
	MemoryContextSwitchTo(old);
	keep_freed_memory();
}

/* Evicts an entry of a partition and returns its size. */
static Size
evict_locked(CfSharedL1Partition *partition, CfSieveRef ref)
{
	CfSharedL1Entry *victim = cf_entry(ref);
	Size		size = cf_entry_size(victim->ndeps, victim->key_len, victim->value_len);
	dsa_pointer *link;

	Assert(LWLockHeldByMeInMode(partition->lock, LW_EXCLUSIVE));
	partition->evictions++;
	cf_stats_count(victim->stats_slot, CF_COUNT_EVICTIONS);

	link = cf_l1_bucket_of(victim->key_hash);
	while (*link != ref)
		link = &cf_entry(*link)->next;
	cf_l1_remove_locked(partition, link);
	return size;
}

/* The one that SIEVE names; 0 if there is none. */
static Size
evict_one_locked(CfSharedL1Partition *partition)
{
	CfSieveRef	ref = cf_sieve_victim(&partition->sieve, NULL, CF_SIEVE_MAX_STEPS);

	return ref == 0 ? 0 : evict_locked(partition, ref);
}

/*
 * The oldest one, if nobody has asked for it since SIEVE's hand has passed. The
 * hand spares it until it has come round, and that is never where as much comes in
 * as goes and nobody asks for it.
 */
static Size
evict_spared_locked(CfSharedL1Partition *partition)
{
	CfSieveRef	ref = partition->sieve.oldest;

	if (ref == 0 || CF_SIEVE_LINK(NULL, ref)->visited)
		return 0;
	return evict_locked(partition, ref);
}

/*
 * Do entries fill less than half of the area, though there is no room in it? Then
 * a few, of sizes that are no longer in use, hold most of the memory. Estimated
 * without locks, once in a round through the partitions.
 */
static bool
is_sparse(uint32 hand)
{
	uint64		bytes = 0;

	if ((hand & (CF_L1_PARTITIONS - 1)) == 0)
	{
		for (int i = 0; i < CF_L1_PARTITIONS; i++)
			bytes += cf_l1_shared->partition[i].bytes;
		pg_atomic_write_u32(&cf_l1_shared->sparse, bytes < cf_l1_shared->dsa_size / 2);
	}
	return pg_atomic_read_u32(&cf_l1_shared->sparse) != 0;
}

/*
 * Each size class of DSA that was ever used keeps 64 kB at least, so we use but
 * a few: for entries of one piece, chunks, and (the last) entries with long
 * keys or many dependencies, and handovers. A small area has fewer.
 */
static Size
round_up(Size size)
{
	static const Size fine[] = {192, 224, 256, 320, 384, 448, 512, 640, 768, CF_L1_CHUNK};
	static const Size coarse[] = {256, 512, CF_L1_CHUNK};
	bool		large = cf_l1_shared->dsa_size >= CF_L1_FINE_SIZE;
	const Size *classes = large ? fine : coarse;
	int			n = large ? lengthof(fine) : lengthof(coarse);

	for (int i = 0; i < n; i++)
	{
		if (size <= classes[i])
			return classes[i];
	}
	return CF_L1_MAX_ALLOC;
}

/*
 * DSA gives the memory of one size class to another only when 64 kB of it are
 * empty, which evicting small values does not bring about for certain. So the
 * work is bounded by a budget of bytes to evict; what an attempt that gives up
 * has freed serves the next.
 */
dsa_pointer
cf_l1_alloc_evicting(Size size, Size *budget)
{
	dsa_pointer dp;
	int			empty = 0;

	Assert(size <= CF_L1_MAX_ALLOC);
	size = round_up(size);
	dp = dsa_allocate_extended(cf_l1_dsa, size, DSA_ALLOC_NO_OOM);
	while (!DsaPointerIsValid(dp) && empty < CF_L1_PARTITIONS && *budget > 0)
	{
		uint32		hand = pg_atomic_fetch_add_u32(&cf_l1_shared->hand, 1);
		CfSharedL1Partition *partition =
			&cf_l1_shared->partition[hand & (CF_L1_PARTITIONS - 1)];
		bool		sparse = is_sparse(hand);
		Size		evicted;

		LWLockAcquire(partition->lock, LW_EXCLUSIVE);
		evicted = evict_one_locked(partition);
		if (sparse)
			evicted += evict_spared_locked(partition);
		LWLockRelease(partition->lock);

		*budget -= Min(evicted, *budget);
		empty = evicted > 0 ? 0 : empty + 1;
		if (evicted > 0)
			dp = dsa_allocate_extended(cf_l1_dsa, size, DSA_ALLOC_NO_OOM);
	}
	return dp;
}

dsa_pointer
cf_l1_alloc(Size size)
{
	Size		budget = CF_L1_EVICT_MIN;

	cf_l1_attach();
	return size > CF_L1_MAX_ALLOC ? InvalidDsaPointer : cf_l1_alloc_evicting(size, &budget);
}

void
cf_l1_free_chunks(dsa_pointer chunks)
{
	while (DsaPointerIsValid(chunks))
	{
		CfSharedL1Chunk *chunk = dsa_get_address(cf_l1_dsa, chunks);
		dsa_pointer next = chunk->next;

		dsa_free(cf_l1_dsa, chunks);
		chunks = next;
	}
}

void
cf_l1_free(dsa_pointer dp)
{
	dsa_free(cf_l1_dsa, dp);
}

void *
cf_l1_address(dsa_pointer dp)
{
	cf_l1_attach();
	return dsa_get_address(cf_l1_dsa, dp);
}
