/*
 * gap.c - the keys that this session lately asked for in vain.
 *
 * A small ring in backend memory: a gap that falls out of it is forgotten.
 *
 * src/txn/gap.c
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "base/steady.h"
#include "txn/gap.h"

#define CF_GAPS 64
#define CF_GAP_MS 10000			/* who sets after that has not filled a miss */

typedef struct Gap
{
	uint64		key_hash;		/* 0: none */
	uint64		stamp;
	TimestampTz taken;
} Gap;

/* A ring: the oldest one gives way. */
static struct
{
	bool		any;			/* false: it is empty */
	int			newest;
	Gap		gap[CF_GAPS];
}			gaps;

static Gap *
find_gap(const CfKey *key)
{
	if (!gaps.any)
		return NULL;
	for (int i = 0; i < CF_GAPS; i++)
	{
		if (gaps.gap[i].key_hash == key->hash)
			return &gaps.gap[i];
	}
	return NULL;
}

void
cf_gap_note(const CfKey *key, uint64 stamp)
{
	Gap		   *gap = find_gap(key);

	if (gap == NULL)
	{
		gaps.newest = (gaps.newest + 1) % CF_GAPS;
		gap = &gaps.gap[gaps.newest];
	}
	gaps.any = true;
	gap->key_hash = key->hash;
	gap->stamp = stamp;
	gap->taken = cf_steady_now();
}

uint64
cf_gap_find(const CfKey *key)
{
	Gap		   *gap = find_gap(key);

	if (gap == NULL ||
		TimestampDifferenceExceeds(gap->taken, cf_steady_now(), CF_GAP_MS))
		return CF_NO_GAP;
	return gap->stamp;
}

void
cf_gap_forget(const CfKey *key)
{
	Gap		   *gap = find_gap(key);

	if (gap != NULL)
		gap->key_hash = 0;
}

void
cf_gap_forget_all(void)
{
	if (gaps.any)
		MemSet(gaps.gap, 0, sizeof(gaps.gap));
	gaps.any = false;
}
