/*
 * ack.c - what is known of the rows of cache_outbox, in all databases.
 *
 * src/publish/ack.c
 */
#include "postgres.h"

#include "storage/lwlock.h"

#include "base/shmem.h"
#include "base/steady.h"
#include "publish/ack.h"

#define CF_MAX_ACKS 8192
#define CF_MAX_LOOKS 64
#define CF_LOOK_AGAIN_US (INT64CONST(2) * USECS_PER_SEC)

typedef struct CfSharedAcks
{
	/* Protected by the lock */
	bool		look_everywhere;
	TimestampTz look_at;		/* not before that */
	int			nlooks;
	Oid			look[CF_MAX_LOOKS];
	int			nacks;
	CfAck		ack[CF_MAX_ACKS];
} CfSharedAcks;

static CfSharedAcks *acks = NULL;
static LWLock *acks_lock = NULL;

static Size
ack_shmem_size(void)
{
	return sizeof(CfSharedAcks);
}

static void
ack_shmem_init(void *memory, LWLockPadded *locks)
{
	CfSharedAcks *new = memory;

	new->look_everywhere = true;
}

static void
ack_shmem_attach(void *memory, LWLockPadded *locks)
{
	acks = memory;
	acks_lock = &locks[0].lock;
}

void
cf_ack_register(void)
{
	static const CfShmemSegment segment = {
		.name = "cachefront_acks",
		.nlocks = 1,
		.size = ack_shmem_size,
		.init = ack_shmem_init,
		.attach = ack_shmem_attach,
	};

	cf_shmem_register(&segment);
}

static void
want_look_locked(Oid dboid)
{
	for (int i = 0; i < acks->nlooks; i++)
	{
		if (acks->look[i] == dboid)
			return;
	}
	if (acks->nlooks < CF_MAX_LOOKS)
		acks->look[acks->nlooks++] = dboid;
	else
		acks->look_everywhere = true;
}

void
cf_ack_row(const CfRingRow *row)
{
	LWLockAcquire(acks_lock, LW_EXCLUSIVE);
	if (acks->nacks < CF_MAX_ACKS)
	{
		CfAck	   *ack = &acks->ack[acks->nacks++];

		ack->dboid = row->dboid;
		ack->xid = row->xid;
		ack->tid = row->tid;
	}
	else
		want_look_locked(row->dboid);
	LWLockRelease(acks_lock);
}

int
cf_ack_take(Oid dboid, CfAck *taken, int room)
{
	int			ntaken = 0;
	int			nleft = 0;

	LWLockAcquire(acks_lock, LW_EXCLUSIVE);
	for (int i = 0; i < acks->nacks; i++)
	{
		if (acks->ack[i].dboid == dboid && ntaken < room)
			taken[ntaken++] = acks->ack[i];
		else
			acks->ack[nleft++] = acks->ack[i];
	}
	acks->nacks = nleft;
	LWLockRelease(acks_lock);
	return ntaken;
}

void
cf_ack_want_look(Oid dboid)
{
	LWLockAcquire(acks_lock, LW_EXCLUSIVE);
	want_look_locked(dboid);
	LWLockRelease(acks_lock);
}

void
cf_ack_want_later_look(Oid dboid)
{
	TimestampTz at = cf_steady_now() + CF_LOOK_AGAIN_US;

	LWLockAcquire(acks_lock, LW_EXCLUSIVE);
	want_look_locked(dboid);
	acks->look_at = at;
	LWLockRelease(acks_lock);
}

static bool
is_due_locked(void)
{
	return acks->look_at <= cf_steady_now();
}

bool
cf_ack_is_time(void)
{
	bool		due;

	LWLockAcquire(acks_lock, LW_SHARED);
	due = is_due_locked();
	LWLockRelease(acks_lock);
	return due;
}

bool
cf_ack_is_look_due(void)
{
	bool		due;

	LWLockAcquire(acks_lock, LW_SHARED);
	due = (acks->nlooks > 0 || acks->look_everywhere) && is_due_locked();
	LWLockRelease(acks_lock);
	return due;
}

bool
cf_ack_take_look(Oid dboid)
{
	bool		found = false;

	LWLockAcquire(acks_lock, LW_EXCLUSIVE);
	for (int i = 0; i < acks->nlooks && !found && is_due_locked(); i++)
	{
		if (acks->look[i] != dboid)
			continue;
		acks->look[i] = acks->look[--acks->nlooks];
		found = true;
	}
	LWLockRelease(acks_lock);
	return found;
}

Oid
cf_ack_next_database(int *next, bool looks)
{
	Oid			found = InvalidOid;

	LWLockAcquire(acks_lock, LW_SHARED);
	/* Of rows one database is told: when they are gone another one's are the first. */
	if (*next == 0 && acks->nacks > 0)
		found = acks->ack[0].dboid;
	if (*next == 0 && !OidIsValid(found))
		*next = 1;
	if (*next > 0 && looks && *next <= acks->nlooks && is_due_locked())
		found = acks->look[*next - 1];
	(*next)++;
	LWLockRelease(acks_lock);
	return found;
}

int
cf_ack_count_looks(bool *all)
{
	int			n;

	LWLockAcquire(acks_lock, LW_EXCLUSIVE);
	n = acks->nlooks;
	*all = acks->look_everywhere;
	acks->look_everywhere = false;
	LWLockRelease(acks_lock);
	return n;
}
