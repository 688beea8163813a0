# A subscriber with a hot standby: what logical replication applies there, two-phase too,
# its standby follows. The apply worker that commits what another one has prepared
# calls no hook of ours and writes no message; the standby knows it by the id that its record
# names.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CfTest qw(:DEFAULT await_hit);
use CfTier ();

require_debug();

my %conf = ('cachefront.track_changes' => 'on', 'cachefront.xfetch_beta' => 0, 'cachefront.hash_seed' => 1,
	'autovacuum' => 'off', 'max_prepared_transactions' => 10, 'restart_after_crash' => 'on');
my $publisher = PostgreSQL::Test::Cluster->new('publisher');
my $subscriber = PostgreSQL::Test::Cluster->new('subscriber');

$publisher->init(allows_streaming => 'logical');
$publisher->append_conf('postgresql.conf', 'max_prepared_transactions = 10');
$publisher->start;
$publisher->safe_psql('postgres', q{
	CREATE TABLE item (id int PRIMARY KEY, v int);
	CREATE TABLE other (id int PRIMARY KEY, v int);
	INSERT INTO item SELECT i, 1 FROM generate_series(1, 10) i;
	INSERT INTO other SELECT i, 1 FROM generate_series(1, 10) i;
	CREATE PUBLICATION p FOR ALL TABLES});
$subscriber->init(allows_streaming => 1);
$subscriber->append_conf('postgresql.conf', "$_ = '$conf{$_}'") foreach sort keys %conf;
$subscriber->append_conf('postgresql.conf', "shared_preload_libraries = 'cachefront'");
$subscriber->start;
$subscriber->safe_psql('postgres', q{
	CREATE EXTENSION cachefront;
	CREATE TABLE item (id int PRIMARY KEY, v int);
	CREATE TABLE other (id int PRIMARY KEY, v int)});
debug($subscriber);
my $connection = $publisher->connstr . ' dbname=postgres';
$subscriber->safe_psql('postgres',
	"CREATE SUBSCRIPTION s CONNECTION '$connection' PUBLICATION p WITH (two_phase = true)");
await($subscriber, q{SELECT count(*) = 0 FROM pg_subscription_rel WHERE srsubstate <> 'r'}, 't');
await($subscriber, q{SELECT subtwophasestate FROM pg_subscription}, 'e');
my $standby = CfTier::standby_of($subscriber, 'standby');

sub fetch
{
	my ($on, $name) = @_;

	return $on->safe_psql('postgres', "SELECT cache_fetch('$name', 'SELECT sum(v) FROM $name')");
}

# As long as something is prepared that changes a table, the subscriber keeps nothing of it.
sub keep
{
	foreach my $on (@_)
	{
		await_hit($on, "SELECT cache_fetch('$_', 'SELECT sum(v) FROM $_')") foreach qw(item other);
	}
	return;
}

# Both are as the publisher's tables, or as they were; hits of the standby's were in memory.
sub exact
{
	my ($what, $item, $hits) = @_;
	my $before = CfTest::stat($standby, 'l1_hits');

	is(fetch($_, 'item'), qq([{"sum":$item}]), "$what: " . $_->name . ' is right') foreach $subscriber, $standby;
	is(fetch($standby, 'other'), '[{"sum":10}]', "$what: what was not changed is, too");
	is(CfTest::stat($standby, 'l1_hits') - $before, $hits, "$what: $hits hits") if defined $hits;
	return;
}

sub publish
{
	my ($sql) = @_;

	$publisher->safe_psql('postgres', $sql);
	return;
}

sub prepared
{
	my ($n) = @_;

	await($subscriber, 'SELECT count(*) FROM pg_prepared_xacts', $n);
	$subscriber->wait_for_catchup($standby, 'replay', $subscriber->lsn('write'));
	return;
}

my $sum = 10;
my $change = 'UPDATE item SET v = v + 1 WHERE id <= 2';

keep($subscriber, $standby);
exact('at first', $sum, 2);
publish($change);
$publisher->wait_for_catchup('s');
$subscriber->wait_for_catchup($standby, 'replay', $subscriber->lsn('write'));
exact('applied', $sum += 2, 1);

foreach my $case (
	[ 'prepared', "BEGIN; $change" ],
	[ 'prepared with savepoints', "BEGIN; SAVEPOINT a; $change; SAVEPOINT b; UPDATE item SET v = v + 100; ROLLBACK TO b" ])
{
	my ($what, $begin) = @$case;

	foreach my $end (qw(ROLLBACK COMMIT))
	{
		keep($subscriber, $standby);
		publish("$begin; PREPARE TRANSACTION 'g'");
		prepared(1);
		exact($what, $sum, 2);
		publish("$end PREPARED 'g'");
		prepared(0);
		$sum += 2 if $end eq 'COMMIT';
		exact("$what, $end", $sum, $end eq 'COMMIT' ? 1 : 2);
	}
}

# The follower begins between the two, and does not look back to the first.
foreach my $lookback (0, '256MB')
{
	publish("BEGIN; $change; PREPARE TRANSACTION 'g'");
	prepared(1);
	$standby->append_conf('postgresql.conf', "cachefront.wal_lookback = '$lookback'");
	$standby->restart;
	keep($standby);
	exact("restarted in between, look-back $lookback", $sum);
	keep($standby);
	publish("COMMIT PREPARED 'g'");
	prepared(0);
	exact("committed then, look-back $lookback", $sum += 2);
}

# The subscriber crashes in between, and does not know who has prepared.
publish("BEGIN; $change; PREPARE TRANSACTION 'g'");
prepared(1);
$subscriber->stop('immediate');
$subscriber->start;
await($subscriber, q{SELECT count(*) > 0 FROM pg_stat_replication});
exact('the subscriber has crashed in between', $sum);
publish("COMMIT PREPARED 'g'");
prepared(0);
exact('committed after the crash', $sum += 2);
keep($subscriber, $standby);

# The standby takes over in between: the apply worker is its own then.
publish("BEGIN; $change; PREPARE TRANSACTION 'g'");
prepared(1);
$subscriber->stop;
$standby->promote;
await($standby, 'SELECT NOT pg_is_in_recovery()');
is(fetch($standby, 'item'), qq([{"sum":$sum}]), 'promoted in between');
publish("COMMIT PREPARED 'g'");
await($standby, 'SELECT count(*) FROM pg_prepared_xacts', 0);
$sum += 2;
is(fetch($standby, 'item'), qq([{"sum":$sum}]), 'committed after the promotion');
is(fetch($standby, 'item'), '[{"sum":' . $standby->safe_psql('postgres', 'SELECT sum(v) FROM item') . '}]',
	'and the table has it');

$standby->stop;
$publisher->stop;
done_testing();
