# Singleflight: fetches inside of each other, and leaders that wait for those who wait for
# them, as of locks.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use CfFlight;
use CfTest qw(:DEFAULT hold let_go stats);

require_debug();
begin_server('nested');

# ---- nested fetches ---------------------------------------------------------

$node->safe_psql(
	'postgres', q{
	-- Fetches its own key, once.
	CREATE FUNCTION nest_same(levels int) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		level int := coalesce(nullif(current_setting('cft.level', true), ''), '0');
		inside text := 'bottom';
	BEGIN
		IF level < levels THEN
			PERFORM set_config('cft.level', (level + 1)::text, true);
			inside := cache_fetch('same', format('SELECT nest_same(%s)', levels));
			PERFORM set_config('cft.level', level::text, true);
		END IF;
		RETURN level || ' ' || length(inside);
	END $$;

	-- Waits at gate 1 and then fetches the other key.
	CREATE FUNCTION cross_over(other text, n int) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		mine text := CASE other WHEN 'a' THEN 'b' ELSE 'a' END;
	BEGIN
		PERFORM pg_advisory_xact_lock_shared(1);
		IF n = 0 THEN RETURN 'end'; END IF;
		IF current_setting('cft.inside', true) = 'yes' THEN RETURN 'inside'; END IF;
		PERFORM set_config('cft.inside', 'yes', true);
		RETURN cache_fetch(other, format('SELECT cross_over(%L, 1)', mine));
	END $$;
});

begin_case('nested fetch of the same key');
{
	my $result = finish_session(
		start_session($node, "SELECT cache_fetch('same', 'SELECT nest_same(2)')"), 30);
	is($result->{stdout} . $result->{stderr},
		'[{"nest_same":"0 22"}]', "$case: it loads by itself");
	is(stats('loads', 'flight_timeouts'), '3|0', "$case: 3 loads");
}
end_case();

begin_case('nested fetch of another key');
{
	my @sessions = begin_flight("SELECT cache_fetch('top', 'SELECT nest(''in'', 2)')", 2);
	is( $node->safe_psql('postgres',
			"SELECT string_agg(key, ' ' ORDER BY key), count(DISTINCT leader)
			FROM cache_inflight"),
		'in1 in2 top|1',
		"$case: one session leads three flights");
	push @sessions, start_session($node, "SELECT cache_fetch('in2', 'SELECT nest(''in'', 1)')");
	await_waiters(3);
	open_gate(1);
	my @results = finish_all(@sessions);
	is(status_list(@results), '0 0 0 0', "$case: all answer");
	ok(one_answer(@results[ 0 .. 2 ]), "$case: one answer");
	is(stats('loads', 'fills', 'flight_handovers'),
		'3|3|3', "$case: each key is loaded once");
}
end_case();

begin_case('nested fetches that cross');
{
	close_gate(1);
	my @sessions = map {
		start_session($node, "SELECT cache_fetch('$_->[0]', 'SELECT cross_over(''$_->[1]'', 1)')")
	} ([ 'a', 'b' ], [ 'b', 'a' ]);
	await($node, 'SELECT count(*) FROM cache_inflight', 2);
	# So that both lead when each fetches the other's key.
	hold($control, 'load-after-query');
	open_gate(1);
	await_held('load-after-query', 2);
	is($node->safe_psql('postgres', 'SELECT count(*), sum(waiters) FROM cache_inflight'),
		'2|0', "$case: neither waits for the other");
	let_go($control, 'load-after-query');
	my @results = finish_all(@sessions);
	is(status_list(@results), '0 0', "$case: both answer");
	is(stats('loads', 'flight_timeouts', 'flight_handovers'),
		'4|0|0', "$case: each has loaded both");
}
end_case();

# ---- a leader that waits for a waiter ---------------------------------------

my $quick = "SET deadlock_timeout = '200ms'";

begin_case('a table lock of a waiter');
{
	# With wal_level = minimal, ACCESS EXCLUSIVE takes no transaction id.
	my $query = "SELECT cache_fetch('k', 'TABLE p')";
	close_gate(2);
	my $waiter = start_session(
		$node, "$quick;
		BEGIN;
		LOCK TABLE p IN ACCESS EXCLUSIVE MODE;
		SELECT pg_current_xact_id_if_assigned() IS NULL;
		SELECT pg_advisory_xact_lock_shared(2);
		$query;
		COMMIT");
	await($node, "SELECT count(*) FROM pg_locks WHERE relation = 'p'::regclass
		AND mode = 'AccessExclusiveLock' AND granted", 1);
	my $leader = start_session($node, $query);
	await($node, "SELECT count(*) FROM pg_locks WHERE relation = 'p'::regclass
		AND NOT granted", 1);
	my $start = time();
	open_gate(2);
	my @results = finish_all($waiter, $leader);
	my $seconds = time() - $start;

	is(status_list(@results), '0 0', "$case: both answer");
	like($results[0]->{stdout}, qr/^t\n/, "$case: the waiter has no transaction id");
	is(answer($_), '[{"v":"p"}]', "$case: answer") foreach @results;
	is(stats('loads', 'flight_timeouts'), '2|1', "$case: the waiter gave up");
	cmp_ok($seconds, '>=', 0.2, "$case: not before deadlock_timeout");
}
end_case();

begin_case('a session in the middle');
{
	# The leader queues behind ALTER TABLE, which queues behind the waiter.
	my $query = "SELECT cache_fetch('k', 'TABLE q')";
	close_gate(2);
	my $waiter = start_session(
		$node, "$quick;
		BEGIN;
		TABLE q;
		SELECT pg_advisory_xact_lock_shared(2);
		$query;
		COMMIT");
	await($node, "SELECT count(*) FROM pg_locks WHERE relation = 'q'::regclass", 1);
	my $alter = start_session($node, 'ALTER TABLE q ADD COLUMN w int');
	await($node, "SELECT count(*) FROM pg_locks WHERE relation = 'q'::regclass
		AND NOT granted", 1);
	my $leader = start_session($node, $query);
	await($node, "SELECT count(*) FROM pg_locks WHERE relation = 'q'::regclass
		AND NOT granted", 2);
	open_gate(2);
	my @results = finish_all($waiter, $alter, $leader);

	is(status_list(@results), '0 0 0', "$case: all go on");
	is(answer($results[0]), '[{"v":"q"}]', "$case: the waiter's answer");
	is(answer($results[2]), '[{"v":"q","w":null}]', "$case: the leader's answer");
	is(stats('loads', 'flight_timeouts', 'fills_refused'),
		'2|1|1', "$case: the waiter gave up, and its value was not kept");
}
end_case();

# Two flights and two locks. How each session of the chain begins: each flight's
# leader needs the lock that the waiter of the other flight holds.
sub chain
{
	my ($lock, $fetch) = @_;
	my %session;

	close_gate(2);
	foreach my $i (1, 2)
	{
		$session{"w$i"} = start_session(
			$node, "$quick;
			BEGIN;
			$lock->[$i];
			SELECT pg_advisory_xact_lock_shared(2);
			$fetch->[$i];
			COMMIT", name => "w$i");
	}
	await($node, "SELECT count(*) FROM pg_stat_activity
		WHERE application_name ~ '^w[12]' AND wait_event = 'advisory'", 2);
	foreach my $i (1, 2)
	{
		$session{"l$i"} = start_session($node, $fetch->[$i], name => "l$i");
	}
	await($node, "SELECT count(*) FROM pg_stat_activity
		WHERE application_name ~ '^l[12]' AND wait_event_type = 'Lock'", 2);
	open_gate(2);
	return finish_all(map { $session{$_} } 'w1', 'w2', 'l1', 'l2');
}

begin_case('two flights and two locks');
{
	# Only the leaders need the locks: as soon as a waiter gives up, all go on.
	$node->safe_psql(
		'postgres', q{
		CREATE FUNCTION needs(n int) RETURNS text LANGUAGE plpgsql AS $$
		BEGIN
			IF current_setting('application_name') = 'l' || (n - 10) THEN
				PERFORM pg_advisory_xact_lock(n);
			END IF;
			RETURN 'done';
		END $$});
	my @results = chain(
		[
			undef,
			'SELECT pg_advisory_xact_lock(12)',
			'SELECT pg_advisory_xact_lock(11)'
		],
		[
			undef,
			"SELECT cache_fetch('a', 'SELECT needs(11)')",
			"SELECT cache_fetch('b', 'SELECT needs(12)')"
		]);
	is(status_list(@results), '0 0 0 0', "$case: all answer");
	is(answer($_), '[{"needs":"done"}]', "$case: answer") foreach @results;
	cmp_ok(stats('flight_timeouts'), '>=', 1, "$case: a waiter gave up");
}
end_case();

begin_case('two flights and a true deadlock');
{
	# Without the cache, too, each of the two transactions needs what the other
	# has locked: PostgreSQL ends one of them.
	my @results = chain(
		[
			undef,
			'LOCK TABLE q IN ACCESS EXCLUSIVE MODE',
			'LOCK TABLE p IN ACCESS EXCLUSIVE MODE'
		],
		[
			undef,
			"SELECT cache_fetch('a', 'SELECT v FROM p')",
			"SELECT cache_fetch('b', 'SELECT v FROM q')"
		]);
	my @waiters = sort { $a->{status} cmp $b->{status} } @results[ 0, 1 ];
	is(status_list(@waiters), '0 3', "$case: one waiter fails");
	like($waiters[1]->{stderr}, qr/ERROR:  deadlock detected/, "$case: as it must");
	is(status_list(@results[ 2, 3 ]), '0 0', "$case: both leaders answer");
}
end_case();

# ---- flight_timeout ---------------------------------------------------------

begin_case('flight_timeout');
{
	# The leader is held after its query, so that the waiter's own can run.
	my $query = "SELECT cache_fetch('k', 'SELECT gate(1)')";
	hold($control, 'flight-before-landing');
	my $leader = start_session($node, $query);
	await_held('flight-before-landing');
	# The leader has filled L1 before it lands: the key must be empty again.
	$node->safe_psql('postgres', "SELECT cache_delete('k')");
	my $start = time();
	my $result = finish_session(
		start_session(
			$node, $query, conf => { 'cachefront.flight_timeout' => '300ms' }), 30);
	my $seconds = time() - $start;
	is($result->{status}, 0, "$case: the waiter answers");
	cmp_ok($seconds, '>=', 0.3, "$case: not earlier");
	is(stats('loads', 'flight_timeouts', 'fills', 'stale_hits'),
		'2|1|2|0', "$case: it has loaded by itself");
	let_go($control, 'flight-before-landing');
	isnt(answer(finish_session($leader)),
		answer($result), "$case: the leader has an answer of its own");
	is( $node->safe_psql('postgres', $query),
		answer($result),
		"$case: what the waiter loaded is in L1");
}
end_case();

begin_case('flight_timeout with a stale value');
{
	my $query = "SELECT cache_fetch('k', 'SELECT gate(1)', ttl => '60 s')";
	my $old = $node->safe_psql('postgres', $query);
	$node->safe_psql('postgres', "SELECT cf_debug_advance_clock('61 s')");
	my ($leader) = begin_flight($query, 0);
	my $result = finish_session(
		start_session(
			$node, $query, conf => { 'cachefront.flight_timeout' => '200ms' }), 30);
	is(answer($result), $old, "$case: the waiter gets the stale value");
	is(stats('loads', 'flight_timeouts', 'stale_hits'),
		'2|1|1', "$case: it has not loaded");
	open_gate(1);
	isnt(answer(finish_session($leader)), $old, "$case: the leader has a new one");
}
end_case();

end_server();
done_testing();
