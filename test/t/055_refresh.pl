# Write-through where a regression file or spec cannot look: another library that writes in its
# own commit callback, a cancel and an end of the session while the loader runs, logical
# replication, Redis.

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

my $node = CfTest->node('main',
	'shared_preload_libraries' => "$other, cachefront",
	'cachefront.track_changes' => 'on',
	'cachefront.refresh_timeout' => '60s',
	'cachefront.xfetch_beta' => 0,
	'wal_level' => 'logical',
	'max_wal_senders' => 4,
	'max_replication_slots' => 4);
my $control = open_session($node);

debug($node);
$node->safe_psql('postgres', q{
	CREATE TABLE product (id int PRIMARY KEY, price int);
	INSERT INTO product VALUES (1, 10), (2, 20);
	SELECT cache_define('product', query => 'SELECT price FROM product WHERE id = $1', arg_types => '{int}', scope => 'shared');
	SELECT cache_attach('product', cache => 'product', arg_columns => '{id}', mode => 'refresh');
	SELECT cache_define('slow', query => 'SELECT price, pg_sleep(600) FROM product WHERE id = $1', arg_types => '{int}', scope => 'shared')});

sub counts
{
	my ($cache, $on) = @_;

	return ($on // $node)->safe_psql('postgres',
		"SELECT refreshes, refresh_errors, refreshes_skipped, refreshes_refused FROM cache_stats WHERE cache = '$cache'");
}

sub price
{
	my ($on) = @_;

	return ($on // $node)->safe_psql('postgres', q{SELECT cache_read_row('product', 1)});
}

# ---- another library writes when the clocks are raised ----

$node->safe_psql('postgres', q{
	BEGIN;
	SET LOCAL other.at_commit = 'UPDATE product SET price = 12 WHERE id = 1';
	UPDATE product SET price = 11 WHERE id = 1;
	COMMIT});
is(price(), '{"price":12}', 'what was written late is read');
is(counts('product'), '0|0|0|1', 'and what lacks it was not published');
$node->safe_psql('postgres', q{
	BEGIN;
	SET LOCAL other.at_commit = 'UPDATE product SET price = 1 WHERE id = -1';
	UPDATE product SET price = 13 WHERE id = 1;
	COMMIT});
is(price(), '{"price":13}', 'nothing was written late');
is(counts('product'), '1|0|0|1', 'it was published');

# ---- the loader is cancelled, and its session ended ----

sub load_slowly
{
	my $session = start_session($node, q{
		BEGIN;
		UPDATE product SET price = 99 WHERE id = 2;
		SELECT cache_refresh('slow', 2);
		COMMIT});

	await($node, q{SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'}, 1);
	return $session;
}

my $session = load_slowly();
$node->safe_psql('postgres', q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'});
like(finish_session($session)->{stderr}, qr/canceling statement due to user request/, 'a cancel ends the commit');
is($node->safe_psql('postgres', 'SELECT price FROM product WHERE id = 2'), 20, 'nothing was written');
$session = load_slowly();
$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'});
like(finish_session($session)->{stderr}, qr/terminating connection due to administrator command/, 'so does an end of the session');
is($node->safe_psql('postgres', 'SELECT price FROM product WHERE id = 2'), 20, 'nothing was written');
$node->safe_psql('postgres', 'UPDATE product SET price = 14');
is(price(), '{"price":14}', 'others go on');
is(counts('product'), '3|0|0|1', 'and publish');

# The timer's signal comes when the loader is through: the commit must not hear of it.
my $results = $node->safe_psql('postgres', q{
	SELECT cf_debug_fault('refresh-late-timeout');
	UPDATE product SET price = 14 WHERE id = 1;
	SELECT price FROM product WHERE id = 1;
	SELECT cf_debug_fault(NULL)});
is($results =~ s/\s//gr, '14', 'a timeout that comes too late fails nothing');
is(counts('product'), '4|0|0|1', 'the result is published');

# ---- another commit has its number already, and settles its clock with it after our look ----

$node->safe_psql('postgres', q{
	CREATE TABLE pair (id int PRIMARY KEY, p int, v int);
	INSERT INTO pair VALUES (1, 7, 10), (2, 7, 20);
	SELECT cache_define('pair', query => 'SELECT (SELECT v FROM pair WHERE id = 1 AND $1 = 7) AS a, (SELECT v FROM pair WHERE id = 2) AS b',
		arg_types => '{int}', scope => 'shared');
	SELECT cache_attach('pair', rows => '{id}', cache => 'pair', arg_columns => '{p}', mode => 'refresh');
	SELECT cache_read_row('pair', 7)});

# Starts an update that is held at a point of its commit, where it is stopped; so others pass.
sub stop_at
{
	my ($point, $id, $held) = @_;
	my $update = "UPDATE pair SET v = v + 1 WHERE id = $id";
	my $session;
	my $pid;

	$control->query_safe("SELECT cf_debug_hold('$point')");
	$session = start_session($node, $update);
	await($node, 'SELECT cf_debug_held()', $held);
	$pid = $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE query LIKE '$update%' AND pid <> pg_backend_pid()");
	kill 'STOP', $pid;
	return ($session, $pid);
}

# The first has loaded. The second is visible, has its number and has looked.
my ($first, $first_pid) = stop_at('through-loaded', 1, 1);
my ($second, $second_pid) = stop_at('through-before-settle', 2, 2);

# The first looks, too, and is about to publish when the second settles.
$control->query_safe(q{SELECT cf_debug_hold('through-before-publish')});
kill 'CONT', $first_pid;
await($node, 'SELECT v FROM pair WHERE id = 1', 11);
await($node, 'SELECT cf_debug_held()', 2);
my $settled = CfTest::stat($node, 'invalidated_keys');
kill 'CONT', $second_pid;
await($node, q{SELECT invalidated_keys FROM cache_stats WHERE cache = '*'}, $settled + 1);
$control->query_safe('SELECT cf_debug_hold(NULL)');
finish_session($first);
finish_session($second);
is($node->safe_psql('postgres', q{SELECT cache_read_row('pair', 7)}), '{"a":11,"b":21}', 'what lacks its row is not published');

# ---- logical replication: a worker that applies loads nothing ----

my $subscriber = CfTest->node('subscriber', 'cachefront.track_changes' => 'on', 'cachefront.xfetch_beta' => 0);

$subscriber->safe_psql('postgres', q{
	CREATE TABLE product (id int PRIMARY KEY, price int);
	SELECT cache_define('product', query => 'SELECT price FROM product WHERE id = $1', arg_types => '{int}', scope => 'shared',
		freshness => 'declared');
	SELECT cache_attach('product', cache => 'product', arg_columns => '{id}', mode => 'refresh')});
$node->safe_psql('postgres', 'CREATE PUBLICATION p FOR TABLE product');
$subscriber->safe_psql('postgres',
	"CREATE SUBSCRIPTION s CONNECTION '" . $node->connstr . " dbname=postgres' PUBLICATION p");
await($subscriber, q{SELECT count(*) = 0 FROM pg_subscription_rel WHERE srsubstate <> 'r'}, 't');
is(price($subscriber), '{"price":14}', 'the subscriber has its entry');
$subscriber->safe_psql('postgres', 'SELECT cache_stats_reset()');
$node->safe_psql('postgres', 'UPDATE product SET price = 15 WHERE id = 1');
await($subscriber, 'SELECT price FROM product WHERE id = 1', 15);
is(price($subscriber), '{"price":15}', 'what is applied invalidates');
is(counts('product', $subscriber), '0|0|1|0', 'and refreshes nothing');
$subscriber->stop;

# ---- Redis: a load at a commit does not ask it, and what may be there it does not know ----

CfTest::reconfigure($node, 'cachefront.redis_url' => 'redis://127.0.0.1:1');
$node->safe_psql('postgres', q{
	SELECT cache_define('other', scope => 'shared');
	SELECT cache_define('noted', query => 'SELECT price, cache_get(''other:note'') AS note FROM product WHERE id = $1', arg_types => '{int}', scope => 'shared');
	BEGIN;
	UPDATE product SET price = 16 WHERE id = 1;
	SELECT cache_refresh('noted', 1);
	COMMIT});
is(counts('noted'), '0|0|0|1', 'what Redis was not asked for is not published');
is($node->safe_psql('postgres', q{SELECT cache_read_row('noted', 1)}), '{"price":16,"note":null}', 'it is read');
is(price(), '{"price":16}', 'other values are published');

$control->quit;
$node->stop;
done_testing();
