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
	'cachefront.fence_ttl' => '2s');
my $ns = namespace($primary);

$primary->safe_psql('postgres', q{
	CREATE TABLE item (id int PRIMARY KEY, v int);
	INSERT INTO item SELECT i, i * 10 FROM generate_series(1, 100) i;
	CREATE TABLE total (v int);
	INSERT INTO total VALUES (1);
	CREATE TABLE other (v int);
	SELECT cache_attach('item', 'i:{id}'), cache_attach('total');
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
ok(wait_for_beat($redis, $ns, $standby), 'a sign of life');
is(on($standby, item(2)), '[{"v":20}]', 'the standby loads');
is(stat($standby, 'loads') . ' ' . stat($standby, 'l2_fills'), '1 1', 'and fills Redis');
is(on($primary, item(2)), '[{"v":20}]', 'the primary reads it');
is(stat($primary, 'loads') . ' ' . stat($primary, 'l2_hits'), '1 1', 'from Redis');

# ---- one load on both ----

my $slow = 0;

sub one_load
{
	my ($title, $primary_delay, $standby_delay) = @_;

	foreach my $kind ('row rule', 'table rule')
	{
		my $n = ++$slow + 10;
		my $sql = $kind eq 'row rule'
		  ? "SELECT cache_fetch('i:$n', 'SELECT v, pg_sleep(0.5) FROM item WHERE id = $n')"
		  : "SELECT cache_fetch('sum:$n', 'SELECT sum(v), pg_sleep(0.5) FROM total')";
		my $answer = $kind eq 'row rule' ? '[{"v":' . $n * 10 . ',"pg_sleep":""}]' : '[{"sum":1,"pg_sleep":""}]';
		my $before = loads();

		wait_for_beat($redis, $ns, $standby);
		is( run_on_all(
				$primary => [ { sql => $sql, n => 50, delay => $primary_delay } ],
				$standby => [ { sql => $sql, n => 50, delay => $standby_delay } ]),
			"$answer x 100", "$kind, $title: a hundred answers");
		is(loads() - $before, 1, "$kind, $title: one load");
	}
	return;
}

one_load('the primary first', 0, 0.2);
one_load('the standby first', 0.2, 0);
one_load('both at once', 0, 0);

# ---- a loader that dies ----

my $conf = { 'cachefront.flight_timeout' => '4s' };

# Starts a load that does not end; returns the session and its pid.
sub start_loader
{
	my ($node, $key) = @_;
	my $session = start_session($node,
		"SELECT cache_fetch('i:$key', \$\$SELECT v, pg_sleep(CASE current_setting('application_name') WHEN 'dies' THEN 60 ELSE 0 END) FROM item WHERE id = $key\$\$)",
		name => 'dies', conf => $conf);

	wait_until($node, 'SELECT count(*) FROM pg_stat_activity WHERE application_name = \'dies\' AND wait_event = \'PgSleep\'', 1);
	return ($session, on($node, q{SELECT pid FROM pg_stat_activity WHERE application_name = 'dies'}));
}

sub wait_for_loader
{
	my ($node, $key) = @_;

	return start_session($node,
		"SELECT cache_fetch('i:$key', \$\$SELECT v, pg_sleep(CASE current_setting('application_name') WHEN 'dies' THEN 60 ELSE 0 END) FROM item WHERE id = $key\$\$)",
		conf => $conf);
}

foreach my $case ([ $primary, $standby, 41 ], [ $standby, $primary, 42 ])
{
	my ($loader, $waiter, $key) = @$case;
	my $title = $loader->name . ' loads';
	my ($begin, $dead, $pid, $waiting);

	wait_for_beat($redis, $ns, $standby);
	($dead, $pid) = start_loader($loader, $key);
	$waiting = wait_for_loader($waiter, $key);
	ok(wait_until($waiter, q{SELECT sum(l2_lease_waits) > 0 FROM cache_stats WHERE cache = '*'}), "$title: the other waits");
	$begin = time();
	on($loader, "SELECT pg_terminate_backend($pid)");
	is(finish_session($waiting)->{stdout}, "[{\"v\":${key}0,\"pg_sleep\":\"\"}]", "$title and is terminated: the other loads");
	cmp_ok(time() - $begin, '<', 2, "$title: at once, for its lease was given back");
	finish_session($dead);
}
wait_for_beat($redis, $ns, $standby);
my $begin = time();
my ($dead, $pid) = start_loader($primary, 43);
my $waiting = wait_for_loader($standby, 43);
kill 'KILL', $pid;
is(finish_session($waiting)->{stdout}, '[{"v":430,"pg_sleep":""}]', 'a loader that crashes: the other loads');
cmp_ok(time() - $begin, '<', 8, 'when the lease is over');
finish_session($dead);
$primary->poll_query_until('postgres', 'SELECT true') or die 'the primary did not come back';
$primary->wait_for_catchup($standby);

# Who begins to follow the bus forgets what it has; so let both do that first.
on($primary, item(1));
ok(wait_for_bus($redis, 2), 'both servers follow the bus');

# ---- the standby hears of changes ----

on($_, item(50)) foreach $primary, $standby;
on($standby, "SELECT cache_fetch('sum:50', 'SELECT sum(v) FROM total')");
my $hits = stat($standby, 'l1_hits');
on($standby, item(50));
is(stat($standby, 'l1_hits') - $hits, 1, 'the standby has an entry in its memory');
on($primary, 'UPDATE item SET v = 501 WHERE id = 50; UPDATE total SET v = 2');
$primary->wait_for_catchup($standby);
$begin = time();
ok(wait_until($standby, item(50), '[{"v":501}]', 5), 'and drops it after an update on the primary');
ok(wait_until($standby, "SELECT cache_fetch('sum:50', 'SELECT sum(v) FROM total')", '[{"sum":2}]', 5), 'by a tag as well');
cmp_ok(time() - $begin, '<', 1, 'within a second');
on($primary, "SELECT cache_flush(); UPDATE item SET v = 502 WHERE id = 50");
$primary->wait_for_catchup($standby);
ok(wait_until($standby, item(50), '[{"v":502}]', 2), 'and after a flush');

# A snapshot that is older than what others have read since.
my $old = $standby->background_psql('postgres');
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
ok(wait_until($primary, "SELECT cache_fetch('loose:1', 'SELECT count(*) FROM other')", '[{"count":1}]', 2), 'and that of the primary');

# ---- a standby that lags ----

my $sum = "SELECT cache_fetch('sum:60', 'SELECT sum(v) FROM total')";
my $replayed = "SELECT pg_last_wal_replay_lsn() >= '%s'";

reconfigure($standby, 'recovery_min_apply_delay' => '3s');
on($_, item(60)), on($_, $sum) foreach $primary, $standby;
on($primary, 'UPDATE item SET v = 601 WHERE id IN (60, 61); UPDATE total SET v = 3');
my $lsn = on($primary, 'SELECT pg_current_wal_lsn()');
my $nreads = 0;
my $fills = stat($standby, 'l2_fills');
is(value_in($redis, "cf:$ns:i:60"), '', 'a commit takes the value out of Redis');
my $brought = '';
# What counts is what it reads while it lags, and still lags after it.
while ($nreads < 20)
{
	on($standby, $_) foreach item(60), item(61), $sum;
	my $found = stat($standby, 'l2_fills') - $fills
	  . value_in($redis, "cf:$ns:i:60") . value_in($redis, "cf:$ns:i:61");
	last if on($standby, sprintf $replayed, $lsn) eq 't';
	$brought = $found;
	$nreads++;
}
cmp_ok($nreads, '>', 3, "the standby lags, and reads $nreads times");
is($brought, '0', 'without bringing what it reads into Redis, where there is nothing');
ok(wait_until($standby, sprintf($replayed, $lsn)), 'it has caught up');
is(on($standby, item(60)) . on($standby, item(61)) . on($standby, $sum), '[{"v":601}][{"v":601}][{"sum":3}]',
	'what it reads is no older than its tables');
is(on($primary, item(60)) . on($primary, item(61)) . on($primary, $sum), '[{"v":601}][{"v":601}][{"sum":3}]',
	'nor is what the primary reads');

# The primary fills while the standby lags; the standby must not bring back what is older.
on($primary, 'UPDATE item SET v = 602 WHERE id = 60; UPDATE total SET v = 4');
is(on($primary, item(60)) . on($primary, $sum), '[{"v":602}][{"sum":4}]', 'the primary fills');
foreach (1 .. 5)
{
	like(on($standby, item(60)) . on($standby, $sum), qr/^\[\{"v":60[12]\}\]\[\{"sum":[34]\}\]$/, 'the standby reads');
	is(value_in($redis, "cf:$ns:i:60") . value_in($redis, "cf:$ns:sum:60"), '[{"v":602}][{"sum":4}]', 'and Redis keeps what is new');
}
# ---- all keys are gone, the floor too ----

reconfigure($standby, 'recovery_min_apply_delay' => 0);
$primary->wait_for_catchup($standby);
command($redis, 'FLUSHALL');
is(on($_, item(70)), '[{"v":700}]', $_->name . ' reads when all keys are gone') foreach $primary, $standby;
my $came_back = 0;
$begin = time();
while (!$came_back && time() - $begin < 20)
{
	my $key = 71 + ++$nreads % 20;
	my $l2_hits = stat($standby, 'l2_hits');

	on($primary, item($key));
	on($standby, item($key));
	$came_back = stat($standby, 'l2_hits') > $l2_hits;
	sleep 0.5;
}
ok($came_back, 'the primary writes a new floor, and the standby uses Redis again');
is(expiring($redis), '', 'every key in Redis has a time to live');

$standby->stop;
$primary->stop;
done_testing();
