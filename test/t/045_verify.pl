# The live self-check against races, locks and time-outs, and against a fault that
# is planted while a thousand hits a second go on. What it compares, and what comes
# of a difference, is in sql/verify.sql.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use CfTest qw(:DEFAULT query);

require_debug();

my $node = CfTest->node(
	'verify',
	'autovacuum' => 'off',
	'cachefront.l1_size' => '16MB',
	'cachefront.xfetch_beta' => '0',
	'cachefront.verify_rate' => '1');
debug($node);
$node->safe_psql(
	'postgres', q{
	CREATE TABLE item (id int PRIMARY KEY, v int);
	INSERT INTO item SELECT i, 0 FROM generate_series(1, 100) i;
	CREATE TABLE big AS SELECT i AS id FROM generate_series(1, 20000) i;
	ANALYZE;
	SELECT cache_attach('item', tags => ARRAY['item:{id}']);
	SELECT cache_attach('item', rows => '{}');
	SELECT cache_attach('big', rows => '{}');
	CREATE FUNCTION get_item(n int) RETURNS json LANGUAGE sql AS
	$$ SELECT cache_fetch_row('item:' || n, 'SELECT v FROM item WHERE id = $1', ROW(n), tags => ARRAY['item:' || n]) $$;
	CREATE FUNCTION failures() RETURNS text LANGUAGE sql AS
	$$ SELECT verified || '/' || verify_failures FROM cache_stats WHERE cache = '*' $$});
my $control = open_session($node);

sub begin
{
	query('SELECT cache_flush(); SELECT cache_stats_reset()');
	return;
}

# ---- races: what changes meanwhile tells nothing ----

foreach my $point ('verify-before-load', 'verify-before-look')
{
	foreach my $change ('UPDATE item SET v = v + 1 WHERE id = 1', q{SELECT cache_invalidate('item:1')}, 'SELECT cache_flush()')
	{
		my ($old, $reader);

		begin();
		$old = query('SELECT get_item(1)');
		$control->query_safe("SELECT cf_debug_waitpoint_enable('$point')");
		$reader = start_session($node, 'SELECT get_item(1)');
		await_waitpoint($node);
		query($change);
		$control->query_safe("SELECT cf_debug_waitpoint_release('$point')");
		is(finish_session($reader)->{stdout}, $old, "$point: the reader gets his hit");
		is(query('SELECT failures()'), '0/0', "$point, $change: and nothing was compared");
	}
}

# The entry is made anew meanwhile: what was read before is not compared with it.
{
	my $reader;

	begin();
	query('SELECT get_item(1)');
	$control->query_safe(q{SELECT cf_debug_waitpoint_enable('verify-before-look')});
	$reader = start_session($node, 'SELECT get_item(1)');
	await_waitpoint($node);
	query('UPDATE item SET v = v + 1 WHERE id = 1; SET cachefront.verify_rate = 0; SELECT get_item(1)');
	$control->query_safe(q{SELECT cf_debug_waitpoint_release('verify-before-look')});
	finish_session($reader);
	is(query('SELECT failures()'), '0/0', 'replaced meanwhile: not compared');
}

# ---- nobody waits, and nothing fails ----

{
	my $locker = open_session($node);
	my $reader = open_session($node);

	begin();
	# The first time, a session asks the parser for the types of the arguments.
	$reader->query_safe('SELECT get_item(1)');
	$locker->query_safe('BEGIN; LOCK TABLE item');
	like($reader->query_safe(q{BEGIN; SELECT get_item(1); SELECT 'goes on'; COMMIT}), qr/"v".*goes on/s,
		'a locked table: the hit does not wait');
	is(query('SELECT failures()'), '0/0', 'a locked table: it is not compared');
	$locker->query_safe('COMMIT');
	$reader->query_safe('SELECT get_item(1)');
	is(query('SELECT failures()'), '1/0', 'it is again');
	$_->quit foreach $locker, $reader;
}

# A check that takes much longer than the load did.
my $slow = q{SELECT cache_fetch_row('slow', 'SELECT count(*) FROM big a JOIN big b USING (id)')};
my $crawl = 'SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off; SET enable_memoize = off;';

begin();
query($slow);
like(query("$crawl SET statement_timeout = '2s'; $slow"), qr/20000/, 'a time-out of the check is none of the fetch');
is(query('SELECT failures()'), '0/0', 'it was not compared');
{
	my $reader = start_session($node, "$crawl $slow", name => 'crawling');

	await($node, q{SELECT loads >= 3 FROM cache_stats WHERE cache = '*'}, 't');
	query(q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'crawling'});
	like(finish_session($reader)->{stderr}, qr/canceling statement due to user request/, 'who cancels is heard');
}

# ---- a planted fault, under load ----

# Readers and a writer for some time, or until a difference was found. Returns how
# long it took, in seconds, or undef, and how many hits there were.
sub run_load
{
	my ($rate, $seconds, $read) = @_;
	my $begin = time();
	my @sessions;

	begin();
	push @sessions, start_session($node, qq{
		SET cachefront.verify_rate = $rate;
		SET cachefront.transparent = auto;
		SET cachefront.transparent_min_saving = 0;
		DO \$\$
		DECLARE
			till timestamptz := clock_timestamp() + '$seconds s';
			n int := 0;
			k int;
		BEGIN
			WHILE clock_timestamp() < till LOOP
				k := 1 + n % 100;
				-- About 300 a second and more; a transaction each.
				PERFORM $read;
				n := n + 1;
				COMMIT;
				PERFORM pg_sleep(0.002);
				IF n % 50 = 0 AND (SELECT verify_failures > 0 FROM cache_stats WHERE cache = '*') THEN
					EXIT;
				END IF;
			END LOOP;
		END \$\$})
	  foreach 1 .. 3;
	push @sessions, start_session($node, qq{
		DO \$\$
		DECLARE
			till timestamptz := clock_timestamp() + '$seconds s';
			n int := 0;
		BEGIN
			WHILE clock_timestamp() < till LOOP
				UPDATE item SET v = v + 1 WHERE id = 1 + n % 100;
				n := n + 1;
				COMMIT;
				PERFORM pg_sleep(0.02);
				IF (SELECT verify_failures > 0 FROM cache_stats WHERE cache = '*') THEN
					EXIT;
				END IF;
			END LOOP;
		END \$\$});
	is(finish_session($_)->{stderr}, '', 'a session ends well') foreach @sessions;
	my ($hits, $verified, $failures) = split /\|/,
	  query(q{SELECT l1_hits, verified, verify_failures FROM cache_stats WHERE cache = '*'});
	my $took = time() - $begin;
	note("$took s, $hits hits, $verified verified, $failures failures");
	return ($failures > 0 ? $took : undef, $hits, $verified);
}

# By a call, and as a plain SELECT, for which the server must notice changes by itself. What is
# asked for is a number of a hundred: the values of its variables name the SELECT.
$control->quit;
foreach my $read ('get_item(k)', 'v FROM item WHERE id = k')
{
	my ($took, $hits, $verified) = run_load(1, 10, $read);

	is($took, undef, "$read: without a fault there is no alarm");
	cmp_ok($verified, '>', 50, "$read: hits were compared");

	my $from = -s $node->logfile;

	query(q{SELECT cf_debug_fault('no-raise')});
	($took, $hits, $verified) = run_load(0.01, 60, $read);
	ok(defined $took, "$read: the fault is found within a minute, though one hit of a hundred is compared");
	query('SELECT cf_debug_fault(NULL)');
	my $log = substr(PostgreSQL::Test::Utils::slurp_file($node->logfile), $from);
	like($log, qr/LOG:  cached rows of key "(item:\d+|query:[0-9a-f]{32})" are not what the query gives/, 'and logged');
	like($log, qr/DETAIL:  Cache "\(default\)", cached: 1 rows, digest [0-9a-f]{32}; query: 1 rows, digest [0-9a-f]{32}\./,
		'with digests');
	like($log, qr/CONTEXT:  cached (query|statement) "SELECT v FROM item WHERE id = /, 'and its query');
	unlike($log, qr/"v"/, 'but no values');

	$node->append_conf('postgresql.conf', 'cachefront.track_changes = on');
	$node->restart;
}

$node->stop;
done_testing();
