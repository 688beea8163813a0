# Exact with nothing attached, where the change comes from another server or from
# nobody that cachefront sees: a logical replication subscriber; single-user mode
# and a run without the library, beside values that Redis kept; a commit that writes
# to our own outbox.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CfRedis;
use CfTest qw(:DEFAULT await_up on);
use CfTier;

require_debug();

# ---- a subscriber ----

my $publisher = CfTest->node('publisher', wal_level => 'logical', max_wal_senders => 5, max_replication_slots => 5);
my $subscriber = CfTest->node('subscriber', 'cachefront.track_changes' => 'on');
my @reads = (
	[ 'item', 'SELECT sum(v) AS v FROM item' ],
	[ 'part', 'SELECT sum(v) AS v FROM part' ],
	[ 'part2', 'SELECT sum(v) AS v FROM part2' ],
	[ 'function', 'SELECT item_sum() AS v' ],
	[ 'calm', 'SELECT count(*) AS v FROM calm' ]);

sub read_all
{
	return join(' ', map { on($subscriber, "SELECT cache_fetch_row('$_->[0]', '$_->[1]') ->> 'v'") } @reads);
}

sub published
{
	on($publisher, @_);
	$publisher->wait_for_catchup('sub');
	return read_all();
}

foreach my $node ($publisher, $subscriber)
{
	on($node, q{
		CREATE TABLE item (id int PRIMARY KEY, v int);
		CREATE TABLE part (id int PRIMARY KEY, v int) PARTITION BY RANGE (id);
		CREATE TABLE part1 PARTITION OF part FOR VALUES FROM (1) TO (100);
		CREATE TABLE part2 PARTITION OF part FOR VALUES FROM (100) TO (200);
		CREATE TABLE calm (v int);
		CREATE FUNCTION item_sum() RETURNS bigint LANGUAGE plpgsql STABLE AS
			$$ BEGIN RETURN (SELECT sum(v) FROM item); END $$});
}
on($publisher, 'CREATE PUBLICATION pub FOR TABLE item, part',
	'INSERT INTO item VALUES (1, 1), (2, 1)', 'INSERT INTO part VALUES (1, 1), (100, 1)');
is(read_all(), '    0', 'cached before anything is copied');
my $connstr = $publisher->connstr . ' dbname=postgres';
on($subscriber, "CREATE SUBSCRIPTION sub CONNECTION '$connstr' PUBLICATION pub");
$subscriber->wait_for_subscription_sync($publisher, 'sub');
is(read_all(), '2 2 1 2 0', 'the initial copy');
is(published('UPDATE item SET v = 5 WHERE id = 1'), '6 2 1 6 0', 'an update is applied');
is(published('UPDATE part SET v = 7 WHERE id = 100'), '6 8 7 6 0', 'in a partition');
is(published('UPDATE part SET id = 101 WHERE id = 1'), '6 8 8 6 0', 'a row moves');
is( published('BEGIN', 'DELETE FROM item WHERE id = 2', 'INSERT INTO item VALUES (3, 10)', 'COMMIT'),
	'15 8 8 15 0', 'a transaction');
is(published('BEGIN', 'INSERT INTO item VALUES (4, 1)', 'SAVEPOINT s', 'TRUNCATE part', 'ROLLBACK TO s', 'COMMIT'),
	'16 8 8 16 0', 'a savepoint');
is(published('TRUNCATE item, part'), '   ' . ' 0', 'TRUNCATE');
is(on($subscriber, q{SELECT state FROM cache_entries WHERE key = 'calm'}), 'fresh', 'and nothing else is dropped');
is(on($subscriber, q{SELECT late_writes + blind_commits FROM cache_stats WHERE cache = '*'}), 0,
	'it was all in the list of changes');
$subscriber->stop;
$publisher->stop;

# ---- who writes unseen, and what Redis kept ----

my $redis = CfRedis->new('main');
my $node = CfTier->primary('primary', $redis, 'cachefront.track_changes' => 'on');
my $fetch = q{SELECT cache_fetch_row('sum', 'SELECT sum(v) AS v FROM item') ->> 'v'};

# In Redis alone.
sub fill
{
	await_up($node);
	return on($node, 'SET cachefront.l1_max_value = 0', $fetch);
}

debug($node);
on($node, 'CREATE TABLE item (id int PRIMARY KEY, v int)', 'INSERT INTO item VALUES (1, 1)');
# Who is the first to depend on a table outdates what he has.
fill();
is(fill(), 1, 'filled');
my $before = counters($node);
is(on($node, $fetch), 1, 'read again');
is(since($node, $before, 'l2_hits')->{l2_hits}, 1, 'from Redis, in the run that filled it');

$node->stop;
run_log([ 'postgres', '--single', '-D', $node->data_dir, 'postgres' ], '<', \'UPDATE item SET v = 2');
$node->start;
await_up($node);
is(on($node, $fetch), 2, 'changed in single-user mode');

fill();
$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', q{''});
$node->restart;
on($node, 'UPDATE item SET v = 3');
$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', q{'cachefront'});
$node->restart;
await_up($node);
is(on($node, $fetch), 3, 'changed without the library');

fill();
on($node, 'ALTER SYSTEM SET cachefront.track_changes = off');
$node->restart;
await_up($node);
on($node, 'UPDATE item SET v = 4');
on($node, 'ALTER SYSTEM RESET cachefront.track_changes');
$node->restart;
await_up($node);
is(on($node, $fetch), 4, 'changed without tracking');

# ---- our own outbox ----

on($node, q{SELECT cache_attach('item', 'outbox:{id}')});
await_up($node);
is(fill(), 4, 'filled');
$redis->kill;
on($node, 'SET cachefront.redis_commit = sync', 'BEGIN', 'UPDATE item SET v = 5', 'SAVEPOINT s', 'UPDATE item SET v = 6', 'COMMIT');
is(on($node, $fetch), 6, 'Redis is gone: seen');
cmp_ok(on($node, q{SELECT outbox_written FROM cache_stats WHERE cache = '*'}), '>', 0, 'by way of the outbox');
is(on($node, q{SELECT late_writes FROM cache_stats WHERE cache = '*'}), 0, 'which is no late write');
$redis->start;
await_up($node);
is(on($node, $fetch), 6, 'Redis is back');
is(on($node, q{SELECT late_writes FROM cache_stats WHERE cache = '*'}), 0, 'still none');

$node->stop;
done_testing();
