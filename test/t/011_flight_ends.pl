# Singleflight: no way that a session can end leaves the others waiting.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use CfFlight;
use CfTest qw(:DEFAULT hold let_go nothing_left stats);

require_debug();
begin_server('ends');

# ---- the leader fails -------------------------------------------------------

begin_case('the query of the leader fails');
{
	my ($leader, @waiters) = begin_flight($gated, 10);

	$node->safe_psql('postgres', 'INSERT INTO culprit VALUES (' . leader_pid() . ')');
	open_gate(1);
	my $failed = finish_session($leader);
	my @results = finish_all(@waiters);

	is($failed->{status}, 3, "$case: it gets an error");
	like($failed->{stderr}, qr/ERROR:  session \d+ fails/, "$case: its own error");
	ok(one_answer(@results), "$case: the waiters get one answer");
	is(stats('loads', 'load_errors', 'fills', 'flight_timeouts'),
		'2|1|1|0', "$case: one of them has loaded it");
}
end_case();

begin_case('a query that always fails');
{
	my @sessions =
	  begin_flight("SELECT cache_fetch('k', 'SELECT 1 / (length(gate(1)) * 0)')", 10);

	open_gate(1);
	my @results = finish_all(@sessions);

	is(status_list(@results), join(' ', (3) x 11), "$case: all fail");
	is(scalar(grep { $_->{stderr} =~ /ERROR:  division by zero/ } @results),
		11, "$case: with the query's error");
	is(stats('loads', 'load_errors', 'fills'), '11|11|0', "$case: each has tried");
}
end_case();

# A leader that stops at gate 1, with its pid. On a busy machine its time may be
# over before anybody has seen it: then another one gets more.
sub start_leader
{
	my ($seconds) = @_;

	foreach (1 .. 10)
	{
		my $leader = start_session($node, $gated, conf => { statement_timeout => "${seconds}s" });
		my $pid = '';

		await_that('for a leader', sub { ($pid = leader_pid()) ne '' || is_over($leader) });
		return ($leader, $pid) if $pid ne '';
		$node->safe_psql('postgres', 'SELECT cache_stats_reset()');
		$seconds *= 2;
	}
	die 'no leader was seen';
}

# The leader is stopped while its query waits; 10 others follow.
foreach my $stop (
	[ 'the leader is terminated', 'pg_terminate_backend', qr/terminating connection due to/ ],
	[ 'the leader is cancelled', 'pg_cancel_backend', qr/canceling statement due to user/ ],
	[ 'statement_timeout of the leader', undef, qr/canceling statement due to statement/ ])
{
	begin_case($stop->[0]);
	close_gate(1);
	my ($leader, $pid) = start_leader($stop->[1] ? 0 : 2);
	my @waiters = map { start_session($node, $gated) } 1 .. 10;

	if ($stop->[1])
	{
		await_waiters(10);
		$node->safe_psql('postgres', "SELECT $stop->[1]($pid)");
	}
	await_waiters(9, $pid);
	pass("$case: at once another leads, nine follow it");
	my $stopped = finish_session($leader);
	isnt($stopped->{status}, 0, "$case: the leader has stopped");
	like($stopped->{stderr}, $stop->[2], "$case: its own error");
	open_gate(1);
	ok(one_answer(finish_all(@waiters)), "$case: the others get one answer");
	is(stats('loads', 'fills', 'flight_handovers', 'flight_timeouts'),
		'2|1|9|0', "$case: one more load");
	end_case();
}

# The same before the snapshot and at landing, where it holds other things.
foreach my $point ('flight-leader', 'fetch-before-fill', 'flight-before-landing')
{
	foreach my $stop ('pg_terminate_backend', 'pg_cancel_backend')
	{
		begin_case("$stop at $point");
		hold($control, $point);
		my @sessions = (start_session($node, $gated));
		await_held($point);
		# Before landing, L1 has the value: the others would hit it.
		$node->safe_psql('postgres', "SELECT cache_delete('k')");
		push @sessions, start_session($node, $gated) foreach 1 .. 3;
		await_waiters(3);
		my $pid = leader_pid();
		$node->safe_psql('postgres', "SELECT $stop($pid)");
		# Before landing, a waiter that wakes late may find the value in L1.
		ok( wait_until($node, "SELECT count(*) FROM cache_inflight WHERE leader <> $pid", 1),
			"$case: another leads");
		await_waiters(2, $pid) if $point ne 'flight-before-landing';
		let_go($control, $point);
		my ($stopped, @results) = finish_all(@sessions);
		isnt($stopped->{status}, 0, "$case: the leader has stopped");
		ok(one_answer(@results), "$case: the others get one answer");
		is(stats('loads', 'flight_handovers', 'flight_timeouts'),
			$point eq 'flight-leader' ? '1|2|0' : '2|2|0', "$case: one more load");
		end_case();
	}
}

begin_case('the error is caught by the caller');
{
	# A subtransaction that fails must land the flight, not the transaction's end.
	my $sql = q{
		BEGIN;
		DO $$ BEGIN
			PERFORM cache_fetch('k', 'SELECT gate(1)');
		EXCEPTION WHEN OTHERS THEN
			RAISE NOTICE 'caught: %', SQLERRM;
		END $$;
		SELECT pg_advisory_lock_shared(2);
		SELECT cache_fetch('k', 'SELECT gate(1)');
		COMMIT;
	};
	close_gate(2);
	my ($leader, $waiter) = begin_flight($sql, 0);
	my $pid = leader_pid();
	$waiter = start_session($node, $gated);
	await_waiters(1);
	$node->safe_psql('postgres', "INSERT INTO culprit VALUES ($pid)");
	open_gate(1);
	my $result = finish_session($waiter);
	is($result->{status}, 0, "$case: the waiter is awake before the end of it");
	nothing_left('nor is anything left while the transaction goes on');
	open_gate(2);
	my $caught = finish_session($leader);
	like($caught->{stderr}, qr/caught: session \d+ fails/, "$case: caught");
	is(answer($caught), answer($result), "$case: the session goes on as usual");
	is(stats('loads', 'l1_hits'), '2|1', "$case: it hits what the waiter loaded");
}
end_case();

# ---- a waiter stops ---------------------------------------------------------

sub waiter_is_stopped
{
	my ($stop, $expected) = @_;
	my ($leader, @waiters) = begin_flight($gated, 5);
	my $victim = start_session(
		$node, $gated,
		name => 'victim',
		conf => { statement_timeout => $stop ? '0' : '1s' });

	if ($stop)
	{
		await_waiters(6);
		$node->safe_psql('postgres',
			"SELECT $stop(pid) FROM pg_stat_activity WHERE application_name = 'victim'");
	}
	my $stopped = finish_session($victim);
	isnt($stopped->{status}, 0, "$case: it has stopped");
	like($stopped->{stderr}, $expected, "$case: with its own error");
	await_waiters(5);
	pass("$case: the others wait on");
	open_gate(1);
	ok(one_answer(finish_all($leader, @waiters)), "$case: and get one answer");
	is(stats('loads', 'flight_handovers', 'flight_timeouts'),
		'1|5|0', "$case: 1 load");
	return;
}

begin_case('a waiter is cancelled');
waiter_is_stopped('pg_cancel_backend', qr/canceling statement due to user request/);
end_case();

begin_case('a waiter is terminated');
waiter_is_stopped('pg_terminate_backend', qr/terminating connection due to admin/);
end_case();

begin_case('statement_timeout of a waiter');
waiter_is_stopped(undef, qr/canceling statement due to statement timeout/);
end_case();

begin_case('all waiters are cancelled');
{
	my ($leader, @waiters) = begin_flight($gated, 3);
	$node->safe_psql('postgres', "SELECT pg_cancel_backend(pid)
		FROM pg_stat_activity WHERE wait_event_type = 'Extension'
		AND backend_type = 'client backend'");
	is(status_list(finish_all(@waiters)), '3 3 3', "$case: all have stopped");
	await_waiters(0);
	pass("$case: the flight is alone");
	open_gate(1);
	is(finish_session($leader)->{status}, 0, "$case: the leader is not");
}
end_case();

end_server();
done_testing();
