/*
 * notes.h - what entries are made of, in words, for the reports.
 *
 * An entry has but the digest of a note, for there may be a million of them. The
 * table keeps the notes of what was run last, and forgets the others.
 *
 * src/stats/notes.h
 */
#ifndef CF_STATS_NOTES_H
#define CF_STATS_NOTES_H

#include "postgres.h"

#define CF_NOTE_TEXT 248		/* bytes that are kept of a text */

/* Texts are of the entry's database, without a zero at their end. */
typedef struct CfNote
{
	uint32		query_len;
	uint32		settings_len;
	char		query[CF_NOTE_TEXT];
	char		settings[CF_NOTE_TEXT];
} CfNote;

extern void cf_notes_register(void);

/* Keeps the beginning of both texts, and returns their digest. Never fails. */
extern uint32 cf_notes_keep(const char *query, int query_len,
							const char *settings, int settings_len);

/* False: forgotten, or 0. */
extern bool cf_notes_find(uint32 digest, CfNote *note);

#endif							/* CF_STATS_NOTES_H */
