# A primary and a standby that share one Redis: what one has filled the other
# takes; one load on both for a cold key; a loader that dies is waited for no
# longer than its lease; a standby never brings an old value into Redis, and
# drops what it has itself when it hears of a change.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use CfRedis;
use CfTest;
use CfTier;

require_debug();

my $redis = CfRedis->new('main');
my $primary = CfTier->primary('primary', $redis,
	'restart_after_crash' => 'on',
	'cachefront.l1_ttl' => '10min',
	# Nobody stops waiting for another's load because the machine is busy.
	'cachefront.flight_timeout' => '1min',
	'cachefront.fence_ttl' => '1min');
my $ns = namespace($primary);

$primary->safe_psql('postgres', q{
	CREATE TABLE item (id int PRIMARY KEY, v int);
	INSERT INTO item SELECT i, i * 10 FROM generate_series(1, 100) i;
	CREATE TABLE total (v int);
	INSERT INTO total VALUES (1);
	CREATE TABLE other (v int);
	CREATE TABLE slow (id int PRIMARY KEY, v int);
	INSERT INTO slow SELECT i, i FROM generate_series(1, 1000) i;
	SELECT cache_attach('item', 'i:{id}'), cache_attach('total', rows => '{}'), cache_attach('slow', 'slow:{id}');
	SELECT cache_define('slow', scope => 'shared');
	SELECT cache_define('i', scope => 'shared'), cache_define('sum', scope => 'shared');
});
debug($primary);
my $standby = standby_of($primary, 'standby');

sub item
{
	my ($id) = @_;

	return "SELECT cache_fetch('i:$id', 'SELECT v FROM item WHERE id = $id')";
}

sub on
{
	my ($node, $sql) = @_;

	return $node->safe_psql('postgres', $sql);
}

sub loads
{
	return stat($primary, 'loads') + stat($standby, 'loads');
}

# ---- one fills, the other takes ----

is(on($primary, item(1)), '[{"v":10}]', 'the primary loads');
is(on($standby, item(1)), '[{"v":10}]', 'the standby reads it');
is(stat($standby, 'loads') . ' ' . stat($standby, 'l2_hits'), '0 1', 'from Redis');
# What reading logs of hint bits nobody flushes soon, and the versions that the
# primary made are of after it.
on($primary, q{SELECT pg_logical_emit_message(true, '', '')});
$primary->wait_for_catchup($standby);
my $filled;
my $before;
with_beat($redis, $ns, $standby, sub {
	$filled = 2 + shift;
	$before = counters($standby);
	is(on($standby, item($filled)), "[{\"v\":${filled}0}]", 'the standby loads');
});
is_deeply(since($standby, $before, qw(loads l2_fills)), { loads => 1, l2_fills => 1 }, 'and fills Redis');
$before = counters($primary);
is(on($primary, item($filled)), "[{\"v\":${filled}0}]", 'the primary reads it');
is_deeply(since($primary, $before, qw(loads l2_hits)), { loads => 0, l2_hits => 1 }, 'from Redis');

# ---- one load on both ----

my $slow = 0;

# A standby fills only by a young sign of life: so an attempt that takes longer
# than that stays young says nothing, and is made again.
sub attempt
{
	my ($kind, $primary_delay, $standby_delay) = @_;

	foreach (1 .. 20)
	{
		my $n = ++$slow;
		my $sql = $kind eq 'row rule'
		  ? "SELECT CASE cache_fetch('slow:$n', 'SELECT v, pg_sleep(0.5) FROM slow WHERE id = $n')::text WHEN '[{\"v\":$n,\"pg_sleep\":\"\"}]' THEN 'right' END"
		  : "SELECT CASE cache_fetch('sum:$n', 'SELECT sum(v), pg_sleep(0.5) FROM total')::text WHEN '[{\"sum\":1,\"pg_sleep\":\"\"}]' THEN 'right' END";
		my $before = loads();
		my $beat;
		my $answers = run_on_all(
			sub { await_beat($redis, $ns, $standby); $beat = beat_ms($redis, $ns); },
			$primary => [ { sql => $sql, n => 50, delay => $primary_delay } ],
			$standby => [ { sql => $sql, n => 50, delay => $standby_delay } ]);

		return ($answers, loads() - $before) if redis_ms($redis) - $beat < 9500;
	}
	die 'no attempt was over in time';
}

sub one_load
{
	my ($title, $primary_delay, $standby_delay) = @_;

	foreach my $kind ('row rule', 'table rule')
	{
		my ($answers, $loads) = attempt($kind, $primary_delay, $standby_delay);

		is($answers, 'right x 100', "$kind, $title: a hundred answers");
		is($loads, 1, "$kind, $title: one load");
	}
	return;
}

one_load('the primary first', 0, 0.2);
one_load('the standby first', 0.2, 0);
one_load('both at once', 0, 0);

# ---- a loader that dies ----

my $dying = 0;

# Starts a load that does not end, for its server holds a lock that the other one
# knows nothing of, and that has a lease. Where a standby has no proof
# just then it gets none: then another key is tried. Returns the session, its pid
# and the key.
sub start_loader
{
	my ($node, $timeout) = @_;

	foreach (1 .. 20)
	{
		my $key = ++$dying;
		my $holder = open_session($node);
		my ($session, $pid);

		$holder->query_safe("SELECT pg_advisory_lock($key)");
		await_beat($redis, $ns, $standby);
		$session = start_session($node, load_sql($key), name => "dies $key", conf => { 'cachefront.flight_timeout' => $timeout });
		await($node, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'dies $key' AND wait_event = 'advisory'", 1);
		$pid = on($node, "SELECT pid FROM pg_stat_activity WHERE application_name = 'dies $key'");
		return ($session, $pid, $key, $holder) if has_lease($key);
		on($node, "SELECT pg_terminate_backend($pid)");
		finish_session($session);
		$holder->quit;
	}
	die 'no load has got a lease';
}

sub load_sql
{
	my ($key) = @_;

	return "SELECT cache_fetch('slow:$key', \$\$SELECT v, pg_advisory_xact_lock_shared($key) AS l FROM slow WHERE id = $key\$\$)";
}

sub has_lease
{
	my ($key) = @_;

	return scalar grep { /^l/ } fields($redis, "cf:$ns:slow:$key");
}

sub start_waiter
{
	my ($node, $key, $timeout) = @_;
	my $waits = stat($node, 'l2_lease_waits');
	my $session = start_session($node, load_sql($key), conf => { 'cachefront.flight_timeout' => $timeout });

	await($node, "SELECT sum(l2_lease_waits) > $waits FROM cache_stats WHERE cache = '*'");
	return $session;
}

# One of the same server waits for the flight, which lands; then it needs the lease.
sub start_follower
{
	my ($node, $key) = @_;
	my $session = start_session($node, load_sql($key), conf => { 'cachefront.flight_timeout' => '1h' });

	await($node, 'SELECT max(waiters) = 1 FROM cache_inflight');
	return $session;
}

# Long before its lease is over.
foreach my $case (
	[ $primary, $standby, 'pg_cancel_backend', 'cancelled' ],
	[ $standby, $primary, 'pg_cancel_backend', 'cancelled' ],
	[ $primary, $standby, 'pg_terminate_backend', 'terminated' ],
	[ $standby, $primary, 'pg_terminate_backend', 'terminated' ],
	[ $primary, $primary, 'pg_terminate_backend', 'terminated' ])
{
	my ($loader, $waiter, $end, $ended) = @$case;
	my $title = $loader->name . ' loads';
	my ($dead, $pid, $key, $holder) = start_loader($loader, '1h');
	my $waiting = $loader == $waiter ? start_follower($waiter, $key) : start_waiter($waiter, $key, '1h');

	pass("$title: the other waits");
	on($loader, "SELECT $end($pid)");
	finish_session($dead);
	# The lock is one of the loader's server.
	$holder->quit;
	is(finish_session($waiting)->{stdout}, "[{\"v\":$key,\"l\":\"\"}]",
		"$title and is $ended: the other loads, for the lease was given back");
}
# Nobody is left to give it back.
{
	my ($dead, $pid, $key, $holder) = start_loader($primary, '10s');
	my $waiting = start_waiter($standby, $key, '1h');

	kill 'KILL', $pid;
	is(finish_session($waiting)->{stdout}, "[{\"v\":$key,\"l\":\"\"}]",
		'a loader that dies of SIGKILL: the other loads when the lease is over');
	finish_session($dead);
	eval { $holder->quit };
}
$primary->poll_query_until('postgres', 'SELECT true') or die 'the primary did not come back';
$primary->wait_for_catchup($standby);

on($primary, item(1));
ok(wait_for_bus($redis, 2), 'both servers follow the bus');

# ---- the standby hears of changes ----

my $sum50 = "SELECT cache_fetch('sum:50', 'SELECT sum(v) FROM total')";

on($primary, item(50));
keep($standby, 'i:50', item(50));
keep($standby, 'sum:50', $sum50);
pass('the standby has entries in its memory');
on($primary, 'UPDATE item SET v = 501 WHERE id = 50; UPDATE total SET v = 2');
$primary->wait_for_catchup($standby);
ok(wait_until($standby, item(50), '[{"v":501}]'), 'and drops it after an update on the primary');
ok(wait_until($standby, $sum50, '[{"sum":2}]'), 'by a tag as well');
keep($standby, 'i:50', item(50));
on($primary, "SELECT cache_flush(); UPDATE item SET v = 502 WHERE id = 50");
$primary->wait_for_catchup($standby);
ok(wait_until($standby, item(50), '[{"v":502}]'), 'and after a flush');

# A snapshot that is older than what others have read since.
my $old = open_session($standby, 'postgres');
on($primary, 'UPDATE item SET v = 510 WHERE id = 51');
$primary->wait_for_catchup($standby);
$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM item');
on($primary, 'UPDATE item SET v = 511 WHERE id IN (51, 52)');
$primary->wait_for_catchup($standby);
is(on($standby, item(51)), '[{"v":511}]', 'a new snapshot of the standby');
is($old->query_safe(item(51)), '[{"v":510}]', 'an old one does not see what others have read');
is($old->query_safe(item(52)), '[{"v":520}]', 'and what it reads');
is(on($standby, item(52)), '[{"v":511}]', 'others do not');
$old->quit;

# By hand, on the standby.
on($primary, "SELECT cache_fetch('loose:1', 'SELECT count(*) FROM other')");
on($standby, "SELECT cache_fetch('loose:1', 'SELECT count(*) FROM other')");
on($primary, 'INSERT INTO other VALUES (1)');
$primary->wait_for_catchup($standby);
is(on($primary, "SELECT cache_fetch('loose:1', 'SELECT count(*) FROM other')"), '[{"count":0}]', 'without a rule: old');
on($standby, "SELECT cache_invalidate('loose:1')");
is(on($standby, "SELECT cache_fetch('loose:1', 'SELECT count(*) FROM other')"), '[{"count":1}]', 'cache_invalidate on the standby: its own');
ok(wait_until($primary, "SELECT cache_fetch('loose:1', 'SELECT count(*) FROM other')", '[{"count":1}]'), 'and that of the primary');

# ---- a standby that lags ----

sub pause_replay
{
	my ($server) = @_;

	on($server, 'SELECT pg_wal_replay_pause()');
	await($server, 'SELECT pg_get_wal_replay_pause_state()', 'paused');
	return;
}

my $sum = "SELECT cache_fetch('sum:60', 'SELECT sum(v) FROM total')";
my $replayed = "SELECT pg_last_wal_replay_lsn() >= '%s'";

on($_, item(60)), on($_, $sum) foreach $primary, $standby;
pause_replay($standby);
on($primary, 'UPDATE item SET v = 601 WHERE id IN (60, 61); UPDATE total SET v = 3');
my $lsn = on($primary, 'SELECT pg_current_wal_lsn()');
my $fills = stat($standby, 'l2_fills');
is(value_in($redis, "cf:$ns:i:60"), '', 'a commit takes the value out of Redis');
foreach (1 .. 5)
{
	on($standby, $_) foreach item(60), item(61), $sum;
}
is(stat($standby, 'l2_fills') - $fills . value_in($redis, "cf:$ns:i:60") . value_in($redis, "cf:$ns:i:61"), '0',
	'a standby that lags reads without bringing that into Redis, where there is nothing');
on($standby, 'SELECT pg_wal_replay_resume()');
ok(wait_until($standby, sprintf($replayed, $lsn)), 'it has caught up');
is(on($standby, item(60)) . on($standby, item(61)) . on($standby, $sum), '[{"v":601}][{"v":601}][{"sum":3}]',
	'what it reads is no older than its tables');
is(on($primary, item(60)) . on($primary, item(61)) . on($primary, $sum), '[{"v":601}][{"v":601}][{"sum":3}]',
	'nor is what the primary reads');

# The primary fills while the standby lags; the standby must not bring back what is older.
pause_replay($standby);
on($primary, 'UPDATE item SET v = 602 WHERE id = 60; UPDATE total SET v = 4');
is(on($primary, item(60)) . on($primary, $sum), '[{"v":602}][{"sum":4}]', 'the primary fills');
foreach (1 .. 5)
{
	like(on($standby, item(60)) . on($standby, $sum), qr/^\[\{"v":60[12]\}\]\[\{"sum":[34]\}\]$/, 'the standby reads');
	is(value_in($redis, "cf:$ns:i:60") . value_in($redis, "cf:$ns:sum:60"), '[{"v":602}][{"sum":4}]', 'and Redis keeps what is new');
}
# ---- all keys are gone, the floor too ----

on($standby, 'SELECT pg_wal_replay_resume()');
$primary->wait_for_catchup($standby);
command($redis, 'FLUSHALL');
is(on($_, item(70)), '[{"v":700}]', $_->name . ' reads when all keys are gone') foreach $primary, $standby;
my $nreads = 0;
await_that('for a new floor, and the standby to use Redis again', sub {
	# A key that is in nobody's memory yet: only then the primary fills Redis.
	my $fetch = "SELECT cache_fetch('i:" . (1000 + ++$nreads) . "', 'SELECT v FROM item WHERE id = 71')";
	my $l2_hits = stat($standby, 'l2_hits');

	on($primary, $fetch);
	on($standby, $fetch);
	return stat($standby, 'l2_hits') > $l2_hits;
});
pass('the primary writes a new floor, and the standby uses Redis again');
is(expiring($redis), '', 'every key in Redis has a time to live');

$standby->stop;
$primary->stop;
done_testing();
