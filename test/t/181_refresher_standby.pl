# Loads in the background on a standby: readers have what is there, and a process of the standby
# itself loads what is newer.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CfTest qw(:DEFAULT on);
use CfTier ();

require_debug();

my %conf = (
	'cachefront.track_changes' => 'on', 'cachefront.ttl_jitter' => 0, 'cachefront.xfetch_beta' => 0,
	'autovacuum' => 'off', 'max_worker_processes' => 12);
my $primary = PostgreSQL::Test::Cluster->new('primary');

$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', "$_ = '$conf{$_}'") foreach sort keys %conf;
$primary->append_conf('postgresql.conf', "shared_preload_libraries = 'cachefront'\ncachefront.hash_seed = 1");
$primary->start;
$primary->safe_psql('postgres', q{CREATE EXTENSION cachefront});
debug($primary);
$primary->safe_psql('postgres', q{
	CREATE ROLE shop;
	CREATE ROLE reader;
	GRANT CREATE ON SCHEMA public TO shop;
	GRANT EXECUTE ON FUNCTION cache_define TO shop;
	SET ROLE shop;
	CREATE TABLE item (id int PRIMARY KEY, v int);
	INSERT INTO item SELECT g, 1 FROM generate_series(1, 9) g;
	SELECT cache_define('item', query => 'SELECT v, current_user AS by FROM item WHERE id = $1', arg_types => '{int}',
		scope => 'shared', freshness => 'declared', refresh_after => '30 s', ttl => '10 min', stale_ttl => '10 min');
	SELECT cache_define('proven', query => 'SELECT v, current_user AS by FROM item WHERE id = $1', arg_types => '{int}',
		scope => 'shared', refresh_after => '30 s', ttl => '10 min', stale_ttl => '10 min')});
my $standby = CfTier::standby_of($primary, 'standby');

sub item
{
	my ($cache) = @_;

	return on($standby, "SELECT cache_read_row('" . ($cache // 'item') . "', 1)");
}

# A standby keeps nothing until its reader of the WAL has come up.
sub keep
{
	my ($cache) = @_;

	await_that("for an entry of $cache", sub {
		item($cache);
		return on($standby, "SELECT count(*) FROM cache_entries WHERE cache = '$cache'") > 0;
	});
	return;
}

sub counted
{
	my ($counter, $cache) = @_;

	return on($standby, "SELECT coalesce(sum($counter), 0) FROM cache_stats WHERE cache = '" . ($cache // 'item') . q{'});
}

sub later
{
	my ($time) = @_;

	on($standby, "SELECT cf_debug_advance_clock('$time')");
	return;
}

sub change
{
	my ($v) = @_;

	on($primary, "UPDATE item SET v = $v");
	CfTier::await_replayed($primary, $standby);
	return;
}

# ---- a hit that is older than refresh_after ----

keep('item');
is(item(), '{"v":1,"by":"postgres"}', 'who misses loads');
change(2);
my $misses = counted('misses');
later('31 s');
is(item(), '{"v":1,"by":"postgres"}', 'what is older than refresh_after is served');
await($standby, q{SELECT sum(worker_refreshes) FROM cache_stats WHERE cache = 'item'}, 1);
is(item(), '{"v":2,"by":"shop"}', 'and loaded anew, as its owner, by a process of the standby');
is(counted('misses'), $misses, 'nobody has missed');
is(on($standby, q{SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'cachefront refresher'}), 't', 'which is there');
is(counted('worker_refresh_errors'), 0, 'without an error');

# ---- past its time to live ----

change(3);
later('11 min');
is(item(), '{"v":2,"by":"shop"}', 'a value past its time to live is served');
await($standby, q{SELECT sum(worker_refreshes) FROM cache_stats WHERE cache = 'item'}, 2);
is(item(), '{"v":3,"by":"shop"}', 'and loaded anew');

# ---- what replay has outdated is not served ----

keep('proven');
later('31 s');
change(4);
is(item('proven'), '{"v":4,"by":"postgres"}', 'what a commit has outdated is loaded by who reads');
is(counted('worker_refreshes', 'proven'), 0, 'no worker was asked');
keep('proven');
later('31 s');
is(item('proven') =~ /"v":4/, 1, 'what is current and older is served');
await($standby, q{SELECT sum(worker_refreshes) FROM cache_stats WHERE cache = 'proven'}, 1);
is(item('proven'), '{"v":4,"by":"shop"}', 'and loaded anew');

# ---- rights are the reader's ----

is(on($standby, q{SELECT cache_read_row('item', 1)}), '{"v":3,"by":"shop"}', 'it is there');
later('31 s');
my $refreshes = counted('worker_refreshes');
my $stderr;

$standby->psql('postgres', q{SET ROLE reader; SELECT cache_read_row('item', 1)}, stderr => \$stderr);
like($stderr, qr/permission denied for table item/, 'who may not read it does not');
is(counted('worker_refreshes'), $refreshes, 'and asks nobody to');

# ---- promoted, it goes on ----

$standby->promote;
await($standby, q{SELECT pg_is_in_recovery()}, 'f');
keep('item');
$refreshes = counted('worker_refreshes');
on($standby, 'UPDATE item SET v = 5');
later('31 s');
item();
await_that('for a refresh', sub { item(); counted('worker_refreshes') > $refreshes });
is(item(), '{"v":5,"by":"shop"}', 'after a promotion, too');

$standby->stop;
$primary->stop;
done_testing();
