/*
 * worker.h - background workers: a launcher without a database, and a worker
 * for each database that has something to do, started on demand.
 *
 * src/worker.h
 */
#ifndef CF_WORKER_H
#define CF_WORKER_H

#include "postgres.h"

#include "datatype/timestamp.h"
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
} CfWorkerTask;

extern void cf_worker_register(void);	/* at the end of _PG_init */

/* A process of the library that is always there; restarted five seconds after it ends. */
extern void cf_worker_register_static(const char *name, const char *function,
									  BgWorkerStartTime start);
extern void cf_worker_register_task(const CfWorkerTask *task);

/*
 * There is work for a database: wakes its worker, or the launcher. Never
 * fails; may be called in a commit callback.
 */
extern void cf_worker_wake(Oid dboid);

extern PGDLLEXPORT void cachefront_launcher_main(Datum arg);
extern PGDLLEXPORT void cachefront_worker_main(Datum arg);

#endif							/* CF_WORKER_H */
