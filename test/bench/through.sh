# shellcheck shell=bash
# Write-through and loads in the background.
#
# What it costs to load a value as its row changes, against invalidation
# and the load of the next read.
#
# Two equal tables with a cache each, of which the next reader asks after each update. One
# has a rule that invalidates, the other one that refreshes.

load_through()
{
	local dir=$BENCH/scripts size=${SIZES[0]} case mode

	for case in after through; do
		ask "CREATE TABLE bench_$case (id int PRIMARY KEY, n int NOT NULL, body text) WITH (fillfactor = 50);
			INSERT INTO bench_$case SELECT id, 0, md5(id::text) FROM generate_series(1, 100000) AS id;
			SELECT cache_define('$case', query => 'SELECT * FROM bench_$case WHERE id = \$1', arg_types => '{int}',
				scope => 'shared', ttl => '1 day')" >/dev/null
		mode=$([[ $case == through ]] && echo ", mode => 'refresh', cache => '$case', arg_columns => '{id}'" || true)
		ask "SELECT cache_attach('bench_$case', rows => '{id}'$mode)" >/dev/null
		printf '%s\n' '\set id random(1, 100000)' \
			"UPDATE bench_$case SET n = n + 1 WHERE id = :id;" >"$dir/only_$case.$size"
		printf '%s\n' "$(cat "$dir/only_$case.$size")" \
			"SELECT cache_read_row('$case', :id::int);" >"$dir/$case.$size"
	done
	ask "SELECT cache_define('calm', query => 'SELECT n, pg_sleep(0.02) IS NULL AS slept FROM bench_after WHERE id = \$1',
			arg_types => '{int}', scope => 'shared', ttl => '1 day');
		SELECT cache_define('renewed', query => 'SELECT n, pg_sleep(0.02) IS NULL AS slept FROM bench_after WHERE id = \$1',
			arg_types => '{int}', scope => 'shared', ttl => '1 day', refresh_after => '50 ms')" >/dev/null
	for case in calm renewed; do
		echo "SELECT cache_read_row('$case', 1);" >"$dir/hot_$case"
	done
	ask 'VACUUM ANALYZE bench_after, bench_through'
}

measure_through()
{
	local round=$1 clients size=${SIZES[0]}

	freshen bench_after bench_through
	for clients in $CLIENTS; do
		open_turn after "after.$size" "$clients"
		open_turn through "through.$size" "$clients"
		open_turn only_after "only_after.$size" "$clients"
		open_turn only_through "only_through.$size" "$clients"
		take_turns "$round" "$clients" after only_through through only_after
		close_turns
	done
	progress "round $round of $ROUNDS: write-through"
}

# p99 of hits on one key whose query takes 20 ms, while a process loads it all the time.
measure_background()
{
	local round=$1 case cases=(calm renewed renewed calm)

	if ((round % 2 == 0)); then cases=(renewed calm calm renewed); fi
	for case in "${cases[@]}"; do
		rm -f "$BENCH"/hot.*
		"$BIN/pgbench" -n -M prepared -c 4 -j 1 -T "$SECONDS_PER_CASE" -l --log-prefix="$BENCH/hot" \
			-f "$BENCH/scripts/hot_$case" >/dev/null 2>&1
		record "$round" "hot_$case" 0 4 \
			"$(awk '{ print $3 }' "$BENCH"/hot.* | sort -n | awk '{ v[NR] = $1 } END { print v[int(NR * 0.99)] }')"
	done
	rm -f "$BENCH"/hot.*
	progress "round $round of $ROUNDS: loads in the background"
}
