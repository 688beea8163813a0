# shellcheck shell=bash
# The tour's first act: five things that the cache does with its own memory,
# each measured as it is shown. Sourced by demo.sh; no number below is typed in
# but the sizes of the test.

CLIENTS=100

tour()
{
	REVENUE=$(<test/demo/revenue.sql)
	BEST=$(<test/demo/best_sellers.sql)
	redis_unset
	ask "SELECT cache_flush(); SELECT cache_drop(name) FROM cache_definitions" >/dev/null
	tour_aggregate
	tour_stampede
	tour_negative
	tour_early_refresh
	tour_writes
}

# One counter of a cache since the last reset.
counter()
{
	ask "SELECT coalesce(sum($2), 0) FROM cache_stats WHERE cache = '$1'"
}

tour_aggregate()
{
	local call query cold warm

	call="SELECT cache_fetch('revenue:all', \$q\$$REVENUE\$q\$)"
	chapter '1. An expensive aggregate'
	text 'Revenue of each category, from 1,000,000 order lines:'
	code "SELECT cache_fetch('revenue:all', 'SELECT c.name AS category, sum(l.quantity * l.price) ...');"
	label 'the query itself'
	query=$(time_statement 3 "$REVENUE" | median)
	value "$(ms "$query")"
	label 'cache_fetch, cold'
	cold=$(time_statement 1 "$call")
	value "$(ms "$cold")" 'runs the query and keeps the answer'
	label 'cache_fetch, warm'
	warm=$(time_statement 200 "$call" | median)
	value "$(ms "$warm")" 'median of 200 calls, as the client sees them'
	label 'warm against the query'
	value "$(times "$query" "$warm") x" 'faster'
}

LOAD_MS="SELECT max(load_ms) FROM cache_entries WHERE key = 'best:17'"

# On a cold key, with the counters at zero; again where the machine was too busy.
stampede()
{
	local attempt

	for attempt in 1 2 3; do
		ask "SELECT cache_invalidate('best:17'); SELECT cache_stats_reset()" >/dev/null
		if cf_stampede "$BIN" $CLIENTS "$1" "$2" 2>"$DEMO/stampede.$attempt"; then return; fi
	done
	cat "$DEMO/stampede.$attempt" >&2
	return 1
}

tour_stampede()
{
	local query call warm alone crowd cached

	query=${BEST//\$1/17}
	call="cache_fetch('best:17', \$q\$$BEST\$q\$, (17))"
	warm="SELECT cache_fetch('warmup', 'SELECT 1')"
	chapter "2. $CLIENTS sessions ask for the same cold key at the same moment"
	text 'The best sellers of a category:'
	code "SELECT cache_fetch('best:17', 'SELECT p.name, sum(l.quantity) ... = \$1 ...', (17));"
	label 'one session, no cache'
	alone=$(time_statement 5 "$query" | median)
	value "$(ms "$alone")"
	label "$CLIENTS sessions, no cache: last answer after"
	crowd=$(stampede 'SELECT 1' "(SELECT json_agg(t) FROM ($query) AS t)")
	value "$(ms "${crowd% *}")" 'each runs the query itself'
	ask "SELECT cache_define('best')" >/dev/null
	label "$CLIENTS sessions, cache_fetch: last answer after"
	cached=$(stampede "$warm" "$call")
	value "$(ms "${cached% *}")" "$(ms "$(ask "$LOAD_MS")") of it the query"
	label '  how often the query ran'
	value "$(counter best loads) x" "$(counter best flight_handovers) sessions were handed that one answer"
}

tour_negative()
{
	local call i before answer

	call="SELECT cache_fetch('product:nosuch', 'SELECT * FROM products WHERE id = \$1', (987654321))"
	ask "SELECT cache_define('product')" >/dev/null
	ask 'SELECT cache_stats_reset()' >/dev/null
	chapter '3. A row that does not exist'
	text 'The empty answer is kept as well, so that asking for it again costs nothing:'
	code "SELECT cache_fetch('product:nosuch', 'SELECT * FROM products WHERE id = \$1', (987654321));"
	printf '   %-44s%12s%14s%16s\n' '' 'answer' 'query ran' 'negative hits'
	for i in first second third; do
		before=("$(counter product loads)" "$(counter product negative_hits)")
		answer=$(ask "$call")
		printf '   %-44s%s%12s%14s%16s%s\n' "$i call" "$GREEN" "$answer" \
			"+$(($(counter product loads) - before[0]))" \
			"+$(($(counter product negative_hits) - before[1]))" "$PLAIN"
	done
}

# Some seconds of steady traffic on one key whose entry lives for two seconds.
# Prints: answers loads early_refreshes misses handovers
traffic()
{
	local beta=$1 dir call

	call="SELECT cache_fetch('report:17', \$q\$$BEST\$q\$, (17))"
	dir=$(mktemp -d /tmp/cf-demo.XXXXXX)
	echo "$call;" >"$dir/script.sql"
	ask "SELECT cache_define('report', ttl => '2 s', jitter => 0, xfetch_beta => $beta);
		SELECT cache_invalidate('report:17')" >/dev/null
	ask "$call" >/dev/null
	ask 'SELECT cache_stats_reset()' >/dev/null
	"$BIN/pgbench" -n -M prepared -c 20 -j 1 -R 1000 -T "$TRAFFIC_S" \
		-f "$dir/script.sql" >"$dir/out" 2>&1 || {
		cat "$dir/out" >&2
		return 1
	}
	rm -rf "$dir"
	ask "SELECT fetches, loads, early_refreshes, misses, flight_handovers
		FROM cache_stats WHERE cache = 'report'" | tr '|' ' '
}

tour_early_refresh()
{
	local off on
	TRAFFIC_S=6

	chapter '4. An early refresh, so that nobody waits when an entry expires'
	text "$TRAFFIC_S seconds of traffic on one key (20 sessions, 1000 calls a second); the entry lives 2 s:"
	code "SELECT cache_define('report', ttl => '2 s', xfetch_beta => 1);"
	busy 'measuring without it ...'
	read -r -a off <<<"$(traffic 0)"
	busy 'measuring with it ...'
	read -r -a on <<<"$(traffic 1)"
	busy ''
	printf '   %-44s%12s%14s\n' '' 'beta 0 (off)' 'beta 1'
	pair 'answers' "$(thousands "${off[0]}")" "$(thousands "${on[0]}")"
	pair 'the query ran' "${off[1]} x" "${on[1]} x"
	pair '  of that before the entry expired' "${off[2]} x" "${on[2]} x"
	pair 'calls that found nothing' "${off[3]}" "${on[3]}"
	pair 'calls that had to wait for another session' "${off[4]}" "${on[4]}"
}

# A second session that stays open: its transaction is the subject.
open_session()
{
	coproc SESSION { exec "$BIN/psql" -XqAt -P null=NULL 2>&1; }
	SESSION_IN=${SESSION[1]}
	SESSION_OUT=${SESSION[0]}
}

close_session()
{
	local pid=$SESSION_PID

	echo '\q' >&"$SESSION_IN"
	wait "$pid" 2>/dev/null || true
}

# Runs SQL there; prints its last line of output.
in_session()
{
	local line last=

	printf '%s;\nSELECT $$end of answer$$;\n' "$1" >&"$SESSION_IN"
	while IFS= read -r -t 60 line <&"$SESSION_OUT"; do
		if [[ $line == 'end of answer' ]]; then break; fi
		last=$line
	done
	echo "$last"
}

# sight STATEMENT QUERY: runs the statement in the session, then shows what it
# and another session get for the query.
sight()
{
	in_session "$1" >/dev/null
	printf '   %-58s%s%-18s%s%s\n' "$1;" "$GREEN" "$(in_session "$2")" \
		"$("$BIN/psql" -XqAt -P null=NULL <<<"$2")" "$PLAIN"
}

tour_writes()
{
	local get="SELECT cache_get('cart:7')"
	local fetch="SELECT cache_fetch_row('product:42', 'SELECT price FROM products WHERE id = \$1', (42)) ->> 'price'"

	ask "UPDATE products SET price = 19.90 WHERE id = 42;
		SELECT cache_invalidate('product:42')" >/dev/null
	open_session
	chapter '5. Writes belong to their transaction'
	text "What the session that writes, and another one, get for cache_get('cart:7'):"
	printf '   %-58s%-18s%s\n' '' 'this session' 'another session'
	sight "BEGIN" "$get"
	sight "SELECT cache_set('cart:7', '{\"items\": 3}')" "$get"
	sight "ROLLBACK" "$get"
	echo
	text "The same for the price of product 42, by cache_fetch_row('product:42', ...):"
	sight "BEGIN" "$fetch"
	sight "UPDATE products SET price = 24.90 WHERE id = 42" "$fetch"
	sight "SELECT cache_invalidate('product:42')" "$fetch"
	sight "COMMIT" "$fetch"
	close_session
}
