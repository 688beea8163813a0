# shellcheck shell=bash
# Redis, and what it gives: hits in it against a bare client's, compression.
#
# The Redis is private: it listens on a unix socket and on a port of the
# loopback, keeps nothing on disk, and runs as the server's user. The server
# uses it only while something here is measured; the other parts of bench.sh
# run without it. cachefront.l1_max_value = 0 keeps values out of shared memory,
# so that every hit is one in Redis.
#
# Hits are timed in the server, call by call, so that no client's time is among
# them, and in turn with what they are held against (cf_bench_beside_hget).

REDIS_PORT=5494
DOCUMENT='SELECT line, product, quantity, price, ordered, note FROM bench_lines WHERE doc = $1 ORDER BY line'
FETCH='cache_fetch(text,text,"any",interval,text[])'
NO_L1='SET cachefront.l1_max_value = 0'
L2_SIZES=(200 4096 65536)

# ---- Redis ------------------------------------------------------------------

start_redis()
{
	cf_as redis-server --port "$REDIS_PORT" --bind 127.0.0.1 --unixsocket "$REDIS" \
		--pidfile "$SOCKETS/redis.pid" --dir "$SOCKETS" --logfile "$SOCKETS/redis.log" \
		--save '' --appendonly no --set-proc-title no --daemonize yes >/dev/null
	for _ in {1..50}; do
		if [[ -s $SOCKETS/redis.pid && $(redis PING 2>&1) == PONG ]]; then return; fi
		sleep 0.1
	done
	tail -n 20 "$SOCKETS/redis.log" >&2
	cf_die 'could not start Redis'
}

redis()
{
	redis-cli -s "$REDIS" "$@"
}

# signal_redis SIGNAL: if the pid is still that of the Redis that we started.
signal_redis()
{
	local pid

	pid=$(pid_of redis) || return 0
	kill -"$1" "$pid"
}

# pid_of NAME: from the pid file of a process that has our folder among its arguments.
pid_of()
{
	local pid

	pid=$(cat "$SOCKETS/$1.pid" 2>/dev/null) || return 1
	[[ $(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline") == *"$SOCKETS"* ]] && echo "$pid"
}

# Redis may be silent: see measure_outage.
stop_redis()
{
	stop_relay
	signal_redis CONT
	signal_redis TERM
	for _ in {1..50}; do
		if ! pid_of redis >/dev/null; then return; fi
		sleep 0.1
	done
	signal_redis KILL
}

# use_redis URL: the server uses that; none if it is empty. New sessions do at
# once, when they see the setting.
use_redis()
{
	local state=off seen=

	if [[ -n $1 ]]; then state=up; fi
	ask "ALTER SYSTEM SET cachefront.redis_url = '$1'"
	ask 'SELECT pg_reload_conf()' >/dev/null
	for _ in {1..100}; do
		seen=$(ask "SELECT current_setting('cachefront.redis_url') || ' ' || l2 FROM cache_status")
		if [[ $seen == "$1 $state" ]]; then return; fi
		sleep 0.1
	done
	cf_die "the server does not use Redis as it should: $seen"
}

# The url, and what hget takes.
url_of()
{
	if [[ $1 == unix ]]; then echo "unix://$REDIS"; else echo "redis://127.0.0.1:$REDIS_PORT"; fi
}

place_of()
{
	if [[ $1 == unix ]]; then echo "$REDIS"; else echo "127.0.0.1:$REDIS_PORT"; fi
}

# ---- data -------------------------------------------------------------------

# Each document's JSON gets exactly as many bytes as its number says.
load_redis()
{
	local cache size dir=$BENCH/scripts

	ask "UPDATE bench_lines SET note = left(repeat(md5(doc::text), 100), doc - (
			SELECT length(string_agg(row_to_json(t)::text, ',')) + 2
			FROM (SELECT line, product, quantity, price, ordered, note FROM bench_lines AS l
				WHERE l.doc = bench_lines.doc ORDER BY line) AS t))
		WHERE line = 1; VACUUM ANALYZE bench_lines"
	for cache in l1 l2 l2_off l2_lz4 l2_zstd hot; do
		ask "SELECT cache_define('$cache', ttl => '1 day')" >/dev/null
	done
	ask "SELECT cache_define('short', ttl => '2 seconds');
		SELECT cache_define('short_exact', ttl => '2 seconds', stale_ttl => '0')" >/dev/null
	for size in "${SIZES[@]}"; do
		sed "s/'bench:/'l2:/" "$dir/cachefront.$size" >"$dir/l2.$size"
	done
	write_outage_scripts
}

# ---- hits and fills ---------------------------------------------------------

# times SETTINGS KEY DOC CALLS DISTINCT: p50 and p99 of a call, in nanoseconds
times()
{
	ask "$1; SELECT FROM cf_bench_times('$FETCH', '$2', '$DOCUMENT', $3, 20, $5);
		SELECT array_to_string(cf_bench_times('$FETCH', '$2', '$DOCUMENT', $3, $4, $5), ' ')" | tail -n 1
}

# beside KEY DOC CALLS WHERE: p50 and p99 of a bare HGET and of a call in turn
beside()
{
	local mode=${1%%:*}

	ask "$NO_L1; SET cachefront.compress = ${mode#l2_};
		SELECT FROM cf_bench_times('$FETCH', '$1', '$DOCUMENT', $2, 20, false);
		SELECT array_to_string(cf_bench_beside_hget('$FETCH', '$1', '$DOCUMENT', $2, $3, '$4', $2), ' ')" |
		tail -n 1
}

# There and back again: hits in Redis, and in shared memory.
measure_hits()
{
	local round=$1 transport size calls mode turn

	for transport in unix tcp; do
		use_redis "$(url_of "$transport")"
		for size in "${L2_SIZES[@]}"; do
			calls=$((size > 10000 ? 1000 : 3000))
			for turn in 1 2; do measure_hit "$round" "$transport" "$size" "$calls" "$turn"; done
		done
	done
	check_l2_hits
	progress "round $round of $ROUNDS: hits in Redis"
}

measure_hit()
{
	local round=$1 transport=$2 size=$3 calls=$4 turn=$5 case l1
	local cases=(off)

	if ((size >= 65536)); then cases+=(lz4 zstd); fi
	if ((turn == 2)); then mapfile -t cases < <(printf '%s\n' "${cases[@]}" | tac); fi
	l1=$(times 'SET cachefront.compress = off' "l1:$size" "$size" "$calls" false)
	record "$round" "hit_${transport}_l1_p50" "$size" 1 "${l1% *}"
	for case in "${cases[@]}"; do
		record_hit "$round" "$transport" "$size" "$case" "${l1% *}" \
			"$(beside "l2_$case:$size" "$size" "$calls" "$(place_of "$transport")")"
	done
}

# The ratio is of what a hit takes beside what a hit in shared memory takes.
record_hit()
{
	local round=$1 transport=$2 size=$3 case=$4 l1=$5
	local -a both
	local i p

	read -ra both <<<"$6"
	for i in 0 1; do
		p=$((i == 0 ? 50 : 99))
		record "$round" "hit_${transport}_bare_${case}_p$p" "$size" 1 "${both[i]}"
		record "$round" "hit_${transport}_${case}_p$p" "$size" 1 "${both[i + 2]}"
		record "$round" "ratio_${transport}_${case}_p$p" "$size" 1 \
			"$(awk -v o="${both[i + 2]}" -v b="${both[i]}" -v l="$l1" 'BEGIN { print (o - l) / b }')"
	done
}

check_l2_hits()
{
	local fetches hits

	IFS='|' read -r fetches hits < <(ask "SELECT sum(fetches), sum(l2_hits) FROM cache_stats WHERE cache ~ '^l2'")
	if ((hits * 1000 < fetches * 990)); then
		cf_say "WARNING: only $hits of $fetches calls were hits in Redis"
	fi
}

# Misses: the query, and the fill. cachefront.enabled = off is the query alone.
measure_fills()
{
	local round=$1 size=65536 mode ns p50

	use_redis "$(url_of unix)"
	ns=$(ask 'SELECT system_identifier FROM pg_control_system()').postgres
	for mode in query off lz4 zstd; do
		if [[ $mode == query ]]; then
			read -r p50 _ <<<"$(times "SET cachefront.enabled = off" fill "$size" 60 true)"
		else
			read -r p50 _ <<<"$(times "$NO_L1; SET cachefront.compress = $mode" \
				"fill_$mode:$round" "$size" 60 true)"
			record "$round" "stored_$mode" "$size" 1 "$(stored_bytes "cf:$ns:l2_$mode:$size")"
		fi
		record "$round" "fill_$mode" "$size" 1 "$p50"
	done
	progress "round $round of $ROUNDS: fills"
}

stored_bytes()
{
	redis HSTRLEN "$1" "$(redis HKEYS "$1" | grep '^v')"
}

# Ours with values in Redis only, against pgmemcache.
measure_peers()
{
	local round=$1 size clients case cases=(l2 pgmemcache)

	if ((round % 2 == 0)); then cases=(pgmemcache l2); fi
	use_redis "$(url_of unix)"
	for size in "${SIZES[@]}"; do
		for clients in $CLIENTS; do
			for case in "${cases[@]}"; do
				PGOPTIONS='-c cachefront.l1_max_value=0' measure_pgbench "$round" "$case" \
					"$size" "$clients" "redis_$case"
			done
		done
	done
	progress "round $round of $ROUNDS: hits in Redis and memcached"
}

# ---- a round ----------------------------------------------------------------

measure_redis()
{
	measure_hits "$1"
	measure_fills "$1"
	measure_peers "$1"
	use_redis ''
}
