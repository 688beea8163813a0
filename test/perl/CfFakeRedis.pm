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

use Time::HiRes qw(sleep);
use CfServe;

my $run_id = '0123456789abcdef' x 2 . '01234567';

sub new
{
	my ($class, %script) = @_;

	return bless { socket => serve(follow(\%script)) }, $class;
}

# The same on a port of 127.0.0.1: $fake->{port}. _port says which.
sub new_tcp
{
	my ($class, %script) = @_;
	my $port = delete $script{_port};

	return bless { port => serve_tcp(follow(\%script), $port) }, $class;
}

sub follow
{
	my ($script) = @_;

	return sub {
		my ($client) = @_;

		while (my $command = read_command($client))
		{
			last unless answer($client, $script, $command);
		}
	};
}

sub url
{
	my ($self, $userinfo) = @_;

	return 'unix://' . (defined $userinfo ? "$userinfo\@" : '') . $self->{socket};
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

1;
