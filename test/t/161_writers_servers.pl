# Write-behind on several servers: a publication of all tables, a standby and its promotion,
# a dump of the database's owner and its restore.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use CfTest qw(:DEFAULT query_as);

my $write = q{UPDATE page p SET views = p.views + b.value FROM unnest($1::int[], $2::bigint[]) AS b(id, value) WHERE p.id = b.id};
my %conf = ('wal_level' => 'logical', 'max_wal_senders' => 10, 'max_replication_slots' => 10, 'autovacuum' => 'off');
my $node = CfTest->node('one', %conf);
my $other = CfTest->node('two', %conf);
my ($stdout, $stderr);

sub define
{
	my ($server, $database) = @_;

	$server->safe_psql($database // 'postgres', qq{CREATE TABLE page (id int PRIMARY KEY, views bigint NOT NULL DEFAULT 0);
		INSERT INTO page (id) SELECT generate_series(1, 10);
		SELECT cache_define_writer('v', \$w\$$write\$w\$, '{int}', flush_interval => '1 hour');
		SELECT cache_define_writer('n', 'UPDATE page SET views = b.value FROM unnest(\$1::int[], \$2::bigint[]) AS b(id, value)
			WHERE page.id = b.id', '{int}', 'bigint', 'last', flush_interval => '1 hour')});
	return;
}

sub add
{
	my ($server, $by, $keys) = @_;

	$server->safe_psql('postgres', "SELECT count(cache_add('v', $by, n)) FROM generate_series(1, $keys) n");
	return;
}

sub sum_of
{
	return $_[0]->safe_psql('postgres', 'SELECT sum(views) FROM page');
}

# ---- a publication of all tables, in both directions of what could go wrong ----

define($node);
define($other);
$other->safe_psql('postgres', 'DELETE FROM page');
$node->safe_psql('postgres', 'CREATE PUBLICATION everything FOR ALL TABLES');
my $connstr = $node->connstr('postgres');
$other->safe_psql('postgres', qq{CREATE SUBSCRIPTION s CONNECTION \$c\$$connstr\$c\$ PUBLICATION everything});
await($other, 'SELECT count(*) FROM page', 10);
add($other, 1, 5);
add($node, 10, 10);
# With a transaction under way a cache_put leaves a mark behind, too.
my $open = open_session($node);
$open->query_safe("BEGIN; SELECT cache_put('n', 0, 2)");
$node->safe_psql('postgres', "SELECT cache_put('n', 500, 1)");
is($node->safe_psql('postgres', 'SELECT cache_flush_writes()'), 't', 'a publication of all tables does not stop the flush');
$open->query_safe('ROLLBACK');
is($node->safe_psql('postgres', 'SELECT cache_retry_writes(\'v\')'), 0, 'nothing is dead');
my $sum = sum_of($node);
await($other, 'SELECT sum(views) FROM page', $sum);
is($other->safe_psql('postgres', "SELECT sum(value::int) FROM cache_pending('v')"), 5,
	"the subscriber has what is applied, and none of the publisher's queue; what waits there is not gone");
is($other->safe_psql('postgres', 'SELECT cache_flush_writes()'), 't', 'the subscriber applies its own');
is(sum_of($other), $sum + 5, 'and nothing twice');
$other->safe_psql('postgres', 'DROP SUBSCRIPTION s');
$node->safe_psql('postgres', 'DROP PUBLICATION everything');
$other->stop;

# ---- a standby, and its promotion with a queue that is not empty ----

$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
add($node, 100, 10);
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is($standby->safe_psql('postgres', "SELECT sum(value::int) FROM cache_pending('v')"), 1000, 'a standby shows what is pending');
$standby->psql('postgres', "SELECT cache_add('v', 1, 1)", stderr => \$stderr);
like($stderr, qr/cannot execute cache_add\(\) (during recovery|in a read-only transaction)/, 'and takes nothing');
$standby->psql('postgres', 'SELECT cache_flush_writes()', stderr => \$stderr);
like($stderr, qr/cannot execute cache_flush_writes\(\) during recovery/, 'nor flushes');
$sum = sum_of($node) + 1000;
$node->stop('immediate');
$standby->promote;
await($standby, 'SELECT NOT pg_is_in_recovery()');
is($standby->safe_psql('postgres', 'SELECT cache_flush_writes()'), 't', 'promoted, it applies what there is');
is(sum_of($standby), $sum, 'once');
$standby->stop;
$node->start;
is($node->safe_psql('postgres', 'SELECT cache_flush_writes()'), 't', 'the old one has its own');
is(sum_of($node), $sum, 'once');

# ---- a dump of the database's owner, who is no superuser ----

my $folder = PostgreSQL::Test::Utils::tempdir();
my $super = $node->safe_psql('postgres', 'SELECT current_user');

$node->safe_psql('postgres', $_) foreach 'CREATE ROLE shop LOGIN', 'CREATE DATABASE shop OWNER shop',
  'CREATE DATABASE again OWNER shop';
$node->safe_psql($_, 'CREATE EXTENSION cachefront; GRANT CREATE ON SCHEMA public TO shop') foreach qw(shop again);
query_as($node, 'shop', 'shop', "CREATE TABLE page (id int PRIMARY KEY, views bigint NOT NULL DEFAULT 0); INSERT INTO page VALUES (1);"
	  . " SELECT cache_define_writer('v', \$w\$$write\$w\$, '{int}', flush_interval => '1 hour');"
	  . " SELECT cache_add('v', 1, 1), cache_add('v', 2, 2)");
query_as($node, 'shop', 'shop', 'SELECT cache_flush_writes()');
$node->safe_psql('shop', "SELECT cache_define_writer('super', \$w\$$write\$w\$, '{int}'); SELECT nextval('cache_write_number') FROM generate_series(1, 100)");
query_as($node, 'shop', 'shop', "SELECT cache_add('v', 5, 1)");
$node->command_ok([ 'pg_dump', '-U', 'shop', '-Fc', '-f', "$folder/dump", 'shop' ], 'pg_dump by the owner');
$node->command_ok([ 'pg_restore', '-U', 'shop', '--no-comments', '--exit-on-error', '-d', 'again', "$folder/dump" ],
	'pg_restore by the owner');
is($node->safe_psql('again', 'SELECT name, owner FROM cache_writers ORDER BY name'), "super|\nv|shop",
	"writers, but none that runs as somebody whom he is not");
is($node->safe_psql('again', 'SELECT writer, args, value FROM cache_dead_writes'), 'v|{2}|2', 'dead writes');
is($node->safe_psql('again', 'SELECT count(*) FROM cache_write_queue'), 0, 'nothing of the queue');
cmp_ok($node->safe_psql('again', "SELECT nextval('cache_write_number')"), '>', 100, 'the numbers go on');
query_as($node, 'shop', 'again', "SELECT cache_add('v', 7, 1)");
is(query_as($node, 'shop', 'again', 'SELECT cache_flush_writes()'), 't', 'a restored writer');
is($node->safe_psql('again', 'SELECT views FROM page'), 8, 'works');
is(query_as($node, 'shop', 'again', "SELECT cache_drop_writer('super')"), 't', "and one of nobody's is the database owner's");
$node->safe_psql('shop', 'SELECT cache_flush_writes()');

$open->quit;
$node->stop;
done_testing();
