/*
 * temporary.h - which messages of the catalog are about temporary objects.
 *
 * What a session has in its temporary schema no other finds by name: types, and
 * functions, operators, aggregates and the like, which it must name pg_temp.x itself.
 * A query that means one is not cached (rules/security.h). So nothing that becomes of
 * them changes what others have.
 *
 * Locking: none; all state is of this process. Errors: for lack of memory.
 *
 * src/capture/temporary.h
 */
#ifndef CF_CAPTURE_TEMPORARY_H
#define CF_CAPTURE_TEMPORARY_H

#include "postgres.h"

/* The object access hook: it is about to be dropped. Notes it, if it is temporary. */
extern void cf_temporary_goes(Oid class_id, Oid object_id);

/* Likewise a type that is told of by a note (named.h): notes its labels, or its range. */
extern void cf_temporary_type_goes(Oid type);

/*
 * At PRE_COMMIT: is a message of this cache and hash about an object that is in the
 * session's temporary schema, or that was, and that this transaction has dropped? Or of a
 * label or range of a type that is noted? By
 * hash, so another object may pass for one, once in four billion.
 */
extern bool cf_temporary_is(int cache, uint32 hash);

/* What was looked up for cf_temporary_is is to be forgotten. */
extern void cf_temporary_reset(void);

#endif							/* CF_CAPTURE_TEMPORARY_H */
