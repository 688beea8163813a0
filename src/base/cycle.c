/*
 * cycle.c - whom sessions wait for beside locks, in shared memory.
 *
 * Locking: none. A session writes its own place, and others read it in passing: what
 * they make of one that is just being written is looked at again a deadlock_timeout later.
 *
 * src/base/cycle.c
 */
#include "postgres.h"

#include "access/twophase.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "utils/array.h"
#include "utils/fmgrprotos.h"

#include "base/compat.h"
#include "base/cycle.h"
#include "base/shmem.h"

#define CF_CYCLE_MAX_CHAIN 64	/* sessions looked at */

typedef struct SharedWaiter
{
	int			pid;
	int			holder;			/* whom it waits for; 0: nobody */
} SharedWaiter;

static SharedWaiter *waiters = NULL;

static Size
cycle_shmem_size(void)
{
	return mul_size(MaxBackends, sizeof(SharedWaiter));
}

static void
cycle_shmem_init(void *memory, LWLockPadded *locks)
{
	MemSet(memory, 0, cycle_shmem_size());
}

static void
cycle_shmem_attach(void *memory, LWLockPadded *locks)
{
	waiters = memory;
}

void
cf_cycle_register(void)
{
	static const CfShmemSegment segment = {
		.name = "cachefront_waiters",
		.nlocks = 0,
		.size = cycle_shmem_size,
		.init = cycle_shmem_init,
		.attach = cycle_shmem_attach,
	};

	cf_shmem_register(&segment);
}

static void
cycle_exit(int code, Datum arg)
{
	cf_cycle_end_wait();
}

void
cf_cycle_begin_wait(int pid)
{
	static bool registered = false;
	SharedWaiter *me = &waiters[CF_MY_BACKEND_INDEX];

	if (!registered)
		before_shmem_exit(cycle_exit, (Datum) 0);
	registered = true;
	me->pid = MyProcPid;
	me->holder = pid;
}

void
cf_cycle_end_wait(void)
{
	waiters[CF_MY_BACKEND_INDEX].holder = 0;
}

/* Adds a session to the list to look at, once. */
static int
add_pid(int *pids, int n, int pid)
{
	for (int i = 0; i < n; i++)
	{
		if (pids[i] == pid)
			return n;
	}
	if (n < CF_CYCLE_MAX_CHAIN)
		pids[n++] = pid;
	return n;
}

static int
add_blockers(int *pids, int n, int pid)
{
	ArrayType  *blockers;
	PGPROC	   *proc = BackendPidGetProc(pid);
	int32	   *elements;

	/* The leader of a parallel query waits by its workers. */
	if (proc == NULL || (proc->waitLock == NULL && dlist_is_empty(&proc->lockGroupMembers)))
		return n;
	blockers = DatumGetArrayTypeP(DirectFunctionCall1(pg_blocking_pids,
													  Int32GetDatum(pid)));
	elements = (int32 *) ARR_DATA_PTR(blockers);
	for (int i = 0; i < ArrayGetNItems(ARR_NDIM(blockers), ARR_DIMS(blockers)); i++)
		n = add_pid(pids, n, elements[i]);
	pfree(blockers);
	return n;
}

bool
cf_cycle_leads_to_me(int pid)
{
	int			pids[CF_CYCLE_MAX_CHAIN];
	int			n = add_pid(pids, 0, pid);

	for (int i = 0; i < n; i++)
	{
		if (pids[i] == MyProcPid)
			return true;
		for (int w = 0; w < MaxBackends; w++)
		{
			if (waiters[w].pid == pids[i] && waiters[w].holder != 0)
				n = add_pid(pids, n, waiters[w].holder);
		}
		n = add_blockers(pids, n, pids[i]);
	}
	return false;
}
