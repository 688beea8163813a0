# Prepared transactions outlive what the server knows of them: restarts, crashes,
# promotions; and logical replication ends them without calling a hook.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CfTest;

my $node = PostgreSQL::Test::Cluster->new('primary');
$node->init(allows_streaming => 'logical');
$node->append_conf('postgresql.conf', q{
	shared_preload_libraries = 'cachefront'
	cachefront.hash_seed = 1
	cachefront.ttl_jitter = 0
	cachefront.xfetch_beta = 0
	max_prepared_transactions = 10
	max_connections = 40
	autovacuum = off
	hot_standby = on});
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION cachefront;
	CREATE TABLE changed (id int PRIMARY KEY, v int);
	CREATE TABLE other (v int);
	INSERT INTO changed VALUES (1, 0)});

# What the cache answers of both tables, and how many of that were hits.
sub look
{
	my ($on) = @_;

	return $on->safe_psql('postgres', q{
		SELECT l1_hits AS before FROM cache_stats WHERE cache = '*' \gset
		SELECT cache_fetch_row('changed', 'SELECT v FROM changed') ->> 'v' AS changed,
			cache_fetch_row('other', 'SELECT count(*) AS v FROM other') ->> 'v' AS other \gset
		SELECT :changed, :other, l1_hits - :before FROM cache_stats WHERE cache = '*'});
}

sub prepare
{
	my ($v) = @_;

	return $node->safe_psql('postgres',
		"BEGIN; UPDATE changed SET v = $v; PREPARE TRANSACTION 'p'");
}

look($node);
is(look($node), '0|0|2', 'both are in memory');

# ---- what the server has forgotten ----

foreach my $stop ('fast', 'immediate')
{
	my $v = $stop eq 'fast' ? 1 : 2;

	prepare($v);
	$node->stop($stop);
	$node->start;
	look($node);
	is(look($node), ($v - 1) . '|0|0', "after a $stop stop nobody knows what it has changed");
	$node->safe_psql('postgres', q{COMMIT PREPARED 'p'});
	look($node);
	is(look($node), "$v|0|2", 'committed');
}

# Rolled back, in another database than the one that was asked about first.
$node->safe_psql('postgres', 'CREATE DATABASE elsewhere');
prepare(9);
$node->restart;
is($node->safe_psql('elsewhere', 'SELECT count(*) FROM pg_prepared_xacts'), 1, 'it is there');
look($node);
is(look($node), '2|0|0', 'after a restart');
$node->safe_psql('postgres', q{ROLLBACK PREPARED 'p'});
look($node);
is(look($node), '2|0|2', 'rolled back');

# ---- a promotion ----

$node->backup('b');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'b', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);
look($standby);
prepare(3);
$node->wait_for_catchup($standby);
is((split /\|/, look($standby))[0], 2, 'a standby');
$node->stop;
$standby->promote;
look($standby);
is(look($standby), '2|0|0', 'promoted, it knows that something is prepared');
$standby->safe_psql('postgres', q{COMMIT PREPARED 'p'});
look($standby);
is(look($standby), '3|0|2', 'committed');

# ---- logical replication with two_phase ----

my $publisher = $standby;
my $subscriber = CfTest->node('subscriber', max_prepared_transactions => 10,
	'cachefront.track_changes' => 'on', 'cachefront.ttl_jitter' => 0, 'cachefront.xfetch_beta' => 0);
$subscriber->safe_psql('postgres', q{
	CREATE TABLE changed (id int PRIMARY KEY, v int);
	CREATE TABLE other (v int)});
$publisher->safe_psql('postgres', 'CREATE PUBLICATION p FOR TABLE changed, other');
my $connection = $publisher->connstr . ' dbname=postgres';
$subscriber->safe_psql('postgres',
	"CREATE SUBSCRIPTION s CONNECTION '$connection' PUBLICATION p WITH (two_phase = true)");
await($subscriber, q{SELECT count(*) = 0 FROM pg_subscription_rel WHERE srsubstate <> 'r'}, 't');
await($subscriber, q{SELECT subtwophasestate FROM pg_subscription}, 'e');
await($subscriber, 'SELECT v FROM changed', 3);
look($subscriber);
is(look($subscriber), '3|0|2', 'a subscriber has both in memory');
foreach my $end ('COMMIT', 'ROLLBACK')
{
	$publisher->safe_psql('postgres',
		"BEGIN; UPDATE changed SET v = v + 1; PREPARE TRANSACTION 'q'");
	await($subscriber, 'SELECT count(*) FROM pg_prepared_xacts', 1);
	look($subscriber);
	like(look($subscriber), qr/\|0\|1$/, "before $end: the table is asked");
	$publisher->safe_psql('postgres', "$end PREPARED 'q'");
	await($subscriber, 'SELECT count(*) FROM pg_prepared_xacts', 0);
	is(look($subscriber), '4|0|1', "the first look after $end") if $end eq 'COMMIT';
	look($subscriber);
	is(look($subscriber), '4|0|2', "after $end");
}

$subscriber->stop;
$publisher->stop;
done_testing();
