/*
 * named.h - types, operators, casts and schemas that a transaction has changed.
 *
 * What is made, or gone, can change only what looks its name up; a type that is changed, what
 * has values of it; a cast, what has values of the type that it is from. A result depends on
 * the clocks of such names and types (rules/defined.h).
 *
 * Locking: none; all state is of this process. Errors: for lack of memory.
 *
 * src/capture/named.h
 */
#ifndef CF_CAPTURE_NAMED_H
#define CF_CAPTURE_NAMED_H

#include "postgres.h"

#include "catalog/objectaccess.h"
#include "nodes/nodes.h"

#include "capture/note.h"
#include "txn/clockset.h"

/* The object access hook: notes a type (not one of rows), an operator, a cast or a schema. */
extern void cf_named_seen(ObjectAccessType access, Oid class_id, Oid object_id);

/*
 * Before a statement of the fine kind runs: notes the schemas on which it grants rights, and
 * the domain or enum that it alters, of which the hook tells too little.
 */
extern void cf_named_note_stmt(Node *stmt);

/*
 * At PRE_COMMIT: fills the note's hash, and adds the clocks that move for it. False: nobody can
 * say which. Other kinds of notes than those of this file: true, and nothing is done.
 */
extern bool cf_named_judge(CfNote *note, CfClockSet *clocks);

#endif							/* CF_CAPTURE_NAMED_H */
