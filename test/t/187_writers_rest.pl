# Write-behind beside everything else: rules that refresh, loads in the background, definitions and
# writes of one transaction, workers that end in the middle of a hard flush, more databases than
# workers, one that fills the memory, one that is closed, renamed or copied.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use CfTest qw(:DEFAULT query);

require_debug();

my $node = CfTest->node('main', 'autovacuum' => 'off', 'cachefront.track_changes' => 'on', 'cachefront.write_memory' => '1MB');
my $write = q{UPDATE page p SET views = p.views + b.value FROM unnest($1::int[], $2::bigint[]) AS b(id, value) WHERE p.id = b.id};
my $schema = qq{CREATE EXTENSION cachefront;
	CREATE TABLE page (id int PRIMARY KEY, views bigint NOT NULL DEFAULT 0);
	INSERT INTO page (id) SELECT generate_series(1, 20000);
	SELECT cache_define_writer('v', \$w\$$write\$w\$, '{int}', flush_interval => '1 hour', buffer => 'memory')};

sub ask
{
	my ($database, $sql) = @_;

	return $node->safe_psql($database, $sql);
}

sub applied
{
	my ($database) = @_;

	return ask($database, 'SELECT sum(views) FROM page');
}

# Until no session is left there, the worker included.
sub await_alone
{
	my ($database) = @_;

	await($node, "SELECT count(*) FROM pg_stat_activity WHERE datname = '$database'", 0);
	return;
}

debug($node);
$node->safe_psql('postgres', $schema =~ s/CREATE EXTENSION cachefront;//r);

# ---- the target has a rule that refreshes: nothing is loaded in the flush, and nothing old stays ----

query(q{SELECT cache_define('page', query => 'SELECT views FROM page WHERE id = $1', arg_types => '{int}', scope => 'shared');
	SELECT cache_attach('page', rows => '{id}', cache => 'page', arg_columns => '{id}', mode => 'refresh')});
is(query(q{SELECT count(cache_read('page', n)) FROM generate_series(1, 300) n}), 300, 'a rule: the rows are cached');
query(q{SELECT count(cache_add('v', 1, n)) FROM generate_series(1, 300) n; SELECT cache_stats_reset()});
is(query('SELECT cache_flush_writes()'), 't', 'a rule: applied');
is(query(q{SELECT loads, refreshes, refreshes_skipped > 0 FROM cache_stats WHERE cache = 'page'}), '0|0|t', 'a rule: the flush loads nothing');
is(query(q{SELECT sum((cache_read_row('page', n) ->> 'views')::int) FROM generate_series(1, 300) n}), 300, 'a rule: nothing old is left');
query(q{SELECT cache_detach('page'), cache_drop('page'); UPDATE page SET views = 0 WHERE views > 0});

# ---- a load in the background that hangs stops no flush ----

query(q{SELECT cache_define('slow', query => 'SELECT views FROM page WHERE id = $1', arg_types => '{int}', scope => 'shared', refresh_after => '1 s',
	jitter => 0); SELECT cache_read('slow', 1)});
my $control = open_session($node);
$control->query_safe(q{SELECT cf_debug_waitpoint_enable('refresher-before-load')});
query(q{SELECT cf_debug_advance_clock('2 s')});
query(q{SELECT cache_read('slow', 1)});
await($node, q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'cachefront refresher' AND state = 'active'}, 1);
query(q{SELECT cache_add('v', 1, 1)});
is(query('SELECT cache_flush_writes()'), 't', 'a load that hangs: the flush goes on');
is(applied('postgres'), 1, 'a load that hangs: applied');
$control->query_safe(q{SELECT cf_debug_waitpoint_release('refresher-before-load')});
$control->quit;

# ---- one transaction ----

query(qq{BEGIN; SELECT cache_define_writer('w', \$w\$$write\$w\$, '{int}'); SELECT cache_add('w', 1, 2); COMMIT});
query(qq{BEGIN; SELECT cache_define_writer('x', \$w\$$write\$w\$, '{int}'); SELECT cache_add('x', 1, 2); ROLLBACK});
is(query('SELECT cache_flush_writes()'), 't', 'defined and written at once: applied');
is(applied('postgres'), 2, 'defined and written at once: counted once');
query(q{BEGIN; SAVEPOINT s; SELECT count(cache_add('v', 1, n % 20000 + 1)) FROM generate_series(1, 300000) n; ROLLBACK TO s;
	SELECT cache_add('v', 1, 3); COMMIT});
is(query('SELECT cache_flush_writes()'), 't', 'many keys in a savepoint that is rolled back');
is(applied('postgres'), 3, 'many keys in a savepoint that is rolled back: none of them counts');

# ---- the worker ends again and again while it looks for those that are refused ----

query('ALTER TABLE page ADD CONSTRAINT few CHECK (views < 1000)');
foreach my $time (1 .. 3)
{
	query(q{SELECT count(cache_add('v', CASE WHEN n % 3 = 0 THEN 1000 ELSE 1 END, n)) FROM generate_series(101, 400) n});
	query(q{SELECT cf_debug_hold('behind-before-commit')});
	my $asking = start_session($node, 'SELECT cache_flush_writes()');

	await($node, 'SELECT cf_debug_held()', 1);
	query(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'cachefront worker'; SELECT cf_debug_hold(NULL)});
	finish_session($asking);
}
is(query('SELECT cache_flush_writes()'), 't', 'terminated while it halves: all is applied in the end');
is(applied('postgres'), 603, 'terminated while it halves: each counts once');
is(query('SELECT sum(value::int) FROM cache_dead_writes'), 300000, 'terminated while it halves: each that is refused is dead once');
query('ALTER TABLE page DROP CONSTRAINT few; TRUNCATE cache_dead_writes');

# ---- more databases than workers, and memory that one of them has filled ----

$node->safe_psql('postgres', 'CREATE DATABASE d1');
$node->safe_psql('d1', $schema);
await_alone('d1');
$node->safe_psql('postgres', "CREATE DATABASE d$_ TEMPLATE d1") foreach 2 .. 17;
await_that('for a worker that stays', sub {
	query(q{SELECT cache_add('v', 0, 1)});
	return query('SELECT count(*) FROM cache_write_queue') < query(q{SELECT buffered FROM cache_writes WHERE name = 'v'});
});
query(q{SELECT count(cache_add('v', 1, n)) FROM generate_series(1, 20000) n});
cmp_ok(query('SELECT count(*) FROM cache_write_queue'), '>', 10_000, 'memory is full');
ask("d$_", q{SELECT count(cache_add('v', 1, n)) FROM generate_series(1, 10) n}) foreach 1 .. 17;
is(join(' ', map { ask("d$_", q{SELECT sum(value::int) FROM cache_pending('v')}) } 1 .. 17), join(' ', (10) x 17), 'seventeen databases: pending');
foreach my $i (1 .. 17)
{
	await_that("d$i", sub { ask("d$i", q{SELECT cache_flush_writes('10 s')}) eq 't' });
}
is(join(' ', map { applied("d$_") } 1 .. 17), join(' ', (10) x 17), 'seventeen databases: each has its own');
is(query('SELECT cache_flush_writes()'), 't', 'who has filled the memory: applied');
is(applied('postgres'), 20603, 'who has filled the memory: counted');

# ---- a database that lets nobody in ----

ask('d1', q{SELECT cache_add('v', 1, 1)});
$node->safe_psql('postgres', 'ALTER DATABASE d1 ALLOW_CONNECTIONS false');
$node->restart;
ask('d2', q{SELECT cache_add('v', 1, 1)});
is(ask('d2', 'SELECT cache_flush_writes()'), 't', 'a closed database: the others go on');
unlike(slurp_file($node->logfile), qr/database "d1" is not currently accepting connections/, 'a closed database: no worker tries to connect');
$node->safe_psql('postgres', 'ALTER DATABASE d1 ALLOW_CONNECTIONS true');
is(ask('d1', 'SELECT cache_flush_writes()'), 't', 'a closed database: opened again it has what it had');
is(applied('d1'), 11, 'a closed database: counted');

# ---- one that gets another name, and one that is copied ----

await_that('for the worker to leave d2', sub { $node->psql('postgres', 'ALTER DATABASE d2 RENAME TO e2') == 0 });
ask('e2', q{SELECT cache_add('v', 1, 1)});
is(ask('e2', 'SELECT cache_flush_writes()'), 't', 'renamed: applied');
is(applied('e2'), 12, 'renamed: counted');
await_that('for the worker to leave e2', sub { $node->psql('postgres', 'CREATE DATABASE copy TEMPLATE e2') == 0 });
is(ask('copy', 'SELECT cache_flush_writes()') . applied('copy'), 't12', 'copied: it has nothing to apply');

# The worker stays as long as something is not applied: who needs the database without it closes it.
ask('d3', q{SELECT cache_add('v', 1, 1)});
await($node, q{SELECT count(*) FROM pg_stat_activity WHERE datname = 'd3' AND backend_type = 'cachefront worker'}, 1);
isnt($node->psql('postgres', 'ALTER DATABASE d3 RENAME TO e3'), 0, 'something is not applied: the worker is there');
query('ALTER DATABASE d3 ALLOW_CONNECTIONS false');
query(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'd3'});
await_alone('d3');
query('ALTER DATABASE d3 RENAME TO e3; ALTER DATABASE e3 ALLOW_CONNECTIONS true');
is(ask('e3', 'SELECT cache_flush_writes()'), 't', 'closed and renamed: applied');
is(applied('e3'), 11, 'closed and renamed: counted');

$node->stop;
done_testing();
