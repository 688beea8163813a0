# A server whose WAL nobody reads leaves out what standbys would read there; the first one that comes
# is told of all from then on, and is right about what came before.

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
my $sum = 'SELECT sum(v) FROM item';

$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', "$_")
  foreach "shared_preload_libraries = 'cachefront'", 'autovacuum = off', 'wal_level = replica',
  'cachefront.track_changes = on', 'max_wal_senders = 5', "wal_keep_size = '64MB'";
$primary->start;
$primary->safe_psql('postgres', q{
	CREATE EXTENSION cachefront;
	CREATE EXTENSION pg_walinspect;
	CREATE TABLE item (id int PRIMARY KEY, v int);
	CREATE TABLE other (id int PRIMARY KEY, v int);
	INSERT INTO item VALUES (1, 1);
	INSERT INTO other VALUES (1, 1)});
debug($primary);

# Do commits tell the WAL?
sub tells
{
	my $from = $primary->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()');

	$primary->safe_psql('postgres', 'UPDATE other SET v = v + 1');
	return $primary->safe_psql('postgres', qq{
		SELECT count(*) > 0 FROM pg_get_wal_records_info('$from', pg_current_wal_flush_lsn())
		WHERE resource_manager = 'LogicalMessage' AND description LIKE '%"cachefront"%'});
}

sub pass
{
	my ($time) = @_;

	$primary->safe_psql('postgres', "SELECT cf_debug_advance_clock('$time')");
	return;
}

sub right
{
	my ($on, $what) = @_;

	is($on->safe_psql('postgres', "SELECT cache_fetch('sum', '$sum')->0->>'sum'"),
		$on->safe_psql('postgres', $sum), $what);
	return;
}

# ---- nobody ----------------------------------------------------------------------

is(tells(), 't', 'a young server tells: a standby may be on its way');
pass('2 minutes');
is(tells(), 'f', 'nobody has come: nothing');
$primary->safe_psql('postgres', "ALTER SYSTEM SET cachefront.wal_messages = 'on'");
$primary->reload;
await($primary, 'SHOW cachefront.wal_messages', 'on');
is(tells(), 't', 'on is on');
$primary->safe_psql('postgres', 'ALTER SYSTEM RESET cachefront.wal_messages');
$primary->reload;
await($primary, 'SHOW cachefront.wal_messages', 'auto');
is(tells(), 'f', 'and auto as before');

# ---- a standby comes -------------------------------------------------------------

my $standby = CfTier::standby_of($primary, 'standby');

is(tells(), 't', 'a base backup was taken: from now on commits tell');
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('write'));
await_hit($standby, "SELECT cache_fetch('sum', '$sum')");
is(tells(), 't', 'a change of another table');
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('write'));
await($standby, 'SELECT coalesce(wal_unread, 0) FROM cache_status', 0);
my $before = CfTest::stat($standby, 'l1_hits');
right($standby, 'the standby is right');
is(CfTest::stat($standby, 'l1_hits') - $before, 1, 'and has it in memory');

# ---- it goes, and the server starts anew without it --------------------------------

$standby->stop;
pass('1 hour');
is(tells(), 't', 'it may come back, so commits tell');
$primary->restart;
is(tells(), 't', 'after a start, too');
pass('2 minutes');
is(tells(), 'f', 'until a minute has passed without it');
$primary->safe_psql('postgres', 'UPDATE item SET v = v + 1');
$standby->start;
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('write'));
right($standby, 'a change that nobody told of');
is(tells(), 't', 'it has come: commits tell');

# ---- a slot ----------------------------------------------------------------------

$standby->stop;
$primary->safe_psql('postgres', "SELECT pg_create_physical_replication_slot('later')");
$primary->restart;
is(tells(), 't', 'a start once more');
pass('2 minutes');
is(tells(), 't', 'a slot waits for somebody');

done_testing();
