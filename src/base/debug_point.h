/*
 * debug_point.h - wait points and a clock for tests, compiled out of releases.
 *
 * A wait point blocks while another session holds its advisory lock, so that
 * a test decides the order of two sessions. The idea is TimescaleDB's
 * (src/base/debug_point.h). A hold point, on the way of a commit, can be held by a
 * flag of shared memory as well: no interrupt gets through, and no session has
 * to stay for the lock. After the commit an error would stop the server: there
 * a test must not make the lock part of a deadlock.
 *
 * A fault point does something wrong while a test says so, for the self-check to
 * find. They are listed in fault.h.
 *
 * cf_now() is the only clock of entries, and goes on whatever is done to the
 * one on the wall (steady.h): with CF_DEBUG a test may move it forward for the
 * whole server, and the wall's (cf_wall_now()) in any direction.
 *
 * src/base/debug_point.h
 */
#ifndef CF_BASE_DEBUG_POINT_H
#define CF_BASE_DEBUG_POINT_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "utils/timestamp.h"

#include "base/steady.h"

#ifdef CF_DEBUG
extern void cf_debug_wait(const char *name);
extern void cf_debug_hold(const char *name);
extern bool cf_debug_fault(const char *name);
extern TimestampTz cf_debug_now(void);
extern TimestampTz cf_debug_wall_now(void);
extern void cf_debug_register(void);

#define CF_WAIT_POINT(name) cf_debug_wait(name)
#define CF_HOLD_POINT(name) cf_debug_hold(name)
#define CF_FAULT_POINT(name) cf_debug_fault(name)
#define cf_now() cf_debug_now()
#define cf_wall_now() cf_debug_wall_now()
#else
#define CF_WAIT_POINT(name) ((void) 0)
#define CF_HOLD_POINT(name) ((void) 0)
#define CF_FAULT_POINT(name) false
#define cf_now() cf_steady_now()
#define cf_wall_now() GetCurrentTimestamp()
#define cf_debug_register() ((void) 0)
#endif

#endif							/* CF_BASE_DEBUG_POINT_H */
