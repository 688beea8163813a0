# Hot keys: which they are; a list of them in Redis, by which a start, a new standby and
# one that is promoted get warm; and what of it is not to be believed.

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
my $primary = CfTier->primary('primary', $redis, 'cachefront.track_changes' => 'on',
	'cachefront.hot_keys' => 50, 'cachefront.l1_size' => '4MB', 'restart_after_crash' => 'on');
my $ns = namespace($primary);
my $list = 'cfh:' . ($ns =~ s/\..*//r);
my $read = q{SELECT (cache_fetch_row('item:' || i, 'SELECT v FROM item WHERE id = $1', ROW(i))->>'v')::int};

debug($primary);
$primary->safe_psql('postgres', q{
	CREATE ROLE clerk;
	CREATE TABLE item (id int PRIMARY KEY, v int);
	INSERT INTO item SELECT i, i FROM generate_series(1, 400) i;
	CREATE TABLE plain (v int);
	INSERT INTO plain VALUES (7);
	SELECT cache_attach('item');
	SELECT cache_define('item', ttl => '1 hour', scope => 'shared')});
await($primary, 'SELECT l2 FROM cache_status', 'up');

sub read_items
{
	my ($node, $from, $to, $times) = @_;

	return $node->safe_psql('postgres', "SELECT count(*) FILTER (WHERE v <> i), count(*) / $times
		FROM (SELECT $from + g % ($to - $from + 1) AS i FROM generate_series(1, $times * ($to - $from + 1)) g) i,
			LATERAL ($read AS v) x");
}

# The pull of a start, or of a promotion: done, total, errors.
sub pulled
{
	my ($node) = @_;

	await($node, q{SELECT count(*) FROM cache_warming WHERE source = 'hot keys' AND ended IS NOT NULL}, 1);
	await($node, 'SELECT cache_ready()');
	return $node->safe_psql('postgres', q{SELECT done, total, errors FROM cache_warming WHERE source = 'hot keys'});
}

# Which of some items are in memory, before anybody asks for them.
sub in_memory
{
	my ($node, @ids) = @_;

	return $node->safe_psql('postgres', "SELECT coalesce(string_agg(i::text, ' ' ORDER BY i), '')
		FROM unnest('{@{[join ',', @ids]}}'::int[]) i
		WHERE EXISTS (SELECT FROM cache_entries WHERE key = 'item:' || i AND state = 'fresh')");
}

sub list_of { return join ' ', map { command($redis, 'HGET', $list, $_) // '' } split ' ', $_[0]; }

# A list of its own, anew.
sub write_list
{
	my ($node, $fields) = @_;
	my $before = list_of($fields);

	$node->safe_psql('postgres', q{SELECT cf_debug_fault('hot-list')});
	await_that('for a list', sub { list_of($fields) ne $before });
	$node->safe_psql('postgres', q{SELECT cf_debug_fault(NULL)});
	return;
}

# ---- which they are ----

read_items($primary, 1, 400, 1);
read_items($primary, 1, 400, 1);
read_items($primary, 1, 30, 160);
is($primary->safe_psql('postgres', q{
	SELECT count(*), bool_and(database = 'postgres' AND cache = 'item' AND role IS NULL AND form = 'json'
		AND value_bytes BETWEEN 9 AND 11 AND hits > 0 AND uncertain <= hits)
	FROM (SELECT * FROM cache_hot_keys LIMIT 40) h WHERE split_part(key, ':', 2)::int <= 30}), '30|t',
	'those that are asked for most come first');
is($primary->safe_psql('postgres', 'SELECT count(*) <= 50 FROM cache_hot_keys'), 't', 'no more than so many');
my ($status, undef, $error) = $primary->psql('postgres', 'SET ROLE clerk; SELECT count(*) FROM cache_hot_keys');
like($error, qr/permission denied/, 'not for everybody');
is($primary->safe_psql('postgres', 'GRANT pg_monitor TO clerk; SET ROLE clerk; SELECT count(*) > 0 FROM cache_hot_keys; SELECT count(*) >= 0 FROM cache_warming'),
	"t\nt", 'but for who watches the server');
$primary->safe_psql('postgres', 'REVOKE pg_monitor FROM clerk');
is($primary->safe_psql('postgres', 'SET ROLE clerk; SELECT cache_ready()'), 't', 'whether it is ready may be asked by all');

# ---- the list ----

# Who may read what has changed: all was dropped.
read_items($primary, 1, 30, 20);
# These depend on a whole table.
my $plain = q{SELECT sum((cache_fetch_row('plain:' || g % 4, 'SELECT v FROM plain WHERE v > $1', ROW(g % 4))->>'v')::int) / 400
	FROM generate_series(1, 400) g};
$primary->safe_psql('postgres', $plain) foreach 1, 2;
write_list($primary, 'w');
is($redis->cli('HKEYS', $list), 'w', 'the server that writes has a field of its own');
unlike(command($redis, 'HGET', $list, 'w'), qr/item:\d/, 'in which no key can be read');
cmp_ok($redis->cli('PTTL', $list), '>', 23 * 3600 * 1000, 'for a day');

$primary->restart;
pulled($primary);
is(in_memory($primary, 1 .. 30), join(' ', 1 .. 30), 'a start pulls them all');
is($primary->safe_psql('postgres', q{SELECT count(*) FROM cache_entries WHERE key LIKE 'plain:%' AND state = 'fresh'}), 4,
	'those of a table, too, on which nothing depended before');
is($primary->safe_psql('postgres', $plain), 7, 'with what it holds');
$primary->safe_psql('postgres', 'UPDATE plain SET v = 8');
is($primary->safe_psql('postgres', $plain), 8, 'whose change drops them');
my $before = counters($primary);
is(read_items($primary, 1, 30, 1), '0|30', 'they are what they were');
is_deeply(since($primary, $before, qw(l1_hits l2_hits loads)), { l1_hits => 30, l2_hits => 0, loads => 0 },
	'and in memory');
is($primary->safe_psql('postgres', 'SELECT count(*) >= 30 FROM cache_hot_keys'), 't', 'they are known to be hot');
$primary->safe_psql('postgres', 'UPDATE item SET v = 1000 WHERE id = 1');
is($primary->safe_psql('postgres', $read =~ s/\bi\b/1/gr), 1000, 'a change drops what was pulled');
$primary->safe_psql('postgres', 'UPDATE item SET v = 1 WHERE id = 1');
read_items($primary, 1, 30, 1);

# ---- what does not count ----

sub bytes_of { return map { command($redis, 'HGET', "cf:$ns:item:2", $_) } 'v', 'm'; }

my ($value, $meta) = bytes_of();
ok(defined $value && defined $meta, 'a value of before');
$primary->safe_psql('postgres', 'UPDATE item SET v = 2000 WHERE id = 2');
await_told($primary);
command($redis, 'HSET', "cf:$ns:item:2", 'v', $value, 'm', $meta);
$primary->restart;
pulled($primary);
is(in_memory($primary, 1 .. 5), '1 3 4 5', 'an old value that came back does not count');
is($primary->safe_psql('postgres', $read =~ s/\bi\b/2/gr), 2000, 'nor is it read');
$primary->safe_psql('postgres', 'UPDATE item SET v = 2 WHERE id = 2');
read_items($primary, 1, 30, 2);
await_told($primary);

command($redis, 'HSET', "cf:$ns:item:3", 'v', '[{"v":666}]');
$primary->restart;
pulled($primary);
is(in_memory($primary, 1 .. 5), '1 2 4 5', 'a value that somebody has made does not count');
is(read_items($primary, 1, 30, 1), '0|30', 'nor is it read');

my $good = command($redis, 'HGET', $list, 'w');
my $refused = 0;
my @bad = ('', 'x', "\0" x 100, substr($good, 0, 40), substr($good, 0, -1), "$good ", 'y' x 1000000);
for my $i (0 .. 5)
{
	my $bytes = $good;
	my $at = $i < 3 ? $i : int(rand(length $good));

	substr($bytes, $at, 1) = chr(ord(substr($bytes, $at, 1)) ^ (1 << int(rand(8))));
	push @bad, $bytes;
}
foreach my $bytes (@bad)
{
	command($redis, 'HSET', $list, 'w', $bytes);
	$primary->restart;
	$refused++ if pulled($primary) eq '0|0|0';
}
is($refused, @bad, 'a list that is not as it was made names nothing');
command($redis, 'DEL', $list);
command($redis, 'SET', $list, 'x');
$primary->restart;
is(pulled($primary), '0|0|0', 'nor does what is no list');
command($redis, 'DEL', $list);
command($redis, 'HSET', $list, 'w', $good);

# A crash: nothing of before counts until the WAL of before is read.
$primary->safe_psql('postgres', 'UPDATE item SET v = v WHERE id = 4');
$primary->stop('immediate');
$primary->start;
await($primary, q{SELECT done >= 25 FROM cache_warming WHERE source = 'hot keys'});
is(read_items($primary, 1, 30, 1), '0|30', 'after a crash nothing is old');

# ---- ready ----

$primary->append_conf('postgresql.conf', "cachefront.warm_timeout = '1h'");
$primary->stop;
$redis->pause;
$primary->start;
is($primary->safe_psql('postgres', 'SELECT cache_ready()'), 'f', 'Redis is silent: not ready yet');
$redis->resume;
ok(CfTest::wait_until($primary, 'SELECT cache_ready()'), 'it answers: ready');
$primary->append_conf('postgresql.conf', "cachefront.warm_timeout = '1s'");
$primary->stop;
$redis->pause;
$primary->start;
ok(CfTest::wait_until($primary, 'SELECT cache_ready()'), 'silent for longer than one waits: ready');
is($primary->safe_psql('postgres', q{SELECT count(*) FROM cache_warming WHERE source = 'hot keys'}), 0,
	'with nothing pulled');
$redis->resume;
$primary->append_conf('postgresql.conf', "cachefront.warm_timeout = '1h'");
$primary->stop;
$redis->kill;
$primary->start;
ok(CfTest::wait_until($primary, 'SELECT cache_ready()'), 'Redis is down: ready');
$redis->start;
await($primary, 'SELECT l2 FROM cache_status', 'up');
is($primary->safe_psql('postgres', 'SELECT cache_ready()'), 't', 'and so it stays');
$primary->append_conf('postgresql.conf', 'cachefront.hot_keys = 0');
$primary->restart;
is($primary->safe_psql('postgres', 'SELECT cache_ready(), (SELECT count(*) FROM cache_hot_keys)'), 't|0', 'no hot keys wanted');
$primary->append_conf('postgresql.conf', 'cachefront.hot_keys = 50');
$primary->restart;

# ---- a standby ----

command($redis, 'FLUSHALL');
read_items($primary, 1, 30, 160);
await($primary, 'SELECT l2 FROM cache_status', 'up');
read_items($primary, 1, 30, 160);
write_list($primary, 'w');
my $standby = standby_of($primary, 'standby');
my $took = pulled($standby);
like($took, qr/^\d+\|\d+\|\d+$/, "a new standby reads the list ($took)");
await($standby, 'SELECT l2 FROM cache_status', 'up');
read_items($standby, 1, 30, 160);
is($standby->safe_psql('postgres', 'SELECT count(*) >= 30 FROM cache_hot_keys'), 't', 'it knows what is hot on it');
write_list($standby, 's0 s1 s2 s3 s4 s5');
like($redis->cli('HKEYS', $list), qr/^s\d$/m, 'it has a field beside the one of its primary');

read_items($primary, 101, 120, 1);
read_items($primary, 101, 120, 100);
write_list($primary, 'w');
my $started = $standby->safe_psql('postgres', q{SELECT max(started) FROM cache_warming});
$primary->stop;
$standby->promote;
await($standby, "SELECT max(started) > '$started' AND bool_and(ended IS NOT NULL) FROM cache_warming");
$before = counters($standby);
is(read_items($standby, 101, 120, 1), '0|20', 'promoted, it reads what was hot there');
cmp_ok(since($standby, $before, 'l1_hits')->{l1_hits}, '>=', 18, 'from memory');

$standby->stop;
done_testing();
