# Plain SELECTs with Redis as second tier: what one server has run others have, and it has itself
# after a restart, with the same rows; what is there and of no use is a miss, and never an error.

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
my %conf = (
	'cachefront.track_changes' => 'on',
	'cachefront.transparent' => 'marked',
	'cachefront.compress' => 'off',
	# Nobody stops waiting for another's load because the machine is busy.
	'cachefront.flight_timeout' => '2min',
	'restart_after_crash' => 'on');
my $primary = CfTier->primary('primary', $redis, %conf);
my $ns = namespace($primary);

$primary->safe_psql(
	'postgres', q{
	CREATE TABLE item (id int PRIMARY KEY, v int);
	INSERT INTO item SELECT i, i FROM generate_series(1, 100) i;
	CREATE TYPE mood AS ENUM ('sad', 'glad');
	CREATE TYPE pair AS (a int, b text);
	CREATE DOMAIN small AS int;
	CREATE TABLE kinds AS SELECT 1 AS id, true AS a, '\xdead'::bytea AS b, 'x'::"char" AS c, 'name'::name AS d, 2::int2 AS e, 3::int8 AS f,
		1.5::float4 AS g, 'NaN'::float8 AS h, 1.500::numeric AS i, 'text'::text AS j, 'v'::varchar(9) AS k, 'bp'::char(9) AS l,
		'2026-01-02'::date AS m, '03:04'::time AS n, '1/AB'::pg_lsn AS o, '2026-01-02 03:04'::timestamp AS p,
		'2026-01-02 03:04+00'::timestamptz AS q, '1 mon 2 d 03:04'::interval AS r, '10.0.0.1/8'::inet AS s, '{"k": [1, 1.10, null]}'::jsonb AS t,
		'{"k":  1}'::json AS u, '<a>b</a>'::xml AS v, '{{1,2},{3,NULL}}'::int[] AS w, '[1,5)'::int4range AS x, 'b101'::varbit AS y,
		'a00eebc9-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid AS z, 'glad'::mood AS aa, (1, 'b')::pair AS bb, 70::small AS cc, '(1,2)'::point AS dd,
		'a:1 b'::tsvector AS ee, '$1.50'::money AS ff, NULL::text AS gg, repeat('wide ', 1000) AS hh, '{glad,sad}'::mood[] AS ii;
	ALTER DOMAIN small ADD CHECK (VALUE < 10) NOT VALID;
	CREATE TABLE local AS SELECT 1 AS id, 'a & b'::tsquery AS q, '$.a'::jsonpath AS j, '10:20:'::pg_snapshot AS x;
	CREATE TABLE deep AS SELECT 1 AS id, (repeat('[', 2000) || repeat(']', 2000))::jsonb AS j;
	CREATE TABLE wide (id int, v text);
	ALTER TABLE wide ALTER v SET STORAGE EXTERNAL;
	INSERT INTO wide SELECT i AS id, repeat(md5(i::text), 100) AS v FROM generate_series(1, 1000) i;
	CREATE ROLE other LOGIN;
	GRANT SELECT ON item TO other;
	SELECT cache_define('open', scope => 'shared')});
debug($primary);
my $standby = standby_of($primary, 'standby');
my @servers = ($primary, $standby);
my %control;

await($_, 'SELECT l2 FROM cache_status', 'up') foreach @servers;
$control{ $_->name } = open_session($_) foreach @servers;

my @what = qw(l1_hits l2_hits loads l2_fills l2_bad_values);

# What a statement gives on a server, and what was done for it.
sub get
{
	my ($server, $sql, $settings) = @_;
	my $before = counters($server);
	my $got = $server->safe_psql('postgres', ($settings // '') . $sql);
	my $after = since($server, $before, @what);

	return ($got, join(' ', map { "$_=$after->{$_}" } grep { $after->{$_} != 0 } @what));
}

sub plain { return $_[0]->safe_psql('postgres', "SET cachefront.transparent = off; $_[1]") }

sub gets
{
	my ($server, $sql, $how, $title, $settings) = @_;
	my ($got, $did) = get($server, $sql, $settings);

	is($got, plain($server, $sql), "$title: the rows");
	is($did, $how, "$title: $how");
	return;
}

my $run = 'loads=1 l2_fills=1';

sub key_of
{
	my ($sql) = @_;
	my @before = keys_of($redis, "cf:$ns:query:*");

	get($primary, $sql);
	my %known = map { $_ => 1 } @before;
	my ($key) = grep { !$known{$_} } keys_of($redis, "cf:$ns:query:*");

	return $key // die 'nothing was stored';
}

# ---- from one server to the other, and back ----

my $n = 0;

sub fresh_sql
{
	$n++;
	return "/* cache */ SELECT id, v, v * 2 AS twice_$n FROM item WHERE id < 4 ORDER BY id";
}

foreach my $case ([ $primary, $standby ], [ $standby, $primary ])
{
	my ($first, $second) = @$case;
	my $title = $first->name . ' to ' . $second->name;
	my $sql = fresh_sql();

	gets($first, $sql, $run, "$title: the first runs it");
	await_replayed($primary, $standby);
	gets($second, $sql, 'l2_hits=1', "$title: the second has it from Redis");
	gets($second, $sql, 'l1_hits=1', "$title: and then from memory");
	$primary->safe_psql('postgres', 'UPDATE item SET v = v + 1 WHERE id = 1');
	await_replayed($primary, $standby);
	gets($second, $sql, $run, "$title: a change: the second runs it");
	await_replayed($primary, $standby);
	gets($first, $sql, 'l2_hits=1', "$title: the first has it from Redis");
}

# What a standby has not replayed it does not take.
{
	my $sql = fresh_sql();

	gets($standby, $sql, $run, 'before it lags');
	$standby->safe_psql('postgres', 'SELECT pg_wal_replay_pause()');
	await($standby, 'SELECT pg_get_wal_replay_pause_state()', 'paused');
	$primary->safe_psql('postgres', 'UPDATE item SET v = v + 1 WHERE id = 1');
	await_told($primary);
	gets($primary, $sql, $run, 'the primary has what is new');
	reset_l1($standby);
	is((get($standby, $sql))[0], plain($standby, $sql), 'the standby what it has') foreach 1 .. 2;
	$standby->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
	await_replayed($primary, $standby);
	is((get($standby, $sql))[0], plain($primary, $sql), 'until it has replayed');
}

# ---- after a restart ----

{
	my $sql = fresh_sql();

	gets($primary, $sql, $run, 'before the restart');
	$_->quit foreach values %control;
	$primary->restart;
	await($primary, 'SELECT l2 FROM cache_status', 'up');
	gets($primary, $sql, 'l2_hits=1', 'after it');
	$control{ $_->name } = open_session($_) foreach @servers;
}

# ---- types ----

{
	my $columns = plain($primary, q{SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'kinds'::regclass AND attnum > 1});
	my $of = sub { return "/* cache */ SELECT id, $_[0] FROM kinds" };

	gets($primary, $of->($_), $run, "column $_") foreach split / /, $columns;
	reset_l1($primary);
	gets($primary, $of->($_), 'l2_hits=1', "column $_, from Redis") foreach split / /, $columns;
	gets($primary, $of->($_), 'l1_hits=1', "column $_, from memory") foreach split / /, $columns;
	reset_l1($primary);
	gets($primary, '/* cache */ SELECT id FROM item WHERE id < 0', $run, 'no rows');
	reset_l1($primary);
	gets($primary, '/* cache */ SELECT id FROM item WHERE id < 0', 'l2_hits=1', 'no rows, from Redis');

	# What cannot be read back by all stays in memory.
	foreach my $column ('q', 'j', 'x')
	{
		gets($primary, "/* cache */ SELECT id, $column FROM local", 'loads=1', "local column $column");
		gets($primary, "/* cache */ SELECT id, $column FROM local", 'l1_hits=1', "local column $column, from memory");
	}
	gets($primary, '/* cache */ SELECT FROM item WHERE id < 3', 'loads=1', 'rows without columns');
}

# ---- what is there and of no use ----

{
	my $sql = fresh_sql();
	my $other = '/* cache */ SELECT id, v, v AS twice FROM item WHERE id < 4 ORDER BY id';
	my $key = key_of($sql);
	my $other_key = key_of($other);
	my ($value, $meta) = map { field($redis, $key, $_) } 'v', 'm';
	my %bytes = map { $_ => command($redis, 'HGET', $key, $_) } $value, $meta;
	my $turned = $bytes{$value};

	vec($turned, 9, 8) = vec($turned, 9, 8) ^ 1;
	foreach my $case (
		[ 'a bit is turned', $value => $turned ],
		[ 'cut off', $value => substr($bytes{$value}, 0, -3) ],
		[ 'nothing', $value => '' ],
		[ 'longer', $value => $bytes{$value} . "\0" x 8 ],
		[ 'noise', $value => join('', map { chr(($_ * 37) % 256) } 1 .. 500) ],
		[ 'noise before', $meta => 'x' . $bytes{$meta} ],
		[ 'meta of another', $meta => command($redis, 'HGET', $other_key, field($redis, $other_key, 'm')) ])
	{
		my ($title, $field, $hostile) = @$case;

		command($redis, 'HSET', $key, $value, $bytes{$value}, $meta, $bytes{$meta});
		command($redis, 'HSET', $key, $field, $hostile);
		reset_l1($primary);
		my ($got, $did) = get($primary, $sql);
		is($got, plain($primary, $sql), "$title: the rows are right");
		like($did, qr/loads=1/, "$title: of a run");
	}
	# All of another statement, signed as it is.
	command($redis, 'HSET', $key, $value, command($redis, 'HGET', $other_key, field($redis, $other_key, 'v')),
		$meta, command($redis, 'HGET', $other_key, field($redis, $other_key, 'm')));
	reset_l1($primary);
	is((get($primary, $sql))[0], plain($primary, $sql), "another statement's: the rows are right");

	# Signed and whole, but this session cannot take it.
	my $deep = '/* cache */ SELECT id, j FROM deep';
	my $shallow = q{SET max_stack_depth = '100kB'; };
	my $rows = (get($primary, $deep))[0];

	reset_l1($primary);
	my ($got, $did) = get($primary, $deep, $shallow);
	like($did, qr/loads=1.* l2_bad_values=1/, 'a value that cannot be read back is a miss');
	is($got, $rows, 'and no error');

	# It leaves the session as it was: it can be called off.
	reset_l1($primary);
	my $after = finish_session(start_session($primary,
		"$shallow $deep;\n RESET max_stack_depth; SET statement_timeout = '100ms'; SELECT pg_sleep(30);\n"));
	like($after->{stderr}, qr/canceling statement due to statement timeout/, 'and whoever wants to end the next statement is heard');
}

# ---- sizes ----

{
	my $sql = '/* cache */ SELECT id, v FROM wide ORDER BY id';

	gets($primary, $sql, $run, 'more than memory takes');
	gets($primary, $sql, 'l2_hits=1', 'more than memory takes, from Redis') foreach 1 .. 2;
	$sql = fresh_sql();
	gets($primary, $sql, $run, 'memory takes nothing', 'SET cachefront.l1_max_value = 0;');
	gets($primary, $sql, 'l2_hits=1', 'memory takes nothing, from Redis', 'SET cachefront.l1_max_value = 0;') foreach 1 .. 2;
}

# ---- who may have it ----

{
	my $sql = fresh_sql();
	my $open = $sql =~ s/cache/cache name=open/r;
	my $as_other = 'SET SESSION AUTHORIZATION other; ';

	get($primary, $_) foreach $sql, $open;
	reset_l1($primary);
	is((get($primary, $sql, $as_other))[1], $run, 'another role runs it');
	is((get($primary, $open, $as_other))[1], 'l2_hits=1', 'of a shared cache it has it from Redis');
	reset_l1($primary);
	$primary->safe_psql('postgres', 'REVOKE SELECT ON item FROM other');
	isnt($primary->psql('postgres', "$as_other $open"), 0, 'without the right it has not');
	$primary->safe_psql('postgres', 'GRANT SELECT ON item TO other');
}

# Own writes and old snapshots ask nobody.
{
	my $sql = fresh_sql();

	get($primary, $sql);
	reset_l1($primary);
	my ($got, $did) = get($primary, "BEGIN; UPDATE item SET v = 100 WHERE id = 1; $sql; ROLLBACK");
	like($got, qr/^1\|100\|200$/m, 'own writes are seen');
	is($did, 'loads=1', 'and Redis is not asked');
	($got, $did) = get($primary, "BEGIN ISOLATION LEVEL REPEATABLE READ; $sql; COMMIT");
	is($did, 'loads=1', 'nor by REPEATABLE READ');
}

# ---- one run for all servers ----

{
	my $sql = fresh_sql();
	my $before = counters($standby);
	my ($leader, $waiter);

	# So that it writes no hint bits, which with checksums are WAL. See 186_tier_replay.pl.
	plain($primary, $sql);
	await_replayed($primary, $standby);
	$control{primary}->query_safe(q{SELECT cf_debug_waitpoint_enable('tier-before-fill')});
	$leader = start_session($primary, $sql);
	await_waitpoint($primary);
	prolong_lease($redis, grep { grep { /^l/ } fields($redis, $_) } keys_of($redis, "cf:$ns:query:*"));
	$waiter = start_session($standby, $sql);
	await($standby, 'SELECT l2_lease_waits > ' . $before->{l2_lease_waits} . q{ FROM cache_stats WHERE cache = '*'});
	$control{primary}->query_safe(q{SELECT cf_debug_waitpoint_release('tier-before-fill')});
	is(finish_session($leader)->{stdout}, plain($primary, $sql), 'the first runs it');
	is(finish_session($waiter)->{stdout}, plain($primary, $sql), 'the other server waits for that');
	is_deeply(since($standby, $before, qw(loads l2_hits)), { loads => 0, l2_hits => 1 }, 'and runs nothing');
}

# A session that ends with the lease leaves it to others.
foreach my $how ('pg_cancel_backend', 'pg_terminate_backend')
{
	my $sql = fresh_sql();
	my $leader;

	$control{primary}->query_safe(q{SELECT cf_debug_waitpoint_enable('fetch-before-fill')});
	$leader = start_session($primary, $sql, name => 'leader');
	await_waitpoint($primary);
	$primary->safe_psql('postgres', qq{SELECT $how(pid) FROM pg_stat_activity WHERE application_name = 'leader'});
	isnt(finish_session($leader)->{status}, 0, "$how: it is gone");
	$control{primary}->query_safe(q{SELECT cf_debug_waitpoint_release('fetch-before-fill')});
	gets($primary, $sql, $run, "$how: another runs it at once");
}

# ---- Redis goes, and comes back ----

{
	my $sql = fresh_sql();

	get($primary, $sql);
	$redis->kill;
	reset_l1($primary);
	is((get($primary, $sql))[0], plain($primary, $sql), 'without Redis the tables answer');
	is((get($primary, $sql))[1], 'l1_hits=1', 'and memory');
	$redis->start;
	await_that('for Redis to be used again', sub {
		my ($got, $did) = get($primary, fresh_sql());
		return $did eq $run;
	});
}

is(expiring($redis), '', 'every key in Redis has a time to live');
$_->quit foreach values %control;
foreach my $node (@servers)
{
	unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/PANIC:|TRAP:|terminated by signal|WARNING:.* leak/,
		$node->name . ': nothing bad in its log');
}
$standby->stop;
$primary->stop;
done_testing();
