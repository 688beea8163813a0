# Write-behind with buffer memory: what was committed is counted once; a clean stop, a worker
# that is killed with its transaction anywhere and a full memory lose nothing; a crash of the server loses
# what was not flushed, and nothing else.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use CfTest qw(:DEFAULT query);

require_debug();

my $node = CfTest->node('main', 'autovacuum' => 'off', 'max_prepared_transactions' => 5,
	'restart_after_crash' => 'on', 'cachefront.write_memory' => '1MB');
my $write = q{UPDATE page p SET views = p.views + b.value FROM unnest($1::int[], $2::bigint[]) AS b(id, value) WHERE p.id = b.id};
my $counted = 0;

sub define
{
	my ($interval, $buffer) = @_;

	query(qq{SELECT cache_define_writer('v', \$w\$$write\$w\$, '{int}', flush_interval => '$interval', buffer => '$buffer')});
	return;
}

sub total
{
	return query(q{SELECT (SELECT sum(views) FROM page) + coalesce((SELECT sum(value::numeric) FROM cache_pending('v')), 0)});
}

sub applied
{
	return query('SELECT sum(views) FROM page');
}

sub flush
{
	my ($name) = @_;

	is(query('SELECT cache_flush_writes()'), 't', "$name: all is applied");
	is(applied(), $counted, "$name: what is counted is what was committed");
	return;
}

# Only where a worker is there memory is used: one that has something waits for its time.
sub warm
{
	await_that('for a worker that stays', sub {
		query(q{SELECT cache_add('v', 1, 1)});
		$counted++;
		return query('SELECT count(*) FROM cache_write_queue') < query(q{SELECT buffered FROM cache_writes WHERE name = 'v'});
	});
	return;
}

# All in memory.
sub add
{
	warm();
	my $rows = query('SELECT count(*) FROM cache_write_queue');
	query("SELECT count(cache_add('v', 1, n)) FROM generate_series(1, 20) n");
	$counted += 20;
	is(query('SELECT count(*) FROM cache_write_queue'), $rows, 'it is in memory');
	return;
}

debug($node);
query(q{CREATE TABLE page (id int PRIMARY KEY, views bigint NOT NULL DEFAULT 0); INSERT INTO page (id) SELECT generate_series(1, 20000)});
define('1 hour', 'memory');
add();
is(applied(), 0, 'nothing is applied');
is(total(), $counted, 'and all is pending');
cmp_ok(query(q{SELECT buffered FROM cache_writes}), '>=', 20, 'buffered');
flush('memory');
is(query(q{SELECT count(*) FROM cache_pending('v')}), 0, 'nothing is pending');

# ---- transactions ----

warm();
query(q{BEGIN; SELECT cache_add('v', 1000, 1); ROLLBACK});
query(q{BEGIN; SELECT cache_add('v', 1, 1); SAVEPOINT a; SELECT cache_add('v', 1000, 1); SAVEPOINT b; SELECT cache_add('v', 500, 2);
	RELEASE b; ROLLBACK TO a; SELECT cache_add('v', 10, 1); SAVEPOINT c; SELECT cache_add('v', 100, 1), cache_add('v', 100, 3); RELEASE c; COMMIT});
$counted += 211;
is(total(), $counted, 'savepoints');
query(q{DO $$ BEGIN FOR i IN 1..1000 LOOP BEGIN PERFORM cache_add('v', 1, i % 7 + 1); IF i % 2 = 0 THEN RAISE 'no'; END IF;
	EXCEPTION WHEN raise_exception THEN NULL; END; END LOOP; END $$});
$counted += 500;
is(total(), $counted, 'a thousand savepoints');
my $before = query(q{SELECT cache_pending('v', 4)});
is(query(q{BEGIN; SELECT cache_add('v', 5, 4) IS NULL; SELECT cache_pending('v', 4); ROLLBACK}),
	"f\n" . ($before + 5), 'own writes are pending');
my $stderr;
$node->psql('postgres', q{BEGIN; SELECT cache_add('v', 5, 4); PREPARE TRANSACTION 'no'}, stderr => \$stderr);
like($stderr, qr/cannot PREPARE a transaction that has added to a writer whose buffer is memory/, 'no prepared transactions');
flush('transactions');
# A sum that would overflow.
warm();
query(q{SELECT cache_add('v', 9223372036854775807, 9), cache_add('v', 9223372036854775807, 9)});
query(q{SELECT cache_add('v', 9223372036854775807, 9)});
is(query(q{SELECT cache_pending('v', 9)}), '27670116110564327421', 'three sums');
query(q{SELECT cache_add('v', -9223372036854775807, 9), cache_add('v', -9223372036854775807, 9)});
query(q{SELECT cache_add('v', -9223372036854775807, 9)});
is(query(q{SELECT cache_pending('v', 9)}), 0, 'and their contraries');
flush('three sums');

# ---- the worker goes, at each step ----

my @steps = qw(behind-before-delete behind-before-apply behind-before-commit behind-after-commit);

sub hold_worker
{
	my ($step) = @_;

	add();
	query("SELECT cf_debug_hold('$step')");
	my $asking = start_session($node, 'SELECT cache_flush_writes()');
	await($node, 'SELECT cf_debug_held()', 1);
	is(total(), $counted, "$step: neither twice nor not at all");
	# What comes meanwhile is of the next flush.
	query("SELECT count(cache_add('v', 1, n)) FROM generate_series(5, 30) n");
	$counted += 26;
	is(total(), $counted, "$step: with what came meanwhile");
	return $asking;
}

foreach my $step (@steps)
{
	my $asking = hold_worker($step);
	my $worker = query(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'cachefront worker'});

	kill 'TERM', $worker;
	query('SELECT cf_debug_hold(NULL)');
	is(finish_session($asking)->{stdout}, 't', "$step: terminated, the next one does it");
	is(total(), $counted, "$step: terminated");
	flush("$step: terminated");
}

# A snapshot over a flush.
add();
my $open = open_session($node);
my $sum = q{SELECT (SELECT sum(views) FROM page) + coalesce((SELECT sum(value::numeric) FROM cache_pending('v')), 0)};
$open->query_safe("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1");
is($open->query_safe($sum), $counted, 'a snapshot before a flush');
is(query('SELECT cache_flush_writes()'), 't', 'the flush');
is($open->query_safe($sum), $counted, 'and after it');
$open->query_safe('COMMIT');
$open->quit;

# ---- clean stops ----

foreach my $mode ('fast', 'smart')
{
	add();
	$node->stop($mode);
	$node->start;
	is(total(), $counted, "$mode stop");
	flush("$mode stop");
}
# A row that is locked, by a prepared transaction, does not hold it up.
query(q{BEGIN; UPDATE page SET views = views WHERE id < 5; PREPARE TRANSACTION 'holds'});
add();
$node->stop('fast');
$node->start;
is(total(), $counted, 'a stop with rows that are locked');
query(q{ROLLBACK PREPARED 'holds'});
flush('they are let go');
# With sessions that commit until they are told to go.
{
	warm();
	query('CREATE TABLE done (n int)');
	my @sessions = map { start_session($node,
		q{DO $$ BEGIN FOR i IN 1..1000000 LOOP PERFORM cache_add('v', 1, i % 50 + 1); INSERT INTO done VALUES (1); COMMIT; END LOOP; END $$}) } 1 .. 4;
	await($node, 'SELECT count(*) > 200 FROM done');
	$node->stop('fast');
	finish_session($_) foreach @sessions;
	$node->start;
	$counted += query('SELECT count(*) FROM done');
	is(total(), $counted, 'a stop while four sessions commit');
	flush('these');
}

# ---- a full memory ----

warm();
# So many are not left to wait; the transaction itself sees where they go.
my ($added, $in_table) = split /\n/, query(q{BEGIN; SELECT count(cache_add('v', 1, n)) FROM generate_series(1, 20000) n;
	SELECT count(*) FROM cache_write_queue; COMMIT});
$counted += $added;
cmp_ok($in_table, '>', 0, 'more keys than there is room for: the others are in the table');
is(total(), $counted, 'all of them count');
flush('a full memory');
await_that('for room', sub {
	my $rows = query('SELECT count(*) FROM cache_write_queue');

	query("SELECT count(cache_add('v', 1, n)) FROM generate_series(1, 100) n");
	$counted += 100;
	return query('SELECT count(*) FROM cache_write_queue') == $rows;
});
flush('there is room again');

# ---- greatest and least ----

query(q{CREATE TABLE seen (id int PRIMARY KEY, most int, least bigint);
	INSERT INTO seen SELECT n, 0, 0 FROM generate_series(1, 9) n;
	SELECT cache_define_writer('most', 'UPDATE seen s SET most = b.v FROM unnest($1::int[], $2::int[]) b(id, v) WHERE s.id = b.id',
		'{int}', 'int', 'max', flush_interval => '1 hour', buffer => 'memory');
	SELECT cache_define_writer('least', 'UPDATE seen s SET least = b.v FROM unnest($1::int[], $2::bigint[]) b(id, v) WHERE s.id = b.id',
		'{int}', 'bigint', 'min', flush_interval => '1 hour', buffer => 'memory')});
warm();
my $rows = query('SELECT count(*) FROM cache_write_queue');
query(q{SELECT cache_put('most', v, 1), cache_put('least', v, 1) FROM (VALUES (-5), (7), (-9), (3)) x(v)});
query(q{BEGIN; SELECT cache_put('most', 8, 1); SAVEPOINT a; SELECT cache_put('most', 1000, 1), cache_put('least', -1000, 1);
	ROLLBACK TO a; SAVEPOINT b; SELECT cache_put('least', -10, 1), cache_put('most', 2, 1); RELEASE b; COMMIT});
query(q{BEGIN; SELECT cache_put('most', 2000, 1); ROLLBACK});
is(query('SELECT count(*) FROM cache_write_queue'), $rows, 'max and min are in memory');
is(query(q{SELECT cache_pending('most', 1), cache_pending('least', 1)}), '8|-10', 'the greatest and the least');
{
	my $asking = do {
		query(q{SELECT cf_debug_hold('behind-before-apply')});
		my $session = start_session($node, 'SELECT cache_flush_writes()');
		await($node, 'SELECT cf_debug_held()', 1);
		$session;
	};
	query(q{SELECT cache_put('most', 9, 1), cache_put('most', 6, 2)});
	is(query(q{SELECT cache_pending('most', 1), cache_pending('most', 2)}), '9|6', 'with what came while a flush is under way');
	query('SELECT cf_debug_hold(NULL)');
	is(finish_session($asking)->{stdout}, 't', 'applied');
}
flush('max and min');
is(query(q{SELECT most, least FROM seen WHERE id = 1}), '9|-10', 'nothing of it is lost');
query(q{SELECT cache_drop_writer('most'), cache_drop_writer('least')});

# ---- locks, rows that are refused ----

$open = open_session($node);
$open->query_safe('BEGIN; UPDATE page SET views = views WHERE id IN (1, 7)');
add();
query(q{SELECT cache_flush_writes('1 ms')});
await($node, "SELECT count(*) FROM cache_pending('v')", 2);
is(total(), $counted, 'two rows are locked');
$open->query_safe('COMMIT');
$open->quit;
flush('they are let go');
warm();
query(q{SELECT count(cache_add('v', 1, n)) FROM generate_series(19990, 20009) n});
$counted += 11;
flush('rows that are not there');
is(query(q{SELECT count(*), sum(value::int) FROM cache_dead_writes}), '9|9', 'are dead');
query('INSERT INTO page (id) SELECT generate_series(20001, 20009)');
is(query(q{SELECT cache_retry_writes('v')}), 9, 'tried again');
$counted += 9;
flush('when they are there');

# ---- nothing is lost by the way ----

add();
$node->psql('postgres', q{SELECT cache_drop_writer('v')}, stderr => \$stderr);
like($stderr, qr/writer "v" has writes that are not applied yet/, 'cache_drop_writer');
$node->psql('postgres', q{DROP EXTENSION cachefront}, stderr => \$stderr);
like($stderr, qr/there are writes that are not applied yet/, 'DROP EXTENSION');
$node->psql('template1', q{DROP DATABASE postgres}, stderr => \$stderr);
like($stderr, qr/has writes that are not applied yet/, 'DROP DATABASE');
query(q{BEGIN; SELECT cache_drop_writer('v', discard => true); ROLLBACK});
is(total(), $counted, 'discarded, and rolled back');
flush('nothing is gone');
add();
query(q{SELECT cache_drop_writer('v', discard => true)});
is(query('SELECT count(*) FROM cache_writes'), 0, 'discarded');
define('1 hour', 'memory');
$counted = applied();
is(total(), $counted, 'nothing is left of it');

# ---- a crash ----

add();
flush('before');
add();
my $worker = query(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'cachefront worker'});
kill 'KILL', $worker;
await($node, "SELECT count(*) FROM pg_stat_activity WHERE pid = $worker", 0);
cmp_ok(total(), '<', $counted, 'a crash loses what memory had');
cmp_ok(applied(), '>=', $counted - 1000, 'and nothing else');
$counted = total();
flush('after');
# What was applied is on the disk.
add();
flush('applied');
$node->stop('immediate');
$node->start;
is(applied(), $counted, 'what was applied stays over a crash');
# As many keys as go into a statement do not wait for their time; one key may have many writes.
query(q{SELECT cache_drop_writer('v')});
query(qq{SELECT cache_define_writer('v', \$w\$$write\$w\$, '{int}', flush_interval => '1 hour', flush_rows => 50, buffer => '$_')}),
	query(q{SELECT count(cache_add('v', 1, n)) FROM generate_series(1, 50) n}),
	$counted += 50,
	await($node, 'SELECT sum(views) FROM page', $counted),
	flush("$_: flush_rows"),
	query(q{SELECT count(cache_add('v', 1, 1 + n % 2)) FROM generate_series(1, 5000) n}),
	$counted += 5000,
	is(total(), $counted, "$_: many writes of two keys"),
	is(query(q{SELECT count(*) FROM cache_pending('v')}), 2, "$_: wait for their time"),
	flush("$_: these")
	foreach 'table', 'memory';
# By its own interval.
define('0.1 s', 'memory');
query(q{SELECT cache_add('v', 3, 3)});
$counted += 3;
await($node, 'SELECT sum(views) FROM page', $counted);

$node->stop;
done_testing();
