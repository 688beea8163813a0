# CfServe.pm - what servers of a test's own share: a socket, a process a
# connection, and their end.
#
#	my $socket = serve(sub { my ($client) = @_; ... });
#	my $port = serve_tcp(sub { my ($client) = @_; ... });	# on 127.0.0.1
#	send_bytes($client, "+OK\r\n") or return;
#
# All of it ends with the test, at the latest.

package CfServe;

use strict;
use warnings;

use Exporter 'import';
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();
use PostgreSQL::Test::Utils;

our @EXPORT = qw(send_bytes serve serve_tcp);

my %running;

# Calls a function in a process of its own for each connection, for it may sleep.
# Returns the path of the socket.
sub serve
{
	my ($connection) = @_;
	my $socket = PostgreSQL::Test::Utils::tempdir_short() . '/s';
	my $listener = IO::Socket::UNIX->new(Local => $socket, Listen => 64)
	  or die "could not listen: $!";

	serve_on($listener, $connection);
	return $socket;
}

# The same on a port of 127.0.0.1, which is returned: that one, or any that is free.
sub serve_tcp
{
	my ($connection, $port) = @_;
	my $listener = IO::Socket::INET->new(
		LocalAddr => '127.0.0.1', LocalPort => $port // 0, ReuseAddr => 1, Listen => 64)
	  or die "could not listen: $!";

	serve_on($listener, $connection);
	return $listener->sockport;
}

sub serve_on
{
	my ($listener, $connection) = @_;
	my $pid = fork();

	die "could not fork: $!" unless defined $pid;
	if ($pid == 0)
	{
		# A group of its own, so that connections' processes end with it.
		setpgrp(0, 0);
		$SIG{CHLD} = 'IGNORE';
		accept_all($listener, $connection);
	}
	$running{$pid} = 1;
	return;
}

sub accept_all
{
	my ($listener, $connection) = @_;

	while (1)
	{
		my $client = $listener->accept or next;
		my $pid = fork();

		if (defined $pid && $pid == 0)
		{
			$SIG{PIPE} = 'IGNORE';
			close $listener;
			$connection->($client);
			close $client;
			POSIX::_exit(0);
		}
		close $client;
	}
	return;
}

# False: the other side is gone.
sub send_bytes
{
	my ($to, $bytes) = @_;

	while (length $bytes)
	{
		my $sent = syswrite($to, $bytes) or return 0;

		substr($bytes, 0, $sent) = '';
	}
	return 1;
}

END
{
	my $status = $?;

	foreach my $pid (keys %running)
	{
		kill 'KILL', -$pid;
		waitpid($pid, 0);
	}
	$? = $status;
}

1;
