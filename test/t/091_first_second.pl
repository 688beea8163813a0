# The bus worker may come late: what is in memory by then stays, and what was
# invalidated meanwhile goes. The worker is stopped where a slow machine would
# only have it come late.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CfRedis;
use CfTest;
use CfTier;

my $redis = CfRedis->new('main');
my $node = CfTier->primary('writer', $redis, 'cachefront.namespace' => 'w',
	'cachefront.breaker_reset' => '100ms', 'cachefront.notify' => 'off');
my $standby;

# A restarted server whose bus worker stands still. It knows no database yet.
sub restart_without_bus
{
	my ($server) = @_;
	my $pid;

	$server->restart;
	$pid = worker_pid($server, 'cachefront bus');
	kill 'STOP', $pid or die "could not stop the bus worker: $!";
	return $pid;
}

sub fresh
{
	my ($server, $database) = @_;

	return $server->safe_psql($database // 'postgres', q{
		SELECT string_agg(key, ' ' ORDER BY key) FROM cache_entries
		WHERE database = current_database() AND state = 'fresh'});
}

sub fill
{
	my ($server, @keys) = @_;

	keep($server, $_, "SELECT cache_fetch('$_', 'SELECT 1')") foreach @keys;
	return;
}

sub resyncs
{
	my ($server) = @_;

	return stat($server, 'bus_resyncs');
}

# As another server does.
sub publish
{
	my ($key) = @_;

	$redis->cli('XADD', 'cfb:w', '*', 'd', "{\"keys\":[\"$key\"]}");
	return;
}

# ---- the writing server ----

{
	my $pid = restart_without_bus($node);

	$node->safe_psql('postgres', q{SELECT cache_set('set', '1')});
	fill($node, 'kept', 'told');
	publish('told');
	is(fresh($node), 'kept set told', 'the bus is not there yet');
	kill 'CONT', $pid;
	await($node, q{SELECT bus_events FROM cache_stats WHERE cache = '*'}, '1');
	is(fresh($node), 'kept set', 'it reads on from where the first session was');
	is($node->safe_psql('postgres', q{SELECT cache_get('set')}), '1', 'nothing else is gone');
	is(resyncs($node), '0', 'nothing was missed');
}

# The worker's reads wait in Redis for a second each where nothing comes. With one
# of these counted, the slowest round trip takes that long every time; without
# them, not even a busy machine's does so each time.
{
	my $reads = sub { $redis->cli('INFO', 'commandstats') =~ /cmdstat_xread:calls=(\d+)/ ? $1 : 0 };
	my $slowest;

	foreach (1 .. 10)
	{
		$node->safe_psql('postgres', 'SELECT cache_stats_reset()');
		my $before = $reads->();
		await_that('for the bus to read', sub { $reads->() >= $before + 3 });
		$slowest = $node->safe_psql('postgres', q{SELECT coalesce(max(max_us), 0) >= 1000000 FROM cache_latency WHERE operation = 'redis'});
		last if $slowest eq 'f';
	}
	is($slowest, 'f', 'the time that the bus waits for entries is no latency of Redis');
}

# With a namespace two databases have one stream, that is read once: the second
# one may begin before the place where the worker has come to for the first.
{
	$node->safe_psql('postgres', 'CREATE DATABASE second');
	$node->safe_psql('second', 'CREATE EXTENSION cachefront');
	foreach my $n (1 .. 3)
	{
		# The second round on, the name is known; a restart forgets that.
		$node->restart;
		fill($node, 'first');
		await_bus($redis, 1);
		keep($node, $_, "SELECT cache_fetch('$_', 'SELECT 1')", 'second') foreach 'told', 'kept';
		publish('told');
		await($node, q{SELECT count(*) FROM cache_entries WHERE key = 'told' AND state = 'fresh'}, '0');
		is(fresh($node, 'second'), 'kept', "the second database, $n");
		is(fresh($node), 'first', "and the first, $n");
	}
	$node->safe_psql('postgres', 'DROP DATABASE second');
}

# ---- a standby ----

fill($node, 'open');
$standby = CfTier::standby_of($node, 'standby', 'cachefront.l1_ttl' => '1h');

{
	my $pid = restart_without_bus($standby);

	fill($standby, 'kept', 'told');
	$node->safe_psql('postgres', q{SELECT cache_invalidate('told')});
	is(fresh($standby), 'kept told', 'the bus of a standby is not there yet');
	kill 'CONT', $pid;
	await($standby, q{SELECT bus_events FROM cache_stats WHERE cache = '*'}, '1');
	is(fresh($standby), 'kept', 'it reads on from where the first session was');
	is(resyncs($standby), '0', 'nothing was missed');
}

# What was told is trimmed before it is read.
{
	my $pid = restart_without_bus($standby);

	fill($standby, 'kept', 'told');
	$node->safe_psql('postgres', qq{SELECT cache_invalidate('$_')}) foreach 'told', 'a', 'b';
	$redis->cli('XTRIM', 'cfb:w', 'MAXLEN', 1);
	kill 'CONT', $pid;
	await($standby, q{SELECT bus_resyncs FROM cache_stats WHERE cache = '*'}, '1');
	is(fresh($standby), '', 'trimmed: all is forgotten');
}

# Redis is away at first: what a standby has made meanwhile may be older than
# what it is told from then on. The writing server knows its own commits.
{
	my $pid = restart_without_bus($standby);
	my $writer = restart_without_bus($node);

	$redis->kill;
	fill($standby, 'alone');
	$node->safe_psql('postgres', q{SELECT cache_set('set', '1')});
	is(fresh($standby), 'alone', 'filled without Redis');
	$node->safe_psql('postgres', q{SELECT cache_invalidate('alone')});
	$redis->start;
	await($node, 'SELECT count(*) FROM cache_outbox', '0');
	kill 'CONT', $pid, $writer;
	await($standby, q{SELECT count(*) FROM cache_entries WHERE state = 'fresh'}, '0');
	pass('a standby forgets it when Redis comes back');
	await_bus($redis, 2);
	is($node->safe_psql('postgres', q{SELECT cache_get('set')}), '1', 'the writing server does not');
}

# ---- an entry that nobody can read ----

{
	fill($standby, 'kept');
	fill($node, 'kept');
	$redis->cli('EVAL', q{return redis.call('XADD', KEYS[1], '*', 'd', string.rep('x', 70000000))},
		1, 'cfb:w');
	await($standby, q{SELECT count(*) FROM cache_entries WHERE key = 'kept' AND state = 'fresh'}, '0');
	await($node, q{SELECT count(*) FROM cache_status WHERE l2 = 'up'}, '1');
	# Who sees it first empties the stream, and nobody has to copy it any more.
	cmp_ok($redis->cli('XLEN', 'cfb:w'), '<=', 1, 'a stream that nobody can read is emptied');
	cmp_ok(length $redis->cli('XRANGE', 'cfb:w', '-', '+'), '<', 10000, 'of what was too large');
	fill($standby, 'told');
	$node->safe_psql('postgres', q{SELECT cache_invalidate('told')});
	await($standby, q{SELECT count(*) FROM cache_entries WHERE key = 'told' AND state = 'fresh'}, '0');
	pass('and followed again');
}

$standby->stop;
done_testing();
