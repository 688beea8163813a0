# How long anybody waits for Redis: a read, and each half of a commit, for
# cachefront.redis_command_timeout in all, be it silent or slow, with or without
# a connection; and while it is out of use a worker finds out when it is back,
# and where.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use CfProxyRedis;
use CfRedis;
use CfTest;
use CfTier;

my $redis = CfRedis->new('main');
my $proxy = CfProxyRedis->new($redis);
my $node = CfTier->node('main', $redis,
	'cachefront.redis_url' => $proxy->url,
	'cachefront.redis_connect_timeout' => '4s',
	'cachefront.redis_command_timeout' => '1s',
	'cachefront.breaker_reset' => '300ms');

require_debug();
debug($node);

# The time-out, and what a busy machine takes.
my $once = 1.9;
my $key = 0;

$node->safe_psql('postgres', q{
	CREATE TABLE item (id int PRIMARY KEY, v int);
	INSERT INTO item VALUES (1, 0);
	SELECT cache_attach('item', 'i:{id}');
});

my $write = 'UPDATE item SET v = v + 1 RETURNING v';

sub read_new
{
	$key++;
	return "SELECT cache_fetch('k:$key', 'SELECT $key AS n')";
}

sub in_use
{
	return wait_until($node, 'SELECT l2 || outbox FROM cache_status', 'upempty');
}

# A session that has not talked to Redis yet.
sub new_session
{
	return $node->background_psql('postgres');
}

sub timed
{
	my ($session, $sql) = @_;
	my $start = time();
	my $answer = $session->query_safe($sql);

	return ($answer, time() - $start);
}

# One statement in a session that is new to Redis, then others that must not wait.
sub waits_once
{
	my ($title, $sql) = @_;
	my $session = new_session();
	my ($answer, $seconds) = timed($session, $sql);

	isnt($answer, '', "$title: an answer");
	cmp_ok($seconds, '<', $once, sprintf('%s: after one time-out at most (%.2f s)', $title, $seconds));
	is($node->safe_psql('postgres', 'SELECT l2 FROM cache_status'), 'down', "$title: then the breaker is open");
	($answer, $seconds) = timed($session, read_new());
	cmp_ok($seconds, '<', 0.9, sprintf('%s: and nobody waits (%.2f s)', $title, $seconds));
	$session->quit;
	return;
}

ok(in_use(), 'all is well');

# ---- silent, where a connection has to be made ----

foreach my $case ([ 'a read', \&read_new ], [ 'a commit', sub { $write } ])
{
	$redis->pause;
	waits_once("silent, $case->[0]", $case->[1]->());
	$redis->resume;
	ok(in_use(), "silent, $case->[0]: in use again");
}

# ---- slow: each answer in time, all together not ----

# Nobody begins what would take too long, so nothing fails.
$proxy->mode('slow', 0.4);
my $slow = new_session();
foreach (1 .. 3)
{
	my ($answer, $seconds) = timed($slow, read_new());

	cmp_ok($seconds, '<', $once, sprintf('slow, a read: after one time-out at most (%.2f s)', $seconds));
	isnt($answer, '', 'slow, a read: an answer');
}
$slow->quit;
is($node->safe_psql('postgres', 'SELECT l2 FROM cache_status'), 'up', 'slow, a read: still in use');
$proxy->mode('slow', 1.5);
waits_once('too slow, a read', read_new());
$proxy->mode('pass');
ok(in_use(), 'too slow, a read: in use again');

# A commit asks before and after it.
my $session = new_session();
$proxy->mode('slow', 0.7);
my ($answer, $seconds) = timed($session, $write);
isnt($answer, '', 'slow, a commit: done');
cmp_ok($seconds, '<', $once + 1, sprintf('slow, a commit: within two time-outs (%.2f s)', $seconds));
$session->quit;
$proxy->mode('pass');
ok(in_use(), 'slow, a commit: in use again');

# ---- nobody's session finds out ----

$redis->pause;
$session = new_session();
timed($session, read_new());
my $longest = 0;
my $until = time() + 6;
while (time() < $until)
{
	(undef, $seconds) = timed($session, read_new());
	$longest = $seconds if $seconds > $longest;
	sleep 0.01;
}
cmp_ok($longest, '<', 0.9, sprintf('while it is silent the worker waits for it, no session (%.2f s)', $longest));
cmp_ok($node->safe_psql('postgres', 'SELECT redis_timeouts FROM cache_status'), '>', 3, 'again and again');
$redis->resume;
ok(in_use(), 'and finds it back');
$session->quit;

# ---- nor waits for the resolver ----

sub lookups
{
	return ($node->safe_psql('postgres', 'SELECT cf_debug_redis_report()') =~ /^lookups=(\d+)$/m)[0];
}

reconfigure($node, 'cachefront.redis_url' => "redis://localhost:$redis->{port}");
$node->safe_psql('postgres', read_new());
ok(in_use() && wait_for_bus($redis, 1), 'a host by its name');
my $lookups = lookups();
cmp_ok($lookups, '>', 0, 'which was looked up');
foreach (1 .. 5)
{
	$session = new_session();
	timed($session, read_new());
	timed($session, $write);
	$session->quit;
}
is(lookups(), $lookups, 'is not looked up again by sessions that connect');
$redis->kill;
$node->safe_psql('postgres', read_new()) foreach 1 .. 6;
ok(wait_until($node, "SELECT cf_debug_redis_report() !~ 'lookups=$lookups\n'"),
	'but by a worker, when they cannot');
$redis->start;
ok(in_use(), 'in use again');

$node->stop;
done_testing();
