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

our @EXPORT = qw(await_replayed await_told command counters expiring field fields keep keys_of namespace
  prolong_lease reset_l1 run_on_all since standby_of tier_conf value_in);

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

	settle($node);
	return $node;
}

# Waits until the server uses Redis: until it knows who it is, it does not.
sub settle
{
	my ($node) = @_;

	await($node, q{SELECT l2 FROM cache_status}, 'up');
	$node->safe_psql('postgres', 'SELECT cache_stats_reset()');
	return;
}

# Until Redis has been told of all that was committed.
sub await_told
{
	my ($node) = @_;

	await($node, 'SELECT redis_queue FROM cache_status', 0);
	return;
}

# Until a standby has replayed all WAL that the primary has by now: what a load there has
# seen. What is not of a commit nobody flushes soon.
sub await_replayed
{
	my ($primary, $standby) = @_;

	$primary->safe_psql('postgres', q{SELECT pg_logical_emit_message(true, '', '')});
	$primary->wait_for_catchup($standby);
	return;
}

# A primary that standbys can be made of.
sub primary
{
	my ($class, $name, $redis, %conf) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	%conf = tier_conf($redis, 'shared_preload_libraries' => 'cachefront',
		'max_connections' => 200, 'cachefront.hash_seed' => 1, 'cachefront.track_changes' => 'off',
		'cachefront.l1_save' => 'off', 'cachefront.hot_keys' => 0, %conf);
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

# As if the load that has the lease of a key took an hour: nobody takes it over because a
# machine is busy.
sub prolong_lease
{
	my ($redis, $key) = @_;
	my $field = field($redis, $key, 'l');
	my $lease = command($redis, 'HGET', $key, $field);

	$lease =~ s/\@(\d+)\+(\d+)$/'@' . ($1 + 3600000) . '+' . ($2 + 3600000)/e or die "lease: $lease";
	command($redis, 'HSET', $key, $field, $lease);
	return;
}

# The one value that a key of scope 'shared' holds, or ''.
sub value_in
{
	my ($redis, $key) = @_;

	return command($redis, 'HGET', $key, 'v') // '';
}

# Keys that nobody will ever remove.
sub expiring
{
	my ($redis) = @_;

	return join(' ', grep { command($redis, 'PTTL', $_) < 0 } keys_of($redis));
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
