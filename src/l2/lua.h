/*
 * lua.h - the scripts that run inside Redis.
 *
 * Each touches one key (its KEYS[1], cf:<ns>:<key>), so that they work in a cluster. Times
 * are Redis' own (TIME), in milliseconds: no server's clock counts.
 *
 * src/l2/lua.h
 */
#ifndef CF_L2_LUA_H
#define CF_L2_LUA_H

#include "redis/command.h"

extern CfScript cf_lua_ping;	/* reads the key, returns ARGV[1]: for tests */
extern CfScript cf_lua_lease;
extern CfScript cf_lua_release;
extern CfScript cf_lua_claim;
extern CfScript cf_lua_fill;
extern CfScript cf_lua_put;

#endif							/* CF_L2_LUA_H */
