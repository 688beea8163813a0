# Singleflight: many sessions that miss one key at once run its query once, and
# no way that a session can end leaves the others waiting.
#
# deadlock_timeout and cachefront.flight_timeout are ten minutes here, unless a
# case is about one of them. So a session that goes on was woken: neither its
# own polling nor a timeout can hide a wake-up that is missing.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use CfTest;

require_debug();

my $node = CfTest->node(
	'flight',
	'cachefront.flight_timeout' => '10min',
	'cachefront.xfetch_beta' => '0',
	'deadlock_timeout' => '10min',
	# As files of the data folder, so that left ones can be counted.
	'dynamic_shared_memory_type' => 'mmap');
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
});

# This session closes gates and holds wait points.
my $control = open_session($node, 'postgres');
$control->set_query_timer_restart;

my $unused_handovers = dynamic_segments();
my $case;

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

# No lock, no flight and no waiter is left.
sub nothing_left
{
	is( $node->safe_psql(
			'postgres', q{
			SELECT (SELECT count(*) FROM pg_locks
				WHERE locktype = 'advisory' AND objsubid = 207),
			(SELECT count(*) FROM cache_inflight), flights, waiters
			FROM cache_status}),
		'0|0|0|0',
		"$case: $_[0]");
	return;
}

# What every case ends with.
sub end_case
{
	nothing_left('nothing is left');
	is(dynamic_segments(), $unused_handovers, "$case: no segment is left");
	return;
}

sub counters
{
	return $node->safe_psql('postgres',
		'SELECT ' . join(', ', @_) . " FROM cache_stats WHERE cache = '*'");
}

sub close_gate { $control->query_safe("SELECT pg_advisory_lock($_[0])"); return; }
sub open_gate { $control->query_safe("SELECT pg_advisory_unlock($_[0])"); return; }

sub hold
{
	$control->query_safe("SELECT cf_debug_waitpoint_enable('$_[0]')");
	return;
}

sub let_go
{
	$control->query_safe("SELECT cf_debug_waitpoint_release('$_[0]')");
	return;
}

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

my $gated = "SELECT cache_fetch('k', 'SELECT gate(1)')";

# ---- one load ---------------------------------------------------------------

begin_case('200 sessions, one cold key');
{
	my $sql = "SELECT cache_fetch('cold', 'SELECT cf_debug_pid() AS pid,"
	  . " clock_timestamp() AS at, pg_sleep(0.2)')";
	my ($results, $seconds) = run_sessions($node, [ ($sql) x 200 ]);

	ok(one_answer(@$results), "$case: 200 equal answers");
	is(counters('loads', 'fills', 'fetches'), '1|1|200', "$case: 1 load");
	is(counters('l1_hits + flight_handovers'),
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
	is(counters('loads', 'misses', 'flight_handovers', 'l1_hits'),
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
	nothing_left('nothing is left while they do');
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
	is(counters('loads', 'flight_handovers'), '2|3', "$case: 2 loads");
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
	is(counters('loads', 'flight_handovers'), '1|3', "$case: 1 load");
}
end_case();

# ---- the leader fails -------------------------------------------------------

begin_case('the query of the leader fails');
{
	my ($leader, @followers) = begin_flight($gated, 10);

	$node->safe_psql('postgres', 'INSERT INTO culprit VALUES (' . leader_pid() . ')');
	open_gate(1);
	my $failed = finish_session($leader);
	my @results = finish_all(@followers);

	is($failed->{status}, 3, "$case: it gets an error");
	like($failed->{stderr}, qr/ERROR:  session \d+ fails/, "$case: its own error");
	ok(one_answer(@results), "$case: the waiters get one answer");
	is(counters('loads', 'load_errors', 'fills', 'flight_timeouts'),
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
	is(counters('loads', 'load_errors', 'fills'), '11|11|0', "$case: each has tried");
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
	my @followers = map { start_session($node, $gated) } 1 .. 10;

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
	ok(one_answer(finish_all(@followers)), "$case: the others get one answer");
	is(counters('loads', 'fills', 'flight_handovers', 'flight_timeouts'),
		'2|1|9|0', "$case: one more load");
	end_case();
}

# The same before the snapshot and at landing, where it holds other things.
foreach my $point ('flight-leader', 'fetch-before-fill', 'flight-before-landing')
{
	foreach my $stop ('pg_terminate_backend', 'pg_cancel_backend')
	{
		begin_case("$stop at $point");
		hold($point);
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
		let_go($point);
		my ($stopped, @results) = finish_all(@sessions);
		isnt($stopped->{status}, 0, "$case: the leader has stopped");
		ok(one_answer(@results), "$case: the others get one answer");
		is(counters('loads', 'flight_handovers', 'flight_timeouts'),
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
	my ($leader, $follower) = begin_flight($sql, 0);
	my $pid = leader_pid();
	$follower = start_session($node, $gated);
	await_waiters(1);
	$node->safe_psql('postgres', "INSERT INTO culprit VALUES ($pid)");
	open_gate(1);
	my $result = finish_session($follower);
	is($result->{status}, 0, "$case: the waiter is awake before the end of it");
	nothing_left('nor is anything left while the transaction goes on');
	open_gate(2);
	my $caught = finish_session($leader);
	like($caught->{stderr}, qr/caught: session \d+ fails/, "$case: caught");
	is(answer($caught), answer($result), "$case: the session goes on as usual");
	is(counters('loads', 'l1_hits'), '2|1', "$case: it hits what the waiter loaded");
}
end_case();

# ---- a waiter stops ---------------------------------------------------------

sub waiter_is_stopped
{
	my ($stop, $expected) = @_;
	my ($leader, @followers) = begin_flight($gated, 5);
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
	ok(one_answer(finish_all($leader, @followers)), "$case: and get one answer");
	is(counters('loads', 'flight_handovers', 'flight_timeouts'),
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
	my ($leader, @followers) = begin_flight($gated, 3);
	$node->safe_psql('postgres', "SELECT pg_cancel_backend(pid)
		FROM pg_stat_activity WHERE wait_event_type = 'Extension'
		AND backend_type = 'client backend'");
	is(status_list(finish_all(@followers)), '3 3 3', "$case: all have stopped");
	await_waiters(0);
	pass("$case: the flight is alone");
	open_gate(1);
	is(finish_session($leader)->{status}, 0, "$case: the leader is not");
}
end_case();

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

	CREATE FUNCTION nest(prefix text, n int) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		IF n = 0 THEN
			RETURN gate(1);
		END IF;
		RETURN length(cache_fetch(prefix || n,
			format('SELECT nest(%L, %s)', prefix, n - 1))::text);
	END $$;
});

begin_case('nested fetch of the same key');
{
	my $result = finish_session(
		start_session($node, "SELECT cache_fetch('same', 'SELECT nest_same(2)')"), 30);
	is($result->{stdout} . $result->{stderr},
		'[{"nest_same":"0 22"}]', "$case: it loads by itself");
	is(counters('loads', 'flight_timeouts'), '3|0', "$case: 3 loads");
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
	is(counters('loads', 'fills', 'flight_handovers'),
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
	hold('load-after-query');
	open_gate(1);
	await_held('load-after-query', 2);
	is($node->safe_psql('postgres', 'SELECT count(*), sum(waiters) FROM cache_inflight'),
		'2|0', "$case: neither waits for the other");
	let_go('load-after-query');
	my @results = finish_all(@sessions);
	is(status_list(@results), '0 0', "$case: both answer");
	is(counters('loads', 'flight_timeouts', 'flight_handovers'),
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
	is(counters('loads', 'flight_timeouts'), '2|1', "$case: the waiter gave up");
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
	is(counters('loads', 'flight_timeouts', 'fills_refused'),
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
	cmp_ok(counters('flight_timeouts'), '>=', 1, "$case: a waiter gave up");
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
	hold('flight-before-landing');
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
	is(counters('loads', 'flight_timeouts', 'fills', 'stale_hits'),
		'2|1|2|0', "$case: it has loaded by itself");
	let_go('flight-before-landing');
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
	is(counters('loads', 'flight_timeouts', 'stale_hits'),
		'2|1|1', "$case: it has not loaded");
	open_gate(1);
	isnt(answer(finish_session($leader)), $old, "$case: the leader has a new one");
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
	is(counters('loads', 'flight_handovers', 'too_large', 'fills'),
		'1|10|1|0', "$case: 1 load, handed over, not kept");
	is($node->safe_psql('postgres', 'SELECT count(*) FROM cache_entries'),
		0, "$case: nothing in L1");
}
end_case();

begin_case('a waiter of a large value is cancelled');
{
	my $query = "SELECT md5(cache_fetch('k', 'SELECT gate(1) AS g,"
	  . " repeat(''x'', 3000000) AS x')::text)";
	my ($leader, @followers) = begin_flight($query, 2);
	# It stands in its flight while the value lands.
	hold('flight-wait');
	my $victim = start_session($node, $query, name => 'victim');
	await_held('flight-wait');
	open_gate(1);
	ok(one_answer(finish_all($leader, @followers)), "$case: one answer");
	cmp_ok(dynamic_segments(), '>', $unused_handovers,
		"$case: the value is kept for the last waiter");
	$node->safe_psql('postgres', "SELECT pg_cancel_backend(pid)
		FROM pg_stat_activity WHERE application_name = 'victim'");
	is(finish_session($victim)->{status}, 3, "$case: it stops");
	let_go('flight-wait');
}
end_case();

# ---- freshness --------------------------------------------------------------

my $item = "SELECT cache_fetch('item:1', 'SELECT val FROM item WHERE id = 1', tags => '{t}')";

# A commit between the leader's snapshot and the waiter's begin.
foreach my $way (
	[ 'key', "cache_invalidate('item:1')" ],
	[ 'tag', "cache_invalidate_tag('t')" ],
	[ 'table', "cache_invalidate_table('item')" ],
	[ 'flush', 'cache_flush()' ],
	[ 'delete', "cache_delete('item:1')" ])
{
	foreach my $point ('load-after-snapshot', 'load-after-query',
		'flight-before-landing')
	{
		begin_case("$way->[0] invalidated at $point");
		$node->safe_psql('postgres', "UPDATE item SET val = 'old'");
		hold($point);
		my $leader = start_session($node, $item);
		await_held($point);
		$node->safe_psql('postgres',
			"BEGIN; UPDATE item SET val = 'new'; SELECT $way->[1]; COMMIT");
		my $later = start_session($node, $item);
		await_waiters(1);
		let_go($point);
		my @results = finish_all($leader, $later);
		is(answer($results[0]), '[{"val":"old"}]', "$case: the leader began before it");
		is(answer($results[1]), '[{"val":"new"}]', "$case: the waiter began after it");
		is($node->safe_psql('postgres', $item),
			'[{"val":"new"}]', "$case: the new value is in L1");
		# At landing, the fill was before the commit, which has dropped it again.
		is(counters('loads', 'fills_refused', 'fills', 'l1_hits'),
			$point eq 'flight-before-landing' ? '2|0|2|1' : '2|1|1|1',
			"$case: the old value was not kept");
		end_case();
	}
}

begin_case('a commit before the snapshot');
{
	# Who waits before the snapshot was taken may take whatever it shows.
	$node->safe_psql('postgres', "UPDATE item SET val = 'old'");
	hold('flight-leader');
	my @sessions = (start_session($node, $item));
	await_held('flight-leader');
	push @sessions, start_session($node, $item);
	await_waiters(1);
	$node->safe_psql('postgres',
		"BEGIN; UPDATE item SET val = 'new'; SELECT cache_invalidate('item:1'); COMMIT");
	push @sessions, start_session($node, $item);
	await_waiters(2);
	let_go('flight-leader');
	is(answer($_), '[{"val":"new"}]', "$case: the new value")
	  foreach finish_all(@sessions);
	is(counters('loads', 'fills', 'fills_refused', 'flight_handovers'),
		'1|1|0|2', "$case: 1 load");
}
end_case();

begin_case('a commit while all wait');
{
	# They began before it, so one load is enough for them; L1 must not keep it.
	$node->safe_psql('postgres', "UPDATE item SET val = 'old'");
	hold('flight-leader');
	my @sessions = (start_session($node, $item));
	await_held('flight-leader');
	push @sessions, start_session($node, $item) foreach 1 .. 3;
	await_waiters(3);
	hold('load-after-query');
	let_go('flight-leader');
	await_held('load-after-query');
	$node->safe_psql('postgres',
		"BEGIN; UPDATE item SET val = 'new'; SELECT cache_invalidate('item:1'); COMMIT");
	let_go('load-after-query');
	finish_all(@sessions);
	is(counters('loads', 'fills', 'fills_refused'), '1|0|1', "$case: 1 load, not kept");
	is($node->safe_psql('postgres', $item),
		'[{"val":"new"}]', "$case: who comes later gets the new value");
}
end_case();

begin_case('the waiters of a commit window');
{
	# The commit is under way: clocks are raised, the change is not visible yet.
	$node->safe_psql('postgres', "UPDATE item SET val = 'old'");
	hold('load-after-query');
	my @sessions = (start_session($node, $item));
	await_held('load-after-query');
	hold('commit-window');
	my $writer = start_session($node,
		"BEGIN; UPDATE item SET val = 'new'; SELECT cache_invalidate('item:1'); COMMIT");
	await_held('commit-window');
	push @sessions, start_session($node, $item) foreach 1 .. 8;
	await_waiters(8);
	# The first value is too old for the eight; they share one more load.
	hold('flight-leader');
	let_go('load-after-query');
	finish_session(shift @sessions);
	await_held('flight-leader');
	await_waiters(7);
	pass("$case: one leads, seven wait again");
	let_go('flight-leader');
	is(answer($_), '[{"val":"old"}]', "$case: a value that is visible")
	  foreach finish_all(@sessions);
	is(counters('loads', 'fills', 'fills_refused'), '2|0|2', "$case: one more load");
	let_go('commit-window');
	is(finish_session($writer)->{status}, 0, "$case: the commit ends");
	is($node->safe_psql('postgres', $item), '[{"val":"new"}]', "$case: the new value");
}
end_case();

# ---- privacy ----------------------------------------------------------------

$node->safe_psql(
	'postgres', q{
	CREATE ROLE app LOGIN;
	CREATE TABLE doc (tenant text, body text);
	INSERT INTO doc VALUES ('one', 'of one'), ('two', 'of two');
	ALTER TABLE doc ENABLE ROW LEVEL SECURITY;
	CREATE POLICY tenant ON doc USING (tenant = current_setting('app.tenant'));
	CREATE VIEW docs AS SELECT * FROM doc;
	ALTER VIEW docs OWNER TO app;
	GRANT SELECT ON doc, item TO app;
	CREATE FUNCTION read_doc() RETURNS text LANGUAGE plpgsql AS
	$$ BEGIN RETURN (SELECT string_agg(body, ',') FROM doc); END $$;
});

foreach my $read (
	[ 'a table', 'SELECT body FROM doc' ],
	[ 'a view', 'SELECT body FROM docs' ],
	[ 'a function', 'SELECT read_doc() AS body' ])
{
	begin_case("row security: $read->[0]");
	my $query = "SELECT cache_fetch('doc', \$\$$read->[1]\$\$)";
	hold('flight-before-landing');
	my @sessions = (
		start_session($node, $query, user => 'app', conf => { 'app.tenant' => 'one' }));
	await_held('flight-before-landing');
	push @sessions,
	  start_session($node, $query, user => 'app', conf => { 'app.tenant' => $_ })
	  foreach 'two', 'one';
	# They know already that this is not to be shared: both load by themselves.
	my @known = finish_all(@sessions[ 1, 2 ]);
	is(answer($known[0]), '[{"body":"of two"}]', "$case: its own rows");
	is(answer($known[1]), '[{"body":"of one"}]', "$case: its own rows");
	let_go('flight-before-landing');
	is(answer(finish_session($sessions[0])),
		'[{"body":"of one"}]', "$case: the leader's rows");
	is(counters('loads', 'flight_handovers', 'fills', 'l1_hits'),
		'3|0|0|0', "$case: nothing is shared");

	# Cold again, with followers that cannot know.
	$node->safe_psql('postgres', 'SELECT cache_flush()');
	hold('load-after-query');
	@sessions = (
		start_session($node, $query, user => 'app', conf => { 'app.tenant' => 'one' }));
	await_held('load-after-query');
	push @sessions,
	  start_session($node, $query, user => 'app', conf => { 'app.tenant' => $_ })
	  foreach 'two', 'one', 'two';
	await_waiters(3);
	let_go('load-after-query');
	is(join(' ', map { answer($_) } finish_all(@sessions)),
		'[{"body":"of one"}] [{"body":"of two"}] [{"body":"of one"}] [{"body":"of two"}]',
		"$case: each gets its own rows");
	is(counters('loads', 'flight_handovers', 'fills', 'l1_hits'),
		'7|0|0|0', "$case: nothing is handed over");
	end_case();
}

begin_case('a result that cannot be shared');
{
	# The query takes a transaction id. Then all load, and not one by one.
	my $sql = "SELECT cache_fetch('k', 'SELECT gate(1), txid_current()')";
	my @sessions = begin_flight($sql, 5);
	hold('flight-before-landing');
	open_gate(1);
	await_held('flight-before-landing');
	hold('load-after-query');
	let_go('flight-before-landing');
	await_held('load-after-query', 5);
	pass("$case: all load at once");
	let_go('load-after-query');
	my @results = finish_all(@sessions);
	my %seen = map { answer($_) => 1 } @results;
	is(status_list(@results), '0 0 0 0 0 0', "$case: all answer");
	is(scalar(keys %seen), 6, "$case: each by itself");
	is(counters('loads', 'fills', 'flight_handovers'), '6|0|0', "$case: nothing is kept");
}
end_case();

begin_case('REVOKE while a leader loads');
{
	hold('load-after-query');
	my $leader = start_session($node, $item, user => 'app');
	await_held('load-after-query');
	$node->safe_psql('postgres', 'REVOKE SELECT ON item FROM app');
	my $later = start_session($node, $item, user => 'app');
	await_waiters(1);
	let_go('load-after-query');
	is(finish_session($leader)->{status}, 0, "$case: the leader began before it");
	like(finish_session($later)->{stderr},
		qr/permission denied for table item/, "$case: the waiter may not read");
}
end_case();

begin_case('other roles have other flights');
{
	my @sessions = begin_flight($gated, 0);
	$node->safe_psql('postgres', 'GRANT SELECT ON culprit TO app');
	push @sessions, start_session($node, $gated, user => 'app');
	await($node, 'SELECT count(*), sum(waiters) FROM cache_inflight', '2|0');
	open_gate(1);
	my @results = finish_all(@sessions);
	is(status_list(@results), '0 0', "$case: both answer");
	isnt(answer($results[0]), answer($results[1]), "$case: two loads");
}
end_case();

$control->quit;
$node->stop;
my @logs = ($node->logfile);

# ---- a small server ---------------------------------------------------------

my $small = CfTest->node(
	'small',
	'max_connections' => 20,
	'cachefront.l1_size' => '1MB',
	'cachefront.l1_max_value' => '100MB',
	'cachefront.flight_timeout' => '10min',
	'deadlock_timeout' => '10min',
	'dynamic_shared_memory_type' => 'mmap');
debug($small);
$small->safe_psql(
	'postgres', q{
	CREATE TABLE culprit (pid int);
	CREATE FUNCTION gate(n int) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM pg_advisory_xact_lock_shared(n);
		RETURN cf_debug_pid() || ' ' || clock_timestamp();
	END $$;
	CREATE FUNCTION nest(prefix text, n int) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		IF n = 0 THEN
			RETURN gate(1);
		END IF;
		RETURN length(cache_fetch(prefix || n,
			format('SELECT nest(%L, %s)', prefix, n - 1))::text);
	END $$;
});
$node = $small;
$control = open_session($node, 'postgres');
$control->set_query_timer_restart;
$unused_handovers = dynamic_segments();

begin_case('a value larger than the whole of L1');
{
	my @sessions = begin_flight(
		"SELECT md5(cache_fetch('k', 'SELECT gate(1) AS g,"
		  . " repeat(''x'', 5000000) AS x')::text)", 8);
	open_gate(1);
	ok(one_answer(finish_all(@sessions)), "$case: one answer");
	is(counters('loads', 'flight_handovers', 'no_memory', 'fills'),
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
is(counters('loads'), 160, "$case: the rest load without one");
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
		last if counters('flight_handovers') > 200;
	}
	cmp_ok(counters('flight_handovers'), '>', 200, "$case: many");
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
		@counters = split /\|/, counters('load_errors', 'flight_handovers', 'loads');
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

$control->quit;
$node->stop;
push @logs, $node->logfile;

unlike(slurp_file($_), qr/PANIC:|TRAP:|terminated by signal|WARNING:/, 'clean log')
  foreach @logs;

done_testing();
