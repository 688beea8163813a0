# A statement that was prepared earlier means what it meant then, whatever the same text means when
# it is sent again: literals and names are read when a text is analysed, and no later.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;

use CfTest;
use CfWire;

my $node = CfTest->node('prepared', 'cachefront.track_changes' => 'on');

$node->safe_psql(
	'postgres', q{
	CREATE SCHEMA a;
	CREATE SCHEMA b;
	CREATE TABLE b.things AS SELECT g AS id, g::numeric AS amount, date '2020-01-01' + g AS day,
		timestamptz '2020-01-01 00:00+00' + g * interval '1 hour' AS at FROM generate_series(1, 40) g;
	CREATE FUNCTION b.kind(numeric) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'numeric' $$});

# name => [condition, what changes its meaning, what takes that back]
my %ways = (
	'a date in another order' =>
		["day < '01/02/2020'", "SET datestyle = 'ISO, DMY'", "SET datestyle = 'ISO, MDY'"],
	'a time in another zone' =>
		["at < '2020-01-01 12:00'", "SET timezone = 'Asia/Tokyo'", "SET timezone = 'UTC'"],
	'a comparison with NULL' =>
		['(NULL = amount) IS NULL', 'SET transform_null_equals = on', 'SET transform_null_equals = off'],
	'a backslash' => [
		"length('a\\\\b') = 3",
		'SET standard_conforming_strings = off; SET escape_string_warning = off',
		'SET standard_conforming_strings = on'
	],
	'a NULL in an array' =>
		["'{NULL}'::text[] = '{\"NULL\"}'", 'SET array_nulls = off', 'SET array_nulls = on'],
	'a table in front' => [
		'true',
		'CREATE TABLE a.things AS SELECT * FROM b.things LIMIT 7',
		'DROP TABLE IF EXISTS a.things'
	],
	'a function that fits better' => [
		"kind(id) = 'numeric'",
		q{CREATE FUNCTION b.kind(int) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ''integer''::text'},
		'DROP FUNCTION IF EXISTS b.kind(int)'
	],
	'an operator that fits better' => [
		'id = amount',
		q{CREATE FUNCTION b.never(int, numeric) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT false';
		CREATE OPERATOR b.= (LEFTARG = int, RIGHTARG = numeric, FUNCTION = b.never)},
		'DROP OPERATOR IF EXISTS b.=(int, numeric); DROP FUNCTION IF EXISTS b.never(int, numeric)'
	]);

sub run
{
	my ($wire, $name, @values) = @_;

	$wire->bind('', $name, @values);
	$wire->execute('');
	$wire->sync;
	return $wire->until('Z');
}

sub prepare
{
	my ($wire, $name, $text) = @_;

	$wire->parse($name, $text);
	$wire->sync;
	return $wire->until('Z');
}

# The same by a session that is served and by one that is not.
sub scene
{
	my ($mode, $way, $condition, @values) = @_;
	my $wire = CfWire->new($node, 'cachefront.transparent' => $mode, 'search_path' => 'a,b');
	my $text = "/* cache */ SELECT count(*) FROM things WHERE $way->[0] AND $condition";
	my $said = $wire->query($way->[2]) . prepare($wire, 'old', $text) . run($wire, 'old', @values);

	$wire->query($way->[1]);
	prepare($wire, 'new', $text);
	foreach (1 .. 4)
	{
		prepare($wire, '', $text);
		$said .= run($wire, '', @values);
		$said .= run($wire, $_, @values) foreach 'old', 'new';
	}
	prepare($wire, 'newer', $text);
	$said .= run($wire, 'old', @values) foreach 1 .. 6;
	$wire->query($way->[2]);
	$said .= run($wire, $_, @values) foreach 'old', 'new';
	$wire->quit;
	return $said;
}

foreach my $name (sort keys %ways)
{
	my $way = $ways{$name};

	foreach my $case (['id > $1', 0], ['id > 0'])
	{
		my $before = stat($node, 'l1_hits');
		my ($off, $on) = map { scene($_, $way, @$case) } 'off', 'marked';

		is($on, $off, "$name, $case->[0]");
		cmp_ok(stat($node, 'l1_hits'), '>', $before, 'and it was served');
	}
}

done_testing();
