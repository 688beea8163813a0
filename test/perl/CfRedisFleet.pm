# CfRedisFleet.pm - Redis servers that belong together: masters with replicas and
# Sentinels, or a Redis Cluster. Built on CfRedis.
#
#	my $fleet = CfRedisFleet->sentinel;			# master, replica, three Sentinels
#	$fleet->url;								# redis+sentinel://.../main
#	my $fleet = CfRedisFleet->cluster;			# three masters, a replica each
#	$fleet->url;								# redis+cluster://...
#	my $node = $fleet->owner('key');			# the CfRedis that has the key's slot
#	$fleet->move_slot($slot, $from, $to, how => 'half');
#
# With tls => CfRedis::certificates($dir) they speak nothing but TLS, to each other too; with
# password => '...' they ask everybody for it, and know a user "app" who has the same.
#
# All listen on 127.0.0.1. A node of a cluster has a second port, 10,000 above the
# first, so ports are taken from where that one is free as well.

package CfRedisFleet;

use strict;
use warnings;

use CfRedis;
use CfTest;
use IO::Socket::INET;
use PostgreSQL::Test::Utils;

my $next_port = 20000 + ($$ * 37) % 20000;

sub is_free
{
	my ($port) = @_;
	my $socket = IO::Socket::INET->new(
		LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 1, ReuseAddr => 1);

	return defined $socket;
}

sub free_port
{
	do
	{
		$next_port = 20000 if ++$next_port >= 45000;
	} until is_free($next_port) && is_free($next_port + 10000);
	return $next_port;
}

sub server
{
	my ($name, $option, @conf) = @_;
	my $redis = CfRedis->new($name, stopped => 1);

	$redis->{port} = free_port();
	$redis->configure(@conf, tls_conf($redis, $option));
	if (defined $option->{password})
	{
		$redis->{cli_password} = $option->{password};
		$redis->configure(requirepass => $option->{password}, masterauth => $option->{password},
			user => "app on >$option->{password} ~* &* +\@all");
	}
	$redis->start;
	return $redis;
}

sub tls_conf
{
	my ($redis, $option) = @_;
	my $tls = $option->{tls};

	return unless $tls;
	return (
		'port' => 0,
		'tls-port' => $redis->{port},
		'tls-ca-cert-file' => $tls->{ca},
		'tls-cert-file' => $tls->{server_cert},
		'tls-key-file' => $tls->{server_key},
		'tls-auth-clients' => 'no',
		'tls-replication' => 'yes',
		'tls-cluster' => 'yes');
}

# ---- Sentinels ----

sub sentinel
{
	my ($class, %option) = @_;
	my $self = bless { kind => 'sentinel', sentinels => [], tls => $option{tls} }, $class;
	my @common = ('repl-diskless-sync-delay' => 0, 'repl-timeout' => 5);

	$self->{master} = server('master', \%option, @common, @{ $option{conf} // [] });
	$self->{replica} = server('replica', \%option, @common, @{ $option{conf} // [] },
		replicaof => "127.0.0.1 $self->{master}->{port}");
	await_that('for the replica', sub {
		$self->{replica}->cli('INFO', 'replication') =~ /master_link_status:up/ });
	foreach my $i (1 .. 3)
	{
		push @{ $self->{sentinels} }, $self->start_sentinel($i, %option);
	}
	await_that('for the Sentinels to know each other', sub {
		!grep { $_->cli('SENTINEL', 'MASTER', 'main') !~ /num-slaves\n1\nnum-other-sentinels\n2\n/ }
		  @{ $self->{sentinels} } });
	return $self;
}

sub start_sentinel
{
	my ($self, $i, %option) = @_;
	my $sentinel = CfRedis->new("sentinel$i", stopped => 1, sentinel => 1);

	$sentinel->{port} = free_port();
	$sentinel->configure(@{ $option{sentinel_conf} // [] }, tls_conf($sentinel, \%option));
	$sentinel->{lines} = [
		"sentinel monitor main 127.0.0.1 $self->{master}->{port} 2",
		'sentinel down-after-milliseconds main 1000',
		'sentinel failover-timeout main 5000',
		defined $option{password} ? "sentinel auth-pass main $option{password}" : () ];
	$sentinel->start;
	return $sentinel;
}

# ---- a cluster ----

sub cluster
{
	my ($class, %option) = @_;
	my $self = bless { kind => 'cluster', nodes => [], tls => $option{tls} }, $class;
	my @conf = (
		'cluster-enabled' => 'yes',
		'cluster-node-timeout' => 1000,
		'repl-diskless-sync-delay' => 0,
		@{ $option{conf} // [] });

	push @{ $self->{nodes} }, server("node$_", \%option, @conf) foreach 1 .. 6;
	my @masters = @{ $self->{nodes} }[0 .. 2];
	foreach my $i (0 .. 2)
	{
		my ($first, $last) = (int(16384 * $i / 3), int(16384 * ($i + 1) / 3) - 1);

		$masters[$i]->cli('CLUSTER', 'ADDSLOTSRANGE', $first, $last);
		$masters[$i]->cli('CLUSTER', 'SET-CONFIG-EPOCH', $i + 1);
	}
	id($_) foreach @{ $self->{nodes} };
	$self->{nodes}->[0]->cli('CLUSTER', 'MEET', '127.0.0.1', $_->{port})
	  foreach @{ $self->{nodes} }[1 .. 5];
	await_that('for the nodes to meet', sub {
		!grep { $_->cli('CLUSTER', 'INFO') !~ /cluster_known_nodes:6\r?\n/ } @{ $self->{nodes} } });
	foreach my $i (0 .. 2)
	{
		my $replica = $self->{nodes}->[ $i + 3 ];
		my $id = $masters[$i]->cli('CLUSTER', 'MYID');

		await_that('for a replica',
			sub { $replica->cli('CLUSTER', 'REPLICATE', $id) eq 'OK' });
	}
	$self->await_ok;
	return $self;
}

# Until all is well: what is promoted before has nothing.
sub await_ok
{
	my ($self) = @_;

	await_that('for the cluster', sub {
		!grep { $_->cli('CLUSTER', 'INFO') !~ /cluster_state:ok/
			  || $_->cli('INFO', 'replication') !~ /role:master|master_link_status:up/ }
		  @{ $self->{nodes} } });
	return;
}

sub url
{
	my ($self, $userinfo) = @_;
	my $at = defined $userinfo ? "$userinfo\@" : '';
	my $list = $self->{kind} eq 'cluster' ? [ @{ $self->{nodes} }[0, 1] ] : $self->{sentinels};

	return ($self->{tls} ? 'rediss' : 'redis') . "+$self->{kind}://$at" . join(',', map { "127.0.0.1:$_->{port}" } @$list)
	  . ($self->{kind} eq 'cluster' ? '' : '/main');
}

# Who has the slot of a key, as the first one that lives sees it.
sub owner
{
	my ($self, $key) = @_;
	my $slot = slot($key);
	my ($asked) = grep { defined $_->{pid} && !$_->{paused} } @{ $self->{nodes} };

	foreach my $line (split /\n/, $asked->cli('CLUSTER', 'NODES'))
	{
		# By its id: over a unix socket Redis 8 gives no port of a node that has TLS alone.
		my ($id, undef, $flags, @rest) = split / /, $line;

		next if $flags !~ /master/ || $flags =~ /fail/;
		# The last words are slots; those on their way are in brackets.
		foreach my $range (grep { /^\d/ } @rest[5 .. $#rest])
		{
			my ($first, $last) = split /-/, $range;

			next if $slot < $first || $slot > ($last // $first);
			return (grep { id($_) eq $id } @{ $self->{nodes} })[0];
		}
	}
	return;
}

# It keeps its id for as long as it keeps its folder, and one that is down cannot be asked.
sub id
{
	my ($node) = @_;

	$node->{id} //= $node->cli('CLUSTER', 'MYID');
	return $node->{id};
}

# As redis-cli's CLUSTER KEYSLOT says.
sub slot
{
	my ($key) = @_;
	my $crc = 0;

	$key = $1 if $key =~ /^[^{]*\{([^}]+)\}/;
	foreach my $byte (unpack 'C*', $key)
	{
		$crc ^= $byte << 8;
		$crc = ($crc & 0x8000 ? ($crc << 1) ^ 0x1021 : $crc << 1) & 0xffff foreach 1 .. 8;
	}
	return $crc % 16384;
}

# A key of which the node is the owner.
sub key_of
{
	my ($self, $node, $prefix) = @_;

	foreach my $i (1 .. 1000)
	{
		my $owner = $self->owner("$prefix$i");

		return "$prefix$i" if defined $owner && $owner == $node;
	}
	die 'found no key';
}

# Moves a slot by hand. half: only begins, so that keys which are not at its owner
# any more are asked for (ASK) at the other node.
sub move_slot
{
	my ($self, $slot, $from, $to, %option) = @_;
	my ($from_id, $to_id) = map { $_->cli('CLUSTER', 'MYID') } ($from, $to);
	my @keys;

	$to->cli('CLUSTER', 'SETSLOT', $slot, 'IMPORTING', $from_id);
	$from->cli('CLUSTER', 'SETSLOT', $slot, 'MIGRATING', $to_id);
	@keys = split /\n/, $from->cli('CLUSTER', 'GETKEYSINSLOT', $slot, 1000);
	$from->cli('MIGRATE', '127.0.0.1', $to->{port}, $_, 0, 5000) foreach @keys;
	return if ($option{how} // '') eq 'half';
	$_->cli('CLUSTER', 'SETSLOT', $slot, 'NODE', $to_id) foreach ($to, $from);
	return;
}

1;
