# Redis is gone, silent, slow, full, read-only, of another state than before, or
# talks nonsense. In each case no read and no commit fails, no read waits for it
# more than once and no commit at all, nothing stale is read, and the views say what
# is wrong.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use CfOutage;
use CfRedis;
use CfTest;
use CfTier;

require_debug();

my $redis = CfRedis->new('main');
my %times = (
	'cachefront.redis_connect_timeout' => '3s',
	'cachefront.redis_command_timeout' => '3s');
my $node = CfTier->node('main', $redis, %times,
	'max_prepared_transactions' => 5,
	'cachefront.breaker_reset' => '300ms',
	'cachefront.breaker_failures' => 3);
my $ns = namespace($node);

$node->safe_psql('postgres', q{
	CREATE TABLE note (id int PRIMARY KEY, v int);
	INSERT INTO note VALUES (30, 0), (31, 0);
	SELECT cache_attach('note', 'note:{id}');
});
my $probe = CfOutage->new($node);

# What holds while Redis is of no use. Returns the counters of before.
sub outage
{
	my ($title, $rounds) = @_;
	my $before = counters($node);

	$probe->waits_once($title, sub { $probe->write_and_read($title, $rounds // 4) });
	return $before;
}

sub is_open
{
	my ($title) = @_;

	$probe->out_of_use($title);
	$probe->does_not_wait($title, sub { $probe->read(item($_)) foreach 3 .. 8; });
	return;
}

# What commits had to tell waits, in memory.
sub queue_waits
{
	my ($title) = @_;

	cmp_ok($probe->status('redis_queue'), '>', 0, "$title: what commits have to tell waits");
	is($node->safe_psql('postgres', 'SELECT count(*) FROM cache_outbox'), 0, "$title: and not in a table");
	return;
}

my $before;

$probe->write_and_read('all is well', 2);
is($probe->status('l2 || breaker'), 'upclosed', 'all is well');

# ---- killed ----

$redis->kill;
$before = outage('killed');
is_open('killed');
queue_waits('killed');
$redis->start;
$probe->recovered('killed');
await($node, 'SELECT redis_queue FROM cache_status', 0);
cmp_ok(counters($node)->{l2_deletes}, '>', 0, 'what Redis was told is counted');

# ---- silent ----

$redis->pause;
$before = outage('silent');
is_open('silent');
queue_waits('silent');
cmp_ok($probe->status('redis_timeouts'), '>', 0, 'silent: time-outs are counted');
$redis->resume;
$probe->recovered('silent');

# Who reads what nobody has in memory notices it by waiting, unless a worker has before.
foreach my $id (400 .. 404)
{
	$redis->pause;
	$probe->waits_once('a cold read', sub { $probe->read(item($id)) });
	$redis->resume;
	await($node, 'SELECT l2 FROM cache_status', 'up');
	last if $probe->{longest}->{reader};
}
cmp_ok($probe->{longest}->{reader} // 0, '>', 0, 'a cold read: it does wait');

# Silent, with connections that are already being used: the wait is bounded in
# every session, and those that come after do not wait at all.
$redis->pause;
my ($results) = run_sessions($node, [ map { item($_ + 100) . ";\n" . silence() } 1 .. 20 ]);
is(scalar(grep { $_->{stdout} =~ /^\[\{"v":0\}\]\n\d+$/ } @$results), 20,
	'twenty sessions of a silent Redis get their answers');
is(scalar(grep { $_->{stdout} =~ /\n(\d+)$/ && $1 > 3_000_000 } @$results), 0, 'none of them waits longer than once');
$redis->resume;
$probe->recovered('twenty sessions');

# ---- restarted empty, and with what was there before ----

$probe->write_and_read('before the restart', 1);
$redis->restart;
$probe->write_and_read('restarted empty', 2);
$probe->recovered('restarted empty');

$probe->read(item($_)) foreach 10 .. 20;
command($redis, 'SAVE');
$probe->write('UPDATE item SET v = -1 WHERE id BETWEEN 10 AND 20');
$probe->read(item($_)) foreach 10 .. 14;
$redis->kill;
# dir and dbfilename are as when it was saved: it comes up with the old values.
$redis->start;
is(value_in($redis, "cf:$ns:i:15"), '[{"v":0}]', 'an older dump has the old value');
$node->restart;
$probe->reconnect;
is(join(' ', map { $probe->read(item($_)) } 10 .. 20), join(' ', ('[{"v":-1}]') x 11), 'which nobody believes');
$probe->write('UPDATE item SET v = 0 WHERE id BETWEEN 10 AND 20');
command($redis, 'CONFIG', 'SET', 'save', '');
unlink "$redis->{dir}/dump.rdb";
$probe->recovered('an older dump');

# The same, while the server goes on.
$probe->read(item($_)) foreach 10 .. 20;
command($redis, 'SAVE');
$probe->write('UPDATE item SET v = -2 WHERE id BETWEEN 10 AND 20');
$redis->kill;
$redis->start;
unlink "$redis->{dir}/dump.rdb";
is(join(' ', map { $probe->read(item($_)) } 10 .. 20), join(' ', ('[{"v":-2}]') x 11), 'nor without a restart of the server');
$probe->write('UPDATE item SET v = 0 WHERE id BETWEEN 10 AND 20');
$probe->recovered('an older dump, again');

# ---- a restart before Redis was told ----

$probe->read(item($_)) foreach 60 .. 63;
$redis->kill;
$node->safe_psql('postgres', 'UPDATE item SET v = 6 WHERE id BETWEEN 60 AND 62');
$node->restart;
$redis->start;
$probe->reconnect;
is(join(' ', map { $probe->read(item($_)) } 60 .. 62, 60 .. 62), join(' ', ('[{"v":6}]') x 6), 'restarted: nothing stale');
$probe->recovered('restarted');
$node->safe_psql('postgres', 'UPDATE item SET v = 0 WHERE id BETWEEN 60 AND 62');

# ---- of no use, though it answers ----

my $master = CfRedis->new('master');

command($redis, 'REPLICAOF', '127.0.0.1', $master->{port});
$before = outage('a read-only replica');
is_open('a read-only replica');
queue_waits('a read-only replica');
command($redis, 'REPLICAOF', 'NO', 'ONE');
$probe->recovered('a read-only replica');
$master->kill;

# Full: what invalidates may exceed the limit, what fills may not.
my $limit = command($redis, 'CONFIG', 'GET', 'maxmemory')->[1];
command($redis, 'CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
command($redis, 'CONFIG', 'SET', 'maxmemory', 1);
$before = outage('full');
await($node, 'SELECT redis_queue FROM cache_status', 0);
is(since($node, $before, 'l2_deletes_lost')->{l2_deletes_lost}, 0, 'full: what commits tell gets through');
is(value_in($redis, "cf:$ns:i:1"), '', 'full: nothing is filled');
cmp_ok($probe->status('redis_oom_replies'), '>', 0, 'full: cache_status counts it');
is($probe->status('l2'), 'up', 'full: and it stays in use');
command($redis, 'CONFIG', 'SET', 'maxmemory', $limit);
$probe->recovered('full');

# Evicting all the time: whatever is missing, nothing stale is read.
command($redis, 'CONFIG', 'SET', 'maxmemory-policy', 'allkeys-random');
command($redis, 'CONFIG', 'SET', 'maxmemory', command($redis, 'INFO', 'memory') =~ /used_memory:(\d+)/ ? $1 + 20000 : 0);
my $filler = start_session($node, join('', map { "SELECT count(cache_fetch('f:' || i, 'SELECT repeat(md5(random()::text), 20)')) FROM generate_series($_ * 100, $_ * 100 + 99) i;\n" } 1 .. 20));
$before = outage('evicting', 30);
is(finish_session($filler)->{status}, 0, 'evicting: the load goes on');
cmp_ok((command($redis, 'INFO', 'stats') =~ /evicted_keys:(\d+)/)[0], '>', 0, 'evicting: it did');
command($redis, 'CONFIG', 'SET', 'maxmemory', $limit);
command($redis, 'CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
$probe->recovered('evicting');

# ---- stale values while it is down ----

my $plain = "SELECT cache_fetch('note:%s', 'SELECT v FROM note WHERE id = %s', ttl => '10 seconds')";

$node->safe_psql('postgres', sprintf($plain, $_, $_)) foreach 30, 31;
$redis->kill;
outage('stale');
$node->safe_psql('postgres', q{SELECT cf_debug_advance_clock('20 seconds')});
$probe->out_of_use('stale');
$before = counters($node);
is($probe->read(sprintf $plain, 30, 30), '[{"v":0}]', 'past its time to live, within stale_ttl');
is_deeply(since($node, $before, qw(stale_hits loads)), { stale_hits => 1, loads => 0 }, 'served from memory without a load');
$probe->write('UPDATE note SET v = 7 WHERE id = 31');
$before = counters($node);
is($probe->read(sprintf $plain, 31, 31), '[{"v":7}]', 'but not what a commit has invalidated');
is_deeply(since($node, $before, qw(stale_hits loads)), { stale_hits => 0, loads => 1 }, 'that is loaded');
$node->safe_psql('postgres', q{SELECT cf_debug_advance_clock('11 minutes')});
$node->safe_psql('postgres', item(999)) for 1 .. 5;
$before = counters($node);
$probe->read(sprintf $plain, 30, 30);
is(since($node, $before, 'loads')->{loads}, 1, 'nor what is past stale_ttl');

$redis->start;
$probe->recovered('stale');

$probe->quit;
$node->stop;
done_testing();
