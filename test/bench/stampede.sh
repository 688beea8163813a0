# shellcheck shell=bash
# Many sessions ask at the same moment. Sourced by the demo and the benchmarks.
#
#   cf_stampede BINDIR CLIENTS WARM_SQL EXPRESSION  ->  MS_TO_LAST MS_TO_FIRST
#
# Where to connect is read from PGHOST, PGPORT, PGUSER and PGDATABASE.
#
# Each session connects, runs WARM_SQL, so that its own start-up is paid for,
# and sends a statement that sleeps until one moment, the same for all, and then
# evaluates EXPRESSION. The clients share the processors with the server: that
# they have sent their statements before leaves the server alone with its work.
# Printed is the time from that moment to the last (first) answer at a client.
# Each then stays connected for a second: leaving costs more than answering.
# Fails if a session was not ready by then, as on a very busy machine.

cf_stampede()
{
	local bin=$1 clients=$2 dir load busy start result

	dir=$(mktemp -d /tmp/cf-stampede.XXXXXX)
	cat >"$dir/script.sql" <<-SQL
		\\set turn :turn + 1
		\\if :turn = 1
		$3;
		SELECT $4 FROM pg_sleep(greatest(0, :start - extract(epoch FROM clock_timestamp())));
		\\else
		\\sleep 1 s
		\\endif
	SQL
	# Time to connect and to warm up, more of it where others are at work.
	read -r _ _ _ load _ </proc/loadavg
	busy=$((${load%/*} / $(nproc)))
	start=$(($(date +%s) + (2 + clients / 100) * (1 + (busy < 6 ? busy : 6)))).5
	if ! "$bin/pgbench" -n -c "$clients" -j "$(nproc)" -t 2 \
		-D turn=0 -D "start=$start" -f "$dir/script.sql" \
		-l --log-prefix="$dir/log" >"$dir/out" 2>&1
	then
		cat "$dir/out" >&2
		rm -rf "$dir"
		return 1
	fi
	# client, transaction, us, script, end s, end us; who came late spoils it
	result=$(cat "$dir"/log.* | awk -v start="$start" -v clients="$clients" '
		!seen[$1]++ {
			n++
			ms = ($5 - start) * 1000 + $6 / 1000
			if (n == 1 || ms > last) last = ms
			if (n == 1 || ms < first) first = ms
			if ($3 / 1000 - ms < 500) late++
		}
		END {
			if (n != clients || late) exit 1
			printf "%.1f %.1f\n", last, first
		}') || result=
	rm -rf "$dir"
	if [[ -z $result ]]; then
		echo "not all of $clients sessions were ready in time" >&2
		return 1
	fi
	echo "$result"
}
