# shellcheck shell=bash
# Many sessions ask at the same moment. Sourced by the demo and the benchmarks.
#
#   cf_stampede BINDIR CLIENTS WARM_SQL TIMED_SQL  ->  "MS_TO_LAST MS_TO_FIRST"
#
# Where to connect is read from PGHOST, PGPORT, PGUSER and PGDATABASE.
#
# Each session connects, runs WARM_SQL, so that its own start-up is paid for,
# and sleeps until one moment that is the same for all. From that moment to the
# last (first) answer of TIMED_SQL is what is printed. Both are one statement
# and may hold $1-style names within dollar quotes, but no :name.

cf_stampede()
{
	local bin=$1 clients=$2 dir start result

	dir=$(mktemp -d /tmp/cf-stampede.XXXXXX)
	cat >"$dir/script.sql" <<-SQL
		\\set turn :turn + 1
		\\if :turn = 1
		$3;
		SELECT pg_sleep(greatest(0, :start - extract(epoch FROM clock_timestamp())));
		\\else
		$4;
		\\endif
	SQL
	start=$(($(date +%s) + 2 + clients / 50)).5
	if ! "$bin/pgbench" -n -c "$clients" -j "$(nproc)" -t 2 \
		-D turn=0 -D "start=$start" -f "$dir/script.sql" \
		-l --log-prefix="$dir/log" >"$dir/out" 2>&1
	then
		cat "$dir/out" >&2
		rm -rf "$dir"
		return 1
	fi
	# client, transaction, us, script, end s, end us: two lines a client
	result=$(cat "$dir"/log.* | awk -v start="$start" -v clients="$clients" '
		{ seen[$1]++ }
		seen[$1] == 2 {
			n++
			ms = ($5 - start) * 1000 + $6 / 1000
			if (n == 1 || ms > last) last = ms
			if (n == 1 || ms < first) first = ms
		}
		END {
			if (n != clients) exit 1
			printf "%.1f %.1f\n", last, first
		}')
	rm -rf "$dir"
	[[ -n $result ]] && echo "$result"
}
