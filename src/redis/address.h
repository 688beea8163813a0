/*
 * address.h - the addresses of Redis's host, for those who do not connect.
 *
 * src/redis/address.h
 */
#ifndef CF_REDIS_ADDRESS_H
#define CF_REDIS_ADDRESS_H

#include "postgres.h"

extern void cf_address_register(void);

/*
 * For a worker, once a second or so: asks the resolver for names that nobody knows
 * yet, and again for those that are known, if a session could not use the Redis
 * there. True if a host is elsewhere now. May take as long as the resolver likes.
 */
extern bool cf_address_check(void);

/* How often the resolver was asked since the server started. */
extern uint32 cf_address_lookups(void);

#endif							/* CF_REDIS_ADDRESS_H */
