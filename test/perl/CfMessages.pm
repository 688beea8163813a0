# CfMessages.pm - a client that sends the messages of PostgreSQL's protocol one by one, for
# what drivers may do and psql does not.
#
#	my $client = CfMessages->connect($node, 'postgres', options => '-c work_mem=1MB');
#	print $client->send(CfMessages::parse('s', 'SELECT 1'), CfMessages::bind('p', 's'), CfMessages::sync());
#	$client->close;
#
# send gives what the server has answered until it was ready again, a line a message, with
# all that a client can see of it; of an error, code and text.

package CfMessages;

use strict;
use warnings;

use IO::Socket::UNIX;

sub connect
{
	my ($class, $node, $database, %parameters) = @_;
	my $path = $node->host . '/.s.PGSQL.' . $node->port;
	my $socket = IO::Socket::UNIX->new(Peer => $path) or die "could not connect to $path: $!";
	my $self = bless { socket => $socket }, $class;
	my $user = $parameters{user} // getpwuid($<);
	my $body = pack('N', 196608) . join('', map { "$_\0" } 'user', $user, 'database', $database,
		map { ($_, $parameters{$_}) } sort grep { $_ ne 'user' } keys %parameters) . "\0";

	print $socket pack('N', 4 + length $body) . $body;
	$self->answers;
	return $self;
}

sub message
{
	my ($type, $body) = @_;

	return $type . pack('N', 4 + length $body) . $body;
}

sub query { return message('Q', "$_[0]\0"); }
sub sync { return message('S', ''); }
sub execute { return message('E', "$_[0]\0" . pack('N', $_[1] // 0)); }
sub describe_statement { return message('D', "S$_[0]\0"); }
sub describe_portal { return message('D', "P$_[0]\0"); }
sub close_portal { return message('C', "P$_[0]\0"); }

sub parse
{
	my ($name, $sql, @types) = @_;

	return message('P', "$name\0$sql\0" . pack('n N*', scalar @types, @types));
}

# Parameters in text; formats of results are for all columns or for each.
sub bind
{
	my ($portal, $statement, $values, @formats) = @_;
	my @values = @{ $values // [] };

	return message('B', "$portal\0$statement\0" . pack('n n', 0, scalar @values)
		  . join('', map { defined ? pack('N', length) . $_ : pack('N', 0xFFFFFFFF) } @values)
		  . pack('n n*', scalar @formats, @formats));
}

sub send
{
	my ($self, @messages) = @_;

	print { $self->{socket} } @messages;
	return $self->answers;
}

sub take
{
	my ($self, $n) = @_;
	my $data = '';

	while (length $data < $n)
	{
		read($self->{socket}, $data, $n - length $data, length $data) or die 'the server has gone';
	}
	return $data;
}

sub answers
{
	my ($self) = @_;
	my @lines;

	$self->{socket}->flush;
	while (1)
	{
		my ($type, $length) = unpack('a N', $self->take(5));
		my $body = $self->take($length - 4);

		# Authentication, settings, keys.
		next if $type =~ /[RSK]/;
		if ($type =~ /[EN]/)
		{
			my %field = map { substr($_, 0, 1) => substr($_, 1) } split /\0/, $body;

			$body = "$field{C} $field{M}";
		}
		push @lines, "$type " . $body =~ s/([^ -~])/sprintf('\\%02x', ord $1)/ger;
		return join("\n", @lines) if $type eq 'Z';
	}
}

sub close
{
	my ($self) = @_;

	print { $self->{socket} } message('X', '');
	CORE::close($self->{socket});
	return;
}

1;
