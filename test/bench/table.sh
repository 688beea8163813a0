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
	awk -v clients_list="$CLIENTS" -v sessions="$SESSIONS" '
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
