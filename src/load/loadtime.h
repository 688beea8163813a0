/*
 * loadtime.h - about how long does a load of this identity take?
 *
 * For leases (tier/tier.h), which are to outlive a load by little: then one of a
 * session that died keeps nobody for long. Of this server's loads; two identities
 * may share a place, which costs a lease that is too short or too long.
 *
 * Locking: atomics only.
 *
 * src/load/loadtime.h
 */
#ifndef CF_LOAD_LOADTIME_H
#define CF_LOAD_LOADTIME_H

#include "codec/key.h"

extern void cf_loadtime_register(void);

/* A load has taken so many microseconds. */
extern void cf_loadtime_note(const CfIdentity *id, uint32 us);

/* What the last one took, at least 1; 0: there has been none of late. */
extern uint32 cf_loadtime_get(const CfIdentity *id);

#endif							/* CF_LOAD_LOADTIME_H */
