# shellcheck shell=bash
# Plain SELECTs that are served from the cache, beside the same without: one row by its
# primary key, a join of three tables, and SELECT 1, in three protocols. The keys are few,
# so that after a warm-up all is hits.

load_transparent()
{
	local dir=$BENCH/scripts size=${SIZES[0]}

	ask "CREATE TABLE bench_shops (id int PRIMARY KEY, name text, price numeric, body text);
		INSERT INTO bench_shops SELECT g, 'shop ' || g, g, repeat('x', 100) FROM generate_series(1, 1000) g;
		CREATE TABLE bench_kinds (id int PRIMARY KEY, name text);
		INSERT INTO bench_kinds SELECT g, 'kind ' || g FROM generate_series(1, 20) g;
		CREATE TABLE bench_orders (id int PRIMARY KEY, shop int, kind int, n int);
		INSERT INTO bench_orders SELECT g, 1 + g % 1000, 1 + g % 20, g % 7 FROM generate_series(1, 20000) g;
		CREATE INDEX ON bench_orders (shop);
		VACUUM ANALYZE bench_shops, bench_kinds, bench_orders"
	mkdir -p "$dir"
	echo 'SELECT 1;' >"$dir/plain_one.$size"
	printf '%s\n' '\set id random(1, 100)' \
		'/* cache */ SELECT * FROM bench_shops WHERE id = :id;' >"$dir/plain_row.$size"
	printf '%s\n' '\set id random(1, 100)' \
		'/* cache */ SELECT s.name, count(*), sum(o.n) FROM bench_shops s JOIN bench_orders o ON o.shop = s.id JOIN bench_kinds k ON k.id = o.kind WHERE s.id = :id GROUP BY s.name;' \
		>"$dir/plain_join.$size"
}

# with_transparent VALUE COMMAND...
with_transparent()
{
	local value=$1

	shift
	PGOPTIONS="-c cachefront.transparent=$value" "$@"
}

measure_transparent()
{
	local round=$1 clients protocol case size=${SIZES[0]} modes=(off marked)

	if ((round == 1)); then
		for protocol in simple extended; do
			for case in row join; do
				MODE=$protocol SECONDS_PER_CASE=1 with_transparent marked \
					measure_pgbench 0 "plain_$case" "$size" 1 warm-up
			done
		done
	fi
	if ((round % 2 == 0)); then modes=(marked off); fi
	for clients in $CLIENTS; do
		for protocol in simple extended prepared; do
			MODE=$protocol with_transparent off \
				measure_pgbench "$round" plain_one "$size" "$clients" "plain_${protocol}_one"
			for case in row join; do
				for mode in "${modes[@]}"; do
					MODE=$protocol with_transparent "$mode" measure_pgbench "$round" \
						"plain_$case" "$size" "$clients" "plain_${protocol}_${case}_$mode"
				done
			done
		done
		progress "round $round of $ROUNDS: plain SELECTs, $clients clients"
	done
}

# What it costs where nothing is served: a server that has the library beside one that
# has not. "auto" has learnt that a row by its key is too cheap.
measure_transparent_cost()
{
	local round=$1 clients mode size=${SIZES[0]} dir=$BENCH/scripts

	printf '%s\n' '\set id random(1, 100000)' \
		'SELECT n FROM bench_track_uncached WHERE id = :id;' >"$dir/select_only.$size"
	for clients in $CLIENTS; do
		for mode in bare off auto auto off bare; do
			if [[ $mode == bare ]]; then
				MODE=simple PGPORT=$BARE_PORT measure_pgbench "$round" select_only "$size" "$clients" select_bare
			else
				MODE=simple with_transparent "$mode" \
					measure_pgbench "$round" select_only "$size" "$clients" "select_$mode"
			fi
		done
		progress "round $round of $ROUNDS: SELECT only, $clients clients"
	done
}
