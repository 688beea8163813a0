# shellcheck shell=bash
# Write-behind: many clients that raise one counter, against an UPDATE of its row; what
# a session gets through in one statement; an INSERT of the same; and the flush.

WRITER_KEYS=10000
SYNCED_PORT=5499

load_writers()
{
	local dir=$BENCH/scripts

	ask "CREATE TABLE bench_counter (id int PRIMARY KEY, n bigint NOT NULL DEFAULT 0) WITH (fillfactor = 50);
		INSERT INTO bench_counter (id) SELECT generate_series(1, $WRITER_KEYS);
		CREATE TABLE bench_insert (id int, n bigint, created timestamptz DEFAULT clock_timestamp());
		SELECT cache_define_writer('bench', 'UPDATE bench_counter c SET n = c.n + b.value
			FROM unnest(\$1::int[], \$2::bigint[]) AS b(id, value) WHERE c.id = b.id', '{int}');
		SELECT cache_define_writer('bench_memory', write, arg_types, buffer => 'memory')
			FROM cache_writers WHERE name = 'bench'" >/dev/null
	mkdir -p "$dir"
	echo 'UPDATE bench_counter SET n = n + 1 WHERE id = 1;' >"$dir/counter_update.0"
	echo "SELECT cache_add('bench', 1, 1);" >"$dir/counter_add.0"
	echo "SELECT cache_add('bench_memory', 1, 1);" >"$dir/counter_memory.0"
	printf '%s\n' "\\set id random(1, $WRITER_KEYS)" 'INSERT INTO bench_insert (id, n) VALUES (:id, 1);' \
		>"$dir/writer_insert.0"
	printf '%s\n' "\\set id random(1, $WRITER_KEYS)" "SELECT cache_add('bench', 1, :id);" >"$dir/writer_add.0"
}

flush_writers()
{
	ask "SELECT cache_flush_writes('10 min')" >/dev/null
	ask 'VACUUM bench_counter, cache_write_queue; TRUNCATE bench_insert'
}

# Prints the milliseconds of the last statement of its input.
milliseconds()
{
	{
		echo '\timing on'
		cat
	} | "$BIN/psql" -XqAt -v ON_ERROR_STOP=1 | awk '/^Time:/ { ms = $2 } END { print ms }'
}

# A row's lock is held while its commit is written to the disk: so on a server with fsync, too.
measure_synced()
{
	local round=$1 case

	install -d -m 0700 -o "$CF_USER" "$BENCH/synced"
	cf_server_init "$BENCH/synced" "$BIN"
	CF_PRELOAD=cachefront cf_server_start "$BENCH/synced" "$BIN" "$SOCKETS" "$SYNCED_PORT" "${SETTINGS[@]}" -c fsync=on
	export PGPORT=$SYNCED_PORT
	ask 'CREATE EXTENSION cachefront'
	load_writers
	for case in counter_update counter_add counter_memory counter_memory counter_add counter_update; do
		measure_pgbench "$round" "$case" 0 32 "${case}_fsync"
		flush_writers
	done
	export PGPORT=$PORT
	cf_server_stop "$BENCH/synced"
	rm -rf "$BENCH/synced"
}

measure_writers()
{
	local round=$1 case ms

	for case in counter_update counter_add counter_memory counter_memory counter_add counter_update; do
		measure_pgbench "$round" "$case" 0 32
		flush_writers
	done
	measure_synced "$round"
	for case in writer_insert writer_add writer_add writer_insert; do
		measure_pgbench "$round" "$case" 0 8
		flush_writers
	done
	ms=$(milliseconds <<<"SELECT count(cache_add('bench', 1, 1 + n % $WRITER_KEYS)) FROM generate_series(1, 100000) AS n;")
	record "$round" writer_loop 0 1 "$(awk -v ms="$ms" 'BEGIN { print 1e5 / ms * 1000 }')"
	flush_writers
	ask "SELECT cache_add('bench_memory', 1, 1)" >/dev/null
	sleep 0.5
	ms=$(milliseconds <<<"SELECT count(cache_add('bench_memory', 1, 1 + n % $WRITER_KEYS)) FROM generate_series(1, 100000) AS n;")
	record "$round" writer_loop_memory 0 1 "$(awk -v ms="$ms" 'BEGIN { print 1e5 / ms * 1000 }')"
	flush_writers
	# So that all of it is there when the flush begins.
	ask "SELECT cache_define_writer('bench_flush', write, arg_types, flush_interval => '1 hour')
		FROM cache_writers WHERE name = 'bench'" >/dev/null
	ask "SELECT count(cache_add('bench_flush', 1, n)) FROM generate_series(1, $WRITER_KEYS) AS n" >/dev/null
	ms=$(milliseconds <<<"SELECT cache_flush_writes('10 min');")
	record "$round" writer_flush 0 1 "$(awk -v ms="$ms" -v n="$WRITER_KEYS" 'BEGIN { print ms * 1000 / n }')"
	ask "SELECT count(cache_add('bench_flush', 1, 1 + n % $WRITER_KEYS)) FROM generate_series(1, 10 * $WRITER_KEYS) AS n" >/dev/null
	ms=$(milliseconds <<<"SELECT cache_flush_writes('10 min');")
	record "$round" writer_flush_ten 0 1 "$(awk -v ms="$ms" -v n="$WRITER_KEYS" 'BEGIN { print ms * 1000 / n / 10 }')"
	progress "round $round of $ROUNDS: write-behind"
}
