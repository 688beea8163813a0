# A database's owner who is no superuser dumps and restores it, with the real
# pg_dump and pg_restore: a superuser makes the extension in both databases. The
# definitions, to whom they belong, and the rules of tables come along.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use CfTest qw(:DEFAULT query_as);

my $node = CfTest->node('owner', 'autovacuum' => 'off');
my $folder = PostgreSQL::Test::Utils::tempdir();

my $super = $node->safe_psql('postgres', 'SELECT current_user');
my $definitions = 'SELECT * FROM cache_definitions ORDER BY name';

$node->safe_psql('postgres', $_) foreach 'CREATE ROLE shop LOGIN', 'CREATE ROLE maker LOGIN',
  'CREATE DATABASE shop OWNER shop', 'CREATE DATABASE custom OWNER shop',
  'CREATE DATABASE plain OWNER shop', 'CREATE DATABASE again OWNER shop';
$node->safe_psql($_, 'CREATE EXTENSION cachefront') foreach qw(shop custom plain again);

query_as($node, 'shop', 'shop', "CREATE TABLE product (id int PRIMARY KEY, name text);"
	  . " INSERT INTO product VALUES (1, 'one')");
query_as($node, $super, 'shop', "SELECT cache_attach('product', key => 'product:{id}'), cache_attach('product', rows => '{}')");
# A named loader, with a type of its own.
query_as($node, 'shop', 'shop', 'CREATE SCHEMA own; CREATE TYPE own.size AS ENUM (\'s\', \'m\');'
	  . q{ SELECT cache_define('named', query => 'SELECT name, $2::own.size FROM product WHERE id = $1',}
	  . q{ arg_types => '{int,own.size}')});
my $key = query_as($node, 'shop', 'shop', q{SELECT cache_key('named', 1, 's')});
like($key, qr/^named:v[0-9a-f]{8}:1:s$/, 'a key of a named loader');
query_as($node, $super, 'shop', "SELECT cache_define('super', ttl => '1 min', max_stale => '5 s', freshness => 'declared')");
query_as($node, 'shop', 'shop', "SELECT cache_define('product', ttl => '1 hour', scope => 'shared')");
$node->safe_psql('shop', "BEGIN; GRANT EXECUTE ON FUNCTION cache_define(text, text, interval, interval,"
	  . " interval, float8, float8, text, interval, text, regtype[], text, interval) TO maker; SET ROLE maker; SELECT cache_define('made', jitter => 0.5);"
	  . " RESET ROLE; REVOKE EXECUTE ON FUNCTION cache_define(text, text, interval, interval,"
	  . " interval, float8, float8, text, interval, text, regtype[], text, interval) FROM maker; COMMIT");
my $before = $node->safe_psql('shop', $definitions);
is(join(' ', map { (split /\|/)[0] } split /\n/, $before), 'made named product super', 'four definitions');
is(join(' ', map { (split /\|/)[-1] } split /\n/, $before), "maker shop shop $super", 'of three roles');

# With rows that wait for Redis: they are of this server.
$node->safe_psql('shop', "INSERT INTO cache_outbox VALUES (now(), '{product:1}')");

sub dump_as_owner
{
	my ($file, @options) = @_;

	$node->command_ok([ 'pg_dump', '-U', 'shop', '-f', "$folder/$file", @options, 'shop' ],
		"pg_dump of $file by the owner");
	return;
}

sub check
{
	my ($database) = @_;

	is($node->safe_psql($database, $definitions), $before, "$database: the definitions");
	is($node->safe_psql($database, 'SELECT count(*) FROM cache_outbox'), 0, "$database: no outbox");
	is( $node->safe_psql($database, 'SELECT rel, kind, key, problem FROM cache_rules ORDER BY kind'),
		"product|row|product:{id}|\nproduct|table||",
		"$database: the rules");
	is(query_as($node, 'shop', $database, q{SELECT cache_key('named', 1, 's')}), $key, "$database: the same key");
	is(query_as($node, 'shop', $database, q{SELECT cache_read_row('named', 1, 's') ->> 'name'}), 'one',
		"$database: the named loader");
	query_as($node, 'shop', $database, "SELECT cache_fetch('product:1', 'SELECT name FROM product WHERE id = 1')");
	is( $node->safe_psql($database,
			"SELECT cache FROM cache_entries WHERE database = '$database' AND key = 'product:1'"),
		'product', "$database: in force");
	query_as($node, 'shop', $database, "UPDATE product SET name = 'two'");
	is( query_as($node, 'shop', $database, "SELECT cache_fetch('product:1', 'SELECT name FROM product WHERE id = 1')"),
		'[{"name":"two"}]', "$database: and so are the rules");
	return;
}

dump_as_owner('custom', '-Fc');
$node->command_ok(
	[ 'pg_restore', '-U', 'shop', '--no-comments', '--exit-on-error', '-d', 'custom', "$folder/custom" ],
	'pg_restore by the owner');
check('custom');

dump_as_owner('plain', '--no-comments');
$node->command_ok(
	[ 'psql', '-qX', '-U', 'shop', '-v', 'ON_ERROR_STOP=1', '-f', "$folder/plain", 'plain' ],
	'psql by the owner');
check('plain');

# With the comment of the extension, which is a superuser's: nothing else fails.
my ($stdout, $stderr);
$node->run_log([ 'pg_restore', '-U', 'shop', '-d', 'again', "$folder/custom" ],
	'>', \$stdout, '2>', \$stderr);
is(join("\n", grep { /error: could not/ } split /\n/, $stderr),
	'pg_restore: error: could not execute query: ERROR:  must be owner of extension cachefront',
	'pg_restore with comments: one error');
check('again');

# A definition of a role that is gone belongs to the database's owner.
$node->safe_psql('postgres', 'DROP ROLE maker');
is(query_as($node, 'shop', 'again', "SELECT cache_drop('made')"), 't', 'the maker is gone: the owner may drop it');
dump_as_owner('gone');

done_testing();
