#!/usr/bin/env bash
# How functions of src/ are called:
# - none has more than seven parameters, but for a hook whose type is PostgreSQL's: what
#   belongs together is a struct;
# - none of ours is called with two or more of true and false: nobody sees at the call what
#   they mean; an enum says it.

set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2

mapfile -t sources < <(find src -name '*.[ch]' | sort)
if ((${#sources[@]} == 0)); then
	echo 'found no sources'
	exit 1
fi

perl -w - "${sources[@]}" <<'PERL'
use strict;

my $most = 7;
my $bad = 0;
my (%text, %ours);

# The arguments between the parentheses that begin at an offset, without what is inside of
# further ones.
sub arguments
{
	my ($text, $at) = @_;
	my ($depth, @found) = (0, '');

	while ($at < length $text)
	{
		my $c = substr($text, $at++, 1);

		$depth++ if $c =~ /[(\[{]/;
		$depth-- if $c =~ /[)\]}]/;
		return @found if $depth == 0;
		if ($c eq ',' && $depth == 1) { push @found, '' }
		elsif ($depth > 1 || $c ne '(') { $found[-1] .= $c }
	}
	return @found;
}

sub line_of
{
	my ($text, $at) = @_;

	return 1 + (substr($text, 0, $at) =~ tr/\n//);
}

foreach my $file (@ARGV)
{
	open my $in, '<', $file or die "$file: $!";
	local $/;
	my $text = <$in>;

	# Comments and strings are blanks of the same length.
	$text =~ s{(/\*.*?\*/|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')}{$1 =~ s/[^\n]/ /gr}gse;
	$text{$file} = $text;
	while ($text =~ /^(\w+)(?=\()/mg)
	{
		my ($name, $at) = ($1, $-[0]);
		my @parameters = arguments($text, $+[0]);

		$ours{$name} = 1;
		next if @parameters <= $most || join('', @parameters) =~ /ProcessUtilityContext/;
		print "$file:", line_of($text, $at), ": $name has ", scalar @parameters, " parameters, more than $most\n";
		$bad = 1;
	}
}
foreach my $file (sort keys %text)
{
	my $text = $text{$file};

	while ($text =~ /\b(\w+)(?=\()/g)
	{
		my ($name, $at) = ($1, $-[0]);

		next if !$ours{$name};
		next if (grep { /^\s*(?:true|false)\s*$/ } arguments($text, $+[0])) < 2;
		print "$file:", line_of($text, $at), ": $name is called with two or more of true and false\n";
		$bad = 1;
	}
}
exit $bad;
PERL
