# CfFakeRedis.pm - a server that answers what no Redis would.
#
#	my $fake = CfFakeRedis->new(
#		truncated => [ "\$10\r\nabc", 'CLOSE' ],
#		slow => [ { trickle => "+OK\r\n", pause => 0.1 } ],
#		INFO => [ "+nonsense\r\n" ]);		# instead of a proper handshake
#
# The script is the protocol: a command whose first word is a name of it gets
# those steps as its answer. A step is bytes to send, 'CLOSE', { sleep => s } or
# { trickle => bytes, pause => s }, a byte at a time. Commands of the handshake
# that are not in the script are answered as Redis would; all others with +OK.

package CfFakeRedis;

use strict;
use warnings;

use IO::Socket::UNIX;
use POSIX ();
use PostgreSQL::Test::Utils;
use Time::HiRes qw(sleep);

my $run_id = '0123456789abcdef' x 2 . '01234567';
my %running;

sub new
{
	my ($class, %script) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir_short();
	my $socket = "$dir/s";
	my $listener = IO::Socket::UNIX->new(Local => $socket, Listen => 64)
	  or die "could not listen: $!";
	my $pid = fork();

	die "could not fork: $!" unless defined $pid;
	if ($pid == 0)
	{
		# A group of its own, so that connections' processes end with it.
		setpgrp(0, 0);
		$SIG{CHLD} = 'IGNORE';
		serve($listener, \%script);
	}
	$running{$pid} = 1;
	return bless { socket => $socket }, $class;
}

sub url
{
	my ($self, $userinfo) = @_;

	return 'unix://' . (defined $userinfo ? "$userinfo\@" : '') . $self->{socket};
}

# A process a connection, for some of them sleep.
sub serve
{
	my ($listener, $script) = @_;

	while (1)
	{
		my $client = $listener->accept or next;
		my $pid = fork();

		if (defined $pid && $pid == 0)
		{
			$SIG{PIPE} = 'IGNORE';
			close $listener;
			while (my $command = read_command($client))
			{
				last unless answer($client, $script, $command);
			}
			close $client;
			POSIX::_exit(0);
		}
		close $client;
	}
	return;
}

# The words of a command; nothing at the end of the connection.
sub read_command
{
	my ($client) = @_;
	my $header = read_line($client) // return;
	my ($nwords) = $header =~ /^\*(\d+)$/ or return;
	my @words;

	for (1 .. $nwords)
	{
		my ($len) = (read_line($client) // '') =~ /^\$(\d+)$/ or return;
		my $word = '';

		read($client, $word, $len + 2) == $len + 2 or return;
		push @words, substr($word, 0, $len);
	}
	return \@words;
}

sub read_line
{
	my ($client) = @_;
	my $line = <$client> // return;

	$line =~ s/\r\n$//;
	return $line;
}

sub answer
{
	my ($client, $script, $command) = @_;
	my $info = "# Server\r\nredis_version:7.0.0\r\nrun_id:$run_id\r\n";
	my %proper = (INFO => [ '$' . length($info) . "\r\n$info\r\n" ]);
	my $steps = $script->{ $command->[0] } // $proper{ $command->[0] } // ["+OK\r\n"];

	foreach my $step (@$steps)
	{
		return 0 if $step eq 'CLOSE';
		if (!ref $step)
		{
			send_bytes($client, $step) or return 0;
		}
		elsif (defined $step->{sleep})
		{
			sleep $step->{sleep};
		}
		else
		{
			foreach my $byte (split //, $step->{trickle})
			{
				send_bytes($client, $byte) or return 0;
				sleep $step->{pause};
			}
		}
	}
	return 1;
}

sub send_bytes
{
	my ($client, $bytes) = @_;

	while (length $bytes)
	{
		my $sent = syswrite($client, $bytes) or return 0;

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
