# shellcheck shell=bash
# The second act of the tour: Redis as a second tier, and what happens without
# it. Sourced by demo.sh; each number is measured as it is shown.

PRODUCTS=2000
NAMESPACE=shop

tour_redis()
{
	tour_second_tier
	tour_restart
	tour_outage
}

# The first act is without Redis, whatever an earlier tour has left.
redis_unset()
{
	local name

	for name in redis_url namespace breaker_reset; do
		ask "ALTER SYSTEM RESET cachefront.$name"
	done
	ask 'SELECT pg_reload_conf()' >/dev/null
	await_l2 off
	ask "SELECT cache_detach('products')" >/dev/null
}

redis_set()
{
	ask "ALTER SYSTEM SET cachefront.redis_url = 'unix://$SOCKETS/redis.sock'"
	ask "ALTER SYSTEM SET cachefront.namespace = '$NAMESPACE'"
	ask "ALTER SYSTEM SET cachefront.breaker_reset = '500ms'"
	ask 'SELECT pg_reload_conf()' >/dev/null
	await_l2 up
}

# Waits for a state of Redis in cache_status; false if it does not come.
await_l2()
{
	local i

	for ((i = 0; i < 300; i++)); do
		if [[ $(ask 'SELECT l2 FROM cache_status') == "$1" ]]; then return; fi
		sleep 0.1
	done
	echo "cache_status.l2 did not become '$1':" >&2
	ask 'SELECT l2, l2_obstacle, breaker, redis_error FROM cache_status' >&2
	return 1
}

# Waits until Redis has been told of all that was committed.
await_told()
{
	local i

	for ((i = 0; i < 100; i++)); do
		if [[ $(ask 'SELECT redis_queue FROM cache_status') == 0 ]]; then return; fi
		sleep 0.1
	done
	echo 'Redis is not told of commits' >&2
	return 1
}

# show COMMAND RESULT
show()
{
	printf '   %s%s%s\n   %s%s%s\n' "$DIM" "$1" "$PLAIN" "$GREEN" "${2:-(nil)}" "$PLAIN"
}

# ---- 6 ----------------------------------------------------------------------

show_fetch()
{
	show "SELECT cache_fetch_row('product:42', 'SELECT * FROM products WHERE id = \$1', (42));" \
		"$(ask "SELECT cache_fetch_row('product:42', 'SELECT * FROM products WHERE id = \$1', (42))")"
}

show_in_redis()
{
	show "redis-cli HGET cf:$NAMESPACE:product:42 v" \
		"$(redis_cli HGET "cf:$NAMESPACE:product:42" v)"
}

tour_second_tier()
{
	chapter '6. Redis as a second tier'
	text 'A private redis-server runs on a unix socket. A reload is enough to use it:'
	code "ALTER SYSTEM SET cachefront.redis_url = 'unix:///.../redis.sock'; SELECT pg_reload_conf();"
	redis_set
	text 'One rule says which key a row belongs to; who may run the query shares its answer:'
	code "SELECT cache_attach('products', key => 'product:{id}'); SELECT cache_define('product', scope => 'shared');"
	ask "SELECT cache_attach('products', key => 'product:{id}');
		SELECT cache_define('product', scope => 'shared');
		SELECT cache_invalidate('product:42')" >/dev/null
	show_fetch
	show_in_redis
	show 'UPDATE products SET price = price + 1 WHERE id = 42;' \
		"$("$BIN/psql" -XAt -c 'UPDATE products SET price = price + 1 WHERE id = 42')"
	await_told
	show_in_redis
	show_fetch
	show_in_redis
}

# ---- 7 ----------------------------------------------------------------------

tour_restart()
{
	local call start

	call="SELECT cache_fetch('revenue:all', \$q\$$REVENUE\$q\$)"
	ask "SELECT cache_define('revenue', ttl => '1 hour')" >/dev/null
	chapter '7. The server restarts'
	text 'What was in memory a clean stop has saved, and the start has it again:'
	label 'cache_fetch, cold'
	value "$(ms "$(time_statement 1 "$call")")"
	label 'restart of the server'
	start=$(now_ms)
	restart_server
	await_l2 up
	value "$(ms $(($(now_ms) - start)))"
	label 'cache_fetch, first call'
	value "$(ms "$(time_statement 1 "$call")")" "$(counter revenue l1_hits) answer from memory"
	label '  how often the query ran'
	value "$(counter revenue loads) x"
}

# ---- 8 ----------------------------------------------------------------------

FETCH_PRODUCT="cache_fetch_row('product:' || id, 'SELECT id, name, price FROM products WHERE id = \$1', (id))"

# Reads and updates at random among the first products: nine to one, a thousand
# a second. Each transaction is logged: $1/log.*.
outage_traffic()
{
	"$BIN/pgbench" -n -c 8 -j 1 -R 1000 -T "$TRAFFIC_S" -D "products=$PRODUCTS" \
		-f test/demo/price_read.sql@9 -f test/demo/price_write.sql@1 \
		-l --log-prefix="$1/log" >"$1/out" 2>&1
}

# How many prices in Redis are not those of the table.
outdated_in_redis()
{
	paste -d '|' \
		<(for ((i = 1; i <= PRODUCTS; i++)); do
			echo "HGET cf:$NAMESPACE:product:$i v"
		done | redis_cli) \
		<(ask "SELECT price FROM products WHERE id <= $PRODUCTS ORDER BY id") |
		awk -F'|' '$1 != "" && !index($1, "\"price\":" $2 "}") { n++ } END { print n + 0 }'
}

# Transactions, and their milliseconds at the client (median, slowest in 1,000), of
# script $2 in the log of folder $1 that ended between the times $3 and $4 (ms).
outage_row()
{
	cat "$1"/log.* |
		awk -v script="$2" -v from="$3" -v to="$4" '
			$4 == script && (t = $5 * 1000 + $6 / 1000) >= from && t < to {
				print ($3 - $7) / 1000
			}' | sort -n |
		awk '{ v[NR] = $1 }
			END { printf "%d %.3f %.3f\n", NR, v[int((NR + 1) / 2)], v[int(NR * 0.999 + 0.999)] }'
}

# Three columns of a row: Redis up, down, back.
triple()
{
	printf '   %-34s%s%14s%14s%14s%s\n' "$1" "$GREEN" "$2" "$3" "$4" "$PLAIN"
}

outage_rows()
{
	local dir=$1 script=$2 name=$3 down=$4 back=$5 before during after

	read -r -a before <<<"$(outage_row "$dir" "$script" 0 "$down")"
	read -r -a during <<<"$(outage_row "$dir" "$script" "$down" "$back")"
	read -r -a after <<<"$(outage_row "$dir" "$script" "$back" 9e15)"
	triple "$name" "$(thousands "${before[0]}")" "$(thousands "${during[0]}")" "$(thousands "${after[0]}")"
	triple '  median' "$(ms "${before[1]}")" "$(ms "${during[1]}")" "$(ms "${after[1]}")"
	triple '  99.9 % within' "$(ms "${before[2]}")" "$(ms "${during[2]}")" "$(ms "${after[2]}")"
}

# What the clients of pgbench were told: statements that failed, sessions lost.
outage_errors()
{
	grep -cE 'ERROR|FATAL|PANIC|aborted|unexpectedly' "$1/out" || true
}

tour_outage()
{
	local dir pgbench down back up status rows outdated answers
	TRAFFIC_S=8

	dir=$(mktemp -d /tmp/cf-demo.XXXXXX)
	chapter '8. Redis is killed in mid-traffic, and comes back with an old dump'
	text "$TRAFFIC_S seconds of reads and updates of $(thousands $PRODUCTS) products (8 sessions, 1000 a second):"
	code "kill -9 REDIS; sleep 2.5; redis-server ...    # it loads what it had saved before the traffic"
	busy 'measuring ...'
	ask "SELECT count($FETCH_PRODUCT) FROM generate_series(1, $PRODUCTS) AS id" >/dev/null
	redis_save
	ask 'SELECT cache_stats_reset()' >/dev/null
	outage_traffic "$dir" &
	pgbench=$!
	sleep 2.5
	down=$(now_ms)
	redis_kill
	sleep 2
	IFS='|' read -r status rows < <(ask "SELECT l2 || ', ' || replace(redis_error, '$SOCKETS', '...'),
		redis_queue FROM cache_status")
	sleep 0.5
	redis_start
	back=$(now_ms)
	outdated=$(outdated_in_redis)
	await_l2 up
	up=$(now_ms)
	wait "$pgbench" || true
	busy ''
	triple '' 'Redis up' 'killed' 'back'
	outage_rows "$dir" 0 'reads' "$down" "$back"
	outage_rows "$dir" 1 'updates' "$down" "$back"
	printf '\n'
	label 'errors that a client saw'
	value "$(outage_errors "$dir")"
	label 'meanwhile, cache_status'
	value "${status%%,*}" "${status#*, }"
	label 'commits that went on: to be told later, bytes'
	value "$(thousands "$rows")"
	label 'outdated prices in Redis when it returned'
	value "$(thousands "$outdated")" 'the dump is from before the traffic'
	await_told
	label 'Redis in use again after'
	value "$(ms $((up - back)))" "$(ask 'SELECT redis_queue FROM cache_status') bytes to be told"
	ask 'SELECT cache_stats_reset()' >/dev/null
	label "cache_fetch of all $(thousands $PRODUCTS) against the table"
	answers=$(ask "SELECT count(*) FROM products
		WHERE id <= $PRODUCTS AND $FETCH_PRODUCT ->> 'price' IS DISTINCT FROM price::text")
	value "$answers stale" "$(ask "SELECT l1_hits || ' from memory, ' || l2_hits || ' from Redis, ' ||
		loads || ' loaded' FROM cache_stats WHERE cache = 'product'")"
	rm -rf "$dir"
}
