/*
 * lua.h - the scripts that run inside Redis.
 *
 * Each touches one key, KEYS[1] (safe for Redis Cluster).
 *
 * src/l2/lua.h
 */
#ifndef CF_L2_LUA_H
#define CF_L2_LUA_H

typedef enum CfL2Script
{
	CF_L2_SCRIPT_PING,			/* reads the key, returns ARGV[1] */
	CF_L2_NSCRIPTS
} CfL2Script;

extern const char *const cf_l2_lua[CF_L2_NSCRIPTS];

#endif							/* CF_L2_LUA_H */
