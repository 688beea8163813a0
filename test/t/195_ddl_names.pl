# DDL about types, operators, casts, aggregates, domains and schemas leaves what it does not
# change: of each kind one statement after the other, while other tables are read. What is
# kept of a plain SELECT stays, too, and shows what has changed.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use CfTest;

my $node = CfTest->node(
	'ddl_names',
	'cachefront.track_changes' => 'on',
	'cachefront.transparent' => 'marked');

$node->safe_psql('postgres', q{
	SELECT cache_define('d', jitter => 0, xfetch_beta => 0);
	CREATE ROLE reads;
	CREATE SCHEMA other;
	CREATE TYPE mood AS ENUM ('sad', 'ok');
	CREATE TABLE items (id int PRIMARY KEY, v int, m mood);
	INSERT INTO items SELECT i, i, 'ok' FROM generate_series(1, 20) i;
	CREATE FUNCTION other.say(text) RETURNS text LANGUAGE sql AS 'SELECT $1';
	CREATE FUNCTION read_all() RETURNS bigint LANGUAGE sql AS $$
		SELECT sum((cache_fetch_row('d:i' || i, 'SELECT v FROM items WHERE id = $1 AND m = ''ok''', ROW(i)) ->> 'v')::int)
		FROM generate_series(1, 20) i $$});

sub counts
{
	return split /\|/,
	  $node->safe_psql('postgres', q{SELECT l1_hits, misses FROM cache_stats WHERE cache = 'd'});
}

my @kinds = (
	[ 'enum', q{CREATE TYPE other.e AS ENUM ('a', 'b')}, q{ALTER TYPE other.e ADD VALUE 'c'}, q{DROP TYPE other.e} ],
	[ 'composite type', q{CREATE TYPE other.c AS (a int)}, q{ALTER TYPE other.c ADD ATTRIBUTE b int}, q{DROP TYPE other.c} ],
	[ 'range', q{CREATE TYPE other.r AS RANGE (subtype = int)}, q{DROP TYPE other.r} ],
	[ 'domain', q{CREATE DOMAIN other.d AS int}, q{ALTER DOMAIN other.d ADD CHECK (VALUE > 0)}, q{DROP DOMAIN other.d} ],
	[ 'operator', q{CREATE OPERATOR other.= (leftarg = int, rightarg = int, function = int4eq)}, q{DROP OPERATOR other.= (int, int)} ],
	[ 'operator of another spelling', q{CREATE OPERATOR public.### (leftarg = int, rightarg = int, function = int4pl)}, q{DROP OPERATOR public.### (int, int)} ],
	[ 'aggregate', q{CREATE AGGREGATE other.s (int) (sfunc = int4pl, stype = int)}, q{DROP AGGREGATE other.s (int)} ],
	[ 'cast', q{CREATE TYPE other.e AS ENUM ('a'); CREATE CAST (other.e AS text) WITH INOUT AS IMPLICIT}, q{DROP CAST (other.e AS text); DROP TYPE other.e} ],
	[ 'schema', q{CREATE SCHEMA third}, q{ALTER SCHEMA third RENAME TO fourth}, q{DROP SCHEMA fourth} ],
	[ 'rights on a schema', q{GRANT USAGE ON SCHEMA other TO reads}, q{REVOKE USAGE ON SCHEMA other FROM reads} ]);

my $reader = open_session($node);
my $writer = open_session($node);

foreach my $kind (@kinds)
{
	my ($name, @statements) = @$kind;

	is($reader->query_safe('SELECT read_all()'), 210, "$name: what is read");
	$node->safe_psql('postgres', q{SELECT cache_stats_reset()});
	foreach my $round (1 .. 5)
	{
		foreach my $statement (@statements)
		{
			$writer->query_safe($statement);
			$reader->query_safe('SELECT read_all()');
		}
	}
	my ($hits, $misses) = counts();
	is($hits, 5 * 20 * @statements, "$name: all of it comes from memory");
	is($misses, 0, "$name: and nothing is read anew");
}

# ---- and what they do change ----

my $label = q{/* cache */ SELECT m FROM items WHERE id = 1};

is($reader->query_safe($label), 'ok', 'a label') foreach 1 .. 2;
$writer->query_safe(q{ALTER TYPE mood RENAME VALUE 'ok' TO 'fine'});
is($reader->query_safe($label), 'fine', 'another label shows at once');
$writer->query_safe(q{ALTER TYPE mood RENAME VALUE 'fine' TO 'ok'});
is($reader->query_safe($label), 'ok', 'and the old one again');

my $json = q{/* cache */ SELECT to_json(m) FROM items WHERE id = 1};

is($reader->query_safe($json), '"ok"', 'JSON of it') foreach 1 .. 2;
$writer->query_safe(q{CREATE FUNCTION to_j(mood) RETURNS json LANGUAGE sql AS $$ SELECT '{"cast": 1}'::json $$;
	CREATE CAST (mood AS json) WITH FUNCTION to_j(mood)});
is($reader->query_safe($json), '{"cast": 1}', 'a cast that is looked up as it runs');
$writer->query_safe(q{DROP CAST (mood AS json)});
is($reader->query_safe($json), '"ok"', 'and is gone');

$writer->quit;
$reader->quit;
$node->stop;
done_testing();
