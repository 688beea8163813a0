# shellcheck shell=bash
# Sessions that stay, and take turns.
#
# A session that is new gets the pages of shared memory one by one: whatever it
# updates, it becomes some three times as fast within its first seconds. So each case
# has sessions of its own that live as long as the cases are compared: first they
# warm up, and then one case after the other runs for a second, while the pgbench of
# all others is stopped (SIGSTOP) between two transactions. Transactions are counted
# by their ids, so each has to have one.

declare -A TURN_PID=() TURN_PORT=()
TURN_NAMES=()

# open_turn NAME SCRIPT CLIENTS: PGPORT and PGOPTIONS apply.
open_turn()
{
	"$BIN/pgbench" -n -M prepared -c "$3" -j $(($3 < $(nproc) ? $3 : $(nproc))) -T 100000 \
		-f "$BENCH/scripts/$2" >"$BENCH/turn.$1" 2>&1 &
	TURN_NAMES+=("$1")
	TURN_PID[$1]=$!
	TURN_PORT[$1]=$PGPORT
	sleep "$WARM_UP"
	kill -STOP "${TURN_PID[$1]}"
}

close_turns()
{
	local name

	for name in "${TURN_NAMES[@]}"; do
		kill -CONT "${TURN_PID[$name]}" && kill "${TURN_PID[$name]}" &&
			wait "${TURN_PID[$name]}" || true
	done 2>/dev/null
	TURN_NAMES=()
}

# What has been written so far, in transactions: this one counts, too.
transactions_of()
{
	PGPORT=${TURN_PORT[$1]} ask 'SELECT txid_current()'
}

# take_turn ROUND NAME CLIENTS
take_turn()
{
	local before after start end

	before=$(transactions_of "$2")
	start=$(date +%s%6N)
	kill -CONT "${TURN_PID[$2]}"
	sleep "$SECONDS_PER_CASE"
	kill -STOP "${TURN_PID[$2]}"
	end=$(date +%s%6N)
	sleep 0.05
	after=$(transactions_of "$2")
	TURN_TRANSACTIONS=$((after - before - 1))
	record "$1" "$2" "${SIZES[0]}" "$3" \
		"$(awk -v n="$TURN_TRANSACTIONS" -v us=$((end - start)) 'BEGIN { print 1e6 * n / us }')"
}

# take_turns ROUND CLIENTS NAME...: there and back again, so that a drift of the machine
# cancels out. prepare_turn NAME is called before each, if there is one.
take_turns()
{
	local round=$1 clients=$2 turn name names

	shift 2
	for ((turn = 0; turn < TURNS; turn++)); do
		names=("$@")
		if ((turn % 2)); then mapfile -t names < <(printf '%s\n' "$@" | tac); fi
		for name in "${names[@]}"; do
			if declare -F prepare_turn >/dev/null; then prepare_turn "$name"; fi
			take_turn "$round" "$name" "$clients"
		done
	done
}
