# A claim given on one server whose value is set on another: an application that reads from a
# standby and writes on the primary. Rules 67 to 70. (One server, and waiting: 127_claims.pl.)

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CfRedis;
use CfTest qw(:DEFAULT on);
use CfTier;

require_debug();

my $redis = CfRedis->new('main');
my $primary = CfTier->primary('primary', $redis);

debug($primary);
$primary->safe_psql('postgres', q{SELECT cache_define('c', scope => 'shared', jitter => 0)});
my $standby = standby_of($primary, 'standby');
await($_, 'SELECT l2 FROM cache_status', 'up') foreach $primary, $standby;

# The token of a claim, or what there is instead.
sub claim
{
	my ($node, $key, $more) = @_;

	return on($node, "SELECT coalesce(token, state) FROM cache_claim('$key'" . ($more // '') . ')');
}

sub set
{
	my ($node, $key, $value, $token, $more) = @_;

	return on($node, "SELECT cache_set('$key', '$value', token => '$token'" . ($more // '') . ')');
}

# A client that waits; its output is the state, and the value.
sub waiter
{
	my ($node, $key) = @_;
	my $session = start_session($node, "SELECT state, value FROM cache_claim('$key', wait => '10 min')",
		name => 'waiter');

	await($node, q{SELECT count(*) FROM pg_stat_activity WHERE application_name = 'waiter' AND }
		. wait_event('Flight'), 1);
	return $session;
}

sub output_of
{
	my ($session) = @_;
	my $result = finish_session($session);

	return $result->{stdout} . $result->{stderr};
}

# What is in Redis of a key, as it lies there; and back.
sub stored
{
	my ($key) = @_;

	return { @{ command($redis, 'HGETALL', 'cf:' . namespace($primary) . ":$key") } };
}

sub restore
{
	my ($key, $fields) = @_;

	command($redis, 'HSET', 'cf:' . namespace($primary) . ":$key", %$fields);
	return;
}

my $is_token = qr/^[0-9a-f]{32}\z/;
my $long = q{, hold => '10 min', wait => '0'};

# ---- claimed on the standby, set on the primary ----

my $token = claim($standby, 'c:both', $long);
like($token, $is_token, 'the standby gives a claim');
my @waiting = map { waiter($_, 'c:both') } $primary, $standby;
is(set($primary, 'c:both', '1', $token, q{, tags => '{t}'}), 't', 'the primary takes its value');
is(output_of($_), '1|hit' =~ s/(.*)\|(.*)/$2|$1/r, 'who waits gets it') foreach @waiting;
is(set($primary, 'c:both', '-1', $token), 'f', 'a token is good for one value, wherever');
is(on($standby, q{SELECT state FROM cache_claim('c:both')}), 'hit', 'the standby has the value');
on($primary, q{SELECT cache_invalidate('c:both')});
await_replayed($primary, $standby);
like(claim($standby, 'c:both', $long), $is_token,
	'and the claim that was used up on the primary is in nobody\'s way there');

# In a transaction that rolls back the claim stays the token's.
$token = claim($standby, 'c:back', $long);
on($primary, "BEGIN; SELECT cache_set('c:back', '-1', token => '$token'); ROLLBACK");
is(claim($primary, 'c:back', q{, wait => '0'}), 'timeout', 'rolled back, it is still held');
is(set($primary, 'c:back', '2', $token), 't', 'and still good');

# ---- rule 67: by the history of who stores it ----

# The standby has not replayed what the value is to show.
foreach my $case ([ 'key', q{cache_invalidate('c:late key')} ], [ 'tag', q{cache_invalidate_tag('late')} ],
	[ 'value', q{cache_set('c:late value', '-1')} ])
{
	my ($name, $change) = @$case;

	await_replayed($primary, $standby);
	on($standby, 'SELECT pg_wal_replay_pause()');
	await($standby, 'SELECT pg_get_wal_replay_pause_state()', 'paused');
	on($primary, "SELECT $change");
	await_told($primary);
	# What the publisher has put there the standby cannot use yet.
	$token = claim($standby, "c:late $name", $long);
	like($token, $is_token, "$name: claimed on a standby that is behind");
	is(set($primary, "c:late $name", '3', $token, q{, tags => '{late}'}), 'f',
		"$name: what was computed there may be older than the change");
	on($standby, 'SELECT pg_wal_replay_resume()');
}

# It comes between claim and set.
$token = claim($standby, 'c:between', $long);
on($primary, q{SELECT cache_invalidate_tag('between')});
is(set($primary, 'c:between', '3', $token, q{, tags => '{between}'}), 'f', 'a change after the claim');
$token = claim($standby, 'c:renewed', $long);
on($primary, q{SELECT cache_invalidate_tag('between')});
is(on($primary, "SELECT cache_renew('c:renewed', '$token')"), 't', 'renewed on the primary after a change');
is(set($primary, 'c:renewed', '3', $token, q{, tags => '{between}'}), 'f',
	'it is the claim\'s beginning that counts');

# ---- the token ----

$token = claim($standby, 'c:mine', $long);
is(set($primary, 'c:mine', '-1', 'f' x 32), 'f', 'a token that nobody has given');
claim($standby, 'c:other', $long);
is(set($primary, 'c:other', '-1', $token), 'f', 'a token of another key');
is(scalar(grep { /\Q$token\E/ } %{ stored('c:mine') }), 0, 'Redis does not learn the token');
is(claim($primary, 'c:mine', ", token => '$token'"), $token, 'with its token it is asked for on any server');
is(on($standby, "SELECT cache_renew('c:mine', '$token', hold => '10 min')"), 't',
	'and is still renewed where it was given');
is(set($primary, 'c:mine', '4', $token), 't', 'and set');

$token = claim($primary, 'c:there', $long);
is(set($standby, 'c:there', '-1', $token), 'f', 'what a standby sets stays there: it takes no claim of the primary\'s');
is(set($primary, 'c:there', '5', $token), 't', 'which is still good');

# ---- rule 69: its end ----

$token = claim($standby, 'c:given back', $long);
my $waiting = waiter($standby, 'c:given back');
is(on($primary, "SELECT cache_release('c:given back', '$token')"), 't', 'it is given back on the primary');
is(output_of($waiting), 'claimed|', 'and who waits on the standby has it');

$token = claim($standby, 'c:lost', $long);
command($redis, 'FLUSHALL');
is(claim($standby, 'c:lost', q{, wait => '200 ms'}), 'timeout', 'what Redis has lost was not given back');
is(set($primary, 'c:lost', '-1', $token), 'f', 'but no other server knows of it');
is(set($standby, 'c:lost', '6', $token), 't', 'the standby that gave it does');

# ---- rule 68: a Redis that goes back ----

$token = claim($standby, 'c:old', q{, hold => '1 s', wait => '0'});
my $then = stored('c:old');
my $heir;
await_that('for the time to be over', sub { ($heir = claim($primary, 'c:old', $long)) =~ $is_token });
is(set($primary, 'c:old', '-1', $token), 'f', 'who comes late is refused');
restore('c:old', $then);
is(set($primary, 'c:old', '-1', $token), 'f', 'also if Redis says that it is his claim: the primary has another');
is(set($primary, 'c:old', '7', $heir), 't', 'which is good');
await_told($primary);
restore('c:old', $then);
is(set($primary, 'c:old', '-1', $token), 'f', 'and when that is set it is older');
is(on($primary, q{SELECT cache_get('c:old')}), '7', 'the value stays');

# A claim of before the start is of no known data.
$token = claim($standby, 'c:restarted', $long);
$primary->restart;
await($_, 'SELECT l2 FROM cache_status', 'up') foreach $primary, $standby;
is(set($primary, 'c:restarted', '-1', $token), 'f', 'a claim of before the primary\'s start is none there');

# Without Redis each has its own; what one has given then stands against others' tokens.
$redis->kill;
my $own = claim($primary, 'c:alone', $long);
like($own, $is_token, 'without Redis the primary has claims of its own');
$redis->start;
await($_, 'SELECT l2 FROM cache_status', 'up') foreach $primary, $standby;
await_replayed($primary, $standby);
$token = claim($standby, 'c:alone', $long);
like($token, $is_token, 'so has the standby');
is(set($primary, 'c:alone', '-1', $token), 'f', 'which does not take the primary\'s away');
is(set($primary, 'c:alone', '8', $own), 't', 'that is still good');
$redis->kill;
is(set($primary, 'c:alone', '-1', $token), 'f', 'without Redis a token is good where it was given');
$redis->start;

# ---- another cluster in the same namespace ----

my $stranger = CfTier->primary('stranger', $redis, 'cachefront.namespace' => namespace($primary));
debug($stranger);
on($stranger, q{SELECT cache_define('c', scope => 'shared', jitter => 0)});
await($_, 'SELECT l2 FROM cache_status', 'up') foreach $primary, $stranger;
$token = claim($primary, 'c:ours', $long);
like(claim($stranger, 'c:ours', $long), $is_token, 'another cluster has claims of its own');
is(set($stranger, 'c:ours', '-1', $token), 'f', 'and takes none of ours');
is(set($primary, 'c:ours', '9', $token), 't', 'ours stays ours');

$stranger->stop;
$standby->stop;
$primary->stop;
done_testing();
