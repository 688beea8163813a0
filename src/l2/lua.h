/*
 * lua.h - the scripts that run inside Redis.
 *
 * Each touches one key (its KEYS[1]), so that they work in a cluster. Times
 * are Redis' own (TIME), in milliseconds: no server's clock counts.
 *
 * src/l2/lua.h
 */
#ifndef CF_L2_LUA_H
#define CF_L2_LUA_H

typedef enum CfL2Script
{
	CF_L2_SCRIPT_PING,			/* reads the key, returns ARGV[1]: for tests */

	/* On cf:<ns>:<key> */
	CF_L2_LEASE,
	CF_L2_RELEASE,
	CF_L2_FILL,
	CF_L2_PUT,

	CF_L2_NSCRIPTS
} CfL2Script;

extern const char *const cf_l2_lua[CF_L2_NSCRIPTS];

#endif							/* CF_L2_LUA_H */
