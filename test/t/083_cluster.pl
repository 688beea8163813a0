# The Redis client and a Redis Cluster: keys at their nodes, slots that move while
# they are used, a slot half moved, failover by kill -9 and by order, a node that
# is silent or loads, the loss of the majority.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use CfFakeRedis;
use CfRedisFleet;
use CfTest qw(:DEFAULT ask_redis query redis_report);

require_debug();

my $fleet = CfRedisFleet->cluster;
my @nodes = @{ $fleet->{nodes} };
my $node = CfTest->client_node('main',
	'cachefront.redis_url' => $fleet->url,
	'cachefront.redis_command_timeout' => '15s',
	'cachefront.redis_connect_timeout' => '15s',
	'cachefront.breaker_reset' => '500ms');

# Commands of up to three words with commas between.
sub pipeline
{
	my @commands = map { [ split /,/, $_ ] } @_;

	return "SELECT array_to_string(cf_debug_redis_pipeline(ARRAY["
	  . join(',', map { 'ARRAY[' . join(',', map { defined $_ ? "'$_'" : 'NULL' } @$_[0 .. 2]) . ']' } @commands)
	  . "]), ' ')";
}

# Seconds until a session can write a key.
sub seconds_to_write
{
	my ($session, $key) = @_;
	my $start = time();

	await_that('to write', sub {
		$session->query_safe("SELECT cf_debug_redis('{SET,$key,v}')") eq 'OK' });
	return time() - $start;
}

# ---- keys and nodes ----

is(query(q{WITH r AS (SELECT cf_debug_redis_pipeline(
			array_agg(ARRAY['SET', 'p' || i, i::text] ORDER BY i)
			|| array_agg(ARRAY['GET', 'p' || i, NULL] ORDER BY i)) AS replies
			FROM generate_series(1, 500) i)
		SELECT replies[1:500] = array_fill('OK'::text, '{500}'),
			replies[501:] = (SELECT array_agg(i::text ORDER BY i) FROM generate_series(1, 500) i)
		FROM r}),
	't|t', 'a pipeline of 1,000 commands to all nodes, the replies in their places');
is(scalar(grep { $_->cli('DBSIZE') > 100 } @nodes[0 .. 2]), 3, 'each has its share');
is(redis_report()->{redirects}, 0, 'nothing was sent to a wrong one');
is(query(pipeline(map { "SET,{tag}$_,1" } 1 .. 20)), join(' ', ('OK') x 20), 'keys with a tag');
is(scalar(grep { $_->cli('KEYS', '{tag}*') ne '' } @nodes[0 .. 2]), 1, 'are at one node');

my @keys = map { $fleet->key_of($nodes[$_], 'k') } 0 .. 2;
my $scripts = pipeline(map { ("SET,$keys[$_],$_", "SCRIPT:ping,$keys[$_],s$_", "GET,$keys[$_]") } 0 .. 2);
is(query("$scripts; $scripts"), join("\n", ('OK s0 0 OK s1 1 OK s2 2') x 2), 'scripts, which no node knew');
is(scalar(grep { $_->cli('INFO', 'commandstats') =~ /cmdstat_eval:calls=1,/ } @nodes[0 .. 2]), 3,
	'each was taught once');
is(query(q{WITH r AS (SELECT cf_debug_redis_pipeline(
			array_agg(ARRAY['SET', 'm' || i, repeat(chr(65 + i), 300000)] ORDER BY i)
			|| array_agg(ARRAY['GET', 'm' || i, NULL] ORDER BY i)) AS replies
			FROM generate_series(1, 20) i)
		SELECT bool_and(replies[20 + i] = repeat(chr(65 + i), 300000)) FROM r, generate_series(1, 20) i}),
	't', '6 MB out and in, side by side');
is(query('SELECT cf_debug_redis(ARRAY[]::text[])'), 'OK', 'an empty pipeline');
is(ask_redis('PING'), 'PONG', 'a command without a key');
like(ask_redis('NOSUCH,x'), qr/^\(error\) ERR unknown command/, 'an error is a reply');

my $session = open_session($node, 'postgres');
is($session->query_safe(pipeline(map { "GET,$_" } @keys)), '0 1 2', 'a session');
await_that('for the other sessions to end',
	sub { join(' ', map { $_->nclients } @nodes[0 .. 2]) eq '1 1 1' });
pass('has a connection to each node');
$nodes[1]->cli('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
is($session->query_safe(pipeline(map { "GET,$_" } @keys)), '0 1 2', 'one that was closed is made again');

# ---- slots that move ----

my $slot = CfRedisFleet::slot($keys[0]);
my $redirects = redis_report()->{redirects};
$fleet->move_slot($slot, @nodes[0, 1]);
is($session->query_safe(pipeline("GET,$keys[0]", "SCRIPT:ping,$keys[0],x", "GET,$keys[1]")), '0 x 1',
	'a slot has moved');
is(redis_report()->{redirects}, $redirects + 2, 'MOVED');
is(ask_redis("GET,$keys[0]"), '0', 'another session');
is(redis_report()->{redirects}, $redirects + 2, 'knows it as well');

# Half way: what is there is asked for here, what is not yet is asked for there.
$nodes[2]->cli('SCRIPT', 'FLUSH');
$fleet->move_slot($slot, @nodes[1, 2], how => 'half');
is($session->query_safe(pipeline("GET,$keys[0]", "SCRIPT:ping,$keys[0],y", "SET,{$keys[0]}new,1", "GET,{$keys[0]}new")),
	'0 y OK 1', 'a slot on its way: ASK');
is(redis_report()->{redirects}, $redirects + 6, 'each time');
is($session->query_safe("SELECT cf_debug_redis('{GET,$keys[0]}')"), '0', 'and not for good');
is(redis_report()->{redirects}, $redirects + 7, 'as MOVED would be');
$fleet->move_slot($slot, @nodes[1, 2]);
is($session->query_safe("SELECT cf_debug_redis('{GET,$keys[0]}')"), '0', 'it has arrived');
$fleet->move_slot($slot, @nodes[2, 0]);

# While others read and write, 10 slots go there and back.
my $load = q{SELECT count(*), count(*) FILTER (WHERE r[1] <> 'OK' OR r[2] <> i::text)
	FROM (SELECT i, cf_debug_redis_pipeline(ARRAY[ARRAY['SET', k, i::text], ARRAY['GET', k, NULL]]) AS r
		FROM (SELECT i, '%s' || i %% 200 AS k FROM generate_series(1, 6000) i) k) l};
my @loads = map { start_session($node, sprintf($load, "load$_:")) } 1 .. 3;
await($node, q{SELECT count(*) FROM pg_stat_activity WHERE query ~ 'FILTER' AND pid <> pg_backend_pid()}, 3);
my @moving = (grep { $fleet->owner("load1:$_") == $nodes[0] } 1 .. 100)[0 .. 9];
foreach my $round ([ 0, 1 ], [ 1, 0 ])
{
	$fleet->move_slot(CfRedisFleet::slot("load1:$_"), @nodes[@$round]) foreach @moving;
}
is(join(' ', map { finish_session($_)->{stdout} } @loads), '6000|0 6000|0 6000|0',
	'resharding under load: no failure, nothing wrong');

# ---- a node is killed ----

@keys = map { $fleet->key_of($nodes[$_], 'f') } 0 .. 2;
is($session->query_safe(pipeline(map { "SET,$_,v" } @keys)), 'OK OK OK', 'all are well');
$nodes[0]->kill;
is($session->query_safe(pipeline(map { "GET,$_" } @keys)), '(none) v v', 'one is killed: the others answer');
is($session->query_safe(pipeline("GET,$keys[0]")) =~ /^(FAILED|OPEN)/, 1, 'its keys are misses');
await_that('for a failover', sub { ($fleet->owner($keys[0]) // '') eq $nodes[3] });
cmp_ok(seconds_to_write($session, $keys[0]), '<', 2, 'failover: in use again within two seconds');
is($nodes[3]->cli('GET', $keys[0]), 'v', 'at the new master');
$nodes[0]->start;
$fleet->await_ok;

# A failover by order: the old master lives, and sends away who comes.
# What takes it longer than five seconds it gives up: then once more.
my $ordered = 0;
await_that('for a failover by order', sub {
	return 1 if ($fleet->owner($keys[0]) // '') eq $nodes[0];
	$ordered = time() if time() - $ordered > 6 && $nodes[0]->cli('CLUSTER', 'FAILOVER') eq 'OK';
	return;
});
cmp_ok(seconds_to_write($session, $keys[0]), '<', 2, 'a failover by order');
$fleet->await_ok;

# ---- a node is silent ----

reconfigure($node, 'cachefront.redis_command_timeout' => '300ms', 'cachefront.redis_connect_timeout' => '300ms');
$_->cli('CONFIG', 'SET', 'cluster-node-timeout', '60000') foreach @nodes;
is($session->query_safe(pipeline(map { "SET,$_,w" } @keys)), 'OK OK OK', 'all are well');
$nodes[1]->pause;
is($session->query_safe(pipeline(map { "GET,$_" } @keys)), 'w (none) w', 'one is silent: the others answer');
is(redis_report()->{state}, 'partly open', 'its breaker opens at once');
my $timeouts = redis_report()->{timeouts};
is($session->query_safe("SELECT count(*) FILTER (WHERE r[1] = 'w' AND r[3] = 'w')
	FROM (SELECT cf_debug_redis_pipeline('{{GET,$keys[0]},{GET,$keys[1]},{GET,$keys[2]}}') AS r
		FROM generate_series(1, 100)) p"), 100, 'a hundred more');
cmp_ok(redis_report()->{timeouts} - $timeouts, '<', 20, 'do not wait for it');
is($session->query_safe("SELECT cf_debug_redis('{GET,$keys[2]}')"), 'w', 'nor do the others notice');
$nodes[1]->resume;
cmp_ok(seconds_to_write($session, $keys[1]), '<', 10, 'it is used again when it answers');
like(slurp_file($node->logfile), qr/cachefront works without the Redis node 127\.0\.0\.1:$nodes[1]->{port}\n/,
	'the log names the node');
await_that('for the log', sub { slurp_file($node->logfile) =~
	  /cachefront uses the Redis node 127\.0\.0\.1:$nodes[1]->{port} again/ });

# ---- the majority is lost ----

reconfigure($node, 'cachefront.redis_command_timeout' => '1s', 'cachefront.redis_connect_timeout' => '1s');
$_->cli('CONFIG', 'SET', 'cluster-node-timeout', '1000') foreach @nodes;
$_->pause foreach @nodes[ 1, 2, 4, 5 ];
await_that('for the end', sub { $nodes[0]->cli('CLUSTER', 'INFO') =~ /cluster_state:fail/ });
like($session->query_safe("SELECT cf_debug_redis('{GET,$keys[0]}')"), qr/^(FAILED: .*it says CLUSTERDOWN|OPEN)/,
	'the majority is lost: a failure');
my $start = time();
$session->query_safe("SELECT count(cf_debug_redis(ARRAY['GET', 'x' || i])) FROM generate_series(1, 100) i");
cmp_ok(time() - $start, '<', 20, 'for which nobody waits long');
$_->resume foreach @nodes[ 1, 2, 4, 5 ];
await_that('for the cluster', sub { $nodes[0]->cli('CLUSTER', 'INFO') =~ /cluster_state:ok/ });
cmp_ok(seconds_to_write($session, $keys[0]), '<', 10, 'and it is used again');
$session->quit;

# ---- what no cluster would answer ----

# Two nodes that share the slots; the second one answers as a script says. "a" is at
# slot 15495, "b" at 3300.
sub slots
{
	my ($low, $high) = @_;
	my $range = sub { "*3\r\n:$_[0]\r\n:$_[1]\r\n*2\r\n\$9\r\n127.0.0.1\r\n:$_[2]\r\n" };

	return [ "*2\r\n" . $range->(0, 8191, $low) . $range->(8192, 16383, $high) ];
}

sub use_fakes
{
	my (%script) = @_;
	my $high = CfFakeRedis->new_tcp(%script);
	my $port = CfRedisFleet::free_port();
	my $low = CfFakeRedis->new_tcp(_port => $port, CLUSTER => slots($port, $high->{port}));

	reconfigure($node, 'cachefront.redis_url' => "redis+cluster://127.0.0.1:$low->{port}");
	return ($low, $high);
}

my $both = pipeline('GET,a', 'GET,b');
foreach my $word (qw(LOADING TRYAGAIN CLUSTERDOWN READONLY))
{
	use_fakes(GET => ["-$word some words\r\n"]);
	is(query("$both; $both; $both; $both; $both; $both"), join("\n", ('(none) OK') x 6), "$word: the other node answers");
	is(redis_report()->{state}, 'partly open', 'and only one breaker opens');
}
use_fakes(GET => ["-CLUSTERDOWN Hash slot not served\r\n"]);
is(query("$both; $both; $both; $both; $both; $both"), join("\n", ('(none) OK') x 6), 'a slot that nobody has');
is(redis_report()->{state}, 'closed', 'is not the fault of the node that says so');
use_fakes(GET => ["-MOVED 15495 :1\r\n"]);
is(query($both), '(none) OK', 'MOVED to where nobody listens');
my ($low, $high) = use_fakes(GET => ["-MOVED 15495 127.0.0.1:%s\r\n"]);
is(query($both), '(none) OK', 'MOVED that is malformed');
foreach my $case ([ 'ERR This instance has cluster support disabled', qr/refused CLUSTER SLOTS: ERR/ ])
{
	my $fake = CfFakeRedis->new_tcp(CLUSTER => ["-$case->[0]\r\n"]);

	reconfigure($node, 'cachefront.redis_url' => "redis+cluster://127.0.0.1:$fake->{port}");
	like(ask_redis('GET,a'), $case->[1], 'a server that is in no cluster');
}
foreach my $slots ("*0\r\n", "+OK\r\n", "*1\r\n*3\r\n:5\r\n:4\r\n*2\r\n\$1\r\na\r\n:1\r\n",
	"*1\r\n*3\r\n:0\r\n:16384\r\n*2\r\n\$1\r\na\r\n:1\r\n", "*1\r\n:1\r\n", "*1\r\n*3\r\n:0\r\n:1\r\n*0\r\n",
	"*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n\$1\r\n?\r\n:1\r\n", "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n\$1\r\na\r\n:70000\r\n")
{
	my $fake = CfFakeRedis->new_tcp(CLUSTER => [$slots]);

	reconfigure($node, 'cachefront.redis_url' => "redis+cluster://127.0.0.1:$fake->{port}");
	like(ask_redis('GET,a'), qr/could not make sense of CLUSTER SLOTS/, 'slots that make no sense');
}
reconfigure($node, 'cachefront.redis_url' => 'redis+cluster://127.0.0.1:1,127.0.0.1:2');
like(ask_redis('GET,a'), qr/^FAILED: 127\.0\.0\.1:1: could not connect/, 'nobody of the url is there');

$node->stop;
my $log = slurp_file($node->logfile);
unlike($log, qr/PANIC:|TRAP:|WARNING:|terminated by signal/, 'nothing else in the log');
done_testing();
