/*
 * note.h - what the running transaction has done to the catalog, as hooks saw it.
 *
 * A note is of the subtransaction that made it, and goes with it.
 *
 * Locking: none; notes are of one process.
 *
 * src/capture/note.h
 */
#ifndef CF_CAPTURE_NOTE_H
#define CF_CAPTURE_NOTE_H

#include "postgres.h"

#include "access/xact.h"

typedef enum CfNoteKind
{
	CF_NOTE_MADE_RELATION,
	CF_NOTE_CHANGED_RELATION,			/* as the object access hook tells */
	CF_NOTE_GONE_LIGHTLY,				/* a relation that nobody could have read */
	CF_NOTE_EXCUSED_RELATION,			/* a harmless statement is about it */
	CF_NOTE_SEEN_FUNCTION,				/* made, changed or gone */
	CF_NOTE_SEEN_TYPE,					/* likewise */
	CF_NOTE_GONE_LIGHT_TYPE,			/* of rows of a relation, of arrays of them; or temporary */
	CF_NOTE_GONE_TYPE,					/* any other that named.h knows */
	CF_NOTE_SEEN_OPERATOR,
	CF_NOTE_SEEN_CAST,
	CF_NOTE_SEEN_SCHEMA,
	CF_NOTE_ROW_GONE,					/* of what is dropped and told of otherwise; oid: a cache */
	CF_NOTE_MADE_TRIGGER,
	CF_NOTE_ANY_DEFINITION,				/* only what depends on any may differ */
	CF_NOTE_UNKNOWN						/* whatever else counts, nobody can say what it changes */
} CfNoteKind;

typedef struct CfNote
{
	CfNoteKind	kind;
	Oid			oid;
	int			level;			/* of the subtransaction with which it goes */
	uint32		hash;			/* as messages have it; from PRE_COMMIT on */
	Oid			schema;			/* of what there was before */
	NameData	name;			/* likewise */
	Oid			source;			/* of a cast */
	Oid			target;
	bool		temporary;		/* the source is, or was when the cast went */
	int			told;			/* messages about a relation that are excused */
} CfNote;

/* A note that is not there any more if there are too many. May raise errors, for lack of memory. */
extern CfNote *cf_note_add(CfNoteKind kind, Oid oid);

/* The first one, or NULL. */
extern CfNote *cf_note_find(CfNoteKind kind, Oid oid);
extern bool cf_note_has(CfNoteKind kind, Oid oid);

/* The i-th, from 0; NULL: there are no more. Valid until the next is added. */
extern CfNote *cf_note_at(int i);

/* Has the transaction done more than is noted? */
extern bool cf_note_too_many(void);

extern void cf_note_subxact(SubXactEvent event);
extern void cf_note_reset(void);

#endif							/* CF_CAPTURE_NOTE_H */
