# CfFlight.pm - what the tests of singleflight share: one server, gates, and cases.
#
#	begin_server('flight');				# $node, with a session $control that holds gates
#	begin_case('the query fails');		# $case; the cache is empty, counters are 0
#	my ($leader, @followers) = begin_flight($gated, 10);
#	open_gate(1);
#	ok(one_answer(finish_all($leader, @followers)), "$case: one answer");
#	end_case();							# nothing is left
#	end_server();
#
# deadlock_timeout and cachefront.flight_timeout are ten minutes here, unless a
# case is about one of them. So a session that goes on was woken: neither its
# own polling nor a timeout can hide a wake-up that is missing.

package CfFlight;

use strict;
use warnings;

use Exporter 'import';
use PostgreSQL::Test::Utils;
use Test::More;
use CfTest qw(:DEFAULT nothing_left);

our @EXPORT = qw($case $control $gated $item $node $unused_handovers answer await_held
  await_waiters begin_case begin_flight begin_server close_gate dynamic_segments end_case end_server
  finish_all leader_pid one_answer open_gate status_list);

our ($node, $control, $unused_handovers, $case);

# It stops at gate 1.
our $gated = "SELECT cache_fetch('k', 'SELECT gate(1)')";
our $item = "SELECT cache_fetch('item:1', 'SELECT val FROM item WHERE id = 1', tags => '{t}')";

sub begin_server
{
	my ($name, %conf) = @_;

	$node = CfTest->node(
		$name,
		'cachefront.flight_timeout' => '10min',
		'cachefront.xfetch_beta' => '0',
		'deadlock_timeout' => '10min',
		# As files of the data folder, so that left ones can be counted.
		'dynamic_shared_memory_type' => 'mmap',
		%conf);
	debug($node);
	$node->safe_psql(
		'postgres', q{
		CREATE TABLE culprit (pid int);
		CREATE TABLE item (id int PRIMARY KEY, val text);
		INSERT INTO item VALUES (1, 'old');
		CREATE TABLE p (v text);
		INSERT INTO p VALUES ('p');
		CREATE TABLE q (v text);
		INSERT INTO q VALUES ('q');

		-- Waits at a gate (an advisory lock), then fails if the session is listed
		-- in culprit. Else an answer that tells one load from any other.
		CREATE FUNCTION gate(n int) RETURNS text LANGUAGE plpgsql AS $$
		BEGIN
			PERFORM pg_advisory_xact_lock_shared(n);
			IF EXISTS (SELECT FROM culprit WHERE pid = cf_debug_pid()) THEN
				RAISE EXCEPTION 'session % fails', cf_debug_pid();
			END IF;
			RETURN cf_debug_pid() || ' ' || clock_timestamp();
		END $$;

		-- Fetches in fetches, n deep, and in the last one waits at gate 1.
		CREATE FUNCTION nest(prefix text, n int) RETURNS text LANGUAGE plpgsql AS $$
		BEGIN
			IF n = 0 THEN
				RETURN gate(1);
			END IF;
			RETURN length(cache_fetch(prefix || n,
				format('SELECT nest(%L, %s)', prefix, n - 1))::text);
		END $$;
	});
	# This session closes gates and holds wait points.
	$control = open_session($node, 'postgres');
	$control->set_query_timer_restart;
	$unused_handovers = dynamic_segments();
	return;
}

sub end_server
{
	$control->quit;
	$node->stop;
	unlike(slurp_file($node->logfile), qr/PANIC:|TRAP:|terminated by signal|WARNING:/, 'clean log');
	return;
}

sub dynamic_segments
{
	return scalar grep { /^mmap\./ } slurp_dir($node->data_dir . '/pg_dynshmem');
}

sub begin_case
{
	($case) = @_;
	note("---- $case");
	$node->safe_psql('postgres',
		'SELECT cache_flush(); SELECT cache_stats_reset(); TRUNCATE culprit');
	return;
}

# What every case ends with.
sub end_case
{
	nothing_left($case);
	is(dynamic_segments(), $unused_handovers, "$case: no segment is left");
	return;
}

sub close_gate { $control->query_safe("SELECT pg_advisory_lock($_[0])"); return; }
sub open_gate { $control->query_safe("SELECT pg_advisory_unlock($_[0])"); return; }

# Until so many sessions are held by the wait point of that name.
sub await_held
{
	my ($name, $n) = @_;

	await($node,
		"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'
			AND objsubid = 3325 AND classid = hashtext('$name')::oid
			AND NOT granted", $n // 1);
	return;
}

# Until there is a flight with so many waiters; with an old leader given, one that
# another session leads.
sub await_waiters
{
	my ($n, $old_leader) = @_;

	await($node,
		'SELECT sum(waiters) FROM cache_inflight WHERE leader <> '
		  . ($old_leader // 0), $n);
	return;
}

sub leader_pid
{
	return $node->safe_psql('postgres', 'SELECT leader FROM cache_inflight');
}

# Starts a leader that stops at gate 1, then n followers of its flight.
sub begin_flight
{
	my ($sql, $n, %option) = @_;
	my @sessions;

	close_gate(1);
	push @sessions, start_session($node, $sql, %option);
	await_waiters(0);
	push @sessions, start_session($node, $sql) foreach 1 .. $n;
	await_waiters($n);
	return @sessions;
}

sub finish_all
{
	return map { finish_session($_) } @_;
}

# The last line of output.
sub answer
{
	my ($result) = @_;
	my @lines = split /\n/, $result->{stdout};

	return $lines[-1] // '';
}

# Whether all results are one and the same answer.
sub one_answer
{
	my %seen;

	foreach my $result (@_)
	{
		return 0 if $result->{status} ne '0' || answer($result) eq '';
		$seen{ answer($result) } = 1;
	}
	return keys %seen == 1;
}

sub status_list
{
	return join(' ', map { $_->{status} } @_);
}

1;
