# The rows of the table but those with Redis and standbys: see table.awk and
# rows_redis.awk.

function throughput(name, what, size, clients, target,    ratio, r) {
	if (name == "cachefront") {
		row(what, size, clients, thousands(median(name, size, clients)) " tps", "", "", "", "")
		return
	}
	ratio = median("cachefront", size, clients, "/", name, size, clients)
	r = range()
	compare(what, size, clients, thousands(median(name, size, clients)) " tps", ratio, r, target, 0)
}

function in_the_server(what, name, less, target,    x) {
	x = median(name, 200, 1, "-", less, 200, 1)
	row(what, 200, 1, sprintf("%.0f ns", x), "", sprintf("%.0f - %.0f", low, high), \
		target ? "<= " target " ns" : "", target ? verdict(x <= target) : "")
}

function rows_of_hits(    i, c, s, size) {
	title("In the server, without clients: one call, less an empty C function of the same signature")
	in_the_server("cache_fetch_row, hit", "loop_fetch", "loop_empty", 1000)
	in_the_server("cache_get, hit", "loop_get", "loop_empty", 0)
	in_the_server("a copy of the value in C", "loop_copy", "loop_empty", 0)
	in_the_server("a statement with it, less a constant", "statement_cachefront", "statement_constant", 0)

	title("pgbench -M prepared, one key; \"cachefront\" is tps of cache_fetch_row over this case")
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
}

function served(protocol, kind, clients, target,    ratio, r, on) {
	on = "plain_" protocol "_" kind "_marked"
	ratio = median(on, 200, clients, "/", "plain_" protocol "_" kind "_off", 200, clients)
	r = range()
	compare("  " kind ", " protocol, "", clients, thousands(median(on, 200, clients)) " tps", ratio, r, target, 0)
}

function rows_of_plain(    i, c, r, x) {
	title("Plain SELECTs from the cache; \"cachefront\" is tps over the same without")
	for (i = 1; i <= nclients; i++) {
		c = clients[i]
		served("simple", "row", c, 1.5)
		served("extended", "row", c, 1.5)
		served("prepared", "row", c, 1.3)
		served("simple", "join", c, 4)
		served("extended", "join", c, 4)
		served("prepared", "join", c, 2)
	}
	title("SELECT of one row, simple protocol, nothing served; \"cachefront\" is tps over a server without the library")
	for (i = 1; i <= nclients; i++) {
		c = clients[i]
		x = median("select_off", 200, c, "/", "select_bare", 200, c)
		r = range()
		compare("  off", "", c, thousands(median("select_off", 200, c)) " tps", x, r, 0.98, 0)
		x = median("select_auto", 200, c, "/", "select_bare", 200, c)
		r = range()
		compare("  auto", "", c, thousands(median("select_auto", 200, c)) " tps", x, r, 0.98, 0)
	}
}

function rows_of_stampede(    x, r) {
	title("Stampede: all ask for one cold key at once; time to the last answer, and that over the query alone")
	x = median("stampede_alone", 0, 1)
	row("the query alone", "", 1, sprintf("%.0f ms", x), "", "", "", "")
	x = median("stampede_cachefront", 0, sessions, "/", "stampede_alone", 0, 1)
	r = range()
	compare("cache_fetch", "", sessions, sprintf("%.0f ms", median("stampede_cachefront", 0, sessions)), x, r, 0, 1.15)
	x = median("loads_cachefront", 0, sessions)
	row("  times the query ran", "", sessions, x, "", low " - " high, "1", verdict(high == 1))
	x = median("stampede_pgmemcache", 0, sessions, "/", "stampede_alone", 0, 1)
	r = range()
	compare("cache-aside with pgmemcache", "", sessions, sprintf("%.0f ms", median("stampede_pgmemcache", 0, sessions)), x, r, 0, 0)
	x = median("loads_pgmemcache", 0, sessions)
	row("  times the query ran", "", sessions, x, "", low " - " high, "", "")
}

function rows_of_updates(    i, c) {
	title("UPDATE of one row by primary key, no rule; \"cachefront\" is tps over a server without the library")
	for (i = 1; i <= nclients; i++) {
		c = clients[i]
		row("without the library", "", c, thousands(median("track_bare", 200, c)) " tps", "", "", "", "")
		tps("  a table that nobody caches", "track_uncached", "track_bare", 200, c, 0.99)
		tps("  a table that is cached", "track_cached", "track_bare", 200, c, 0.97)
	}

	title("The same with a rule; \"cachefront\" is tps over a C trigger that does nothing")
	for (i = 1; i <= nclients; i++) {
		c = clients[i]
		row("a C trigger that does nothing", "", c, thousands(median("update_empty", 200, c)) " tps", "", "", "", "")
		tps("  rows => '{id}'", "update_rows", "update_empty", 200, c, 0.97)
		tps("  no trigger", "update_plain", "update_empty", 200, c, 0)
	}

	title("The same with a rule for a key; \"cachefront\" is tps over the same table without a rule")
	for (i = 1; i <= nclients; i++) {
		c = clients[i]
		row("no rule", "", c, thousands(median("update_plain", 200, c)) " tps", "", "", "", "")
		tps("  key rule, notify = off", "update_off", "update_plain", 200, c, 0.95)
		tps("  key rule, notify = batched", "update_batched", "update_plain", 200, c, 0.95)
		tps("  key rule, notify = commit", "update_commit", "update_plain", 200, c, 0)
	}

	title("The same with messages in the WAL and without, rows => '{id}'; \"cachefront\" is tps over those without")
	for (i = 1; i <= nclients; i++) {
		c = clients[i]
		row("wal_messages = off", "", c, thousands(median("message_off", 200, c)) " tps", "", "", "", "")
		tps("  wal_messages = on", "message_on", "message_off", 200, c, 0.97)
		message_bytes(c)
	}
}

function rows_of_through(    i, c) {
	title("Write-through: one row is updated, and its value is read next; \"cachefront\" is tps over the first")
	for (i = 1; i <= nclients; i++) {
		c = clients[i]
		row("update that invalidates, read that loads", "", c, thousands(median("after", 200, c)) " tps", "", "", "", "")
		tps("  update that refreshes", "only_through", "after", 200, c, 1)
		tps("  update that refreshes, read that hits", "through", "after", 200, c, 0)
		tps("  update that invalidates", "only_after", "after", 200, c, 0)
	}
}

function rows_of_background(    x, r) {
	title("One hot key whose query takes 20 ms, 4 clients: p99 of hits, and that over the same without loads in the background")
	row("nobody loads", "", 4, sprintf("%.0f us", median("hot_calm", 0, 4)), "", "", "", "")
	x = median("hot_renewed", 0, 4, "/", "hot_calm", 0, 4)
	r = range()
	compare("  a process loads it 14 times a second", "", 4, sprintf("%.0f us", median("hot_renewed", 0, 4)), x, r, 0, 1.1)
}

function message_bytes(c,    x) {
	x = median("message_wal_on", 200, c, "-", "message_wal_off", 200, c)
	row("  more WAL for each commit", "", c, sprintf("%.0f B", x), "", sprintf("%.0f - %.0f", low, high), \
		"<= 120 B", verdict(x <= 120))
}

function bulk(name, what, target,    x, r) {
	x = median("bulk_" name, 0, 1, "/", "bulk_plain", 0, 1)
	r = range()
	compare("  " what, "", 1, sprintf("%.2f s", median("bulk_" name, 0, 1) / 1000), x, r, 0, target)
	x = median("bulk_kb_" name, 0, 1, "-", "bulk_kb_plain", 0, 1)
	row("    memory", "", 1, sprintf("%+.1f MB", x / 1024), "", sprintf("%.1f - %.1f", low / 1024, high / 1024), "", "")
}

function copy(name, what, target,    x, r) {
	x = median("copy_" name, 0, 1, "/", "copy_bare", 0, 1)
	r = range()
	compare("  " what, "", 1, sprintf("%.2f s", median("copy_" name, 0, 1) / 1000), x, r, 0, target)
}

function rows_of_bulk() {
	title("COPY of " thousands(bulk_rows) " rows; \"cachefront\" is time over a server without the library")
	row("without the library", "", 1, sprintf("%.2f s", median("copy_bare", 0, 1) / 1000), "", "", "", "")
	copy("tracked", "no rule", 1.01)
	copy("rows", "rows => '{id}'", 1.5)
	copy("empty", "a C trigger that does nothing", 0)

	title("UPDATE of " thousands(bulk_rows) " rows at once; \"cachefront\" is time over that without a rule; memory is the backend's peak above it")
	row("no rule", "", 1, sprintf("%.2f s", median("bulk_plain", 0, 1) / 1000), "", "", "", "")
	bulk("rule", "key rule", 1.5)
	bulk("empty", "a C trigger that does nothing", 0)
}

function rows_of_mixed(    i, c) {
	title("cache_fetch_row with 10 % of UPDATEs of the same rows, Zipf(1.05) over 10,000: about 90 % of the reads can be hits")
	for (i = 1; i <= nclients; i++) {
		c = clients[i]
		plain("reads that were hits", "mixed_hits", 0, c, "%.1f %%")
		row("  all transactions", "", c, thousands(median("mixed_tps", 0, c)) " tps", "", "", "", "")
		plain("  a hit in the server, p50", "mixed_hit_p50", 0, c, "%.1f us")
		plain("  a hit in the server, p99", "mixed_hit_p99", 0, c, "%.1f us")
		plain("  a read at the client, p50", "mixed_read_p50", 0, c, "%.1f us")
		plain("  a read at the client, p99", "mixed_read_p99", 0, c, "%.1f us")
	}
}

function rows_of_writers(    x, r) {
	title("Write-behind: cache_add in a transaction of its own; \"cachefront\" is tps over the statement above")
	row("UPDATE of one row", "", 32, thousands(median("counter_update", 0, 32)) " tps", "", "", "", "")
	tps("  cache_add of its key", "counter_add", "counter_update", 0, 32, 0)
	tps("  the same, buffer memory", "counter_memory", "counter_update", 0, 32, 0)
	row("UPDATE of one row, fsync on", "", 32, thousands(median("counter_update_fsync", 0, 32)) " tps", "", "", "", "")
	tps("  cache_add of its key", "counter_add_fsync", "counter_update_fsync", 0, 32, 0)
	tps("  the same, buffer memory", "counter_memory_fsync", "counter_update_fsync", 0, 32, 10)
	row("INSERT of a row", "", 8, thousands(median("writer_insert", 0, 8)) " tps", "", "", "", "")
	tps("  cache_add, 10,000 keys", "writer_add", "writer_insert", 0, 8, 0.9)
	x = median("writer_loop", 0, 1)
	row("cache_add in one statement", "", 1, thousands(x) " /s", "", "", "", "")
	x = median("writer_loop_memory", 0, 1)
	row("  the same, buffer memory", "", 1, thousands(x) " /s", "", "", ">= 100,000", verdict(x >= 100000))
	plain("flush, of a key with one write", "writer_flush", 0, 1, "%.1f us", "<= 15 us", verdict(median("writer_flush", 0, 1) <= 15))
	plain("flush, of a write, ten a key", "writer_flush_ten", 0, 1, "%.1f us")
}

# "cachefront" is over the same without writes.
function rows_of_exact(    x, r) {
	title("20,000 cached keys of one table with rows => '{id}', 8 clients; 1,000 single-row updates a second of that table")
	plain("reads that were hits, no updates", "keys_hits_none", 0, 8, "%.2f %%")
	x = median("keys_hits_other", 0, 8, "/", "keys_hits_none", 0, 8)
	r = sprintf("%.3f - %.3f", low, high)
	row("  updates of other rows", "", 8, sprintf("%.2f %%", median("keys_hits_other", 0, 8)), sprintf("%.3f x", x), \
		r, ">= 0.990 x", verdict(x >= 0.99))
	plain("    loads for each update", "keys_loads_other", 0, 8, "%.2f")
	plain("    updates a second", "keys_updates_other", 0, 8, "%.0f")
	row("    reads", "", 8, thousands(median("keys_tps_other", 200, 8)) " tps", "", "", "", "")
	x = median("keys_hits_own", 0, 8, "/", "keys_hits_none", 0, 8)
	r = sprintf("%.3f - %.3f", low, high)
	row("  updates of these rows", "", 8, sprintf("%.2f %%", median("keys_hits_own", 0, 8)), sprintf("%.3f x", x), r, "", "")
	plain("    loads for each update, 1 at best", "keys_loads_own", 0, 8, "%.2f")
	plain("    updates a second", "keys_updates_own", 0, 8, "%.0f")

	title("A query of 10 ms on one row, 8 clients; 100 updates a second of other rows; \"cachefront\" is over that without")
	row("no updates", "", 8, thousands(median("slow_none", 200, 8)) " tps", "", "", "", "")
	tps("  with updates", "slow_written", "slow_none", 200, 8, 0.9)
}

function pool(name, what, ours, c, target,    x, r) {
	x = median(ours, 200, c, "/", "pgpool_" name, 200, c)
	r = range()
	compare(what, "", c, thousands(median("pgpool_" name, 200, c)) " tps", x, r, target, 0)
}

function rows_of_pgpool(    i, c) {
	title("pgpool2 with its query cache, pgbench through it; ours in the server, -M prepared; \"cachefront\" is ours over this case")
	for (i = 1; i <= nclients; i++) {
		c = clients[i]
		if (!is_there("pgpool_simple_row", 200, c)) continue
		row("hit, cachefront", "", c, thousands(median("cachefront", 200, c)) " tps", "", "", "", "")
		pool("simple_row", "  pgpool, simple protocol", "cachefront", c)
		pool("prepared_row", "  pgpool, prepared", "cachefront", c)
		row("the same statement, served, simple", "", c, thousands(median("served_simple", 200, c)) " tps", "", "", "", "")
		pool("simple_row", "  pgpool", "served_simple", c, 1.2)
		row("the same statement, served, prepared", "", c, thousands(median("served_prepared", 200, c)) " tps", "", "", "", "")
		pool("prepared_row", "  pgpool", "served_prepared", c, 5)
		row("update, cachefront, key rule", "", c, thousands(median("update_batched", 200, c)) " tps", "", "", "", "")
		pool("simple_update_plain", "  pgpool, simple protocol", "update_batched", c)
		pool("prepared_update_plain", "  pgpool, prepared", "update_batched", c)
	}
}

function fresh(name, what,    stale) {
	stale = median("stale_" name, 0, 1)
	row(what, "", "", thousands(stale) " stale", "", median("rest_" name, 0, 1) " at rest", \
		name == "cachefront" ? "0" : "", name == "cachefront" ? verdict(stale == 0) : "")
	row("  of", "", "", thousands(median("checked_" name, 0, 1)) " reads", "", "", "", "")
}

function rows_of_freshness() {
	title("Freshness under writes: stale reads that one checker found; \"at rest\" counts them after the last write, in 132 reads")
	fresh("cachefront", "cachefront")
	fresh("pgpool_simple", "pgpool, simple protocol")
	fresh("pgpool_prepared", "pgpool, prepared")
	fresh("server", "the server without a cache")
}

function rows_of_sieve(    i, p, w, room, x, y) {
	title("Hit ratio of Zipf(0.9) requests, with room for so many of the objects: the SIEVE of the product, and LRU")
	for (i = 1; i <= 2; i++) {
		w = i == 1 ? "zipf" : "zipf+scan"
		for (p = 1; p <= 3; p++) {
			room = p == 1 ? 1 : p == 2 ? 5 : 10
			x = median("sieve_" w, room, 1)
			y = median("lru_" w, room, 1)
			row((i == 1 ? "no scan" : "a scan running through") ", room " room " %", "", "", \
				sprintf("SIEVE %.1f %%", x), sprintf("LRU %.1f %%", y), "", "", "")
		}
	}
}

END {
	nclients = split(clients_list, clients, " ")
	row("case", "", "clients", "median", "cachefront", "lowest-highest", "target", "")
	rows_of_hits()
	rows_of_stampede()
	rows_of_plain()
	rows_of_updates()
	rows_of_bulk()
	rows_of_mixed()
	rows_of_exact()
	rows_of_writers()
	rows_of_through()
	rows_of_background()
	rows_of_redis_hits()
	rows_of_redis_commits()
	rows_of_redis_outages()
	rows_of_warming()
	rows_of_standby()
	rows_of_pgpool()
	rows_of_freshness()
	rows_of_sieve()
}
