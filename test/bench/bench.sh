#!/usr/bin/env bash
# make bench: the figures of the cache, beside what it is an alternative to.
#
# Builds the extension, installs it into a private copy of PostgreSQL, starts a
# server of that, a memcached, a Redis and a pgpool (all on private unix sockets,
# Redis on a port of the loopback as well, with their files in build/bench), measures in interleaved rounds, prints one table,
# and stops what it started. The default takes about half an hour.
#
#   bench.sh            what is measured in general, and hits
#   turns.sh            sessions that stay, and take turns
#   updates.sh          what rules and messages cost writers, hits under writes
#   tracking.sh         what the tracking of changes costs them
#   transparent.sh      plain SELECTs that are served from the cache
#   through.sh          write-through against invalidation and the next load; loads in the background
#   exact.sh            hits while other rows of the same table change
#   standby.sh          hits on a standby, and the reader of its WAL
#   redis.sh            Redis: hits in it, compression
#   commits.sh          Redis: updates and commits, an outage
#   failover.sh         another master of Redis
#   recovery.sh         the first second after a start, a crash, a promotion
#   warming.sh          hits in memory in the first second after a restart, a promotion
#   pgpool.sh           side by side with pgpool2's query cache
#   stampede.sh         many sessions that start at one moment
#   writers.sh          write-behind: a counter of many clients, the flush
#   table.sh            the table, by table.awk, rows.awk, rows_redis.awk
#   instructions.sh     instructions of a hit, for one's own loop; not part of the table
#   instructions_client.sh  the same of statements of a client, with their commits
#
#   ROUNDS=3            rounds; figures are medians, ratios are taken in a round
#   SECONDS_PER_CASE=1  length of each pgbench run; more rounds help more
#   WARM_UP=4           seconds for which those that write go on before
#   TURNS=4             turns of each of those in a round
#   CLIENTS="1 8 32"    pgbench clients
#   SESSIONS=200        sessions of the stampede
#   BULK_ROWS=1000000   rows of the bulk update
#   STALENESS=10        seconds of each run of the freshness checker
#   OUTAGE=30           seconds for which Redis is stopped
#   NICE=-10            priority, as root
#   ONLY=measure_hits   only these functions, and their rows of the table
#
# Installs these packages if they are missing: what a build takes, libpq's headers,
# redis-server, and as the peers pgmemcache, memcached and pgpool2.
#
# On a machine where other things run, absolute figures move a lot from hour to
# hour; the ratios, taken between neighbours of one round, much less. As root,
# all runs at a higher priority, so that those other things disturb less.

set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=test/lib/setup.sh
. test/lib/setup.sh
# shellcheck source=test/bench/stampede.sh
. test/bench/stampede.sh
# shellcheck source=test/bench/turns.sh
. test/bench/turns.sh
# shellcheck source=test/bench/updates.sh
. test/bench/updates.sh
# shellcheck source=test/bench/tracking.sh
. test/bench/tracking.sh
# shellcheck source=test/bench/transparent.sh
. test/bench/transparent.sh
# shellcheck source=test/bench/standby.sh
. test/bench/standby.sh
# shellcheck source=test/bench/exact.sh
. test/bench/exact.sh
# shellcheck source=test/bench/through.sh
. test/bench/through.sh
# shellcheck source=test/bench/redis.sh
. test/bench/redis.sh
# shellcheck source=test/bench/commits.sh
. test/bench/commits.sh
# shellcheck source=test/bench/failover.sh
. test/bench/failover.sh
# shellcheck source=test/bench/recovery.sh
. test/bench/recovery.sh
# shellcheck source=test/bench/warming.sh
. test/bench/warming.sh
# shellcheck source=test/bench/pgpool.sh
. test/bench/pgpool.sh
# shellcheck source=test/bench/writers.sh
. test/bench/writers.sh
# shellcheck source=test/bench/table.sh
. test/bench/table.sh

PACKAGES=("${CF_PACKAGES[@]}" libpq-dev redis-server "postgresql-$CF_PGMAJOR-pgmemcache"
	memcached pgpool2)
ROUNDS=${ROUNDS:-3}
SECONDS_PER_CASE=${SECONDS_PER_CASE:-1}
WARM_UP=${WARM_UP:-4}
TURNS=${TURNS:-4}
CLIENTS=${CLIENTS:-1 8 32}
SESSIONS=${SESSIONS:-200}
BULK_ROWS=${BULK_ROWS:-1000000}
STALENESS=${STALENESS:-10}
OUTAGE=${OUTAGE:-30}
NICE=${NICE:--10}
ONLY=${ONLY:-}
CALLS=500000
STATEMENTS=50000
PORT=5492
SIZES=(200 65536)
STARTED=$SECONDS

CF_PRELOAD=cachefront,pgmemcache

# ---- set-up -----------------------------------------------------------------

progress()
{
	printf '%4d s  %s\n' $((SECONDS - STARTED)) "$*"
}

ask()
{
	"$BIN/psql" -XqAt -v ON_ERROR_STOP=1 <<<"$1"
}

build()
{
	local includes

	includes=$("$PG_CONFIG" --includedir-server)
	cf_private_tree "$BENCH/tree" release || {
		grep -vE '^(gcc|make|cat) ' "$CF_BUILD/release/build.log" >&2
		return 1
	}
	BIN=$CF_TREE_BIN
	# shellcheck disable=SC2046
	gcc -O2 -fPIC -shared -Wall -Wextra -Werror -Wno-unused-parameter \
		-Wno-sign-compare -Wno-missing-field-initializers -I"$includes" \
		-o "$BENCH/cf_bench.so" test/bench/cf_bench.c test/bench/hget.c \
		$(pkg-config --cflags --libs hiredis)
	gcc -O2 -Wall -Wextra -Werror -Isrc -o "$BENCH/hit_ratio" test/bench/hit_ratio.c -lm
	gcc -std=gnu11 -O2 -Wall -Wextra -Werror -I"$("$PG_CONFIG" --includedir)" \
		-o "$BENCH/checker" test/soak/*.c -lpq -lpthread
	gcc -std=gnu11 -O2 -Wall -Wextra -Werror -o "$BENCH/relay" test/bench/relay.c
}

start_memcached()
{
	cf_as memcached -d -P "$SOCKETS/memcached.pid" -s "$MEMCACHED" -m 128 -I 2m \
		-c 2048 -t 2
	for _ in {1..50}; do
		if [[ -S $MEMCACHED && -s $SOCKETS/memcached.pid ]]; then return; fi
		sleep 0.1
	done
	cf_die 'could not start memcached'
}

stop_memcached()
{
	local pid

	pid=$(cat "$SOCKETS/memcached.pid" 2>/dev/null) || return 0
	if [[ $(tr '\0' ' ' <"/proc/$pid/cmdline") == *"$MEMCACHED"* ]]; then
		kill "$pid"
	fi
}

start()
{
	SETTINGS=(-c max_connections=$((SESSIONS + 50)) -c shared_buffers=256MB
		-c max_wal_size=4GB -c jit=off -c max_parallel_workers_per_gather=0
		-c autovacuum=off -c checkpoint_timeout=1h)

	SOCKETS=$(cf_socket_dir)
	MEMCACHED=$SOCKETS/memcached.sock
	POOL=$SOCKETS/pgpool
	REDIS=$SOCKETS/redis.sock
	RELAY=$SOCKETS/relay.sock
	trap stop EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	start_memcached
	start_redis
	rm -rf "$BENCH/data"
	install -d -m 0700 -o "$CF_USER" "$BENCH/data"
	cf_server_init "$BENCH/data" "$BIN"
	cf_server_start "$BENCH/data" "$BIN" "$SOCKETS" "$PORT" "${SETTINGS[@]}" \
		-c "pgmemcache.default_servers=$MEMCACHED"
	export PGHOST=$SOCKETS PGPORT=$PORT PGUSER=postgres PGDATABASE=postgres
	start_pgpool
	start_bare "${SETTINGS[@]}"
}

stop()
{
	close_turns
	stop_pgpool
	stop_bare
	stop_standby
	stop_fleet
	stop_recovery
	cf_server_stop "$BENCH/data"
	stop_memcached
	stop_redis
	rm -rf "$SOCKETS" "$BENCH/data"
}

# ---- what is measured -------------------------------------------------------

# Rows whose JSON is exactly as long as the case says, for id 42.
load()
{
	local rows

	ask 'CREATE EXTENSION cachefront; CREATE EXTENSION pgmemcache'
	"$BIN/psql" -Xq -v ON_ERROR_STOP=1 -v "module=$BENCH/cf_bench.so" -f test/bench/cf_bench.sql
	"$BIN/psql" -Xq -v ON_ERROR_STOP=1 -o /dev/null -f test/bench/bench.sql
	rows=$(rows_of_10_ms)
	ask "CREATE TABLE bench_sum AS SELECT id, id % 1000 AS v FROM generate_series(1, $rows) AS id;
		VACUUM ANALYZE bench_sum"
	for size in "${SIZES[@]}"; do write_scripts "$size"; done
	load_updates
	load_tracking
	load_transparent
	load_exact
	load_through
	load_standby
	load_redis
	load_writers
}

# How many rows an aggregate reads in 10 ms here, from the best of twenty runs.
rows_of_10_ms()
{
	local ms

	ms=$({
		printf '%s\n' '\timing on'
		for _ in {1..20}; do echo "${SUM/bench_sum/bench_calibrate};"; done
	} | "$BIN/psql" -Xq -o /dev/null | awk '/^Time:/ && (!n++ || $2 < best) { best = $2 } END { print best }')
	awk -v ms="$ms" 'BEGIN { printf "%d", 200000 * 10 / ms }'
}

SUM='SELECT count(*) AS n, sum(v) AS total, avg(v) AS mean FROM bench_sum'

# One pgbench script a case. All ask for the same thing again and again.
write_scripts()
{
	local size=$1 dir=$BENCH/scripts table=bench_$1 query value length

	query="SELECT * FROM $table WHERE id = \$1"
	value=$(ask "SELECT row_to_json(t) FROM $table t WHERE id = 42")
	if ((${#value} != size)); then cf_die "a value of ${#value} bytes instead of $size"; fi
	mkdir -p "$dir"
	echo "SELECT '$value'::json;" >"$dir/constant.$size"
	echo "SELECT cache_fetch_row('bench:$size', '$query', (42));" >"$dir/cachefront.$size"
	echo "SELECT cf_bench_copy('bench:$size', '$query', (42));" >"$dir/copy.$size"
	echo "SELECT * FROM $table WHERE id = 42;" >"$dir/row.$size"
	echo "SELECT memcache_get('bench:$size');" >"$dir/pgmemcache.$size"
	echo "$SUM;" >"$dir/aggregate.$size"
	ask "SELECT memcache_set('bench:$size', row_to_json(t)::text) FROM $table t WHERE id = 42" >/dev/null
	ask "SELECT cache_set('bench_set:$size', row_to_json(t), '1 day') FROM $table t WHERE id = 42" >/dev/null
	for script in cachefront pgmemcache; do
		length=$(ask "$(cat "$dir/$script.$size")")
		if [[ $length != "$value" ]]; then cf_die "$script answers: ${length:0:200}"; fi
	done
}

# record ROUND CASE SIZE CLIENTS FIGURE
record()
{
	printf '%s %s %s %s %s\n' "$@" >>"$BENCH/figures"
}

# Nanoseconds a call inside the server; see cf_bench.c.
measure_loops()
{
	local round=$1 query="SELECT * FROM bench_200 WHERE id = \$1" case fn key

	while read -r case key fn; do
		record "$round" "$case" 200 1 "$(ask "SELECT cf_bench_loop('$fn', '$key', '$query', 42, $CALLS)")"
	done <<-'END'
		loop_empty bench:200 cf_bench_empty(text,text,"any",interval,text[])
		loop_fetch bench:200 cache_fetch_row(text,text,"any",interval,text[])
		loop_get bench_set:200 cache_get(text)
		loop_copy bench:200 cf_bench_copy(text,text,"any",interval,text[])
	END
	for case in constant cachefront; do
		record "$round" "statement_$case" 200 1 \
			"$(ask "SELECT cf_bench_statement(\$s\$$(sed 's/;$//' "$BENCH/scripts/$case.200")\$s\$, $STATEMENTS)")"
	done
}

# measure_pgbench ROUND CASE SIZE CLIENTS [NAME]: runs the script of the case,
# and records it as NAME. PGPORT, PGOPTIONS and MODE (of pgbench -M) apply. What
# pgbench printed is in the file "out". Of those that write see turns.sh.
measure_pgbench()
{
	local round=$1 case=$2 size=$3 clients=$4 name=${5:-$2}

	"$BIN/pgbench" -n -M "${MODE:-prepared}" -c "$clients" \
		-j $((clients < $(nproc) ? clients : $(nproc))) -T "$SECONDS_PER_CASE" \
		-f "$BENCH/scripts/$case.$size" >"$BENCH/out" 2>&1 || {
		cat "$BENCH/out" >&2
		return 1
	}
	record "$round" "$name" "$size" "$clients" "$(awk '/^tps = / { print $3 }' "$BENCH/out")"
}

# The two that are compared most closely run twice a round, in the order ABBA,
# and every other round runs backwards, so that a drift of the machine cancels out.
measure_throughput()
{
	local round=$1 size clients case cases

	for clients in $CLIENTS; do
		for size in "${SIZES[@]}"; do
			cases=(constant cachefront cachefront constant row pgmemcache copy aggregate)
			if ((size != SIZES[0])); then cases=("${cases[@]:0:6}"); fi
			if ((round % 2 == 0)); then
				mapfile -t cases < <(printf '%s\n' "${cases[@]}" | tac)
			fi
			for case in "${cases[@]}"; do
				measure_pgbench "$round" "$case" "$size" "$clients"
			done
			progress "round $round of $ROUNDS: $clients clients, $size B"
		done
	done
}

# A stampede that the machine was too busy for leaves its figures out.
measure_stampede()
{
	local round=$1 slow='SELECT 42 AS answer FROM pg_sleep(0.2)' before result

	if result=$(cf_stampede "$BIN" 1 'SELECT 1' "(SELECT json_agg(t) FROM ($slow) AS t)"); then
		record "$round" stampede_alone 0 1 "${result% *}"
	fi

	before=$(loads)
	if result=$(cf_stampede "$BIN" "$SESSIONS" "SELECT cache_fetch('warmup', 'SELECT 1')" \
		"cache_fetch('slow:$round', '$slow')")
	then
		record "$round" stampede_cachefront 0 "$SESSIONS" "${result% *}"
		record "$round" loads_cachefront 0 "$SESSIONS" $(($(loads) - before))
	fi

	ask 'ALTER SEQUENCE bench_runs RESTART' >/dev/null
	if result=$(cf_stampede "$BIN" "$SESSIONS" "SELECT memcache_get('bench:200')" \
		"cf_bench_aside('slow:$round', '$slow')")
	then
		record "$round" stampede_pgmemcache 0 "$SESSIONS" "${result% *}"
		record "$round" loads_pgmemcache 0 "$SESSIONS" "$(ask 'SELECT last_value FROM bench_runs')"
	fi
	progress "round $round of $ROUNDS: stampede"
}

loads()
{
	ask "SELECT coalesce(sum(loads), 0) FROM cache_stats WHERE cache = 'slow'"
}

measure_hit_ratio()
{
	local workload room sieve lru

	while read -r workload room sieve lru; do
		record 1 "sieve_$workload" "$room" 1 "$sieve"
		record 1 "lru_$workload" "$room" 1 "$lru"
	done < <("$BENCH/hit_ratio")
	progress 'hit ratios'
}

# Were the hits hits? Asked in each round, for measure_mixed resets the counters.
check_hits()
{
	local answers hits

	IFS='|' read -r answers hits < <(ask "SELECT fetches, l1_hits FROM cache_stats WHERE cache = 'bench'")
	if ((hits * 1000 < answers * 999)); then
		cf_say "WARNING: only $hits of $answers calls were hits"
	fi
}

# For one's own loop: some functions of a round.
measure_only()
{
	local round function

	for ((round = 1; round <= ROUNDS; round++)); do
		for function in $ONLY; do "$function" "$round"; done
	done
	echo
	print_table "$BENCH/figures"
}

main()
{
	local round

	if ((EUID == 0)); then renice -n "$NICE" $$ >/dev/null 2>&1 || true; fi
	cf_install_packages "${PACKAGES[@]}"
	cf_setup
	BENCH=$CF_BUILD/bench
	mkdir -p "$BENCH"
	rm -f "$BENCH/figures"
	progress 'build'
	build
	progress 'server, memcached, data'
	start
	load
	if [[ -n $ONLY ]]; then
		measure_only
		return
	fi
	for ((round = 1; round <= ROUNDS; round++)); do
		measure_loops "$round"
		measure_throughput "$round"
		check_hits
		measure_stampede "$round"
		measure_transparent "$round"
		measure_transparent_cost "$round"
		measure_tracking "$round"
		measure_updates "$round"
		measure_messages "$round"
		measure_copy "$round"
		measure_bulk "$round"
		measure_mixed "$round"
		measure_exact "$round"
		measure_writers "$round"
		measure_through "$round"
		measure_background "$round"
		measure_redis "$round"
		measure_commits_with_redis "$round"
		measure_failover "$round"
		measure_recovery "$round"
		measure_warming "$round"
		measure_standby "$round"
		measure_pgpool "$round"
	done
	measure_longest_commit 1
	measure_outage 1
	use_redis ''
	measure_staleness
	measure_hit_ratio
	echo
	print_table "$BENCH/figures" | tee "$BENCH/table"
}

main
