# Singleflight: many sessions that miss one key at once run its query once.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use CfFlight;
use CfTest qw(:DEFAULT hold let_go nothing_left stats);

require_debug();
begin_server('flight');

begin_case('200 sessions, one cold key');
{
	my $sql = "SELECT cache_fetch('cold', 'SELECT cf_debug_pid() AS pid,"
	  . " clock_timestamp() AS at, pg_sleep(0.2)')";
	my ($results, $seconds) = run_sessions($node, [ ($sql) x 200 ]);

	ok(one_answer(@$results), "$case: 200 equal answers");
	is(stats('loads', 'fills', 'fetches'), '1|1|200', "$case: 1 load");
	is(stats('l1_hits + flight_handovers'),
		199, "$case: the others had it from the flight or from L1");
	note(sprintf '%.2f s', $seconds);
}
end_case();

begin_case('all wait before the load');
{
	my @sessions = begin_flight($gated, 30);

	is( $node->safe_psql(
			'postgres', 'SELECT database, key, waiters, leader IN
				(SELECT pid FROM pg_stat_activity), age >= interval \'0\'
				FROM cache_inflight'),
		'postgres|k|30|t|t',
		"$case: cache_inflight shows the flight");
	is( $node->safe_psql(
			'postgres', "SELECT count(*), min(mode), bool_and(granted),
				min(pid) = (SELECT leader FROM cache_inflight) FROM pg_locks
				WHERE locktype = 'advisory' AND objsubid = 207"),
		'1|ExclusiveLock|t|t',
		"$case: pg_locks shows the leader's lock");
	is( $node->safe_psql('postgres', 'SELECT flights, waiters FROM cache_status'),
		'1|30',
		"$case: cache_status counts it");
	is( $node->safe_psql(
			'postgres', "SELECT count(*) FROM pg_stat_activity
				WHERE @{[wait_event('Flight')]}
				AND backend_type = 'client backend'"),
		30,
		"$case: pg_stat_activity shows what they wait for");
	open_gate(1);
	ok(one_answer(finish_all(@sessions)), "$case: one answer");
	is(stats('loads', 'misses', 'flight_handovers', 'l1_hits'),
		'1|31|30|0', "$case: 1 load, 30 handed over");
	is( $node->safe_psql('postgres', "SELECT samples
			FROM cache_latency WHERE operation = 'flight_wait'"),
		30,
		"$case: their wait is in cache_latency");
}
end_case();

begin_case('the transactions go on');
{
	my $sql = "BEGIN; $gated; SELECT pg_advisory_xact_lock_shared(2); COMMIT";
	close_gate(2);
	my @sessions = begin_flight($sql, 2);
	open_gate(1);
	await($node, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'
		AND objid = 2 AND NOT granted", 3);
	nothing_left("$case, while they do");
	open_gate(2);
	is(status_list(finish_all(@sessions)), '0 0 0', "$case: all answer");
}
end_case();

begin_case('first rows and typed rows');
{
	# Two forms are two flights; parts of one form share one.
	my $list = 'SELECT gate(1) AS g, 1 AS n UNION ALL SELECT gate(1), 2 ORDER BY n';
	my @sessions = begin_flight("SELECT cache_fetch('k', '$list')->0", 0);
	push @sessions, start_session($node, "SELECT cache_fetch_row('k', '$list')");
	push @sessions, start_session($node, "SELECT cache_fetch_row('k', '$list')");
	await_waiters(2);
	push @sessions,
	  start_session($node,
		"SELECT n FROM cache_fetch_rows('k', '$list') AS t(g text, n int)")
	  foreach 1 .. 2;
	await_waiters(3);
	is($node->safe_psql('postgres', 'SELECT count(*) FROM cache_inflight'),
		2, "$case: two flights");
	open_gate(1);
	my @results = finish_all(@sessions);

	ok(one_answer(@results[ 0 .. 2 ]), "$case: one row for all");
	like(answer($results[1]), qr/^\{"g":"\d+ .*","n":1\}$/, "$case: the first row");
	is($results[$_]->{stdout}, "1\n2", "$case: rows") foreach 3, 4;
	is(stats('loads', 'flight_handovers'), '2|3', "$case: 2 loads");
}
end_case();

begin_case('a negative result');
{
	my $none = 'SELECT gate(1) FROM p WHERE gate(1) IS NULL';
	my @sessions = begin_flight("SELECT cache_fetch('k', '$none')", 2);
	push @sessions,
	  start_session($node, "SELECT cache_fetch_row('k', '$none') IS NULL");
	await_waiters(3);
	open_gate(1);
	my @results = finish_all(@sessions);

	is(join(' ', map { answer($_) } @results), '[] [] [] t', "$case: is handed over");
	is(stats('loads', 'flight_handovers'), '1|3', "$case: 1 load");
}
end_case();

# ---- large values -----------------------------------------------------------

begin_case('a value larger than l1_max_value');
{
	my $query = "SELECT md5(cache_fetch('k', 'SELECT gate(1) AS g,"
	  . " repeat(''x'', 3000000) AS x')::text)";
	my @sessions = begin_flight($query, 10);
	open_gate(1);
	ok(one_answer(finish_all(@sessions)), "$case: one answer");
	is(stats('loads', 'flight_handovers', 'too_large', 'fills'),
		'1|10|1|0', "$case: 1 load, handed over, not kept");
	is($node->safe_psql('postgres', 'SELECT count(*) FROM cache_entries'),
		0, "$case: nothing in L1");
}
end_case();

begin_case('a waiter of a large value is cancelled');
{
	my $query = "SELECT md5(cache_fetch('k', 'SELECT gate(1) AS g,"
	  . " repeat(''x'', 3000000) AS x')::text)";
	my ($leader, @waiters) = begin_flight($query, 2);
	# It stands in its flight while the value lands.
	hold($control, 'flight-wait');
	my $victim = start_session($node, $query, name => 'victim');
	await_held('flight-wait');
	open_gate(1);
	ok(one_answer(finish_all($leader, @waiters)), "$case: one answer");
	cmp_ok(dynamic_segments(), '>', $unused_handovers,
		"$case: the value is kept for the last waiter");
	$node->safe_psql('postgres', "SELECT pg_cancel_backend(pid)
		FROM pg_stat_activity WHERE application_name = 'victim'");
	is(finish_session($victim)->{status}, 3, "$case: it stops");
	let_go($control, 'flight-wait');
}
end_case();

end_server();
done_testing();
