/*
 * shutdown.h - what was saved at a clean stop, and whether it is of the last one.
 *
 * Nothing but the control file is believed. That a server has ended says nothing:
 * an immediate stop, too, ends the postmaster in order. A file is taken out of
 * the folder, for good, before it is read: whatever becomes of this start, no
 * later one finds it.
 *
 * Only for the postmaster, alone, before its first and after its last other process.
 *
 * src/history/shutdown.h
 */
#ifndef CF_HISTORY_SHUTDOWN_H
#define CF_HISTORY_SHUTDOWN_H

#include "postgres.h"

#include "base/compat.h"

/* Names a shutdown of a server that wrote. */
typedef struct CfShutdown
{
	uint64		system;
	uint64		checkpoint;		/* LSN of the shutdown's */
	uint64		probe;			/* of the secrets that names and identities are hashed with */
} CfShutdown;

/* The last one. False: it was none of a server that wrote, or not a clean one. */
extern pg_nodiscard bool cf_shutdown_describe(CfShutdown *shutdown);

static inline bool
cf_shutdown_equal(const CfShutdown *a, const CfShutdown *b)
{
	return a->system == b->system && a->checkpoint == b->checkpoint && a->probe == b->probe;
}

/* A backup, or what is to be a standby, does not go on where that server ended. */
extern bool cf_shutdown_is_recovery_asked(void);

/*
 * Opens a file of the data folder and takes it out of there for good; -1: there was
 * none, or it is no plain file, or it could not be taken out, which is logged.
 */
extern int	cf_shutdown_take_file(const char *name);

/* So many bytes of it; false: there are less. */
extern pg_nodiscard bool cf_shutdown_read(int fd, void *data, Size len);

#endif							/* CF_HISTORY_SHUTDOWN_H */
