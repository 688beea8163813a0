/*
 * foreign.c - counts and tells of values that another server has stored.
 *
 * src/tier/foreign.c
 */
#include "postgres.h"

#include "access/xlog.h"

#include "base/atomic.h"
#include "base/shmem.h"
#include "base/steady.h"
#include "stats/counters.h"
#include "tier/foreign.h"

#define CF_FOREIGN_LOG_US (60 * INT64CONST(1000000))

/* Atomics, no lock */
typedef struct CfSharedForeign
{
	pg_atomic_uint64 told_at;	/* by cf_steady_now; 0: never */
} CfSharedForeign;

static CfSharedForeign *foreign = NULL;

static Size
foreign_shmem_size(void)
{
	return sizeof(CfSharedForeign);
}

static void
foreign_shmem_init(void *memory, LWLockPadded *locks)
{
	pg_atomic_init_u64(&((CfSharedForeign *) memory)->told_at, 0);
}

static void
foreign_shmem_attach(void *memory, LWLockPadded *locks)
{
	foreign = memory;
}

void
cf_foreign_register(void)
{
	static const CfShmemSegment segment = {
		.name = "cachefront_foreign",
		.nlocks = 0,
		.size = foreign_shmem_size,
		.init = foreign_shmem_init,
		.attach = foreign_shmem_attach,
	};

	cf_shmem_register(&segment);
}

void
cf_foreign_note(const CfRequest *request, const CfEnvelope *env)
{
	cf_stats_count(request->def.stats_slot, CF_COUNT_L2_FOREIGN);
	if (!cf_atomic_take_turn(&foreign->told_at, cf_steady_now(), CF_FOREIGN_LOG_US))
		return;
	ereport(LOG,
			(errmsg("cachefront: Redis has values that another server has stored; they are not used"),
			 env->server == GetSystemIdentifier() ?
			 errdetail("The other server is a copy of this one, or was its primary or its standby: it has the same system identifier, " UINT64_FORMAT ".",
					   env->server) :
			 errdetail("The other server's system identifier is " UINT64_FORMAT ", this one's " UINT64_FORMAT ".",
					   env->server, GetSystemIdentifier()),
			 errhint("If the other server is still there, give one of the two another cachefront.namespace.")));
}
