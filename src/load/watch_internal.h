/*
 * watch_internal.h - what the two halves of the watch share: watch.c has all that
 * PostgreSQL tells by itself, watch_plpgsql.c what PL/pgSQL does.
 *
 * src/load/watch_internal.h
 */
#ifndef CF_LOAD_WATCH_INTERNAL_H
#define CF_LOAD_WATCH_INTERNAL_H

#include "load/watch.h"

struct PLpgSQL_stmt;
struct PLpgSQL_execstate;

struct CfWatchFrame
{
	CfWatchFrame *below;
	struct PLpgSQL_stmt *stmt;
	int			named;			/* calls of current_setting that only the hook saw */
};

/* What is watched now, the innermost; NULL: nothing. */
extern CfWatch *cf_watch_current;

/* What was called, or is about to be. */
extern void cf_watch_note_traits(CfWatch *watch, CfTraits traits);

/* A function runs what may have a plan from before the load. */
extern void cf_watch_note_kept_plans(CfWatch *watch);

/* What it makes a result depend on to fetch from, or open, a cursor of this name. */
extern CfTraits cf_watch_traits_of_fetch(const char *cursor);
extern CfTraits cf_watch_traits_of_open(const char *cursor);

/*
 * What the values that a statement of PL/pgSQL has computed become, once it is over: the
 * conversions between types that it makes by itself.
 */
extern CfTraits cf_watch_traits_of_casts(struct PLpgSQL_execstate *estate,
										 struct PLpgSQL_stmt *stmt);

/* PL/pgSQL's hook is ours while anything is watched. */
extern void cf_watch_install_plugin(void);
extern void cf_watch_remove_plugin(void);

/* Statements that are under way never come to their end. */
extern void cf_watch_drop_frames(CfWatch *watch);

#endif							/* CF_LOAD_WATCH_INTERNAL_H */
