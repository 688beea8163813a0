#!/usr/bin/env perl
# Redis with Sentinels, or a Redis Cluster, that has a hard life: starts them, and does
# something bad to them every few seconds; see HardLife.pm.
#
#	perl -I PGXS/src/test/perl -I test/perl fleet_faults.pl KIND DIR [SEED [FAULT...]]
#
# KIND is "sentinel" or "cluster", DIR a folder of its own. The faults are those of %faults
# below, by default all of the kind; "none" leaves the servers alone. What happens is told on
# file descriptor 3.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

my ($kind, $dir, $seed, @only);

BEGIN
{
	($kind, $dir, $seed, @only) = @ARGV;
	die "usage: fleet_faults.pl sentinel|cluster DIR [SEED [FAULT...]]\n"
	  unless defined $dir && -d $dir && $kind =~ /^(sentinel|cluster)$/;
	# Where PostgreSQL's modules put what they log.
	$ENV{TESTDIR} = $ENV{TESTDATADIR} = $ENV{PG_TEST_PORT_DIR} = $dir;
	chdir $dir or die "could not change to $dir: $!";
}

use Time::HiRes qw(time);

use CfRedisFleet;
use HardLife;

my $fleet;

# What they return is told with their name.
my %faults = (
	sentinel => {
		'kill' => \&kill_master,
		'order' => sub { $fleet->{sentinels}->[0]->cli('SENTINEL', 'FAILOVER', 'main') },
		'stop' => sub { silence(master(), 0.1 + rand 3) },
		'sentinels' => \&kill_sentinels,
		'flush' => sub { master()->cli('FLUSHALL') },
		'scripts' => sub { master()->cli('SCRIPT', 'FLUSH') } },
	cluster => {
		'kill' => \&kill_node,
		'order' => \&order_failover,
		'stop' => sub { silence(any_of(@{ $fleet->{nodes} }), 0.1 + rand 3) },
		'move' => \&move_slots,
		'half' => \&move_half,
		'majority' => \&lose_majority,
		'flush' => sub { any_of(masters())->cli('FLUSHALL') } });

srand($seed // time());
my @names = choose($faults{$kind}, @only);
open(my $events, '>&=', 3) or die "no file descriptor 3: $!";
$fleet = $kind eq 'sentinel' ? CfRedisFleet->sentinel : CfRedisFleet->cluster;
# Calm for most of the time, so that Redis serves in between.
live($events, $fleet->url, $faults{$kind}, \@names, sub { pause(2 + rand 6) });

# Whatever was asked for may not come about: the run goes on, and says so.
sub became
{
	my ($condition) = @_;
	my $deadline = time() + 60;

	until ($condition->())
	{
		return 'it did not come back' if time() > $deadline;
		return 'ended' if pause(0.1);
	}
	return 'well again';
}

sub any_of
{
	my (@list) = @_;

	return $list[ rand @list ];
}

sub silence
{
	my ($redis, $seconds) = @_;

	$redis->pause;
	pause($seconds);
	$redis->resume;
	return 'continued';
}

# ---- Sentinels ----

# As they see it.
sub master
{
	my ($alive) = grep { defined $_->{pid} } @{ $fleet->{sentinels} };
	my (undef, $port) = split /\n/, $alive->cli('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'main');
	my ($master) = grep { $_->{port} == $port } @{$fleet}{qw(master replica)};

	return $master // $fleet->{master};
}

# What it had acknowledged and not passed on is lost; it comes back as a replica.
sub kill_master
{
	my $master = master();

	$master->kill;
	pause(rand 6);
	$master->start;
	return became(sub {
		my $other = $master == $fleet->{master} ? $fleet->{replica} : $fleet->{master};

		(grep { $_->cli('INFO', 'replication') =~ /role:slave.*master_link_status:up/s } ($master, $other)) == 1;
	});
}

# Two of three: nobody can decide upon a failover.
sub kill_sentinels
{
	my @killed = @{ $fleet->{sentinels} }[ 1, 2 ];

	$_->kill foreach @killed;
	silence(master(), 0.1 + rand 3);
	$_->start foreach @killed;
	return 'started again';
}

# ---- a cluster ----

sub masters
{
	return grep { $_->cli('INFO', 'replication') =~ /role:master/ } @{ $fleet->{nodes} };
}

sub is_well
{
	return !grep { $_->cli('CLUSTER', 'INFO') !~ /cluster_state:ok/
		  || $_->cli('INFO', 'replication') !~ /role:master|master_link_status:up/ }
	  @{ $fleet->{nodes} };
}

sub kill_node
{
	my $node = any_of(@{ $fleet->{nodes} });

	$node->kill;
	pause(rand 6);
	$node->start;
	return became(\&is_well);
}

sub order_failover
{
	my $replica = any_of(grep { $_->cli('INFO', 'replication') =~ /role:slave/ } @{ $fleet->{nodes} });
	my $answer = defined $replica ? $replica->cli('CLUSTER', 'FAILOVER', any_of('FORCE', 'TAKEOVER')) : 'nobody';

	return "$answer, " . became(\&is_well);
}

# Of one master, to another.
sub two_masters
{
	my ($from, @others) = sort { rand() <=> 0.5 } masters();

	return ($from, any_of(@others));
}

sub slots_of
{
	my ($node, $n) = @_;
	my @keys = split /\n/, $node->cli('EVAL', q{
		local found = {}
		for i = 1, tonumber(ARGV[1]) do
			local key = redis.call('RANDOMKEY')
			if key then table.insert(found, key) end
		end
		return found}, 0, $n);
	my %slots = map { CfRedisFleet::slot($_) => 1 } @keys;

	return keys %slots;
}

sub move_slots
{
	my ($from, $to) = two_masters();
	my @slots = defined $to ? slots_of($from, 20) : ();

	foreach my $slot (@slots)
	{
		$fleet->move_slot($slot, $from, $to);
		last if pause(0.02);
	}
	return @slots . ' slots';
}

# Its keys are asked for at the other node, until the move is ended.
sub move_half
{
	my ($from, $to) = two_masters();
	my ($slot) = defined $to ? slots_of($from, 1) : ();

	return 'no slot' unless defined $slot;
	$fleet->move_slot($slot, $from, $to, how => 'half');
	pause(rand 2);
	$fleet->move_slot($slot, $from, $to);
	return "slot $slot";
}

sub lose_majority
{
	my @silent = (masters())[ 0, 1 ];

	$_->pause foreach @silent;
	pause(0.1 + rand 4);
	$_->resume foreach @silent;
	return became(\&is_well);
}
