# Reading through Redis: what the server's memory has lost Redis still has, in
# each form of a result; nothing crosses roles, search paths, settings or
# databases; what must not be shared is not.

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
	CREATE TABLE wide (id int PRIMARY KEY, v text);
	INSERT INTO wide SELECT i, repeat(chr(96 + i), 3000) FROM generate_series(1, 10) i;
	SELECT cache_attach('item', 'item:{id}'), cache_attach('item', rows => '{}'), cache_attach('wide', rows => '{}');
	CREATE FUNCTION secret() RETURNS int LANGUAGE sql STABLE AS 'SELECT sum(v)::int FROM item';
});

# ---- every form of a result ----

my %reads = (
	'cache_fetch' => [
		q{SELECT cache_fetch('item:1', 'SELECT * FROM item WHERE id = $1', (1))},
		'[{"id":1,"v":10}]' ],
	'cache_fetch_row' => [
		q{SELECT cache_fetch_row('item:2', 'SELECT * FROM item WHERE id = $1', (2))},
		'{"id":2,"v":20}' ],
	'cache_fetch_rows' => [
		q{SELECT * FROM cache_fetch_rows('item:3', 'SELECT * FROM item WHERE id = $1', (3)) AS t(id int, v int)},
		'3|30' ],
	'many rows' => [
		q{SELECT count(*), sum(v), max(id) FROM cache_fetch_rows('all', 'SELECT * FROM item') AS t(id int, v int)},
		'100|50500|100' ],
	'the first of many rows' => [
		q{SELECT cache_fetch_row('all:row', 'SELECT * FROM item ORDER BY id DESC')},
		'{"id":100,"v":1000}' ],
	'no rows' => [ q{SELECT cache_fetch('item:0', 'SELECT * FROM item WHERE id = 0')}, '[]' ],
	'no row' => [
		q{SELECT cache_fetch_row('item:-1', 'SELECT * FROM item WHERE id = -1') IS NULL}, 't' ],
	'no typed rows' => [
		q{SELECT * FROM cache_fetch_rows('item:-2', 'SELECT * FROM item WHERE id = -2') AS t(id int, v int)},
		'' ],
	'an aggregate' => [ q{SELECT cache_fetch('sum', 'SELECT sum(v) FROM item')}, '[{"sum":50500}]' ],
	'no table' => [ q{SELECT cache_fetch('pi', 'SELECT 3.14::numeric AS pi')}, '[{"pi":3.14}]' ],
	'NULL and odd text' => [
		q{SELECT cache_fetch('odd', $$SELECT NULL::int AS n, E'\t"\\\\\u00e4' AS t$$)},
		"[{\"n\":null,\"t\":\"\\t\\\"\\\\\303\244\"}]" ],
	'tags' => [
		q{SELECT cache_fetch('tagged', 'SELECT v FROM item WHERE id = 4', tags => '{a,b}')},
		'[{"v":40}]' ]);

sub read_all
{
	my ($title) = @_;

	is(query($reads{$_}->[0]), $reads{$_}->[1], "$title: $_") foreach sort keys %reads;
	return;
}

my $n = keys %reads;

read_all('filled');
$now = counters($node);
is("$now->{loads} $now->{l2_misses} $now->{l2_fills}", "$n $n $n", 'one load each, and a fill of Redis');
reset_l1($node);
read_all('from Redis');
$now = counters($node);
is("$now->{loads} $now->{l2_hits} $now->{fills}", "0 $n $n", 'no load: all is in Redis, and goes into L1');
read_all('once more');
is_deeply(since($node, $now, qw(loads l1_hits l2_hits)), { loads => 0, l1_hits => $n, l2_hits => 0 },
	'from L1');
is(stat($node, 'l2_bad_values'), 0, 'nothing that was read is damaged');

# What shows only when functions run is known by the end of the load.
query(q{SELECT cache_fetch('fn', 'SELECT secret()')});
is(scalar(grep { /^v:/ } fields($redis, "cf:$ns:fn")), 1, 'the result of a function that reads a table is filled');
query(q{UPDATE item SET v = v + 1 WHERE id = 1});
reset_l1($node);
is(query(q{SELECT cache_fetch('fn', 'SELECT secret()')}), '[{"secret":50501}]', 'and goes with the table');
query(q{UPDATE item SET v = v - 1 WHERE id = 1});

# ---- what only this server could judge ----

# There is no WAL of an unlogged table: after a crash it is empty, and nobody says so.
query(q{CREATE UNLOGGED TABLE loose_end (v int); INSERT INTO loose_end VALUES (1);
	CREATE FUNCTION unlogged() RETURNS int LANGUAGE sql STABLE AS 'SELECT v FROM loose_end'});
my %unlogged = (
	'a table' => q{SELECT cache_fetch('u1', 'SELECT v FROM loose_end')},
	'a function' => q{SELECT cache_fetch('u2', 'SELECT unlogged()')},
	'an entry' => q{SELECT cache_fetch('u3', $$SELECT cache_fetch('u1', 'SELECT v FROM loose_end')$$)});
foreach my $title (sort keys %unlogged)
{
	my ($key) = $unlogged{$title} =~ /'(u\d)'/;

	$now = counters($node);
	query($unlogged{$title});
	is_deeply(since($node, $now, qw(fills l2_fills l2_fills_refused)),
		{ fills => 1, l2_fills => 0, l2_fills_refused => 1 },
		"$title that reads an unlogged one: in memory alone");
	is(command($redis, 'EXISTS', "cf:$ns:$key"), 0, "$title: its lease is given back");
}

is(expiring($redis), '', 'every key in Redis has a time to live');

# ---- who may see what ----

query('CREATE DATABASE other');
query(q{CREATE EXTENSION cachefront; CREATE TABLE item (id int PRIMARY KEY, v int);
	INSERT INTO item VALUES (1, -1); GRANT SELECT ON item TO PUBLIC;
	SELECT cache_fetch('first', 'SELECT 1')}, 'other');
query(q{
	CREATE ROLE alice LOGIN;
	CREATE ROLE bob LOGIN;
	CREATE SCHEMA s1 CREATE TABLE named (v int);
	CREATE SCHEMA s2 CREATE TABLE named (v int);
	INSERT INTO s1.named VALUES (1);
	INSERT INTO s2.named VALUES (2);
	GRANT USAGE ON SCHEMA s1, s2 TO PUBLIC;
	GRANT SELECT ON ALL TABLES IN SCHEMA public, s1, s2 TO PUBLIC;
	CREATE TABLE owned (owner name, tenant text, v int);
	INSERT INTO owned VALUES ('alice', 't1', 1), ('bob', 't1', 2), ('bob', 't2', 3);
	GRANT SELECT ON owned TO PUBLIC;
	ALTER TABLE owned ENABLE ROW LEVEL SECURITY;
	CREATE POLICY mine ON owned USING (owner = current_user AND tenant = current_setting('app.tenant', true));
	SELECT cache_define('tenant', scope => 'setting:app.tenant');
	SELECT cache_define('pub', scope => 'shared');
	SELECT cache_define('notpub');
});

my $who = q{SELECT cache_fetch('who', 'SELECT current_user AS u, session_user AS s')};
my $named = q{SELECT cache_fetch('named', 'SELECT v FROM named')};
my $tenant = q{SELECT cache_fetch('tenant:x', 'SELECT v FROM owned')};
my $day = q{SELECT cache_fetch('day', $$SELECT date '2020-02-01' AS d, timestamptz '2020-01-01 00:00+00' AS t$$)};
# database, user, settings, query, answer
my @contexts = (
	[ 'postgres', 'alice', {}, $who, '[{"u":"alice","s":"alice"}]' ],
	[ 'postgres', 'bob', {}, $who, '[{"u":"bob","s":"bob"}]' ],
	[ 'postgres', 'postgres', { role => 'bob' }, $who, '[{"u":"bob","s":"postgres"}]' ],
	[ 'postgres', 'alice', { search_path => 's1' }, $named, '[{"v":1}]' ],
	[ 'postgres', 'alice', { search_path => 's2' }, $named, '[{"v":2}]' ],
	[ 'postgres', 'alice', { 'app.tenant' => 't1' }, $tenant, '[{"v":1}]' ],
	[ 'postgres', 'bob', { 'app.tenant' => 't1' }, $tenant, '[{"v":2}]' ],
	[ 'postgres', 'bob', { 'app.tenant' => 't2' }, $tenant, '[{"v":3}]' ],
	[ 'postgres', 'bob', { 'app.tenant' => 't3' }, $tenant, '[]' ],
	[ 'postgres', 'alice', {}, q{SELECT cache_fetch('item:1', 'SELECT v FROM item WHERE id = 1')}, '[{"v":10}]' ],
	[ 'other', 'alice', {}, q{SELECT cache_fetch('item:1', 'SELECT v FROM item WHERE id = 1')}, '[{"v":-1}]' ],
	[ 'postgres', 'alice', { TimeZone => 'UTC' }, $day, '[{"d":"2020-02-01","t":"2020-01-01T00:00:00+00:00"}]' ],
	[ 'postgres', 'alice', { TimeZone => 'Asia/Tokyo' }, $day, '[{"d":"2020-02-01","t":"2020-01-01T09:00:00+09:00"}]' ]);

sub in_context
{
	my ($database, $user, $conf, $sql, $answer) = @{ $_[0] };
	my $sets = join ' ', map { "SET $_ = '$conf->{$_}';" } sort grep { $_ ne 'search_path' } keys %$conf;
	my $path = $conf->{search_path} ? "SET search_path = $conf->{search_path}, public;" : '';

	return $node->safe_psql($database, "$sets $path $sql", extra_params => [ '-U', $user ]);
}

sub read_contexts
{
	my ($title) = @_;

	foreach my $context (@contexts)
	{
		my ($database, $user, $conf) = @$context;

		is(in_context($context), $context->[4],
			join(' ', "$title:", $database, $user, %$conf));
	}
	return;
}

read_contexts('filled');
reset_l1($node);
read_contexts('from Redis');
is(stat($node, 'loads') . ' ' . stat($node, 'l2_hits'), '0 ' . @contexts, 'without a load');
is(scalar(grep { /^v:/ } fields($redis, "cf:$ns:who")), 3, 'as many variants as identities');
is(scalar(grep { /^v:/ } fields($redis, "cf:$ns:tenant:x")), 4, 'also by a setting');
is($node->safe_psql('postgres', $tenant =~ s/tenant:x/mine/r . ' ', extra_params => [ '-U', 'alice' ]),
	'[]', 'row security without a scope');
is(command($redis, 'HLEN', "cf:$ns:mine"), 0, 'does not get into Redis, and leaves no lease there');

# ---- scope shared ----

my $pub = q{SELECT cache_fetch('pub:1', 'SELECT * FROM item WHERE id = 1')};
is(query($pub), '[{"id":1,"v":10}]', 'scope shared');
is($redis->cli('HGET', "cf:$ns:pub:1", 'v'), '[{"id":1,"v":10}]', 'is plain JSON for redis-cli');
is(join(' ', fields($redis, "cf:$ns:pub:1")), 'm v', 'and beside it there is the meta');
query("SELECT cache_fetch('pub:2', 'SELECT * FROM wide WHERE id = 1')");
is(length(command($redis, 'HGET', "cf:$ns:pub:2", 'v')), 3000 + length('[{"id":1,"v":""}]'),
	'and never compressed');
reset_l1($node);
is($node->safe_psql('postgres', $pub, extra_params => [ '-U', 'bob' ]), '[{"id":1,"v":10}]',
	'another role takes it');
is(stat($node, 'loads') . ' ' . stat($node, 'l2_hits'), '0 1', 'without a load');
query('REVOKE SELECT ON item FROM PUBLIC');
is($node->psql('postgres', $pub, extra_params => [ '-U', 'bob' ]), 3, 'but not without the right');
query('GRANT SELECT ON item TO PUBLIC');

# ---- too large for shared memory ----

my $wide = q{SET cachefront.l1_max_value = '1kB'; SELECT length(cache_fetch('wide', 'SELECT v FROM wide WHERE id = 1')::text)};
$now = counters($node);
is(query($wide), 3000 + length('[{"v":""}]'), 'a value that is too large for L1') for 1 .. 3;
is_deeply(since($node, $now, qw(loads l2_fills l2_hits too_large fills l1_hits)),
	{ loads => 1, l2_fills => 1, l2_hits => 2, too_large => 3, fills => 0, l1_hits => 0 },
	'is read from Redis each time');

# ---- where WAL ends next to a page's header ----

# The last record is of a commit, and its last 16 bytes are on a page of their
# own: 40 bytes from there, as many as a header takes on a segment's first page.
query(q{
	CREATE FUNCTION wal_end() RETURNS bigint LANGUAGE sql AS $$ SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint $$;
	CREATE FUNCTION log_bytes(n int) RETURNS bigint LANGUAGE sql AS $$
		SELECT pg_logical_emit_message(false, '', repeat('x', n)); SELECT wal_end() $$;
	CREATE PROCEDURE end_wal_at_40() LANGUAGE plpgsql AS $$
	DECLARE
		start bigint;
		commit_size int;
		overhead int;
		n int;
	BEGIN
		FOR i IN 1 .. 100 LOOP
			start := wal_end();
			PERFORM cache_invalidate_tag('edge');
			COMMIT;
			commit_size := wal_end() - start;
			CONTINUE WHEN wal_end() / 8192 <> start / 8192;
			start := wal_end();
			overhead := log_bytes(304) - start - 304;
			CONTINUE WHEN wal_end() / 8192 <> start / 8192;
			n := 8192 + 16 - commit_size - wal_end() % 8192 - overhead;
			PERFORM log_bytes(CASE WHEN n < 304 THEN n + 8192 - 24 ELSE n END);
			PERFORM cache_invalidate_tag('edge');
			COMMIT;
			EXIT WHEN wal_end() % 8192 = 40;
		END LOOP;
	END $$});
my $edge = q{SELECT length(cache_fetch('edge', 'SELECT repeat(''x'', 3000)', tags => '{edge}')::text)};

$now = counters($node);
is(query("SET cachefront.notify = off; SET cachefront.l1_max_value = '1kB'; CALL end_wal_at_40(); $edge; $edge; SELECT wal_end() % 8192"),
	"3015\n3015\n40", 'WAL ends behind a page header');
is(since($node, $now, 'l2_hits')->{l2_hits}, 1, 'what is filled there is used');

# ---- changes of definitions and rights ----

my %changes = (
	'DDL' => 'ALTER TABLE wide ADD COLUMN more int',
	'a function' => q{CREATE OR REPLACE FUNCTION secret() RETURNS int LANGUAGE sql STABLE AS 'SELECT 1'},
	'GRANT' => 'GRANT UPDATE ON wide TO bob',
	'REVOKE' => 'REVOKE UPDATE ON wide FROM bob',
	'a policy' => 'CREATE POLICY p ON wide',
	'a role' => 'ALTER ROLE bob NOINHERIT',
	'membership' => 'GRANT alice TO bob',
	'a flush' => 'SELECT cache_flush()');
foreach my $title ('DDL', 'a function', 'GRANT', 'REVOKE', 'a policy', 'a role', 'membership', 'a flush')
{
	query($wide);
	$now = counters($node);
	query($wide);
	is(since($node, $now, 'l2_hits')->{l2_hits}, 1, "before $title: a hit in Redis");
	query($changes{$title});
	$now = counters($node);
	query($wide);
	is_deeply(since($node, $now, qw(loads l2_hits l2_fills)), { loads => 1, l2_hits => 0, l2_fills => 1 },
		"after $title: a miss, filled anew");
}
$now = counters($node);
query(q{ROLLBACK; BEGIN; ALTER TABLE wide ADD COLUMN undone int; ROLLBACK});
query($wide);
is(since($node, $now, 'l2_hits')->{l2_hits}, 1, 'what is rolled back changes nothing');

# The right goes, and with it what was filled under it.
my $bob = q{SELECT cache_fetch('bob', 'SELECT v FROM item WHERE id = 9')};
$node->safe_psql('postgres', $bob, extra_params => [ '-U', 'bob' ]);
is(scalar(grep { /^v:/ } fields($redis, "cf:$ns:bob")), 1, 'a value in Redis');
query('REVOKE SELECT ON item FROM PUBLIC');
reset_l1($node);
is($node->psql('postgres', $bob, extra_params => [ '-U', 'bob' ]), 3, 'no value in Redis answers whom a right was taken');
query('GRANT SELECT ON item TO PUBLIC');

# ---- who does not use it ----

my $fresh = 0;

query('CREATE TABLE plain AS SELECT 1 AS v');

# A transaction that must neither take from Redis nor fill it.
sub stays_away
{
	my ($title, $begin) = @_;
	my $key = 'away:' . ++$fresh;
	my $sql = "SELECT cache_fetch('$key', 'SELECT v FROM item WHERE id = 6')";
	my $start = counters($node);

	is(query("$begin $sql; COMMIT"), '[{"v":60}]', $title);
	is(command($redis, 'EXISTS', "cf:$ns:$key"), 0, "$title: leaves nothing in Redis");
	is_deeply(since($node, $start, qw(loads l2_hits l2_misses l2_fills)),
		{ loads => 1, l2_hits => 0, l2_misses => 0, l2_fills => 0 }, "$title: does not ask it");
	return;
}

stays_away('own writes', 'BEGIN; UPDATE plain SET v = v;');
stays_away('SERIALIZABLE', 'BEGIN ISOLATION LEVEL SERIALIZABLE;');
stays_away('REPEATABLE READ', 'BEGIN ISOLATION LEVEL REPEATABLE READ;');
stays_away('switched off', 'BEGIN; SET LOCAL cachefront.enabled = off;');
is( query(q{BEGIN; UPDATE item SET v = 1 WHERE id = 7;
		SELECT cache_fetch('item:7', 'SELECT v FROM item WHERE id = 7'); ROLLBACK}),
	'[{"v":1}]', 'own writes are seen');
is(query(q{SELECT cache_fetch('item:7', 'SELECT v FROM item WHERE id = 7')}), '[{"v":70}]',
	'and got nowhere');

# ---- reports ----

sub explained
{
	return query("SELECT value FROM cache_explain('$_[0]', '$_[1]') WHERE item = 'L2'");
}

is(explained('item:8', 'SELECT v FROM item WHERE id = 8'), 'miss', 'cache_explain: a miss');
query(q{SELECT cache_fetch('item:8', 'SELECT v FROM item WHERE id = 8', ttl => '100 seconds')});
like(explained('item:8', 'SELECT v FROM item WHERE id = 8'), qr/^fresh, age \d+\.\d+ s, ttl left \d+\.\d+ s$/,
	'cache_explain: a hit');
is(query('SELECT l2, l2_obstacle, breaker FROM cache_status'), 'up||closed', 'cache_status');
query($wide) for 1 .. 2;
is(query(q{SELECT samples > 0 AND p50_us > 0 FROM cache_latency WHERE operation = 'l2_hit'}), 't', 'cache_latency');

# ---- a name of one's own ----

reconfigure($node, 'cachefront.namespace' => 'app.{x}');
reset_l1($node);
$now = counters($node);
is(query($reads{cache_fetch}->[0]), $reads{cache_fetch}->[1], 'another namespace');
is(stat($node, 'loads'), 1, 'has nothing of the first');
is(command($redis, 'EXISTS', 'cf:app.{x}:item:1'), 1, 'its keys bear its name');
is(join(' ', grep { !/^cf[tefb]?:(\Q$ns\E|\d+\.other|\d+:roles|app\.\{x\})/ } keys_of($redis)), '', 'as do all others');
query(q{SELECT cache_define('pub', scope => 'shared')}, 'other');
is(query($pub), '[{"id":1,"v":10}]', 'two databases with one namespace');
is(query($pub, 'other'), '[{"id":1,"v":-1}]', 'do not take each other for themselves');
is(query($pub), '[{"id":1,"v":10}]', 'in either direction');
is(query("SET cachefront.l1_max_value = '1kB'; $wide"), 3010, 'and it works');
is(expiring($redis), '', 'every key in Redis has a time to live, still');

$node->stop;
done_testing();
