/*
 * prepared.h - may the session commit a prepared transaction?
 *
 * src/invalidate/prepared.h
 */
#ifndef CF_INVALIDATE_PREPARED_H
#define CF_INVALIDATE_PREPARED_H

#include "postgres.h"

/*
 * Raises the error that COMMIT PREPARED would raise: there is no such prepared
 * transaction, it is somebody else's, or another database's.
 */
extern void cf_prepared_check(const char *gid);

#endif							/* CF_INVALIDATE_PREPARED_H */
