# Loads in the background: readers have what is there, and a process of our own loads what is
# newer. Values are of caches of declared freshness, so that a new one shows that it was loaded.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CfTest qw(:DEFAULT query);

require_debug();

my $node = CfTest->node('main',
	'cachefront.track_changes' => 'on',
	'cachefront.ttl_jitter' => 0,
	'cachefront.xfetch_beta' => 0,
	'max_worker_processes' => 8);
my $control = open_session($node);

debug($node);
$node->safe_psql('postgres', q{
	CREATE ROLE shop;
	CREATE ROLE reader;
	GRANT CREATE ON SCHEMA public TO shop;
	GRANT EXECUTE ON FUNCTION cache_define TO shop;
	SET ROLE shop;
	CREATE TABLE item (id int PRIMARY KEY, v int);
	INSERT INTO item SELECT g, 1 FROM generate_series(1, 9) g;
	SELECT cache_define('item', query => 'SELECT v, current_user AS by FROM item WHERE id = $1', arg_types => '{int}',
		scope => 'shared', freshness => 'declared', refresh_after => '30 s', ttl => '10 min', stale_ttl => '10 min');
	SELECT cache_define('proven', query => 'SELECT v FROM item WHERE id = $1', arg_types => '{int}',
		scope => 'shared', refresh_after => '30 s', ttl => '10 min', stale_ttl => '10 min')});

sub item
{
	my ($id) = @_;

	return query("SELECT cache_read_row('item', $id)");
}

sub counted
{
	my ($counter, $cache) = @_;

	return query("SELECT coalesce(sum($counter), 0) FROM cache_stats WHERE cache = '" . ($cache // 'item') . q{'});
}

sub later
{
	my ($time) = @_;

	query("SELECT cf_debug_advance_clock('$time')");
	return;
}

sub await_counted
{
	my ($counter, $n, $cache) = @_;

	await($node, "SELECT sum($counter) FROM cache_stats WHERE cache = '" . ($cache // 'item') . q{'}, $n);
	return;
}

# ---- a hit that is older than refresh_after ----

is(item(1), '{"v":1,"by":"postgres"}', 'a miss loads');
query('UPDATE item SET v = 2');
later('29 s');
is(item(1), '{"v":1,"by":"postgres"}', 'what is young enough is served');
later('2 s');
is(item(1), '{"v":1,"by":"postgres"}', 'what is older, too');
await_counted('worker_refreshes', 1);
is(item(1), '{"v":2,"by":"shop"}', 'and loaded anew, as its owner');
is(counted('worker_refreshes'), 1, 'once');
is(counted('misses'), 1, 'nobody has missed');
is(query(q{SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'cachefront refresher'}), 't', 'by a process of our own');

# ---- past its time to live ----

query('UPDATE item SET v = 3');
later('11 min');
# The worker could be there with a new one before who asked for it has looked.
$control->query_safe(q{SELECT cf_debug_waitpoint_enable('refresher-before-load')});
is(item(1), '{"v":2,"by":"shop"}', 'a value past its time to live is served');
await_waitpoint($node);
$control->query_safe(q{SELECT cf_debug_waitpoint_release('refresher-before-load')});
await_counted('worker_refreshes', 2);
is(item(1), '{"v":3,"by":"shop"}', 'and loaded anew');
is(counted('stale_hits'), 1, 'it is counted');
is(counted('misses'), 1, 'nobody has missed');
later('21 min');
is(item(1), '{"v":3,"by":"postgres"}', 'past stale_ttl who reads loads');

# ---- what a commit has outdated is not served ----

is(query(q{SELECT cache_read_row('proven', 1)}), '{"v":3}', 'a miss loads');
later('31 s');
query('UPDATE item SET v = 4');
is(query(q{SELECT cache_read_row('proven', 1)}), '{"v":4}', 'what is outdated is loaded by who reads');
later('11 min');
query('UPDATE item SET v = 5');
is(query(q{SELECT cache_read_row('proven', 1)}), '{"v":5}', 'also past its time to live');
is(counted('worker_refreshes', 'proven'), 0, 'no worker was asked');

# ---- a commit while a worker is about to load ----

later('31 s');
$control->query_safe(q{SELECT cf_debug_waitpoint_enable('refresher-before-load')});
is(query(q{SELECT cache_read_row('proven', 1)}), '{"v":5}', 'a worker is asked');
await_waitpoint($node);
query('UPDATE item SET v = 6');
is(query(q{SELECT cache_read_row('proven', 1)}), '{"v":6}', 'who reads meanwhile loads');
my $loads = counted('loads', 'proven');
$control->query_safe(q{SELECT cf_debug_waitpoint_release('refresher-before-load')});
await_counted('worker_refreshes', 1, 'proven');
is(query(q{SELECT cache_read_row('proven', 1)}), '{"v":6}', 'nothing older takes its place');
is(counted('loads', 'proven'), $loads, 'and the worker need not load');

# ---- rights ----

my (undef, undef, $error) = $node->psql('postgres', q{SET ROLE reader; SELECT cache_read_row('item', 1)});
like($error, qr/permission denied for table item/, 'who may not run the query gets nothing, and asks for nothing');

# ---- failures ----

# The query runs in an operation that is restricted: nothing of it runs later, as somebody else.
query(q{
	CREATE FUNCTION holds(go bool) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		IF go THEN
			EXECUTE 'DECLARE held CURSOR WITH HOLD FOR SELECT current_user';
		END IF;
		RETURN current_user;
	END $$;
	SELECT cache_define('bold', query => 'SELECT holds((SELECT v > 1 FROM item WHERE id = $1))', arg_types => '{int}',
		scope => 'shared', freshness => 'declared', refresh_after => '30 s');
	UPDATE item SET v = 1;
	SELECT cache_read_row('bold', 3);
	UPDATE item SET v = 2});
later('31 s');
query(q{SELECT cache_read_row('bold', 3)});
await_counted('worker_refresh_errors', 1, 'bold');

query(q{
	SELECT cache_define('moody', query => 'SELECT 1 / v AS v FROM item WHERE id = $1', arg_types => '{int}',
		scope => 'shared', freshness => 'declared', refresh_after => '30 s', ttl => '10 min', stale_ttl => '10 min');
	UPDATE item SET v = 1;
	SELECT cache_read_row('moody', 2);
	UPDATE item SET v = 0 WHERE id = 2});
my $moody = q{SELECT cache_read_row('moody', 2)};
later('31 s');
# Pauses are of a second and of two, and the clock goes on while the machine is busy.
is(query($moody), '{"v":1}', 'a value is at hand');
await_counted('worker_refresh_errors', 1, 'moody');
is(query($moody), '{"v":1}', 'and served on');
# Each pause is twice the one before. The longer it is the less a slow machine matters.
foreach my $n (2 .. 5)
{
	later(1000 * 2**($n - 2) + 500 . ' ms');
	is(query($moody), '{"v":1}', 'then somebody is asked again');
	await_counted('worker_refresh_errors', $n, 'moody');
}
later('8500 ms');
is(query($moody), '{"v":1}', 'the next pause is longer');
is(query($moody), '{"v":1}', 'and served on');
is(counted('worker_refresh_errors', 'moody') + counted('loads', 'moody'), 11, 'nobody is asked in it');
query('UPDATE item SET v = 1 WHERE id = 2');
await_that('the query is good again', sub {
	later('2 s');
	query($moody);
	return counted('worker_refreshes', 'moody') > 0;
});

# ---- it takes too long ----

CfTest::reconfigure($node, 'cachefront.refresh_worker_timeout' => '100ms');
query(q{
	SELECT cache_define('slow', query => 'SELECT $1 AS v, pg_sleep((SELECT count(*) FROM item WHERE id = -1) * 600) IS NULL AS slept', arg_types => '{int}',
		scope => 'shared', freshness => 'declared', refresh_after => '30 s');
	SELECT cache_read_row('slow', 1);
	INSERT INTO item VALUES (-1, 1)});
later('31 s');
like(query(q{SELECT cache_read_row('slow', 1)}), qr/"v":1/, 'a value is at hand');
await_counted('worker_refresh_errors', 1, 'slow');
query('DELETE FROM item WHERE id = -1');
CfTest::reconfigure($node, 'cachefront.refresh_worker_timeout' => '5min');

# ---- XFetch asks, too ----

query(q{
	SELECT cache_define('eager', query => 'SELECT $1 AS v, pg_sleep(0.05) IS NULL AS slept', arg_types => '{int}',
		scope => 'shared', freshness => 'declared', ttl => '10 s', xfetch_beta => 1000);
	SELECT cache_read_row('eager', 1)});
await_that('a worker refreshes early', sub {
	query(q{SELECT cache_read_row('eager', 1)});
	return counted('worker_refreshes', 'eager') > 0;
});
is(counted('early_refreshes', 'eager'), 0, 'and no reader');

# ---- all workers are busy, or there are none ----

item($_) foreach 1 .. 4;
later('31 s');
my $before = counted('worker_refreshes');
$control->query_safe(q{SELECT cf_debug_waitpoint_enable('refresher-before-load')});
foreach my $id (1, 2)
{
	item($id);
	await_waitpoint($node, $id);
}
item(1);
is(counted('early_refreshes'), 0, 'who reads what is under way goes on with what is there');
item(3);
is(counted('early_refreshes'), 1, 'without a free worker who reads loads');
$control->query_safe(q{SELECT cf_debug_waitpoint_release('refresher-before-load')});
await_counted('worker_refreshes', $before + 2);
CfTest::reconfigure($node, 'cachefront.refresh_workers' => 0);
later('31 s');
item(4);
is(counted('early_refreshes'), 2, 'with none who reads loads');
CfTest::reconfigure($node, 'cachefront.refresh_workers' => 2);
later('31 s');
is(query(q{SELECT v FROM cache_read_rows('item', 1) AS t(v int, by name)}), 1, 'typed rows are loaded by who reads them');
later('31 s');
query(q{SELECT v FROM cache_read_rows('item', 1) AS t(v int, by name)});
is(counted('early_refreshes'), 3, 'also where they are refreshed');

# ---- one is there, and does not come for a second ----

my $pid;
await_that('a worker is stopped', sub {
	await($node, q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'cachefront refresher'}, 0);
	later('31 s');
	my $n = counted('worker_refreshes');
	item(1);
	await_counted('worker_refreshes', $n + 1);
	$pid = query(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'cachefront refresher' LIMIT 1});
	return $pid ne '' && kill('STOP', $pid) && query("SELECT count(*) FROM pg_stat_activity WHERE pid = $pid") == 1;
});
later('31 s');
my $early = counted('early_refreshes');
item(1);
item(1);
is(counted('early_refreshes'), $early, 'who reads goes on with what is there');
later('1500 ms');
item(1);
is(counted('early_refreshes'), $early + 1, 'for a second');
kill 'CONT', $pid;

# ---- a session whose settings make another value of it ----

my $before_foreign = counted('early_refreshes');
my $foreign = q{SET default_text_search_config = 'pg_catalog.german'; SELECT cache_read_row('item', 5)};
query($foreign);
later('31 s');
query($foreign);
await($node, q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'cachefront refresher'}, 0);
is(counted('early_refreshes'), $before_foreign, 'a worker was asked');
query($foreign);
is(counted('early_refreshes'), $before_foreign + 1, 'who reads loads what no worker can');

# ---- they rest, and hold up nothing ----

await($node, q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'cachefront refresher'}, 0);
query('CREATE DATABASE other');
$node->safe_psql('other', q{
	CREATE EXTENSION cachefront;
	SELECT cache_define('other', query => 'SELECT 1 AS v', scope => 'shared', refresh_after => '30 s');
	SELECT cache_read_row('other')});
later('31 s');
$before = CfTest::stat($node, 'worker_refreshes');
$node->safe_psql('other', q{SELECT cache_read_row('other')});
await($node, q{SELECT worker_refreshes FROM cache_stats WHERE cache = '*'}, $before + 1);
query('DROP DATABASE other');
await($node, q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'cachefront refresher'}, 0);
$control->quit;
$node->stop;
unlike(slurp_file($node->logfile), qr/FATAL.*cachefront refresher|PANIC|TRAP/, 'nothing of it in the log');

# ---- no slot for it ----

$node->append_conf('postgresql.conf', 'max_worker_processes = 3');
$node->start;
item(1);
later('31 s');
item(1);
is(counted('early_refreshes'), 1, 'without a slot who reads loads');
$node->stop;

done_testing();
