# CfTier.pm - what the tests of Redis as second tier share.
#
#	my $redis = CfRedis->new('main');
#	my $node = CfTier->node('main', $redis, 'cachefront.compress' => 'off');
#	my $ns = namespace($node);				# of database postgres
#	command($redis, 'HGET', "cf:$ns:k", 'v');	# bytes, not what a terminal can show
#	field($redis, "cf:$ns:k", 'v');			# of the one variant that it holds
#	reset_l1($node);						# shared memory is empty; Redis, and what is known of it, stays
#	my $before = counters($node);
#	is_deeply(since($node, $before, qw(loads l2_hits)), { loads => 0, l2_hits => 1 });

package CfTier;

use strict;
use warnings;

use Exporter 'import';
use IO::Socket::UNIX;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Time::HiRes qw(sleep time);
use CfTest;

our @EXPORT = qw(await_beat await_bus await_rounds beat_ms command counters expiring field fields keep keys_of namespace
  redis_ms reset_l1 run_on_all since standby_of tier_conf value_in wait_for_beat
  wait_for_bus with_beat);

# Time-outs that a busy machine does not reach, and lifetimes without chance.
sub tier_conf
{
	my ($redis, %conf) = @_;

	return (
		'autovacuum' => 'off',
		'cachefront.redis_url' => $redis->url('unix'),
		'cachefront.redis_command_timeout' => '15s',
		'cachefront.redis_connect_timeout' => '15s',
		'cachefront.ttl_jitter' => 0,
		'cachefront.xfetch_beta' => 0,
		%conf);
}

sub node
{
	my ($class, $name, $redis, %conf) = @_;

	my $node = CfTest->node($name, tier_conf($redis, %conf));

	settle($node, $redis);
	return $node;
}

# Waits until the server follows the bus, so that what its worker asks of Redis
# at first is over.
sub settle
{
	my ($node, $redis) = @_;

	$node->safe_psql('postgres', q{SELECT cache_fetch('settle', 'SELECT 1')});
	await_bus($redis, 1);
	$node->safe_psql('postgres', 'SELECT cache_stats_reset()');
	return;
}

# Until so many servers do.
sub wait_for_bus
{
	my ($redis, $servers) = @_;
	my $deadline = time() + $PostgreSQL::Test::Utils::timeout_default;

	while (time() < $deadline)
	{
		my $n = () = command($redis, 'CLIENT', 'LIST') =~ /cmd=xread/g;

		return 1 if $n == $servers;
		sleep 0.05;
	}
	return 0;
}

sub await_bus
{
	my ($redis, $servers) = @_;

	die 'nobody follows the bus' unless wait_for_bus($redis, $servers);
	return;
}

# Until the bus workers of so many servers have looked at their streams so many
# times more: what they would do by themselves they have done by then.
sub await_rounds
{
	my ($redis, $servers, $n) = @_;
	my $rounds = sub { command($redis, 'INFO', 'commandstats') =~ /cmdstat_xinfo(?:\|stream)?:calls=(\d+)/ ? $1 : 0 };
	my $before = $rounds->();

	await_that('for rounds of the bus', sub { $rounds->() >= $before + $servers * $n });
	return;
}

# A primary that standbys can be made of.
sub primary
{
	my ($class, $name, $redis, %conf) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	%conf = tier_conf($redis, 'shared_preload_libraries' => 'cachefront',
		'max_connections' => 200, 'cachefront.hash_seed' => 1, 'cachefront.track_changes' => 'off', %conf);
	$node->init(allows_streaming => 1);
	$node->append_conf('postgresql.conf', "$_ = '$conf{$_}'") foreach sort keys %conf;
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION cachefront');
	return $node;
}

# A started standby with its primary's settings, and more.
sub standby_of
{
	my ($primary, $name, %conf) = @_;
	my $standby = PostgreSQL::Test::Cluster->new($name);

	$primary->backup("for_$name");
	$standby->init_from_backup($primary, "for_$name", has_streaming => 1);
	$standby->append_conf('postgresql.conf', "$_ = '$conf{$_}'") foreach sort keys %conf;
	$standby->start;
	$primary->wait_for_catchup($standby);
	return $standby;
}

# A standby fills where nothing is left of invalidations only with proof that
# none was lost of late: a young sign of life of the primary, which it has
# replayed.
sub wait_for_beat
{
	my ($redis, $ns, $standby) = @_;
	my $deadline = time() + $PostgreSQL::Test::Utils::timeout_default;

	while (time() < $deadline)
	{
		my @floor = split / /, command($redis, 'GET', "cff:$ns") // '';

		if (@floor > 3 && command($redis, 'TIME')->[0] - $floor[3] / 1000 < 6)
		{
			my $beat = join '/', map { sprintf '%X', hex } $floor[2] =~ /^(.{8})(.{8})$/;

			return 1
			  if $standby->safe_psql('postgres', "SELECT pg_last_wal_replay_lsn() >= '$beat'") eq 't';
		}
		sleep 0.1;
	}
	return 0;
}

sub await_beat
{
	my ($redis, $ns, $standby) = @_;

	die 'there is no sign of life' unless wait_for_beat($redis, $ns, $standby);
	return;
}

# Reads with a query until an entry of a key is in a server's memory: a standby may
# not keep what it reads for want of proof, or hear of an invalidation meanwhile. What
# is to be forgotten must have been there.
sub keep
{
	my ($server, $key, $sql, $database) = @_;

	await_that("for an entry $key of " . $server->name, sub {
		$server->safe_psql($database // 'postgres', "$sql; SELECT count(*) > 0 FROM cache_entries
			WHERE key = '$key' AND database = current_database() AND state = 'fresh'") =~ /^t\z/m;
	});
	return;
}

# When the writing server has given its last sign of life, by the clock of Redis.
sub beat_ms
{
	my ($redis, $ns) = @_;

	return (split / /, command($redis, 'GET', "cff:$ns") // '')[3] // 0;
}

sub redis_ms
{
	my ($redis) = @_;
	my $time = command($redis, 'TIME');

	return $time->[0] * 1000 + int($time->[1] / 1000);
}

# A sign of life proves nothing any more when it is ten seconds old. Runs a
# function, told the number of the attempt, until one was there from begin to
# end: what a busy machine took longer for says nothing.
sub with_beat
{
	my ($redis, $ns, $standby, $function) = @_;

	foreach my $attempt (0 .. 19)
	{
		await_beat($redis, $ns, $standby);
		my $at = beat_ms($redis, $ns);
		my @result = $function->($attempt);

		return @result if redis_ms($redis) - $at < 9500;
	}
	die 'no attempt was over while a sign of life was young';
}

# Starts sessions on several servers at once: they connect, and wait for each
# other. Arguments: what to do when all are there; pairs of a server and a list of
# { sql, n, delay }. Returns the outputs of all, sorted and each once, with how
# often it came: "42 x 100".
my $barrier = 715518;

sub run_on_all
{
	my ($ready, @pairs) = @_;
	my (@sessions, @holders, %seen);

	for (my $i = 0; $i < @pairs; $i += 2)
	{
		my ($node, $jobs) = @pairs[ $i, $i + 1 ];
		my $n = 0;

		push @holders, open_session($node);
		$holders[-1]->query_safe("SELECT pg_advisory_lock($barrier)");
		foreach my $job (@$jobs)
		{
			my $delay = $job->{delay} // 0;

			push @sessions, start_session($node,
				"DO \$\$ BEGIN PERFORM pg_advisory_lock_shared($barrier); PERFORM pg_advisory_unlock_shared($barrier);"
				  . " PERFORM pg_sleep($delay); END \$\$;\n$job->{sql}")
			  for 1 .. $job->{n};
			$n += $job->{n};
		}
		await($node, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = $barrier AND NOT granted", $n);
	}
	$ready->();
	$_->query_safe("SELECT pg_advisory_unlock($barrier)") foreach @holders;
	$_->quit foreach @holders;
	foreach my $session (@sessions)
	{
		my $result = finish_session($session);

		$seen{"$result->{stdout}$result->{stderr}"}++;
	}
	return join ', ', map { "$_ x $seen{$_}" } sort keys %seen;
}

# The namespace of a database, where cachefront.namespace is empty.
sub namespace
{
	my ($node, $database) = @_;

	$database //= 'postgres';
	return $node->safe_psql('postgres',
		'SELECT system_identifier FROM pg_control_system()') . ".$database";
}

# ---- Redis, byte by byte ----

# One command on a connection of its own. Returns bytes, a number, undef or a
# reference to a list; dies of an error.
sub command
{
	my ($redis, @words) = @_;
	my $socket = IO::Socket::UNIX->new(Peer => $redis->{socket})
	  or die "could not connect to Redis: $!";
	my $reply;

	binmode $socket;
	print $socket '*' . @words . "\r\n"
	  . join('', map { '$' . length($_) . "\r\n$_\r\n" } @words);
	$socket->flush;
	$reply = read_reply($socket);
	close $socket;
	return $reply;
}

sub read_reply
{
	my ($socket) = @_;
	my $line = <$socket> // die 'Redis closed the connection';
	my ($type, $rest) = $line =~ /^([-+:\$*])(.*)\r\n$/s or die "reply: $line";

	die "Redis: $rest" if $type eq '-';
	return $rest if $type eq '+' || $type eq ':';
	return undef if $rest < 0;
	return [ map { read_reply($socket) } 1 .. $rest ] if $type eq '*';
	read($socket, my $bytes, $rest + 2) == $rest + 2 or die 'reply is cut off';
	return substr($bytes, 0, $rest);
}

sub keys_of
{
	my ($redis, $pattern) = @_;

	return sort @{ command($redis, 'KEYS', $pattern // '*') };
}

# Names of a hash's fields.
sub fields
{
	my ($redis, $key) = @_;

	return sort @{ command($redis, 'HKEYS', $key) };
}

# The name of the field of a kind ('v', 'm', 'l') of a key with one variant.
sub field
{
	my ($redis, $key, $kind) = @_;
	my @found = grep { /^$kind(:|$)/ } fields($redis, $key);

	die scalar(@found) . " fields $kind in $key" unless @found == 1;
	return $found[0];
}

# The one value that a key of scope 'shared' holds, or ''.
sub value_in
{
	my ($redis, $key) = @_;

	return command($redis, 'HGET', $key, 'v') // '';
}

# Keys that nobody will ever remove, but for the floor, which must stay, and the
# bus, which is trimmed by its length.
sub expiring
{
	my ($redis) = @_;

	return join(' ', grep { !/^cf[fb]:/ && command($redis, 'PTTL', $_) < 0 } keys_of($redis));
}

# ---- the server ----

# No entry is left in memory, and the counters begin anew. For a node with debug().
sub reset_l1
{
	my ($node) = @_;

	$node->safe_psql('postgres', 'SELECT cf_debug_forget_l1(oid) FROM pg_database; SELECT cache_stats_reset()');
	return;
}

# All counters of the whole server.
sub counters
{
	my ($node) = @_;
	my $json = $node->safe_psql('postgres',
		"SELECT string_agg(key || '=' || value, ' ') FROM cache_stats s,"
		  . " json_each_text(row_to_json(s)) WHERE cache = '*' AND key <> 'cache'");

	return { map { split /=/ } split / /, $json };
}

# By how much some have grown.
sub since
{
	my ($node, $before, @names) = @_;
	my $now = counters($node);

	return { map { $_ => $now->{$_} - $before->{$_} } @names };
}

1;
