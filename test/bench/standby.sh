# shellcheck shell=bash
# A standby: its hits beside the primary's, hits in its memory and in Redis only while
# the primary commits at a steady rate, what the process that reads its WAL takes of
# a core meanwhile, and how fast that reads.
#
# It runs only while it is measured, so that other cases need not share the machine
# with it.

STANDBY_PORT=5495
STANDBY_KEYS=1000
FLOOD_ROWS=400000

start_standby()
{
	rm -rf "$BENCH/standby"
	install -d -m 0700 -o "$CF_USER" "$BENCH/standby"
	cf_as "$BIN/pg_basebackup" -h "$SOCKETS" -p "$PORT" -U postgres -D "$BENCH/standby" \
		-R -c fast --no-sync
	CF_PRELOAD=$CF_PRELOAD cf_server_start "$BENCH/standby" "$BIN" "$SOCKETS" "$STANDBY_PORT" "${SETTINGS[@]}"
}

stop_standby()
{
	cf_server_stop "$BENCH/standby"
	rm -rf "$BENCH/standby"
}

# Of one table some rows are read, and others written.
load_standby()
{
	local dir=$BENCH/scripts

	ask "CREATE TABLE bench_flood (id int, body text)"
	printf '%s\n' "\\set id random(1, $STANDBY_KEYS)" \
		"SELECT cache_fetch_row('keys:' || :id::int, '$KEYS_QUERY', (:id::int));" >"$dir/standby_read.200"
}

on_standby()
{
	PGPORT=$STANDBY_PORT "$@"
}

await_replay()
{
	local lsn

	lsn=$(ask 'SELECT pg_current_wal_lsn()')
	until [[ $(on_standby ask "SELECT pg_last_wal_replay_lsn() >= '$lsn'") == t ]]; do sleep 0.1; done
}

follower_pid()
{
	on_standby ask "SELECT pid FROM pg_stat_activity WHERE backend_type = 'cachefront follower'"
}

# Microseconds of a core that a process has taken.
cpu_of()
{
	awk -v tick="$(getconf CLK_TCK)" '{ sub(/^.*\) /, ""); print ($12 + $13) * 1000000 / tick }' "/proc/$1/stat"
}

standby_counts()
{
	on_standby ask "SELECT l1_hits + l2_hits, fetches, standby_behind FROM cache_stats WHERE cache = '*'" |
		tr '|' ' '
}

# measure_standby_rate ROUND RATE l1|l2: hits on the standby, in its memory or in Redis
# only, while the primary commits so often a second.
measure_standby_rate()
{
	local round=$1 rate=$2 name=$2_$3 options='' pid before cpu start wall

	if [[ $3 == l2 ]]; then options='-c cachefront.l1_max_value=0'; fi
	pid=$(follower_pid)
	"$BIN/pgbench" -n -M prepared -c 4 -j 1 -R "$rate" -T $((SECONDS_PER_CASE + 3)) \
		-f "$BENCH/scripts/keys_write_other.200" >"$BENCH/writes" 2>&1 &
	sleep 1
	before=$(standby_counts)
	cpu=$(cpu_of "$pid")
	start=$(date +%s%6N)
	PGOPTIONS=$options on_standby measure_pgbench "$round" standby_read 200 4 "standby_tps_$name"
	wall=$(($(date +%s%6N) - start))
	record "$round" "standby_cpu_$name" 0 4 \
		"$(awk -v used=$(($(cpu_of "$pid") - cpu)) -v wall="$wall" 'BEGIN { print 100 * used / wall }')"
	record "$round" "standby_hits_$name" 0 4 \
		"$(awk '{ print 100 * ($4 - $1) / ($5 - $2) }' <<<"$before $(standby_counts)")"
	wait $!
	record "$round" "standby_commits_$name" 0 4 "$(awk '/^tps = / { print $3 }' "$BENCH/writes")"
	await_replay
}

fill_standby()
{
	PGOPTIONS=$1 on_standby ask "SELECT count(cache_fetch_row('keys:' || id, '$KEYS_QUERY', (id)))
		FROM generate_series(1, $STANDBY_KEYS) AS id" >/dev/null
}

# Megabytes a second that the follower reads, when it is behind.
measure_standby_reader()
{
	local round=$1 pid unread start

	pid=$(follower_pid)
	kill -STOP "$pid"
	ask "INSERT INTO bench_flood SELECT id, repeat('x', 300) FROM generate_series(1, $FLOOD_ROWS) AS id"
	await_replay
	unread=$(on_standby ask 'SELECT wal_unread FROM cache_status')
	start=$(date +%s%6N)
	kill -CONT "$pid"
	until [[ $(on_standby ask 'SELECT wal_unread = 0 FROM cache_status') == t ]]; do sleep 0.01; done
	record "$round" standby_reader 0 1 "$(awk -v bytes="$unread" -v us=$(($(date +%s%6N) - start)) 'BEGIN { print bytes / us }')"
	ask 'TRUNCATE bench_flood'
	await_replay
}

measure_standby_hits()
{
	local round=$1 case cases=(primary standby standby primary)

	if ((round % 2 == 0)); then cases=(standby primary primary standby); fi
	for case in "${cases[@]}"; do
		case $case in
			primary) measure_pgbench "$round" cachefront 200 8 standby_of_primary ;;
			standby) on_standby measure_pgbench "$round" cachefront 200 8 standby_hit ;;
		esac
	done
}

measure_standby()
{
	local round=$1 rate

	freshen bench_keys
	start_standby
	measure_standby_hits "$round"
	fill_standby ''
	for rate in 500 5000; do measure_standby_rate "$round" "$rate" l1; done
	measure_standby_reader "$round"
	use_redis "$(url_of unix)"
	on_standby use_redis "$(url_of unix)"
	fill_standby '-c cachefront.l1_max_value=0'
	for rate in 500 5000; do measure_standby_rate "$round" "$rate" l2; done
	stop_standby
	use_redis ''
	progress "round $round of $ROUNDS: standby"
}
