# What cache_set stores goes to Redis after the commit, and every server that has the
# same data finds it there: here the same one, after a restart has emptied its memory.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use CfRedis;
use CfTest qw(:DEFAULT on);
use CfTier;

require_debug();

my $redis = CfRedis->new('main');
my $node = CfTier->node('main', $redis, 'cachefront.track_changes' => 'on');
my $ns = namespace($node);

debug($node);

sub got
{
	my ($key) = @_;

	return on($node, "SELECT coalesce(cache_get('$key')::text, 'none')");
}

# Nothing is in memory then.
sub forget
{
	await_told($node);
	reset_l1($node, $redis);
	return;
}

# ---- one value ----

on($node, q{SELECT cache_set('a', '{"n": 1}')});
forget();
is(got('a'), '{"n": 1}', 'a value of before the restart');
is(CfTest::stat($node, 'l2_hits'), 1, 'from Redis');
is(got('a'), '{"n": 1}', 'and again');
is(CfTest::stat($node, 'l2_hits'), 1, 'from memory');

on($node, q{SELECT cache_set('a', '2')}, q{SELECT cache_set('a', '3')});
forget();
is(got('a'), '3', 'the last one counts');

on($node, q{SELECT cache_delete('a')});
forget();
is(got('a'), 'none', 'deleted');
is(command($redis, 'EXISTS', "cf:$ns:a"), 0, 'in Redis, too');

on($node, 'BEGIN', q{SELECT cache_set('a', '4')}, 'ROLLBACK');
on($node, 'BEGIN', q{SELECT cache_set('b', '5')}, 'SAVEPOINT s', q{SELECT cache_set('b', '6')}, 'ROLLBACK TO s', 'COMMIT');
forget();
is(got('a') . got('b'), 'none5', 'what was rolled back is not there');

# ---- what others say of it ----

on($node, q{SELECT cache_set('t', '1', tags => '{x}')}, q{SELECT cache_set('u', '1', tags => '{y}')});
forget();
on($node, q{SELECT cache_invalidate_tag('x')});
is(got('t') . got('u'), 'none1', 'a tag outdates what is in Redis alone');
on($node, 'SELECT cache_flush()');
forget();
is(got('u'), 'none', 'and so does a flush');

# Redis gives back what it had before.
on($node, q{SELECT cache_set('old', '1')});
await_told($node);
my %old = @{ command($redis, 'HGETALL', "cf:$ns:old") };
on($node, q{SELECT cache_set('old', '2')});
forget();
command($redis, 'HSET', "cf:$ns:old", %old);
is(got('old'), 'none', 'a value that another has replaced is not taken');
my ($meta, $value) = map { my $k = $_; grep { /^$k/ } keys %old } 'm', 'v';
command($redis, 'HSET', "cf:$ns:old", $value, '"forged"');
is(got('old'), 'none', 'nor one that nobody has signed');
command($redis, 'HSET', "cf:$ns:other", %old);
is(got('other'), 'none', 'nor one of another key');
command($redis, 'DEL', "cf:$ns:other", "cf:$ns:old");

# ---- in one batch of the publisher ----

kill 'STOP', worker_pid($node, 'cachefront publisher');
on($node, q{SELECT cache_delete('k')});
on($node, q{SELECT cache_set('k', '1')});
on($node, q{SELECT cache_delete('k')});
on($node, q{SELECT cache_set('l', '1')});
on($node, q{SELECT cache_set('l', '2')});
kill 'CONT', worker_pid($node, 'cachefront publisher');
await_told($node);
is(command($redis, 'EXISTS', "cf:$ns:k"), 0, 'set and deleted: not there');
forget();
is(got('k') . got('l'), 'none2', 'set twice: the second');

# ---- another time to live ----

on($node, q{SELECT cache_set('c', '1', ttl => '1 hour')});
on($node, q{SELECT cache_touch('c', ttl => '2 days')});
await_told($node);
cmp_ok(command($redis, 'PTTL', "cf:$ns:c"), '>', 86400 * 1000, 'a new time to live, in Redis, too');
forget();
is(got('c'), '1', 'touched: found');
on($node, q{SELECT cf_debug_advance_clock('3 days')});
is(got('c'), 'none', 'and then expired');
is(expiring($redis), '', 'all expires by itself');

# ---- a query that is cached has taken one ----

on($node, 'CREATE TABLE item AS SELECT 1 AS v', q{SELECT cache_set('n', '1')});
my $fetch = q{SELECT cache_fetch('f', $$SELECT v, cache_get('n')::text AS n FROM item$$)};
on($node, $fetch) for 1 .. 2;
forget();
on($node, q{SELECT cache_set('n', '2')});
like(on($node, $fetch), qr/"n":"2"/, 'what was made of the value of before is not taken');

$node->stop;
done_testing();
