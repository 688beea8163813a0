# Rules and logical replication: what a subscriber applies invalidates its
# cache; and rules survive pg_dump.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CfTest;

my $schema = q{CREATE TABLE item (id int PRIMARY KEY, v int);
	CREATE TABLE part (id int PRIMARY KEY, v int) PARTITION BY RANGE (id);
	CREATE TABLE part1 PARTITION OF part FOR VALUES FROM (1) TO (100);
	CREATE TABLE part2 PARTITION OF part FOR VALUES FROM (100) TO (200);};
my $publisher = CfTest->node('publisher', wal_level => 'logical', max_wal_senders => 5, max_replication_slots => 5);
my $subscriber = CfTest->node('subscriber');

sub cached
{
	my ($key, $query) = @_;

	return $subscriber->safe_psql('postgres', "SELECT cache_fetch('$key', '$query')");
}

# What is to be forgotten must have been there.
sub published
{
	await_that('for all to be in memory', sub {
		all_cached();
		return $subscriber->safe_psql('postgres',
			q{SELECT count(*) FROM cache_entries WHERE state = 'fresh'}) == 4;
	});
	$publisher->safe_psql('postgres', $_[0]);
	$publisher->wait_for_catchup('sub');
	return;
}

foreach my $node ($publisher, $subscriber)
{
	$node->safe_psql("postgres", $schema);
}
$subscriber->safe_psql('postgres',
	q{SELECT cache_attach('item', 'item:{id}'), cache_attach('item', rows => '{}'), cache_attach('part', rows => '{}')});
$publisher->safe_psql('postgres', 'CREATE PUBLICATION pub FOR TABLE item, part;
	INSERT INTO item VALUES (1, 1), (2, 1); INSERT INTO part VALUES (1, 1), (100, 1)');
my $connstr = $publisher->connstr . ' dbname=postgres';
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION sub CONNECTION '$connstr' PUBLICATION pub");
$subscriber->wait_for_subscription_sync($publisher, 'sub');

my @reads = (
	[ 'item:1', 'SELECT v FROM item WHERE id = 1' ],
	[ 'sum', 'SELECT sum(v) FROM item' ],
	[ 'part', 'SELECT sum(v) FROM part' ],
	[ 'part2', 'SELECT sum(v) FROM part2' ]);

sub all_cached
{
	return join(' ', map { cached(@$_) } @reads);
}

is(all_cached(), '[{"v":1}] [{"sum":2}] [{"sum":2}] [{"sum":1}]', 'what was copied');
published('UPDATE item SET v = 5 WHERE id = 1');
is(all_cached(), '[{"v":5}] [{"sum":6}] [{"sum":2}] [{"sum":1}]', 'an update is applied');
published('UPDATE part SET v = 7 WHERE id = 100');
is(all_cached(), '[{"v":5}] [{"sum":6}] [{"sum":8}] [{"sum":7}]', 'in a partition');
published('UPDATE part SET id = 101 WHERE id = 1');
is(all_cached(), '[{"v":5}] [{"sum":6}] [{"sum":8}] [{"sum":8}]', 'a row moves');
published('BEGIN; DELETE FROM item WHERE id = 2; INSERT INTO item VALUES (3, 10); COMMIT');
is(all_cached(), '[{"v":5}] [{"sum":15}] [{"sum":8}] [{"sum":8}]', 'a transaction');
published('TRUNCATE item, part');
is(all_cached(), '[] [{"sum":null}] [{"sum":null}] [{"sum":null}]', 'TRUNCATE');

# pg_dump sees triggers, nothing else
my $rules = q{SELECT rel, kind, key, tags, columns, enabled, problem FROM cache_rules ORDER BY 1, 2, 3};
my $before = $subscriber->safe_psql('postgres', $rules);
my $dump = "$PostgreSQL::Test::Utils::tmp_check/dump.sql";
$subscriber->command_ok([ 'pg_dump', '-f', $dump, '--no-subscriptions', 'postgres' ], 'pg_dump');
$subscriber->safe_psql('postgres', 'CREATE DATABASE restored');
$subscriber->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', 'restored', '-f', $dump ],
	'restore');
is($subscriber->safe_psql('restored', $rules), $before, 'the rules are there');
isnt($before, '', 'and there were some');
is( $subscriber->safe_psql('restored', q{INSERT INTO item VALUES (1, 1);
		SELECT cache_fetch('item:1', 'SELECT v FROM item WHERE id = 1');
		UPDATE item SET v = 2;
		SELECT cache_fetch('item:1', 'SELECT v FROM item WHERE id = 1')}),
	qq{[{"v":1}]\n[{"v":2}]}, 'and work');

$subscriber->stop;
$publisher->stop;
done_testing();
