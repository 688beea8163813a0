/*
 * scan.c - what is in the store, for the reports.
 *
 * Locking: one partition's lock at a time, shared. Copies are made under it
 * and handed out after it.
 *
 * src/l1/scan.c
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "history/follow.h"
#include "l1/l1_internal.h"

int
cf_l1_partitions(void)
{
	return CF_L1_PARTITIONS;
}

void
cf_l1_totals(CfL1Totals *totals)
{
	MemSet(totals, 0, sizeof(*totals));
	for (int p = 0; p < CF_L1_PARTITIONS; p++)
	{
		CfSharedL1Partition *partition = &cf_l1_shared->partition[p];

		LWLockAcquire(partition->lock, LW_SHARED);
		totals->bytes += partition->bytes;
		totals->entries += partition->entries;
		totals->evictions += partition->evictions;
		LWLockRelease(partition->lock);
	}
}

static void
describe_locked(const CfSharedL1Entry *entry, bool followed, CfL1Info *info)
{
	info->dboid = entry->dboid;
	info->role = entry->role;
	info->session_role = entry->session_role;
	info->id_hash = entry->id_hash;
	info->about = entry->sieve.note;
	info->form = (CfForm) entry->form;
	info->stats_slot = entry->stats_slot;
	info->marker = cf_entry_marker(entry);
	info->covered = (entry->sieve.flags & CF_ENTRY_COVERED) != 0;
	info->negative = (entry->sieve.flags & CF_ENTRY_NEGATIVE) != 0;
	info->current = cf_l1_entry_is_current(entry, followed);
	info->bytes = (int) cf_entry_size(entry->ndeps, entry->key_len, entry->value_len);
	info->value_len = (int) entry->value_len;
	info->ndeps = entry->ndeps;
	info->load_us = entry->load_us;
	info->filled_at = entry->filled_at;
	info->expires_at = cf_entry_expires_at(entry);
	info->stale_for = cf_entry_stale_for(entry);
	info->key = palloc_extended(entry->key_len + 1, MCXT_ALLOC_NO_OOM);
	if (info->key != NULL)
	{
		memcpy(info->key, cf_entry_key(entry), entry->key_len);
		info->key[entry->key_len] = '\0';
	}
}

/*
 * Copies are taken under the lock and reported after it: the callback may
 * raise an error. An entry that there is no memory for is left out.
 */
void
cf_l1_scan(int p, void (*callback) (const CfL1Info *info, void *arg), void *arg)
{
	CfSharedL1Partition *partition = &cf_l1_shared->partition[p];
	CfL1Info   *infos = NULL;
	uint64		room = 0;
	uint64		n = 0;
	bool		followed = cf_follow_catch_up();

	cf_l1_attach();
	for (;;)
	{
		LWLockAcquire(partition->lock, LW_SHARED);
		if (partition->entries <= room)
			break;
		room = partition->entries + 16;
		LWLockRelease(partition->lock);
		if (infos != NULL)
			pfree(infos);
		infos = palloc_extended(room * sizeof(CfL1Info), MCXT_ALLOC_HUGE);
	}
	for (CfSieveRef ref = partition->sieve.newest; ref != 0;
		 ref = cf_entry(ref)->sieve.older)
	{
		describe_locked(cf_entry(ref), followed, &infos[n]);
		if (infos[n].key != NULL)
			n++;
	}
	LWLockRelease(partition->lock);

	for (uint64 i = 0; i < n; i++)
		callback(&infos[i], arg);
}
