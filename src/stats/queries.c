/*
 * queries.c - texts of queries by a digest, for the reports.
 *
 * Locking: the tranche's one lock guards all texts. It is taken once a load, and
 * exclusively only where another text was there before.
 *
 * src/stats/queries.c
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "mb/pg_wchar.h"
#include "storage/lwlock.h"

#include "shmem.h"
#include "stats/queries.h"

#define CF_QUERIES 1024			/* a power of two */

typedef struct CfSharedQuery
{
	/* Protected by the lock */
	uint32		digest;			/* 0: none */
	uint32		len;
	char		text[CF_QUERY_TEXT];
} CfSharedQuery;

static CfSharedQuery *queries = NULL;
static LWLock *queries_lock = NULL;

static Size
queries_shmem_size(void)
{
	return sizeof(CfSharedQuery) * CF_QUERIES;
}

static void
queries_shmem_init(void *memory, LWLockPadded *locks)
{
	MemSet(memory, 0, queries_shmem_size());
}

static void
queries_shmem_attach(void *memory, LWLockPadded *locks)
{
	queries = memory;
	queries_lock = &locks[0].lock;
}

void
cf_queries_register(void)
{
	static const CfShmemSegment segment = {
		.name = "cachefront_queries",
		.nlocks = 1,
		.size = queries_shmem_size,
		.init = queries_shmem_init,
		.attach = queries_shmem_attach,
	};

	cf_shmem_register(&segment);
}

uint32
cf_queries_note(const char *text, int len)
{
	uint32		digest = Max(hash_bytes((const unsigned char *) text, len), 1);
	CfSharedQuery *query = &queries[digest & (CF_QUERIES - 1)];
	bool		known;

	LWLockAcquire(queries_lock, LW_SHARED);
	known = query->digest == digest;
	LWLockRelease(queries_lock);
	if (known)
		return digest;
	len = pg_mbcliplen(text, len, CF_QUERY_TEXT);
	LWLockAcquire(queries_lock, LW_EXCLUSIVE);
	query->digest = digest;
	query->len = (uint32) len;
	memcpy(query->text, text, len);
	LWLockRelease(queries_lock);
	return digest;
}

int
cf_queries_find(uint32 digest, char text[CF_QUERY_TEXT])
{
	const CfSharedQuery *query = &queries[digest & (CF_QUERIES - 1)];
	int			len = -1;

	LWLockAcquire(queries_lock, LW_SHARED);
	if (digest != 0 && query->digest == digest)
	{
		len = (int) query->len;
		memcpy(text, query->text, len);
	}
	LWLockRelease(queries_lock);
	return len;
}
