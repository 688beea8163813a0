/*
 * lua.c - the scripts that run inside Redis.
 *
 * Of readers: leases and values. Nothing there is trusted, so nothing has to be
 * right in them for the sake of freshness: see README.md.
 *
 * Of commits: a fence is a list of tokens, each with the time at which it expires,
 * for several transactions may be in their commit windows with one key or tag.
 *
 * A key's hash:  f  fence: "token@ms token@ms"
 *				  x  "<LSN>" of the last commit that dropped it, perhaps after "~"
 *				  l:<id>  lease: "token@ms+length"
 *				  v:<id>, m:<id>  value and meta
 * A tag:		  "v <version>"  its version: "<LSN>:<token of who made it>"
 *				  "f <prev> token@ms ..."  fenced; prev is the version that holds
 *					 when the last fence goes, or "?<LSN>"
 *				  "u <LSN>"	 no version; there was an invalidation up to there
 *				  A version of before the floor is none.
 * The floor:	  "<run id> <floor LSN> <beat LSN> <beat ms> <evicted keys>
 *				  <timeline>:<LSN where it began>:<incarnation> ...", newest first.
 *				  Who commits after the beat's LSN fences after its time, when
 *				  Redis had evicted so many keys: see beat.h. Without a beat it
 *				  has an LSN that nobody reaches.
 *
 * Those that invalidate may exceed maxmemory: they free more than they take.
 *
 * src/l2/lua.c
 */
#include "postgres.h"

#include "l2/lua.h"

#define ALLOW_OOM "#!lua flags=allow-oom\n"
#define NEVER "'FFFFFFFFFFFFFFFF'"	/* an LSN that nobody reaches */

/* A key of another type is not ours, and must not stop an invalidation. */
#define OWN_TYPE(type) \
	"local kind_of_key = redis.call('TYPE', KEYS[1]).ok\n" \
	"if kind_of_key ~= 'none' and kind_of_key ~= '" type "' then redis.call('DEL', KEYS[1]) end\n"

/*
 * now: ms. live(list, own): what of a list of fences stands, without own; has
 * another expired; was own among them? keep: for so many ms at least.
 */
#define PRELUDE \
	"local t = redis.call('TIME')\n" \
	"local now = t[1] * 1000 + math.floor(t[2] / 1000)\n" \
	"local function ms(n) return string.format('%.0f', n) end\n" \
	"local function live(list, own)\n" \
	"  local kept, expired, found = {}, false, false\n" \
	"  for token, till in string.gmatch(list or '', '(%S+)@(%d+)') do\n" \
	"    if token == own then found = true\n" \
	"    elseif tonumber(till) <= now then expired = true\n" \
	"    else kept[#kept + 1] = token .. '@' .. till end\n" \
	"  end\n" \
	"  return kept, expired, found\n" \
	"end\n" \
	"local function keep(key, ttl)\n" \
	"  ttl = tonumber(ttl)\n" \
	"  if redis.call('PTTL', key) < ttl then redis.call('PEXPIRE', key, ms(ttl)) end\n" \
	"end\n" \
	"local function later(a, b) if a > b then return a else return b end end\n"

/*
 * kind, prev, list: a tag taken apart; kind '' for what is none. lsn(): of a
 * version or of "?<LSN>". A version of before the floor is unknown.
 */
#define TAG(floor) \
	"local cur = redis.call('GET', KEYS[1]) or ''\n" \
	"local kind, prev, list = string.match(cur, '^(%a) (%S+) ?(.*)$')\n" \
	"kind = kind or ''\n" \
	"local function lsn(p)\n" \
	"  if string.sub(p, 1, 1) == '?' then return string.sub(p, 2, 17) end\n" \
	"  return string.sub(p, 1, 16)\n" \
	"end\n" \
	"if kind == '' then prev = '?0000000000000000'\n" \
	"elseif kind == 'm' then prev = '?' .. (string.match(list, '^%x+$') or " NEVER ")\n" \
	"elseif kind == 'u' or lsn(prev) < " floor " then prev = '?' .. lsn(prev) end\n" \
	"local known = string.sub(prev, 1, 1) ~= '?'\n" \
	"local function put(p, kept, ttl)\n" \
	"  local text\n" \
	"  if #kept > 0 then text = 'f ' .. p .. ' ' .. table.concat(kept, ' ')\n" \
	"  elseif string.sub(p, 1, 1) == '?' then\n" \
	"    text = 'u ' .. lsn(p)\n" \
	"    ttl = math.min(tonumber(ttl), 600000)\n" \
	"  else text = 'v ' .. p end\n" \
	"  redis.call('SET', KEYS[1], text, 'PX', ttl)\n" \
	"end\n"

const char *const cf_l2_lua[CF_L2_NSCRIPTS] = {

	[CF_L2_SCRIPT_PING] =
	"redis.call('GET', KEYS[1])\n"
	"return ARGV[1]\n",

	/*
	 * token, fence ms, keep ms. Step 2 of section 5: value and leases go, and
	 * none is given until the fence is lifted.
	 */
	[CF_L2_FENCE] = ALLOW_OOM OWN_TYPE("hash") PRELUDE
	"local x = redis.call('HGET', KEYS[1], 'x')\n"
	"local kept, expired = live(redis.call('HGET', KEYS[1], 'f'), ARGV[1])\n"
	"kept[#kept + 1] = ARGV[1] .. '@' .. ms(now + ARGV[2])\n"
	"if expired then x = '~' .. " NEVER " end\n"
	"redis.call('DEL', KEYS[1])\n"
	"redis.call('HSET', KEYS[1], 'f', table.concat(kept, ' '))\n"
	"if x then redis.call('HSET', KEYS[1], 'x', x) end\n"
	"redis.call('PEXPIRE', KEYS[1], ARGV[3])\n"
	"return 1\n",

	/*
	 * token, commit LSN, keep ms, floor. Step 4: drops again, and leaves the
	 * LSN that a standby must have replayed before it fills.
	 */
	[CF_L2_SETTLE] = ALLOW_OOM OWN_TYPE("hash") PRELUDE
	"local x = redis.call('HGET', KEYS[1], 'x') or '~0000000000000000'\n"
	"local kept, expired, found = live(redis.call('HGET', KEYS[1], 'f'), ARGV[1])\n"
	"local sure = string.sub(x, 1, 1) ~= '~' and found and x >= ARGV[4]\n"
	"x = later(string.sub(x, -16), ARGV[2])\n"
	"if expired then x = '~' .. " NEVER " elseif not sure then x = '~' .. x end\n"
	"redis.call('DEL', KEYS[1])\n"
	"redis.call('HSET', KEYS[1], 'x', x)\n"
	"if #kept > 0 then redis.call('HSET', KEYS[1], 'f', table.concat(kept, ' ')) end\n"
	"redis.call('PEXPIRE', KEYS[1], ARGV[3])\n"
	"return 1\n",

	/* token. The transaction was rolled back. */
	[CF_L2_LIFT] = ALLOW_OOM OWN_TYPE("hash") PRELUDE
	"local f = redis.call('HGET', KEYS[1], 'f')\n"
	"if not f then return 0 end\n"
	"local kept, expired = live(f, ARGV[1])\n"
	"if expired then redis.call('HSET', KEYS[1], 'x', '~' .. " NEVER ") end\n"
	"if #kept > 0 then redis.call('HSET', KEYS[1], 'f', table.concat(kept, ' '))\n"
	"else redis.call('HDEL', KEYS[1], 'f') end\n"
	"return 1\n",

	/*
	 * lease field, token, lease ms, longest lease ms. Answers 'L', granted, or 'W':
	 * somebody else has it. Whoever takes one over that has run out, as of a server
	 * that died, or whose load takes longer than it said, gets it for twice as long as
	 * that one was for: so that few take the place of one that is slow.
	 */
	[CF_L2_LEASE] = PRELUDE
	"local length = tonumber(ARGV[3])\n"
	"local token, till, last = string.match(redis.call('HGET', KEYS[1], ARGV[1]) or '',\n"
	"  '^(%S+)@(%d+)%+(%d+)$')\n"
	"if token then\n"
	"  if tonumber(till) > now then return 'W' end\n"
	"  length = math.min(math.max(length, 2 * tonumber(last)), tonumber(ARGV[4]))\n"
	"end\n"
	"redis.call('HSET', KEYS[1], ARGV[1],\n"
	"  ARGV[2] .. '@' .. ms(now + length) .. '+' .. ms(length))\n"
	"keep(KEYS[1], ARGV[4])\n"
	"return 'L'\n",

	/* lease field, token: gives a lease back. */
	[CF_L2_RELEASE] = ALLOW_OOM
	"local l = redis.call('HGET', KEYS[1], ARGV[1])\n"
	"if l and string.match(l, '^(%S+)@') == ARGV[2] then\n"
	"  return redis.call('HDEL', KEYS[1], ARGV[1])\n"
	"end\n"
	"return 0\n",

	/*
	 * lease field, token, value field, value, meta field, meta, keep ms. A lease that
	 * is gone was dropped with its key: what was loaded under it may be older.
	 */
	[CF_L2_FILL] = PRELUDE
	"local l = redis.call('HGET', KEYS[1], ARGV[1])\n"
	"if not l or string.match(l, '^(%S+)@') ~= ARGV[2] then return 0 end\n"
	"redis.call('HSET', KEYS[1], ARGV[3], ARGV[4], ARGV[5], ARGV[6])\n"
	"redis.call('HDEL', KEYS[1], ARGV[1])\n"
	"keep(KEYS[1], ARGV[7])\n"
	"return 1\n",

	/* token, fence ms, keep ms, floor. */
	[CF_L2_TAG_FENCE] = ALLOW_OOM OWN_TYPE("string") PRELUDE TAG("ARGV[4]")
	"local kept, expired = {}, false\n"
	"if kind == 'f' then kept, expired = live(list, ARGV[1]) end\n"
	"if expired then prev = '?' .. " NEVER " end\n"
	"kept[#kept + 1] = ARGV[1] .. '@' .. ms(now + ARGV[2])\n"
	"put(prev, kept, ARGV[3])\n"
	"return 1\n",

	/*
	 * token, commit LSN, keep ms, floor. A new version, with a name that none
	 * had before; but only where there was one, and all fences since are known.
	 */
	[CF_L2_TAG_SETTLE] = ALLOW_OOM OWN_TYPE("string") PRELUDE TAG("ARGV[4]")
	"local kept, expired, found = {}, false, false\n"
	"if kind == 'f' then kept, expired, found = live(list, ARGV[1]) end\n"
	"local at = later(lsn(prev), ARGV[2])\n"
	"if expired then prev = '?' .. " NEVER "\n"
	"elseif known and found then prev = at .. ':' .. ARGV[1]\n"
	"else prev = '?' .. at end\n"
	"put(prev, kept, ARGV[3])\n"
	"return 1\n",

	/* token, keep ms, floor. The transaction was rolled back. */
	[CF_L2_TAG_LIFT] = ALLOW_OOM OWN_TYPE("string") PRELUDE TAG("ARGV[3]")
	"if kind ~= 'f' then return 0 end\n"
	"local kept, expired = live(list, ARGV[1])\n"
	"if expired then prev = '?' .. " NEVER " end\n"
	"put(prev, kept, ARGV[2])\n"
	"return 1\n",

	/*
	 * run id, current LSN, own incarnation as in the list, how many incarnations
	 * to keep, '1' to raise the floor in any case, horizon. Only the writing
	 * server. A Redis of another run id may have forgotten what came before: then
	 * the floor rises to the current LSN. So it does for a server that was
	 * promoted if the last word of the one before is more than a minute old: that
	 * may have gone on without Redis, and only its own disk knows (horizon.c). It
	 * is no beat, for commits may be under way, and the one before may not hold
	 * any more. Answers the floor; '' to a server of an older timeline, which must
	 * not write here any more.
	 */
	[CF_L2_FLOOR] = ALLOW_OOM OWN_TYPE("string") PRELUDE
	"local cur = redis.call('GET', KEYS[1]) or ''\n"
	"local run, floor, beat, at, evicted, rest = string.match(cur,\n"
	"  '^(%x+) (%x+) (%x+) (%d+) (%d+) ?(.*)$')\n"
	"local list = {ARGV[3]}\n"
	"local promoted = string.sub(rest or ARGV[3], 1, 8) < string.sub(ARGV[3], 1, 8)\n"
	"for one in string.gmatch(rest or '', '%S+') do\n"
	"  if string.sub(one, 1, 8) > string.sub(ARGV[3], 1, 8) then return '' end\n"
	"  if one ~= ARGV[3] and #list < tonumber(ARGV[4]) then list[#list + 1] = one end\n"
	"end\n"
	"if run ~= ARGV[1] or ARGV[5] == '1' or\n"
	"  promoted and math.abs(now - tonumber(at)) > 60000 then floor = ARGV[2] end\n"
	"floor = later(floor, ARGV[6])\n"
	"cur = table.concat({ARGV[1], floor, " NEVER ", ms(now), '0', table.concat(list, ' ')}, ' ')\n"
	"redis.call('SET', KEYS[1], cur)\n"
	"return cur\n",

	/*
	 * run id, LSN, evicted keys and ms when the beat was begun, the ms that a beat
	 * is kept for at least, own incarnation: a standby needs one that it has
	 * replayed and that is not too old. A server that is no longer the writing one
	 * gives none. One that was begun before the floor was written says nothing of
	 * what was lost then. Where the clock was set back, begin anew.
	 */
	[CF_L2_BEAT] = ALLOW_OOM OWN_TYPE("string") PRELUDE
	"local cur = redis.call('GET', KEYS[1]) or ''\n"
	"local run, floor, beat, at, evicted, rest = string.match(cur,\n"
	"  '^(%x+) (%x+) (%x+) (%d+) (%d+) ?(.*)$')\n"
	"if run ~= ARGV[1] then return '' end\n"
	"if string.match(rest, '^%S+') ~= ARGV[6] then return cur end\n"
	"local age = tonumber(ARGV[4]) - tonumber(at)\n"
	"if now < tonumber(at) then\n"
	"  cur = table.concat({run, floor, " NEVER ", ms(now), '0', rest}, ' ')\n"
	"elseif age > 0 and (beat == " NEVER " or evicted ~= ARGV[3] or age >= tonumber(ARGV[5])) then\n"
	"  cur = table.concat({run, floor, ARGV[2], ARGV[4], ARGV[3], rest}, ' ')\n"
	"else return cur end\n"
	"redis.call('SET', KEYS[1], cur)\n"
	"return cur\n",

	/* length, origin, LSN, payload: an event for the bus. */
	[CF_L2_PUBLISH] = ALLOW_OOM OWN_TYPE("stream")
	"redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*',\n"
	"  'o', ARGV[2], 'l', ARGV[3], 'd', ARGV[4])\n"
	"return 1\n",

	/*
	 * What is left of the bus: {first id, last id ever, entries ever, entries
	 * now}; {} if there is none, {'!'} if the key is something else.
	 */
	[CF_L2_STREAM] =
	"local info = redis.pcall('XINFO', 'STREAM', KEYS[1])\n"
	"if info.err then\n"
	"  if string.find(info.err, 'no such key') then return {} end\n"
	"  if string.find(info.err, 'WRONGTYPE') then return {'!'} end\n"
	"  return info\n"
	"end\n"
	"local s = {}\n"
	"for i = 1, #info - 1, 2 do s[info[i]] = info[i + 1] end\n"
	"return {s['recorded-first-entry-id'], s['last-generated-id'],\n"
	"  string.format('%.0f', s['entries-added']), string.format('%.0f', s['length'])}\n",

	/*
	 * Leaves a new last id, so that who had not read what was there sees it. No
	 * stream comes into being here, and a key of another type stays.
	 */
	[CF_L2_STREAM_EMPTY] = ALLOW_OOM
	"if redis.call('TYPE', KEYS[1]).ok ~= 'stream' then return 0 end\n"
	"redis.call('XADD', KEYS[1], 'MAXLEN', '=', '0', '*', 'd', '{\"all\":true}')\n"
	"return 1\n",
};
