# shellcheck shell=bash
# Memory that does not begin empty: hits in it in the first second after a clean restart
# (what the stop has saved) and after a promotion (hot keys from Redis), beside the second
# before; and how long 5,000 hot keys take to pull. The servers of recovery.sh.

WARMING_KEYS=5000
WARMING_RATE=5000
WARMING_SAVE='-c cachefront.redis_url= -c cachefront.l1_save=on -c cachefront.hot_keys=0'
WARMING_HOT="-c cachefront.l1_save=off -c cachefront.hot_keys=$WARMING_KEYS"

# hit_rate PORT: of 5,000 reads that are sent in a second, the share that was in memory
hit_rate()
{
	local before after

	before=$(PGPORT=$1 ask "SELECT l1_hits || ' ' || fetches FROM cache_stats WHERE cache = '*'")
	PGPORT=$1 "$BIN/pgbench" -n -M prepared -c 8 -j 2 -R "$WARMING_RATE" -T 1 \
		-f "$BENCH/scripts/warming" >"$BENCH/out" 2>&1
	after=$(PGPORT=$1 ask "SELECT l1_hits || ' ' || fetches FROM cache_stats WHERE cache = '*'")
	awk -v before="$before" -v after="$after" 'BEGIN {
		split(before, b, " "); split(after, a, " "); print (a[1] - b[1]) / (a[2] - b[2]) }'
}

# read_often PORT TIMES: each key so many times, all through memory
read_often()
{
	PGPORT=$1 ask "SELECT count(cache_fetch_row('first:' || 1 + g % $WARMING_KEYS, 'SELECT * FROM bench_first WHERE id = \$1',
		(1 + g % $WARMING_KEYS))) FROM generate_series(1, $2 * $WARMING_KEYS) AS g" >/dev/null
}

# The list is written every ten seconds: one that has seen all is the second one from now.
await_list()
{
	local list='' seen=0 now

	while ((seen < 2)); do
		now=$(redis-cli -s "$REDIS" --raw HVALS "$(warming_list)" | md5sum)
		if [[ $now != "$list" ]]; then seen=$((seen + 1)); fi
		list=$now
		sleep 0.5
	done
}

warming_list()
{
	PGPORT=$RECOVERY_PORT ask "SELECT 'cfh:' || system_identifier FROM pg_control_system()"
}

await_ready()
{
	until [[ $(PGPORT=$1 ask 'SELECT cache_ready()') == t ]]; do sleep 0.01; done
}

create_warming()
{
	RECOVERY_OPTIONS=$1
	create_recovery
	printf '%s\n' "\\set id random(1, $WARMING_KEYS)" \
		"SELECT cache_fetch_row('first:' || :id::int, 'SELECT * FROM bench_first WHERE id = \$1', (:id::int));" \
		>"$BENCH/scripts/warming"
}

measure_saved()
{
	local round=$1

	create_warming "$WARMING_SAVE"
	read_often "$RECOVERY_PORT" 2
	record "$round" warm_before_restart 0 8 "$(hit_rate "$RECOVERY_PORT")"
	cf_server_stop "$BENCH/recovery"
	start_at_once "$RECOVERY_PORT"
	record "$round" warm_restart 0 8 "$(hit_rate "$RECOVERY_PORT")"
	stop_recovery
}

# 500 MB of it: 200,000 entries of some 400 bytes.
measure_large_save()
{
	local round=$1 line

	create_warming "$WARMING_SAVE -c cachefront.l1_size=512MB -c cachefront.l1_save_max=1GB"
	PGPORT=$RECOVERY_PORT ask "SELECT count(cache_fetch('large:' || g, 'SELECT \$1 AS id, repeat(md5(\$1::text), 10) AS body', (g), ttl => '1 day'))
		FROM generate_series(1, 200000) AS g" >/dev/null
	cf_server_stop "$BENCH/recovery"
	start_at_once "$RECOVERY_PORT"
	line=$(grep -o 'cachefront saved .*' "$BENCH/recovery/server.log" | tail -1)
	record "$round" warm_saved_kb 0 1 "$(sed -E 's/.*\(([0-9]+) kB\).*/\1/' <<<"$line")"
	record "$round" warm_save_s 0 1 "$(sed -E 's/.* in ([0-9.]+) s.*/\1/' <<<"$line")"
	line=$(grep -o 'cachefront restored .*' "$BENCH/recovery/server.log" | tail -1)
	record "$round" warm_restored 0 1 "$(sed -E 's/.*restored ([0-9]+) entries.*/\1/' <<<"$line")"
	record "$round" warm_restore_s 0 1 "$(sed -E 's/.* in ([0-9.]+) s.*/\1/' <<<"$line")"
	stop_recovery
}

measure_hot_keys()
{
	local round=$1

	create_warming "$WARMING_HOT"
	read_often "$RECOVERY_PORT" 60
	await_list
	cf_server_stop "$BENCH/recovery"
	start_at_once "$RECOVERY_PORT"
	await_ready "$RECOVERY_PORT"
	record "$round" warm_pulled 0 1 "$(PGPORT=$RECOVERY_PORT ask "SELECT done FROM cache_warming WHERE source = 'hot keys'")"
	record "$round" warm_pull_s 0 1 "$(PGPORT=$RECOVERY_PORT ask "SELECT extract(epoch FROM ended - started)
		FROM cache_warming WHERE source = 'hot keys'")"

	install -d -m 0700 -o "$CF_USER" "$BENCH/recovered"
	cf_as "$BIN/pg_basebackup" -h "$SOCKETS" -p "$RECOVERY_PORT" -U postgres -D "$BENCH/recovered" \
		-R -c fast --no-sync
	# Nobody reads on the standby; what it can judge is loaded after its backup.
	PGPORT=$RECOVERY_PORT ask 'SELECT cache_flush()' >/dev/null
	start_at_once "$RECOVERED_PORT"
	read_often "$RECOVERY_PORT" 60
	await_list
	await_recovered
	record "$round" warm_before_promotion 0 8 "$(hit_rate "$RECOVERY_PORT")"
	cf_server_stop "$BENCH/recovery"
	cf_as "$BIN/pg_ctl" -s -w -D "$BENCH/recovered" promote
	record "$round" warm_promotion 0 8 "$(hit_rate "$RECOVERED_PORT")"
	stop_recovery
}

measure_warming()
{
	local round=$1 options=$RECOVERY_OPTIONS

	measure_saved "$round"
	measure_large_save "$round"
	measure_hot_keys "$round"
	RECOVERY_OPTIONS=$options
	progress "round $round of $ROUNDS: warming"
}
