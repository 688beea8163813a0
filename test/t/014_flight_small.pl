# Singleflight with little memory: values that it does not hold, and that no flight, segment
# or room gets lost, however many sessions stop on their way.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use CfFlight;
use CfTest qw(:DEFAULT stats);

require_debug();
begin_server('small',
	'max_connections' => 20,
	'cachefront.l1_size' => '1MB',
	'cachefront.l1_max_value' => '100MB');
begin_case('a value larger than the whole of L1');
{
	my @sessions = begin_flight(
		"SELECT md5(cache_fetch('k', 'SELECT gate(1) AS g,"
		  . " repeat(''x'', 5000000) AS x')::text)", 8);
	open_gate(1);
	ok(one_answer(finish_all(@sessions)), "$case: one answer");
	is(stats('loads', 'flight_handovers', 'no_memory', 'fills'),
		'1|8|1|0', "$case: 1 load, handed over, not kept");
}
end_case();

# Five sessions nest 32 loads each. No more than a session's share are in the air,
# so that none takes the others' flights; the rest load without one.
sub count_flights
{
	close_gate(1);
	my @sessions = map { start_session($node, "SELECT nest('s$_:', 32)") } 1 .. 5;
	await($node, "SELECT count(*) FROM pg_stat_activity
		WHERE wait_event = 'advisory'", 5);
	my $n = $node->safe_psql('postgres', 'SELECT count(*), min(n), max(n) FROM
		(SELECT count(*) AS n FROM cache_inflight GROUP BY leader) AS per_session');
	open_gate(1);
	is(status_list(finish_all(@sessions)), '0 0 0 0 0', "$case: all answer");
	return $n;
}

$node->safe_psql('postgres', "CREATE FUNCTION cf_debug_free_flights() RETURNS int LANGUAGE C
	AS 'cachefront', 'cachefront_debug_free_flights'");
my $free_flights = $node->safe_psql('postgres', 'SELECT cf_debug_free_flights()');

begin_case('sessions that nest deeply');
is(count_flights(), '5|3|3', "$case: each has its share of flights");
is(stats('loads'), 160, "$case: the rest load without one");
end_case();

# A value that is handed over in L1's memory is given back: four sessions walk
# through the same keys, and what they hand over is more than L1 holds.
sub room_for_values
{
	$node->safe_psql(
		'postgres', q{
		SELECT cache_flush();
		DO $$ BEGIN FOR i IN 1 .. 500 LOOP
			PERFORM cache_set('room:' || i, to_json(repeat('x', 6000)));
			COMMIT;
		END LOOP; END $$});
	my $n = $node->safe_psql('postgres', 'SELECT count(*) FROM cache_entries');
	$node->safe_psql('postgres', 'SELECT cache_flush()');
	return $n;
}

begin_case('values handed over');
{
	my $room = room_for_values();
	my $sql = join '', map {
		"SELECT length(cache_fetch('h$_', 'SELECT pg_sleep(0.003)::text,"
		  . " repeat(''x'', 6000) AS x')::text);\n"
	} 1 .. 400;
	# Who is slow finds in L1 what the others have loaded: until enough were in time.
	foreach (1 .. 50)
	{
		my ($results) = run_sessions($node, [ ($sql) x 4 ]);

		is(status_list(@$results), '0 0 0 0', "$case: all answer");
		last if stats('flight_handovers') > 200;
	}
	cmp_ok(stats('flight_handovers'), '>', 200, "$case: many");
	cmp_ok(room_for_values(), '>=', 0.9 * $room, "$case: room for $room values, as before");
}
end_case();

# Leaders and waiters that stop at any point, many times over: a flight that is
# not given back would be missing afterwards.
begin_case('many sessions that time out');
{
	my @texts = map {
		my $session = $_;
		"\\set ON_ERROR_STOP 0\nSET client_min_messages = fatal;\n"
		  . join('', map {
			my $ms = 1 + ($session * 7 + $_ * 3) % 9;
			my $k = $_ % 3;
			"SET statement_timeout = $ms;\n"
			  . "SELECT md5(cache_fetch('k$k', 'SELECT pg_sleep(0.004),"
			  . " repeat(''x'', $k * 600000)', ttl => '1 ms')::text);\n"
		} 1 .. 200);
	} 1 .. 8;
	my @counters;

	# How many of either there are depends on the machine: until there are enough.
	foreach (1 .. 50)
	{
		my ($results) = run_sessions($node, \@texts, barrier => 0);

		is(status_list(@$results), join(' ', (0) x 8), "$case: no session is lost");
		@counters = split /\|/, stats('load_errors', 'flight_handovers', 'loads');
		last if $counters[0] > 10 && $counters[1] > 10;
	}
	cmp_ok($counters[0], '>', 10, "$case: leaders stopped");
	cmp_ok($counters[1], '>', 10, "$case: waiters had the value");
	note("load_errors, flight_handovers, loads: @counters");
}
end_case();
is(count_flights(), '5|3|3', "$case: flights as before");
cmp_ok($free_flights, '>', 15, 'there are flights');
is($node->safe_psql('postgres', 'SELECT cf_debug_free_flights()'),
	$free_flights, "$case: all flights were given back");

end_server();
done_testing();
