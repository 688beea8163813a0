# What Redis holds and must not be believed for: it was switched off, or lost sight
# of a change of roles; a crash took a commit that a value had seen; a fetch inside
# of another was answered by it; it is full, or holds keys of other types; a
# standby cannot hear of what invalidates.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);
use CfRedis;
use CfTest;
use CfTier;

require_debug();

my $redis = CfRedis->new('main');
my $node = CfTier->primary(
	'primary', $redis,
	'cachefront.l1_ttl' => '1s',
	'cachefront.redis_command_timeout' => '5s',
	'cachefront.redis_connect_timeout' => '5s',
	'cachefront.breaker_reset' => '300ms',
	'wal_writer_delay' => '10s',
	'wal_writer_flush_after' => '1GB',
	'checkpoint_timeout' => '1h',
	'bgwriter_lru_maxpages' => 0);
my $ns = namespace($node);
my $hour = "ttl => '1 hour'";

sub on
{
	my ($server, $sql) = @_;

	return $server->safe_psql('postgres', $sql);
}

# Values that Redis holds of a key, whoever may believe them.
sub nvalues
{
	my ($key) = @_;

	return scalar grep { /^v:/ } fields($redis, "cf:$ns:$key");
}

# Redis is in use again, whatever kept it from that.
sub up
{
	my ($server) = @_;

	return ok(wait_until($server // $node, "SELECT l2 FROM cache_status, cache_fetch('up', 'SELECT 1')", 'up'),
		'Redis is in use');
}

debug($node);
on($node, q{
	CREATE TABLE item (id int PRIMARY KEY, v int);
	INSERT INTO item SELECT i, 0 FROM generate_series(1, 100) i;
	CREATE TABLE part (v int); INSERT INTO part VALUES (1);
	CREATE TABLE other (v int); INSERT INTO other VALUES (1);
	CREATE TABLE secret (v int); INSERT INTO secret VALUES (42);
	SELECT cache_attach('item', 'i:{id}'), cache_attach('part', rows => '{}');
	CREATE ROLE grp; CREATE ROLE bob LOGIN; GRANT grp TO bob; GRANT SELECT ON secret TO grp;
});
$node->safe_psql('postgres', 'CREATE DATABASE plain');
up();

# ---- a fetch inside of another ----

my $inner = "SELECT cache_fetch('in', 'SELECT v FROM part')";
my $outer = q{SELECT cache_fetch('out', $$SELECT cache_fetch('in', 'SELECT v FROM part') AS v$$)};

on($node, "SET cachefront.l1_max_value = 0; $inner");
my $before = counters($node);
is(on($node, $outer), '[{"v":[{"v":1}]}]', 'the inner fetch is answered');
is(since($node, $before, 'l2_hits')->{l2_hits}, 1, 'by Redis');
on($node, 'UPDATE part SET v = 2');
is(on($node, $outer), '[{"v":[{"v":2}]}]', 'what invalidates it invalidates the outer one');

# ---- tags that are not for users ----

foreach (1, 2)
{
	my ($rc, $stdout, $stderr) = $node->psql('postgres', "SELECT cache_invalidate_tag(chr($_))");

	like($stderr, qr/must not be a single control character/, "chr($_) is refused");
}

# ---- switched off, and on again ----

my $three = "SELECT cache_fetch('i:3', 'SELECT v FROM item WHERE id = 3', $hour)";

is(on($node, $three), '[{"v":0}]', 'filled');
is(nvalues('i:3'), 1, 'also into Redis');
reconfigure($node, 'cachefront.redis_url' => '');
on($node, 'UPDATE item SET v = 33 WHERE id = 3');
ok(-e $node->data_dir . '/cachefront.redis', 'a commit that Redis does not hear of is noted on disk');
$node->append_conf('postgresql.conf', "cachefront.redis_url = '" . $redis->url('unix') . "'");
$node->restart;
up();
is(on($node, $three), '[{"v":33}]', 'after that what Redis holds is not believed');
$node->restart;
up();
$before = counters($node);
is(on($node, $three), '[{"v":33}]', 'after another restart');
is(since($node, $before, 'l2_hits')->{l2_hits}, 1, 'it is');

# ---- roles ----

my $bob = "SET SESSION AUTHORIZATION bob; SELECT cache_fetch('s', 'SELECT v FROM secret', $hour)";

is(on($node, $bob), '[{"v":42}]', 'bob may');
is(nvalues('s'), 1, 'and Redis has it');
$redis->pause;
$node->safe_psql('plain', 'REVOKE grp FROM bob');
$node->restart;
$redis->resume;
up();
my ($rc, $stdout, $stderr) = $node->psql('postgres', $bob);
like($stderr, qr/permission denied/, 'a right that was lost while Redis was silent is lost, also after a restart');

# ---- a commit that a crash takes back ----

on($node, 'CHECKPOINT');
on($node, "SELECT cache_fetch('warm', 'SELECT 1')");
my $hold = open_session($node, 'postgres', on_error_stop => 0);
$hold->query_safe("SELECT cf_debug_waitpoint_enable('tier-before-confirm')");
my $reader = start_session($node, "SELECT cache_fetch('o5', 'SELECT v FROM other', $hour)");
await_waitpoint($node);
on($node, 'UPDATE item SET v = 1 WHERE id = 50');
kill 'STOP', on($node, "SELECT pid FROM pg_stat_activity WHERE backend_type = '$_'")
  foreach 'walwriter', 'background writer';
on($node, 'SET synchronous_commit = off; UPDATE other SET v = 99');
$hold->query_safe("SELECT cf_debug_waitpoint_release('tier-before-confirm')");
is(finish_session($reader)->{stdout}, '[{"v":99}]', 'a load sees a commit that is not on disk');
is(nvalues('o5'), 1, 'and Redis has that');
$node->stop('immediate');
eval { $hold->quit };
$node->start;
up();
is(on($node, "SELECT cache_fetch('o5', 'SELECT v FROM other', $hour)"),
	'[{"v":' . on($node, 'SELECT v FROM other') . '}]', 'what it filled does not outlive it');

# ---- a full Redis, and keys that are not ours ----

$redis->pause;
on($node, 'UPDATE item SET v = 5 WHERE id = 5');
is(on($node, 'SELECT count(*) FROM cache_outbox'), 1, 'a commit that Redis missed');
$redis->resume;
command($redis, 'CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
command($redis, 'SET', "cfb:$ns", 'not a stream');
command($redis, 'SET', "cf:$ns:i:5", 'not a hash');
command($redis, 'CONFIG', 'SET', 'maxmemory', '1');
ok(wait_until($node, 'SELECT count(*) FROM cache_outbox', '0'), 'it is told all the same');
command($redis, 'CONFIG', 'SET', 'maxmemory', '0');
up();

# ---- a standby ----

my $standby = standby_of($node, 'standby', 'cachefront.l1_ttl' => '10min');
my $two = "SELECT cache_fetch('i:2', 'SELECT v FROM item WHERE id = 2', $hour)";

up($standby);
keep($standby, 'i:2', $two);
$redis->pause;
on($standby, "SELECT cache_fetch('cold', 'SELECT 1')");
is(on($standby, 'SELECT l2 FROM cache_status'), 'down', 'a standby knows that Redis is down');
on($node, 'UPDATE item SET v = 22 WHERE id = 2');
$node->wait_for_catchup($standby);
is(on($standby, $two), '[{"v":22}]', 'without Redis it knows by the WAL');
$redis->resume;
$standby->stop;
$node->stop;

done_testing();
