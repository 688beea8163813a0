# What ends a session that runs a plain SELECT for others, or waits for one: the others have their rows,
# or lead, and who waited gets the error that it would have got.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;

use CfTest;

require_debug();

my $node = CfTest->node('ends', 'cachefront.track_changes' => 'on', 'cachefront.transparent_min_saving' => 0);

debug($node);

my $control = open_session($node);
my $rows = 0;

$node->safe_psql(
	'postgres', q{
	CREATE TABLE items (id int PRIMARY KEY, v text);
	INSERT INTO items SELECT g, 'v' || g FROM generate_series(1, 100) g;
	SET cachefront.transparent = auto;
	SELECT v FROM items WHERE id = 0});

# A leader that is held, of a query that nobody has asked before; the query.
sub hold_leader
{
	my ($name) = @_;
	my $query = 'SELECT v FROM items WHERE id = ' . ++$rows;

	$control->query_safe(q{SELECT cf_debug_waitpoint_enable('statement-leads')});
	my $leader = start_session($node, $query, name => $name, conf => { 'cachefront.transparent' => 'auto' });
	await_waitpoint($node);
	return ($leader, $query);
}

sub release
{
	$control->query_safe(q{SELECT cf_debug_waitpoint_release('statement-leads')});
	return;
}

# A session that waits for the leader.
sub follow
{
	my ($query, $name, %conf) = @_;
	my $waiter = start_session($node, $query, name => $name,
		conf => { 'cachefront.transparent' => 'auto', %conf });

	await($node,
		"SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = '$name' AND " . wait_event('Flight'));
	return $waiter;
}

sub signal_session
{
	my ($function, $name) = @_;

	is($node->safe_psql('postgres', "SELECT $function(pid) FROM pg_stat_activity WHERE application_name = '$name'"),
		't', "$function reaches $name");
	return;
}

foreach my $function ('pg_cancel_backend', 'pg_terminate_backend')
{
	my ($leader, $query) = hold_leader('leader');
	my $waiter = follow($query, 'waiter');

	# The next one that leads is not held.
	signal_session($function, 'leader');
	isnt(finish_session($leader)->{status}, 0, 'the leader ends');
	release();
	my $result = finish_session($waiter);

	is($result->{stdout}, "v$rows", "after $function of the leader the waiter has the row");
	is($node->safe_psql('postgres', "SET cachefront.transparent = auto; $query"), "v$rows", 'and anybody');
}

foreach my $case (
	[ 'statement_timeout', 'statement_timeout' => '200ms', qr/canceling statement due to statement timeout/ ],
	[ 'flight_timeout', 'cachefront.flight_timeout' => '200ms', undef ])
{
	my ($name, $setting, $value, $error) = @$case;
	my ($leader, $query) = hold_leader('leader');
	my $result = finish_session(start_session($node, $query, name => 'waiter',
			conf => { 'cachefront.transparent' => 'auto', $setting => $value }));

	if (defined $error)
	{
		like($result->{stderr}, $error, "a waiter with $name ends");
	}
	else
	{
		is($result->{stdout}, "v$rows", "a waiter with $name runs it itself");
	}
	release();
	is(finish_session($leader)->{stdout}, "v$rows", 'the leader goes on');
}

foreach my $function ('pg_cancel_backend', 'pg_terminate_backend')
{
	my ($leader, $query) = hold_leader('leader');
	my $waiter = follow($query, 'waiter');

	signal_session($function, 'waiter');
	isnt(finish_session($waiter)->{status}, 0, "a waiter ends by $function");
	release();
	is(finish_session($leader)->{stdout}, "v$rows", 'the leader goes on');
}

# A leader within a savepoint of a transaction that goes on.
{
	my ($leader, $query) = hold_leader('outside');
	my $inside;

	signal_session('pg_cancel_backend', 'outside');
	finish_session($leader);
	$inside = start_session(
		$node, "BEGIN; DO \$\$ BEGIN PERFORM v FROM items WHERE id = $rows;"
		  . " EXCEPTION WHEN query_canceled THEN NULL; END \$\$; $query; COMMIT",
		name => 'inside', conf => { 'cachefront.transparent' => 'auto' });
	await_waitpoint($node);
	signal_session('pg_cancel_backend', 'inside');
	release();
	is(finish_session($inside)->{stdout}, "v$rows", 'a statement after a savepoint whose load was canceled');
	is($node->safe_psql('postgres', "SET cachefront.transparent = auto; $query"), "v$rows", 'and anybody else');
}

# What is not to be kept is run by all who wait at once: nobody waits a second time.
foreach my $case ([ 'a large result', "repeat(v, 200000) FROM items, generate_series(1, 200)" ],
	[ 'what reports something', "to_tsquery('english', 'the' || left(v, 0)) FROM items, generate_series(1, 20000)" ])
{
	my ($name, $select) = @$case;
	my $query = "SELECT $select WHERE id = 1";

	$control->query_safe(q{SELECT cf_debug_waitpoint_enable('statement-leads')});
	my @sessions = start_session($node, $query, name => 'many', conf => { 'cachefront.transparent' => 'auto' });
	await_waitpoint($node);
	push @sessions, map { follow($query, "many $_", 'client_min_messages' => 'notice') } 1 .. 4;
	$control->query_safe(q{SELECT cf_debug_waitpoint_enable('flight-wait')});
	release();
	ok( wait_until(
			$node, q{SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name LIKE 'many%'}),
		"$name is run by all");
	$control->query_safe(q{SELECT cf_debug_waitpoint_release('flight-wait')});
	is(join(' ', map { finish_session($_)->{status} } @sessions), '0 0 0 0 0', 'each has its rows');
}

$control->quit;
done_testing();
