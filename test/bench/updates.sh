# shellcheck shell=bash
# What a row rule costs those who write, and what writes leave of the hits.
#
# Equal tables are compared: one without a trigger, one with a rule for a key, one
# with a rule for rows, and one with an AFTER trigger in C that does nothing: that
# one's cost is PostgreSQL's own, and the floor of what any rule can cost.

UPDATE_TABLES=(plain rule rows empty)
MIXED_LATENCY="SELECT p50_us, p99_us FROM cache_latency WHERE operation = 'l1_hit'"

# Room in the pages for HOT updates: they keep their speed without a vacuum. The
# bulk tables get theirs by an update, which also fills the folder of the log.
load_updates()
{
	local table

	for table in "${UPDATE_TABLES[@]}"; do
		ask "CREATE TABLE bench_update_$table (id int PRIMARY KEY, n int NOT NULL, body text)
				WITH (fillfactor = 50);
			INSERT INTO bench_update_$table
				SELECT id, 0, md5(id::text) FROM generate_series(1, 100000) AS id"
	done
	for table in plain rule empty; do
		ask "CREATE TABLE bench_bulk_$table (id int PRIMARY KEY, n int NOT NULL);
			INSERT INTO bench_bulk_$table SELECT id, 0 FROM generate_series(1, $BULK_ROWS) AS id"
	done
	for table in update bulk; do
		ask "SELECT cache_attach('bench_${table}_rule', key => '$table:{id}');
			CREATE TRIGGER nothing AFTER INSERT OR UPDATE OR DELETE ON bench_${table}_empty
				FOR EACH ROW EXECUTE FUNCTION cf_bench_trigger()" >/dev/null
	done
	ask "SELECT cache_attach('bench_update_rows', rows => '{id}')" >/dev/null
	ask "CREATE TABLE bench_mixed (id int PRIMARY KEY, n int NOT NULL, body text)
			WITH (fillfactor = 50);
		INSERT INTO bench_mixed
			SELECT id, 0, repeat(md5(id::text), 5) FROM generate_series(1, 10000) AS id;
		SELECT cache_define('mixed', ttl => '1 day');
		SELECT cache_attach('bench_mixed', key => 'mixed:{id}')" >/dev/null
	for table in plain rule empty; do bulk_update "$table" >/dev/null; done
	ask 'VACUUM ANALYZE'
	write_update_scripts
}

write_update_scripts()
{
	local dir=$BENCH/scripts size=${SIZES[0]} table

	for table in "${UPDATE_TABLES[@]}"; do
		printf '%s\n' '\set id random(1, 100000)' \
			"UPDATE bench_update_$table SET n = n + 1 WHERE id = :id;" >"$dir/update_$table.$size"
	done
	printf '%s\n' '\set id random_zipfian(1, 10000, 1.05)' \
		"SELECT cache_fetch_row('mixed:' || :id::int, 'SELECT * FROM bench_mixed WHERE id = \$1', (:id::int));" \
		>"$dir/mixed_read"
	printf '%s\n' '\set id random_zipfian(1, 10000, 1.05)' \
		'UPDATE bench_mixed SET n = n + 1 WHERE id = :id;' >"$dir/mixed_write"
}

# Writes each page of these tables once, so that no case pays for the first change
# after a checkpoint.
freshen()
{
	local table

	ask CHECKPOINT
	for table in "$@"; do ask "UPDATE $table SET n = n + 1"; done
	for table in "$@"; do ask "VACUUM $table"; done
}

measure_updates()
{
	local round=$1 clients case size=${SIZES[0]}

	freshen "${UPDATE_TABLES[@]/#/bench_update_}" bench_mixed
	for clients in $CLIENTS; do
		for case in plain rows empty; do open_turn "update_$case" "update_$case.$size" "$clients"; done
		for case in off batched commit; do
			PGOPTIONS="-c cachefront.notify=$case" open_turn "update_$case" "update_rule.$size" "$clients"
		done
		take_turns "$round" "$clients" update_empty update_rows update_plain update_off \
			update_batched update_commit
		close_turns
		progress "round $round of $ROUNDS: updates, $clients clients"
	done
}

# ---- messages in the WAL ----------------------------------------------------

# use_messages on|off: new sessions do, when they see the setting.
use_messages()
{
	ask "ALTER SYSTEM SET cachefront.wal_messages = $1"
	ask 'SELECT pg_reload_conf()' >/dev/null
	for _ in {1..100}; do
		if [[ $(ask 'SHOW cachefront.wal_messages') == "$1" ]]; then return; fi
		sleep 0.05
	done
	cf_die "the server does not see cachefront.wal_messages = $1"
}

# Updates, and the bytes of WAL for each.
measure_messages()
{
	local round=$1 clients turn case before cases

	freshen bench_update_rows
	for clients in $CLIENTS; do
		for case in on off; do open_turn "message_$case" "update_rows.${SIZES[0]}" "$clients"; done
		for ((turn = 0; turn < TURNS; turn++)); do
			cases=(on off)
			if ((turn % 2)); then cases=(off on); fi
			for case in "${cases[@]}"; do
				use_messages "$case"
				before=$(ask 'SELECT pg_current_wal_insert_lsn()')
				take_turn "$round" "message_$case" "$clients"
				record "$round" "message_wal_$case" "${SIZES[0]}" "$clients" \
					"$(ask "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '$before') / $TURN_TRANSACTIONS")"
			done
		done
		close_turns
		progress "round $round of $ROUNDS: messages, $clients clients"
	done
	use_messages auto
}

# ---- many rows, and hits under writes ---------------------------------------

# Prints psql's line of the time, and then the peak of the backend's own memory
# in kB. What it touched of shared memory depends on where the buffers happened
# to be; it only grows, and the peak comes as the statement ends, so it can be
# taken off.
bulk_update()
{
	"$BIN/psql" -XqAt -v ON_ERROR_STOP=1 <<-SQL
		VACUUM bench_bulk_$1;
		CHECKPOINT;
		\\c
		\\timing on
		UPDATE bench_bulk_$1 SET n = n + 1;
		\\timing off
		SELECT substring(status FROM 'VmHWM:\s+(\d+)')::int - substring(status FROM 'RssShmem:\s+(\d+)')::int
		FROM pg_read_file('/proc/self/status') AS status;
	SQL
}

measure_bulk()
{
	local round=$1 table tables=(plain empty rule) out

	if ((round % 2 == 0)); then tables=(rule empty plain); fi
	for table in "${tables[@]}"; do
		out=$(bulk_update "$table")
		record "$round" "bulk_$table" 0 1 "$(awk '/^Time:/ { print $2 }' <<<"$out")"
		record "$round" "bulk_kb_$table" 0 1 "$(tail -n 1 <<<"$out")"
	done
	progress "round $round of $ROUNDS: bulk updates"
}

# Nine reads for each write. After a write of a key, its next read must load: an
# exact cache answers about 90 % of the reads at best.
measure_mixed()
{
	local round=$1 clients dir=$BENCH/mixed

	ask "SELECT count(cache_fetch_row('mixed:' || id, 'SELECT * FROM bench_mixed WHERE id = \$1', (id)))
		FROM generate_series(1, 10000) AS id" >/dev/null
	for clients in $CLIENTS; do
		rm -rf "$dir"
		mkdir "$dir"
		ask 'SELECT cache_stats_reset()' >/dev/null
		"$BIN/pgbench" -n -M prepared -c "$clients" -j $((clients < $(nproc) ? clients : $(nproc))) \
			-T "$SECONDS_PER_CASE" -l --log-prefix="$dir/log" \
			-f "$BENCH/scripts/mixed_read@9" -f "$BENCH/scripts/mixed_write@1" >"$dir/out" 2>&1 || {
			cat "$dir/out" >&2
			return 1
		}
		record_mixed "$round" "$clients" "$dir"
	done
	progress "round $round of $ROUNDS: hits under writes"
}

record_mixed()
{
	local round=$1 clients=$2 dir=$3 p50 p99

	record "$round" mixed_tps 0 "$clients" "$(awk '/^tps = / { print $3 }' "$dir/out")"
	record "$round" mixed_hits 0 "$clients" \
		"$(ask "SELECT 100.0 * l1_hits / fetches FROM cache_stats WHERE cache = 'mixed'")"
	IFS='|' read -r p50 p99 < <(ask "$MIXED_LATENCY")
	record "$round" mixed_hit_p50 0 "$clients" "$p50"
	record "$round" mixed_hit_p99 0 "$clients" "$p99"
	# client, transaction, us, script: reads are script 0
	read -r p50 p99 < <(cat "$dir"/log* | awk '$4 == 0 { print $3 }' | sort -n |
		awk '{ us[NR] = $1 } END { print us[int(NR * 0.5) + 1], us[int(NR * 0.99) + 1] }')
	record "$round" mixed_read_p50 0 "$clients" "$p50"
	record "$round" mixed_read_p99 0 "$clients" "$p99"
}
