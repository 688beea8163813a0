/*
 * shmem.c - reserves and initialises the shared memory of all subsystems.
 *
 * src/base/shmem.c
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/shmem.h"

#include "base/compat.h"
#include "base/shmem.h"

#define CF_HINT_PRELOAD \
	"Add \"cachefront\" to shared_preload_libraries and restart the server."

#define CF_MAX_SEGMENTS 64

static const CfShmemSegment *segments[CF_MAX_SEGMENTS];
static int	nsegments = 0;
static bool ready = false;

uint32		cf_wait_event_flight = PG_WAIT_EXTENSION;
uint32		cf_wait_event_redis = PG_WAIT_EXTENSION;

static shmem_request_hook_type prev_shmem_request = NULL;
static shmem_startup_hook_type prev_shmem_startup = NULL;

void
cf_shmem_register(const CfShmemSegment *segment)
{
	if (nsegments == CF_MAX_SEGMENTS)
		elog(FATAL, "cachefront has no room for segment \"%s\"", segment->name);
	segments[nsegments++] = segment;
}

static void
shmem_request(void)
{
	if (prev_shmem_request)
		prev_shmem_request();

	for (int i = 0; i < nsegments; i++)
	{
		RequestAddinShmemSpace(MAXALIGN(segments[i]->size()));
		if (segments[i]->nlocks > 0)
			RequestNamedLWLockTranche(segments[i]->name, segments[i]->nlocks);
	}
}

static void
shmem_startup(void)
{
	if (prev_shmem_startup)
		prev_shmem_startup();

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	for (int i = 0; i < nsegments; i++)
	{
		const CfShmemSegment *segment = segments[i];
		Size		size = segment->size();
		LWLockPadded *locks = NULL;
		bool		found;
		void	   *memory;

		memory = ShmemInitStruct(segment->name, size, &found);
		if (segment->nlocks > 0)
			locks = GetNamedLWLockTranche(segment->name);
		/* Fresh shared memory is zero: to clear it would only touch every page. */
		if (!found)
			segment->init(memory, locks);
		segment->attach(memory, locks);
	}
	LWLockRelease(AddinShmemInitLock);
	cf_wait_event_flight = CF_WAIT_EVENT_NEW("CachefrontFlight");
	cf_wait_event_redis = CF_WAIT_EVENT_NEW("CachefrontRedis");
	ready = true;
}

void
cf_shmem_install_hooks(void)
{
	prev_shmem_request = shmem_request_hook;
	shmem_request_hook = shmem_request;
	prev_shmem_startup = shmem_startup_hook;
	shmem_startup_hook = shmem_startup;
}

bool
cf_shmem_ready(void)
{
	return ready;
}

bool
cf_shmem_ready_or_warn(void)
{
	static bool warned = false;

	if (likely(ready))
		return true;
	if (!warned)
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("cachefront is not loaded: nothing is cached"),
				 errhint(CF_HINT_PRELOAD)));
	warned = true;
	return false;
}

void
cf_shmem_require(void)
{
	if (unlikely(!ready))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cachefront is not loaded"),
				 errhint(CF_HINT_PRELOAD)));
}
