# shellcheck shell=bash
# What Redis costs those who write, and what is left of the cache while it is silent.
#
# How often a commit waits for Redis is not asked of the cache, but measured: the
# way there is made longer (relay.c), and a commit takes so many times longer.

RELAY_MS=40						# each way
PHASE=8							# seconds before and after the outage
COMMIT_RATE=400					# a second, while the longest is looked for

# ---- the long way to Redis --------------------------------------------------

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

# ---- updates ----------------------------------------------------------------

# The server without Redis, and with it.
measure_updates_with_redis()
{
	local round=$1 clients case script=update_rule.${SIZES[0]}

	freshen bench_update_rule
	for clients in $CLIENTS; do
		use_redis ''
		open_turn redis_update_off "$script" "$clients"
		use_redis "$(url_of unix)"
		for case in async sync; do
			PGOPTIONS="-c cachefront.redis_commit=$case" open_turn "redis_update_$case" "$script" "$clients"
		done
		prepare_turn()
		{
			if [[ $1 == redis_update_off ]]; then use_redis ''; else use_redis "$(url_of unix)"; fi
		}
		take_turns "$round" "$clients" redis_update_off redis_update_async redis_update_sync
		unset -f prepare_turn
		close_turns
		progress "round $round of $ROUNDS: updates with Redis, $clients clients"
	done
	use_redis ''
}

# commit_times KEYS: of sixteen COMMITs, in ms; two more warm up.
commit_times()
{
	local i

	for ((i = 0; i < 18; i++)); do
		cat <<-SQL
			BEGIN;
			UPDATE bench_update_rule SET n = n + 1 WHERE id <= $1;
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

# The long way comes last: what it has not sent yet is to disturb nobody.
measure_commits()
{
	local round=$1 keys case ms
	local -A near
	local cases=(off async async off relay)

	if ((round % 2 == 0)); then cases=(async off off async relay); fi
	for case in "${cases[@]}"; do
		case $case in
			off) use_redis '' ;;
			async) use_redis "$(url_of unix)" ;;
			relay)
				start_relay
				use_redis "unix://$RELAY"
				;;
		esac
		for keys in 1 1000; do
			ms=$(commit_times "$keys" | median_of)
			record "$round" "commit_$case" "$keys" 1 "$ms"
			if [[ $case == async ]]; then near[$keys]=$ms; fi
			if [[ $case == relay ]]; then
				record "$round" commit_trips "$keys" 1 \
					"$(awk -v far="$ms" -v near="${near[$keys]}" -v way="$RELAY_MS" \
						'BEGIN { print (far - near) / (2 * way) }')"
			fi
		done
	done
	use_redis ''
	stop_relay
	progress "round $round of $ROUNDS: commits"
}

measure_commits_with_redis()
{
	measure_updates_with_redis "$1"
	measure_commits "$1"
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

# Half of the time without Redis, all of the time with one that is silent, and the
# other half: of each the longest call, less what it waited to be sent.
measure_longest_commit()
{
	local round=$1 dir=$BENCH/longest writer marks=()

	use_redis ''
	freshen bench_update_rule
	rm -rf "$dir"
	mkdir "$dir"
	"$BIN/pgbench" -n -M prepared -c 8 -j 2 -R "$COMMIT_RATE" -T $((2 * OUTAGE + 20)) \
		-l --log-prefix="$dir/log" -f "$BENCH/scripts/update_rule.${SIZES[0]}" >"$dir/out" 2>&1 &
	writer=$!
	sleep 2
	marks+=("$(date +%s)")
	sleep $((OUTAGE / 2))
	marks+=("$(date +%s)")
	use_redis "$(url_of unix)"
	sleep 1
	signal_redis STOP
	marks+=("$(date +%s)")
	sleep "$OUTAGE"
	marks+=("$(date +%s)")
	signal_redis CONT
	use_redis ''
	sleep 1
	marks+=("$(date +%s)")
	sleep $((OUTAGE - OUTAGE / 2))
	marks+=("$(date +%s)")
	kill "$writer"
	wait "$writer" || true
	record_longest "$round" none "${marks[0]}" "${marks[1]}" "${marks[4]}" "${marks[5]}"
	record_longest "$round" silent "${marks[2]}" "${marks[3]}" 0 0
	progress "longest commits with a silent Redis"
}

# record_longest ROUND NAME FROM TO FROM TO: as record_calls
record_longest()
{
	local p999 longest

	read -r p999 longest < <(cat "$BENCH"/longest/log* |
		awk -v a="$3" -v b="$4" -v c="$5" -v d="$6" \
			'$5 > a && $5 < b || $5 > c && $5 < d { print $3 - $7 }' | sort -n |
		awk '{ us[NR] = $1 } END { print us[int(NR * 0.999) + 1], us[NR] }')
	record "$1" "p999_$2" 0 8 "$p999"
	record "$1" "longest_$2" 0 8 "$longest"
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
