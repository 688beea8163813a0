# The Redis client and Sentinels: who is the master, failover by kill -9 and by
# order, a master that is one no more, Sentinels that are silent, dead or new.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use CfRedisFleet;
use CfTest qw(:DEFAULT ask_redis query redis_report);

require_debug();

my $fleet = CfRedisFleet->sentinel;
my @sentinels = @{ $fleet->{sentinels} };
my ($master, $replica) = ($fleet->{master}, $fleet->{replica});
my $node = CfTest->client_node('main',
	'cachefront.redis_url' => "redis+sentinel://127.0.0.1:$sentinels[0]->{port}/main",
	'cachefront.redis_command_timeout' => '1s',
	'cachefront.redis_connect_timeout' => '1s',
	'cachefront.breaker_reset' => '500ms');

# Whom the Sentinels that live call the master.
sub named
{
	my ($sentinel) = @_;

	return ($sentinel->cli('SENTINEL', 'get-master-addr-by-name', 'main') =~ /\n(\d+)$/)[0];
}

sub await_master
{
	my ($redis, @asked) = @_;

	await_that('for another master', sub { !grep { named($_) != $redis->{port} } @asked });
	return;
}

# Until all Sentinels see one master with a replica that has what it has. Which is which
# they say: on a busy machine they may have thought that one was dead, and changed again.
sub settle
{
	await_that('for a master and its replica', sub {
		my @named = map { named($_) // 0 } @sentinels;

		return if $named[0] != $named[1] || $named[0] != $named[2];
		($master, $replica) = ($replica, $master) if $named[0] == $replica->{port};
		return $master->cli('INFO', 'replication') =~ /role:master/
		  && $replica->cli('INFO', 'replication') =~ /role:slave.*master_link_status:up/s
		  && !grep { $_->cli('SENTINEL', 'MASTER', 'main') !~ /num-slaves\n1\nnum-other-sentinels\n2\n/ } @sentinels;
	});
	return;
}

# Seconds until a session can write.
sub seconds_to_write
{
	my ($session) = @_;
	my $start = time();

	await_that('to write', sub {
		$session->query_safe(q{SELECT cf_debug_redis('{SET,k,v}')}) eq 'OK' });
	return time() - $start;
}

# ---- the master ----

is(ask_redis('SET,k,v'), 'OK', 'a Sentinel names the master');
is($master->cli('GET', 'k'), 'v', 'which is used');
is(redis_report()->{run_id}, '', 'a session that asks nothing has no connection');
my $session = open_session($node, 'postgres');
is($session->query_safe(q{SELECT cf_debug_redis('{GET,k}')}), 'v', 'a session');
is($master->nclients, 1, 'has one connection, that to the master');
my $lookups = redis_report()->{master_lookups};
query(q{SELECT cf_debug_redis('{GET,k}')}) foreach 1 .. 3;
cmp_ok(redis_report()->{master_lookups} - $lookups, '<', 30, 'the others take what it was told');

# ---- kill -9 of the master, and of the Sentinel of the url ----

$sentinels[0]->kill;
$master->kill;
await_master($replica, @sentinels[1, 2]);
cmp_ok(seconds_to_write($session), '<', 2,
	'failover: in use again within two seconds, by Sentinels that others have named');
is($replica->cli('GET', 'k'), 'v', 'at the new master');
is(redis_report()->{state}, 'closed', 'the breaker is closed');

# ---- a failover by order: both servers live ----

$master->start;
$sentinels[0]->start;
settle();
# They give up if one of them still tells the replica whom to follow: then once more.
await_that('for a failover by order', sub {
	$sentinels[1]->cli('SENTINEL', 'FAILOVER', 'main') if named($sentinels[1]) != $replica->{port};
	return !grep { named($_) != $replica->{port} } @sentinels;
});
cmp_ok(seconds_to_write($session), '<', 2, 'a failover by order');
is($replica->cli('GET', 'k'), 'v', 'at the new master');
settle();

# ---- Sentinels that say nothing ----

$_->pause foreach @sentinels[0, 1];
is($session->query_safe(q{SELECT cf_debug_redis('{GET,k}')}), 'v', 'silent Sentinels: the master is known');
reconfigure($node, 'cachefront.redis_url' => $fleet->url);
await_that('to write', sub { ask_redis('SET,k,w') eq 'OK' });
pass('one of three answers');
$_->resume foreach @sentinels[0, 1];

# The role is looked at: nobody writes into what has become a replica.
$_->pause foreach @sentinels;
$master->cli('REPLICAOF', '127.0.0.1', $replica->{port});
my $wrote = 0;
await_that('for somebody to look at the role', sub {
	my $answer = ask_redis('SET,k,x');

	$wrote++ if $answer eq 'OK';
	return $answer =~ /the Sentinels call the master is none/;
});
pass('a master that is one no more is not used');
is($wrote, 0, 'and nothing is written there');
$master->cli('REPLICAOF', 'NO', 'ONE');
$_->resume foreach @sentinels;
cmp_ok(seconds_to_write($session), '<', 10, 'until it is one again');

# ---- mistakes ----

reconfigure($node, 'cachefront.redis_url' => $fleet->url =~ s/main$/other/r);
is(ask_redis('PING'), 'FAILED: the Sentinels know no master "other"', 'a master that nobody knows');
reconfigure($node, 'cachefront.redis_url' => 'redis+sentinel://127.0.0.1:1/main');
is(ask_redis('PING'), 'FAILED: could not connect to "127.0.0.1", port 1: Connection refused',
	'no Sentinel');
reconfigure($node, 'cachefront.redis_url' => "redis+sentinel://127.0.0.1:$master->{port}/main");
like(ask_redis('PING'), qr/^FAILED: a Sentinel refused to name the master: ERR/, 'a Redis that is no Sentinel');

# ---- passwords ----

$sentinels[0]->cli('ACL', 'SETUSER', 'default', 'resetpass', '>s3cret');
$master->cli('ACL', 'SETUSER', 'default', 'resetpass', '>s3cret');
reconfigure($node, 'cachefront.redis_url' => "redis+sentinel://127.0.0.1:$sentinels[0]->{port}/main");
like(ask_redis('PING'), qr/^FAILED: a Sentinel wants a password, and there is none/, 'a Sentinel wants a password');
reconfigure($node, 'cachefront.redis_url' => "redis+sentinel://:s3cret\@127.0.0.1:$sentinels[0]->{port}/main");
is(ask_redis('PING'), 'PONG', 'and gets it');
reconfigure($node, 'cachefront.redis_url' => "redis+sentinel://:s3cret\@127.0.0.1:$sentinels[1]->{port}/main");
is(ask_redis('PING'), 'PONG', 'one that wants none does not mind');

$session->quit;
$node->stop;
my $log = slurp_file($node->logfile);
unlike($log, qr/s3cret/, 'no password in the log');
unlike($log, qr/PANIC:|TRAP:|WARNING:|terminated by signal/, 'nothing else in the log');
done_testing();
