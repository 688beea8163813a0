# A standby without Redis serves from its memory, and what it serves is what its own
# tables have: it reads the WAL (src/history/follow.h).

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
	max_prepared_transactions => 10, max_wal_senders => 10, wal_level => 'replica', hot_standby => 'on');

# Another extension's library, whose commit callback is called after ours.
my $other = PostgreSQL::Test::Utils::tempdir() . '/other.so';

# The pg_config of a private tree tells where its headers would be.
my ($include) = grep { -e "$_/postgres.h" }
  map { chomp(my $path = `$_ --includedir-server`); $path }
  grep { -x } map { "$_/pg_config" } split /:/, $ENV{PATH};

plan skip_all => "needs the server's headers" unless defined $include;
command_ok(
	[
		'gcc', '-std=gnu99', '-O1', '-fPIC', '-shared', '-Wall', '-Werror', "-I$include",
		'-o', $other, "$FindBin::RealBin/../lib/other.c"
	],
	'the other library compiles');
my $preload = "$other, cachefront";
my $node = CfTest->node('primary', %conf, shared_preload_libraries => $preload);
my $standby;

my %query = (
	item => 'SELECT sum(v) FROM item',
	other => 'SELECT sum(v) FROM other',
	one => 'SELECT v FROM item WHERE id = 1');

debug($node);
$node->safe_psql('postgres', q{
	CREATE TABLE item (id int PRIMARY KEY, v int);
	CREATE TABLE other (id int PRIMARY KEY, v int);
	INSERT INTO item SELECT i, 1 FROM generate_series(1, 10) i;
	INSERT INTO other SELECT i, 1 FROM generate_series(1, 10) i;
	CREATE TABLE parted (id int, v int) PARTITION BY RANGE (id);
	CREATE TABLE part1 PARTITION OF parted FOR VALUES FROM (0) TO (100)});

# What a fetch gives beside what the query gives, in one session.
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

# Until a fetch is a hit.
sub keep
{
	my ($on, @names) = @_;

	await_hit($on, "SELECT cache_fetch('$_', '$query{$_}')") foreach @names;
	return;
}

# Does what the primary does show on the standby at once? Of the names, "changed" are
# those that it changes; the others are to stay.
sub shows
{
	my ($what, $change, @changed) = @_;
	my %changed = map { $_ => 1 } @changed;
	my $hits;

	keep($standby, sort keys %query);
	$change->();
	# An asynchronous commit may not have been written yet.
	$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
	# A session waits a millisecond for who reads the WAL; on a busy machine that may be too short.
	await($standby, 'SELECT wal_unread FROM cache_status', 0);
	foreach my $name (@changed)
	{
		my $loads = CfTest::stat($standby, 'loads');

		is(fetch($standby, $name), plain($standby, $name), "$what: $name is right");
		is(CfTest::stat($standby, 'loads'), $loads + 1, "$what: $name is not what was kept");
	}
	foreach my $name (grep { !$changed{$_} } sort keys %query)
	{
		$hits = CfTest::stat($standby, 'l1_hits');
		is(fetch($standby, $name), plain($standby, $name), "$what: $name is right");
		is(CfTest::stat($standby, 'l1_hits'), $hits + 1, "$what: $name is still there");
	}
	return;
}

sub on_primary
{
	my (@statements) = @_;

	return sub { $node->safe_psql('postgres', $_) foreach @statements };
}

sub all_names
{
	return sort keys %query;
}

$standby = CfTier::standby_of($node, 'standby');
keep($standby, all_names());
ok(worker_pid($standby, 'cachefront follower') > 0, 'there is a follower');
{
	my $hits = CfTest::stat($standby, 'l1_hits');

	fetch($standby, 'item') foreach 1 .. 5;
	is(CfTest::stat($standby, 'l1_hits'), $hits + 5, 'hits');
	$node->safe_psql('postgres', 'INSERT INTO parted VALUES (1, 1)');
	$node->wait_for_catchup($standby, 'replay', $node->lsn('write'));
	fetch($standby, 'item');
	is(CfTest::stat($standby, 'l1_hits'), $hits + 6, 'another table changes nothing');
}

shows('UPDATE', on_primary('UPDATE item SET v = 2 WHERE id = 1'), qw(item one));
shows('COPY', on_primary("COPY other FROM PROGRAM 'echo 11,5' (FORMAT csv)"), qw(other));
shows('a transaction', on_primary('BEGIN; UPDATE item SET v = v + 1; DELETE FROM other WHERE id = 2; COMMIT'),
	qw(item one other));
shows('a rollback', on_primary('BEGIN; UPDATE item SET v = v + 1; ROLLBACK'));
shows('a savepoint undone',
	on_primary('BEGIN; UPDATE item SET v = v + 1; SAVEPOINT a; DELETE FROM other WHERE id = 3; ROLLBACK TO a; COMMIT'),
	qw(item one));
shows('a savepoint kept',
	on_primary('BEGIN; SAVEPOINT a; UPDATE other SET v = 7 WHERE id = 5; RELEASE a; COMMIT'), qw(other));
shows('an asynchronous commit', on_primary('SET synchronous_commit = off; UPDATE item SET v = 9 WHERE id = 1'),
	qw(item one));
shows('cache_invalidate', on_primary(q{SELECT cache_invalidate('one')}), qw(one));
shows('COMMIT PREPARED', on_primary(q{BEGIN; UPDATE other SET v = 8 WHERE id = 5; PREPARE TRANSACTION 'p'},
		q{COMMIT PREPARED 'p'}), qw(other));
shows('ROLLBACK PREPARED', on_primary(q{BEGIN; UPDATE other SET v = 80 WHERE id = 5; PREPARE TRANSACTION 'p'},
		q{ROLLBACK PREPARED 'p'}));
shows('TRUNCATE', on_primary('TRUNCATE other'), qw(other));
shows('ALTER TABLE', on_primary('ALTER TABLE other ADD w int'), all_names());
shows('ANALYZE', on_primary('ANALYZE item'));
shows('VACUUM', on_primary('VACUUM item'));
shows('a temporary table', on_primary('BEGIN; CREATE TEMP TABLE t ON COMMIT DROP AS SELECT 1; UPDATE item SET v = 12 WHERE id = 1; COMMIT'),
	qw(item one));

# What others write after our message.
shows('a late write', on_primary(q{BEGIN; SET LOCAL other.at_commit = 'INSERT INTO other VALUES (70, 7)';
		UPDATE item SET v = 13 WHERE id = 1; COMMIT}), all_names());
shows('a late definition', on_primary(q{BEGIN; SET LOCAL other.at_commit = 'CREATE OR REPLACE VIEW shown AS SELECT 1 AS v';
		UPDATE item SET v = 14 WHERE id = 1; COMMIT}), all_names());
$node->safe_psql('postgres', 'CREATE DATABASE second');
shows('another database', sub {
	$node->safe_psql('second', q{CREATE TABLE item (id int, v int); INSERT INTO item VALUES (1, 2)});
});

# What a standby has set itself goes with what the primary invalidates.
is($standby->safe_psql('postgres', q{SELECT cache_set('own', '1'); SELECT cache_get('own')}), "t\n1", 'cache_set');
is($standby->safe_psql('postgres', q{SELECT cache_get('own')}), '1', 'its value stays');
$node->safe_psql('postgres', q{SELECT cache_invalidate('own')});
$node->wait_for_catchup($standby, 'replay', $node->lsn('write'));
is($standby->safe_psql('postgres', q{SELECT cache_get('own')}), '', 'until the primary says otherwise');

# Nobody says what has changed.
shows('without a message', sub {
	$node->safe_psql('postgres', q{SELECT cf_debug_fault('no-message');
		UPDATE other SET v = 8; INSERT INTO other VALUES (1, 1); SELECT cf_debug_fault(NULL)});
}, all_names());
shows('without the library', sub {
	$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
	$node->restart;
	$node->safe_psql('postgres', 'UPDATE item SET v = 40 WHERE id = 1');
	$node->append_conf('postgresql.conf', "shared_preload_libraries = '$preload'");
	$node->restart;
	$node->wait_for_catchup($standby, 'replay', $node->lsn('write'));
}, all_names());
shows('a single user', sub {
	$node->stop;
	run_log([ 'postgres', '--single', '-D', $node->data_dir, '-c', 'shared_preload_libraries=', 'postgres' ],
		'<', \"UPDATE item SET v = 41 WHERE id = 1;\n");
	$node->start;
}, all_names());

$standby->stop;
$node->stop;
done_testing();
