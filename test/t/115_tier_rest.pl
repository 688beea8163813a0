# A primary where nobody commits: what it stores in Redis its standby uses soon, though
# nobody else has the WAL flushed that was written before.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CfRedis;
use CfTest;
use CfTier;

require_debug();

my $redis = CfRedis->new('main');
my $primary = CfTier->primary('primary', $redis, 'cachefront.track_changes' => 'on', 'checkpoint_timeout' => '1h');

$primary->safe_psql('postgres', q{
	CREATE TABLE item (id int PRIMARY KEY, v int);
	INSERT INTO item SELECT i, 10 * i FROM generate_series(1, 100) i});
$primary->safe_psql('postgres', 'VACUUM');
my $standby = standby_of($primary, 'standby');
await($_, 'SELECT l2 FROM cache_status', 'up') foreach $primary, $standby;

sub read_sql
{
	return "SELECT cache_fetch('item:$_[0]', 'SELECT v FROM item WHERE id = $_[0]')";
}

# Sessions that have read all catalogs that they need, so that they clean up no page.
my $open = open_session($primary);
my $reader = open_session($primary);
my $emit = q{SELECT pg_logical_emit_message(false, 'test', 'rest')};

$reader->query_safe(read_sql($_)) foreach 1, 2;
$open->query_safe($emit);
await_told($primary);
await_replayed($primary, $standby);
kill 'STOP', worker_pid($primary, 'background writer');

# What an open transaction has written, and no commit after it.
$open->query_safe('BEGIN');
my $lsn = $open->query_safe($emit);
is($reader->query_safe(read_sql(3)), '[{"v":30}]', 'a load on the primary');
ok(wait_until($standby, "SELECT pg_last_wal_replay_lsn() >= '$lsn'"), 'has flushed what was written before');
my $before = counters($standby);
is($standby->safe_psql('postgres', read_sql(3)), '[{"v":30}]', 'the standby');
is(since($standby, $before, 'l2_hits')->{l2_hits}, 1, 'takes it from Redis');
kill 'CONT', worker_pid($primary, 'background writer');
$_->quit foreach $open, $reader;

$standby->stop;
$primary->stop;
done_testing();
