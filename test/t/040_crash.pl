# Crashes: kill -9 at any point, shutdown with sessions at work, clients that die.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use CfTest qw(:DEFAULT nothing_left query stats);

require_debug();

my $gate = q{
	CREATE FUNCTION gate(n int) RETURNS int LANGUAGE plpgsql AS
	$$ BEGIN PERFORM pg_advisory_xact_lock_shared(n); RETURN n; END $$;
	CREATE TABLE item (id int PRIMARY KEY, val text);
	INSERT INTO item VALUES (1, 'old');
};
my $item = "SELECT cache_fetch('item:1', 'SELECT val FROM item WHERE id = 1')";
my $gated = "SELECT cache_fetch('g', 'SELECT gate(1)')";

# ---- kill -9 ----------------------------------------------------------------

my $node = CfTest->node(
	'crash',
	'restart_after_crash' => 'on',
	'cachefront.track_changes' => 'on',
	'cachefront.flight_timeout' => '10min',
	'cachefront.xfetch_beta' => 0,
	'deadlock_timeout' => '10min');
debug($node);
query($gate);

# The cache is empty, and works: it fills, hits and forgets.
sub works
{
	my ($when, $value) = @_;

	nothing_left($when);
	is(query('SELECT count(*) FROM cache_entries'), 0, "$when: the cache is empty");
	is(query('SELECT l1_bytes, l1_entries FROM cache_status'), '0|0', "$when: no memory in use");
	query('SELECT cache_stats_reset()');
	is(query($item), qq([{"val":"$value"}]), "$when: it loads");
	is(query($item), qq([{"val":"$value"}]), "$when: it hits");
	is(stats('loads', 'l1_hits', 'fills'), '1|1|1', "$when: one load, one hit");
	query(q{SELECT cache_invalidate('item:1')});
	query($item);
	is(stats('loads', 'l1_hits', 'fills'), '2|1|2', "$when: it invalidates");
	query(q{SELECT cache_set('k', '"v"')});
	is(query(q{SELECT cache_get('k')}), '"v"', "$when: it stores");
	return;
}

# Kills a session in the middle of its work and waits for the server to be back.
sub crash
{
	my ($pid) = @_;

	kill('KILL', $pid) == 1 or fail("could not kill $pid");
	await($node, "SELECT count(*) FROM pg_stat_activity WHERE pid = $pid", 0);
	return;
}

{
	my $when = 'killed in a load';

	query($item);
	query(q{SELECT cache_set('k', '1')});
	my $control = open_session($node, 'postgres', on_error_stop => 0);
	$control->query_safe('SELECT pg_advisory_lock(1)');
	my @sessions = map { start_session($node, $gated) } 1 .. 5;
	await($node, 'SELECT waiters FROM cache_inflight', 4);
	crash(query('SELECT leader FROM cache_inflight'));
	isnt(finish_session($_)->{status}, 'timeout', "$when: all sessions end")
	  foreach @sessions;
	eval { $control->quit };
	works($when, 'old');
}

foreach my $point ('commit-before-raise', 'commit-window', 'epoch-window',
	'load-after-snapshot', 'flight-before-landing')
{
	my $when = "killed at $point";
	my $sql =
	    $point =~ /^commit/ ? q{BEGIN; UPDATE item SET val = 'new' WHERE id = 1;
			SELECT cache_invalidate('item:1'); SELECT cache_set('k', '2'); COMMIT}
	  : $point =~ /^epoch/ ? 'ALTER TABLE item ADD COLUMN more int'
	  : q{SELECT cache_fetch('other', 'SELECT val FROM item')};

	my $control = open_session($node, 'postgres', on_error_stop => 0);
	$control->query_safe("SELECT cf_debug_waitpoint_enable('$point')");
	my $victim = start_session($node, $sql, name => 'victim');
	await_waitpoint($node);
	crash(query("SELECT pid FROM pg_stat_activity WHERE application_name = 'victim'"));
	finish_session($victim);
	eval { $control->quit };
	works($when, 'old');
}

# The commit is visible, but its invalidation is not settled yet.
{
	my $when = 'killed between the commit record and the settling';

	query($item);
	query(q{SELECT cf_debug_hold('commit-before-settle')});
	my $victim = start_session(
		$node, q{BEGIN; UPDATE item SET val = 'committed' WHERE id = 1;
		SELECT cache_invalidate('item:1'); COMMIT}, name => 'victim');
	await($node, 'SELECT cf_debug_held()', 1);
	is(query('SELECT val FROM item WHERE id = 1'), 'committed', "$when: it is visible");
	is(query($item), '[{"val":"committed"}]', "$when: no reader gets the old value");
	crash(query("SELECT pid FROM pg_stat_activity WHERE application_name = 'victim'"));
	finish_session($victim);
	works($when, 'committed');
	query(q{UPDATE item SET val = 'old' WHERE id = 1; SELECT cache_invalidate('item:1')});
}

# ---- shutdown ---------------------------------------------------------------

foreach my $mode ('immediate', 'fast')
{
	my $control = open_session($node, 'postgres', on_error_stop => 0);
	$control->query_safe('SELECT pg_advisory_lock(1)');
	my @sessions = map { start_session($node, $gated) } 1 .. 5;
	await($node, 'SELECT waiters FROM cache_inflight', 4);
	my $start = time();
	$node->stop($mode);
	# Nobody's timeout is shorter than ten minutes.
	cmp_ok(time() - $start, '<', 300, "$mode shutdown: waits for nobody");
	isnt(finish_session($_)->{status}, 'timeout', "$mode shutdown: all sessions end")
	  foreach @sessions;
	eval { $control->quit };
	$node->start;
	works("$mode shutdown", 'old');
}

# ---- sessions that come and go ----------------------------------------------

{
	my $when = '100 sessions';
	my $log_before = -s $node->logfile;

	query('SELECT cache_stats_reset()');
	my ($results) = run_sessions(
		$node,
		[
			map {
				my $k = $_ % 7;
				"SELECT cache_fetch('c$k', 'SELECT $k, pg_sleep(0.01)::text');"
				  . " SELECT cache_fetch('d$_', 'SELECT $_');"
				  . " BEGIN; SELECT cache_set('e$k', '$_'); COMMIT;"
			} 1 .. 100
		],
		barrier => 0);
	is(scalar(grep { $_->{status} eq '0' } @$results), 100, "$when: all answer");
	is(stats('loads', 'sets'), '107|100', "$when: 107 loads");
	nothing_left($when);

	# Clients that die while their session leads or waits.
	my $control = open_session($node, 'postgres');
	$control->query_safe('SELECT pg_advisory_lock(1)');
	my @sessions = map { start_session($node, $gated, name => 'dying') } 1 .. 20;
	await($node, 'SELECT waiters FROM cache_inflight', 19);
	kill 'KILL', map { $_->{pid} } @sessions;
	finish_session($_) foreach @sessions;
	$control->query_safe('SELECT pg_advisory_unlock(1)');
	await($node, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'dying'", 0);
	nothing_left('clients that die');
	$control->quit;
	unlike(slurp_file($node->logfile, $log_before),
		qr/PANIC:|TRAP:|WARNING:|terminated by signal/, "$when: nothing in the log");
}

$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC:|TRAP:|terminated by signal [^9]/,
	'no crash but ours');

done_testing();
