# shellcheck shell=bash
# What is left of the hits while other rows of the same table change: rules that tell
# rows apart are exact, so nearly all should be.

KEYS=20000
KEYS_QUERY='SELECT * FROM bench_keys WHERE id = $1'

# The first 20,000 rows are read.
load_exact()
{
	local dir=$BENCH/scripts

	ask "CREATE TABLE bench_keys (id int PRIMARY KEY, n int NOT NULL, body text) WITH (fillfactor = 50);
		INSERT INTO bench_keys SELECT id, 0, md5(id::text) FROM generate_series(1, 200000) AS id;
		SELECT cache_attach('bench_keys');
		SELECT cache_define('keys', ttl => '1 day');
		SELECT cache_define('late', ttl => '1 day');
		VACUUM ANALYZE bench_keys" >/dev/null
	printf '%s\n' "\\set id random(1, $KEYS)" \
		"SELECT cache_fetch_row('keys:' || :id::int, '$KEYS_QUERY', (:id::int));" >"$dir/keys_read.200"
	printf '%s\n' "\\set id random($KEYS + 1, 200000)" \
		'UPDATE bench_keys SET n = n + 1 WHERE id = :id;' >"$dir/keys_write_other.200"
	printf '%s\n' "\\set id random(1, $KEYS)" \
		'UPDATE bench_keys SET n = n + 1 WHERE id = :id;' >"$dir/keys_write_own.200"
	echo "SELECT cache_fetch('late', 'SELECT k.*, s.* FROM bench_keys AS k, ($SUM) AS s WHERE k.id = \$1', (42));" \
		>"$dir/slow.200"
}

# writing SCRIPT RATE SECONDS COMMAND...: runs the command a second after somebody has
# begun to write at that rate; with rate 0 nobody does. Waits for both.
writing()
{
	local script=$1 rate=$2 seconds=$3 writer=

	shift 3
	if ((rate > 0)); then
		"$BIN/pgbench" -n -M prepared -c 4 -j 1 -R "$rate" -T $((seconds + 2)) \
			-f "$BENCH/scripts/$script" >"$BENCH/writes" 2>&1 &
		writer=$!
		sleep 1
	fi
	"$@"
	if [[ -n $writer ]]; then wait "$writer"; fi
}

# keys_counts: reads, and hits
keys_counts()
{
	ask "SELECT fetches, l1_hits FROM cache_stats WHERE cache = 'keys'" | tr '|' ' '
}

# Leaves in KEYS_LOADS how many loads there were a second.
measure_keys_case()
{
	local round=$1 case=$2 before counts hits

	before=$(keys_counts)
	measure_pgbench "$round" keys_read 200 8 "keys_tps_$case"
	counts="$before $(keys_counts)"
	hits=$(awk '{ print 100 * ($4 - $2) / ($3 - $1) }' <<<"$counts")
	KEYS_LOADS=$(awk -v s="$SECONDS_PER_CASE" '{ print (($3 - $1) - ($4 - $2)) / s }' <<<"$counts")
	record "$round" "keys_hits_$case" 0 8 "$hits"
}

measure_keys()
{
	local round=$1 case cases=(none other own)

	if ((round % 2 == 0)); then cases=(own other none); fi
	freshen bench_keys
	for case in "${cases[@]}"; do
		ask "SELECT count(cache_fetch_row('keys:' || id, '$KEYS_QUERY', (id)))
			FROM generate_series(1, $KEYS) AS id" >/dev/null
		writing "keys_write_$case.200" "$([[ $case == none ]] && echo 0 || echo 1000)" "$SECONDS_PER_CASE" \
			measure_keys_case "$round" "$case"
		if [[ $case == none ]]; then continue; fi
		record "$round" "keys_loads_$case" 0 8 \
			"$(awk -v loads="$KEYS_LOADS" '/^tps = / { print loads / $3 }' "$BENCH/writes")"
		record "$round" "keys_updates_$case" 0 8 "$(awk '/^tps = / { print $3 }' "$BENCH/writes")"
	done
	progress "round $round of $ROUNDS: keys of one table"
}

measure_slow()
{
	local round=$1 case cases=(none written written none)

	if ((round % 2 == 0)); then cases=(written none none written); fi
	for case in "${cases[@]}"; do
		writing keys_write_other.200 "$([[ $case == none ]] && echo 0 || echo 100)" \
			"$SECONDS_PER_CASE" measure_pgbench "$round" slow 200 8 "slow_$case"
	done
	progress "round $round of $ROUNDS: a slow query, and updates of other rows"
}

measure_exact()
{
	measure_keys "$1"
	measure_slow "$1"
}
