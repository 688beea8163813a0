#!/usr/bin/env bash
# How many instructions a statement takes in the session that serves a client, as
# instructions.sh counts them, but with the protocol of a client and its commit.
#
#   instructions_client.sh [CASE...]     all cases, or those named:
#
#   one, row, hit      SELECT 1; a row by its key; the same from the cache: each by the
#                      simple, extended and prepared protocol
#   constant, fetch    a constant of 200 bytes; cache_fetch_row that hits
#   update             one row by its key: a table nobody caches, one that is cached,
#                      one with rows => '{id}'
#   bare               "row" and "update" of a server without the library
#   auto               "row", with cachefront.transparent = auto that has learnt that
#                      it does not pay
#
# Each case is run by pgbench with 500 and with 2,500 transactions against a server
# under callgrind; the difference is what 2,000 take. What the kernel does is not in it.
# Needs valgrind; takes about half a minute for each line.

set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=test/lib/setup.sh
. test/lib/setup.sh

FEW=500
MANY=2500
PORT=5496
SETTINGS=(-c listen_addresses= -c fsync=off -c jit=off -c autovacuum=off -c max_connections=20
	-c max_parallel_workers_per_gather=0 -c shared_buffers=32MB -c max_wal_size=4GB)
KEY='\set id random(1, 20)'
ROW='SELECT * FROM bench WHERE id = :id;'

# start PRELOAD: a server of its own, as each case should find the same one.
start()
{
	DIR=$(cf_as mktemp -d /tmp/cf.XXXXXX)
	export PGHOST=$DIR PGPORT=$PORT PGUSER=postgres PGDATABASE=postgres
	cf_server_init "$DIR/data" "$CF_TREE_BIN"
	cf_as valgrind -q --tool=callgrind --trace-children=yes \
		--callgrind-out-file="$DIR/callgrind.%p" "$CF_TREE_BIN/postgres" -D "$DIR/data" \
		"${SETTINGS[@]}" -c "unix_socket_directories=$DIR" -c "port=$PORT" \
		-c "shared_preload_libraries=$1" >"$DIR/log" 2>&1 &
	SERVER=$!
	for _ in {1..300}; do
		if ask 'SELECT 1' >/dev/null 2>&1; then break; fi
		sleep 0.2
	done
	load
	if [[ -n $1 ]]; then load_cached; fi
}

stop()
{
	if [[ -z ${SERVER:-} ]]; then return; fi
	kill -INT "$(head -n 1 "$DIR/data/postmaster.pid")" 2>/dev/null || true
	wait "$SERVER" 2>/dev/null || true
	SERVER=
	rm -rf "$DIR"
}

ask()
{
	"$CF_TREE_BIN/psql" -XqAt -v ON_ERROR_STOP=1 -c "$1"
}

load()
{
	local table

	ask "CREATE TABLE bench (id int PRIMARY KEY, name text, price numeric, body text);
		INSERT INTO bench SELECT g, 'shop ' || g, g, repeat('x', 100) FROM generate_series(1, 1000) g"
	for table in uncached cached rows; do
		ask "CREATE TABLE bench_$table (id int PRIMARY KEY, n int NOT NULL, body text) WITH (fillfactor = 50);
			INSERT INTO bench_$table SELECT g, 0, md5(g::text) FROM generate_series(1, 1000) g"
	done
	ask 'VACUUM ANALYZE'
}

load_cached()
{
	ask "CREATE EXTENSION cachefront;
		SELECT cache_attach('bench_rows', rows => '{id}');
		SELECT cache_fetch('track', 'SELECT sum(n) FROM bench_cached')" >/dev/null
}

# run PROTOCOL OPTIONS TRANSACTIONS; a case's first run fills the cache.
run()
{
	PGOPTIONS=$2 "$CF_TREE_BIN/pgbench" -n -M "$1" -c 1 -t "$3" -f "$DIR/script" >"$DIR/out" 2>&1 || {
		cat "$DIR/out" >&2
		exit 1
	}
}

# What the sessions of a run took: the largest of the new files is of the one that worked.
counted()
{
	local file sum most=0

	sleep 1.5
	for file in "$DIR"/callgrind.*; do
		sum=$(awk '/^(summary|totals):/ { t = $2 } END { print t + 0 }' "$file")
		if ((sum > most)); then most=$sum; fi
	done
	rm -f "$DIR"/callgrind.*
	echo "$most"
}

# measure NAME PROTOCOL OPTIONS LINE...
measure()
{
	local name=$1 protocol=$2 options=$3 few many

	shift 3
	printf '%s\n' "$@" >"$DIR/script"
	run "$protocol" "$options" 400
	counted >/dev/null
	run "$protocol" "$options" "$FEW"
	few=$(counted)
	run "$protocol" "$options" "$MANY"
	many=$(counted)
	printf '%-20s %8d\n' "$name" $(((many - few) / (MANY - FEW)))
}

by_each_protocol()
{
	local name=$1 options=$2 protocol

	shift 2
	for protocol in simple extended prepared; do
		measure "$name, $protocol" "$protocol" "$options" "$@"
	done
}

measure_case()
{
	local table

	case $1 in
		one) by_each_protocol one '' 'SELECT 1;' ;;
		row) by_each_protocol row '' "$KEY" "$ROW" ;;
		hit) by_each_protocol hit '-c cachefront.transparent=marked' "$KEY" "/* cache */ $ROW" ;;
		auto)
			# Under valgrind all takes longer, and would pay.
			by_each_protocol auto '-c cachefront.transparent=auto -c cachefront.transparent_min_saving=1000000' \
				"$KEY" "$ROW"
			;;
		constant) measure constant prepared '' "SELECT '$(printf 'x%.0s' {1..180})'::text;" ;;
		fetch) measure fetch prepared '' \
			"SELECT cache_fetch_row('bench:42', 'SELECT * FROM bench WHERE id = \$1', (42));" ;;
		update)
			for table in uncached cached rows; do
				measure "update, $table" prepared '' '\set id random(1, 1000)' \
					"UPDATE bench_$table SET n = n + 1 WHERE id = :id;"
			done
			;;
		*) cf_die "there is no case $1" ;;
	esac
}

main()
{
	local case

	command -v valgrind >/dev/null || cf_die 'valgrind is missing'
	cf_setup
	cf_private_tree "$CF_BUILD/bench/tree" release || cf_die "the build failed: $CF_BUILD/release/build.log"
	trap stop EXIT
	if (($# == 0)); then set -- one row hit auto constant fetch update bare; fi
	start cachefront
	for case in "$@"; do
		if [[ $case != bare ]]; then measure_case "$case"; fi
	done
	stop
	if [[ " $* " != *' bare '* ]]; then return; fi
	start ''
	by_each_protocol 'bare row' '' "$KEY" "$ROW"
	measure 'bare update' prepared '' '\set id random(1, 1000)' \
		'UPDATE bench_uncached SET n = n + 1 WHERE id = :id;'
	stop
}

main "$@"
