/*
 * oldkeys.h - what named loaders leave in Redis under versions that they have no more.
 *
 * Nobody asks for those keys again, and they end with their times to live; until then they
 * take room, and programs that read Redis would find them. So they are removed as those of
 * databases that are gone (sweep.h), and as there nothing rests on it: what
 * is not known of is left. A server knows what 'auto' was when one of its own sessions
 * has last made a key, and since when: not before its start.
 *
 * Locking: the tranche's one lock guards the table of known versions; held for a look at a
 * place of it.
 *
 * src/publish/oldkeys.h
 */
#ifndef CF_PUBLISH_OLDKEYS_H
#define CF_PUBLISH_OLDKEYS_H

#include "postgres.h"

#include "access/xact.h"

extern void cf_oldkeys_register(void);

/*
 * Session, in a transaction: this is what version 'auto' of a cache is now, as the
 * definitions are that it sees. Nothing of a transaction that may have changed them.
 */
extern void cf_oldkeys_note(const char *cache, uint32 version);

/*
 * Session, in a transaction: from its commit on the keys of a cache have not this version any
 * more, which is as cache_definitions has it.
 */
extern void cf_oldkeys_leave(const char *cache, const char *version);

/* In the callbacks of transactions; the last of abort and PREPARE. Cannot fail. */
extern void cf_oldkeys_subxact(SubXactEvent event);
extern void cf_oldkeys_committed(void);
extern void cf_oldkeys_reset(void);

#endif							/* CF_PUBLISH_OLDKEYS_H */
