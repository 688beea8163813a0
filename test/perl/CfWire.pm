# CfWire.pm - a client that speaks PostgreSQL's protocol message by message, for what
# libpq has no call for: portals that stay open, limits of rows, pipelines.
#
#	my $wire = CfWire->new($node);
#	$wire->parse('', 'SELECT $1::int', 23);
#	$wire->bind('portal', '', 7);
#	$wire->execute('portal', 1);
#	$wire->flush;
#	my $said = $wire->until('s', 'C');		# up to a message of one of these types
#	$wire->sync;
#	$said = $wire->until('Z');
#
# What the server says is one line a message: its type, and what of it matters.

package CfWire;

use strict;
use warnings;

use IO::Socket::UNIX;

# A socket on which a session was asked for, with these startup parameters; and the bytes of
# a message.
sub open_socket
{
	my ($node, @parameters) = @_;
	my $path = $node->host . '/.s.PGSQL.' . $node->port;
	my $socket = IO::Socket::UNIX->new(Peer => $path) or die "could not connect to $path: $!";

	print $socket frame('', pack('N', 196608) . join('', map { "$_\0" } @parameters, ''));
	$socket->flush;
	return $socket;
}

sub frame
{
	my ($type, $body) = @_;

	return $type . pack('N', 4 + length $body) . $body;
}

sub new
{
	my ($class, $node, %settings) = @_;
	my $user = $node->safe_psql('postgres', 'SELECT current_user');
	my $options = join ' ', map { "-c $_=$settings{$_}" } sort keys %settings;
	my $socket = open_socket($node, user => $user, database => 'postgres', options => $options);
	my $self = bless { socket => $socket, pending => '' }, $class;

	$self->until('Z');
	return $self;
}

sub message
{
	my ($self, $type, $body) = @_;

	$self->{pending} .= frame($type, $body);
	return;
}

sub parse
{
	my ($self, $name, $sql, @types) = @_;

	return $self->message('P', "$name\0$sql\0" . pack('n N*', scalar @types, @types));
}

# Parameters in text form, undef for null; results in text form.
sub bind
{
	my ($self, $portal, $name, @values) = @_;
	my $body = "$portal\0$name\0" . pack('n n', 0, scalar @values);

	$body .= defined $_ ? pack('N', length $_) . $_ : pack('N', 0xffffffff) foreach @values;
	return $self->message('B', $body . pack('n', 0));
}

sub describe
{
	my ($self, $portal) = @_;

	return $self->message('D', "P$portal\0");
}

sub execute
{
	my ($self, $portal, $rows) = @_;

	return $self->message('E', "$portal\0" . pack('N', $rows // 0));
}

sub close_portal
{
	my ($self, $portal) = @_;

	return $self->message('C', "P$portal\0");
}

sub query
{
	my ($self, $sql) = @_;

	$self->message('Q', "$sql\0");
	$self->send_pending;
	return $self->until('Z');
}

sub send_pending
{
	my ($self) = @_;
	my $socket = $self->{socket};

	print $socket $self->{pending};
	$socket->flush;
	$self->{pending} = '';
	return;
}

sub flush
{
	my ($self) = @_;

	$self->message('H', '');
	return $self->send_pending;
}

sub sync
{
	my ($self) = @_;

	$self->message('S', '');
	return $self->send_pending;
}

sub receive
{
	my ($self, $length) = @_;
	my $data = '';

	while (length $data < $length)
	{
		my $got = read $self->{socket}, $data, $length - length $data, length $data;

		return unless $got;
	}
	return $data;
}

# Its type and its body; nothing if the server has gone.
sub next_message
{
	my ($self) = @_;
	my $head = $self->receive(5) // return;
	my ($type, $length) = unpack 'a N', $head;

	return ($type, $length > 4 ? $self->receive($length - 4) : '');
}

sub _fields
{
	my ($body) = @_;
	my ($n, $rest) = unpack 'n a*', $body;
	my @values;

	foreach (1 .. $n)
	{
		my $length;

		($length, $rest) = unpack 'N a*', $rest;
		push @values, $length == 0xffffffff ? 'NULL' : substr($rest, 0, $length, '');
	}
	return join '|', @values;
}

sub _columns
{
	my ($body) = @_;
	my ($n, $rest) = unpack 'n a*', $body;
	my @columns;

	foreach (1 .. $n)
	{
		my ($name, $table, $number, $type, $size, $mod, $form);

		($name, $table, $number, $type, $size, $mod, $form, $rest) = unpack 'Z* N n N n N n a*', $rest;
		push @columns, "$name $number $type $size $mod $form";
	}
	return join '|', @columns;
}

# All that it says up to a message of one of the types, one a line.
sub until
{
	my ($self, @types) = @_;
	my @lines;

	while (1)
	{
		my ($type, $body) = $self->next_message;
		my $text = '';

		return join("\n", @lines, 'end') unless defined $type;

		next if $type =~ /^[SRK]$/;
		$text = _fields($body) if $type eq 'D';
		$text = _columns($body) if $type eq 'T';
		$text = unpack('Z*', $body) if $type eq 'C' || $type eq 'Z';
		$text = join ' ', map { substr $_, 1 } grep { /^[CM]/ } split /\0/, $body if $type =~ /[EN]/;
		push @lines, $text eq '' ? $type : "$type $text";
		return join("\n", @lines) if grep { $_ eq $type } @types;
	}
}

sub quit
{
	my ($self) = @_;

	$self->message('X', '');
	$self->send_pending;
	close $self->{socket};
	return;
}

1;
