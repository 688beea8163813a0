# Stale values: what is past its time to live answers where the query meets trouble, and only
# there. The debug build's clock moves; the test does not wait.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use CfTest qw(:DEFAULT error_of hold let_go query stats);
use CfTime;

require_debug();

my $node = time_node('stale');
my $control = open_session($node);
$control->set_query_timer_restart;

# ---- stale values -----------------------------------------------------------

note('---- stale values');

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
	qq(before\n[{"answer":"old"}]\n[{"answer":"old"}]\n1\nafter),
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
is(query("SET lock_timeout = '50ms'; $locked"), '[{"val":"one"}]', 'lock_timeout: stale');
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
is(query($locked), '[{"val":"one"}]', 'later it is loaded');

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

$control->quit;
$node->stop;
unlike(slurp_file($node->logfile),
	qr/PANIC:|TRAP:|terminated by signal|WARNING:/, 'clean log');

done_testing();
