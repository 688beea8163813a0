# shellcheck shell=bash
# A standby without Redis: its hits beside the primary's, hits while the primary commits
# at a steady rate, what the process that reads its WAL takes of a core meanwhile,
# and how fast that reads.

STANDBY_PORT=5495
STANDBY_KEYS=1000
FLOOD_ROWS=400000

start_standby()
{
	rm -rf "$BENCH/standby"
	install -d -m 0700 -o "$CF_USER" "$BENCH/standby"
	cf_as "$BIN/pg_basebackup" -D "$BENCH/standby" -R -c fast
	CF_PRELOAD=$CF_PRELOAD cf_server_start "$BENCH/standby" "$BIN" "$SOCKETS" "$STANDBY_PORT" "$@"
}

stop_standby()
{
	cf_server_stop "$BENCH/standby"
	rm -rf "$BENCH/standby"
}

# The keys that are read are not written.
load_standby()
{
	local dir=$BENCH/scripts

	ask "CREATE TABLE bench_written (id int PRIMARY KEY, n int NOT NULL) WITH (fillfactor = 50);
		INSERT INTO bench_written SELECT id, 0 FROM generate_series(1, 100000) AS id;
		CREATE TABLE bench_flood (id int, body text)"
	printf '%s\n' "\\set id random(1, $STANDBY_KEYS)" \
		"SELECT cache_fetch_row('standby:' || :id, 'SELECT * FROM bench_200 WHERE id = \$1', (:id));" \
		>"$dir/standby_read.200"
	printf '%s\n' '\set id random(1, 100000)' 'UPDATE bench_written SET n = n + 1 WHERE id = :id;' \
		>"$dir/standby_write.200"
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

# Hits on the standby while the primary commits so often a second.
measure_standby_rate()
{
	local round=$1 rate=$2 pid before cpu start out counts

	pid=$(follower_pid)
	before=$(on_standby ask "SELECT l1_hits, fetches, standby_behind FROM cache_stats WHERE cache = '*'")
	"$BIN/pgbench" -n -M prepared -c 4 -j 1 -R "$rate" -T $((SECONDS_PER_CASE + 3)) \
		-f "$BENCH/scripts/standby_write.200" >"$BENCH/writes" 2>&1 &
	sleep 1
	cpu=$(cpu_of "$pid")
	start=$(date +%s%6N)
	out=$(on_standby "$BIN/pgbench" -n -M prepared -c 4 -j 1 -T $((SECONDS_PER_CASE + 1)) \
		-f "$BENCH/scripts/standby_read.200" 2>&1)
	record "$round" "standby_cpu_$rate" 0 4 "$(awk -v used=$(($(cpu_of "$pid") - cpu)) \
		-v wall=$(($(date +%s%6N) - start)) 'BEGIN { print 100 * used / wall }')"
	wait $!
	record "$round" "standby_tps_$rate" 0 4 "$(awk '/^tps = / { print $3 }' <<<"$out")"
	record "$round" "standby_commits_$rate" 0 4 "$(awk '/^tps = / { print $3 }' "$BENCH/writes")"
	counts=$(on_standby ask "SELECT l1_hits, fetches, standby_behind FROM cache_stats WHERE cache = '*'")
	record "$round" "standby_hits_$rate" 0 4 "$(awk -F'[| ]' '{ print 100 * ($4 - $1) / ($5 - $2) }' <<<"$before $counts")"
	record "$round" "standby_behind_$rate" 0 4 "$(awk -F'[| ]' '{ print 100 * ($6 - $3) / ($5 - $2) }' <<<"$before $counts")"
	await_replay
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

measure_standby()
{
	local round=$1 case cases=(primary standby standby primary)

	if ((round % 2 == 0)); then cases=(standby primary primary standby); fi
	on_standby ask "SELECT count(cache_fetch_row('standby:' || id, 'SELECT * FROM bench_200 WHERE id = \$1', (id)))
		FROM generate_series(1, $STANDBY_KEYS) AS id" >/dev/null
	for case in "${cases[@]}"; do
		case $case in
			primary) measure_pgbench "$round" cachefront 200 8 standby_of_primary ;;
			standby) on_standby measure_pgbench "$round" cachefront 200 8 standby_hit ;;
		esac
	done
	for rate in 500 5000; do measure_standby_rate "$round" "$rate"; done
	measure_standby_reader "$round"
	progress "round $round of $ROUNDS: standby"
}
