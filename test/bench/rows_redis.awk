# The rows of the table with Redis and with standbys: see table.awk.

# Of one transport: the bare loop, and ours with each compression.
function redis_hits(transport, what, size, p,    i, n, mode, x, r) {
	row(what ", bare HGET, p" p, size, 1, us(median("hit_" transport "_bare_off_p" p, size, 1)), "", "", "", "")
	n = split("off lz4 zstd", mode, " ")
	for (i = 1; i <= n; i++) {
		if (!is_there("ratio_" transport "_" mode[i] "_p" p, size, 1)) continue
		x = median("ratio_" transport "_" mode[i] "_p" p, size, 1)
		r = range()
		compare("  cache_fetch" (mode[i] == "off" ? "" : ", " mode[i]), size, 1, \
			us(median("hit_" transport "_" mode[i] "_p" p, size, 1)), x, r, 0, mode[i] == "off" ? 1.15 : 0)
	}
}

function redis_stored(mode, what) {
	row(what, 65536, 1, thousands(median("stored_" mode, 65536, 1)) " B", "", "", "", "")
	row("  hit", 65536, 1, us(median("hit_unix_" mode "_p50", 65536, 1)), "", "", "", "")
	row("  miss: the query, and the fill", 65536, 1, us(median("fill_" mode, 65536, 1)), "", "", "", "")
}

function rows_of_redis_hits(    i, c, s, p, n, sizes, size) {
	n = split("200 4096 65536", sizes, " ")
	title("Hit in Redis (l1_max_value = 0) in the server; \"cachefront\" is that less a hit in shared memory, over a bare HGET by hiredis")
	for (i = 1; i <= 2; i++)
		for (p = 50; p <= 99; p += 49)
			for (s = 1; s <= n; s++)
				redis_hits(i == 1 ? "unix" : "tcp", i == 1 ? "unix socket" : "loopback", sizes[s], p)
	for (s = 1; s <= n; s++)
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
			if (!is_there("redis_pgmemcache", size, c)) continue
			row("pgmemcache get, " bytes(size), "", c, thousands(median("redis_pgmemcache", size, c)) " tps", "", "", "", "")
			if (is_there("cachefront", size, c))
				tps("  ours in shared memory", "cachefront", "pgmemcache", size, c, 0)
			tps("  ours in Redis only", "redis_l2", "redis_pgmemcache", size, c, s == 1 && c >= 8 ? 0.9 : 0)
		}
	}
}

function redis_commit(rows, what, most,    x, r) {
	row(what ", no Redis", "", 1, sprintf("%.2f ms", median("commit_off", rows, 1)), "", "", "", "")
	x = median("commit_async", rows, 1, "/", "commit_off", rows, 1)
	r = range()
	compare("  async", "", 1, sprintf("%.2f ms", median("commit_async", rows, 1)), x, r, 0, most)
	x = median("commit_trips", rows, 1)
	row("  waits for Redis", "", 1, sprintf("%.2f", x), "", range(), "0", verdict(x < 0.5))
}

function rows_of_redis_commits(    i, c, x, r) {
	title("UPDATE of one row with a key rule and Redis, unix socket; \"cachefront\" is tps over that without Redis; fsync = off")
	for (i = 1; i <= nclients; i++) {
		c = clients[i]
		row("no Redis", "", c, thousands(median("redis_update_off", 200, c)) " tps", "", "", "", "")
		tps("  redis_commit = async", "redis_update_async", "redis_update_off", 200, c, 0.95)
		tps("  redis_commit = sync", "redis_update_sync", "redis_update_off", 200, c, c == 32 ? 0.6 : 0)
	}
	redis_commit(1, "COMMIT of one row", 0)
	redis_commit(1000, "COMMIT of 1,000 rows", 1.1)
}

# The same rate of calls throughout, so figures a second can be compared.
function redis_loads(cache, what, phase, target,    x, y) {
	x = median("outage_" cache "_loads_" phase, 0, 8)
	y = median("outage_" cache "_loads_before", 0, 8)
	row(what, "", 8, sprintf("%.0f /s", x), phase == "before" ? "" : sprintf("%.2f x", y == 0 ? 0 : x / y), "", \
		target, target == "" ? "" : verdict(x <= y))
}

function longest_commits(    x, r) {
	x = median("longest_silent", 0, 8, "/", "longest_none", 0, 8)
	r = range()
	row("longest commit, no Redis", "", 8, sprintf("%.1f ms", median("longest_none", 0, 8) / 1000), "", "", "", "")
	compare("  Redis silent, async", "", 8, sprintf("%.1f ms", median("longest_silent", 0, 8) / 1000), x, r, 0, 1.5)
	x = median("p999_silent", 0, 8, "/", "p999_none", 0, 8)
	r = range()
	compare("  p99.9 of both", "", 8, sprintf("%.1f ms", median("p999_silent", 0, 8) / 1000), x, r, 0, 0)
}

function failover(kind, what,    x) {
	plain(what ": Redis itself", "failover_" kind, 0, 4, "%.2f s")
	plain_most("  the server uses it, after that", "failover_used_" kind, 0, 4, "%.2f s", 2)
}

function first_second(name, what, least,    x, r) {
	x = median("first_" name, 0, 8, "/", "first_before_" name, 0, 8)
	r = range()
	row("before " what, "", 8, thousands(median("first_before_" name, 0, 8)) " hits", "", "", "", "")
	compare("  after", "", 8, thousands(median("first_" name, 0, 8)) " hits", x, r, least, 0)
}

function rows_of_redis_outages(    i, n, phases) {
	title("Redis silent for " outage " s (SIGSTOP), 1,500 calls a second throughout; a third of each: 500 keys that stay, 2,000 of a ttl of 2 s, 2,000 without stale_ttl")
	n = split("before during after", phases, " ")
	for (i = 1; i <= n; i++)
		redis_loads("short", "loads, stale_ttl 10 min, " phases[i], phases[i], phases[i] == "during" ? "<= before" : "")
	for (i = 1; i <= n; i++)
		redis_loads("short_exact", "loads, stale_ttl 0, " phases[i], phases[i], "")
	for (i = 1; i <= 2; i++) {
		plain("hit in shared memory, p99, " phases[i], "outage_hit_p99_" phases[i], 0, 8, "%.1f us")
		plain("  at the client", "outage_read_p99_" phases[i], 0, 8, "%.1f us")
		row("  longest call of all", "", 8, sprintf("%.0f ms", median("outage_longest_" phases[i], 0, 8) / 1000), "", "", "", "")
	}
	row("from its return until it is used", "", 8, median("outage_recovery", 0, 8) " s", "", "", "", "")

	title("Commits with a key rule, 400 a second, for " outage " s each: Redis silent (SIGSTOP), and none at all")
	longest_commits()

	title("Failover: kill -9 of the master; until there is another, and then until the server has a hit in it")
	failover("sentinel", "Sentinel")
	failover("cluster", "Cluster")

	title("Hits in Redis in the first second that the server answers, of 2,000 reads a second; \"cachefront\" is over the second before")
	first_second("restart", "a clean restart", 0.9)
	first_second("crash", "a crash", 0.5)
	first_second("promotion", "a promotion", 0.9)
}

function warm_second(name, what, least,    x, r) {
	x = median("warm_" name, 0, 8, "/", "warm_before_" name, 0, 8)
	r = range()
	row("before " what, "", 8, sprintf("%.1f %%", 100 * median("warm_before_" name, 0, 8)), "", "", "", "")
	compare("  after", "", 8, sprintf("%.1f %%", 100 * median("warm_" name, 0, 8)), x, r, least, 0)
}

function rows_of_warming() {
	title("Reads that were in memory in the first second that the server answers, of 5,000 a second; \"cachefront\" is over the second before")
	warm_second("restart", "a clean restart, l1_save", 0.95)
	warm_second("promotion", "a promotion, hot keys from Redis", 0.8)
	plain("hot keys pulled at a start", "warm_pulled", 0, 1, "%.0f")
	plain_most("  in", "warm_pull_s", 0, 1, "%.3f s", 0.5)
	plain("entries saved and restored", "warm_restored", 0, 1, "%.0f")
	plain("  the file", "warm_saved_kb", 0, 1, "%.0f kB")
	plain("  written in", "warm_save_s", 0, 1, "%.1f s")
	plain("  read in", "warm_restore_s", 0, 1, "%.3f s")
}

function rows_of_standby(    i, n, rates, what) {
	title("A standby; \"cachefront\" of the first is its tps over the primary's. What it reads is not written, other rows of that table are")
	tps("hit on the standby, no Redis", "standby_hit", "standby_of_primary", 200, 8, 0.9)
	n = split("500 5000", rates, " ")
	for (i = 1; i <= n; i++) {
		what = rates[i] "_l1"
		row("commits on the primary", "", 4, thousands(median("standby_commits_" what, 0, 4)) " /s", "", "", "", "")
		plain_least("  reads that were hits, no Redis", "standby_hits_" what, 0, 4, "%.1f %%", 95)
		row("    reads", "", 4, thousands(median("standby_tps_" what, 200, 4)) " tps", "", "", "", "")
		plain_least("  reads that were hits, Redis only", "standby_hits_" rates[i] "_l2", 0, 4, "%.1f %%", 95)
		row("    reads", "", 4, thousands(median("standby_tps_" rates[i] "_l2", 200, 4)) " tps", "", "", "", "")
		if (i < n)
			plain("  the follower, of a core", "standby_cpu_" what, 0, 4, "%.1f %%")
		else
			plain_most("  the follower, of a core", "standby_cpu_" what, 0, 4, "%.1f %%", 10)
	}
	plain_least("WAL that it reads when it is behind", "standby_reader", 0, 1, "%.0f MB/s", 200)
}
