/*
 * subxact.c - runs something that may fail without failing the transaction.
 *
 * src/base/subxact.c
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "base/subxact.h"

ErrorData *
cf_subxact_try(void (*run) (void *arg), void *arg)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		run(arg);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return error;
}

/*
 * Conflicts come by SIGUSR1, and up to 15 its handler judges by whether there is a subtransaction:
 * to hold off interrupts would not help.
 */
ErrorData *
cf_subxact_try_briefly(void (*run) (void *arg), void *arg)
{
	ErrorData  *volatile error = NULL;
	sigset_t	conflicts;
	sigset_t	before;

	if (likely(!RecoveryInProgress()))
		return cf_subxact_try(run, arg);
	sigemptyset(&conflicts);
	sigaddset(&conflicts, SIGUSR1);
	sigprocmask(SIG_BLOCK, &conflicts, &before);
	PG_TRY();
	{
		/* One that has come already is heard before there is a subtransaction. */
		CHECK_FOR_INTERRUPTS();
		error = cf_subxact_try(run, arg);
	}
	PG_FINALLY();
	{
		sigprocmask(SIG_SETMASK, &before, NULL);
	}
	PG_END_TRY();
	return error;
}

bool
cf_subxact_is_called_off(int sqlerrcode)
{
	return ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_TO_CATEGORY(ERRCODE_OPERATOR_INTERVENTION);
}

bool
cf_subxact_ends_all(int sqlerrcode)
{
	int			category = ERRCODE_TO_CATEGORY(sqlerrcode);

	return cf_subxact_is_called_off(sqlerrcode) ||
		category == ERRCODE_TO_CATEGORY(ERRCODE_INSUFFICIENT_RESOURCES) ||
		category == ERRCODE_TO_CATEGORY(ERRCODE_SYSTEM_ERROR);
}
