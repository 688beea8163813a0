/*
 * watch.h - what runs during a load, by whatever way it is reached.
 *
 * A plan shows what it calls; what functions in it do is seen as they do it:
 * statements by the executor's hooks, functions by the object access hook
 * (OAT_FUNCTION_EXECUTE), and what PL/pgSQL evaluates without an executor by
 * its own hook for debuggers.
 *
 * src/load/watch.h
 */
#ifndef CF_LOAD_WATCH_H
#define CF_LOAD_WATCH_H

#include "postgres.h"

#include "executor/execdesc.h"

#include "load/cursor.h"
#include "rules/setting.h"
#include "rules/traits.h"

typedef struct CfWatchFrame CfWatchFrame;

typedef struct CfWatch
{
	CfTraits	traits;			/* of all that was seen */
	bool		callers_rights; /* functions used the rights of who calls them */
	bool		may_read_held;	/* a function that is not seen into may have read a cursor */
	bool		read_otherwise;	/* functions may have literals that would be read otherwise now */
	bool		plan_reads;		/* what an IMMUTABLE function has read is in a plan */
	bool		trusting;		/* cachefront.transparent_functions counts */

	/* while it lasts */
	struct CfWatch *outer;
	Oid			user;			/* who loads */
	int			sec_context;
	int			explained;		/* > 0: what is made ready now is in a plan that was looked at */
	bool		own_plan;		/* and that is the plan of the load itself */
	CfWatchFrame *frames;		/* statements of PL/pgSQL that are under way */
	CfCursors	cursors;
	MemoryContext context;
} CfWatch;

extern void cf_watch_install_hooks(void);

/* Begins to watch; what is allocated goes with the context. */
extern void cf_watch_begin(CfWatch *watch, MemoryContext context);

/*
 * The same of what runs in pieces, with other things in between: prepare, then enter before
 * each piece and leave after it, after an error too; at the end finish.
 */
extern void cf_watch_prepare(CfWatch *watch, MemoryContext context);
extern void cf_watch_enter(CfWatch *watch);
extern void cf_watch_leave(CfWatch *watch);
extern void cf_watch_finish(CfWatch *watch);

/* Ends it: also after an error. What it saw is the outer watch's as well. */
extern void cf_watch_end(CfWatch *watch);

/* Forgets watches that an error left behind. */
extern void cf_watch_reset(void);

/* Plans the query of a load itself, which is used once. */
extern PlannedStmt *cf_watch_plan(Query *query, const char *text, int options,
								  ParamListInfo params);

/* Is the plan that is asked for next one of a load itself? */
extern bool cf_watch_plans_own(void);

/* Something reads a table or the cache, watched or not. Cheap. */
extern void cf_watch_read(void);

/* Looks at the plan of the load itself. */
extern void cf_watch_own_plan(CfWatch *watch, PlannedStmt *stmt);

/* A fetch inside of what is watched found an entry of this kind, or loads. */
extern void cf_watch_nested_fetch(CfBinding binding);

/* To be called in place of the next ExecutorStart hook, if anything is watched. */
extern void cf_watch_executor_start(QueryDesc *query, int eflags, bool own,
									void (*start) (QueryDesc *query, int eflags));

/* To which settings is a result with these traits bound? */
extern CfBinding cf_watch_binding(CfTraits traits);

#endif							/* CF_LOAD_WATCH_H */
