# shellcheck shell=bash
# Write-through: what it costs to load a value as its row changes, against invalidation
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
