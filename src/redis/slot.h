/*
 * slot.h - which of a cluster's 16,384 slots a key is in, and where Redis says
 * that a slot has gone.
 *
 * Pure: no allocation, no errors.
 *
 * src/redis/slot.h
 */
#ifndef CF_REDIS_SLOT_H
#define CF_REDIS_SLOT_H

#include "postgres.h"

#include "base/redis_url.h"

#define CF_SLOTS 16384

/* Of the first non-empty {tag} in the key, or of all of it. */
extern int	cf_slot_of(const char *key, size_t len);

typedef enum CfRedirectKind
{
	CF_REDIRECT_NONE,			/* an error of another kind, or malformed */
	CF_REDIRECT_MOVED,			/* the slot is there from now on */
	CF_REDIRECT_ASK				/* this once: the slot is on its way there */
} CfRedirectKind;

typedef struct CfRedirect
{
	CfRedirectKind kind;
	int			slot;
	CfRedisHost host;			/* name is empty: that of the node which said so */
} CfRedirect;

/* Takes "MOVED 3999 127.0.0.1:6381" apart. */
extern CfRedirectKind cf_redirect_parse(const char *error, CfRedirect *result);

/* Is it a name or an address that can be connected to? */
extern bool cf_slot_is_host(const char *name, size_t len);

#endif							/* CF_REDIS_SLOT_H */
