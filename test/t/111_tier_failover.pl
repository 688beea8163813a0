# Crashes, promotions and copies with Redis up: what a lost tail of the WAL wrote is
# not believed, nor what a copy of the server stores, or a standby that was promoted
# for a drill, or the old primary; and none of them believes what this one stores.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CfRedis;
use CfTest qw(:DEFAULT on);
use CfTier;

require_debug();

my $redis = CfRedis->new('main');
# Nothing writes the WAL out behind the test's back: nor does a lack of buffers,
# for with checksums, which 18 has by default, hint bits are logged and a page
# with them takes the WAL before it along.
my $node = CfTier->primary('primary', $redis,
	'cachefront.l1_max_value' => 0,
	'wal_writer_delay' => '10s',
	'wal_buffers' => '16MB',
	'shared_buffers' => '64MB',
	'wal_writer_flush_after' => '1GB',
	'checkpoint_timeout' => '1h',
	'bgwriter_lru_maxpages' => 0);
my $ns = namespace($node);

debug($node);
$node->safe_psql('postgres', q{
	CREATE TABLE item (id int PRIMARY KEY, v int);
	INSERT INTO item SELECT i, 0 FROM generate_series(1, 20) i;
	CREATE TABLE total (v int);
	INSERT INTO total VALUES (0);
	SELECT cache_attach('item', 'i:{id}'), cache_attach('total', rows => '{}');
	SELECT cache_define('i', scope => 'shared'), cache_define('sum', scope => 'shared');
});

sub item
{
	my ($id) = @_;

	return "SELECT cache_fetch('i:$id', 'SELECT v FROM item WHERE id = $id')";
}

my $sum = "SELECT cache_fetch('sum:1', 'SELECT sum(v) FROM total')";

# The server's memory is not used: each read of these asks Redis. Twice, for the first
# one may have filled what the second one finds.
sub right
{
	my ($server, $title) = @_;

	foreach (1, 2)
	{
		is(on($server, q{SELECT count(*) FROM item
			WHERE v <> (cache_fetch_row('i:' || id, format('SELECT v FROM item WHERE id = %s', id))->>'v')::int}),
			0, "$title: items are the table's");
		is(on($server, $sum), '[{"sum":' . on($server, 'SELECT sum(v) FROM total') . '}]', "$title: so is the sum");
	}
	return;
}

# Redis comes into use: a key that was filled is found without a load.
sub in_use
{
	my ($server, $title) = @_;
	my $n = 0;

	await_that("$title: for Redis to be in use", sub {
		my $before = counters($server);

		on($server, "SELECT cache_fetch('back:$title', 'SELECT 1')") foreach 1, 2;
		return since($server, $before, 'l2_hits')->{l2_hits} > 0;
	});
	return pass("$title: Redis is in use");
}

# ---- a commit that is lost with the crash ----

in_use($node, 'before');
right($node, 'before');
on($node, 'CHECKPOINT');
# Nor does its own process, however long this takes.
kill 'STOP', worker_pid($node, 'walwriter');
on($node, 'SET synchronous_commit = off; UPDATE item SET v = 1 WHERE id IN (1, 3); UPDATE total SET v = 1');
is(on($node, item(1)) . on($node, item(3)) . on($node, $sum), '[{"v":1}][{"v":1}][{"sum":1}]', 'committed, and filled');
is(value_in($redis, "cf:$ns:i:1"), '[{"v":1}]', 'also into Redis');
$node->stop('immediate');
$node->start;
is(on($node, 'SELECT v FROM item WHERE id = 1'), 0, 'the crash has taken the commit back');
right($node, 'after the crash');
in_use($node, 'after the crash');

# ---- the same, and then the server runs without the library for a while ----

# What was lost in the crash has LSNs that the WAL of that time has, too.
on($node, 'CHECKPOINT');
kill 'STOP', worker_pid($node, 'walwriter');
on($node, 'SET synchronous_commit = off; UPDATE item SET v = 7 WHERE id = 5');
is(on($node, item(5)), '[{"v":7}]', 'committed, and filled');
$node->stop('immediate');
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$node->start;
is(on($node, 'SELECT v FROM item WHERE id = 5'), 0, 'the crash has taken that back, too');
on($node, q{SELECT pg_logical_emit_message(false, 'other', repeat('x', 1000000))});
$node->stop;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'cachefront'");
$node->start;
# It has been looked back: at the beginning the floor is after the record of the start.
await($node, q{SELECT cf_debug_floor() - (redo_lsn - '0/0') < 200 FROM pg_control_checkpoint()});
right($node, 'after a time without the library');
in_use($node, 'after a time without the library');
on($node, item(6));
$node->stop('immediate');
$node->start;
in_use($node, 'after a crash');
await_that('for what was cached before the crash to be used', sub {
	my $before = counters($node);

	on($node, item(6));
	return since($node, $before, 'l2_hits')->{l2_hits} > 0;
});
pass('after a crash: what was cached before it is used');

# ---- a crash in a commit ----

sub crash_at
{
	my ($point, $v) = @_;
	my $session;

	right($node, "before $point");
	on($node, "SELECT cf_debug_hold('$point')");
	$session = start_session($node, "BEGIN; UPDATE item SET v = $v WHERE id = 4; UPDATE total SET v = $v; COMMIT");
	await($node, 'SELECT cf_debug_held()', 1);
	$node->stop('immediate');
	finish_session($session);
	$node->start;
	return;
}

crash_at('commit-before-log', 2);
is(on($node, 'SELECT v FROM item WHERE id = 4'), 0, 'the commit has not come to pass');
right($node, 'before its record');
crash_at('commit-before-settle', 3);
is(on($node, 'SELECT v FROM item WHERE id = 4'), 3, 'it has');
right($node, 'before memory knows');

# ---- a copy beside production ----

{
	right($node, 'before the copy');
	my $copy = PostgreSQL::Test::Cluster->new('copy');

	$node->backup('beside');
	$copy->init_from_backup($node, 'beside');
	$copy->start;
	in_use($copy, 'a copy');
	on($copy, 'UPDATE item SET v = 100 WHERE id <= 10; UPDATE total SET v = 100');
	right($copy, 'the copy');
	right($node, 'production');
	on($node, 'UPDATE item SET v = 5 WHERE id <= 5; UPDATE total SET v = 5');
	right($node, 'production, after a commit of its own');
	right($copy, 'the copy, after one of production');
	foreach my $n (1 .. 3)
	{
		on($copy, "UPDATE item SET v = 100 + $n; UPDATE total SET v = 100 + $n");
		right($copy, "the copy, $n");
		on($node, "UPDATE item SET v = 10 + $n WHERE id <= 15; UPDATE total SET v = 10 + $n");
		right($node, "production, $n");
	}
	cmp_ok(stat($_, 'l2_foreign'), '>', 0, 'counted on ' . $_->name) foreach $copy, $node;
	like(slurp_file($_->logfile), qr/The other server is a copy of this one/, 'and logged on ' . $_->name) foreach $copy, $node;
	$copy->stop;
	$copy->start;
	right($copy, 'the copy, restarted');
	right($node, 'production');
	$copy->stop;
	$node->restart;
	right($node, 'production, restarted');
	in_use($node, 'production');
}

# ---- a promotion that loses what the standby has not received ----

my $standby = standby_of($node, 'standby');
right($node, 'before the promotion');
reconfigure($standby, 'primary_conninfo' => '');
ok(wait_until($standby, 'SELECT count(*) FROM pg_stat_wal_receiver', 0), 'the standby is cut off');
on($node, 'UPDATE item SET v = 44 WHERE id IN (6, 7); UPDATE total SET v = 44');
is(on($node, item(6)) . on($node, item(7)) . on($node, $sum), '[{"v":44}][{"v":44}][{"sum":44}]', 'the primary commits and fills');
is(value_in($redis, "cf:$ns:i:7"), '[{"v":44}]', 'also into Redis');
$node->stop('immediate');
$standby->promote;
isnt(on($standby, 'SELECT v FROM item WHERE id = 6'), 44, 'the promoted server does not know of it');
right($standby, 'promoted');
in_use($standby, 'promoted');
on($standby, 'UPDATE item SET v = 55 WHERE id = 6; UPDATE total SET v = 55');
right($standby, 'and after a commit');
$standby->restart;
right($standby, 'and after a restart');

# The old primary comes back as what it was.
$node->start;
right($node, 'the old primary');
on($node, 'UPDATE item SET v = 66 WHERE id IN (6, 9); UPDATE total SET v = 66');
right($node, 'the old primary, after a commit');
right($standby, 'the new one beside it');
on($standby, 'UPDATE item SET v = 77 WHERE id = 9; UPDATE total SET v = 77');
right($standby, 'the new one, after a commit');
right($node, 'the old one beside it');
$node->stop;

# ---- a drill: a standby is promoted for a while, and thrown away ----

{
	my $drill = standby_of($standby, 'drill');

	right($standby, 'before the drill');
	$drill->promote;
	in_use($drill, 'the drill');
	on($drill, 'UPDATE item SET v = -1; UPDATE total SET v = -1');
	right($drill, 'the drill');
	right($standby, 'production');
	on($standby, 'UPDATE item SET v = 88 WHERE id = 1; UPDATE total SET v = 88');
	right($standby, 'production, after a commit');
	right($drill, 'the drill, after that');
	$drill->stop;
	in_use($standby, 'production after the drill');
	my $before = counters($standby);
	right($standby, 'production after the drill');
	cmp_ok(since($standby, $before, 'l2_hits')->{l2_hits}, '>=', 21, 'its Redis is as useful as before');
}

is(expiring($redis), '', 'every key in Redis has a time to live');
$standby->stop;
done_testing();
