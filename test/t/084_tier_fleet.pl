# The cache itself on a Redis Cluster and behind Sentinels: values are found there,
# dropped by commits, and none is stale while a master is killed.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use CfRedisFleet;
use CfTest;

require_debug();

# What memory does not keep is in Redis alone.
sub server
{
	my ($name, $fleet) = @_;
	my $node = CfTest->node($name,
		'cachefront.redis_url' => $fleet->url,
		'cachefront.redis_command_timeout' => '15s',
		'cachefront.redis_connect_timeout' => '15s',
		'cachefront.breaker_reset' => '200ms',
		'cachefront.track_changes' => 'on',
		'cachefront.l1_max_value' => 0);

	$node->safe_psql('postgres', q{CREATE TABLE item (id int PRIMARY KEY, v int);
		INSERT INTO item SELECT i, 0 FROM generate_series(1, 60) i;
		SELECT cache_attach('item', key => 'item:{id}')});
	return $node;
}

my $read = q{SELECT count(*) FROM generate_series(1, 60) i
	WHERE cache_fetch('item:' || i, 'SELECT v FROM item WHERE id = $1', i)->0->>'v'
		<> (SELECT v::text FROM item WHERE id = i)};

sub stat_since
{
	my ($node, $sql) = @_;
	my $before = CfTest::stat($node, 'l2_hits');

	$node->safe_psql('postgres', $sql);
	return CfTest::stat($node, 'l2_hits') - $before;
}

foreach my $kind (qw(cluster sentinel))
{
	my $fleet = CfRedisFleet->$kind;
	my $node = server($kind, $fleet);

	is($node->safe_psql('postgres', $read), 0, "$kind: 60 values are loaded");
	await_that('for hits', sub { stat_since($node, $read) == 60 });
	pass("$kind: and found in Redis");
	$node->safe_psql('postgres', 'UPDATE item SET v = v + 1 WHERE id % 2 = 0');
	is($node->safe_psql('postgres', $read), 0, "$kind: nothing stale after a commit");
	await_that('for hits', sub { stat_since($node, $read) == 60 });
	pass("$kind: and all there again");

	my $killed = $kind eq 'cluster' ? $fleet->{nodes}->[0] : $fleet->{master};
	$killed->kill;
	my $stale = 0;
	await_that('for Redis to be whole again', sub {
		$node->safe_psql('postgres', 'UPDATE item SET v = v + 1 WHERE id <= 3');
		$stale += $node->safe_psql('postgres', $read);
		return stat_since($node, $read) == 60;
	});
	is($stale, 0, "$kind: nothing stale while a master is killed, and then all is there again");
	$node->stop;
	unlike(slurp_file($node->logfile), qr/PANIC:|TRAP:|WARNING:|ERROR:|terminated by signal/,
		"$kind: nothing else in the log");
}
done_testing();
