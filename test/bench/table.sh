# shellcheck shell=bash
# print_table FILE: the table of bench.sh, from lines "round case size clients
# figure"; see table.awk, rows.awk and rows_redis.awk.

print_table()
{
	printf '%s; %s, %s processors; %s rounds, %s s a pgbench run\n\n' \
		"cachefront $(sed -n "s/^default_version = '\(.*\)'/\1/p" cachefront.control)" \
		"$CF_PGVER" "$(nproc)" "$ROUNDS" "$SECONDS_PER_CASE"
	awk -v clients_list="$CLIENTS" -v sessions="$SESSIONS" -v bulk_rows="$BULK_ROWS" \
		-v outage="$OUTAGE" -f test/bench/table.awk -f test/bench/rows.awk \
		-f test/bench/rows_redis.awk "$1"
}
