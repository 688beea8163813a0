# The processes of the library: to be found by name, quiet at a stop, back after
# they were terminated, and missed where there is no slot for them.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use CfRedis;
use CfTest qw(:DEFAULT query);

my $redis = CfRedis->new('main');
my $node = CfTest->node('main', 'max_logical_replication_workers' => 0, 'cachefront.track_changes' => 'on');

# Those that are always there, with their number.
sub processes
{
	return query(q{SELECT string_agg(concat_ws('/', backend_type, application_name, state), ' ' ORDER BY backend_type)
		FROM pg_stat_activity WHERE backend_type IN ('cachefront launcher', 'cachefront publisher')});
}

sub pid_of
{
	return query("SELECT pid FROM pg_stat_activity WHERE backend_type = '$_[0]'");
}

sub await_processes
{
	await_that('for the processes', sub { query('SELECT worker_obstacle IS NULL FROM cache_status') eq 't' });
	return;
}

# What the log has since the last call, but for what sessions of clients wrote,
# which a stop may find still there.
my $seen = 0;

sub new_log
{
	my $log = substr(slurp_file($node->logfile), $seen);

	$seen += length($log);
	return join "\n", grep { !/^\S+ \S+ \S+ \[\d+\] (?:\[unknown\]|\S+\.pl) / } split /\n/, $log;
}

my $both = join ' ', map { "cachefront $_/cachefront $_/idle" } 'launcher', 'publisher';

# ---- found by name, and heard of by others -----------------------------------

await_processes();
is(processes(), $both, 'by name in pg_stat_activity');
query('CREATE DATABASE other');
query('DROP DATABASE other');
pass('a database can be dropped, for which all processes are asked');
# Enough catalog changes that those behind are told to catch up.
query(q{DO $$ BEGIN FOR i IN 1 .. 3000 LOOP
	CREATE TABLE often (a int, b int, c int); DROP TABLE often; COMMIT; END LOOP; END $$});
is(processes(), $both, 'they go on after many changes of catalogs');

# ---- a normal stop -----------------------------------------------------------

foreach my $mode ('fast', 'smart', 'immediate')
{
	new_log();
	query(q{SELECT cache_invalidate('a')});
	$node->stop($mode);
	unlike(new_log(), qr/FATAL|PANIC|ERROR/, "$mode: quiet") if $mode ne 'immediate';
	$node->start;
	await_processes();
}
# while the publisher waits for what Redis answers
reconfigure($node, 'cachefront.redis_url' => $redis->url('unix'),
	'cachefront.redis_command_timeout' => '15s', 'cachefront.redis_connect_timeout' => '15s');
await($node, 'SELECT l2 FROM cache_status', 'up');
$redis->pause;
query(q{SELECT cache_invalidate('a')});
await($node, q{SELECT redis_queue > 0 FROM cache_status});
new_log();
$node->restart;
unlike(new_log(), qr/FATAL|PANIC|ERROR/, 'while Redis is silent: quiet');
$redis->resume;
await_processes();

# ---- terminated --------------------------------------------------------------

foreach my $process ('cachefront launcher', 'cachefront publisher')
{
	my $pid = pid_of($process);

	new_log();
	query("SELECT pg_terminate_backend($pid)");
	await_that("for another $process", sub { pid_of($process) =~ /^(?!$pid$)\d+$/ });
	await_processes();
	is(processes(), $both, "$process: it comes back");
	unlike(new_log(), qr/FATAL|PANIC|ERROR/, "$process: quiet");
}

# ---- a launcher that finds another one's worker -------------------------------

my $listener = open_session($node);
my $worker;

$listener->query_safe('LISTEN cachefront');
await_that('for a worker',
	sub { query(q{SELECT cache_invalidate('before')}); ($worker = pid_of('cachefront worker')) ne '' });
is(query("SELECT application_name || '/' || datname FROM pg_stat_activity WHERE pid = $worker"),
	'cachefront worker/postgres', 'a worker has its name and its database');
kill 'STOP', $worker or die "could not stop the worker: $!";
{
	my $pid = pid_of('cachefront launcher');

	query("SELECT pg_terminate_backend($pid)");
	await_that('for another launcher', sub { pid_of('cachefront launcher') =~ /^(?!$pid$)\d+$/ });
}
await_processes();
query(q{SELECT cache_invalidate('after')});
is(pid_of('cachefront worker'), $worker, 'it starts no second one');
kill 'CONT', $worker;
await_that('for the notification', sub { $listener->query('SELECT 1') =~ /"after"/ });
pass('what came meanwhile is published');
await_that('for the worker to rest', sub { pid_of('cachefront worker') eq '' });
query(q{SELECT cache_invalidate('later')});
await_that('for the notification', sub { $listener->query('SELECT 1') =~ /"later"/ });
pass('and the new launcher starts the next');
$listener->quit;

# ---- no slot -----------------------------------------------------------------

foreach my $case ([ 3, 'no worker could be started' ], [ 1, 'publisher does not run|launcher does not run' ],
	[ 0, 'launcher does not run' ])
{
	my ($slots, $obstacle) = @$case;

	$node->append_conf('postgresql.conf', "max_worker_processes = $slots");
	$node->restart;
	query(q{SELECT cache_invalidate('b')});
	await_that("for an obstacle with $slots slots",
		sub { query('SELECT worker_obstacle FROM cache_status') =~ /$obstacle/ });
	like(query('SELECT worker_obstacle FROM cache_status'), qr/$obstacle.*max_worker_processes/,
		"$slots slots: cache_status says so");
	is(query(q{SELECT cache_fetch('a', 'SELECT 1 AS a')}), '[{"a":1}]', "$slots slots: fetches work");
}
$node->append_conf('postgresql.conf', 'max_worker_processes = 4');
$node->restart;
await_processes();
$listener = open_session($node);
$listener->query_safe('LISTEN cachefront');
query(q{SELECT cache_invalidate('c')});
await_that('for the notification', sub { $listener->query('SELECT 1') =~ /"c"/ });
$listener->quit;
is(query('SELECT worker_obstacle FROM cache_status'), '', 'four are enough for one database');

done_testing();
