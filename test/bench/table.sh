# shellcheck shell=bash
# print_table FILE: the table of bench.sh, from lines "round case size clients
# figure". Figures of one round are averaged, then medians are taken over the
# rounds; a ratio is taken within each round first, and its lowest and highest
# value are shown beside the median.

print_table()
{
	printf '%s; %s, %s processors; %s rounds, %s s a pgbench run\n\n' \
		"cachefront $(sed -n "s/^default_version = '\(.*\)'/\1/p" cachefront.control)" \
		"$CF_PGVER" "$(nproc)" "$ROUNDS" "$SECONDS_PER_CASE"
	awk -v clients_list="$CLIENTS" -v sessions="$SESSIONS" -v bulk_rows="$BULK_ROWS" \
		-v outage="$OUTAGE" '
	{
		key = $2 SUBSEP $3 SUBSEP $4 SUBSEP $1
		sum[key] += $5
		figure[key] = sum[key] / ++count[key]
		if ($1 > rounds) rounds = $1
	}

	function sort_values(v, n,    i, j, t) {
		for (i = 2; i <= n; i++)
			for (j = i; j > 1 && v[j - 1] > v[j]; j--) { t = v[j]; v[j] = v[j - 1]; v[j - 1] = t }
	}

	# op "" a figure; "-" and "/" of two in the same round. Sets low, high.
	function median(a, asize, aclients, op, b, bsize, bclients,    r, n, v, x, y) {
		for (r = 1; r <= rounds; r++) {
			if (!((a, asize, aclients, r) in figure)) continue
			x = figure[a, asize, aclients, r]
			if (op != "") {
				if (!((b, bsize, bclients, r) in figure)) continue
				y = figure[b, bsize, bclients, r]
				x = op == "-" ? x - y : x / y
			}
			v[++n] = x
		}
		if (n == 0) return ""
		sort_values(v, n)
		low = v[1]; high = v[n]
		return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
	}

	function thousands(x,    s, t) {
		s = sprintf("%.0f", x)
		while (length(s) > 3) { t = "," substr(s, length(s) - 2) t; s = substr(s, 1, length(s) - 3) }
		return s t
	}

	function bytes(size) { return size == "" ? "" : size >= 1024 ? size / 1024 " kB" : size " B" }

	function row(what, size, clients, result, against, range, target, met) {
		line = sprintf("%-38s %6s %8s %14s  %-10s %-14s %-12s %s", what, bytes(size), clients, \
			result, against, range, target, met)
		sub(/ +$/, "", line)
		print line
	}

	function verdict(met) { return met ? "met" : "MISSED" }

	function range() { return sprintf("%.2f - %.2f", low, high) }

	function title(text) { printf "\n%s\n", text }

	function throughput(name, what, size, clients, target,    tps, ratio) {
		tps = median(name, size, clients)
		if (tps == "") return
		if (name == "cachefront") {
			row(what, size, clients, thousands(tps) " tps", "", "", "", "")
			return
		}
		ratio = median("cachefront", size, clients, "/", name, size, clients)
		row(what, size, clients, thousands(tps) " tps", \
			sprintf(ratio < 10 ? "%.2f x" : "%.0f x", ratio), range(), \
			target == 0 ? "" : ">= " target " x", target == 0 ? "" : verdict(ratio >= target))
	}

	function update(name, what, c, target,    x) {
		x = median("update_" name, 200, c, "/", "update_plain", 200, c)
		r = range()
		row("  " what, "", c, thousands(median("update_" name, 200, c)) " tps", \
			sprintf("%.2f x", x), r, target == 0 ? "" : ">= " target " x", target == 0 ? "" : verdict(x >= target))
	}

	function tracking(name, what, c, target,    x) {
		x = median("track_" name, 200, c, "/", "track_bare", 200, c)
		r = range()
		row("  " what, "", c, thousands(median("track_" name, 200, c)) " tps", \
			sprintf("%.2f x", x), r, ">= " target " x", verdict(x >= target))
	}

	function bulk(name, what, target,    x) {
		x = median("bulk_" name, 0, 1, "/", "bulk_plain", 0, 1)
		r = range()
		row("  " what, "", 1, sprintf("%.2f s", median("bulk_" name, 0, 1) / 1000), \
			sprintf("%.2f x", x), r, target == 0 ? "" : "<= " target " x", target == 0 ? "" : verdict(x <= target))
		x = median("bulk_kb_" name, 0, 1, "-", "bulk_kb_plain", 0, 1)
		row("    memory", "", 1, sprintf("%+.1f MB", x / 1024), "", sprintf("%.1f - %.1f", low / 1024, high / 1024), "", "")
	}

	function latency(name, what, c,    x) {
		x = median("mixed_" name, 0, c)
		row(what, "", c, sprintf("%.1f us", x), "", sprintf("%.1f - %.1f", low, high), "", "")
	}

	function pool(name, what, ours, c,    x) {
		x = median(ours, 200, c, "/", "pgpool_" name, 200, c)
		r = range()
		row(what, "", c, thousands(median("pgpool_" name, 200, c)) " tps", sprintf("%.2f x", x), r, "", "")
	}

	function fresh(name, what,    stale) {
		stale = median("stale_" name, 0, 1)
		row(what, "", "", thousands(stale) " stale", "", median("rest_" name, 0, 1) " at rest", \
			name == "cachefront" ? "0" : "", name == "cachefront" ? verdict(stale == 0) : "")
		row("  of", "", "", thousands(median("checked_" name, 0, 1)) " reads", "", "", "", "")
	}

	function us(ns) { return sprintf("%.1f us", ns / 1000) }

	# Of one transport: the bare loop, and ours with each compression.
	function redis_hits(transport, what, size, p,    i, mode, x) {
		row(what ", bare HGET, p" p, size, 1, us(median("hit_" transport "_bare_off_p" p, size, 1)), "", "", "", "")
		for (i = 1; i <= split("off lz4 zstd", mode, " "); i++) {
			x = median("ratio_" transport "_" mode[i] "_p" p, size, 1)
			if (x == "") continue
			r = range()
			row("  cache_fetch" (mode[i] == "off" ? "" : ", " mode[i]), size, 1, \
				us(median("hit_" transport "_" mode[i] "_p" p, size, 1)), sprintf("%.2f x", x), r, \
				mode[i] == "off" ? "<= 1.25 x" : "", mode[i] == "off" ? verdict(x <= 1.25) : "")
		}
	}

	function redis_commit(rows, what,    x) {
		row(what ", no rule", "", 1, sprintf("%.2f ms", median("commit_plain", rows, 1)), "", "", "", "")
		x = median("commit_rule", rows, 1, "-", "commit_plain", rows, 1)
		r = range()
		row("  row rule", "", 1, sprintf("%.2f ms", median("commit_rule", rows, 1)), sprintf("%+.2f ms", x), r, "", "")
		x = median("commit_trips", rows, 1)
		row("  waits for Redis", "", 1, sprintf("%.2f", x), "", range(), "<= 2", verdict(x < 2.5))
	}

	function redis_stored(mode, what) {
		row(what, 65536, 1, thousands(median("stored_" mode, 65536, 1)) " B", "", "", "", "")
		row("  hit", 65536, 1, us(median("hit_unix_" mode "_p50", 65536, 1)), "", "", "", "")
		row("  miss: the query, and the fill", 65536, 1, us(median("fill_" mode, 65536, 1)), "", "", "", "")
	}

	# The same rate of calls throughout, so figures a second can be compared.
	function redis_loads(cache, what, phase, target,    x, y) {
		x = median("outage_" cache "_loads_" phase, 0, 8)
		y = median("outage_" cache "_loads_before", 0, 8)
		row(what, "", 8, sprintf("%.0f /s", x), phase == "before" ? "" : sprintf("%.2f x", x / y), "", \
			target, target == "" ? "" : verdict(x <= y))
	}

	function redis_tps(ours, theirs, what, size, c, shown,    x) {
		x = median(ours, size, c, "/", theirs, size, c)
		r = range()
		row(what, shown, c, thousands(median(ours, size, c)) " tps", sprintf("%.2f x", x), r, "", "")
	}

	END {
		row("case", "", "clients", "median", "cachefront", "lowest-highest", "target", "")

		title("In the server, without clients: one call, less an empty C function of the same signature")
		x = median("loop_fetch", 200, 1, "-", "loop_empty", 200, 1)
		row("cache_fetch_row, hit", 200, 1, sprintf("%.0f ns", x), "", sprintf("%.0f - %.0f", low, high), "<= 1000 ns", verdict(x <= 1000))
		x = median("loop_get", 200, 1, "-", "loop_empty", 200, 1)
		row("cache_get, hit", 200, 1, sprintf("%.0f ns", x), "", sprintf("%.0f - %.0f", low, high), "", "")
		x = median("loop_copy", 200, 1, "-", "loop_empty", 200, 1)
		row("a copy of the value in C", 200, 1, sprintf("%.0f ns", x), "", sprintf("%.0f - %.0f", low, high), "", "")
		x = median("statement_cachefront", 200, 1, "-", "statement_constant", 200, 1)
		row("a statement with it, less a constant", 200, 1, sprintf("%.0f ns", x), "", sprintf("%.0f - %.0f", low, high), "", "")

		title("pgbench -M prepared, one key; \"cachefront\" is tps of cache_fetch_row over this case")
		nclients = split(clients_list, clients, " ")
		for (s = 1; s <= 2; s++) {
			size = s == 1 ? 200 : 65536
			for (i = 1; i <= nclients; i++) {
				c = clients[i]
				throughput("cachefront", "cache_fetch_row, hit", size, c, 0)
				throughput("constant", "  a constant", size, c, 0.95)
				throughput("copy", "  a C function with the value at hand", size, c, 0)
				throughput("row", "  row by primary key", size, c, 0)
				throughput("aggregate", "  aggregate of 10 ms", size, c, 0)
				throughput("pgmemcache", "  pgmemcache get, unix socket", size, c, s == 1 ? 1.3 : 2)
			}
		}

		title("Stampede: all ask for one cold key at once; time to the last answer, and that over the query alone")
		x = median("stampede_alone", 0, 1)
		row("the query alone", "", 1, sprintf("%.0f ms", x), "", "", "", "")
		x = median("stampede_cachefront", 0, sessions, "/", "stampede_alone", 0, 1)
		r = range()
		row("cache_fetch", "", sessions, sprintf("%.0f ms", median("stampede_cachefront", 0, sessions)), \
			sprintf("%.2f x", x), r, \
			"<= 1.15 x", verdict(x <= 1.15))
		x = median("loads_cachefront", 0, sessions)
		row("  times the query ran", "", sessions, x, "", low " - " high, "1", verdict(high == 1))
		x = median("stampede_pgmemcache", 0, sessions, "/", "stampede_alone", 0, 1)
		r = range()
		row("cache-aside with pgmemcache", "", sessions, sprintf("%.0f ms", median("stampede_pgmemcache", 0, sessions)), \
			sprintf("%.2f x", x), r, "", "")
		x = median("loads_pgmemcache", 0, sessions)
		row("  times the query ran", "", sessions, x, "", low " - " high, "", "")

		title("UPDATE of one row by primary key, pgbench -M prepared; \"cachefront\" is tps over the same table without a rule")
		for (i = 1; i <= nclients; i++) {
			c = clients[i]
			row("no rule", "", c, thousands(median("update_plain", 200, c)) " tps", "", "", "", "")
			update("off", "row rule, notify = off", c, 0.95)
			update("batched", "row rule, notify = batched", c, 0.95)
			update("commit", "row rule, notify = commit", c, 0)
			update("empty", "a C trigger that does nothing", c, 0)
		}

		title("UPDATE of one row by primary key, no rule; \"cachefront\" is tps over a server without the library")
		for (i = 1; i <= nclients; i++) {
			c = clients[i]
			row("without the library", "", c, thousands(median("track_bare", 200, c)) " tps", "", "", "", "")
			tracking("uncached", "a table that nobody caches", c, 0.99)
			tracking("cached", "a table that is cached", c, 0.97)
		}

		title("A standby without Redis; \"cachefront\" of the first is its tps over the primary\047s")
		x = median("standby_hit", 200, 8, "/", "standby_of_primary", 200, 8)
		r = range()
		row("hit on the standby", 200, 8, thousands(median("standby_hit", 200, 8)) " tps", sprintf("%.2f x", x), r, ">= 0.90 x", verdict(x >= 0.90))
		for (i = 1; i <= split("500 5000", rates, " "); i++) {
			x = median("standby_hits_" rates[i], 0, 4)
			row("reads that were hits, at " thousands(median("standby_commits_" rates[i], 0, 4)) " commits/s", "", 4, \
				sprintf("%.1f %%", x), "", sprintf("%.1f - %.1f", low, high), ">= 95 %", verdict(x >= 95))
			row("  reads", "", 4, thousands(median("standby_tps_" rates[i], 0, 4)) " tps", "", "", "", "")
			x = median("standby_cpu_" rates[i], 0, 4)
			row("  the follower, of a core", "", "", sprintf("%.1f %%", x), "", sprintf("%.1f - %.1f", low, high), \
				i == 2 ? "<= 10 %" : "", i == 2 ? verdict(x <= 10) : "")
		}
		x = median("standby_reader", 0, 1)
		row("WAL that it reads when it is behind", "", "", sprintf("%.0f MB/s", x), "", sprintf("%.0f - %.0f", low, high), ">= 200 MB/s", verdict(x >= 200))

		title("COPY of " thousands(bulk_rows) " rows, no rule; \"cachefront\" is the rate over a server without the library")
		row("without the library", "", 1, sprintf("%.2f s", median("copy_bare", 0, 1) / 1000), "", "", "", "")
		x = median("copy_bare", 0, 1, "/", "copy_tracked", 0, 1)
		r = range()
		row("  tracked", "", 1, sprintf("%.2f s", median("copy_tracked", 0, 1) / 1000), sprintf("%.2f x", x), r, \
			">= 0.99 x", verdict(x >= 0.99))

		title("UPDATE of " thousands(bulk_rows) " rows at once; \"cachefront\" is time over that without a rule; memory is the backend\047s peak above it")
		row("no rule", "", 1, sprintf("%.2f s", median("bulk_plain", 0, 1) / 1000), "", "", "", "")
		bulk("rule", "row rule", 1.5)
		bulk("empty", "a C trigger that does nothing", 0)

		title("cache_fetch_row with 10 % of UPDATEs of the same rows, Zipf(1.05) over 10,000: about 90 % of the reads can be hits")
		for (i = 1; i <= nclients; i++) {
			c = clients[i]
			x = median("mixed_hits", 0, c)
			row("reads that were hits", "", c, sprintf("%.1f %%", x), "", sprintf("%.1f - %.1f", low, high), "", "")
			row("  all transactions", "", c, thousands(median("mixed_tps", 0, c)) " tps", "", "", "", "")
			latency("hit_p50", "  a hit in the server, p50", c)
			latency("hit_p99", "  a hit in the server, p99", c)
			latency("read_p50", "  a read at the client, p50", c)
			latency("read_p99", "  a read at the client, p99", c)
		}

		title("Hit in Redis (l1_max_value = 0) in the server; \"cachefront\" is that less a hit in shared memory, over a bare HGET by hiredis")
		for (i = 1; i <= 2; i++) {
			for (p = 50; p <= 99; p += 49) {
				for (s = 1; s <= split("200 4096 65536", sizes, " "); s++)
					redis_hits(i == 1 ? "unix" : "tcp", i == 1 ? "unix socket" : "loopback", sizes[s], p)
			}
		}
		for (s = 1; s <= split("200 4096 65536", sizes, " "); s++)
			row("a hit in shared memory, p50", sizes[s], 1, us(median("hit_unix_l1_p50", sizes[s], 1)), "", "", "", "")

		title("64 kB of JSON in Redis, compressed in three ways; p50 in the server, unix socket")
		row("the query alone", 65536, 1, us(median("fill_query", 65536, 1)), "", "", "", "")
		redis_stored("off", "compress = off")
		redis_stored("lz4", "compress = lz4")
		redis_stored("zstd", "compress = zstd")

		title("Hits against pgmemcache, pgbench -M prepared, unix sockets; \"cachefront\" is ours over it. No redis_fdw: Debian 12 has none")
		for (s = 1; s <= 2; s++) {
			size = s == 1 ? 200 : 65536
			for (i = 1; i <= nclients; i++) {
				c = clients[i]
				row("pgmemcache get", size, c, thousands(median("redis_pgmemcache", size, c)) " tps", "", "", "", "")
				redis_tps("cachefront", "pgmemcache", "  ours in shared memory", size, c, size)
				redis_tps("redis_l2", "redis_pgmemcache", "  ours in Redis only", size, c, size)
			}
		}

		title("UPDATE of one row with Redis, unix socket; \"cachefront\" is tps over the same table without a rule; fsync = off")
		for (i = 1; i <= nclients; i++) {
			c = clients[i]
			row("no rule", "", c, thousands(median("redis_update_plain", 200, c)) " tps", "", "", "", "")
			redis_tps("redis_update_rule", "redis_update_plain", "  row rule", 200, c, "")
		}
		redis_commit(1, "COMMIT of one row")
		redis_commit(1000, "COMMIT of 1,000 rows")

		title("Redis silent for " outage " s (SIGSTOP), 1,500 calls a second throughout; a third of each: 500 keys that stay, 2,000 of a ttl of 2 s, 2,000 without stale_ttl")
		for (i = 1; i <= split("before during after", phases, " "); i++)
			redis_loads("short", "loads, stale_ttl 10 min, " phases[i], phases[i], phases[i] == "during" ? "<= before" : "")
		for (i = 1; i <= split("before during after", phases, " "); i++)
			redis_loads("short_exact", "loads, stale_ttl 0, " phases[i], phases[i], "")
		for (i = 1; i <= split("before during", phases, " "); i++) {
			x = median("outage_hit_p99_" phases[i], 0, 8)
			row("hit in shared memory, p99, " phases[i], "", 8, sprintf("%.1f us", x), "", "", "", "")
			row("  at the client", "", 8, us(median("outage_read_p99_" phases[i], 0, 8) * 1000), "", "", "", "")
			row("  longest call of all", "", 8, sprintf("%.0f ms", median("outage_longest_" phases[i], 0, 8) / 1000), "", "", "", "")
		}
		row("from its return until it is used", "", 8, median("outage_recovery", 0, 8) " s", "", "", "", "")

		title("pgpool2 with its query cache, pgbench through it; ours in the server, -M prepared; \"cachefront\" is ours over this case")
		for (i = 1; i <= nclients; i++) {
			c = clients[i]
			row("hit, cachefront", "", c, thousands(median("cachefront", 200, c)) " tps", "", "", "", "")
			pool("simple_row", "  pgpool, simple protocol", "cachefront", c)
			pool("prepared_row", "  pgpool, prepared", "cachefront", c)
			row("update, cachefront, row rule", "", c, thousands(median("update_batched", 200, c)) " tps", "", "", "", "")
			pool("simple_update_plain", "  pgpool, simple protocol", "update_batched", c)
			pool("prepared_update_plain", "  pgpool, prepared", "update_batched", c)
		}

		title("Freshness under writes: stale reads that one checker found; \"at rest\" counts them after the last write, in 132 reads")
		fresh("cachefront", "cachefront")
		fresh("pgpool_simple", "pgpool, simple protocol")
		fresh("pgpool_prepared", "pgpool, prepared")
		fresh("server", "the server without a cache")

		title("Hit ratio of Zipf(0.9) requests, with room for so many of the objects: the SIEVE of the product, and LRU")
		for (i = 1; i <= 2; i++) {
			w = i == 1 ? "zipf" : "zipf+scan"
			for (p = 1; p <= 3; p++) {
				room = p == 1 ? 1 : p == 2 ? 5 : 10
				x = median("sieve_" w, room, 1); y = median("lru_" w, room, 1)
				row((i == 1 ? "no scan" : "a scan running through") ", room " room " %", "", "", \
					sprintf("SIEVE %.1f %%", x), sprintf("LRU %.1f %%", y), "", "", "")
			}
		}
	}' "$1"
}

# print_medians FILE: case, size, clients and the median of each, over all rounds.
print_medians()
{
	sort -k2,4 -k5g "$1" | awk '
	function out() { if (n > 0) printf "%-32s %6s %4s %14.3f\n", name, size, clients, v[int((n + 1) / 2)] }
	{
		if ($2 != name || $3 != size || $4 != clients) { out(); n = 0 }
		name = $2; size = $3; clients = $4; v[++n] = $5
	}
	END { out() }'
}
