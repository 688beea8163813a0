# The first second after a start: what Redis has is used at once where this server's
# history of before the start is there, and not at all where it is not; nothing that
# is stored meanwhile gets lost; nothing that is read is old.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use CfRedis;
use CfTest;
use CfTier;

my $keys = 200;
my $redis = CfRedis->new('main');
my $node = CfTier->primary('writer', $redis, 'cachefront.track_changes' => 'on',
	'restart_after_crash' => 'on');

$node->safe_psql('postgres', qq{
	CREATE TABLE item (id int PRIMARY KEY, v int);
	INSERT INTO item SELECT i, 0 FROM generate_series(1, $keys) i;
	SELECT cache_attach('item', 'i:{id}');
	CREATE FUNCTION read(id int) RETURNS int LANGUAGE sql AS \$\$
		SELECT (cache_fetch_row('i:' || id, 'SELECT v FROM item WHERE id = \$1', ROW(id))->>'v')::int \$\$;
});

# How many of all keys a read gives that the table does not have so.
sub wrong
{
	return $node->safe_psql('postgres', 'SELECT count(*) FROM item WHERE v <> read(id)');
}

# The same, and hits in Redis and loads of it.
sub read_all
{
	my ($title) = @_;
	my $before = counters($node);

	is(wrong(), 0, "$title: nothing old");
	return since($node, $before, qw(l2_hits loads));
}

# Whoever comes first may have to wait for the server to know who it is.
sub ready
{
	await($node, 'SELECT l2 FROM cache_status', 'up');
	return;
}

ready();
# Who is the first to depend on a table outdates what he has.
$node->safe_psql('postgres', 'SELECT read(1)');
is_deeply(read_all('filled'), { l2_hits => 0, loads => $keys - 1 }, 'all else is loaded once');
$node->safe_psql('postgres', 'UPDATE item SET v = 1 WHERE id <= 10');

$node->restart;
ready();
my $got = read_all('a clean restart');
cmp_ok($got->{l2_hits}, '>=', 0.9 * $keys, 'what Redis has is used');
cmp_ok($got->{loads}, '>=', 10, 'but for what was changed');

$node->restart;
ready();
$node->safe_psql('postgres', q{UPDATE item SET v = 2 WHERE id <= 20; SELECT cache_set('set', '1')});
$got = read_all('a commit in the first second');
cmp_ok($got->{l2_hits}, '>=', 0.8 * $keys, 'what it has not changed is used');
is($node->safe_psql('postgres', q{SELECT cache_get('set')}), '1', 'what was stored is there');

# The server does not know what was committed before: a commit without the library.
$node->stop;
$node->append_conf('postgresql.conf', q{shared_preload_libraries = ''});
$node->start;
$node->safe_psql('postgres', 'SET cachefront.enabled = off; ALTER TABLE item DISABLE TRIGGER USER; UPDATE item SET v = 3 WHERE id <= 30; ALTER TABLE item ENABLE TRIGGER USER');
$node->stop;
$node->append_conf('postgresql.conf', q{shared_preload_libraries = 'cachefront'});
$node->start;
ready();
$got = read_all('a start without the library');
is($got->{l2_hits}, 0, 'what Redis has of before is not used');

# A crash: the server has the WAL, but what it has noted is gone.
$node->safe_psql('postgres', 'UPDATE item SET v = 4 WHERE id <= 40');
$node->stop('immediate');
$node->start;
ready();
read_all('a crash');
read_all('and once more');

# A crash soon after a clean restart, whose checkpoint has taken away the WAL of before: in
# what is left no record tells which transactions were running.
$node->append_conf('postgresql.conf', 'log_min_messages = debug1');
$node->safe_psql('postgres', 'SELECT pg_switch_wal()');
$node->safe_psql('postgres', 'UPDATE item SET v = 5');
read_all('before the restart');
$node->restart;
ready();
$node->safe_psql('postgres', 'UPDATE item SET v = 6 WHERE id <= 10');
$node->stop('immediate');
my $log = -s $node->logfile;
$node->start;
ready();
await_that('for what the WAL tells', sub {
	slurp_file($node->logfile, $log) =~ /cachefront knows what has changed since/ });
$got = read_all('a crash soon after a restart');
cmp_ok($got->{l2_hits}, '>=', 0.9 * $keys, 'what Redis has is used');

# A promotion after a clean stop: the promoted server goes on with the data that values in
# Redis were loaded from. The last checkpoint that it has replayed is one of a running
# server, which says nothing of where recovery has ended.
my $standby = standby_of($node, 'standby');
$node->safe_psql('postgres', 'UPDATE item SET v = 5');
read_all('before a promotion') foreach 1 .. 2;
await_replayed($node, $standby);
$node->stop;
$standby->promote;
await($standby, 'SELECT l2 FROM cache_status', 'up');
my $before = counters($standby);
is($standby->safe_psql('postgres', 'SELECT count(*) FROM item WHERE v <> read(id)'), 0, 'promoted: nothing old');
$got = since($standby, $before, qw(l2_hits l2_foreign));
is($got->{l2_foreign}, 0, 'what the primary stored is no other server\'s');
cmp_ok($got->{l2_hits}, '>=', 0.9 * $keys, 'and is used');
$standby->stop;

done_testing();
