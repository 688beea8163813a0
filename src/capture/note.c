/*
 * note.c - what the running transaction has done to the catalog, as hooks saw it.
 *
 * src/capture/note.c
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "base/involved.h"
#include "capture/note.h"

#define CF_MAX_NOTES 2048

/* Of the running transaction. */
static struct
{
	CfNote	   *note;			/* in TopMemoryContext */
	int			n;
	int			room;
	bool		too_many;		/* until the transaction ends */
}			notes;

CfNote *
cf_note_add(CfNoteKind kind, Oid oid)
{
	static CfNote dummy;
	CfNote	   *note;

	if (notes.n == CF_MAX_NOTES)
	{
		notes.too_many = true;
		return &dummy;
	}
	if (notes.n == notes.room)
	{
		int			room = Max(2 * notes.room, 32);

		notes.note = notes.note == NULL ?
			MemoryContextAlloc(TopMemoryContext, room * sizeof(CfNote)) :
			repalloc(notes.note, room * sizeof(CfNote));
		notes.room = room;
	}
	cf_involve();
	note = &notes.note[notes.n++];
	MemSet(note, 0, sizeof(*note));
	note->kind = kind;
	note->oid = oid;
	note->level = GetCurrentTransactionNestLevel();
	return note;
}

CfNote *
cf_note_find(CfNoteKind kind, Oid oid)
{
	for (int i = 0; i < notes.n; i++)
	{
		if (notes.note[i].kind == kind && notes.note[i].oid == oid)
			return &notes.note[i];
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
	for (int i = 0; i < notes.n; i++)
	{
		if (notes.note[i].level >= level && event == SUBXACT_EVENT_ABORT_SUB)
			continue;
		notes.note[n] = notes.note[i];
		notes.note[n].level = Min(notes.note[n].level, level - 1);
		n++;
	}
	notes.n = n;
}

void
cf_note_reset(void)
{
	notes.n = 0;
	notes.too_many = false;
}

CfNote *
cf_note_at(int i)
{
	return i < notes.n ? &notes.note[i] : NULL;
}

bool
cf_note_too_many(void)
{
	return notes.too_many;
}
