# Write-behind, whatever happens meanwhile: what was committed is counted once.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use CfTest qw(:DEFAULT query);

require_debug();

my $node = CfTest->node('main', 'autovacuum' => 'off', 'max_prepared_transactions' => 5,
	'restart_after_crash' => 'on');
my $write = q{UPDATE page p SET views = p.views + b.value FROM unnest($1::int[], $2::bigint[]) AS b(id, value) WHERE p.id = b.id};
my $counted = 0;

# What is in the table, and what is still to come, in one snapshot.
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

# Each key once.
sub add
{
	my ($keys) = @_;

	$keys //= 20;
	query("SELECT count(cache_add('v', 1, n)) FROM generate_series(1, $keys) n");
	$counted += $keys;
	return;
}

debug($node);
query(qq{
	CREATE TABLE page (id int PRIMARY KEY, views bigint NOT NULL DEFAULT 0);
	INSERT INTO page (id) SELECT generate_series(1, 20000);
	SELECT cache_define_writer('v', \$w\$$write\$w\$, '{int}', flush_interval => '1 hour')});

# ---- by itself ----

query(qq{SELECT cache_define_writer('soon', \$w\$$write\$w\$, '{int}', flush_interval => '0.2 s')});
query("SELECT cache_add('soon', 5, 1)");
$counted += 5;
await($node, 'SELECT sum(views) FROM page', $counted);
add(3);
query("SELECT cache_add('soon', 5, 1)");
await($node, 'SELECT views FROM page WHERE id = 1', 10);
is(query("SELECT cache_pending('v', 1)"), 1, 'what has an hour has an hour');
$counted += 5;
flush('two writers');

# ---- the worker dies, at each step ----

my @steps = qw(behind-before-delete behind-before-apply behind-before-commit behind-after-commit);

# The worker is held there, with all that was added.
sub hold_worker
{
	my ($step) = @_;

	query("SELECT cf_debug_hold('$step')");
	add();
	my $asking = start_session($node, 'SELECT cache_flush_writes()');
	await($node, 'SELECT cf_debug_held()', 1);
	is(total(), $counted, "$step: neither twice nor not at all");
	return $asking;
}

foreach my $step (@steps)
{
	my $asking = hold_worker($step);
	my ($worker) = query(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'cachefront worker'});

	kill 'TERM', $worker;
	query('SELECT cf_debug_hold(NULL)');
	is(finish_session($asking)->{stdout}, 't', "$step: terminated, the next one does it");
	flush("$step: terminated");
}

foreach my $step (@steps)
{
	my $asking = hold_worker($step);
	my ($worker) = query(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'cachefront worker'});

	kill 'KILL', $worker;
	finish_session($asking);
	await($node, "SELECT count(*) FROM pg_stat_activity WHERE pid = $worker", 0);
	await($node, "SELECT 't'");
	is(total(), $counted, "$step: killed");
	flush("$step: killed");
}

foreach my $step (@steps)
{
	my $asking = hold_worker($step);

	$node->stop('immediate');
	finish_session($asking);
	$node->start;
	is(total(), $counted, "$step: immediate stop");
	flush("$step: immediate stop");
}

# ---- a server that stops, and starts: it finds what it has ----

add();
$node->stop('fast');
$node->start;
is(total(), $counted, 'a clean stop loses nothing');
flush('a clean stop');
query(qq{SELECT cache_define_writer('v', \$w\$$write\$w\$, '{int}', flush_interval => '1 s')});
$node->stop;
$node->start;
query('SELECT cf_debug_hold(\'behind-before-delete\')');
add();
await($node, 'SELECT cf_debug_held()', 1);
$node->stop('immediate');
$node->start;
# Nobody asks, and nobody adds.
await($node, 'SELECT sum(views) FROM page', $counted);
pass('a worker starts where the queue is not empty');
query(qq{SELECT cache_define_writer('v', \$w\$$write\$w\$, '{int}', flush_interval => '1 hour')});

# ---- transactions ----

query(q{BEGIN; SELECT cache_add('v', 1000, 1); ROLLBACK});
query(q{BEGIN; SELECT cache_add('v', 1, 1); SAVEPOINT a; SELECT cache_add('v', 1000, 1); ROLLBACK TO a;
	SELECT cache_add('v', 1, 1); COMMIT});
$counted += 2;
flush('rolled back');
query(q{BEGIN; SELECT cache_add('v', 7, 1); PREPARE TRANSACTION 'one'});
is(query('SELECT cache_flush_writes()'), 't', 'nobody waits for what is prepared');
$node->restart;
query(q{COMMIT PREPARED 'one'});
$counted += 7;
flush('prepared');
my $open = open_session($node);
$open->query_safe(q{BEGIN; SELECT cache_add('v', 3, 2)});
is(query('SELECT cache_flush_writes()'), 't', 'nor for what is not committed');
is(total(), $counted, 'which does not count');
$open->query_safe('COMMIT');
$counted += 3;
flush('committed late');

# ---- rows that are locked ----

$open->query_safe('BEGIN; UPDATE page SET views = views WHERE id IN (1, 7)');
add();
is(query(q{SELECT cache_flush_writes('0')}), 'f', 'it does not wait');
query('SELECT cache_flush_writes(\'1 ms\')');
await($node, "SELECT count(*) FROM cache_pending('v')", 2);
is(total(), $counted, 'a client that is idle holds two rows: all others are applied');
my $other = start_session($node, "SET statement_timeout = '10 s'; UPDATE page SET views = views WHERE id BETWEEN 8 AND 20");
is(finish_session($other)->{status}, 0, 'and others can write them');
cmp_ok(query("SELECT retries FROM cache_writes WHERE name = 'v'"), '>', 1, 'that is counted');
# What is newer is not behind it.
query(q{SELECT count(cache_add('v', 1, n)) FROM generate_series(2, 2000) n});
$counted += 1999;
query(q{SELECT cache_flush_writes('1 ms')});
await($node, "SELECT count(*) FROM cache_pending('v')", 2);
$open->query_safe('COMMIT');
flush('locked rows');

# ---- clients that write the same rows: none of them is ever a deadlock's victim ----

{
	my $clients = 6;
	# In the order of numbers; the flush takes them in that of texts, or of a plan.
	my $update = q{DO $$ BEGIN FOR i IN 1..60 LOOP
		UPDATE page SET views = views + 1 WHERE id = 2; PERFORM pg_sleep(0.001);
		UPDATE page SET views = views + 1 WHERE id = 10; PERFORM pg_sleep(0.001);
		UPDATE page SET views = views + 1 WHERE id = 19; COMMIT; END LOOP; END $$};
	my $add = q{DO $$ BEGIN FOR i IN 1..200 LOOP
		PERFORM cache_add('soon', 1, n) FROM generate_series(1, 20) n; COMMIT; PERFORM pg_sleep(0.005); END LOOP; END $$};
	my ($results) = run_sessions($node, [ ($update) x $clients, ($add) x 2 ]);

	is(join(' ', map { $_->{status} } @$results), join(' ', (0) x ($clients + 2)), 'no client fails');
	$counted += $clients * 60 * 3 + 2 * 200 * 20;
	flush('with clients');
	unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/deadlock detected/, 'no deadlock');
}

# ---- rows that are refused, and rows that are not there ----

query(q{ALTER TABLE page ADD CONSTRAINT positive CHECK (views >= 0);
	SELECT count(cache_add('v', CASE WHEN n % 2 = 0 THEN 1 ELSE -1000000 END, n)) FROM generate_series(1, 10000) n});
$counted += 5000;
flush('5000 of 10000');
is(query("SELECT count(*), sum(value::bigint) FROM cache_dead_writes WHERE writer = 'v' AND sqlstate = '23514'"),
	'5000|-5000000000', 'dead writes');
query('ALTER TABLE page DROP CONSTRAINT positive; TRUNCATE cache_dead_writes');
query(q{SELECT count(cache_add('v', 1, n)) FROM generate_series(1, 30000) n WHERE n % 10 = 0});
$counted += 2000;
flush('rows that are not there');
is(query("SELECT count(*) FROM cache_dead_writes WHERE error = 'no such row'"), 1000, 'each is a dead write');
query('INSERT INTO page (id) SELECT generate_series(20001, 30000)');
is(query("SELECT cache_retry_writes('v')"), 1000, 'tried again');
$counted += 1000;
flush('when they are there');

# ---- the table goes, and comes back ----

add();
query('ALTER TABLE page RENAME TO away');
is(query(q{SELECT cache_flush_writes('1 s')}), 'f', 'the table is away');
is(query("SELECT state, buffered, dead, last_error FROM cache_writes WHERE name = 'v'"),
	'paused|20|0|relation "page" does not exist', 'the writer waits');
query('ALTER TABLE away RENAME TO page');
flush('the table is back');
is(query("SELECT state, retry_at IS NULL FROM cache_writes WHERE name = 'v'"), 'idle|t', 'and runs again');

# ---- the queue is written anew between its reading and the flush ----

query('VACUUM FULL cache_write_queue');
query(q{SELECT cache_add('v', 1, n) FROM generate_series(1, 5) n});
$counted += 5;
flush('rows that are dead');
query(q{SELECT cache_add('v', n, n) FROM generate_series(1, 20) n});
$counted += 210;
query("SELECT cf_debug_hold('behind-before-part')");
my $asking = start_session($node, 'SELECT cache_flush_writes()');
await($node, 'SELECT cf_debug_held()', 1);
query('VACUUM FULL cache_write_queue');
query('SELECT cf_debug_hold(NULL)');
is(finish_session($asking)->{stdout}, 't', 'VACUUM FULL');
flush('VACUUM FULL');

# ---- the order of cache_put ----

query(q{CREATE TABLE note (id int PRIMARY KEY, t text); INSERT INTO note SELECT generate_series(1, 3);
	SELECT cache_define_writer('n', 'UPDATE note SET t = b.value FROM unnest($1::int[], $2::text[]) AS b(id, value) WHERE note.id = b.id',
		'{int}', 'text', 'last', flush_interval => '1 hour')});
$open->query_safe(q{BEGIN; SELECT cache_put('n', 'older', 1); SELECT cache_put('n', 'only', 2)});
query(q{SELECT cache_put('n', 'newer', 1)});
is(query('SELECT cache_flush_writes()'), 't', 'the newer one');
is(query('SELECT t FROM note WHERE id = 1'), 'newer', 'is applied');
is(query(q{SELECT count(*) FROM cache_pending('n')}), 0, 'and is not pending any more');
$open->query_safe('COMMIT');
is(query(q{SELECT string_agg(value, ',') FROM cache_pending('n')}), 'only', 'the older one came too late');
is(query('SELECT cache_flush_writes()'), 't', 'it goes');
is(query('SELECT string_agg(t, \',\' ORDER BY id) FROM note'), 'newer,only', 'without an effect');
query(q{SELECT cache_put('n', 'newest', 1)});
is(query('SELECT cache_flush_writes()'), 't', 'the next one');
is(query('SELECT t FROM note WHERE id = 1'), 'newest', 'is applied');
is(query('SELECT count(*) FROM cache_write_queue'), 0, 'nothing is left');

# ---- what somebody has set for the database ----

query(qq{ALTER DATABASE postgres SET default_transaction_read_only = on;
	ALTER DATABASE postgres SET default_transaction_isolation = 'serializable';
	ALTER DATABASE postgres SET session_replication_role = 'replica';
	ALTER DATABASE postgres SET statement_timeout = '20 s'; ALTER DATABASE postgres SET lock_timeout = '1 h'; ALTER DATABASE postgres SET search_path = 'nowhere'});
$node->restart;
my $free = q{SET statement_timeout = 0; SET default_transaction_read_only = off; SET search_path = public;};
query("$free SELECT count(cache_add('v', 1, n)) FROM generate_series(1, 20) n");
$counted += 20;
is(query("$free SELECT cache_flush_writes()"), 't', 'the worker does not mind settings of the database');
query("$free ALTER DATABASE postgres RESET ALL");
is(applied(), $counted, 'counted');

# ---- databases ----

$node->safe_psql('postgres', 'CREATE DATABASE shop');
$node->safe_psql('shop', qq{CREATE EXTENSION cachefront; CREATE TABLE page (id int PRIMARY KEY, views bigint DEFAULT 0);
	INSERT INTO page VALUES (1); SELECT cache_define_writer('v', \$w\$$write\$w\$, '{int}', flush_interval => '1 hour');
	SELECT cache_add('v', 1, 1)});
my ($stdout, $stderr);
foreach my $how ('', ' WITH (FORCE)')
{
	$node->psql('postgres', "\\set VERBOSITY verbose\nDROP DATABASE shop$how", stderr => \$stderr);
	like($stderr, qr/55006: database "shop" has writes that are not applied yet/, "DROP DATABASE$how");
}
$node->restart;
await_that('to look at all databases', sub {
	$node->psql('postgres', 'DROP DATABASE shop', stderr => \$stderr);
	return $stderr =~ /has writes that are not applied yet|being accessed/;
});
is($node->safe_psql('shop', 'SELECT cache_flush_writes()'), 't', 'flushed there');
await_that('for the database to go', sub { $node->psql('postgres', 'DROP DATABASE shop') == 0 });
pass('and it is dropped');

is(query("SELECT count(*) FROM cache_writes WHERE state NOT IN ('idle')"), 0, 'all writers are idle');
is(applied(), $counted, 'at the end');
$open->quit;
$node->stop;
done_testing();
