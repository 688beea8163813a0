# Claims with many clients, with clients that die, and over two servers that share a
# Redis. (Two sessions step by step: the spec debug_claims; drivers and a pooler:
# 150_drivers.pl.)

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
$primary->safe_psql('postgres', q{
	SELECT cache_define('c', scope => 'shared', jitter => 0);
	CREATE ROLE other LOGIN;
	CREATE SEQUENCE computed});
my $standby = standby_of($primary, 'standby');
await($_, 'SELECT l2 FROM cache_status', 'up') foreach $primary, $standby;

# What a client does who computes for a moment, or gets a value: prints the value.
sub client
{
	my ($key, $value) = @_;

	return qq{SELECT value, token, state FROM cache_claim('$key', wait => '5 min') \\gset
		\\if :{?token}
		SELECT FROM pg_sleep(0.2);
		SELECT FROM cache_set('$key', '$value', tags => ARRAY['tag of $key'], token => :'token');
		\\echo computed
		\\endif
		SELECT 'got ' || cache_get('$key')};
}

# The outputs of sessions, each once, with how often it came.
sub outputs
{
	my ($results) = @_;
	my %seen;

	$seen{"$_->{status}: $_->{stdout} $_->{stderr}"}++ foreach @$results;
	return join ', ', map { "$seen{$_} x $_" } sort keys %seen;
}

# The token of a claim, or what there is instead.
sub claim
{
	my ($node, $key, $more) = @_;

	return on($node, "SELECT coalesce(token, state) FROM cache_claim('$key'" . ($more // '') . ')');
}

# A client that waits; its output is the state.
sub waiter
{
	my ($node, $key, $name) = @_;
	my $session = start_session($node, "SELECT state FROM cache_claim('$key', wait => '10 min')",
		name => $name // 'waiter');

	await($node, "SELECT count(*) FROM pg_stat_activity WHERE application_name = '"
		. ($name // 'waiter') . "' AND " . wait_event('Flight'), 1);
	return $session;
}

sub state_of
{
	my ($session) = @_;
	my $result = finish_session($session);

	return $result->{stdout} . $result->{stderr};
}

# ---- many clients ----

my ($results) = run_sessions($primary, [ (client('c:many', 1)) x 50 ]);

is(outputs($results), join(', ', "1 x 0: computed\ngot 1 ", '49 x 0: got 1 '),
	'of 50 clients one computes');
is(stat($primary, 'claims'), 1, 'one claim was given');

# Its time is over while 20 wait: one of them computes, who comes late does not count.
my $late = claim($primary, 'c:over');
my @sessions = map { start_session($primary, client('c:over', 2), name => 'waiter') } 1 .. 20;

await($primary, q{SELECT count(*) FROM pg_stat_activity WHERE application_name = 'waiter' AND }
	. wait_event('Flight'), 20);
on($primary, q{SELECT cf_debug_advance_clock('31 s')});
is(outputs([ map { finish_session($_) } @sessions ]),
	join(', ', "1 x 0: computed\ngot 2 ", '19 x 0: got 2 '), 'one inherits');
is(stat($primary, 'claims_inherited'), 1, 'which is counted');
is(on($primary, "SELECT cache_set('c:over', '-1', token => '$late')"), 'f', 'a late value is dropped');
is(on($primary, q{SELECT cache_get('c:over')}), 2, 'and does not replace the other');

# ---- ends ----

my $holder = open_session($primary);
my $pid = $holder->query_safe('SELECT pg_backend_pid()');

$holder->query_safe(q{BEGIN; SELECT FROM cache_claim('c:killed')});
my $waiting = waiter($primary, 'c:killed');
on($primary, "SELECT pg_terminate_backend($pid)");
is(state_of($waiting), 'claimed', 'a session that dies in the transaction that took the claim ends it');
eval { $holder->quit };

claim($primary, 'c:cancel');
$waiting = waiter($primary, 'c:cancel');
on($primary, q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'waiter'});
like(state_of($waiting), qr/canceling statement due to user request/, 'who waits can be cancelled');

my $token = claim($primary, 'c:kept');
is(claim($primary, 'c:kept', ", wait => '10 ms'"), 'timeout', 'a claim outlives the session that took it');
is(on($primary, "SELECT cache_set('c:kept', '3', token => '$token')"), 't', 'and any may set its value');

# ---- room ----

my $states = q{SELECT string_agg(DISTINCT state, ' ' ORDER BY state) FROM generate_series(1, 1000) n, cache_claim('c:room:' || n, wait => '0')};
is(on($primary, $states), 'claimed timeout', 'a user gets no more claims than his share');
is($primary->safe_psql('postgres', q{SELECT state FROM cache_claim('c:room:of another')}, extra_params => [ '-U', 'other' ]),
	'claimed', 'which leaves some to others');
on($primary, q{SELECT cf_debug_advance_clock('31 s')});
is(on($primary, q{SELECT state FROM cache_claim('c:room:1001')}), 'claimed',
	'those whose time is over make room');

# ---- two servers ----

# Whose clocks go alike: no server takes a value of a time that is still to come.
on($standby, q{SELECT cf_debug_advance_clock('62 s')});

# The value of the writing server comes to both.
$token = claim($primary, 'c:two');
@sessions = map { start_session($standby, client('c:two', 0), name => 'waiter') } 1 .. 10;
await($standby, q{SELECT count(*) FROM pg_stat_activity WHERE application_name = 'waiter' AND }
	. wait_event('Flight'), 10);
my $given = stat($standby, 'claims');
on($primary, "SELECT cache_set('c:two', '4', token => '$token')");
is(outputs([ map { finish_session($_) } @sessions ]), '10 x 0: got 4 ',
	'who waits on the standby gets what was computed for the primary');
is(stat($standby, 'claims'), $given, 'and nobody computed there');

# A set that is dropped tells nobody: what is in Redis still counts on the standby.
is(on($primary, "SELECT cache_set('c:two', '-1', token => '$token')"), 'f', 'a token is good for one value');
await_replayed($primary, $standby);
on($standby, q{SELECT cf_debug_forget_l1(oid) FROM pg_database WHERE datname = 'postgres'});
is(on($standby, q{SELECT cache_get('c:two')}), 4, 'the standby finds the value in Redis all the same');

# Given back, rolled back, on either.
foreach my $case ([ $primary, $standby, 'standby' ], [ $standby, $primary, 'primary' ])
{
	my ($has, $waits, $name) = @$case;

	$token = claim($has, "c:back:$name");
	$waiting = waiter($waits, "c:back:$name");
	on($has, "SELECT cache_release('c:back:$name', '$token')");
	is(state_of($waiting), 'claimed', "given back, the $name has it");

	my $session = open_session($has);
	$session->query_safe("BEGIN; SELECT FROM cache_claim('c:rolled:$name')");
	$waiting = waiter($waits, "c:rolled:$name");
	$session->query_safe('ROLLBACK');
	is(state_of($waiting), 'claimed', "rolled back, the $name has it");
	$session->quit;
}

# What a standby sets stays there; the claim ends all the same.
$token = claim($standby, 'c:there');
$waiting = waiter($primary, 'c:there');
is(on($standby, "SELECT cache_set('c:there', '5', token => '$token')"), 't', 'a standby sets its value');
is(state_of($waiting), 'claimed', 'and the primary computes its own');

# An invalidation ends the claim in Redis with the key, and the value is dropped.
$token = claim($primary, 'c:moved');
$waiting = waiter($standby, 'c:moved');
on($primary, q{SELECT cache_invalidate('c:moved')});
is(state_of($waiting), 'claimed', 'of what was invalidated another may compute anew');
is(on($primary, "SELECT cache_set('c:moved', '6', token => '$token')"), 'f', 'the old claim is good for nothing');

# Its time is over in Redis: another server inherits, and the late value is dropped.
$token = claim($primary, 'c:late', q{, hold => '1 s'});
is(state_of(waiter($standby, 'c:late')), 'claimed', 'the standby inherits');
is(on($primary, qq{SELECT cache_set('c:late', '7', token => '$token')}), 'f', 'and the primary has it no more');

# While it is held it is not.
$token = claim($primary, 'c:renewed', q{, hold => '1 min'});
is(on($primary, "SELECT cache_renew('c:renewed', '$token', hold => '10 min')"), 't', 'it is renewed');
is(claim($standby, 'c:renewed', q{, wait => '10 ms'}), 'timeout', 'on both');
is(on($primary, "SELECT cache_set('c:renewed', '8', token => '$token')"), 't', 'and still good');

# Who waits for another server can be cancelled, and leaves nothing behind.
$token = claim($primary, 'c:polled');
$waiting = waiter($standby, 'c:polled');
on($standby, q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'waiter'});
like(state_of($waiting), qr/canceling statement/, 'who waits for another server can be cancelled');
on($primary, "SELECT cache_release('c:polled', '$token')");
is(claim($standby, 'c:polled', q{, wait => '0'}) =~ /^[0-9a-f]{32}\z/, 1, 'and leaves no claim behind');

# ---- no Redis ----

$token = claim($primary, 'c:without');
$redis->kill;
is(on($standby, q{SELECT state FROM cache_claim('c:without')}),
	'claimed', 'without Redis each server has claims of its own');
is(on($primary, q{SELECT state FROM cache_claim('c:without', wait => '0')}), 'timeout', 'which it keeps');
is(on($primary, "SELECT cache_set('c:without', '9', token => '$token')"), 't', 'a value is set');
is(on($primary, q{SELECT value, state FROM cache_claim('c:without')}), '9|hit', 'and there');

$standby->stop;
$primary->stop;
done_testing();
