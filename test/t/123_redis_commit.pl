# What commits have Redis told: dropped keys, without a wait; and with
# cachefront.redis_commit = sync before the client sees COMMIT, or else later, over
# crashes of whoever has a part in it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use CfOutage;
use CfRedis;
use CfTest;
use CfTier;

require_debug();

my $redis = CfRedis->new('main');
my $node = CfTest->node('main', CfTier::tier_conf($redis,
	'max_prepared_transactions' => 10,
	'restart_after_crash' => 'on',
	'cachefront.redis_queue_size' => '64kB',
	'cachefront.breaker_reset' => '200ms'));

debug($node);
$node->safe_psql('postgres', q{
	CREATE TABLE item (id int PRIMARY KEY, v int);
	INSERT INTO item SELECT i, 0 FROM generate_series(1, 5000) i;
	SELECT cache_attach('item', 'i:{id}');
});

my $ns = namespace($node);

sub put
{
	command($redis, 'HSET', "cf:$ns:$_[0]", 'other', 'x');
	return;
}

sub there
{
	return command($redis, 'EXISTS', "cf:$ns:$_[0]");
}

sub counts
{
	my ($what) = @_;

	return $node->safe_psql('postgres', "SELECT $what FROM cache_stats WHERE cache = '*'");
}

sub outbox
{
	return $node->safe_psql('postgres', 'SELECT count(*) FROM cache_outbox');
}

# Redis comes back with a key that it is to drop: not before that is there.
sub comes_back
{
	my $publisher = worker_pid($node, 'cachefront publisher');

	kill 'STOP', $publisher;
	$redis->start;
	put('i:1');
	kill 'CONT', $publisher;
	return;
}

sub restarted
{
	await_that('for the server to be there again', sub { $node->psql('postgres', 'SELECT 1') == 0 });
	return;
}

sub in_use
{
	await($node, q{SELECT breaker = 'closed' FROM cache_status});
	return;
}

my $update = 'UPDATE item SET v = v + 1 WHERE id = 1';

# ---- async ----

{
	my $session = open_session($node, 'postgres');

	put('i:1');
	put('i:2');
	$session->query_safe($update);
	await_that('for the key to go', sub { !there('i:1') });
	is(there('i:2'), 1, 'async: what was not changed stays');

	put("i:$_") for 1, 3, 4;
	$session->query_safe('BEGIN; UPDATE item SET v = 1 WHERE id = 3; ROLLBACK');
	$session->query_safe("BEGIN; SAVEPOINT s; UPDATE item SET v = 1 WHERE id = 4; ROLLBACK TO s; $update; COMMIT");
	await_that('for the key to go', sub { !there('i:1') });
	is(there('i:3') . there('i:4'), '11', 'async: what was rolled back stays');

	put('i:1');
	$redis->pause;
	my $before = $session->query_safe(silence());
	$session->query_safe($update) for 1 .. 20;
	is($session->query_safe(silence()), $before, 'silent: commits do not wait');
	is(outbox(), 0, 'async: nothing is in the outbox');
	$redis->resume;
	await_that('for the key to go', sub { !there('i:1') });
	pass('silent: told when it is back');

	put('i:100');
	kill 'STOP', worker_pid($node, 'cachefront publisher');
	$session->query_safe('UPDATE item SET v = v + 1');
	cmp_ok(counts('l2_deletes_lost'), '>', 0, 'full: counted');
	$session->query_safe($update);
	is($session->query_safe('SELECT v FROM item WHERE id = 2'), 1, 'full: commits go on');
	kill 'CONT', worker_pid($node, 'cachefront publisher');
	await_that('for the key to go', sub { !there('i:100') });
	put('i:1');
	await_that('for the key to go', sub { $session->query_safe($update); !there('i:1') });
	pass('full: in use again when there is room');

	$redis->kill;
	$session->query_safe($update) for 1 .. 20;
	is($session->query_safe(silence()), $before, 'killed: commits do not wait');
	$redis->start;
	in_use();
	$session->quit;
}

# ---- sync ----

sub sync_session
{
	my $session = open_session($node, 'postgres', on_error_stop => 0);

	$session->query_safe('SET cachefront.redis_commit = sync');
	return $session;
}

{
	my $session = sync_session();
	my $late = 0;

	foreach (1 .. 20)
	{
		put('i:1');
		$session->query_safe($update);
		$late += there('i:1');
	}
	is($late, 0, 'sync: gone when COMMIT is seen');
	await($node, 'SELECT count(*) FROM cache_outbox', 0);
	is(counts('outbox_written || \' \' || outbox_delivered'), '20 20', 'sync: rows come and go');

	put('k');
	$session->query_safe(q{SELECT cache_invalidate('k')});
	is(there('k'), 0, 'sync: by hand');
	put('w');
	$session->query_safe(q{SELECT cache_set('w', '1')});
	is(command($redis, 'HEXISTS', "cf:$ns:w", 'other'), 0, 'sync: cache_set drops what was there');

	my $rows = counts('outbox_written');
	put("i:$_") for 1, 5000;
	$session->query_safe('UPDATE item SET v = v + 1');
	await_that('for the outbox to be delivered', sub { outbox() == 0 });
	is(there('i:1') + there('i:5000'), 0, 'sync: more than the ring has room for is delivered');
	is(counts('outbox_written') - $rows, 5, 'sync: a row for a thousand keys');

	put('i:7');
	$session->query_safe('BEGIN; UPDATE item SET v = 1 WHERE id = 7; ROLLBACK');
	is(outbox() . there('i:7'), '01', 'sync: nothing of what was rolled back');
	$session->quit;
}

# A commit that waits, a cancel, and a time-out.
{
	my $session = sync_session();
	my $pid = $session->query_safe('SELECT pg_backend_pid()');

	put('i:1');
	kill 'STOP', worker_pid($node, 'cachefront publisher');
	$session->{stdin} .= "$update;\n\\echo done\n";
	$session->{run}->pump_nb;
	await($node, "SELECT count(*) = 1 FROM pg_stat_activity WHERE pid = $pid AND state = 'active' AND query LIKE 'UPDATE%' AND "
		  . wait_event('Redis'));
	is(outbox(), 1, 'waiting: it has committed');
	ok($node->psql('postgres', 'SET statement_timeout = 60000; SELECT * FROM item WHERE id = 1 FOR UPDATE NOWAIT') == 0,
		'waiting: no lock is held');
	$node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)");
	$session->{run}->pump until $session->{stdout} =~ /done/;
	$session->{stdout} = '';
	is($session->query_safe('SELECT v > 0 FROM item WHERE id = 1'), 't', 'cancelled: the commit stands, and the session');
	is(counts('sync_failures'), 1, 'cancelled: counted');

	$session->{stdin} .= "$update;\n\\echo done\n";
	$session->{run}->pump_nb;
	await($node, "SELECT count(*) = 1 FROM pg_stat_activity WHERE pid = $pid AND state = 'active' AND query LIKE 'UPDATE%' AND "
		  . wait_event('Redis'));
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
	await($node, "SELECT count(*) FROM pg_stat_activity WHERE pid = $pid", 0);
	pass('terminated: it does not wait on');
	is(there('i:1'), 1, 'nobody has told Redis');
	kill 'CONT', worker_pid($node, 'cachefront publisher');
	await_that('for the outbox to be delivered', sub { outbox() == 0 });
	is(there('i:1'), 0, 'but it is told later');
	eval { $session->quit };
}

# Redis that is out of use.
{
	my $session = sync_session();

	$redis->kill;
	$session->query_safe($update) for 1 .. 20;
	is(outbox(), 20, 'out of use: rows wait');
	ok(wait_until($node, q{SELECT breaker <> 'closed' FROM cache_status}), 'out of use: noticed');
	my $waits = counts('sync_failures');
	ok(wait_until($node, q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'cachefront worker'}, 0),
		'out of use: no worker takes a slot');
	is($node->safe_psql('postgres', 'SELECT rows, keys, age > interval \'0\' FROM cache_outbox_status'), '20|20|t',
		'out of use: the outbox says how much waits');
	comes_back();
	await_that('for the outbox to be delivered', sub { outbox() == 0 });
	is(there('i:1'), 0, 'out of use: delivered when it is back');
	$session->quit;
}

# Redis that refuses.
{
	my $session = sync_session();

	$redis->cli(qw(ACL SETUSER default -unlink));
	put('i:1');
	$session->query_safe($update);
	is(outbox() . there('i:1'), '11', 'refused: the row stays');
	$redis->cli(qw(ACL SETUSER default +unlink));
	await_that('for the outbox to be delivered', sub { outbox() == 0 });
	is(there('i:1'), 0, 'refused: tried again');
	$session->quit;
}

# ---- crashes ----

# What a commit left while the publisher stood still survives each.
sub leave_row
{
	my $session = sync_session();

	$session->query_safe(q{SET statement_timeout = 0});
	put('i:1');
	kill 'STOP', worker_pid($node, 'cachefront publisher');
	my $started = start_session($node, $update, conf => { 'cachefront.redis_commit' => 'sync' });
	await($node, 'SELECT count(*) FROM cache_outbox', 1);
	await($node, q{SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'UPDATE%' AND } . wait_event('Redis'), 1);
	eval { $session->quit };
	return $started;
}

sub delivered
{
	my ($title) = @_;

	await_that('for the outbox to be delivered', sub {
		my $n = eval { outbox() };
		defined $n && $n eq '0';
	});
	is(there('i:1'), 0, "$title: delivered");
	return;
}

{
	my $waiting = leave_row();

	kill 'KILL', worker_pid($node, 'cachefront publisher');
	finish_session($waiting);
	restarted();
	delivered('publisher killed');

	$waiting = leave_row();
	$node->stop('immediate');
	finish_session($waiting);
	$node->start;
	delivered('server killed');

	$node->safe_psql('postgres', q{SELECT cf_debug_hold('outbox-before-delete')});
	put('i:1');
	$node->safe_psql('postgres', "SET cachefront.redis_commit = sync; $update");
	await($node, 'SELECT cf_debug_held()', 1);
	is(there('i:1') . outbox(), '01', 'Redis has it, and the row is there');
	kill 'KILL', worker_pid($node, 'cachefront worker');
	restarted();
	delivered('worker killed');

	$waiting = leave_row();
	$redis->kill;
	kill 'CONT', worker_pid($node, 'cachefront publisher');
	finish_session($waiting);
	comes_back();
	delivered('Redis killed');

	$waiting = leave_row();
	$node->safe_psql('postgres', 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = \'cachefront publisher\'');
	kill 'CONT', worker_pid($node, 'cachefront publisher');
	finish_session($waiting);
	delivered('publisher terminated');
}

# ---- prepared ----

{
	my $session = sync_session();

	put('i:1');
	$session->query_safe("BEGIN; $update; PREPARE TRANSACTION 'p'");
	is(outbox() . there('i:1'), '01', 'prepared: not yet');
	$session->query_safe(q{COMMIT PREPARED 'p'});
	delivered('prepared and committed');
	put('i:1');
	$session->query_safe("BEGIN; $update; PREPARE TRANSACTION 'p'");
	$node->stop('immediate');
	$node->start;
	$node->safe_psql('postgres', q{COMMIT PREPARED 'p'});
	delivered('prepared, crashed and committed');
	eval { $session->quit };
}

is($node->safe_psql('postgres', 'SELECT count(*) FROM item WHERE v IS NULL'), 0, 'and all is well');
$node->stop;
done_testing();
