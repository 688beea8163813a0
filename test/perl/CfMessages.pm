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

use CfWire;
our @ISA = ('CfWire');

sub connect
{
	my ($class, $node, $database, %parameters) = @_;
	my $user = delete $parameters{user} // getpwuid($<);
	my $socket = CfWire::open_socket($node, user => $user, database => $database,
		map { ($_, $parameters{$_}) } sort keys %parameters);
	my $self = bless { socket => $socket }, $class;

	$self->answers;
	return $self;
}

sub message { return CfWire::frame(@_); }
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

sub answers
{
	my ($self) = @_;
	my @lines;

	$self->{socket}->flush;
	while (1)
	{
		my ($type, $body) = $self->next_message;

		die 'the server has gone' unless defined $type;
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
