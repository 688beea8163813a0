# Who may do nothing but connect makes and drops temporary objects of all kinds, and
# ends with some: what others have in the cache stays, and they see none of it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use CfTest;

my $node = CfTest->node('main', 'cachefront.track_changes' => 'on');

$node->safe_psql('postgres', q{
	SELECT cache_define('d', jitter => 0, xfetch_beta => 0);
	CREATE ROLE visitor LOGIN;
	CREATE TYPE mood AS ENUM ('permanent');
	CREATE TABLE items (id int PRIMARY KEY, v int);
	INSERT INTO items SELECT i, i FROM generate_series(1, 20) i;
	CREATE FUNCTION counted() RETURNS bigint LANGUAGE plpgsql STABLE AS
		'BEGIN RETURN (SELECT count(*) FROM items); END'});

my $reader = open_session($node);
my @fetches = (
	q{SELECT cache_fetch_row('d:sum', 'SELECT sum(v) AS v FROM items') ->> 'v'},
	q{SELECT cache_fetch_row('d:function', 'SELECT counted() AS v') ->> 'v'},
	q{SELECT cache_fetch_row('d:mood', 'SELECT enum_range(NULL::mood)::text AS v FROM items LIMIT 1') ->> 'v'});

# What the reader gets of each, and how many of them did not come from memory.
sub all_read
{
	my $before = CfTest::stat($node, 'misses');
	my @values = map { $reader->query_safe($_) } @fetches;

	return join(' ', @values, CfTest::stat($node, 'misses') - $before);
}

my @made = (
	q{CREATE TYPE pg_temp.mood AS ENUM ('temporary', 'other')},
	q{ALTER TYPE pg_temp.mood ADD VALUE 'third'},
	q{ALTER TYPE pg_temp.mood RENAME VALUE 'other' TO 'second'},
	q{CREATE DOMAIN pg_temp.d AS int CHECK (value > 0)},
	q{CREATE TYPE pg_temp.c AS (a int, m pg_temp.mood)},
	q{CREATE TYPE pg_temp.r AS RANGE (subtype = int)},
	q{CREATE FUNCTION pg_temp.counted() RETURNS bigint LANGUAGE sql AS 'SELECT 0::bigint'},
	q{CREATE FUNCTION pg_temp.of_row(pg_temp.c) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'},
	q{CREATE AGGREGATE pg_temp.total (int) (sfunc = int4pl, stype = int)},
	q{CREATE OPERATOR pg_temp.## (leftarg = int, rightarg = int, function = int4pl)},
	q{CREATE COLLATION pg_temp.co FROM "C"},
	q{CREATE TEXT SEARCH CONFIGURATION pg_temp.tc (copy = simple)},
	q{CREATE TABLE pg_temp.items (id int, v int, m pg_temp.mood)},
	q{ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC},
	q{ALTER DEFAULT PRIVILEGES REVOKE SELECT ON TABLES FROM PUBLIC});

all_read() foreach 1 .. 2;
is(all_read(), '210 20 {permanent} 0', 'all of it is in memory');
for my $how ('is dropped', 'ends with the session', 'is made in one transaction')
{
	my $visitor = open_session($node);

	$visitor->query_safe('SET SESSION AUTHORIZATION visitor');
	$visitor->query_safe('BEGIN') if $how =~ /transaction/;
	for my $statement (@made)
	{
		$visitor->query_safe($statement);
		is(all_read(), '210 20 {permanent} 0', "after $statement") if $how =~ /dropped/;
	}
	$visitor->query_safe('COMMIT') if $how =~ /transaction/;
	is(all_read(), '210 20 {permanent} 0', "made, before it $how");
	# The visitor himself reads what hides the permanent ones.
	is($visitor->query_safe(q{SELECT cache_fetch_row('d:mood', 'SELECT enum_range(NULL::mood)::text AS v') ->> 'v'}),
		'{temporary,second,third}', "seen by who made it, before it $how");
	$visitor->query_safe('DISCARD TEMP') if $how =~ /dropped/;
	my $pid = $visitor->query_safe('SELECT pg_backend_pid()');
	$visitor->quit;
	await($node, "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $pid)");
	is(all_read(), '210 20 {permanent} 0', "it $how");
}
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_type WHERE typname IN ('mood', 'd', 'c', 'r')}),
	1, 'nothing of it is left');

$reader->quit;
$node->stop;
done_testing();
