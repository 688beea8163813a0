/*
 * lua.c - the scripts that run inside Redis: leases and values.
 *
 * Nothing there is trusted, so nothing has to be right in them for the sake of
 * freshness: see README.md.
 *
 * A key's hash:  l:<id>  lease: "token@ms+length", the time at which it ends
 *				  v:<id>, m:<id>  value and meta
 *				  c:<id>  what the server that got the lease for a claim says of that claim
 *
 * Whoever drops the key drops its leases too, so that what was loaded before is not
 * put there after.
 *
 * src/l2/lua.c
 */
#include "postgres.h"

#include "l2/lua.h"

#define ALLOW_OOM "#!lua flags=allow-oom\n"

/* now: ms. keep: for so many ms at least. */
#define PRELUDE \
	"local t = redis.call('TIME')\n" \
	"local now = t[1] * 1000 + math.floor(t[2] / 1000)\n" \
	"local function ms(n) return string.format('%.0f', n) end\n" \
	"local function keep(key, ttl)\n" \
	"  ttl = tonumber(ttl)\n" \
	"  if redis.call('PTTL', key) < ttl then redis.call('PEXPIRE', key, ms(ttl)) end\n" \
	"end\n"

CfScript cf_lua_ping = {.text =
	"redis.call('GET', KEYS[1])\n"
	"return ARGV[1]\n"};

/*
 * lease field, token, lease ms, longest lease ms, a token that is known to be of a
 * dead server, or the caller's own, or ''; the value's field, if there was none just now, or '';
 * the claim's field and what is to be said there, or '' and ''. Answers
 * 'L', granted, 'V', a value has come meanwhile, or the token of who has it. Whoever
 * takes one over that has run out, as of a server that died, or whose load takes
 * longer than it said, gets it for twice as long as that one was for: so that few
 * take the place of one that is slow. One that ends later than it was for is of before
 * Redis's clock was set back.
 */
CfScript cf_lua_lease = {.text = PRELUDE
	"if ARGV[6] ~= '' and redis.call('HGET', KEYS[1], ARGV[6]) then return 'V' end\n"
	"local length = tonumber(ARGV[3])\n"
	"local token, till, last = string.match(redis.call('HGET', KEYS[1], ARGV[1]) or '',\n"
	"  '^(%S+)@(%d+)%+(%d+)$')\n"
	"if token and token ~= ARGV[5] then\n"
	"  if tonumber(till) > now and tonumber(till) <= now + tonumber(last) then return token end\n"
	"  length = math.min(math.max(length, 2 * tonumber(last)), tonumber(ARGV[4]))\n"
	"end\n"
	"redis.call('HSET', KEYS[1], ARGV[1],\n"
	"  ARGV[2] .. '@' .. ms(now + length) .. '+' .. ms(length))\n"
	"if ARGV[7] ~= '' then redis.call('HSET', KEYS[1], ARGV[7], ARGV[8]) end\n"
	"keep(KEYS[1], ARGV[4])\n"
	"return 'L'\n"};

/* lease field, token, claim field, what is said there from now on, or '': gives a lease back. */
CfScript cf_lua_release = {.text = ALLOW_OOM
	"local l = redis.call('HGET', KEYS[1], ARGV[1])\n"
	"if l and string.match(l, '^(%S+)@') == ARGV[2] then\n"
	"  if ARGV[4] ~= '' then redis.call('HSET', KEYS[1], ARGV[3], ARGV[4]) end\n"
	"  return redis.call('HDEL', KEYS[1], ARGV[1])\n"
	"end\n"
	"return 0\n"};

/*
 * lease field, token, value field, value, meta field, meta, keep ms. A lease that
 * is gone was dropped with its key: what was loaded under it may be older.
 */
CfScript cf_lua_fill = {.text = PRELUDE
	"local l = redis.call('HGET', KEYS[1], ARGV[1])\n"
	"if not l or string.match(l, '^(%S+)@') ~= ARGV[2] then return 0 end\n"
	"redis.call('HSET', KEYS[1], ARGV[3], ARGV[4], ARGV[5], ARGV[6])\n"
	"redis.call('HDEL', KEYS[1], ARGV[1])\n"
	"keep(KEYS[1], ARGV[7])\n"
	"return 1\n"};

/* lease field, claim field. Answers: what is said of the claim; token, ms left of its lease. */
CfScript cf_lua_claim = {.text = PRELUDE
	"local l = redis.call('HMGET', KEYS[1], ARGV[1], ARGV[2])\n"
	"local token, till = string.match(l[1] or '', '^(%S+)@(%d+)%+%d+$')\n"
	"return {l[2] or '', token or '', ms(math.max((tonumber(till) or 0) - now, 0))}\n"};

/*
 * value field, value, meta field, meta, keep ms, lease field, claim field. A value ends the
 * claim of it.
 */
CfScript cf_lua_put = {.text = PRELUDE
	"redis.call('HSET', KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4])\n"
	"redis.call('HDEL', KEYS[1], ARGV[6], ARGV[7])\n"
	"keep(KEYS[1], ARGV[5])\n"
	"return 1\n"};
