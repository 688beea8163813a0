# shellcheck shell=bash
# What Redis costs and gives: hits in it against a bare client's, what updates
# wait for it, compression, and what is left of the cache while it is silent.
#
# The Redis is private: it listens on a unix socket and on a port of the
# loopback, keeps nothing on disk, and runs as the server's user. The server
# uses it only while something here is measured; the other parts of bench.sh
# run without it. cachefront.l1_max_value = 0 keeps values out of shared memory,
# so that every hit is one in Redis.
#
# Hits are timed in the server, call by call, so that no client's time is among
# them, and in turn with what they are held against (cf_bench_beside_hget).
#
# How often a commit waits for Redis is not asked of the cache, but measured: the
# way there is made longer (relay.c), and a commit takes so many times longer.

REDIS_PORT=5494
RELAY_MS=40						# each way
DOCUMENT='SELECT line, product, quantity, price, ordered, note FROM bench_lines WHERE doc = $1 ORDER BY line'
FETCH='cache_fetch(text,text,"any",interval,text[])'
NO_L1='SET cachefront.l1_max_value = 0'
L2_SIZES=(200 4096 65536)
PHASE=8							# seconds before and after the outage

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

start_relay()
{
	# shellcheck disable=SC2016
	cf_as bash -c 'echo $$ >"$1" && shift && exec "$@"' - "$SOCKETS/relay.pid" \
		"$BENCH/relay" "$RELAY" "$REDIS" "$RELAY_MS" &
	for _ in {1..50}; do
		if [[ -S $RELAY ]]; then return; fi
		sleep 0.1
	done
	cf_die 'could not start the relay'
}

stop_relay()
{
	local pid

	if pid=$(pid_of relay); then kill "$pid"; fi
	rm -f "$RELAY" "$SOCKETS/relay.pid"
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

# Few keys that stay, and many that live for two seconds.
write_outage_scripts()
{
	local cache last

	while read -r cache last; do
		printf '%s\n' "\\set id random(1, $last)" \
			"SELECT cache_fetch_row('$cache:' || :id::int, 'SELECT * FROM bench_mixed WHERE id = \$1', (:id::int));" \
			>"$BENCH/scripts/outage_$cache"
	done <<-'END'
		hot 500
		short 2000
		short_exact 2000
	END
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

# ---- updates ----------------------------------------------------------------

measure_updates_with_redis()
{
	local round=$1 clients case cases=(plain rule)

	if ((round % 2 == 0)); then cases=(rule plain); fi
	use_redis "$(url_of unix)"
	ask 'VACUUM bench_update_plain, bench_update_rule'
	for clients in $CLIENTS; do
		for case in "${cases[@]}"; do
			measure_pgbench "$round" "update_$case" "${SIZES[0]}" "$clients" "redis_update_$case"
		done
	done
	progress "round $round of $ROUNDS: updates with Redis"
}

# commit_times TABLE KEYS: of eight COMMITs, in ms; two more warm up.
commit_times()
{
	local i

	for ((i = 0; i < 10; i++)); do
		cat <<-SQL
			BEGIN;
			UPDATE bench_update_$1 SET n = n + 1 WHERE id <= $2;
			\\timing on
			COMMIT;
			\\timing off
		SQL
	done | "$BIN/psql" -XqAt -v ON_ERROR_STOP=1 | awk '/^Time:/ && ++n > 2 { print $2 }'
}

median_of()
{
	sort -n | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'
}

measure_commits()
{
	local round=$1 keys case ms
	local -A direct

	for case in plain rule relay; do
		if [[ $case == relay ]]; then
			start_relay
			use_redis "unix://$RELAY"
		else
			use_redis "$(url_of unix)"
		fi
		for keys in 1 1000; do
			ms=$(commit_times "${case/relay/rule}" "$keys" | median_of)
			record "$round" "commit_$case" "$keys" 1 "$ms"
			if [[ $case == rule ]]; then direct[$keys]=$ms; fi
			if [[ $case == relay ]]; then
				record "$round" commit_trips "$keys" 1 \
					"$(awk -v far="$ms" -v near="${direct[$keys]}" -v way="$RELAY_MS" \
						'BEGIN { print (far - near) / (2 * way) }')"
			fi
		done
	done
	use_redis "$(url_of unix)"
	stop_relay
	progress "round $round of $ROUNDS: commits"
}

# ---- silence ----------------------------------------------------------------

# One load of one rate, through a time with Redis, one while it is stopped, and
# one after that. Of the calls at the client, how long they waited to be sent is
# taken off: pgbench sends them at fixed times.
measure_outage()
{
	local dir=$BENCH/outage script pgbench marks=()

	use_redis "$(url_of unix)"
	rm -rf "$dir"
	mkdir "$dir"
	"$BIN/pgbench" -n -M prepared -c 8 -j 2 -R 1500 -T $((OUTAGE + 2 * PHASE + 60)) \
		-l --log-prefix="$dir/log" -f "$BENCH/scripts/outage_hot" \
		-f "$BENCH/scripts/outage_short" -f "$BENCH/scripts/outage_short_exact" \
		>"$dir/out" 2>&1 &
	pgbench=$!
	sleep 4
	marks+=("$(date +%s)")
	measure_phase before "$PHASE"
	signal_redis STOP
	marks+=("$(date +%s)")
	measure_phase during "$OUTAGE"
	signal_redis CONT
	marks+=("$(date +%s)")
	for _ in {1..400}; do
		if [[ $(ask 'SELECT l2 FROM cache_status') == up ]]; then break; fi
		sleep 0.1
	done
	record 1 outage_recovery 0 8 $(($(date +%s) - marks[2]))
	measure_phase after "$PHASE"
	kill "$pgbench"
	wait "$pgbench" || true
	record_calls before "${marks[0]}" "${marks[1]}"
	record_calls during "${marks[1]}" "${marks[2]}"
	progress "$OUTAGE s without Redis"
}

# measure_phase NAME SECONDS
measure_phase()
{
	local cache fetches loads stale p99

	ask 'SELECT cache_stats_reset()' >/dev/null
	sleep "$2"
	p99=$(ask "SELECT p99_us FROM cache_latency WHERE operation = 'l1_hit'")
	while IFS='|' read -r cache fetches loads stale; do
		record 1 "outage_${cache}_fetches_$1" 0 8 "$(awk -v n="$fetches" -v s="$2" 'BEGIN { print n / s }')"
		record 1 "outage_${cache}_loads_$1" 0 8 "$(awk -v n="$loads" -v s="$2" 'BEGIN { print n / s }')"
		record 1 "outage_${cache}_stale_$1" 0 8 "$(awk -v n="$stale" -v s="$2" 'BEGIN { print n / s }')"
	done < <(ask "SELECT cache, fetches, loads, stale_hits FROM cache_stats
		WHERE cache IN ('hot', 'short', 'short_exact')")
	record 1 "outage_hit_p99_$1" 0 8 "$p99"
}

# record_calls NAME FROM TO: client, transaction, us, script, end s, end us, lag us
record_calls()
{
	local p50 p99 longest

	read -r p50 p99 < <(cat "$BENCH"/outage/log* |
		awk -v from="$2" -v to="$3" '$4 == 0 && $5 >= from && $5 < to { print $3 - $7 }' | sort -n |
		awk '{ us[NR] = $1 } END { print us[int(NR * 0.5) + 1], us[int(NR * 0.99) + 1] }')
	longest=$(cat "$BENCH"/outage/log* |
		awk -v from="$2" -v to="$3" '$5 >= from && $5 < to && $3 - $7 > most { most = $3 - $7 } END { print most }')
	record 1 "outage_read_p50_$1" 0 8 "$p50"
	record 1 "outage_read_p99_$1" 0 8 "$p99"
	record 1 "outage_longest_$1" 0 8 "$longest"
}

# ---- a round ----------------------------------------------------------------

measure_redis()
{
	measure_hits "$1"
	measure_fills "$1"
	measure_peers "$1"
	measure_updates_with_redis "$1"
	measure_commits "$1"
	use_redis ''
}
