#!/usr/bin/env perl
# A Redis that has a hard life: starts one, and does something bad to it every
# few seconds; see HardLife.pm.
#
#	redis_faults.pl DIR [SEED [FAULT...]]
#
# DIR is a folder of its own; Redis listens at DIR/s only. The faults are those
# of %faults below, by default all; "none" leaves Redis alone.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use POSIX ();
use Time::HiRes qw(sleep time);

use HardLife;

my ($dir, $seed, @only) = @ARGV;
my $pid;

# What they return is told with their name.
my %faults = (
	'kill' => sub { stop_redis(); unlink "$dir/dump.rdb"; pause(rand 0.5); start_redis(); 'empty' },
	'kill-old' => \&kill_with_dump,
	'stop' => \&suspend,
	'delete' => sub { delete_keys(1 + int rand 40, 'cf:*') },
	'flush' => sub { cli('FLUSHALL') },
	'evict' => \&evict,
	'full' => \&fill_up,
	'scripts' => sub { cli('SCRIPT', 'FLUSH') },
	'clients' => sub { cli('CLIENT', 'KILL', 'TYPE', 'normal') });

$SIG{PIPE} = 'IGNORE';
END { my $status = $?; stop_redis() if $pid; $? = $status }

die "usage: redis_faults.pl DIR [SEED [FAULT...]]\n" unless defined $dir && -d $dir;
srand($seed // time());
my @names = choose(\%faults, @only);
start_redis();
live(\*STDOUT, "unix://$dir/s", \%faults, \@names, \&calm);

# For most of the time, so that Redis serves in between. And what a restart is to bring
# back is saved, with some time for it to grow old.
sub calm
{
	return 1 if pause(1 + rand 2.5);
	return 0 if !@names || rand() >= 0.5;
	cli('SAVE');
	return pause(rand 1.5);
}

sub start_redis
{
	unlink "$dir/s";
	$pid = fork() // die "could not fork: $!";
	if ($pid == 0)
	{
		open(STDIN, '<', '/dev/null') or POSIX::_exit(126);
		open(STDOUT, '>>', "$dir/log") or POSIX::_exit(126);
		open(STDERR, '>&', \*STDOUT) or POSIX::_exit(126);
		exec 'redis-server', '--port', '0', '--unixsocket', "$dir/s", '--dir', $dir,
		  '--save', '', '--appendonly', 'no', '--daemonize', 'no'
		  or POSIX::_exit(127);
	}
	foreach (1 .. 5000)
	{
		return if -S "$dir/s" && cli('PING') eq 'PONG';
		die "Redis did not start: see $dir/log\n" if waitpid($pid, POSIX::WNOHANG()) == $pid;
		sleep 0.02;
	}
	die "Redis does not answer\n";
}

sub stop_redis
{
	kill 'KILL', $pid;
	waitpid($pid, 0);
	$pid = undef;
	return;
}

sub cli
{
	my (@args) = @_;

	open(my $pipe, '-|', 'redis-cli', '-s', "$dir/s", @args) or return 'no redis-cli';
	my $output = do { local $/ = undef; <$pipe> };
	close $pipe;
	$output =~ s/\s+$// if defined $output;
	return $output // '';
}

# Comes back with what was saved last, if anything was.
sub kill_with_dump
{
	my $saved = -e "$dir/dump.rdb";

	stop_redis();
	pause(rand 0.5);
	start_redis();
	return $saved ? 'with an old dump' : 'empty';
}

# Silent, but connected.
sub suspend
{
	kill 'STOP', $pid;
	sleep 0.1 + rand() ** 2 * 2.9;
	kill 'CONT', $pid;
	return 'continued';
}

sub delete_keys
{
	my ($n, $pattern) = @_;

	return cli('EVAL', q{
		local keys = redis.call('KEYS', ARGV[2])
		local n = 0
		math.randomseed(tonumber(redis.call('TIME')[2]))
		while n < tonumber(ARGV[1]) and #keys > 0 do
			local i = math.random(#keys)
			n = n + redis.call('DEL', keys[i])
			table.remove(keys, i)
		end
		return n}, 0, $n, $pattern);
}

# For a while there is less room than what is there takes: Redis picks what goes.
sub evict
{
	my ($used) = cli('INFO', 'memory') =~ /used_memory:(\d+)/;
	my ($before) = cli('INFO', 'stats') =~ /evicted_keys:(\d+)/;

	cli('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-random');
	cli('CONFIG', 'SET', 'maxmemory', int($used * 0.9));
	sleep 0.1 + rand 0.5;
	cli('CONFIG', 'SET', 'maxmemory', 0);
	my ($after) = cli('INFO', 'stats') =~ /evicted_keys:(\d+)/;
	return ($after - $before) . ' keys';
}

# No memory for anybody who asks for some.
sub fill_up
{
	cli('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
	cli('CONFIG', 'SET', 'maxmemory', 1000000);
	sleep 0.2 + rand 1.5;
	return cli('CONFIG', 'SET', 'maxmemory', 0);
}
