# What time does to an entry: time to live and its jitter, negative entries,
# stale values, and early refreshes (XFetch), whose number is compared with the
# formula. The debug build's clock moves; the test does not wait. As real time
# passes as well, all margins are several seconds wide.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use CfTest qw(:DEFAULT error_of hold let_go query stats ttl_of);

require_debug();

my $node = CfTest->node(
	'time',
	'autovacuum' => 'off',
	'cachefront.xfetch_beta' => '0',
	'cachefront.ttl_jitter' => '0',
	'cachefront.flight_timeout' => '10min');
debug($node);
$node->safe_psql(
	'postgres', q{
	CREATE TABLE item (id int PRIMARY KEY, val text);
	INSERT INTO item VALUES (1, 'one');
	CREATE TABLE broken (v int);
	CREATE FUNCTION gate(n int) RETURNS int LANGUAGE plpgsql AS
	$$ BEGIN PERFORM pg_advisory_xact_lock_shared(n); RETURN n; END $$;
	-- An error that may be hidden: the server has no room for temporary files.
	CREATE FUNCTION fill_disk() RETURNS bigint LANGUAGE sql
	SET temp_file_limit = 0 SET work_mem = '64kB'
	AS 'SELECT count(*) FROM (SELECT g FROM generate_series(1, 20000) g ORDER BY -g OFFSET 1) s';
	-- Fails while the table has a row.
	CREATE FUNCTION answer(text) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		IF EXISTS (SELECT FROM broken) THEN
			RETURN fill_disk();
		END IF;
		RETURN $1;
	END $$;
});

my $no_room = 'temporary file size exceeds temp_file_limit (0kB)';
my $control = open_session($node);
$control->set_query_timer_restart;

sub clean
{
	query('SELECT cache_flush(); SELECT cache_stats_reset(); TRUNCATE broken');
	return;
}

sub advance
{
	query("SELECT cf_debug_advance_clock('$_[0]')");
	return;
}

# The whole time to live of an entry, in seconds.
my $ttl = 'extract(epoch FROM ttl_left + age)';

# ---- time to live -----------------------------------------------------------

note('---- time to live');
clean();
my $one = "SELECT cache_fetch('k', 'SELECT val FROM item', ttl => '10 min')";
query($one);
is(ttl_of('k'), 600, 'the time to live of the call');
query("UPDATE item SET val = 'two'");
advance('9 min');
is(query($one), '[{"val":"one"}]', 'before its end it is there');
is(stats('loads', 'l1_hits'), '1|1', 'it was a hit');
advance('1 min');
is(query("SELECT state FROM cache_entries WHERE key = 'k'"), 'stale', 'past its end');
is(query($one), '[{"val":"two"}]', 'it is loaded again');
is(stats('loads', 'l1_hits', 'misses', 'stale_hits'), '2|1|2|0', 'it was a miss');
is(query("SELECT state FROM cache_entries WHERE key = 'k'"), 'fresh', 'and is fresh again');
advance('20 min');
is(query("SELECT state FROM cache_entries WHERE key = 'k'"),
	'expired', 'past its stale time it is of no use');

# Somebody sets the machine's clock, by days: it is nothing to an entry, old or new.
# What is shown of times is of that clock, as it was set last.
foreach my $by ('-1 day', '1 day')
{
	clean();
	query("SELECT cache_fetch('short', 'SELECT val FROM item', ttl => '30 s'),"
		  . " cache_fetch('long', 'SELECT val FROM item', ttl => '2 hours')");
	query("SELECT cf_debug_set_wall_clock('$by')");
	query("SELECT cache_fetch('short:later', 'SELECT val FROM item', ttl => '30 s'),"
		  . " cache_fetch('long:later', 'SELECT val FROM item', ttl => '2 hours')");
	is(query("SELECT count(*), max(abs(extract(epoch FROM now() + '$by' - filled_at))) < 7200,"
			  . " max(age) < '10 min', min(age) >= '0', max(ttl_left) <= '2 hours' FROM cache_entries"),
		'4|t|t|t|t', "the clock set by $by: what is shown");
	advance('31 s');
	is(query("SELECT string_agg(key || ' ' || state, ', ' ORDER BY key) FROM cache_entries"),
		'long fresh, long:later fresh, short stale, short:later stale',
		"the clock set by $by: each lives as long as it was given");
	query("SELECT cf_debug_set_wall_clock('0')");
	is(query("SELECT string_agg(key || ' ' || state, ', ' ORDER BY key) FROM cache_entries"),
		'long fresh, long:later fresh, short stale, short:later stale',
		"the clock set right again: the same");
}
clean();

# The call's own, then its cache's, then the server's.
query("SELECT cache_define('short', ttl => '20 s')");
query("SELECT cache_fetch('short:a', 'SELECT 1'), cache_fetch('a', 'SELECT 1'),"
	  . " cache_fetch('short:b', 'SELECT 1', ttl => '1 hour')");
is(ttl_of('short:a'), 20, "the cache's own time to live");
is(ttl_of('short:b'), 3600, "the call's goes before it");
is(ttl_of('a'), 300, 'cachefront.default_ttl');
query("SET cachefront.default_ttl = '7 min'; SELECT cache_fetch('b', 'SELECT 1')");
is(ttl_of('b'), 420, 'cachefront.default_ttl of the session');

clean();
query(q{SELECT cache_set('v', '1', ttl => '10 min')});
advance('9 min');
is(query("SELECT cache_get('v')"), '1', 'a value that was set is there');
query("SELECT cache_touch('v', '10 min')");
advance('9 min');
is(query("SELECT cache_get('v')"), '1', 'cache_touch has prolonged it');
advance('1 min');
is(query("SELECT cache_get('v') IS NULL"), 't', 'then it is not: there is no stale value');
query("SELECT cache_touch('v', '10 min')");
is(query("SELECT cache_get('v') IS NULL"), 't', 'a touch does not bring it back');

# ---- jitter -----------------------------------------------------------------

note('---- jitter');
clean();
query( "SELECT cache_define('j', ttl => '1000 s', jitter => 0.2);"
	  . " SELECT count(cache_fetch('j:' || i, 'SELECT 1')) FROM generate_series(1, 500) i;"
	  . " SELECT count(cache_set('j:v' || i, '1')) FROM generate_series(1, 500) i");
foreach my $form ('json', 'value')
{
	my @facts = split /\|/, query("SELECT count(*), min($ttl), max($ttl), avg($ttl),
		count(DISTINCT $ttl) FROM cache_entries WHERE form = '$form'");

	is($facts[0], 500, "$form: 500 entries");
	cmp_ok($facts[1], '>=', 800, "$form: at most a fifth is taken off");
	cmp_ok($facts[2], '<=', 1000, "$form: nothing is added");
	# Uniform: that 500 miss a tenth of the range has a chance of 1e-23.
	cmp_ok($facts[1], '<', 820, "$form: near to a fifth for some");
	cmp_ok($facts[2], '>', 980, "$form: near to nothing for some");
	# 5 sigma of the mean of 500: 200 / sqrt(12) / sqrt(500) * 5.
	cmp_ok(abs($facts[3] - 900), '<', 13, "$form: uniform");
	cmp_ok($facts[4], '>', 490, "$form: they do not expire together");
}
query("SELECT count(cache_fetch('n:' || i, 'SELECT 1')) FROM generate_series(1, 50) i");
is(query("SELECT DISTINCT round($ttl, 6) FROM cache_entries WHERE key LIKE 'n:%'") + 0,
	300, 'none without jitter');
query('SET cachefront.ttl_jitter = 1;'
	  . " SELECT count(cache_fetch('g:' || i, 'SELECT 1')) FROM generate_series(1, 50) i");
is( query("SELECT min($ttl) BETWEEN 0 AND 150, max($ttl) BETWEEN 150 AND 300,
		count(*) = 50 FROM cache_entries WHERE key LIKE 'g:%'"),
	't|t|t',
	'cachefront.ttl_jitter');

# ---- negative entries -------------------------------------------------------

note('---- negative entries');
clean();
my $none = "'SELECT val FROM item WHERE id = \$1', (2)";
query("SELECT cache_fetch('neg:a', $none, ttl => '10 min'),"
	  . " cache_fetch('neg:b', $none, ttl => '60 s')");
is(ttl_of('neg:a'), 30, 'cachefront.negative_ttl');
is(ttl_of('neg:b'), 12, 'at most a fifth of the time to live');
is(query("SELECT count(*) FROM cache_entries WHERE negative"), 2, 'shown as negative');
is(stats('negative_hits'), 0, 'the first call is no negative hit');
is( query("SELECT cache_fetch('neg:a', $none, ttl => '10 min'),"
		  . " cache_fetch_row('neg:a', $none, ttl => '10 min') IS NULL"),
	'[]|t',
	'no rows, from the cache');
is(stats('loads', 'negative_hits', 'l1_hits'), '2|2|2', 'two negative hits');
query("SELECT * FROM cache_fetch_rows('neg:a', $none) AS t(v text)");
is(query("SELECT count(*) FROM cache_fetch_rows('neg:a', $none) AS t(v text)"),
	0, 'no typed rows either');
is(stats('loads', 'negative_hits'), '3|3', 'one more');
query("INSERT INTO item VALUES (2, 'late')");
advance('15 s');
is(query("SELECT cache_fetch('neg:a', $none, ttl => '10 min')"), '[]', 'until its end');
advance('15 s');
is(query("SELECT cache_fetch('neg:a', $none, ttl => '10 min')"),
	'[{"val":"late"}]', 'then the row is found');
is(ttl_of('neg:a'), 600, 'and has the time to live of a row');
is(query("SELECT negative FROM cache_entries WHERE key = 'neg:a' AND form = 'json'"),
	'f', 'it is not negative any more');

clean();
query( "SELECT cache_define('neg', ttl => '1000 s', negative_ttl => '100 s', jitter => 0.5);"
	  . " SELECT count(cache_fetch('neg:' || i, 'SELECT 1 WHERE false'))"
	  . ' FROM generate_series(1, 200) i');
is( query("SELECT count(*), min($ttl) BETWEEN 50 AND 60, max($ttl) BETWEEN 90 AND 100
		FROM cache_entries WHERE negative"),
	'200|t|t',
	"the cache's own negative_ttl, with jitter");
query("SET cachefront.negative_ttl = '50 s'; SELECT cache_fetch('x', 'SELECT 1 WHERE false')");
is(ttl_of('x'), 50, 'cachefront.negative_ttl of the session');
query("SELECT cache_drop('neg')");

# ---- stale values -----------------------------------------------------------

note('---- stale values');

sub break_it { query('INSERT INTO broken VALUES (1)'); return; }

my $call = "'SELECT answer(''old'')', ttl => '60 s', tags => '{t}'";
my $stale = "SELECT cache_fetch('k', $call)";
clean();
query($stale);
query("SELECT cache_fetch_row('k', $call);"
	  . " SELECT * FROM cache_fetch_rows('k', $call) AS t(a text)");
break_it();
is(query($stale), '[{"answer":"old"}]', 'before its end, the query does not run');
advance('61 s');
is(query($stale), '[{"answer":"old"}]', 'past its end the query fails: the old value');
is(stats('loads', 'load_errors', 'stale_hits', 'fills'),
	'3|1|1|2', 'it was tried, failed and is counted');
is(query("SELECT cache_fetch_row('k', $call)"), '{"answer":"old"}', 'its first row');
is(query("SELECT * FROM cache_fetch_rows('k', $call) AS t(a text)"), 'old', 'typed rows');
is(stats('loads', 'load_errors', 'stale_hits'), '5|3|3', 'each is tried');
is( query(
		"BEGIN; SELECT 'before'; SAVEPOINT s; $stale; RELEASE s; $stale;"
		  . " SELECT count(*) FROM item; COMMIT; SELECT 'after'"),
	qq(before\n[{"answer":"old"}]\n[{"answer":"old"}]\n2\nafter),
	'the transaction goes on');
advance('9 min');
is(query($stale), '[{"answer":"old"}]', 'until the end of its stale time');
query('TRUNCATE broken');
is(query($stale), '[{"answer":"old"}]', 'the query works again');
is(query("SELECT state FROM cache_entries WHERE key = 'k' AND load_ms > 0
		ORDER BY age LIMIT 1"),
	'fresh', 'and its value is fresh');
break_it();
advance('11 min + 1 s');
is(error_of($stale), $no_room, "past its stale time: the query's own error");
is(stats('stale_hits'), 6, 'no stale value');

# Waiters of a leader that fails: each serves it.
clean();
query($stale);
break_it();
advance('61 s');
hold($control, 'flight-leader');
my @sessions = map { start_session($node, $stale) } 1 .. 5;
await($node, 'SELECT waiters FROM cache_inflight', 4);
let_go($control, 'flight-leader');
is(join(' ', map { $_->{stdout} } map { finish_session($_) } @sessions),
	join(' ', ('[{"answer":"old"}]') x 5), 'all who waited get the stale value');
is(stats('stale_hits', 'flight_timeouts'), '5|0', 'counted');

# Whose stale time is it?
clean();
query( "SELECT cache_define('strict', stale_ttl => '0 s', ttl => '60 s'),"
	  . " cache_define('lax', stale_ttl => '1 hour', ttl => '60 s')");
my $body = "'SELECT answer(''old'')'";
query("SELECT cache_fetch('strict:a', $body), cache_fetch('lax:a', $body)");
query("SET cachefront.stale_ttl = 0; SELECT cache_fetch('a', $body, ttl => '60 s')");
break_it();
advance('61 s');
is(error_of("SELECT cache_fetch('strict:a', $body)"),
	$no_room, 'stale_ttl of zero: never');
is(error_of("SELECT cache_fetch('a', $body)"), $no_room, 'nor with the setting');
advance('59 min');
is(query("SELECT cache_fetch('lax:a', $body)"),
	'[{"answer":"old"}]', "the cache's own stale_ttl");
advance('2 min');
is(error_of("SELECT cache_fetch('lax:a', $body)"), $no_room, 'and its end');

# A value that a commit has invalidated is never served.
foreach my $way ("cache_invalidate('k')", "cache_delete('k')", "cache_invalidate_tag('t')",
	"cache_invalidate_table('broken')", 'cache_flush()')
{
	clean();
	query($stale);
	break_it();
	advance('61 s');
	is(query($stale), '[{"answer":"old"}]', "$way: a stale value");
	query("BEGIN; SELECT $way; ROLLBACK");
	is(query($stale), '[{"answer":"old"}]', "$way, rolled back: still");
	query("SELECT $way");
	is(error_of($stale), $no_room, "$way: not any more");
}
clean();
query($stale);
break_it();
advance('61 s');
query('CREATE TABLE any_ddl ()');
is(error_of($stale), $no_room, 'DDL: not any more');

# While the commit is under way, either.
clean();
query($stale);
break_it();
advance('61 s');
hold($control, 'commit-window');
my $writer = start_session($node, "SELECT cache_invalidate_tag('t')");
await_waitpoint($node);
is(error_of($stale), $no_room, 'nor in the window of the commit');
let_go($control, 'commit-window');
finish_session($writer);

# A lock that is not to be had is hidden, but not that somebody wants the session to stop.
clean();
my $locked = "SELECT cache_fetch('l', 'SELECT val FROM item WHERE id = 1', ttl => '60 s')";
query($locked);
advance('61 s');
$control->query_safe('BEGIN; LOCK TABLE item IN ACCESS EXCLUSIVE MODE');
is(query("SET lock_timeout = '50ms'; $locked"), '[{"val":"two"}]', 'lock_timeout: stale');
is( error_of($locked, conf => { statement_timeout => '100ms' }),
	'canceling statement due to statement timeout',
	'statement_timeout: not hidden');
foreach my $stop (
	[ 'pg_cancel_backend', 'canceling statement due to user request' ],
	[ 'pg_terminate_backend', 'terminating connection due to administrator command' ])
{
	my $victim = start_session($node, $locked);
	await($node, 'SELECT count(*) FROM cache_inflight', 1);
	query("SELECT $stop->[0](leader) FROM cache_inflight");
	my $result = finish_session($victim);
	isnt($result->{status}, 0, "$stop->[0]: not hidden");
	like($result->{stderr}, qr/$stop->[1]/, "$stop->[0]: its error");
}
$control->query_safe('COMMIT');
is(stats('stale_hits'), 1, 'one stale value');
is(query($locked), '[{"val":"two"}]', 'later it is loaded');

# Waiters whose flight_timeout passes.
clean();
my $gated = "SELECT cache_fetch('g', 'SELECT gate(1), clock_timestamp()', ttl => '60 s')";
my $old = query($gated);
advance('61 s');
$control->query_safe('SELECT pg_advisory_lock(1)');
my $leader = start_session($node, $gated);
await($node, 'SELECT count(*) FROM cache_inflight', 1);
@sessions = map {
	start_session($node, $gated, conf => { 'cachefront.flight_timeout' => '100ms' })
} 1 .. 5;
is($_->{stdout}, $old, 'flight_timeout: a stale value')
  foreach map { finish_session($_) } @sessions;
is(stats('loads', 'stale_hits', 'flight_timeouts'), '2|5|5', 'none has loaded');
$control->query_safe('SELECT pg_advisory_unlock(1)');
isnt(finish_session($leader)->{stdout}, $old, 'the leader has a new value');

# ---- early refresh ----------------------------------------------------------

note('---- early refresh');

# Half a second of load and a beta of 1000: two minutes before its end, a caller
# does not refresh with a chance of 1 - exp(-120 / 500), forty callers with 1e-26.
my $slow = "SELECT cache_fetch('x:a', 'SELECT answer(''x''),"
  . " pg_sleep(0.5)::text, clock_timestamp() AS at')";
my $refresh = "DO \$\$ BEGIN FOR i IN 1 .. 40 LOOP"
  . " PERFORM ($slow);"
  . " EXIT WHEN (SELECT early_refreshes FROM cache_stats WHERE cache = '*') > %d;"
  . ' END LOOP; END $$';

clean();
query("SELECT cache_define('x', ttl => '10 min', xfetch_beta => 1000, jitter => 0)");
my $first = query($slow);
advance('8 min');
hold($control, 'load-after-query');
my $refresher = start_session($node, sprintf($refresh, 0));
await_waitpoint($node);
is(stats('loads', 'early_refreshes', 'misses'), '2|1|1', 'one caller refreshes');
is(query('SELECT key, waiters FROM cache_inflight'), 'x:a|0', 'in a flight of its own');
my ($results) = run_sessions($node, [ ($slow) x 20 ]);
is(scalar(grep { $_->{stdout} eq $first } @$results),
	20, 'the others keep the value');
is(stats('loads', 'early_refreshes', 'misses', 'flight_handovers'),
	'2|1|1|0', 'and neither load nor wait');
let_go($control, 'load-after-query');
is(finish_session($refresher)->{status}, 0, 'the refresh ends');
is(query("SELECT age < '4 min' FROM cache_entries WHERE key = 'x:a'"),
	't', 'and its value replaces the old one');
advance('2 min');
is(query("SELECT state FROM cache_entries WHERE key = 'x:a'"),
	'fresh', 'so the key does not expire');

# A refresh that fails.
break_it();
query("SELECT cf_debug_advance_clock(ttl_left - '2 min') FROM cache_entries");
my $before = stats('early_refreshes');
is(error_of(sprintf($refresh, $before)), '', 'a refresh that fails raises no error');
is(stats("early_refreshes > $before", "load_errors", 'stale_hits'),
	't|1|0', 'it is counted');
is(query("SELECT state FROM cache_entries WHERE key = 'x:a'"),
	'fresh', 'the value stays');
query('TRUNCATE broken');

# A refresh that is cancelled.
hold($control, 'flight-leader');
$refresher = start_session($node, sprintf($refresh, stats('early_refreshes')));
await_waitpoint($node);
query('SELECT pg_cancel_backend(leader) FROM cache_inflight');
like(finish_session($refresher)->{stderr},
	qr/canceling statement due to user request/, 'a refresh that is cancelled stops');
let_go($control, 'flight-leader');
is(query('SELECT count(*) FROM cache_inflight'), 0, 'and its flight has landed');

# Where there is nothing to wait for, or nobody wants it.
clean();
query("SELECT cache_define('x', ttl => '10 min', xfetch_beta => 0, jitter => 0)");
query($slow);
advance('8 min');
query($slow) foreach 1 .. 3;
is(stats('loads', 'early_refreshes', 'l1_hits'), '1|0|3', 'beta 0: none');

# ---- the distribution of early refreshes ------------------------------------

note('---- distribution');

# The function itself. Each line: age, load time, time to live in ms, beta.
my $n = 100_000;
foreach my $case (
	[ 59_000, 1000, 60_000, 1 ],
	[ 59_500, 1000, 60_000, 1 ],
	[ 59_900, 1000, 60_000, 1 ],
	[ 59_990, 1000, 60_000, 1 ],
	[ 55_000, 1000, 60_000, 1 ],
	[ 59_000, 1000, 60_000, 2 ],
	[ 59_000, 1000, 60_000, 0.5 ],
	[ 59_000, 100, 60_000, 10 ],
	[ 0, 200, 600, 1 ],
	[ 299_999, 1, 300_000, 1 ],
	[ 50, 1000, 100, 3 ])
{
	my ($age, $load, $time, $beta) = @$case;
	my $p = exp(-($time - $age) / ($load * $beta));
	my $seen = query(sprintf 'SELECT cf_debug_xfetch(%d, %d, %d, %s, %d)',
		$age * 1000, $load * 1000, $time * 1000, $beta, $n);

	cmp_ok(abs($seen - $n * $p), '<=', 5 * sqrt($n * $p * (1 - $p)) + 1,
		sprintf('age %d, load %d, ttl %d ms, beta %s: %d of %.1f',
			$age, $load, $time, $beta, $seen, $n * $p));
}
is(query("SELECT cf_debug_xfetch(60000000, 1000, 60000000, 1, $n)"),
	$n, 'at the end of the time to live: always');
is(query("SELECT cf_debug_xfetch(1000000, 1000, 60000000, 1, $n)"), 0, 'long before: never');

# The whole way. A caller's chance follows from the entry's own load time, its
# time to live after jitter, and the moment of the call. With a beta of 1000, a
# load of 2 ms spreads the refreshes over seconds.
clean();
query(
	q{
	SELECT cache_define('d', ttl => '600 s', xfetch_beta => 1000, jitter => 0.01);

	CREATE FUNCTION fetch_one(key text) RETURNS json LANGUAGE sql AS $$
		SELECT cache_fetch(key, 'SELECT pg_sleep($1)::text',
			(split_part(key, ':', 3)::float8)) $$;

	-- Calls each key once; how many refreshes there should be, and were.
	CREATE FUNCTION fetch_each(pattern text, OUT n int, OUT expected float8,
		OUT variance float8, OUT refreshed int) LANGUAGE plpgsql AS $$
	DECLARE
		began timestamptz;
		before bigint := early_refreshes FROM cache_stats WHERE cache = '*';
		entry record;
		remaining float8;
		p float8;
	BEGIN
		-- So that the mean time left is the mean wait of the formula.
		PERFORM cf_debug_advance_clock(avg(ttl_left) - avg(load_ms) * interval '1 s')
			FROM cache_entries WHERE key LIKE pattern;
		began := clock_timestamp();
		n := 0;
		expected := 0;
		variance := 0;
		FOR entry IN SELECT key, load_ms, extract(epoch FROM ttl_left)::float8 AS ttl_left
			FROM cache_entries WHERE key LIKE pattern
		LOOP
			remaining := entry.ttl_left - extract(epoch FROM clock_timestamp() - began);
			CONTINUE WHEN remaining < 0.5;
			p := exp(-remaining / (entry.load_ms / 1000 * 1000));
			n := n + 1;
			expected := expected + p;
			variance := variance + p * (1 - p);
			PERFORM fetch_one(entry.key);
		END LOOP;
		refreshed := early_refreshes - before FROM cache_stats WHERE cache = '*';
	END $$});
foreach my $load ([ '0.002', 400 ], [ '0.008', 200 ])
{
	my ($sleep, $keys) = @$load;

	query( "SELECT count(fetch_one('d:' || i || ':$sleep'))"
		  . " FROM generate_series(1, $keys) i");
	query('SELECT cache_stats_reset()');
	my ($n, $expected, $variance, $refreshed) =
	  split /\|/, query("SELECT * FROM fetch_each('d:%:$sleep')");
	cmp_ok($n, '>', $keys / 4, "load of $sleep s: $n keys");
	cmp_ok(abs($refreshed - $expected), '<=', 5 * sqrt($variance),
		sprintf('%d early refreshes of %.1f, sigma %.1f',
			$refreshed, $expected, sqrt($variance)));
	is(stats('loads', 'early_refreshes', 'misses'),
		"$refreshed|$refreshed|0", 'each is a load, nothing else is');
	query('SELECT cache_flush()');
}

$control->quit;
$node->stop;
unlike(slurp_file($node->logfile),
	qr/PANIC:|TRAP:|terminated by signal|WARNING:/, 'clean log');

done_testing();
