/*
 * lua.c - the scripts that run inside Redis. DESIGN sections 5 and 6.
 *
 * A fence is a list of tokens, each with the time at which it expires, for
 * several transactions may be in their commit windows with one key or tag. A
 * token that expires is of a writer that died, or that Redis lost sight of:
 * its commit may have happened, at an LSN that nobody told.
 *
 * A key's hash:  f  fence: "token@ms token@ms"
 *				  x  tombstone: LSN up to which all invalidations are known, or
 *					 "?" if one is not
 *				  l:<id>  lease: "token@ms"
 *				  v:<id>, m:<id>  value and meta
 * A tag:		  "v <version>", or "f <prev> token@ms ...": prev is the version
 *				  that holds when the last fence goes, "-" for none, "?" for
 *				  unknown. A version is "<LSN>:<token of who made it>".
 * The floor:	  "<run id> <floor LSN> <beat LSN> <beat ms> <evicted keys>
 *				  <timeline>:<LSN where it began>:<incarnation> ...", newest first.
 *
 * Those that invalidate may exceed maxmemory: they free more than they take.
 *
 * src/l2/lua.c
 */
#include "postgres.h"

#include "l2/lua.h"

#define ALLOW_OOM "#!lua flags=allow-oom\n"

/* now: ms. live(list, own): what of a list of fences stands, without own; has any expired? */
#define PRELUDE \
	"local t = redis.call('TIME')\n" \
	"local now = t[1] * 1000 + math.floor(t[2] / 1000)\n" \
	"local function ms(n) return string.format('%.0f', n) end\n" \
	"local function live(list, own)\n" \
	"  local kept, expired = {}, false\n" \
	"  for token, till in string.gmatch(list or '', '(%S+)@(%d+)') do\n" \
	"    if tonumber(till) <= now then expired = expired or token ~= own\n" \
	"    elseif token ~= own then kept[#kept + 1] = token .. '@' .. till end\n" \
	"  end\n" \
	"  return kept, expired\n" \
	"end\n" \
	"local function keep(key, ttl)\n" \
	"  ttl = tonumber(ttl)\n" \
	"  if redis.call('PTTL', key) < ttl then redis.call('PEXPIRE', key, ms(ttl)) end\n" \
	"end\n"

/* later(a, b): the larger of two LSNs. */
#define LATER \
	"local function later(a, b) if a > b then return a else return b end end\n"

const char *const cf_l2_lua[CF_L2_NSCRIPTS] = {
	[CF_L2_SCRIPT_PING] =
	"redis.call('GET', KEYS[1])\n"
	"return ARGV[1]\n",

	/*
	 * token, fence ms, keep ms. Step 2 of section 5: value and leases go, and
	 * none is given until the fence is lifted.
	 */
	[CF_L2_FENCE] = ALLOW_OOM PRELUDE
	"local x = redis.call('HGET', KEYS[1], 'x')\n"
	"local kept, expired = live(redis.call('HGET', KEYS[1], 'f'), ARGV[1])\n"
	"kept[#kept + 1] = ARGV[1] .. '@' .. ms(now + ARGV[2])\n"
	"redis.call('DEL', KEYS[1])\n"
	"redis.call('HSET', KEYS[1], 'f', table.concat(kept, ' '))\n"
	"if expired then x = '?' end\n"
	"if x then redis.call('HSET', KEYS[1], 'x', x) end\n"
	"redis.call('PEXPIRE', KEYS[1], ARGV[3])\n"
	"return 1\n",

	/*
	 * token, commit LSN, current LSN, keep ms. Step 4: drops again, and leaves
	 * the LSN that a standby must have replayed before it fills.
	 */
	[CF_L2_SETTLE] = ALLOW_OOM PRELUDE LATER
	"local x = redis.call('HGET', KEYS[1], 'x') or ''\n"
	"local kept, expired = live(redis.call('HGET', KEYS[1], 'f'), ARGV[1])\n"
	"if expired or x == '?' then x = ARGV[3] end\n"
	"redis.call('DEL', KEYS[1])\n"
	"redis.call('HSET', KEYS[1], 'x', later(x, ARGV[2]))\n"
	"if #kept > 0 then redis.call('HSET', KEYS[1], 'f', table.concat(kept, ' ')) end\n"
	"redis.call('PEXPIRE', KEYS[1], ARGV[4])\n"
	"return 1\n",

	/* token, current LSN. The transaction was rolled back. */
	[CF_L2_LIFT] = ALLOW_OOM PRELUDE
	"local f = redis.call('HGET', KEYS[1], 'f')\n"
	"if not f then return 0 end\n"
	"local kept, expired = live(f, ARGV[1])\n"
	"if expired then redis.call('HSET', KEYS[1], 'x', ARGV[2]) end\n"
	"if #kept > 0 then redis.call('HSET', KEYS[1], 'f', table.concat(kept, ' '))\n"
	"else redis.call('HDEL', KEYS[1], 'f') end\n"
	"return 1\n",

	/*
	 * lease field, token, lease ms, keep ms, who ('p' for the writing server),
	 * its LSN. Answers {what, tombstone}: 'L' granted, 'W' somebody else has
	 * it, 'F' fenced, 'N' this standby lags behind an invalidation.
	 */
	[CF_L2_LEASE] = PRELUDE
	"local f = redis.call('HGET', KEYS[1], 'f')\n"
	"local x = redis.call('HGET', KEYS[1], 'x')\n"
	"local kept, expired = live(f, '')\n"
	"if #kept > 0 then return {'F', ''} end\n"
	"local writer = ARGV[5] == 'p'\n"
	"if f or x == '?' then\n"
	"  if not writer then return {'N', ''} end\n"
	"  x = ARGV[6]\n"
	"  redis.call('HDEL', KEYS[1], 'f')\n"
	"  redis.call('HSET', KEYS[1], 'x', x)\n"
	"end\n"
	"if not writer and x and x > ARGV[6] then return {'N', x} end\n"
	"local other = live(redis.call('HGET', KEYS[1], ARGV[1]), ARGV[2])\n"
	"if #other > 0 then return {'W', ''} end\n"
	"if writer and not x then x = ARGV[6]; redis.call('HSET', KEYS[1], 'x', x) end\n"
	"redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. '@' .. ms(now + ARGV[3]))\n"
	"keep(KEYS[1], ARGV[4])\n"
	"return {'L', x or ''}\n",

	/* lease field, token: gives a lease back. */
	[CF_L2_RELEASE] = ALLOW_OOM
	"local l = redis.call('HGET', KEYS[1], ARGV[1])\n"
	"if l and string.match(l, '^(%S+)@') == ARGV[2] then\n"
	"  return redis.call('HDEL', KEYS[1], ARGV[1])\n"
	"end\n"
	"return 0\n",

	/* lease field, token, value field, value, meta field, meta, keep ms. */
	[CF_L2_FILL] = PRELUDE
	"local l = redis.call('HGET', KEYS[1], ARGV[1])\n"
	"if not l or string.match(l, '^(%S+)@') ~= ARGV[2] then return 0 end\n"
	"redis.call('HSET', KEYS[1], ARGV[3], ARGV[4], ARGV[5], ARGV[6])\n"
	"redis.call('HDEL', KEYS[1], ARGV[1])\n"
	"keep(KEYS[1], ARGV[7])\n"
	"return 1\n",

	/* token, fence ms, keep ms. */
	[CF_L2_TAG_FENCE] = ALLOW_OOM PRELUDE
	"local cur = redis.call('GET', KEYS[1]) or ''\n"
	"local kind, prev, list = string.match(cur, '^(%a) (%S+) ?(.*)$')\n"
	"local kept, expired = {}, false\n"
	"if kind == 'f' then kept, expired = live(list, ARGV[1])\n"
	"elseif kind ~= 'v' then prev = '-' end\n"
	"if expired then prev = '?' end\n"
	"kept[#kept + 1] = ARGV[1] .. '@' .. ms(now + ARGV[2])\n"
	"redis.call('SET', KEYS[1], 'f ' .. prev .. ' ' .. table.concat(kept, ' '), 'PX', ARGV[3])\n"
	"return 1\n",

	/*
	 * token, commit LSN, current LSN, keep ms. A new version, of the latest
	 * LSN that is known, with a name that no version had before.
	 */
	[CF_L2_TAG_SETTLE] = ALLOW_OOM PRELUDE LATER
	"local cur = redis.call('GET', KEYS[1]) or ''\n"
	"local kind, prev, list = string.match(cur, '^(%a) (%S+) ?(.*)$')\n"
	"local kept, expired = {}, false\n"
	"if kind == 'f' then kept, expired = live(list, ARGV[1]) end\n"
	"local lsn = ARGV[2]\n"
	"if expired or prev == '?' then lsn = later(lsn, ARGV[3])\n"
	"elseif prev and prev ~= '-' then lsn = later(lsn, string.sub(prev, 1, 16)) end\n"
	"local version = lsn .. ':' .. ARGV[1]\n"
	"if #kept > 0 then version = 'f ' .. version .. ' ' .. table.concat(kept, ' ')\n"
	"else version = 'v ' .. version end\n"
	"redis.call('SET', KEYS[1], version, 'PX', ARGV[4])\n"
	"return 1\n",

	/* token, current LSN, keep ms. The transaction was rolled back. */
	[CF_L2_TAG_LIFT] = ALLOW_OOM PRELUDE
	"local cur = redis.call('GET', KEYS[1]) or ''\n"
	"local kind, prev, list = string.match(cur, '^(%a) (%S+) ?(.*)$')\n"
	"if kind ~= 'f' then return 0 end\n"
	"local kept, expired = live(list, ARGV[1])\n"
	"if expired or prev == '?' then prev = ARGV[2] .. ':' .. ARGV[1] end\n"
	"if #kept > 0 then\n"
	"  redis.call('SET', KEYS[1], 'f ' .. prev .. ' ' .. table.concat(kept, ' '), 'PX', ARGV[3])\n"
	"elseif prev == '-' then redis.call('DEL', KEYS[1])\n"
	"else redis.call('SET', KEYS[1], 'v ' .. prev, 'PX', ARGV[3]) end\n"
	"return 1\n",

	/*
	 * LSN, token, keep ms. The tag's version; '' if it is fenced. A missing one
	 * is made, of that LSN.
	 */
	[CF_L2_TAG_ENSURE] = PRELUDE
	"local cur = redis.call('GET', KEYS[1]) or ''\n"
	"local kind, prev, list = string.match(cur, '^(%a) (%S+) ?(.*)$')\n"
	"if kind == 'f' and #live(list, '') > 0 then return '' end\n"
	"if kind ~= 'v' then\n"
	"  prev = ARGV[1] .. ':' .. ARGV[2]\n"
	"  redis.call('SET', KEYS[1], 'v ' .. prev, 'PX', ARGV[3])\n"
	"else keep(KEYS[1], ARGV[3]) end\n"
	"return prev\n",

	/*
	 * run id, current LSN, own incarnation as in the list, evicted keys, how
	 * many incarnations to keep, '1' to raise the floor in any case. Only the
	 * writing server. A Redis of another run id may have forgotten what came
	 * before: then the floor rises to the current LSN. Answers the floor; '' to
	 * a server of an older timeline, which must not write here any more.
	 */
	[CF_L2_FLOOR] = ALLOW_OOM PRELUDE
	"local cur = redis.call('GET', KEYS[1]) or ''\n"
	"local run, floor, beat, at, evicted, rest = string.match(cur,\n"
	"  '^(%x+) (%x+) (%x+) (%d+) (%d+) ?(.*)$')\n"
	"local list = {ARGV[3]}\n"
	"for one in string.gmatch(rest or '', '%S+') do\n"
	"  if string.sub(one, 1, 8) > string.sub(ARGV[3], 1, 8) then return '' end\n"
	"  if one ~= ARGV[3] and #list < tonumber(ARGV[5]) then list[#list + 1] = one end\n"
	"end\n"
	"if run ~= ARGV[1] or ARGV[6] == '1' then floor = ARGV[2] end\n"
	"cur = table.concat({ARGV[1], floor, ARGV[2], ms(now), ARGV[4], table.concat(list, ' ')}, ' ')\n"
	"redis.call('SET', KEYS[1], cur)\n"
	"return cur\n",

	/*
	 * run id, LSN, evicted keys, and the ms that a beat is kept for at least:
	 * a standby needs one that it has replayed and that is not too old.
	 */
	[CF_L2_BEAT] = ALLOW_OOM PRELUDE
	"local cur = redis.call('GET', KEYS[1]) or ''\n"
	"local run, floor, beat, at, evicted, rest = string.match(cur,\n"
	"  '^(%x+) (%x+) (%x+) (%d+) (%d+) ?(.*)$')\n"
	"if run ~= ARGV[1] then return '' end\n"
	"if evicted ~= ARGV[3] or now - tonumber(at) >= tonumber(ARGV[4]) then\n"
	"  cur = table.concat({run, floor, ARGV[2], ms(now), ARGV[3], rest}, ' ')\n"
	"  redis.call('SET', KEYS[1], cur)\n"
	"end\n"
	"return cur\n",
};
