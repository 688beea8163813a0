# shellcheck shell=bash
# The first second in which a server answers after a clean restart, a crash and a
# promotion: how many hits in Redis it has, beside the second before. A primary and
# a standby of their own, with values in Redis only.

RECOVERY_PORT=5496
RECOVERED_PORT=5497
RECOVERY_KEYS=2000
RECOVERY_RATE=2000
RECOVERY_OPTIONS='-c cachefront.l1_save=off -c cachefront.hot_keys=0'

recovery_dir()
{
	if [[ $1 == "$RECOVERY_PORT" ]]; then echo "$BENCH/recovery"; else echo "$BENCH/recovered"; fi
}

# start_at_once PORT: returns as soon as the server takes connections, where pg_ctl
# looks ten times a second. RECOVERY_OPTIONS: more settings.
start_at_once()
{
	local dir opts

	dir=$(recovery_dir "$1")
	opts="-c shared_preload_libraries=cachefront -c listen_addresses= -c port=$1"
	opts+=" -c unix_socket_directories=$SOCKETS -c fsync=off -c max_connections=50"
	opts+=" -c autovacuum=off -c checkpoint_timeout=1h -c max_wal_size=4GB"
	opts+=" -c cachefront.redis_url=unix://$REDIS $RECOVERY_OPTIONS"
	cf_as "$BIN/pg_ctl" -s -W -D "$dir" -l "$dir/server.log" -o "$opts" start >/dev/null 2>&1
	for _ in {1..6000}; do
		if "$BIN/pg_isready" -q -p "$1"; then return; fi
		sleep 0.01
	done
	cf_die "the server in $dir does not start"
}

stop_recovery()
{
	cf_server_stop "$BENCH/recovery"
	cf_server_stop "$BENCH/recovered"
	rm -rf "$BENCH/recovery" "$BENCH/recovered"
}

recovery_l2_hits()
{
	PGPORT=$1 ask "SELECT coalesce(sum(l2_hits), 0) FROM cache_stats WHERE cache = '*'"
}

# hits_of_a_second PORT: hits in Redis, of 2,000 reads that are sent in a second
hits_of_a_second()
{
	local before

	before=$(recovery_l2_hits "$1")
	PGPORT=$1 PGOPTIONS='-c cachefront.l1_max_value=0' "$BIN/pgbench" -n -M prepared -c 8 -j 2 \
		-R "$RECOVERY_RATE" -T 1 -f "$BENCH/scripts/recovery" >"$BENCH/out" 2>&1
	echo $(($(recovery_l2_hits "$1") - before))
}

create_recovery()
{
	stop_recovery
	install -d -m 0700 -o "$CF_USER" "$BENCH/recovery"
	cf_server_init "$BENCH/recovery" "$BIN"
	start_at_once "$RECOVERY_PORT"
	printf '%s\n' "\\set id random(1, $RECOVERY_KEYS)" \
		"SELECT cache_fetch_row('first:' || :id::int, 'SELECT * FROM bench_first WHERE id = \$1', (:id::int));" \
		>"$BENCH/scripts/recovery"
	PGPORT=$RECOVERY_PORT ask "CREATE EXTENSION cachefront;
		CREATE TABLE bench_first (id int PRIMARY KEY, n int, body text);
		INSERT INTO bench_first SELECT id, 0, md5(id::text) FROM generate_series(1, 100000) AS id;
		VACUUM ANALYZE bench_first;
		SELECT cache_attach('bench_first');
		SELECT cache_define('first', ttl => '1 day')" >/dev/null
}

# read_all_keys PORT: so that they are in Redis, and count for who has read them.
read_all_keys()
{
	for _ in 1 2; do
		PGPORT=$1 ask "SET cachefront.l1_max_value = 0;
			SELECT count(cache_fetch_row('first:' || id, 'SELECT * FROM bench_first WHERE id = \$1', (id)))
				FROM generate_series(1, $RECOVERY_KEYS) AS id" >/dev/null
	done
}

# Some commits, of other rows.
write_some()
{
	PGPORT=$RECOVERY_PORT "$BIN/pgbench" -n -c 1 -t 500 -f <(printf '%s\n' \
		"\\set id random($RECOVERY_KEYS + 1, 100000)" 'UPDATE bench_first SET n = n + 1 WHERE id = :id;') \
		>/dev/null 2>&1
}

await_recovered()
{
	local lsn

	lsn=$(PGPORT=$RECOVERY_PORT ask 'SELECT pg_current_wal_lsn()')
	until [[ $(PGPORT=$RECOVERED_PORT ask "SELECT pg_last_wal_replay_lsn() >= '$lsn'") == t ]]; do sleep 0.1; done
}

measure_recovery()
{
	local round=$1

	create_recovery
	read_all_keys "$RECOVERY_PORT"
	write_some
	record "$round" first_before_restart 0 8 "$(hits_of_a_second "$RECOVERY_PORT")"
	cf_server_stop "$BENCH/recovery"
	start_at_once "$RECOVERY_PORT"
	record "$round" first_restart 0 8 "$(hits_of_a_second "$RECOVERY_PORT")"

	read_all_keys "$RECOVERY_PORT"
	write_some
	record "$round" first_before_crash 0 8 "$(hits_of_a_second "$RECOVERY_PORT")"
	kill -QUIT "$(cf_server_pid "$BENCH/recovery")"
	while cf_server_pid "$BENCH/recovery" >/dev/null; do sleep 0.01; done
	start_at_once "$RECOVERY_PORT"
	record "$round" first_crash 0 8 "$(hits_of_a_second "$RECOVERY_PORT")"

	measure_promotion "$round"
	stop_recovery
	progress "round $round of $ROUNDS: the first second"
}

measure_promotion()
{
	local round=$1

	install -d -m 0700 -o "$CF_USER" "$BENCH/recovered"
	cf_as "$BIN/pg_basebackup" -h "$SOCKETS" -p "$RECOVERY_PORT" -U postgres -D "$BENCH/recovered" \
		-R -c fast --no-sync
	start_at_once "$RECOVERED_PORT"
	# What was loaded before the backup a new standby cannot judge.
	read_all_keys "$RECOVERED_PORT"
	write_some
	await_recovered
	record "$round" first_before_promotion 0 8 "$(hits_of_a_second "$RECOVERED_PORT")"
	cf_server_stop "$BENCH/recovery"
	cf_as "$BIN/pg_ctl" -s -w -D "$BENCH/recovered" promote
	record "$round" first_promotion 0 8 "$(hits_of_a_second "$RECOVERED_PORT")"
}
