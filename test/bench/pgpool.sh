# shellcheck shell=bash
# The side by side of bench.sh with pgpool2's query cache (memqcache in shared
# memory, with its automatic invalidation), a private pgpool in front of the
# bench's server. Each cache is used as an application would use it: pgpool by
# connecting to it instead of to the server, ours in the server.
#
# measure_pgpool takes throughput in each round; measure_staleness runs the
# portable part of the checker (test/soak/portable.c) through each of the two,
# and with plain SELECTs on the server itself, where none can be stale. pgpool
# gets both by the simple protocol and by prepared statements, for it treats
# them in different ways.

POOL_PORT=5493
PATH=$PATH:/usr/sbin			# where pgpool is, and not every user looks

start_pgpool()
{
	cf_as mkdir -p "$POOL/oids"
	write_pgpool_conf | cf_as tee "$POOL/pgpool.conf" >/dev/null
	cf_as touch "$POOL/pcp.conf" "$POOL/pool_hba.conf"
	cf_as pgpool -n -D -f "$POOL/pgpool.conf" -F "$POOL/pcp.conf" -a "$POOL/pool_hba.conf" \
		>"$BENCH/pgpool.log" 2>&1 </dev/null &
	for _ in {1..100}; do
		if "$BIN/psql" -XqAt -p "$POOL_PORT" -c 'SELECT 1' >/dev/null 2>&1; then return; fi
		sleep 0.1
	done
	tail -n 20 "$BENCH/pgpool.log" >&2
	cf_die 'could not start pgpool'
}

# One server behind it, and nothing of what pgpool does beside caching.
write_pgpool_conf()
{
	cat <<-END
		backend_clustering_mode = 'streaming_replication'
		backend_hostname0 = '$SOCKETS'
		backend_port0 = $PORT
		backend_flag0 = 'DISALLOW_TO_FAILOVER'
		listen_addresses = ''
		port = $POOL_PORT
		socket_dir = '$SOCKETS'
		pcp_listen_addresses = ''
		pcp_socket_dir = '$POOL'
		pid_file_name = '$POOL/pid'
		logdir = '$POOL'
		num_init_children = 64
		max_pool = 1
		load_balance_mode = off
		health_check_period = 0
		sr_check_period = 0
		sr_check_user = 'postgres'
		memory_cache_enabled = on
		memqcache_method = 'shmem'
		memqcache_total_size = 64MB
		memqcache_auto_cache_invalidation = on
		memqcache_expire = 0
		memqcache_oiddir = '$POOL/oids'
	END
}

# Called by a trap, where a bare return would mean the status before the trap.
stop_pgpool()
{
	local pid

	pid=$(tr -d '\0' 2>/dev/null <"$POOL/pid") || return 0
	if [[ $(tr '\0' ' ' <"/proc/$pid/cmdline") != *"$POOL"* ]]; then return 0; fi
	kill -INT "$pid"
	for _ in {1..50}; do
		if [[ ! -d /proc/$pid ]]; then return 0; fi
		sleep 0.1
	done
	kill -KILL "$pid"
}

# Hits of one key, and single-row updates of a table of which results are
# cached; ours of the same round are cachefront.200 and update_batched, and the same
# statement sent to the server, which serves it from memory.
measure_pgpool()
{
	local round=$1 clients mode case

	for clients in $CLIENTS; do
		for mode in simple prepared; do
			for case in row update_plain; do
				PGPORT=$POOL_PORT MODE=$mode measure_pgbench "$round" "$case" "${SIZES[0]}" \
					"$clients" "pgpool_${mode}_$case"
			done
			# Kept at its first sight: the statement is a single one.
			PGOPTIONS='-c cachefront.transparent=auto -c cachefront.transparent_min_saving=0' \
				MODE=$mode measure_pgbench "$round" row "${SIZES[0]}" "$clients" "served_$mode"
		done
	done
	progress "round $round of $ROUNDS: pgpool"
}

# Two databases with the checker's tables, with our rules and without.
create_checker_tables()
{
	local database

	for database in checked_rules checked_plain; do
		ask "CREATE DATABASE $database"
		ask "ALTER DATABASE $database SET search_path = soak, public"
		PGDATABASE=$database ask 'CREATE EXTENSION cachefront'
		"$BIN/psql" -Xq -v ON_ERROR_STOP=1 -d "$database" -o /dev/null \
			-v keys=120 -v rows=16 -v groups=8 -f test/soak/schema.sql
	done
	PGDATABASE=checked_plain ask "SELECT cache_detach(rel) FROM
		(SELECT DISTINCT tgrelid::regclass AS rel FROM pg_trigger WHERE NOT tgisinternal) AS t" >/dev/null
}

measure_staleness()
{
	create_checker_tables
	check_freshness cachefront "$PORT" checked_rules --portable cachefront
	check_freshness server "$PORT" checked_plain --portable plain
	check_freshness pgpool_simple "$POOL_PORT" checked_plain --portable plain --simple
	check_freshness pgpool_prepared "$POOL_PORT" checked_plain --portable plain
}

# Status 1 of the checker is a finding, not a failure; an error is one.
check_freshness()
{
	local case=$1 port=$2 database=$3 log=$BENCH/checker.$1 checked stale
	shift 3

	"$BENCH/checker" --host "$SOCKETS" --port "$port" --dbname "$database" \
		--seconds "$STALENESS" "$@" >"$log" 2>&1 || [[ $? == 1 ]] || {
		tail -n 20 "$log" >&2
		return 1
	}
	if ! grep -q ' 0 errors$' "$log"; then cf_say "WARNING: errors in $log"; fi
	read -r checked stale <<<"$(sed -nE 's/^portable: checked ([0-9]+) reads, ([0-9]+) stale reads$/\1 \2/p' "$log")"
	record 1 "checked_$case" 0 1 "$checked"
	record 1 "stale_$case" 0 1 "$stale"
	record 1 "rest_$case" 0 1 "$(sed -nE 's/^at rest: ([0-9]+) stale reads$/\1/p' "$log")"
	progress "freshness of $case: $stale of $checked reads were stale"
}
