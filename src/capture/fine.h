/*
 * fine.h - which DDL changes no more than what PostgreSQL itself tells of it.
 *
 * src/capture/fine.h
 */
#ifndef CF_CAPTURE_FINE_H
#define CF_CAPTURE_FINE_H

#include "postgres.h"

#include "nodes/nodes.h"

/*
 * Of a statement that PostgreSQL calls DDL, and that is not harmless: are what its
 * transaction sends to other sessions' caches, and the object access hook, enough to
 * know what it changes (catalog.h)? What is not known is not.
 */
extern bool cf_fine_stmt(Node *stmt);

/*
 * Of rights on large objects no message tells; but only results that depend on any
 * definition may depend on them.
 */
extern bool cf_fine_needs_note(Node *stmt);

#endif							/* CF_CAPTURE_FINE_H */
