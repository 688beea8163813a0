#!/usr/bin/env bash
# How many instructions a hit takes: a figure that no other program on the machine
# moves, to compare one build with another.
#
#   instructions.sh [FUNCTION]    cache_fetch (the default), cache_fetch_row, cache_read or
#                                 cache_read_row
#
# Runs a loop of PL/pgSQL over one hit in a single-user server under callgrind,
# twice, with 2,000 and with 12,000 rounds; the difference is what 10,000 take.
# Prints it, and the functions that it is spent in, those that they call left out.
# Needs valgrind; takes about a minute.

set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=test/lib/setup.sh
. test/lib/setup.sh

FUNCTION=${1:-cache_fetch}
FEW=2000
MANY=12000

# A single-user server takes a statement a line.
run_alone()
{
	cf_as "$@" "$CF_TREE_BIN/postgres" --single -D "$DATA" -c shared_preload_libraries=cachefront \
		-c jit=off postgres
}

# A hit of the same query, by key or by the name of its loader.
write_call()
{
	case $FUNCTION in
		cache_read*) printf "%s('named', 1)" "$FUNCTION" ;;
		*) printf "%s('bench:1', 'SELECT * FROM bench WHERE id = \$1', (1))" "$FUNCTION" ;;
	esac
}

write_loop()
{
	printf "DO \$\$ DECLARE answer json; BEGIN FOR i IN 1..%d LOOP answer := %s; END LOOP; END \$\$;\n" \
		"$1" "$(write_call)"
}

# "instructions function" of a run; the first line is the sum.
count()
{
	local rounds=$1

	write_loop "$rounds" | run_alone valgrind -q --tool=callgrind \
		--callgrind-out-file="$DIR/callgrind.$rounds" >"$DIR/log.$rounds" 2>&1
	callgrind_annotate --auto=no --threshold=100 "$DIR/callgrind.$rounds" |
		sed -nE 's/^ *([0-9,]+) *\([ 0-9.]+%\) +(.*)/\1 \2/p' |
		sed -E 's/ \[[^]]*\]$//; s/^([0-9,]+) .*:/\1 /' |
		awk '{ gsub(",", "", $1); print }' >"$DIR/counts.$rounds"
}

print_difference()
{
	awk -v rounds=$((MANY - FEW)) '
		{ n = $1; $1 = "" }
		FNR == NR { few[$0] += n; next }
		{ many[$0] += n }
		END { for (f in many) printf "%10.1f %s\n", (many[f] - few[f]) / rounds, f }' \
		"$DIR/counts.$FEW" "$DIR/counts.$MANY" | sort -rn | awk '$1 >= 10'
}

main()
{
	command -v valgrind >/dev/null || cf_die 'valgrind is missing'
	cf_setup
	cf_private_tree "$CF_BUILD/bench/tree" release || cf_die "the build failed: $CF_BUILD/release/build.log"
	DIR=$(cf_as mktemp -d /tmp/cf.XXXXXX)
	DATA=$DIR/data
	trap 'rm -rf "$DIR"' EXIT
	cf_server_init "$DATA" "$CF_TREE_BIN"
	printf '%s\n' 'CREATE EXTENSION cachefront;' 'CREATE TABLE bench (id int PRIMARY KEY, body text);' \
		"INSERT INTO bench VALUES (1, repeat('x', 180));" \
		"SELECT cache_define('named', query => 'SELECT * FROM bench WHERE id = \$1', arg_types => '{int}');" | run_alone >"$DIR/log" 2>&1
	count "$FEW"
	count "$MANY"
	print_difference
}

main
