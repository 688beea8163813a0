# The Redis user that docs/redis.md recommends: it may do all that the extension
# asks of Redis, and where a right is missing one can see that.
#
# test/check_docs.sh compares the rights below with those in docs/redis.md.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use CfRedis;
use CfTest qw(:DEFAULT query);

my $rights = 'ACL SETUSER cachefront on >PASSWORD resetkeys ~cf* resetchannels -@all +auth +select +client|setname +info +time +hget +hmget +hset +hdel +unlink +scan +pttl +pexpire +eval +evalsha';

# Redis reads the user from a file, so that it is there from the first moment
# of every start: the breaker tries again and again while Redis is away.
my $redis = CfRedis->new('main', stopped => 1);
append_to_file("$redis->{dir}/users", ($rights =~ s/^ACL SETUSER/user/r) . "\n");
$redis->configure(aclfile => "$redis->{dir}/users");
$redis->start;
my $node = CfTest->node(
	'main',
	'cachefront.redis_url' => $redis->url('unix', 'cachefront:PASSWORD'),
	'cachefront.redis_command_timeout' => '15s',
	'cachefront.redis_connect_timeout' => '15s',
	'cachefront.namespace' => 'u',
	'cachefront.hot_keys' => 100,
	'cachefront.breaker_reset' => '100ms');

sub await_told
{
	await_that('for Redis to be told', sub { query('SELECT redis_queue FROM cache_status') eq '0' });
	return;
}

await_that('for Redis to be in use', sub { query('SELECT l2 FROM cache_status') eq 'up' });

my $fetch = q{SELECT cache_fetch('item:1', 'SELECT v FROM item WHERE id = $1', (1), tags => '{t}')};

query(q{CREATE TABLE item (id int PRIMARY KEY, v int);
	INSERT INTO item VALUES (1, 10), (2, 20);
	SELECT cache_define('item', scope => 'shared')});
query(q{SELECT cache_attach('item', key => 'item:{id}')});

# ---- reads, commits, definitions ----

is(query($fetch), '[{"v":10}]', 'a load');
query('SELECT cache_flush()');
is(query($fetch), '[{"v":10}]', 'a load that fills');
is($redis->cli('HGET', 'cf:u:item:1', 'v'), '[{"v":10}]', 'a shared value is plain JSON in Redis');
query('BEGIN; UPDATE item SET v = 11 WHERE id = 1; ROLLBACK');
query('UPDATE item SET v = 12 WHERE id = 1');
await_told();
is($redis->cli('HGET', 'cf:u:item:1', 'v'), '', 'a commit drops it there');
is(query($fetch), '[{"v":12}]', 'a load after it');
query(q{SELECT cache_invalidate_tag('t'), cache_invalidate('item:1'), cache_invalidate_table('item')});
query('CREATE TABLE other (); DROP TABLE other');
query($_) foreach 'CREATE DATABASE gone', 'DROP DATABASE gone';
query($fetch);
$node->restart;
await_that('for Redis to be in use', sub { query('SELECT l2 FROM cache_status') eq 'up' });
is(query($fetch), '[{"v":12}]', 'after a restart');
is(CfTest::stat($node, 'l2_hits'), 1, 'a hit in Redis');

# ---- an outage ----

$redis->kill;
query('SET cachefront.redis_commit = sync; UPDATE item SET v = 13 WHERE id = 1');
is(query('SELECT count(*) FROM cache_outbox'), 1, 'a commit without Redis leaves a row');
$redis->start;
ok(CfTest::wait_until($node, 'SELECT count(*) FROM cache_outbox', 0), 'the outbox is delivered');
is(query($fetch), '[{"v":13}]', 'nothing stale');
$node->safe_psql('postgres', "SELECT count(*) FROM generate_series(1, 100) i, cache_fetch('item:1', 'SELECT v FROM item WHERE id = \$1', (1), tags => '{t}')");
await_that('for a list of hot keys', sub { $redis->cli('HLEN', 'cfh:u') eq '1' });
is($redis->cli('ACL', 'LOG'), '', 'Redis has refused nothing');

# ---- a right that is missing ----

is(query(q{SELECT redis_error LIKE 'Redis refused a command%' FROM cache_status}), 'f', 'no refusal is shown');
$redis->cli('ACL', 'SETUSER', 'cachefront', '-unlink');
query('SET cachefront.redis_commit = sync; UPDATE item SET v = 14 WHERE id = 1');
like(query('SELECT redis_error FROM cache_status'), qr/^Redis refused a command: /,
	'a refusal is shown in cache_status');
is(query('SELECT count(*) FROM cache_outbox'), 1, 'what Redis refuses waits in the outbox');
is(query($fetch), '[{"v":14}]', 'reads go on');
$redis->cli('ACL', 'SETUSER', 'cachefront', '+unlink');
ok(CfTest::wait_until($node, 'SELECT count(*) FROM cache_outbox', 0), 'until Redis takes it');

done_testing();
