# CfProxyRedis.pm - stands between the extension and a real Redis, and spoils
# what comes back.
#
#	my $proxy = CfProxyRedis->new($redis);
#	$proxy->url;
#	$proxy->mode('slow', 0.1);		# each answer that late
#	$proxy->mode('cut');			# half of each answer, then the end
#	$proxy->mode('garbage');		# as many bytes, none of them right
#	$proxy->mode('say', '-LOADING Redis is loading');	# to each command
#	$proxy->mode('pass');
#
# A mode holds from the next answer on. That to the first request of a
# connection, the handshake, is spoiled as well only with mode(..., all => 1).

package CfProxyRedis;

use strict;
use warnings;

use IO::Select;
use IO::Socket::UNIX;
use PostgreSQL::Test::Utils;
use Time::HiRes qw(sleep);
use CfServe;

sub new
{
	my ($class, $redis) = @_;
	my $self = bless { file => PostgreSQL::Test::Utils::tempdir_short() . '/mode' }, $class;

	$self->mode('pass');
	$self->{socket} = serve(sub {
		my ($client) = @_;

		relay($self, $client, $redis->{socket});
	});
	return $self;
}

sub url
{
	my ($self) = @_;

	return "unix://$self->{socket}";
}

# By rename, so that nobody reads half of it.
sub mode
{
	my ($self, $what, $argument, %option) = @_;

	open(my $file, '>', "$self->{file}.new") or die "could not write mode: $!";
	print $file join("\n", $what, $argument // '', $option{all} ? 1 : 0);
	close $file;
	rename("$self->{file}.new", $self->{file}) or die "could not rename: $!";
	return;
}

# What the client sends at once is taken for one request: it waits for all of
# the answers before it sends more.
sub relay
{
	my ($self, $client, $target) = @_;
	my $server = IO::Socket::UNIX->new(Peer => $target) or return;
	my $select = IO::Select->new($client, $server);
	my ($requests, $ncommands) = (0, 0);

	while (1)
	{
		foreach my $from ($select->can_read)
		{
			sysread($from, my $bytes, 1 << 20) or return;
			if ($from == $client)
			{
				$requests++;
				$ncommands = () = $bytes =~ /(?:^|\n)\*\d+\r\n\$/g;
				send_bytes($server, $bytes) or return;
			}
			else
			{
				answer($self, $client, $bytes, $requests, $ncommands) or return;
			}
		}
	}
	return;
}

sub answer
{
	my ($self, $client, $bytes, $requests, $ncommands) = @_;
	my ($what, $argument, $all) =
	  split /\n/, PostgreSQL::Test::Utils::slurp_file($self->{file});

	$what = 'pass' if $requests == 1 && !$all;
	if ($what eq 'slow')
	{
		sleep $argument;
	}
	elsif ($what eq 'cut')
	{
		send_bytes($client, substr($bytes, 0, length($bytes) / 2));
		return 0;
	}
	elsif ($what eq 'garbage')
	{
		$bytes ^= "\x55" x length($bytes);
	}
	elsif ($what eq 'say')
	{
		$bytes = "$argument\r\n" x $ncommands;
	}
	return send_bytes($client, $bytes);
}

1;
