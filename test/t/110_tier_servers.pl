# A primary and a standby that share one Redis: what one has filled the other
# takes; one load on both for a cold key; a loader that dies is waited for no
# longer than need be; a standby that lags reads what its own tables have, and
# neither of the two what only the other one's have.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CfRedis;
use CfTest qw(:DEFAULT on);
use CfTier;

require_debug();

my $redis = CfRedis->new('main');
my $primary = CfTier->primary('primary', $redis,
	'restart_after_crash' => 'on',
	'cachefront.track_changes' => 'on',
	# Nobody stops waiting for another's load because the machine is busy.
	'cachefront.flight_timeout' => '1min');
my $ns = namespace($primary);

$primary->safe_psql('postgres', q{
	CREATE TABLE item (id int PRIMARY KEY, v int);
	INSERT INTO item SELECT i, i * 10 FROM generate_series(1, 100) i;
	CREATE TABLE total (v int);
	INSERT INTO total VALUES (1);
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

sub loads
{
	return stat($primary, 'loads') + stat($standby, 'loads');
}

# A standby whose history is behind for a moment reads its tables.
sub from_redis
{
	my ($server, $sql, $answer, $title) = @_;

	await_that("$title: a hit in Redis", sub {
		my $before = counters($server);

		on($server, "SET cachefront.l1_max_value = 0; $sql") eq $answer or die "$title: wrong";
		return since($server, $before, 'l2_hits')->{l2_hits} == 1;
	});
	return pass("$title: a hit in Redis");
}

await($_, 'SELECT l2 FROM cache_status', 'up') foreach $primary, $standby;

# ---- one fills, the other takes ----

foreach my $case ([ $primary, $standby, 1 ], [ $standby, $primary, 2 ])
{
	my ($filler, $taker, $id) = @$case;

	is(on($filler, item($id)), "[{\"v\":${id}0}]", $filler->name . ' loads');
	await_replayed($primary, $standby);
	from_redis($taker, item($id), "[{\"v\":${id}0}]", $taker->name);
}

# ---- one load on both ----

my $slow = 0;

sub one_load
{
	my ($title, $primary_delay, $standby_delay) = @_;

	foreach my $kind ('row rule', 'table rule')
	{
		my $n = ++$slow;
		my $sql = $kind eq 'row rule'
		  ? "SELECT CASE cache_fetch('slow:$n', 'SELECT v, pg_sleep(0.5) FROM slow WHERE id = $n')::text WHEN '[{\"v\":$n,\"pg_sleep\":\"\"}]' THEN 'right' END"
		  : "SELECT CASE cache_fetch('sum:$n', 'SELECT sum(v), pg_sleep(0.5) FROM total')::text WHEN '[{\"sum\":1,\"pg_sleep\":\"\"}]' THEN 'right' END";
		my $before = loads();
		my $answers = run_on_all(sub { },
			$primary => [ { sql => $sql, n => 20, delay => $primary_delay } ],
			$standby => [ { sql => $sql, n => 20, delay => $standby_delay } ]);

		is($answers, 'right x 40', "$kind, $title: forty answers");
		# What the primary has loaded may be of WAL that the standby has not replayed yet, and
		# a machine may be so busy that a load takes longer than its lease is for.
		cmp_ok(loads() - $before, '<=', 3, "$kind, $title: one load, but for accidents");
	}
	return;
}

one_load('the primary first', 0, 0.2);
one_load('the standby first', 0.2, 0);
one_load('both at once', 0, 0);

# ---- a loader that dies ----

my $dying = 100;

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

# Starts a load that does not end, for its server holds a lock that the other one
# knows nothing of. Returns the session, its pid, the key, and who holds the lock.
sub start_loader
{
	my ($node) = @_;
	my $key = ++$dying;
	my $holder = open_session($node);
	my ($session, $pid);

	$holder->query_safe("SELECT pg_advisory_lock($key)");
	$session = start_session($node, load_sql($key), name => "dies $key");
	await($node, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'dies $key' AND wait_event = 'advisory'", 1);
	$pid = on($node, "SELECT pid FROM pg_stat_activity WHERE application_name = 'dies $key'");
	return ($session, $pid, $key, $holder);
}

foreach my $loader ($primary, $standby)
{
	foreach my $end ('pg_cancel_backend', 'pg_terminate_backend')
	{
		my ($dead, $pid, $key, $holder) = start_loader($loader);

		is(has_lease($key), 1, $loader->name . ": $end: it has a lease");
		on($loader, "SELECT $end($pid)");
		finish_session($dead);
		is(has_lease($key), 0, $loader->name . ": $end: which is given back");
		$holder->quit;
	}
}

# Nobody is left to give it back. Where it is of a former start of the writing server,
# the others know that; the lease of one that lives they wait for, and then load.
{
	my ($dead, $pid, $key, $holder) = start_loader($primary);

	kill 'KILL', $pid;
	finish_session($dead);
	eval { $holder->quit };
	await_that('for the primary', sub { $primary->psql('postgres', 'SELECT 1') == 0 });
	await($primary, 'SELECT l2 FROM cache_status', 'up');
	prolong_lease($redis, "cf:$ns:slow:$key");
	my $waits = stat($primary, 'l2_lease_waits');
	is(on($primary, load_sql($key)), "[{\"v\":$key,\"l\":\"\"}]", 'a loader that dies of SIGKILL: its server loads');
	is(stat($primary, 'l2_lease_waits') - $waits, 0, 'and waits for nobody');
	is(has_lease($key), 0, 'the old lease is gone');
}
{
	my ($alive, $pid, $key, $holder) = start_loader($primary);

	$primary->wait_for_catchup($standby);
	is(on($standby, load_sql($key)), "[{\"v\":$key,\"l\":\"\"}]", 'a loader that takes longer than it should: the other loads in the end');
	$holder->query_safe("SELECT pg_advisory_unlock($key)");
	is(finish_session($alive)->{stdout}, "[{\"v\":$key,\"l\":\"\"}]", 'and so does that');
	$holder->quit;
}

# The clock of Redis was set back by an hour since.
{
	my ($dead, $pid, $key, $holder) = start_loader($primary);
	my $lease = command($redis, 'HGET', "cf:$ns:slow:$key", 'l');
	my $waits = stat($standby, 'l2_lease_waits');

	command($redis, 'HSET', "cf:$ns:slow:$key", 'l', $lease =~ s/\@(\d+)/'@' . ($1 + 3600000)/er);
	$primary->wait_for_catchup($standby);
	is(on($standby, load_sql($key)), "[{\"v\":$key,\"l\":\"\"}]", 'a lease that ends long after it should: another loads');
	is(stat($standby, 'l2_lease_waits') - $waits, 0, 'and waits for nobody');
	$holder->query_safe("SELECT pg_advisory_unlock($key)");
	finish_session($dead);
	$holder->quit;
}

# ---- a standby that lags ----

sub pause_replay
{
	on($standby, 'SELECT pg_wal_replay_pause()');
	await($standby, 'SELECT pg_get_wal_replay_pause_state()', 'paused');
	return;
}

my $sum = "SELECT cache_fetch('sum:60', 'SELECT sum(v) FROM total')";
my $past_l1 = 'SET cachefront.l1_max_value = 0;';

$primary->wait_for_catchup($standby);
on($_, item(60)), on($_, $sum) foreach $primary, $standby;
pause_replay();
on($primary, 'UPDATE item SET v = 601 WHERE id IN (60, 61); UPDATE total SET v = 3');
my $lsn = on($primary, 'SELECT pg_current_wal_insert_lsn()');
# Each fills Redis with what its own tables have, and takes the other's for nothing.
foreach my $l1 ('', $past_l1)
{
	foreach my $n (1 .. 3)
	{
		is(on($standby, "$l1 " . item(60)) . on($standby, "$l1 " . item(61)) . on($standby, "$l1 $sum"),
			'[{"v":600}][{"v":610}][{"sum":1}]', "a standby that lags reads its own tables, $n");
		is(on($primary, "$l1 " . item(60)) . on($primary, "$l1 " . item(61)) . on($primary, "$l1 $sum"),
			'[{"v":601}][{"v":601}][{"sum":3}]', "and the primary what it has committed, $n");
	}
}
on($standby, 'SELECT pg_wal_replay_resume()');
await($standby, "SELECT pg_last_wal_replay_lsn() >= '$lsn'");
foreach my $server ($standby, $primary)
{
	is(on($server, item(60)) . on($server, item(61)) . on($server, $sum), '[{"v":601}][{"v":601}][{"sum":3}]',
		$server->name . ': when it has caught up');
}

# What it has in its memory goes with what is replayed, by key, by tag, by all.
is(on($standby, item(50)) . on($standby, 'SELECT ' . $sum =~ s/SELECT //r =~ s/60/50/r), '[{"v":500}][{"sum":3}]', 'the standby has entries');
foreach my $change (
	[ 'an update', 'UPDATE item SET v = 501 WHERE id = 50; UPDATE total SET v = 4', '[{"v":501}][{"sum":4}]' ],
	[ 'a flush', 'SELECT cache_flush(); UPDATE item SET v = 502 WHERE id = 50', '[{"v":502}][{"sum":4}]' ],
	[ 'TRUNCATE', 'TRUNCATE item; INSERT INTO item VALUES (50, 503), (51, 504)', '[{"v":503}][{"sum":4}]' ])
{
	my ($title, $sql, $answer) = @$change;

	on($primary, $sql);
	$primary->wait_for_catchup($standby);
	is(on($standby, item(50)) . on($standby, 'SELECT ' . $sum =~ s/SELECT //r =~ s/60/50/r), $answer, "after $title");
}

# ---- all keys are gone, of one that nobody has in memory ----

command($redis, 'FLUSHALL');
foreach my $server ($primary, $standby)
{
	is(on($server, "$past_l1 " . item(51)), '[{"v":504}]', $server->name . ' reads when all keys are gone');
}
await_replayed($primary, $standby);
from_redis($standby, item(51), '[{"v":504}]', 'the standby, again');
is(expiring($redis), '', 'every key in Redis has a time to live');

$standby->stop;
$primary->stop;
done_testing();
