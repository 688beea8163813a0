# HardLife.pm - what the scripts that mistreat Redis share: something bad every few seconds,
# until SIGTERM, or the standard input is closed, or the parent is gone.
#
#	my @names = choose(\%faults, @only);		# all of them; "none": none; dies of an unknown one
#	live($handle, $url, \%faults, \@names, sub { pause(1 + rand 2.5) });
#
# live() prints "ready" and the url, and then a line for each fault, with the time of day in
# seconds and what the fault returned. The last argument waits before each, and is true when
# it is time to end.

package HardLife;

use strict;
use warnings;

use Exporter 'import';
use IO::Handle;
use Time::HiRes qw(time);

our @EXPORT = qw(choose live pause);

my $ended = 0;
my $parent = getppid();

$SIG{TERM} = $SIG{INT} = $SIG{HUP} = sub { $ended = 1 };

sub choose
{
	my ($faults, @only) = @_;

	foreach my $name (@only)
	{
		die "no such fault: $name\n" unless $name eq 'none' || $faults->{$name};
	}
	@only = sort keys %$faults unless @only;
	return $only[0] eq 'none' ? () : @only;
}

sub live
{
	my ($events, $url, $faults, $names, $calm) = @_;

	$events->autoflush(1);
	print $events "ready $url\n";
	until ($calm->())
	{
		next unless @$names;
		my $name = $names->[ rand @$names ];
		my $begin = time();
		my $result = $faults->{$name}->();

		printf $events "%.3f %s: %s, %.1f s\n", $begin, $name, $result, time() - $begin;
	}
	return;
}

# Sleeps for so long at most; true when it is time to end.
sub pause
{
	my ($at_most) = @_;
	my $until = time() + $at_most;

	while (!$ended && time() < $until)
	{
		my $read = '';

		vec($read, 0, 1) = 1;
		$ended = 1 if getppid() != $parent;
		$ended = 1 if select($read, undef, undef, 0.05) > 0 && !sysread(STDIN, $read, 1);
	}
	return $ended;
}

1;
