# A commit at each point where a reader on a standby deals with Redis: what is read
# afterwards, on either server, is what its tables have. The races on the writing server
# alone are specs: test/specs/redis_*.spec.

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
	'cachefront.track_changes' => 'on',
	'cachefront.flight_timeout' => '2min',
	'max_prepared_transactions' => 2);
my $ns = namespace($primary);
my $key = 0;

# By key, by a tag, by the table.
my %kinds = (key => 'item', tag => 'tagged', table => 'total');

foreach my $table (sort values %kinds)
{
	$primary->safe_psql('postgres', qq{
		CREATE TABLE $table (id int PRIMARY KEY, v int);
		INSERT INTO $table SELECT i, 0 FROM generate_series(1, 100) i;
		SELECT cache_define('$table', scope => 'shared')});
}
$primary->safe_psql('postgres', q{SELECT cache_attach('item', 'item:{id}'), cache_attach('tagged', tags => '{"t:{id}"}')});
debug($primary);
my $standby = standby_of($primary, 'standby');
my %control = map { $_->name => open_session($_, 'postgres') } $primary, $standby;

await($_, 'SELECT l2 FROM cache_status', 'up') foreach $primary, $standby;

sub read_sql
{
	my ($kind, $id) = @_;
	my $tags = $kind eq 'tag' ? ", tags => '{t:$id}'" : '';

	return "SELECT cache_fetch_row('$kinds{$kind}:$id', 'SELECT v FROM $kinds{$kind} WHERE id = $id'$tags)->>'v'";
}

# Not from memory, unless that is asked for.
sub start_read
{
	my ($server, $kind, $id, %conf) = @_;

	return start_session($server, read_sql($kind, $id), conf => { 'cachefront.l1_max_value' => 0, %conf });
}

sub value_of
{
	my ($session) = @_;
	my $result = finish_session($session);

	return $result->{stdout} . $result->{stderr};
}

sub update
{
	my ($kind, $id, $v) = @_;

	$primary->safe_psql('postgres', "UPDATE $kinds{$kind} SET v = $v WHERE id = $id");
	return;
}

sub hold
{
	my ($server, $point) = @_;

	$control{ $server->name }->query_safe("SELECT cf_debug_waitpoint_enable('$point')");
	return;
}

sub let_go
{
	my ($server, $point) = @_;

	$control{ $server->name }->query_safe("SELECT cf_debug_waitpoint_release('$point')");
	return;
}

sub both_read
{
	my ($title, $kind, $id, $v) = @_;

	foreach my $server ($standby, $primary)
	{
		is(value_of(start_read($server, $kind, $id)), $v, "$title: " . $server->name . ' reads what is new');
		is(value_of(start_read($server, $kind, $id, 'cachefront.l1_max_value' => '1MB')), $v, "$title: and keeps that")
		  foreach 1, 2;
	}
	return;
}

# A read that is held at a point, while a commit is made, and replayed or not.
foreach my $kind (sort keys %kinds)
{
	foreach my $case (
		[ $standby, 'tier-after-look', 1 ],
		[ $standby, 'tier-clocks-read', 1 ],
		[ $standby, 'tier-before-lease', 0 ],
		[ $standby, 'load-after-snapshot', 0 ],
		[ $standby, 'load-after-query', 0 ],
		[ $standby, 'tier-before-fill', 0 ],
		[ $primary, 'tier-before-fill', 0 ],
		[ $primary, 'tier-fill-checked', 0 ])
	{
		my ($server, $point, $filled) = @$case;

		foreach my $replayed (1, 0)
		{
			my $id = ++$key;
			my $title = "$kind, $point on " . $server->name . ($replayed ? '' : ', not replayed');

			is(value_of(start_read($primary, $kind, $id)), 0, "$title: filled") if $filled;
			await_replayed($primary, $standby);
			hold($server, $point);
			my $reader = start_read($server, $kind, $id);
			await_waitpoint($server);
			if (!$replayed)
			{
				$standby->safe_psql('postgres', 'SELECT pg_wal_replay_pause()');
				await($standby, 'SELECT pg_get_wal_replay_pause_state()', 'paused');
			}
			update($kind, $id, 1);
			$primary->wait_for_catchup($standby) if $replayed;
			let_go($server, $point);
			like(value_of($reader), qr/^[01]$/, "$title: read");
			if (!$replayed)
			{
				is(value_of(start_read($standby, $kind, $id)), 0, "$title: the standby reads its tables");
				is(value_of(start_read($primary, $kind, $id)), 1, "$title: and the primary its own");
				is(value_of(start_read($standby, $kind, $id)), 0, "$title: which the standby does not take");
				$standby->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
				$primary->wait_for_catchup($standby);
			}
			both_read($title, $kind, $id, 1);
			$key = 0 if $key == 100;
		}
		$primary->safe_psql('postgres', join ';', 'SELECT cache_flush()', map { "UPDATE $_ SET v = 0" } values %kinds);
		$primary->wait_for_catchup($standby);
		$key = 0;
	}
}

# A commit that stops on its way, visible on the standby and not settled on the primary.
foreach my $kind (sort keys %kinds)
{
	# Of a table without rules there is no log.
	foreach my $point ($kind eq 'table' ? 'writeset-before-settle' : ('commit-before-log', 'commit-before-settle'))
	{
		my $id = ++$key;
		my ($writer, $v);

		is(value_of(start_read($_, $kind, $id)), 0, "$kind, $point: filled") foreach $primary, $standby;
		$primary->safe_psql('postgres', "SELECT cf_debug_hold('$point')");
		$writer = start_session($primary, "UPDATE $kinds{$kind} SET v = 1 WHERE id = $id");
		await($primary, 'SELECT cf_debug_held()', 1);
		$primary->wait_for_catchup($standby);
		foreach my $server ($primary, $standby)
		{
			$v = $server->safe_psql('postgres', "SELECT v FROM $kinds{$kind} WHERE id = $id");
			is(value_of(start_read($server, $kind, $id)), $v, "$kind, $point: " . $server->name . ' reads its tables') foreach 1, 2;
		}
		$primary->safe_psql('postgres', 'SELECT cf_debug_hold(NULL)');
		is(finish_session($writer)->{status}, 0, "$kind, $point: the commit ends");
		$primary->wait_for_catchup($standby);
		both_read("$kind, $point", $kind, $id, 1);
	}
}

# Prepared, and committed later.
foreach my $kind (sort keys %kinds)
{
	my $id = ++$key;

	is(value_of(start_read($_, $kind, $id)), 0, "$kind, prepared: filled") foreach $primary, $standby;
	$primary->safe_psql('postgres', "BEGIN; UPDATE $kinds{$kind} SET v = 1 WHERE id = $id; PREPARE TRANSACTION 'p'");
	$primary->wait_for_catchup($standby);
	is(value_of(start_read($_, $kind, $id)), 0, "$kind, prepared: " . $_->name) foreach $primary, $standby;
	$primary->safe_psql('postgres', "COMMIT PREPARED 'p'");
	$primary->wait_for_catchup($standby);
	both_read("$kind, prepared", $kind, $id, 1);
}

is(expiring($redis), '', 'every key in Redis has a time to live');
$_->quit foreach values %control;
$standby->stop;
$primary->stop;
done_testing();
