/*
 * worker.h - background workers: a launcher without a database, and a worker
 * for each database that has something to do, started on demand.
 *
 * src/base/worker.h
 */
#ifndef CF_BASE_WORKER_H
#define CF_BASE_WORKER_H

#include "postgres.h"

#include <signal.h>

#include "datatype/timestamp.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "postmaster/bgworker.h"

/* What a subsystem has to do in the background. */
typedef struct CfWorkerTask
{
	const char *name;

	/* Launcher: a database with work and no worker yet, from *next on. */
	Oid			(*next_database) (int *next);

	/* Launcher: the worker of the database could not do it. */
	void		(*give_up) (Oid dboid);

	/*
	 * Worker: does what there is; true if there was something. Runs outside
	 * of transactions, may raise errors: then the worker ends and the launcher
	 * starts another when there is work again.
	 */
	bool		(*work) (void);

	/*
	 * Worker: in how many milliseconds there is something to do, and it must not go
	 * to rest; -1: nothing. NULL: never.
	 */
	int			(*wait_ms) (void);

	/* Worker: what is to be done before it goes, told to end or not. NULL: nothing. */
	void		(*leave) (void);
} CfWorkerTask;

extern void cf_worker_register(void);	/* at the end of _PG_init */

/* The processes of the library that are always there. */
typedef enum CfWorkerProcess
{
	CF_WORKER_LAUNCHER,
	CF_WORKER_FOLLOWER,
	CF_WORKER_PUBLISHER
} CfWorkerProcess;

#define CF_WORKER_PROCESSES (CF_WORKER_PUBLISHER + 1)

/* Restarted five seconds after it ends. */
extern void cf_worker_register_static(CfWorkerProcess process, const char *function,
									  BgWorkerStartTime start);

/* Such a process does this first, and the other between two rounds of its work. */
extern void cf_worker_begin(CfWorkerProcess process);
extern void cf_worker_check(void);	/* does not come back if it is to end */

/* Why work in the background is not done, or NULL. */
extern const char *cf_worker_obstacle(void);

/*
 * Only in our own processes: told to end. Unlike a session they end without an
 * error, which would be in the log each time that the server stops.
 */
extern volatile sig_atomic_t cf_worker_stop_requested;

extern void cf_worker_stop(void) __attribute__((noreturn));

/* Wherever a long wait calls CHECK_FOR_INTERRUPTS. */
static inline void
cf_worker_check_interrupts(void)
{
	if (unlikely(cf_worker_stop_requested) && INTERRUPTS_CAN_BE_PROCESSED())
		cf_worker_stop();
	CHECK_FOR_INTERRUPTS();
}

extern void cf_worker_register_task(const CfWorkerTask *task);

/* What the launcher does as soon as the server may write, again and again until it is true. */
extern void cf_worker_set_begin(bool (*begin) (void));

/*
 * There is work for a database: wakes its worker, or the launcher. Never
 * fails; may be called in a commit callback.
 */
extern void cf_worker_wake(Oid dboid);

/* Is this process the worker of a database? */
extern bool cf_worker_is_one(void);

/* Has a database a worker, now? */
extern bool cf_worker_serves(Oid dboid);

/*
 * Launcher: OIDs of the databases that a worker can connect to, but for templates, in
 * TopMemoryContext. In a transaction of its own.
 */
extern List *cf_worker_list_databases(void);

extern PGDLLEXPORT void cachefront_launcher_main(Datum arg);
extern PGDLLEXPORT void cachefront_worker_main(Datum arg);

#endif							/* CF_BASE_WORKER_H */
