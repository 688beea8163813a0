/*
 * notes.c - what entries are made of, in words, for the reports.
 *
 * Locking: the tranche's one lock guards all notes. It is taken once a load, and
 * exclusively only where another note was there before.
 *
 * src/stats/notes.c
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "mb/pg_wchar.h"
#include "storage/lwlock.h"

#include "base/shmem.h"
#include "stats/notes.h"

#define CF_NOTES 1024			/* a power of two */

typedef struct CfSharedNote
{
	/* Protected by the lock */
	uint32		digest;			/* 0: none */
	CfNote		note;
} CfSharedNote;

static CfSharedNote *notes = NULL;
static LWLock *notes_lock = NULL;

static Size
notes_shmem_size(void)
{
	return sizeof(CfSharedNote) * CF_NOTES;
}

static void
notes_shmem_init(void *memory, LWLockPadded *locks)
{
	MemSet(memory, 0, notes_shmem_size());
}

static void
notes_shmem_attach(void *memory, LWLockPadded *locks)
{
	notes = memory;
	notes_lock = &locks[0].lock;
}

void
cf_notes_register(void)
{
	static const CfShmemSegment segment = {
		.name = "cachefront_notes",
		.nlocks = 1,
		.size = notes_shmem_size,
		.init = notes_shmem_init,
		.attach = notes_shmem_attach,
	};

	cf_shmem_register(&segment);
}

uint32
cf_notes_keep(const char *query, int query_len, const char *settings, int settings_len)
{
	uint32		of_query = hash_bytes((const unsigned char *) query, query_len);
	uint32		of_settings = hash_bytes((const unsigned char *) settings, settings_len);
	uint32		digest = Max(hash_combine(of_query, of_settings), 1);
	CfSharedNote *shared = &notes[digest & (CF_NOTES - 1)];
	bool		known;

	LWLockAcquire(notes_lock, LW_SHARED);
	known = shared->digest == digest;
	LWLockRelease(notes_lock);
	if (known)
		return digest;
	query_len = pg_mbcliplen(query, query_len, CF_NOTE_TEXT);
	settings_len = pg_mbcliplen(settings, settings_len, CF_NOTE_TEXT);
	LWLockAcquire(notes_lock, LW_EXCLUSIVE);
	shared->digest = digest;
	shared->note.query_len = (uint32) query_len;
	shared->note.settings_len = (uint32) settings_len;
	memcpy(shared->note.query, query, query_len);
	memcpy(shared->note.settings, settings, settings_len);
	LWLockRelease(notes_lock);
	return digest;
}

bool
cf_notes_find(uint32 digest, CfNote *note)
{
	const CfSharedNote *shared = &notes[digest & (CF_NOTES - 1)];
	bool		found;

	LWLockAcquire(notes_lock, LW_SHARED);
	found = digest != 0 && shared->digest == digest;
	if (found)
		*note = shared->note;
	LWLockRelease(notes_lock);
	return found;
}
