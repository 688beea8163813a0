# Exact with nothing attached, against what a regression file cannot do: another
# library's commit callback and worker, a commit that ends in the middle, settings
# that change under way, deep nesting, many tables, a crash.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CfTest;

require_debug();

my $other = PostgreSQL::Test::Utils::tempdir() . '/other.so';

# The pg_config of a private tree tells where its headers would be.
my ($include) = grep { -e "$_/postgres.h" }
  map { chomp(my $path = `$_ --includedir-server`); $path }
  grep { -x } map { "$_/pg_config" } split /:/, $ENV{PATH};

plan skip_all => "needs the server's headers" unless defined $include;
command_ok(
	[
		'gcc', '-std=gnu99', '-O1', '-fPIC', '-shared', '-Wall', '-Werror', "-I$include",
		'-o', $other, "$FindBin::RealBin/../lib/other.c"
	],
	'the other library compiles');

# Callbacks run last registered first: this library writes after we have looked.
my $node = CfTest->node(
	'main',
	'shared_preload_libraries' => "$other, cachefront",
	'cachefront.track_changes' => 'on',
	'cachefront.ttl_jitter' => 0,
	'cachefront.xfetch_beta' => 0,
	'autovacuum' => 'off',
	'restart_after_crash' => 'on',
	'max_locks_per_transaction' => 256);

my %watched = (
	plain => 'SELECT count(*) AS n, sum(v) AS v, sum(id) AS id FROM plain',
	'by function' => 'SELECT plain_sum() AS v',
	side => 'SELECT count(*) AS n, sum(v) AS v FROM side',
	tree => 'SELECT count(*) AS n, sum(v) AS v FROM tree',
	quick => 'SELECT count(*) AS n, sum(v) AS v FROM quick',
	calm => 'SELECT count(*) AS n, sum(v) AS v FROM calm');

sub sql
{
	return $node->safe_psql('postgres', join(";\n", @_));
}

sub fetch
{
	return "cache_fetch('$_[0]', '$watched{$_[0]}')";
}

sub warm
{
	sql(map { 'SELECT ' . fetch($_) } sort keys %watched);
	return;
}

# Those whose cached result is not what the query gives.
my $wrong = 'SELECT coalesce(string_agg(key, \', \'), \'none\') FROM (VALUES '
  . join(', ', map { "('$_', " . fetch($_) . "::jsonb, (SELECT jsonb_agg(t) FROM ($watched{$_}) t))" }
	  sort keys %watched)
  . ') w (key, cached, fresh) WHERE cached IS DISTINCT FROM fresh';

sub state_of
{
	return sql("SELECT state FROM cache_entries WHERE key = '$_[0]' AND database = 'postgres'");
}

# After what has changed (or not) table plain, of which all was cached.
sub check
{
	my ($title, %expected) = @_;
	my $plain = state_of('plain');
	my $calm = state_of('calm');

	if ($expected{unchanged})
	{
		is($plain, 'fresh', "$title: nothing is dropped");
	}
	else
	{
		isnt($plain, 'fresh', "$title: out of date");
	}
	is($calm eq 'fresh', !$expected{forgets}, "$title: other tables") unless $expected{any};
	is(sql($wrong), 'none', "$title: nothing stale");
	warm();
	return;
}

debug($node);
sql(qq{
	CREATE FUNCTION other_worker(library text, statements text) RETURNS void LANGUAGE C AS '$other';
	CREATE TABLE plain (id int PRIMARY KEY, v int NOT NULL DEFAULT 0);
	CREATE TABLE side (v int);
	CREATE TABLE calm (v int);
	CREATE UNLOGGED TABLE quick (v int);
	CREATE TABLE tree (id int, v int NOT NULL DEFAULT 0) PARTITION BY RANGE (id);
	INSERT INTO plain SELECT i, 0 FROM generate_series(1, 10) i;
	INSERT INTO side VALUES (1);
	INSERT INTO quick VALUES (1);
	INSERT INTO calm VALUES (1)}, q{
	CREATE FUNCTION plain_sum() RETURNS bigint LANGUAGE plpgsql STABLE AS
		$$ BEGIN RETURN (SELECT sum(v) FROM plain); END $$;
	CREATE FUNCTION writes() RETURNS int LANGUAGE plpgsql AS
		$$ BEGIN UPDATE plain SET v = v + 1 WHERE id = 1; RETURN 1; END $$;
	DO $$ BEGIN FOR i IN 0 .. 299 LOOP
		EXECUTE format('CREATE TABLE tree%s PARTITION OF tree FOR VALUES FROM (%s) TO (%s)', i, i, i + 1);
	END LOOP; END $$;
	INSERT INTO tree SELECT i, 0 FROM generate_series(0, 299) i});
warm();
like(PostgreSQL::Test::Utils::slurp_file($node->logfile),
	qr/WARNING:  cachefront is not the first of shared_preload_libraries/,
	'a library before ours is complained of');

# ---- who writes, and how ----

$node->safe_psql('postgres', 'SET cachefront.enabled = off; UPDATE plain SET v = v + 1');
check('cachefront.enabled is off');
sql("SELECT other_worker('$other', 'UPDATE plain SET v = v + 1')");
check('a background worker');
sql('BEGIN', 'DECLARE c CURSOR WITH HOLD FOR SELECT writes() FROM generate_series(1, 3)', 'COMMIT');
check('a held cursor');
sql('BEGIN', 'UPDATE plain SET v = v + 1', 'CREATE TABLE gone (v int)', 'INSERT INTO gone VALUES (1)',
	'DROP TABLE gone', 'COMMIT');
check('a table that comes and goes', any => 1);
sql('CREATE TABLE doomed AS SELECT 1 AS v');
warm();
sql('BEGIN', 'UPDATE doomed SET v = 2', 'UPDATE plain SET v = v + 1', 'SAVEPOINT s', 'DROP TABLE doomed',
	'ROLLBACK TO s', 'COMMIT');
check('a table that is not dropped after all');
sql('VACUUM FULL plain');
check('VACUUM FULL, which gives rows another order');
sql('CLUSTER plain USING plain_pkey');
check('CLUSTER');
sql('BEGIN', 'TRUNCATE plain', "COPY plain FROM PROGRAM 'echo 1,7; echo 2,8' (FORMAT csv, FREEZE)", 'COMMIT');
check('COPY FREEZE');

# ---- many tables, many levels ----

sql('UPDATE tree SET v = v + 1');
is(state_of('tree'), 'invalidated', 'all partitions of a tree');
check('300 tables', unchanged => 1);
sql('BEGIN', (map { ("SAVEPOINT s$_", "UPDATE tree$_ SET v = v + 1", 'SELECT ' . fetch('side')) } 0 .. 99),
	'UPDATE plain SET v = v + 1', 'COMMIT');
is(state_of('tree'), 'invalidated', '100 levels of savepoints');
check('100 levels');
sql('BEGIN', (map { ("SAVEPOINT s$_", 'SELECT ' . fetch('side'), 'UPDATE plain SET v = v + 1') } 0 .. 99),
	'ROLLBACK TO s0', 'INSERT INTO calm VALUES (1)', 'DELETE FROM calm WHERE v = 1', 'COMMIT');
check('100 levels that are undone', unchanged => 1, forgets => 1);
# At each level the transaction sees what it has changed in all the others.
is( sql('BEGIN', 'INSERT INTO side VALUES (2)',
		(map { ("SAVEPOINT s$_", ($_ == 50 ? 'UPDATE plain SET v = v + 1' : ()), $wrong) } 0 .. 99),
		(map { ("ROLLBACK TO s$_", $wrong) } reverse 40 .. 60), 'ROLLBACK'),
	join("\n", ('none') x 121), 'own changes at each level');
check('rolled back', unchanged => 1);

# ---- a session's own temporary child ----

is( sql('CREATE TEMP TABLE mine () INHERITS (plain)', $wrong, 'INSERT INTO mine VALUES (100, 1000)', $wrong,
		'UPDATE plain SET v = v + 1', $wrong, 'UPDATE mine SET v = 5', $wrong),
	"none\nnone\nnone\nnone", 'a temporary child is seen by its session');
check('the parent of a temporary child', any => 1);

# ---- in a parallel plan ----

is( sql('SET parallel_setup_cost = 0', 'SET parallel_tuple_cost = 0', 'SET min_parallel_table_scan_size = 0',
		# 16 gave force_parallel_mode another name.
		q{DO $$ BEGIN PERFORM set_config(name, 'on', false) FROM pg_settings
			WHERE name IN ('force_parallel_mode', 'debug_parallel_query'); END $$},
		'BEGIN', 'UPDATE plain SET v = v + 1', $wrong, 'COMMIT', $wrong),
	"none\nnone", 'own changes by parallel workers');

# ---- more tables than an entry may depend on ----

sql(q{
	CREATE TABLE wide (v int);
	DO $$ BEGIN FOR i IN 0 .. 1100 LOOP
		EXECUTE format('CREATE TABLE wide%s () INHERITS (wide)', i);
	END LOOP; END $$;
	INSERT INTO wide7 VALUES (1);
	CREATE FUNCTION wide_sum() RETURNS bigint LANGUAGE plpgsql STABLE AS
		$$ BEGIN RETURN (SELECT sum(v) FROM wide); END $$});
warm();
my $control = open_session($node);
my $wide = q{SELECT cache_fetch_row('wide', 'SELECT wide_sum() AS v')};

$control->query_safe(q{SELECT cf_debug_waitpoint_enable('load-after-query')});
my $leader = start_session($node, $wide);
await_waitpoint($node);
sql('UPDATE wide7 SET v = 2');
my $waiter = start_session($node, $wide);
await($node, 'SELECT count(*) FROM pg_stat_activity WHERE backend_type = \'client backend\' AND '
	  . wait_event('Flight'), 1);
$control->query_safe(q{SELECT cf_debug_waitpoint_release('load-after-query')});
is(finish_session($leader)->{stdout}, '{"v":1}', 'who loads has what there was');
is(finish_session($waiter)->{stdout}, '{"v":2}', 'who waits for it gets nothing from before he came');
$control->quit;

# ---- PostgreSQL stops counting under way ----

foreach my $change (
	[ 'off at the start', '-c track_counts=off', [], ['UPDATE plain SET v = v + 1'], [] ],
	[ 'off and on again in a transaction', '', ['SELECT 1'], ['UPDATE plain SET v = v + 1', 'SELECT 2'], ['SELECT 3'] ])
{
	my ($title, $options, @parts) = @$change;
	local $ENV{PGOPTIONS} = $options;
	my $session = open_session($node);

	$session->query_safe('BEGIN');
	foreach my $part (0 .. $#parts)
	{
		if ($options eq '' && $part > 0)
		{
			my $value = $part == 1 ? 'off' : 'on';

			sql("ALTER SYSTEM SET track_counts = $value");
			$node->reload;
			# A session reads the file when it is idle.
			await_that('track_counts changes', sub { $session->query('SHOW track_counts') eq $value });
		}
		$session->query_safe($_) foreach @{ $parts[$part] };
	}
	is($session->query($wrong), 'none', "track_counts $title: own changes");
	$session->query_safe('COMMIT');
	$session->quit;
	check("track_counts $title", forgets => 1);
}
sql('ALTER SYSTEM RESET track_counts');
$node->reload;
await($node, 'SHOW track_counts', 'on');
is(CfTest::stat($node, 'blind_commits'), 2, 'both are counted');
warm();

# ---- the commit ends where its clocks are raised ----

foreach my $way ('pg_cancel_backend', 'pg_terminate_backend')
{
	my $control = open_session($node);

	$control->query_safe(q{SELECT cf_debug_waitpoint_enable('writeset-window')});
	my $writer = start_session($node, 'UPDATE plain SET v = v + 1', name => 'writer');
	await_waitpoint($node);
	isnt(state_of('plain'), 'fresh', "$way: out of date while it may commit");
	$control->query_safe("SELECT $way(pid) FROM pg_stat_activity WHERE application_name = 'writer'");
	isnt(finish_session($writer)->{status}, 0, "$way: it did not");
	$control->query_safe(q{SELECT cf_debug_waitpoint_release('writeset-window')});
	check($way, unchanged => 1);
	$control->quit;
}

# ---- another library's commit callback writes after ours ----

my $late = CfTest::stat($node, 'late_writes');
my $n = 0;

foreach my $case (
	[ 'to another table', 'UPDATE side SET v = v + 1', 'UPDATE plain SET v = v + 1' ],
	[ 'to a table that was changed', 'UPDATE plain SET v = v + 1', 'UPDATE plain SET v = v + 1' ],
	[ 'in a transaction that had changed nothing', 'SELECT', 'UPDATE plain SET v = v + 1' ],
	[ 'in a savepoint', 'UPDATE side SET v = v + 1', 'DO $$ BEGIN BEGIN UPDATE plain SET v = v + 1; EXCEPTION WHEN OTHERS THEN NULL; END; END $$' ],
	[ 'in place of rows', 'INSERT INTO plain VALUES (1000, 1)', 'TRUNCATE plain; INSERT INTO plain VALUES (1000, 2)' ],
	[ 'with PostgreSQL not counting', 'UPDATE side SET v = v + 1',
		'SET LOCAL track_counts = off; UPDATE plain SET v = v + 1' ],
	[ 'in place of rows in place of rows', 'TRUNCATE plain; INSERT INTO plain VALUES (1000, 1)',
		'TRUNCATE plain; INSERT INTO plain VALUES (1000, 2)' ])
{
	my ($title, $statement, $at_commit) = @$case;

	$at_commit =~ s/'/''/g;
	sql('BEGIN', "SET LOCAL other.at_commit = '$at_commit'", $statement, 'COMMIT');
	check("late, $title", forgets => 1);
	is(CfTest::stat($node, 'late_writes'), $late + ++$n, 'it is counted');
}
# A definition is nothing that is counted.
is(sql(q{CREATE VIEW shown AS SELECT 0 * count(*) + 1 AS v FROM calm}, my $shown = q{SELECT cache_fetch_row('shown', 'SELECT v FROM shown')}),
	'{"v":1}', 'a view');
sql('BEGIN', q{SET LOCAL other.at_commit = 'CREATE OR REPLACE VIEW shown AS SELECT 0 * count(*) + 2 AS v FROM calm'},
	'UPDATE side SET v = v + 1', 'COMMIT');
is(sql($shown), '{"v":2}', 'a definition that changes late');
is(CfTest::stat($node, 'late_writes'), $late + ++$n, 'it is counted');
warm();
sql('BEGIN', q{SET LOCAL other.at_commit = 'UPDATE plain SET v = 1 WHERE id = -1'},
	'UPDATE side SET v = v + 1', 'COMMIT');
check('late, nothing', unchanged => 1);
sql(q{CREATE TEMP TABLE mine (v int) ON COMMIT DELETE ROWS; INSERT INTO mine VALUES (1); UPDATE plain SET v = v + 1});
check('a temporary table that the commit empties');
is(CfTest::stat($node, 'late_writes'), $late + $n, 'no more than those are counted');
my $told = () = PostgreSQL::Test::Utils::slurp_file($node->logfile) =~
  /LOG:  cachefront noticed a change of tables or definitions after it had looked/g;
is($told, $n, 'each is logged, though its session has ended');

# ---- a crash empties unlogged tables ----

is(sql('SELECT ' . fetch('quick')), '[{"n":1,"v":1}]', 'an unlogged table');
my $session = start_session($node, 'SELECT pg_sleep(3600)', name => 'victim');
await($node, q{SELECT count(*) FROM pg_stat_activity WHERE application_name = 'victim'}, 1);
kill 'KILL', sql(q{SELECT pid FROM pg_stat_activity WHERE application_name = 'victim'});
finish_session($session);
await($node, 'SELECT count(*) FROM quick', 0);
is(sql($wrong), 'none', 'a crash: nothing stale');

$node->stop;
done_testing();
