/*
 * steady.h - a clock that does not go back, and the one on the wall.
 *
 * Times to live and deadlines are measured on the machine's clock since boot,
 * suspension included: setting the wall clock moves none of them. Its values
 * are those that the wall clock had as the server started, counted on; all
 * processes of a server agree. What is shown to users, or leaves the server,
 * is turned into wall time.
 *
 * src/base/steady.h
 */
#ifndef CF_BASE_STEADY_H
#define CF_BASE_STEADY_H

#include "postgres.h"

#include "datatype/timestamp.h"

extern void cf_steady_register(void);

extern TimestampTz cf_steady_now(void);

/* A time of this server's clock, as us since the machine's start. */
extern int64 cf_steady_since_boot(TimestampTz steady);

/* When a time of the one clock is, or was, on the other, as far as both go on. */
extern TimestampTz cf_steady_to_wall(TimestampTz steady);
extern TimestampTz cf_steady_of_wall(TimestampTz wall);

#endif							/* CF_BASE_STEADY_H */
