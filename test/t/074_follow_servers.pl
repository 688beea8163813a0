# Standbys that are paused, delayed, cascaded, fed from an archive, restarted, promoted,
# turned to another timeline, rewound: what they serve is what their own tables
# have (src/history/follow.h).

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

my %conf = (
	'cachefront.track_changes' => 'on', 'cachefront.xfetch_beta' => 0, autovacuum => 'off',
	restart_after_crash => 'on', max_prepared_transactions => 10, max_wal_senders => 10, wal_log_hints => 'on',
	wal_keep_size => '256MB', max_standby_streaming_delay => -1, max_standby_archive_delay => -1,
	wal_retrieve_retry_interval => '100ms');
my $primary = PostgreSQL::Test::Cluster->new('primary');
my %query = (
	item => 'SELECT sum(v) FROM item',
	other => 'SELECT sum(v) FROM other');

$primary->init(allows_streaming => 1, has_archiving => 1);
$primary->append_conf('postgresql.conf', "$_ = '$conf{$_}'") foreach sort keys %conf;
$primary->append_conf('postgresql.conf',
	"shared_preload_libraries = 'cachefront'\ncachefront.hash_seed = 1");
$primary->start;
$primary->safe_psql('postgres', q{
	CREATE EXTENSION cachefront;
	CREATE TABLE item (id int PRIMARY KEY, v int);
	CREATE TABLE other (id int PRIMARY KEY, v int);
	INSERT INTO item SELECT i, 1 FROM generate_series(1, 10) i;
	INSERT INTO other SELECT i, 1 FROM generate_series(1, 10) i});
debug($primary);

sub fetch
{
	my ($on, $name) = @_;

	return $on->safe_psql('postgres', "SELECT cache_fetch('$name', '$query{$name}')");
}

sub plain
{
	my ($on, $name) = @_;

	return $on->safe_psql('postgres', "SELECT json_agg(x) FROM ($query{$name}) x");
}

sub keep
{
	my ($on) = @_;

	await_hit($on, "SELECT cache_fetch('$_', '$query{$_}')") foreach sort keys %query;
	return;
}

# A session waits a millisecond for who reads the WAL; on a busy machine that may be too short.
sub has_read
{
	my ($on) = @_;

	await($on, 'SELECT coalesce(wal_unread, 0) FROM cache_status', 0);
	return;
}

# All is as the tables have it; "hits" of the names were in memory.
sub exact
{
	my ($on, $what, $hits) = @_;
	has_read($on) if $hits;
	my $before = CfTest::stat($on, 'l1_hits');

	is(fetch($on, $_), plain($on, $_), "$what: $_ is right") foreach sort keys %query;
	is(CfTest::stat($on, 'l1_hits') - $before, $hits, "$what: $hits hits") if defined $hits;
	return;
}

my $writes = 0;

# Changes a table and waits until a standby has replayed it.
sub change
{
	my ($writer, $table, @standbys) = @_;

	$writes++;
	$writer->safe_psql('postgres', "UPDATE $table SET v = v + $writes");
	$writer->wait_for_catchup($_, 'replay', $writer->lsn('write')) foreach @standbys;
	return;
}

# Hits, and none of what has changed.
sub follows
{
	my ($writer, $on, $what) = @_;

	keep($on);
	change($writer, 'item', $on);
	exact($on, $what, 1);
	keep($on);
	return;
}

my $standby = CfTier::standby_of($primary, 'standby');
follows($primary, $standby, 'a standby');

# ---- replay that stands still ------------------------------------------------

$standby->safe_psql('postgres', 'SELECT pg_wal_replay_pause()');
await($standby, 'SELECT pg_get_wal_replay_pause_state()', 'paused');
change($primary, 'item');
$primary->wait_for_catchup($standby, 'flush', $primary->lsn('write'));
exact($standby, 'paused', 2);
exact($standby, 'still paused', 2);
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('write'));
exact($standby, 'resumed', 1);
keep($standby);

# The follower is ahead: what it has read of must be loaded from the tables as they are.
{
	my $reader = open_session($standby);

	$reader->query_safe('BEGIN; SELECT count(*) FROM other');
	$primary->safe_psql('postgres', 'ALTER TABLE other ADD w int');
	await($standby, q{SELECT count(*) FROM pg_locks WHERE locktype = 'relation' AND NOT granted}, '1');
	change($primary, 'item');
	$primary->wait_for_catchup($standby, 'flush', $primary->lsn('write'));
	is(fetch($standby, 'item'), plain($standby, 'item'), 'replay waits: item is right');
	$reader->query_safe('COMMIT');
	$reader->quit;
	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('write'));
	exact($standby, 'replay goes on', 0);
	keep($standby);
}

my $delayed = CfTier::standby_of($primary, 'delayed');
$delayed->append_conf('postgresql.conf', "recovery_min_apply_delay = '1h'");
$delayed->reload;
keep($delayed);
change($primary, 'item');
$primary->wait_for_catchup($delayed, 'flush', $primary->lsn('write'));
exact($delayed, 'delayed', 2);
isnt(plain($delayed, 'item'), plain($primary, 'item'), 'and it is delayed');
$delayed->append_conf('postgresql.conf', 'recovery_min_apply_delay = 0');
$delayed->reload;
$primary->wait_for_catchup($delayed, 'replay', $primary->lsn('write'));
exact($delayed, 'no longer', 1);
$delayed->stop;

# ---- races ---------------------------------------------------------------------

$primary->wait_for_catchup($standby, 'replay', $primary->lsn('write'));
keep($standby);
{
	my $behind = CfTest::stat($standby, 'standby_behind');

	$standby->safe_psql('postgres', q{SELECT cf_debug_hold('follow-before-read')});
	await($standby, 'SELECT cf_debug_held()', '1');
	change($primary, 'item', $standby);
	exact($standby, 'the follower is behind', 0);
	cmp_ok(CfTest::stat($standby, 'standby_behind'), '>', $behind, 'which is counted');
	$standby->safe_psql('postgres', 'SELECT cf_debug_hold(NULL)');
	keep($standby);
	exact($standby, 'it has caught up', 2);
}

# Replayed while a load has its snapshot: its value is not kept.
{
	my $control = open_session($standby);
	my $reader;

	change($primary, 'item', $standby);
	$control->query_safe(q{SELECT cf_debug_waitpoint_enable('load-after-snapshot')});
	$reader = start_session($standby, "SELECT cache_fetch('item', '$query{item}')");
	await_waitpoint($standby);
	change($primary, 'item', $standby);
	$control->query_safe(q{SELECT cf_debug_waitpoint_release('load-after-snapshot')});
	isnt(finish_session($reader)->{stdout}, plain($standby, 'item'), 'a load with an old snapshot');
	exact($standby, 'after it');
	$control->quit;
	keep($standby);
}

# ---- the follower ends -----------------------------------------------------------

kill 'TERM', worker_pid($standby, 'cachefront follower');
change($primary, 'item', $standby);
exact($standby, 'the follower has ended');
keep($standby);
change($primary, 'other', $standby);
exact($standby, 'there is another', 1);

# ---- restart ---------------------------------------------------------------------

sub looks_back
{
	my ($on, $mark) = @_;

	return wait_until($on, "SELECT cf_debug_floor() BETWEEN 1 AND ('$mark'::pg_lsn - '0/0'::pg_lsn)");
}

my $mark = $primary->lsn('write');
change($primary, 'item', $standby);
$standby->restart;
ok(looks_back($standby, $mark), 'a restarted standby looks back');
follows($primary, $standby, 'restarted');
kill 'KILL', worker_pid($standby, 'cachefront follower');
await_that('for the end of the crash', sub {
	return ($standby->psql('postgres', 'SELECT 1'))[0] == 0 &&
		slurp_file($standby->logfile) =~ /all server processes terminated; reinitializing/; });
follows($primary, $standby, 'crashed');
$mark = $primary->lsn('write');
change($primary, 'item', $standby);
$primary->append_conf('postgresql.conf', 'cachefront.wal_lookback = 0');
$primary->stop('immediate');
$primary->start;
await($primary, 'SELECT cf_debug_floor() > 0');
ok(!$primary->safe_psql('postgres', "SELECT (cf_debug_floor() < '$mark'::pg_lsn - '0/0'::pg_lsn)::int"),
	'a crashed primary does not look back unless it may');
$primary->append_conf('postgresql.conf', "cachefront.wal_lookback = '256MB'");
$primary->stop('immediate');
$primary->start;
ok(looks_back($primary, $mark), 'a crashed primary looks back');
follows($primary, $standby, 'of a crashed primary');

# ---- cascade, archive ---------------------------------------------------------

my $cascade = PostgreSQL::Test::Cluster->new('cascade');
$standby->backup('for_cascade');
$cascade->init_from_backup($standby, 'for_cascade', has_streaming => 1);
$cascade->start;
change($primary, 'item', $standby);
$standby->wait_for_catchup($cascade, 'replay', $standby->lsn('replay'));
keep($cascade);
change($primary, 'other', $standby);
$standby->wait_for_catchup($cascade, 'replay', $standby->lsn('replay'));
exact($cascade, 'cascaded', 1);

my $archive = PostgreSQL::Test::Cluster->new('archive');
$archive->init_from_backup($primary, 'for_standby', has_restoring => 1, standby => 1);
$archive->start;

sub replay_archive
{
	my $lsn = $primary->safe_psql('postgres', 'SELECT pg_current_wal_lsn()');

	$primary->safe_psql('postgres', 'SELECT pg_switch_wal()');
	await($archive, "SELECT pg_last_wal_replay_lsn() >= '$lsn'");
	return;
}

replay_archive();
keep($archive);
change($primary, 'item');
replay_archive();
exact($archive, 'from the archive', 1);
keep($archive);
change($primary, 'other');
replay_archive();
exact($archive, 'from the archive again', 1);
$archive->stop;

# ---- promotion ----------------------------------------------------------------

# The last change was for the archive: these two may not have it yet.
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
$standby->wait_for_catchup($cascade, 'replay', $standby->lsn('replay'));
keep($_) foreach $standby, $cascade;
$primary->stop;
$standby->safe_psql('postgres', q{SELECT cf_debug_hold('follow-before-finish')});
$standby->promote;
await($standby, 'SELECT NOT pg_is_in_recovery() AND cf_debug_held() = 1');
{
	my $loads = CfTest::stat($standby, 'loads');

	is(fetch($standby, 'item'), plain($standby, 'item'), 'just promoted: item is right');
	is(CfTest::stat($standby, 'loads'), $loads + 1, 'not all of before has been read yet');
	$standby->safe_psql('postgres', 'SELECT cf_debug_hold(NULL)');
	await($standby, q{SELECT state FROM cache_entries WHERE key = 'other'}, 'fresh');
	exact($standby, 'promoted', 2);
	is(CfTest::stat($standby, 'loads'), $loads + 1, 'promoted: what was there still is');
}
$standby->safe_psql('postgres', 'UPDATE item SET v = v + 1');
exact($standby, 'its own change', 1);
change($standby, 'other');
$standby->wait_for_catchup($cascade, 'replay', $standby->lsn('write'));
exact($cascade, 'on the new timeline', 0);
follows($standby, $cascade, 'after that');

# ---- the old primary comes back ------------------------------------------------

$primary->start;
$primary->safe_psql('postgres', 'UPDATE item SET v = -1; CHECKPOINT');
$primary->stop;
command_ok([ 'pg_rewind', '--target-pgdata', $primary->data_dir, '--source-server',
		$standby->connstr('postgres'), '--no-sync' ], 'pg_rewind');
$primary->append_conf('postgresql.conf', 'port = ' . $primary->port);
$primary->enable_streaming($standby);
$primary->set_standby_mode;
$primary->start;
$standby->wait_for_catchup($primary, 'replay', $standby->lsn('write'));
exact($primary, 'rewound', 0);
follows($standby, $primary, 'after that');

# ---- prepared, and then a promotion -----------------------------------------

# Logical replication may commit it, which calls no hook: so what it has changed goes at once.
$standby->safe_psql('postgres', q{BEGIN; UPDATE other SET v = v + 1; PREPARE TRANSACTION 'left'});
$standby->wait_for_catchup($cascade, 'replay', $standby->lsn('write'));
keep($cascade);
$primary->stop;
$standby->stop;
$cascade->promote;
await($cascade, q{SELECT state FROM cache_entries WHERE key = 'item'}, 'fresh');
is($cascade->safe_psql('postgres', q{SELECT state FROM cache_entries WHERE key = 'other'}), 'invalidated',
	'what a prepared transaction has changed does not outlive a promotion');
$cascade->safe_psql('postgres', q{COMMIT PREPARED 'left'});
exact($cascade, 'committed after it');

$cascade->stop;
done_testing();
