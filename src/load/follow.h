/*
 * follow.h - what functions of a plain statement read and do, while it is planned and runs.
 *
 * As in a load of ours; but the statement is the application's: on its own snapshot, in pieces,
 * free to write. Whoever follows it is told afterwards whether it has done what a value that
 * is kept would not do again.
 *
 * src/load/follow.h
 */
#ifndef CF_LOAD_FOLLOW_H
#define CF_LOAD_FOLLOW_H

#include "load/loader.h"

/*
 * Begins; what is allocated goes with CurrentMemoryContext. Of the load only def, sources and
 * what is of its watch are used, and kept from before but for the watch.
 */
extern void cf_follow_begin(CfLoad *load, const CfDefinition *def);

/*
 * Each piece runs between these two, after an error as well. Enter returns false, and nothing
 * is seen, where a load is under way already: then what comes of it must not be kept.
 */
extern bool cf_follow_enter(CfLoad *load);
extern void cf_follow_leave(CfLoad *load);

/* Makes the statement's own plan ready, by "start", between these two. */
extern void cf_follow_start(CfLoad *load, QueryDesc *query, int eflags,
							void (*start) (QueryDesc *query, int eflags));

/* After the last piece: adds to the load's sources what was seen. */
extern void cf_follow_end(CfLoad *load);

#endif							/* CF_LOAD_FOLLOW_H */
