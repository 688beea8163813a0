/*
 * lua.c - the scripts that run inside Redis. DESIGN sections 5 and 6, with the
 * rules that test/model/tags.pml, lease.pml and beats.pml show to be needed.
 *
 * A fence is a list of tokens, each with the time at which it expires, for
 * several transactions may be in their commit windows with one key or tag. A
 * token that expires is of a writer that died, or that Redis lost sight of:
 * its commit may have happened, at an LSN that nobody told.
 *
 * Redis may lose any key at any time, also one with a fence in it. So what is
 * missing says nothing: neither a tombstone nor a version comes into being by
 * invalidations alone, but only by a reader of the writing server, who knows
 * from its own memory that nobody is in a commit window just then.
 *
 * A key's hash:  f  fence: "token@ms token@ms"
 *				  x  tombstone. "<LSN>": all invalidations up to there are known,
 *					 and there is none after. "~<LSN>": there was one up to
 *					 there, others may be unknown
 *				  l:<id>  lease: "token@ms"
 *				  v:<id>, m:<id>  value and meta
 * A tag:		  "v <version>"  its version: "<LSN>:<token of who made it>"
 *				  "f <prev> token@ms ..."  fenced; prev is the version that holds
 *					 when the last fence goes, or "?<LSN>" as "~" above
 *				  "m <version> <LSN>"  the mark of a reader that is about to
 *					 make it; an invalidation up to there was known before it
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
	 * lease field, token, lease ms, keep ms, who ('p' for the writing server),
	 * its LSN, floor. Answers {what, tombstone}: 'L' granted, 'W' somebody else
	 * has it, 'F' fenced, 'N' this standby lags behind an invalidation. A
	 * standby needs the tombstone ('1'), or another proof, to fill.
	 */
	[CF_L2_LEASE] = PRELUDE
	"local f = redis.call('HGET', KEYS[1], 'f')\n"
	"local x = redis.call('HGET', KEYS[1], 'x')\n"
	"if f then\n"
	"  if #live(f, '') > 0 then return {'F', ''} end\n"
	"  x = '~' .. " NEVER "\n"
	"  redis.call('HSET', KEYS[1], 'x', x)\n"
	"  redis.call('HDEL', KEYS[1], 'f')\n"
	"end\n"
	"local sure = ''\n"
	"if x and string.sub(x, 1, 1) ~= '~' and x >= ARGV[7] then sure = '1' end\n"
#ifndef CF_FAULT_NO_REPLAY_CHECK
	"if ARGV[5] ~= 'p' and x and string.sub(x, -16) > ARGV[6] then return {'N', ''} end\n"
#endif
	"if #live(redis.call('HGET', KEYS[1], ARGV[1]), ARGV[2]) > 0 then return {'W', ''} end\n"
	"redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. '@' .. ms(now + ARGV[3]))\n"
	"keep(KEYS[1], ARGV[4])\n"
	"return {'L', sure}\n",

	/* lease field, token: gives a lease back. */
	[CF_L2_RELEASE] = ALLOW_OOM
	"local l = redis.call('HGET', KEYS[1], ARGV[1])\n"
	"if l and string.match(l, '^(%S+)@') == ARGV[2] then\n"
	"  return redis.call('HDEL', KEYS[1], ARGV[1])\n"
	"end\n"
	"return 0\n",

	/*
	 * lease field, token, value field, value, meta field, meta, keep ms,
	 * tombstone: what the writing server knows to be one, else ''.
	 */
	[CF_L2_FILL] = PRELUDE
	"local l = redis.call('HGET', KEYS[1], ARGV[1])\n"
#ifndef CF_FAULT_NO_REDIS_LEASE
	"if not l or string.match(l, '^(%S+)@') ~= ARGV[2] then return 0 end\n"
#endif
	"redis.call('HSET', KEYS[1], ARGV[3], ARGV[4], ARGV[5], ARGV[6])\n"
	"redis.call('HDEL', KEYS[1], ARGV[1])\n"
	"if ARGV[8] ~= '' then redis.call('HSET', KEYS[1], 'x', ARGV[8]) end\n"
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
	 * LSN, token, keep ms, floor. Writing server: "v <version>"; "m <version>"
	 * for a mark in its place, to be confirmed if still nobody is in a commit
	 * window; "f" if it is fenced.
	 */
	[CF_L2_TAG_ENSURE] = PRELUDE TAG("ARGV[4]")
	"local kept, expired = {}, false\n"
	"if kind == 'f' then kept, expired = live(list, '') end\n"
	"if #kept > 0 then return 'f' end\n"
	"if kind == 'v' and known then keep(KEYS[1], ARGV[3]); return cur end\n"
	"if expired then prev = '?' .. " NEVER " end\n"
	"local version = later(ARGV[1], ARGV[4]) .. ':' .. ARGV[2]\n"
#ifdef CF_FAULT_NO_CONFIRM
	"redis.call('SET', KEYS[1], 'v ' .. version, 'PX', ARGV[3])\n"
	"return 'v ' .. version\n",
#else
	"redis.call('SET', KEYS[1], 'm ' .. version .. ' ' .. lsn(prev), 'PX', ARGV[3])\n"
	"return 'm ' .. version\n",
#endif

	/* version, keep ms. */
	[CF_L2_TAG_CONFIRM] = ALLOW_OOM
	"local cur = redis.call('GET', KEYS[1]) or ''\n"
	"if string.match(cur, '^m (%S+)') ~= ARGV[1] then return 0 end\n"
	"redis.call('SET', KEYS[1], 'v ' .. ARGV[1], 'PX', ARGV[2])\n"
	"return 1\n",

	/*
	 * beat LSN, token, keep ms, floor, own LSN, beat ms, evicted keys, ms that a
	 * beat proves something. A standby that has proof that no invalidation after
	 * the beat was lost: as CF_L2_TAG_ENSURE. It had that with its lease, and
	 * needs it still.
	 */
	[CF_L2_TAG_ADOPT] = PRELUDE TAG("ARGV[4]")
	"if kind == 'v' and known then return cur end\n"
	"if kind == 'f' or kind == 'm' or lsn(prev) > ARGV[5] then return 'f' end\n"
	"local age = now - tonumber(ARGV[6])\n"
	"local evicted = string.match(redis.call('INFO', 'stats'), 'evicted_keys:(%d+)')\n"
	"if age < 0 or age >= tonumber(ARGV[8]) or evicted ~= ARGV[7] then return 'f' end\n"
	"cur = 'v ' .. later(later(ARGV[1], lsn(prev)), ARGV[4]) .. ':' .. ARGV[2]\n"
	"redis.call('SET', KEYS[1], cur, 'PX', ARGV[3])\n"
	"return cur\n",

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
