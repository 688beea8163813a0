# Crashes and promotions with Redis up: what a lost tail of the WAL wrote is not
# believed, fences of dead writers keep others out until they expire, and what
# is read afterwards is what the tables say.

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
# Nothing writes the WAL out behind the test's back: nor does a lack of buffers,
# for with checksums, which 18 has by default, hint bits are logged and a page
# with them takes the WAL before it along.
my $node = CfTier->primary('primary', $redis,
	'cachefront.fence_ttl' => '3s',
	'wal_writer_delay' => '10s',
	'wal_buffers' => '16MB',
	'shared_buffers' => '64MB',
	'wal_writer_flush_after' => '1GB',
	'checkpoint_timeout' => '1h',
	'bgwriter_lru_maxpages' => 0);
my $ns = namespace($node);

$node->safe_psql('postgres', q{
	CREATE TABLE item (id int PRIMARY KEY, v int);
	INSERT INTO item SELECT i, 0 FROM generate_series(1, 100) i;
	CREATE TABLE total (v int);
	INSERT INTO total VALUES (0);
	SELECT cache_attach('item', 'i:{id}'), cache_attach('total', rows => '{}');
	SELECT cache_define('i', scope => 'shared'), cache_define('sum', scope => 'shared');
});
debug($node);

sub on
{
	my ($server, $sql) = @_;

	return $server->safe_psql('postgres', $sql);
}

sub item
{
	my ($id) = @_;

	return "SELECT cache_fetch('i:$id', 'SELECT v FROM item WHERE id = $id')";
}

my $sum = "SELECT cache_fetch('sum:1', 'SELECT sum(v) FROM total')";

# Reads of the cache against the table.
sub compare
{
	my ($server, $title, @ids) = @_;

	foreach my $id (@ids)
	{
		is(on($server, item($id)), '[{"v":' . on($server, "SELECT v FROM item WHERE id = $id") . '}]',
			"$title: item $id is the table's");
	}
	is(on($server, $sum), '[{"sum":' . on($server, 'SELECT sum(v) FROM total') . '}]', "$title: so is the sum");
	return;
}

# Redis comes into use again: a key that was filled is found without a load.
sub comes_back
{
	my ($server, $title) = @_;
	my $n = 0;

	await_that("$title: for Redis to be in use", sub {
		my $key = "back:$title:" . $n++;
		my $before = counters($server);

		on($server, "SET cachefront.l1_max_value = '1kB';"
			  . " SELECT cache_fetch('$key', \$\$SELECT repeat('x', 2000)\$\$) IS NULL;"
			  . " SELECT cache_fetch('$key', \$\$SELECT repeat('x', 2000)\$\$) IS NULL");
		return since($server, $before, 'l2_hits')->{l2_hits} == 1;
	});
	return pass("$title: Redis is in use");
}

# A fence that stands by now, on whatever, has been set before now.
sub fences_expire
{
	my $now = command($redis, 'TIME')->[0];

	await_that('for the fences to expire', sub { command($redis, 'TIME')->[0] > $now + 3 });
	return;
}

# ---- a commit that is lost with the crash ----

on($node, 'CHECKPOINT');
on($node, $_) foreach item(1), item(2), $sum;
comes_back($node, 'before');
on($node, 'SET synchronous_commit = off; UPDATE item SET v = 1 WHERE id IN (1, 3); UPDATE total SET v = 1');
is(on($node, item(1)) . on($node, item(3)) . on($node, $sum), '[{"v":1}][{"v":1}][{"sum":1}]', 'committed, and filled');
is(value_in($redis, "cf:$ns:i:1"), '[{"v":1}]', 'also into Redis');
$node->stop('immediate');
$node->start;
is(on($node, 'SELECT v FROM item WHERE id = 1'), 0, 'the crash has taken the commit back');
compare($node, 'after the crash', 1, 2, 3);
comes_back($node, 'after the crash');
compare($node, 'and then', 1, 2, 3);

# ---- a crash between fence and commit, and between commit and settling ----

# Stops a commit at a hold point, and then the server.
sub crash_at
{
	my ($point, $sql) = @_;
	my $session;

	on($node, "SELECT cf_debug_hold('$point')");
	$session = start_session($node, $sql);
	await($node, 'SELECT cf_debug_held()', 1);
	$node->stop('immediate');
	finish_session($session);
	return;
}

on($node, $_) foreach item(4), item(5), $sum;
crash_at('commit-after-fence', 'BEGIN; UPDATE item SET v = 2 WHERE id = 4; UPDATE total SET v = 2; COMMIT');
like(join(' ', fields($redis, "cf:$ns:i:4")), qr/\bf\b/, 'a fence that nobody will lift');
is(value_in($redis, "cf:$ns:i:4"), '', 'nothing behind it');
$node->start;
is(on($node, 'SELECT v FROM item WHERE id = 4'), 0, 'the commit has not come to pass');
compare($node, 'fenced', 4, 5);
compare($node, 'fenced, again', 4, 5);
comes_back($node, 'fenced');
fences_expire();
compare($node, 'the fence has expired', 4, 5);
$node->restart;
comes_back($node, 'restarted');
on($node, item(4));
$node->restart;
comes_back($node, 'restarted again');
my $before = counters($node);
on($node, item(4));
is(since($node, $before, 'l2_hits')->{l2_hits}, 1, 'and its key is in use again');

# While Redis postpones what writes, the commit becomes visible, and stays where it settles.
on($node, "SELECT cf_debug_hold('commit-after-fence')");
my $session = start_session($node, 'BEGIN; UPDATE item SET v = 3 WHERE id = 4; UPDATE total SET v = 3; COMMIT');
await($node, 'SELECT cf_debug_held()', 1);
command($redis, 'CLIENT', 'PAUSE', 3600000, 'WRITE');
on($node, 'SELECT cf_debug_hold(NULL)');
ok(wait_until($node, 'SELECT v FROM item WHERE id = 4', 3), 'a commit that does not get to settle');
$node->stop('immediate');
finish_session($session);
await_that('for its connection to end', sub { $redis->nclients == 0 });
command($redis, 'CLIENT', 'UNPAUSE');
like(join(' ', fields($redis, "cf:$ns:i:4")), qr/\bf\b/, 'leaves its fence');
$node->start;
is(on($node, 'SELECT v FROM item WHERE id = 4'), 3, 'it is durable');
compare($node, 'settled by nobody', 4, 5);
fences_expire();
compare($node, 'the fence has expired, again', 4, 5);
comes_back($node, 'settled by nobody');

# In Redis it is settled, in memory it is not.
on($node, item(4));
crash_at('commit-before-settle', 'BEGIN; UPDATE item SET v = 4 WHERE id = 4; UPDATE total SET v = 4; COMMIT');
$node->start;
is(on($node, 'SELECT v FROM item WHERE id = 4'), 4, 'settled in Redis alone');
compare($node, 'settled in Redis alone', 4, 5);

# ---- a promotion that loses what the standby has not received ----

my $standby = standby_of($node, 'standby', 'cachefront.l1_ttl' => '10min');
on($node, $_) foreach item(6), $sum;
keep($standby, 'i:6', item(6));
keep($standby, 'sum:1', $sum);
is(on($standby, item(6)), '[{"v":0}]', 'the standby has it as well');
reconfigure($standby, 'primary_conninfo' => '');
ok(wait_until($standby, 'SELECT count(*) FROM pg_stat_wal_receiver', 0), 'the standby is cut off');
on($node, 'UPDATE item SET v = 4 WHERE id IN (6, 7); UPDATE total SET v = 4');
is(on($node, item(6)) . on($node, item(7)) . on($node, item(8)) . on($node, $sum),
	'[{"v":4}][{"v":4}][{"v":0}][{"sum":4}]', 'the primary commits and fills');
is(value_in($redis, "cf:$ns:i:7"), '[{"v":4}]', 'also into Redis');
$node->stop('immediate');
$standby->promote;
is(on($standby, 'SELECT v FROM item WHERE id = 6'), 0, 'the promoted server does not know of it');
compare($standby, 'promoted', 6, 7, 8, 4);
comes_back($standby, 'promoted');
compare($standby, 'promoted, again', 6, 7, 8, 4);
on($standby, 'UPDATE item SET v = 5 WHERE id = 6; UPDATE total SET v = 5');
compare($standby, 'and after a commit', 6, 7, 8);
$standby->restart;
compare($standby, 'and after a restart', 6, 7, 8, 4);

# The old primary comes back as what it was: it must not write where it is no
# longer at home, and what it believes is not what the new one reads.
$node->start;
on($node, item(9));
on($node, 'UPDATE item SET v = 6 WHERE id = 9');
on($node, item(9));
compare($standby, 'with an old primary beside it', 9, 6);
is(on($node, item(9)), '[{"v":6}]', 'which reads its own table');

$node->stop;

# ---- a promotion after a time without Redis, which only the old primary knows of ----

my $third = standby_of($standby, 'third');
on($standby, item($_)) foreach 30 .. 32;
is(value_in($redis, "cf:$ns:i:30"), '[{"v":0}]', 'Redis has a value');
reconfigure($standby, 'cachefront.redis_url' => '');
on($standby, 'UPDATE item SET v = 7 WHERE id IN (30, 32)');
$standby->wait_for_catchup($third);
$standby->stop;
# As if that was a minute ago.
my @floor = split / /, command($redis, 'GET', "cff:$ns");
$floor[3] -= 61000;
command($redis, 'SET', "cff:$ns", join ' ', @floor);
is(value_in($redis, "cf:$ns:i:30"), '[{"v":0}]', 'which nobody has told it to drop');
$third->promote;
compare($third, 'promoted after a time without Redis', 30, 31);
comes_back($third, 'promoted after a time without Redis');
compare($third, 'again', 30, 31);
# Its memory tells it the same; a server that has none must be told by the floor.
my $fourth = standby_of($third, 'fourth');
compare($fourth, 'a standby of that', 32);

is(expiring($redis), '', 'every key in Redis has a time to live');
$fourth->stop;
$third->stop;
done_testing();
