# CfLiarRedis.pm - stands between the extension and a real Redis, and keeps no promise.
#
#	my $liar = CfLiarRedis->new($redis);
#	$liar->url;
#	$liar->mode('old');		# answers a look by anything that was ever stored in that field
#	$liar->mode('mix');		# a value of one time, its meta of another
#	$liar->mode('other');	# what is in the field of that name of another key
#	$liar->mode('lose');	# what is to be dropped stays, and what is to be put is lost
#	$liar->mode('all');		# each command by one of these, or honestly
#	$liar->mode('honest');
#	$liar->lies;			# how often it has not done or answered what a Redis would
#
# What was ever sent to be stored is remembered, also if Redis refused it; in Redis
# itself, under keys of its own, for each connection is a process.

package CfLiarRedis;

use strict;
use warnings;

use IO::Socket::UNIX;
use PostgreSQL::Test::Utils;
use CfFakeRedis;
use CfServe;

my $remembered = 20;			# pairs of a field
my @lies = qw(old mix other lose);

sub new
{
	my ($class, $redis) = @_;
	my $self = bless {
		file => PostgreSQL::Test::Utils::tempdir_short() . '/mode',
		redis => $redis }, $class;

	$self->mode('honest');
	$self->{socket} = serve(sub {
		my ($client) = @_;
		my $server = IO::Socket::UNIX->new(Peer => $redis->{socket}) or return;

		srand($$);
		while (my $command = CfFakeRedis::read_command($client))
		{
			my $reply = answer($self, $server, $command) // last;

			send_bytes($client, $reply) or last;
		}
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
	my ($self, $what) = @_;

	open(my $file, '>', "$self->{file}.new") or die "could not write mode: $!";
	print $file $what;
	close $file;
	rename("$self->{file}.new", $self->{file}) or die "could not rename: $!";
	return;
}

sub lies
{
	my ($self) = @_;

	return $self->{redis}->cli('GET', 'liar:lies') || 0;
}

# ---- what a connection does ----

# The raw reply, or undef.
sub ask
{
	my ($server, @words) = @_;

	send_bytes($server, '*' . @words . "\r\n"
		  . join('', map { '$' . length($_) . "\r\n$_\r\n" } @words)) or return;
	return read_raw($server);
}

sub read_raw
{
	my ($server) = @_;
	my $line = <$server> // return;
	my ($type, $n) = $line =~ /^([-+:\$*])(-?\d*)/ or return;

	return $line if $type =~ /[-+:]/ || $n < 0;
	if ($type eq '$')
	{
		read($server, my $bytes, $n + 2) == $n + 2 or return;
		return $line . $bytes;
	}
	foreach (1 .. $n)
	{
		$line .= read_raw($server) // return;
	}
	return $line;
}

# The text of a raw string, or undef.
sub text_of
{
	my ($raw) = @_;

	return defined $raw && $raw =~ /^\$(\d+)\r\n/ ? substr($raw, $+[0], $1) : undef;
}

sub bulk
{
	my ($text) = @_;

	return '$' . length($text) . "\r\n$text\r\n";
}

sub answer
{
	my ($self, $server, $command) = @_;
	my $mode = PostgreSQL::Test::Utils::slurp_file($self->{file});
	my $name = uc $command->[0];

	remember($server, @$command) if $name =~ /^EVAL/;
	$mode = ('honest', @lies)[ rand(1 + @lies) ] if $mode eq 'all';
	if ($mode eq 'lose' && is_change($name, $command))
	{
		ask($server, 'INCR', 'liar:lies');
		return ":1\r\n";
	}
	if ($name eq 'HMGET' && $mode =~ /^(old|mix|other)$/)
	{
		my $lie = lie_about($server, $mode, $command);

		ask($server, 'INCR', 'liar:lies') if defined $lie;
		return $lie if defined $lie;
	}
	return ask($server, @$command);
}

sub is_change
{
	my ($name, $command) = @_;

	return $name =~ /^(UNLINK|DEL|HDEL)$/ || ($name =~ /^EVAL/ && @$command > 7 && rand() < 0.5);
}

# A script with a field of a value, the value, that of its meta, and that.
sub remember
{
	my ($server, @words) = @_;

	foreach my $i (4 .. $#words - 3)
	{
		next unless $words[$i] =~ /^v(:.*)?$/ && $words[ $i + 2 ] eq 'm' . ($1 // '');
		my $list = "liar:$words[3]:$words[$i]";

		ask($server, 'RPUSH', $list, "$words[$i + 1]\0$words[$i + 3]\0" . length($words[ $i + 1 ]));
		ask($server, 'LTRIM', $list, -$remembered, -1);
		ask($server, 'SADD', "liar:fields:$words[$i]", $list);
		last;
	}
	return;
}

sub pair_of
{
	my ($server, $list) = @_;
	my ($n) = (ask($server, 'LLEN', $list) // '') =~ /^:(\d+)/ or return;

	return unless $n;
	my $text = text_of(ask($server, 'LINDEX', $list, int rand $n)) // return;
	my ($len) = $text =~ /\0(\d+)\z/ or return;
	my $value = substr($text, 0, $len);
	my $meta = substr($text, $len + 1, length($text) - $len - 2 - length($len));

	return ($value, $meta);
}

sub lie_about
{
	my ($server, $mode, $command) = @_;
	my ($key, $field) = @$command[ 1, 2 ];
	my $list = "liar:$key:$field";
	my ($value, $meta);

	$list = text_of(ask($server, 'SRANDMEMBER', "liar:fields:$field")) // return if $mode eq 'other';
	($value, $meta) = pair_of($server, $list) or return;
	if ($mode eq 'mix')
	{
		(undef, $meta) = pair_of($server, $list) or return;
	}
	return "*2\r\n" . bulk($value) . bulk($meta);
}

1;
