/*
 * lua.c - the texts of the scripts that run inside Redis.
 *
 * A text's hash is its name in Redis, so any change makes a new script; old
 * ones stay in Redis until it restarts.
 *
 * src/l2/lua.c
 */
#include "postgres.h"

#include "l2/lua.h"

const char *const cf_l2_lua[CF_L2_NSCRIPTS] = {
	[CF_L2_SCRIPT_PING] =
	"redis.call('GET', KEYS[1])\n"
	"return ARGV[1]\n",
};
