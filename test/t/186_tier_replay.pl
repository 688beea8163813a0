# A standby that waits for the primary's load, which has seen more of the WAL than is replayed: it
# waits for the replay too, and runs nothing; where replay stands it runs its own query, after it
# has waited as long again.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CfRedis;
use CfTest qw(:DEFAULT hold let_go on);
use CfTier;

require_debug();

my $redis = CfRedis->new('main');
my $primary = CfTier->primary('primary', $redis,
	'cachefront.track_changes' => 'on',
	'cachefront.transparent' => 'marked',
	# Nobody stops waiting for another's load because the machine is busy.
	'cachefront.flight_timeout' => '10min');
my $ns = namespace($primary);

on($primary, q{
	CREATE TABLE item (id int PRIMARY KEY, v int);
	INSERT INTO item SELECT i, i FROM generate_series(1, 100) i;
	SELECT cache_define('i', scope => 'shared'), cache_define('query', scope => 'shared')});
debug($primary);
my $standby = standby_of($primary, 'standby');
my ($on_primary, $on_standby) = map { open_session($_) } $primary, $standby;

await($_, 'SELECT l2 FROM cache_status', 'up') foreach $primary, $standby;

my %kinds = (
	'a call' => sub { "SELECT cache_fetch_row('i:$_[0]', 'SELECT v FROM item WHERE id = $_[0]')->>'v'" },
	'a plain SELECT' => sub { "/* cache name=query */ SELECT v FROM item WHERE id = $_[0]" });
my $id = 0;

# Where the load that is held in the primary has its lease.
sub key_in_redis
{
	my ($key) = grep { grep { /^l/ } fields($redis, $_) } keys_of($redis, "cf:$ns:*:*");

	return $key // die 'nobody has a lease';
}

# Replay stands. The primary's load has seen WAL of which the standby has nothing, and the standby
# waits for that load; then its value comes to Redis.
sub load_ahead
{
	my ($sql, $noise) = @_;
	my $before = counters($standby);
	my ($leader, $waiter);

	await_replayed($primary, $standby);
	on($standby, 'SELECT pg_wal_replay_pause()');
	await($standby, 'SELECT pg_get_wal_replay_pause_state()', 'paused');
	# Of no commit, as the WAL of hint bits is.
	on($primary, q{SELECT pg_logical_emit_message(false, '', '')});
	hold($on_primary, 'tier-before-fill');
	$leader = start_session($primary, $sql);
	await_waitpoint($primary);
	my $key = key_in_redis();
	prolong_lease($redis, $key);
	$waiter = start_session($standby, $sql);
	await($standby, "SELECT l2_lease_waits > $before->{l2_lease_waits} FROM cache_stats WHERE cache = '*'");
	# Something that is of no use is there before.
	command($redis, 'HSET', $key, 'v', 'noise', 'm', 'noise') if $noise;
	hold($on_standby, $noise ? 'tier-before-lease' : 'tier-awaits-replay');
	await_waitpoint($standby) if $noise;
	let_go($on_primary, 'tier-before-fill');
	is(finish_session($leader)->{stdout}, $id, 'the primary runs it');
	if ($noise)
	{
		hold($on_standby, 'tier-awaits-replay');
		let_go($on_standby, 'tier-before-lease');
	}
	await_waitpoint($standby);
	return ($waiter, $before);
}

sub replay
{
	on($standby, 'SELECT pg_wal_replay_resume()');
	await_replayed($primary, $standby);
	return;
}

sub is_had
{
	my ($waiter, $before, $expected, $title) = @_;

	let_go($on_standby, 'tier-awaits-replay');
	is(finish_session($waiter)->{stdout}, $id, "$title: the row");
	is_deeply(since($standby, $before, qw(loads l2_hits)), $expected, $title);
	is(scalar(grep { grep { /^l/ } fields($redis, $_) } keys_of($redis, "cf:$ns:*:*")), 0,
		"$title: no lease is left");
	return;
}

foreach my $title (sort keys %kinds)
{
	my $sql = $kinds{$title};
	my ($waiter, $before) = load_ahead($sql->(++$id));

	replay();
	is_had($waiter, $before, { loads => 0, l2_hits => 1 }, "$title: it is replayed, and nothing is run");

	($waiter, $before) = load_ahead($sql->(++$id));
	is_had($waiter, $before, { loads => 1, l2_hits => 0 }, "$title: replay stands, and it is run");
	replay();

	# It has the lease before it sees that there is a value.
	($waiter, $before) = load_ahead($sql->(++$id), 'noise');
	replay();
	is_had($waiter, $before, { loads => 0, l2_hits => 1 }, "$title: who has got the lease gives it back");
}

$_->quit foreach $on_primary, $on_standby;
$standby->stop;
$primary->stop;
done_testing();
