/*
 * bus.h - the stream cfb:<ns> in Redis: what has been invalidated. DESIGN
 * section 6.
 *
 * Each entry: "o" the server that it comes from, "l" the LSN, "d" a JSON text as
 * that of NOTIFY. A worker on each server, also on a standby, reads the streams
 * of all spaces and forgets in shared memory what others have invalidated.
 *
 * src/invalidate/bus.h
 */
#ifndef CF_INVALIDATE_BUS_H
#define CF_INVALIDATE_BUS_H

#include "postgres.h"

#include "l2/space.h"

extern void cf_bus_register(void);	/* at the end of _PG_init */

/* Adds an event to the pipeline of cf_space_begin. Never fails. */
extern void cf_bus_add_event(const CfSpace *space, uint64 lsn, const char *payload);

extern PGDLLEXPORT void cachefront_bus_main(Datum arg);

#endif							/* CF_INVALIDATE_BUS_H */
