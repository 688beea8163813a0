# A standby that is away while the primary finds that nobody reads its WAL: what is invalidated
# by hand meanwhile it hears of when it is back.

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

my $primary = PostgreSQL::Test::Cluster->new('primary');

$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', "$_")
  foreach "shared_preload_libraries = 'cachefront'", 'autovacuum = off', 'wal_level = replica',
  'cachefront.track_changes = on', 'max_wal_senders = 5', "wal_keep_size = '64MB'",
  'wal_retrieve_retry_interval = 200';
$primary->start;
$primary->safe_psql('postgres', q{
	CREATE EXTENSION cachefront;
	CREATE TABLE item (id int PRIMARY KEY, v int);
	INSERT INTO item VALUES (1, 1)});
debug($primary);

my $standby = CfTier::standby_of($primary, 'standby');
my $conninfo = $standby->safe_psql('postgres', 'SHOW primary_conninfo');

# What no clock but the key's and the tag's outdates: each run gives another value.
sub value
{
	return $standby->safe_psql('postgres',
		"SELECT cache_fetch('$_[0]', 'SELECT random() AS v', tags => '{$_[0]-tag}')->0->>'v'");
}

sub away
{
	my ($change) = @_;

	reconfigure($standby, primary_conninfo => 'host=/nowhere');
	await($standby, 'SELECT count(*) FROM pg_stat_wal_receiver', 0);
	# No more than a minute of commits after a start decides that nobody reads.
	$primary->restart;
	$primary->safe_psql('postgres', 'UPDATE item SET v = v + 1');
	$primary->safe_psql('postgres', "SELECT cf_debug_advance_clock('2 minutes')");
	$primary->safe_psql('postgres', 'SELECT txid_current()');
	$primary->safe_psql('postgres', $change);
	reconfigure($standby, primary_conninfo => $conninfo);
	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
	return;
}

my %change = (
	key => "SELECT cache_invalidate('key')",
	tag => "SELECT cache_invalidate_tag('tag-tag')",
	flush => 'SELECT cache_flush()',
	identified => "SELECT txid_current(), cache_invalidate('identified')");

foreach my $key (sort keys %change)
{
	# The start of the primary tells of a change of all; so it is asked for again after that.
	await_hit($standby, "SELECT cache_fetch('$key', 'SELECT random() AS v', tags => '{$key-tag}')");
	my $before = value($key);

	is(value($key), $before, "$key: in the standby's memory");
	away($change{$key});
	isnt(value($key), $before, "$key: invalidated while it was away");
}

done_testing();
