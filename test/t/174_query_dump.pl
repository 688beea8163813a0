# Marked queries go along with pg_dump, of a database's owner who is no superuser too: in the
# new database, whose tables have other numbers, the same statements are served.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use CfTest;

my $node = CfTest->node('marked', 'cachefront.track_changes' => 'on');
my $folder = PostgreSQL::Test::Utils::tempdir();
my $marks = 'SELECT name, query, cache, ttl, tags, search_path, owner, problem FROM cache_queries ORDER BY name';

sub as_owner
{
	my ($database, $sql) = @_;
	my $result = finish_session(start_session($node, $sql, database => $database, user => 'shop'), 60);

	die "$sql\n$result->{stderr}" if $result->{status} != 0;
	return $result->{stdout};
}

# Hits of a statement that is sent four times.
sub hits
{
	my ($database, $sql) = @_;

	return as_owner($database, "SET cachefront.transparent = marked; SELECT cache_stats_reset();"
		  . " $sql; $sql; $sql; $sql; SELECT 'hits', l1_hits FROM cache_stats WHERE cache = '*'") =~ /^hits\|(\d+)$/m ? $1 : undef;
}

$node->safe_psql('postgres', $_) foreach 'CREATE ROLE shop LOGIN', 'CREATE DATABASE shop OWNER shop',
  'CREATE DATABASE again OWNER shop';
$node->safe_psql($_, 'CREATE EXTENSION cachefront; GRANT EXECUTE ON FUNCTION cache_stats_reset() TO shop')
  foreach qw(shop again);
$node->safe_psql('again', 'CREATE TABLE other (id int)');
as_owner('shop', 'CREATE SCHEMA own; CREATE TABLE own.product (id int PRIMARY KEY, name text);'
	  . " INSERT INTO own.product VALUES (1, 'one'); SET search_path = own, public;"
	  . " SELECT cache_query('SELECT name FROM product WHERE id = \$1', name => 'shop:product', ttl => '1 hour', tags => '{a}')");
cmp_ok(hits('shop', 'SELECT name FROM own.product WHERE id = 1'), '>=', 2, 'served');

my $before = as_owner('shop', $marks);
like($before, qr/^shop:product\|.*\|shop\|01:00:00\|\{a\}\|own, public, pg_temp\|shop\|$/m, 'the mark');
$node->command_ok([ 'pg_dump', '-U', 'shop', '-Fc', '-f', "$folder/dump", 'shop' ], 'pg_dump by the owner');
$node->command_ok([ 'pg_restore', '-U', 'shop', '--no-comments', '--exit-on-error', '-d', 'again', "$folder/dump" ],
	'pg_restore by the owner');
is(as_owner('again', $marks), $before, 'the same mark');
cmp_ok(hits('again', 'SELECT name FROM own.product WHERE id = 1'), '>=', 2, 'served there');
is(hits('again', 'SELECT name FROM own.product WHERE id < 2'), 0, 'nothing else is');

is(as_owner('again', "SELECT cache_query_drop('shop:product')"), 't', 'dropped');
is(hits('again', 'SELECT name FROM own.product WHERE id = 1'), 0, 'served no more');

done_testing();
