/*
 * place.h - a database's part of Redis: the <ns> in the names of its keys.
 *
 * cachefront.namespace, or '<system identifier>.<database>'. In a database's name
 * each colon and percent sign is written as %XX, so that the names of two databases
 * with a key of theirs never meet: key 'y:k' of 'nx', and key 'k' of 'nx:y'.
 *
 * src/l2/place.h
 */
#ifndef CF_L2_PLACE_H
#define CF_L2_PLACE_H

#include "postgres.h"

#include "base/compat.h"

#define CF_PLACE_MAX 256

/*
 * This session's, or NULL: there is no Redis, or no database. The first call must
 * be in a transaction: it looks the database's name up. Valid until the next call.
 */
extern const char *cf_place_mine(void);

/* A database's, by its name; false: it has none of its own. */
extern pg_nodiscard bool cf_place_of(const char *database, char place[CF_PLACE_MAX]);

#endif							/* CF_L2_PLACE_H */
