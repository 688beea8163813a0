/*
 * relchange.h - tells whoever asks that a relation's definition has changed.
 *
 * PostgreSQL has room for ten relation cache callbacks in a process, its own
 * and those of all extensions: so we take one for all of us.
 *
 * src/base/relchange.h
 */
#ifndef CF_BASE_RELCHANGE_H
#define CF_BASE_RELCHANGE_H

#include "postgres.h"

/*
 * Called, as a relation cache callback is, wherever catalog invalidations are
 * accepted; relid is InvalidOid if it may have been any. Must not fail, nor
 * look into a catalog. Register in _PG_init.
 */
typedef void (*CfRelchangeCallback) (Oid relid);

extern void cf_relchange_register(CfRelchangeCallback callback);

/*
 * The same, and also with InvalidOid where a function, operator, type, cast or schema has
 * changed: whatever may give a query another meaning.
 */
extern void cf_relchange_register_any(CfRelchangeCallback callback);

#endif							/* CF_BASE_RELCHANGE_H */
