# A commit at each point where a reader on a standby deals with Redis: nothing
# old gets into Redis, and what is read afterwards, on either server, is new. The
# races on the writing server alone are specs: test/specs/redis_*.spec.

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

require_debug();

my $redis = CfRedis->new('main');
my $primary = CfTier->primary('primary', $redis,
	'cachefront.fence_ttl' => '2min',
	'cachefront.flight_timeout' => '2min',
	'cachefront.l1_ttl' => '10min',
	'max_prepared_transactions' => 2);
my $ns = namespace($primary);
my $key = 0;

# Values that are too large for L1 where cachefront.l1_max_value says so.
$primary->safe_psql('postgres', q{
	CREATE TABLE item (id int PRIMARY KEY, v int);
	INSERT INTO item SELECT i, 0 FROM generate_series(1, 100) i;
	CREATE TABLE total (id int PRIMARY KEY, v int);
	INSERT INTO total SELECT i, 0 FROM generate_series(1, 100) i;
	SELECT cache_attach('item', 'i:{id}'), cache_attach('total', tags => '{"t:{id}"}');
	SELECT cache_define('i', scope => 'shared'), cache_define('t', scope => 'shared');
});
debug($primary);
my $standby = standby_of($primary, 'standby');
my $control = open_session($standby, 'postgres');

# By key, or by a tag.
my %sql = (
	key => q{SELECT left(cache_fetch('i:%1$s', 'SELECT v, repeat(''x'', 2000) AS x FROM item WHERE id = %1$s')::text, 10)},
	tag => q{SELECT left(cache_fetch('t:%1$s', 'SELECT v, repeat(''x'', 2000) AS x FROM total WHERE id = %1$s', tags => '{t:%1$s}')::text, 10)});
my %table = (key => 'item', tag => 'total');

sub read_sql
{
	my ($kind, $id) = @_;

	return sprintf $sql{$kind}, $id;
}

# Not from this server's memory.
sub past_l1
{
	return { 'cachefront.l1_max_value' => '1kB' };
}

sub update
{
	my ($kind, $id, $v) = @_;

	$primary->safe_psql('postgres', "UPDATE $table{$kind} SET v = $v WHERE id = $id");
	return;
}

sub hold
{
	my ($point) = @_;

	$control->query_safe("SELECT cf_debug_waitpoint_enable('$point')");
	return;
}

sub let_go
{
	my ($point) = @_;

	$control->query_safe("SELECT cf_debug_waitpoint_release('$point')");
	return;
}

sub value_of
{
	my ($session) = @_;
	my $result = finish_session($session);

	return $result->{stdout} =~ /"v":(-?\d+)/ ? $1 : "nothing: $result->{stdout}$result->{stderr}";
}

sub read_now
{
	my ($node, $kind, $id) = @_;

	return value_of(start_session($node, read_sql($kind, $id), conf => past_l1()));
}

# The value in Redis, '' for none.
sub in_redis
{
	my ($kind, $id) = @_;
	my $bytes = value_in($redis, "cf:$ns:" . ($kind eq 'key' ? 'i' : 't') . ":$id");

	return $bytes =~ /"v":(-?\d+)/ ? $1 : '';
}

# A read on the standby that is held at a wait point. Where it lags just then it
# gets no lease, and the read goes its way: then another is tried.
sub hold_read
{
	my ($point, $kind, $id) = @_;

	foreach (1 .. 20)
	{
		my ($session, $held);

		await_beat($redis, $ns, $standby);
		hold($point);
		$session = start_session($standby, read_sql($kind, $id), conf => past_l1());
		await_that('for a read to be held, or over', sub {
			$held = $standby->safe_psql('postgres', q{SELECT count(*) FROM pg_locks
				WHERE locktype = 'advisory' AND objsubid = 3325 AND NOT granted});
			return $held || is_over($session);
		});
		return $session if $held;
		let_go($point);
		finish_session($session);
	}
	die "no read was held at $point";
}

# Such a read, while an update commits.
sub race
{
	my ($point, $kind, $id) = @_;
	my $session = hold_read($point, $kind, $id);

	update($kind, $id, 1);
	$primary->wait_for_catchup($standby);
	let_go($point);
	return value_of($session);
}

# ---- a commit between two steps of the reader ----

# What a standby reads may be as old as its tables; what matters is Redis.
foreach my $kind ('key', 'tag')
{
	my $id = ++$key;

	is(read_now($primary, $kind, $id), 0, "$kind: filled by the primary");
	is(read_now($standby, $kind, $id), 0, "$kind: read by the standby");
	like(race('tier-after-look', $kind, $id), qr/^[01]$/, "$kind: a commit between look and use");
	is(read_now($_, $kind, $id), 1, "$kind: then " . $_->name . ' reads what is new') foreach $standby, $primary;

	$id = ++$key;
	is(read_now($primary, $kind, $id), 0, "$kind: for a version");
	command($redis, 'DEL', "cf:$ns:" . ($kind eq 'key' ? 'i' : 't') . ":$id");
	like(race('tier-before-fill', $kind, $id), qr/^[01]$/, "$kind: a commit after the load");
	isnt(in_redis($kind, $id), 0, "$kind: nothing old is in Redis") if $kind eq 'key';
	is(read_now($_, $kind, $id), 1, "$kind: and " . $_->name . ' reads what is new') foreach $standby, $primary;
}

# ---- a commit that stops on its way ----

# Holds a commit at a point and returns its session.
sub hold_commit
{
	my ($point, $kind, $id) = @_;
	my $session;

	$primary->safe_psql('postgres', "SELECT cf_debug_hold('$point')");
	$session = start_session($primary, "UPDATE $table{$kind} SET v = 1 WHERE id = $id");
	await($primary, 'SELECT cf_debug_held()', 1);
	return $session;
}

sub let_commit
{
	my ($session) = @_;

	$primary->safe_psql('postgres', 'SELECT cf_debug_hold(NULL)');
	is(finish_session($session)->{status}, 0, 'the commit ends');
	$primary->wait_for_catchup($standby);
	return;
}

foreach my $kind ('key', 'tag')
{
	my $id = ++$key;
	my ($writer, $reader, $before);

	# A standby has the lease when the fence comes.
	is(read_now($primary, $kind, $id), 0, "$kind: for a version");
	command($redis, 'DEL', "cf:$ns:" . ($kind eq 'key' ? 'i' : 't') . ":$id");
	$reader = hold_read('tier-before-fill', $kind, $id);
	$before = counters($standby);
	$writer = hold_commit('commit-after-fence', $kind, $id);
	let_go('tier-before-fill');
	is(value_of($reader), 0, "$kind: fenced, with a lease out: the reader has what it read");
	is(in_redis($kind, $id), '', "$kind: and Redis does not take it") if $kind eq 'key';
	is(since($standby, $before, 'l2_fills')->{l2_fills}, $kind eq 'key' ? 0 : 1, "$kind: fills");

	# It gets no lease, and does not use what is there, while the fence stands.
	$before = counters($standby);
	is(read_now($standby, $kind, $id), 0, "$kind: fenced: it reads its table");
	is_deeply(since($standby, $before, qw(loads l2_hits l2_fills)), { loads => 1, l2_hits => 0, l2_fills => 0 },
		"$kind: fenced: it neither uses Redis nor fills it");
	let_commit($writer);
	is(read_now($_, $kind, $id), 1, "$kind: settled: " . $_->name . ' reads what is new') foreach $standby, $primary;

	# Visible and settled in Redis, not yet in memory.
	$id = ++$key;
	is(read_now($_, $kind, $id), 0, "$kind: filled") foreach $primary, $standby;
	$writer = hold_commit('commit-before-settle', $kind, $id);
	$primary->wait_for_catchup($standby);
	is(read_now($standby, $kind, $id), 1, "$kind: visible: the standby reads what is new");
	let_commit($writer);
	is(read_now($_, $kind, $id), 1, "$kind: and then " . $_->name) foreach $primary, $standby;
}

# Two commits of one key, one within the other.
{
	my $id = ++$key;
	my ($first, $second);

	is(read_now($primary, 'key', $id), 0, 'two commits: filled');
	$primary->safe_psql('postgres', "SELECT cf_debug_hold('commit-after-fence')");
	$first = start_session($primary, "BEGIN; SELECT cache_invalidate('i:$id'); COMMIT");
	await($primary, 'SELECT cf_debug_held()', 1);
	$second = start_session($primary, "UPDATE item SET v = 2 WHERE id = $id");
	await($primary, 'SELECT cf_debug_held()', 2);
	is(read_now($standby, 'key', $id), 0, 'two commits: fenced twice');
	$primary->safe_psql('postgres', 'SELECT cf_debug_hold(NULL)');
	is(finish_session($_)->{status}, 0, 'two commits: done') foreach $first, $second;
	$primary->wait_for_catchup($standby);
	is(read_now($_, 'key', $id), 2, 'two commits: ' . $_->name . ' reads what is new') foreach $primary, $standby;
	is(in_redis('key', $id), 2, 'two commits: and it is in Redis');
}

# ---- Redis evicts a fence ----

# All that it may, but for some.
sub evict
{
	my (@but) = @_;

	command($redis, 'PERSIST', $_) foreach @but;
	command($redis, 'CONFIG', 'SET', 'maxmemory-policy', 'volatile-lru');
	command($redis, 'CONFIG', 'SET', 'maxmemory', 1);
	await_that('for Redis to evict', sub {
		eval { command($redis, 'SET', 'one', 'more') };
		return command($redis, 'INFO', 'keyspace') =~ /expires=0/;
	});
	command($redis, 'CONFIG', 'SET', 'maxmemory', 0);
	return;
}

# Is there a sign of life from after what was evicted by now?
sub has_beat
{
	my ($evicted) = command($redis, 'INFO', 'stats') =~ /evicted_keys:(\d+)/;
	my @floor = split / /, command($redis, 'GET', "cff:$ns");

	return $floor[2] ne 'F' x 16 && $floor[4] == $evicted;
}

# Commits that are visible, but not settled.
sub show_commits
{
	my ($n) = @_;

	$primary->safe_psql('postgres', q{SELECT cf_debug_hold('commit-visible')});
	await($primary, 'SELECT cf_debug_held()', $n);
	$primary->wait_for_catchup($standby);
	return;
}

# What the writing server says of where it is must not count for a commit that
# has fenced before, for its fence may be gone.
{
	my %id = map { $_ => ++$key } 'key', 'tag';
	my @writers;

	$primary->safe_psql('postgres', q{SELECT cf_debug_hold('commit-after-fence')});
	@writers = map { start_session($primary, "UPDATE $table{$_} SET v = 1 WHERE id = $id{$_}") } sort keys %id;
	await($primary, 'SELECT cf_debug_held()', 2);
	evict();
	# The writing server would give one in each of some rounds of its bus.
	await_rounds($redis, 2, 8);
	ok(!has_beat(), 'no sign of life while a commit is under way');
	is(read_now($standby, $_, $id{$_}), 0, "$_: its fence is gone: the standby reads its table") foreach sort keys %id;
	is(in_redis($_, $id{$_}), '', "$_: and does not fill") foreach sort keys %id;
	show_commits(2);
	is(read_now($standby, $_, $id{$_}), 1, "$_: visible: it reads what is new") foreach sort keys %id;
	$primary->safe_psql('postgres', 'SELECT cf_debug_hold(NULL)');
	is(finish_session($_)->{status}, 0, 'the commit ends') foreach @writers;
	await_that('for a sign of life', \&has_beat);
	foreach my $kind (sort keys %id)
	{
		await_beat($redis, $ns, $standby);
		is(read_now($standby, $kind, $id{$kind}), 1, "$kind: settled: the standby reads what is new");
	}
}

# A standby that has got its lease by such a sign, and makes a version by it.
{
	my $id = ++$key;
	my $tag = "cft:$ns:t:$id";
	my ($reader, $writer);

	$reader = hold_read('tier-before-mark', 'tag', $id);
	like(join(' ', fields($redis, "cf:$ns:t:$id")), qr/^l/, 'the standby has a lease');
	$writer = hold_commit('commit-after-fence', 'tag', $id);
	like(command($redis, 'GET', $tag), qr/^f /, 'the tag is fenced');
	evict("cf:$ns:t:$id");
	is(command($redis, 'GET', $tag), undef, 'Redis evicts that');
	let_go('tier-before-mark');
	is(value_of($reader), 0, 'the standby reads its table');
	unlike(command($redis, 'GET', $tag) // '', qr/^v /, 'and makes no version');
	is(in_redis('tag', $id), '', 'or fills');
	show_commits(1);
	is(read_now($standby, 'tag', $id), 1, 'visible: it reads what is new');
	let_commit($writer);
}

# A mark must not hide from standbys what was invalidated before it, should it be
# fenced before it is confirmed, and the fence be lifted.
{
	my $id = ++$key;
	my $tag = "cft:$ns:t:$id";
	my $points = open_session($primary, 'postgres');
	my ($reader, $writer, $known);

	$points->query_safe("SELECT cf_debug_waitpoint_enable('tier-before-$_')") foreach 'mark', 'confirm';
	$reader = start_session($primary,
		"SELECT cache_fetch('mark', 'SELECT v FROM total WHERE id = $id', tags => '{t:$id}')", conf => past_l1());
	await_waitpoint($primary);
	update('tag', $id, 1);
	($known) = command($redis, 'GET', $tag) =~ /^u (\w{16})$/;
	ok($known, 'a tag without a version was invalidated');
	$points->query_safe(q{SELECT cf_debug_waitpoint_release('tier-before-mark')});
	await_that('for a mark', sub { command($redis, 'GET', $tag) =~ /^m / });
	cmp_ok(command($redis, 'GET', $tag) =~ /^m (\w{16})/ ? $1 : 'X', 'lt', $known, 'a reader from before that marks it');
	$points->query_safe(q{SELECT cf_debug_waitpoint_enable('commit-after-fence')});
	$writer = start_session($primary, "SELECT cache_invalidate_tag('t:$id')", name => 'cancelled');
	await_waitpoint($primary, 2);
	$primary->safe_psql('postgres', q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'cancelled'});
	isnt(finish_session($writer)->{status}, 0, 'a transaction fences it, and is rolled back');
	is(command($redis, 'GET', $tag), "u $known", 'what was known is known');
	$points->query_safe(q{SELECT cf_debug_waitpoint_release('tier-before-confirm')});
	finish_session($reader);
	$points->quit;
}

# No callback tells the end of what a COMMIT PREPARED began that was refused here.
$primary->psql('postgres', "BEGIN;\nSAVEPOINT a;\nCOMMIT PREPARED 'none';\n"
	  . "ROLLBACK TO a;\nPREPARE TRANSACTION 'some';", on_error_stop => 0);
is($primary->safe_psql('postgres', 'SELECT gid FROM pg_prepared_xacts'), 'some', 'prepared');
# One may be on its way.
foreach (1, 2)
{
	my $beat_at = beat_ms($redis, $ns);

	await_that('for a sign of life', sub { beat_ms($redis, $ns) != $beat_at });
}
pass('and signs of life go on');
$primary->safe_psql('postgres', q{ROLLBACK PREPARED 'some'});

# Redis is restarted while a commit is under way, and has lost the fence: who
# writes the new floor does not know of the commit.
{
	my $id = ++$key;
	my $writer = hold_commit('commit-after-fence', 'key', $id);
	my @floor;

	$redis->restart;
	ok(wait_until($primary, "SELECT l2 FROM cache_status, cache_fetch('up', 'SELECT 1')", 'up'), 'a new run of Redis');
	@floor = split / /, command($redis, 'GET', "cff:$ns");
	is($floor[2], 'F' x 16, 'its floor is no sign of life');
	$primary->wait_for_catchup($standby);
	ok(wait_until($standby, "SELECT l2 FROM cache_status, cache_fetch('up', 'SELECT 1')", 'up'), 'which the standby uses');
	is(read_now($standby, 'key', $id), 0, 'it reads its table');
	is(in_redis('key', $id), '', 'and does not fill');
	show_commits(1);
	is(read_now($standby, 'key', $id), 1, 'visible: it reads what is new');
	let_commit($writer);
}

is(expiring($redis), '', 'every key in Redis has a time to live');
$control->quit;
$standby->stop;
$primary->stop;
done_testing();
