/*
 * refusal.h - what Redis refuses to our user, for those who report it.
 *
 * A user of Redis may lack the right to a command or to our keys. Such a reply is
 * an answer as any other: what needs it goes without, all else goes on. It is
 * noted here at the first refusal, logged once, and forgotten as soon as the same
 * command is answered.
 *
 * src/redis/refusal.h
 */
#ifndef CF_REDIS_REFUSAL_H
#define CF_REDIS_REFUSAL_H

#include "postgres.h"

#define CF_REFUSAL_LEN 512

/*
 * Is anything refused? Then text is a sentence about all of it. Whether it names
 * the user is for the caller to decide.
 */
extern bool cf_refusal_obstacle(char text[CF_REFUSAL_LEN], bool with_user);

#endif							/* CF_REDIS_REFUSAL_H */
