/*
 * address.h - the addresses of Redis's host, for those who do not connect.
 *
 * src/l2/address.h
 */
#ifndef CF_L2_ADDRESS_H
#define CF_L2_ADDRESS_H

#include "postgres.h"

extern void cf_address_register(void);

/*
 * For the bus's worker, now and then: asks the resolver again where the host is, if
 * a session could not use the Redis there, and if that is elsewhere now, closes the
 * connection. May take as long as the resolver likes.
 */
extern void cf_address_check(void);

/* How often the resolver was asked since the server started. */
extern uint32 cf_address_lookups(void);

#endif							/* CF_L2_ADDRESS_H */
