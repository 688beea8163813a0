# How long values in Redis live: as long as they should, whatever the clocks say, and
# refreshed early by a load.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use CfRedis;
use CfTest qw(:DEFAULT query);
use CfTier;

require_debug();

my $redis = CfRedis->new('main');
my $node = CfTier->node('main', $redis);
my $ns = namespace($node);
my $now;

debug($node);
query(q{
	CREATE TABLE item (id int PRIMARY KEY, v int);
	INSERT INTO item SELECT i, i * 10 FROM generate_series(1, 100) i;
	SELECT cache_attach('item', 'item:{id}'), cache_attach('item', rows => '{}');
});

# ---- lifetimes ----

sub forward
{
	query("SELECT cf_debug_advance_clock('$_[0]')");
	return;
}

my $short = q{SELECT cache_fetch('short', 'SELECT v FROM item WHERE id = 5', ttl => '1000 seconds')};
query($short);
cmp_ok(command($redis, 'PTTL', "cf:$ns:short"), '<=', 1001000, 'Redis forgets what has expired');
reset_l1($node);
forward('850 seconds');
is(query($short), '[{"v":50}]', 'close to its end');
is(stat($node, 'loads'), 0, 'a value in Redis is good');
like(query(q{SELECT value FROM cache_explain('short', 'SELECT v FROM item WHERE id = 5') WHERE item = 'ttl left'}),
	qr/^1?\d?\d\.\d+ s$/, 'L1 does not keep it for longer');
reset_l1($node);
forward('1001 seconds');
is(query($short), '[{"v":50}]', 'past it');
is(join(' ', map { stat($node, $_) } qw(loads l2_hits l2_misses l2_fills)), '1 0 1 1',
	'it is a miss, loaded and filled anew');

# This server's clock is set back after it has filled, so that the value is of the future.
# What only time ends is not used then: it is older than it looks.
query('CREATE TABLE plain AS SELECT 1 AS v');
my $plain = q{SELECT cache_fetch('plain', 'SELECT v FROM plain', ttl => '1000 seconds')};
query($plain);
query('UPDATE plain SET v = 2');
reset_l1($node);
is(query($plain), '[{"v":1}]', 'what nothing vouches for lives for its time to live');
query("SELECT cf_debug_set_wall_clock('-1 second')");
reset_l1($node);
is(query($plain), '[{"v":1}]', 'clocks may differ by a little');
query("SELECT cf_debug_set_wall_clock('-1 hour')");
is(query($plain), '[{"v":1}]', 'the clock is set back: it is in memory, and stays for its time to live');
forward('1001 seconds');
is(query($plain), '[{"v":2}]', 'past it it is loaded, though by that clock it is of the future');
query('UPDATE plain SET v = 3');
query("SELECT cf_debug_set_wall_clock('-2 hours')");
reset_l1($node);
is(query($plain), '[{"v":3}]', 'what Redis has of the future is not used');
is(query($plain), '[{"v":3}]', 'but what is loaded then');
query("SELECT cf_debug_set_wall_clock('0')");
query($short);
my $left = q{SELECT substring(value FROM 'ttl left ([0-9.]+) s')::float8 FROM
	cache_explain('short', 'SELECT v FROM item WHERE id = 5') WHERE item = 'L2'};
foreach my $by ('-1 day', '-1 hour')
{
	query("SELECT cf_debug_set_wall_clock('$by')");
	cmp_ok(query($left), '<=', 1000, "a value of the future ($by) is kept for its time to live at most");
	reset_l1($node);
	is(query($short), '[{"v":50}]', 'it is used');
	is(stat($node, 'loads'), 0, 'not loaded');
	cmp_ok(query(q{SELECT extract(epoch FROM age + ttl_left) FROM cache_entries WHERE key = 'short'}),
		'<=', 1000, 'and for no longer in L1');
}
query("SELECT cf_debug_set_wall_clock('1 day')");
like(query(q{SELECT value FROM cache_explain('short', 'SELECT v FROM item WHERE id = 5') WHERE item = 'L2'}),
	qr/^(?!fresh)/, 'set forward, it has expired');
query("SELECT cf_debug_set_wall_clock('0')");
query('SELECT cache_flush()');

my $none = q{SET cachefront.negative_ttl = '1h'; SELECT cache_fetch('none', 'SELECT v FROM item WHERE id = -5', ttl => '1000 seconds')};
reset_l1($node);
query($none);
reset_l1($node);
is(query($none), '[]', 'a negative entry');
is(stat($node, 'negative_hits') + stat($node, 'l2_hits') . ' ' . stat($node, 'loads'), '1 0', 'is found');
forward('201 seconds');
query($none);
is(stat($node, 'loads'), 1, 'and lives for a fifth');

# ---- early refresh ----

query(q{CREATE TABLE loose (v int); INSERT INTO loose VALUES (1)});
my $loose = q{SELECT cache_fetch('loose', 'SELECT v, pg_sleep(0.1) FROM loose', ttl => '1 day')};
query($loose);
query('UPDATE loose SET v = 2');
forward('86340 seconds');
is(query("SET cachefront.xfetch_beta = 0; $loose"), '[{"v":1,"pg_sleep":""}]', 'no rule: as old as its time to live');
$now = counters($node);
# Chance decides who refreshes: a minute before the end, at a load of a tenth of a
# second, more than one in two. There are so many that it never is none.
foreach (1 .. 20)
{
	last if query('SET cachefront.xfetch_beta = 1000;' . " $loose;" x 20) =~ /"v":2/;
}
is_deeply(since($node, $now, qw(early_refreshes loads l2_hits l2_fills)),
	{ early_refreshes => 1, loads => 1, l2_hits => 0, l2_fills => 1 },
	'refreshed early, by a load, though Redis has the old value');
is(query($loose), '[{"v":2,"pg_sleep":""}]', 'and kept');

is(expiring($redis), '', 'every key in Redis has a time to live');

$node->stop;
done_testing();
