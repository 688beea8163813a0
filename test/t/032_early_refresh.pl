# Early refreshes (XFetch): one caller loads before the end while the others go on with the
# value, and how many do so is compared with the formula.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use CfTest qw(:DEFAULT error_of hold let_go query stats);
use CfTime;

require_debug();

my $node = time_node('early');
my $control = open_session($node);
$control->set_query_timer_restart;

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
