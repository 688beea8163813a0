/*
 * readers.h - may another server read this one's WAL?
 *
 * Whoever reads it over a connection, or takes a base backup so, logs in for that; and who
 * has a replication slot means to. So a server to which nobody has come so until a minute
 * after its first commit has no standbys, and may leave out what only they read; the first
 * one that comes changes that until the server ends. Commits of before are to him as those
 * of a server without the library: rule 35 of docs/consistency.md.
 *
 * Locking: an atomic.
 *
 * src/history/readers.h
 */
#ifndef CF_HISTORY_READERS_H
#define CF_HISTORY_READERS_H

#include "postgres.h"

extern void cf_readers_register(void);
extern void cf_readers_install_hook(void);

/* In a transaction that commits. Cannot fail. */
extern bool cf_readers_any(void);

#endif							/* CF_HISTORY_READERS_H */
