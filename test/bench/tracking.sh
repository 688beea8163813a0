# shellcheck shell=bash
# What the tracking of changes costs those who write, with no rule anywhere: a
# server that has the library beside one that has not, with the same settings.
#
# There is no other way to take it off: it is nothing a table or a session has. So
# the two have their data in different places of the disk and of memory, which is
# part of what the ratios show; who compares a server with itself sees how much.

BARE_PORT=5494

start_bare()
{
	rm -rf "$BENCH/bare"
	install -d -m 0700 -o "$CF_USER" "$BENCH/bare"
	cf_server_init "$BENCH/bare" "$BIN"
	CF_PRELOAD=pgmemcache cf_server_start "$BENCH/bare" "$BIN" "$SOCKETS" "$BARE_PORT" "$@"
}

stop_bare()
{
	cf_server_stop "$BENCH/bare"
	rm -rf "$BENCH/bare"
}

# Both servers have the same tables; one of them is cached where that can be.
load_tracking()
{
	local port dir=$BENCH/scripts size=${SIZES[0]} table

	for port in "$PORT" "$BARE_PORT"; do
		for table in uncached cached; do
			PGPORT=$port ask "CREATE TABLE bench_track_$table (id int PRIMARY KEY, n int NOT NULL, body text)
					WITH (fillfactor = 50);
				INSERT INTO bench_track_$table
					SELECT id, 0, md5(id::text) FROM generate_series(1, 100000) AS id"
		done
		PGPORT=$port ask 'CREATE TABLE bench_copy (id int PRIMARY KEY, n int NOT NULL); VACUUM ANALYZE'
	done
	for table in rows empty; do ask "CREATE TABLE bench_copy_$table (LIKE bench_copy INCLUDING ALL)"; done
	ask "SELECT cache_attach('bench_copy_rows');
		CREATE TRIGGER nothing AFTER INSERT OR UPDATE OR DELETE ON bench_copy_empty
			FOR EACH ROW EXECUTE FUNCTION cf_bench_trigger()" >/dev/null
	mkdir -p "$dir"
	for table in uncached cached; do
		printf '%s\n' '\set id random(1, 100000)' \
			"UPDATE bench_track_$table SET n = n + 1 WHERE id = :id;" >"$dir/track_$table.$size"
	done
	seq 1 "$BULK_ROWS" | awk '{ print $1 "\t" $1 }' >"$BENCH/copy"
}

measure_tracking()
{
	local round=$1 clients port case size=${SIZES[0]}

	for port in "$PORT" "$BARE_PORT"; do
		PGPORT=$port freshen bench_track_uncached bench_track_cached
	done
	ask "SELECT cache_fetch('track', 'SELECT sum(n) FROM bench_track_cached')" >/dev/null
	for clients in $CLIENTS; do
		PGPORT=$BARE_PORT open_turn track_bare "track_uncached.$size" "$clients"
		for case in uncached cached; do open_turn "track_$case" "track_$case.$size" "$clients"; done
		take_turns "$round" "$clients" track_bare track_uncached track_cached
		close_turns
		progress "round $round of $ROUNDS: tracking, $clients clients"
	done
}

measure_copy()
{
	local round=$1 case cases=(bare tracked rows empty tracked bare)

	if ((round % 2 == 0)); then cases=(tracked bare empty rows bare tracked); fi
	for case in "${cases[@]}"; do
		case $case in
			bare) record "$round" copy_bare 0 1 "$(PGPORT=$BARE_PORT copy_in bench_copy)" ;;
			tracked) record "$round" copy_tracked 0 1 "$(copy_in bench_copy)" ;;
			*) record "$round" "copy_$case" 0 1 "$(copy_in "bench_copy_$case")" ;;
		esac
	done
	progress "round $round of $ROUNDS: COPY"
}

# Prints the milliseconds.
copy_in()
{
	"$BIN/psql" -XqAt -v ON_ERROR_STOP=1 <<-SQL | awk '/^Time:/ { print $2 }'
		TRUNCATE $1;
		CHECKPOINT;
		\\timing on
		\\copy $1 from '$BENCH/copy'
	SQL
}
