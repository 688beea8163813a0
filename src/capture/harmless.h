/*
 * harmless.h - which definitions and rights no cached result depends on.
 *
 * src/capture/harmless.h
 */
#ifndef CF_CAPTURE_HARMLESS_H
#define CF_CAPTURE_HARMLESS_H

#include "postgres.h"

#include "nodes/nodes.h"

/*
 * Before a statement runs that PostgreSQL calls DDL: is it known that no result
 * and no right changes by it? What is not known is not harmless.
 */
extern bool cf_harmless_stmt(Node *stmt);

/* If not: does it change what holds in every database? */
extern bool cf_harmless_is_shared(Node *stmt);

/*
 * Does a statement that is harmless in all else make or drop a name, or what
 * functions tell of such an object? Results that show some depend on it.
 */
extern bool cf_harmless_changes_names(Node *stmt);

#endif							/* CF_CAPTURE_HARMLESS_H */
