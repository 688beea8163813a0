/*
 * note.c - what the running transaction has done to the catalog, as hooks saw it.
 *
 * src/capture/note.c
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "capture/note.h"

#define CF_MAX_NOTES 2048

static CfNote *notes = NULL;		/* of the running transaction; in TopMemoryContext */
static int	nnotes = 0;
static int	notes_room = 0;
static bool too_many = false;	/* until the transaction ends */


CfNote *
cf_note_add(CfNoteKind kind, Oid oid)
{
	static CfNote dummy;
	CfNote	   *note;

	if (nnotes == CF_MAX_NOTES)
	{
		too_many = true;
		return &dummy;
	}
	if (nnotes == notes_room)
	{
		int			room = Max(2 * notes_room, 32);

		notes = notes == NULL ? MemoryContextAlloc(TopMemoryContext, room * sizeof(CfNote)) :
			repalloc(notes, room * sizeof(CfNote));
		notes_room = room;
	}
	note = &notes[nnotes++];
	MemSet(note, 0, sizeof(*note));
	note->kind = kind;
	note->oid = oid;
	note->level = GetCurrentTransactionNestLevel();
	return note;
}

CfNote *
cf_note_find(CfNoteKind kind, Oid oid)
{
	for (int i = 0; i < nnotes; i++)
	{
		if (notes[i].kind == kind && notes[i].oid == oid)
			return &notes[i];
	}
	return NULL;
}

bool
cf_note_has(CfNoteKind kind, Oid oid)
{
	return cf_note_find(kind, oid) != NULL;
}

void
cf_note_subxact(SubXactEvent event)
{
	int			level = GetCurrentTransactionNestLevel();
	int			n = 0;

	if (event != SUBXACT_EVENT_COMMIT_SUB && event != SUBXACT_EVENT_ABORT_SUB)
		return;
	for (int i = 0; i < nnotes; i++)
	{
		if (notes[i].level >= level && event == SUBXACT_EVENT_ABORT_SUB)
			continue;
		notes[n] = notes[i];
		notes[n].level = Min(notes[n].level, level - 1);
		n++;
	}
	nnotes = n;
}

void
cf_note_reset(void)
{
	nnotes = 0;
	too_many = false;
}

CfNote *
cf_note_at(int i)
{
	return i < nnotes ? &notes[i] : NULL;
}

bool
cf_note_too_many(void)
{
	return too_many;
}
