/*
 * missed.c - of which rules have the triggers missed changes?
 *
 * src/rules/missed.c
 */
#include "postgres.h"

#include "miscadmin.h"

#include "base/shmem.h"
#include "rules/missed.h"

typedef struct Missed
{
	Oid			dboid;
	Oid			trigger;
	int64		transactions;
} Missed;

/* Protected by the lock. */
typedef struct CfSharedMissed
{
	int			n;
	Missed		rule[CF_MISSED_RULES];
} CfSharedMissed;

static CfSharedMissed *shared = NULL;
static LWLock *missed_lock = NULL;

static Size
missed_size(void)
{
	return sizeof(CfSharedMissed);
}

static void
missed_attach(void *memory, LWLockPadded *locks)
{
	shared = memory;
	missed_lock = &locks[0].lock;
}

static void
missed_init(void *memory, LWLockPadded *locks)
{
}

static const CfShmemSegment segment = {
	.name = "cachefront missed",
	.nlocks = 1,
	.size = missed_size,
	.init = missed_init,
	.attach = missed_attach,
};

void
cf_missed_register(void)
{
	cf_shmem_register(&segment);
}

static Missed *
find_locked(Oid trigger)
{
	for (int i = 0; i < shared->n; i++)
	{
		if (shared->rule[i].trigger == trigger && shared->rule[i].dboid == MyDatabaseId)
			return &shared->rule[i];
	}
	return NULL;
}

void
cf_missed_note(Oid trigger)
{
	Missed	   *rule;

	LWLockAcquire(missed_lock, LW_EXCLUSIVE);
	rule = find_locked(trigger);
	if (rule == NULL && shared->n < CF_MISSED_RULES)
	{
		rule = &shared->rule[shared->n++];
		rule->dboid = MyDatabaseId;
		rule->trigger = trigger;
		rule->transactions = 0;
	}
	if (rule != NULL)
		rule->transactions++;
	LWLockRelease(missed_lock);
}

int64
cf_missed_count(Oid trigger)
{
	const Missed *rule;
	int64		count;

	LWLockAcquire(missed_lock, LW_SHARED);
	rule = find_locked(trigger);
	count = rule != NULL ? rule->transactions : 0;
	LWLockRelease(missed_lock);
	return count;
}

void
cf_missed_reset(void)
{
	LWLockAcquire(missed_lock, LW_EXCLUSIVE);
	shared->n = 0;
	LWLockRelease(missed_lock);
}
