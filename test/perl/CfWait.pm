# CfWait.pm - waiting, for what shows in a server and for its processes; CfTest has it, too.
#
# wait_until is a question, whose answer somebody has to look at: as
# ok(wait_until(...), 'name'). await is a step on the way, and the file ends where
# it does not come. Nothing sleeps for what may not happen: await what shows that
# it would have happened by now (another event, a number of rounds).

package CfWait;

use strict;
use warnings;

use Exporter 'import';
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(await await_that await_waitpoint process_title wait_at_waitpoint wait_until worker_pid);

# The lock class of the extension's wait points (src/base/debug_point.c), as pg_locks
# shows it in objsubid.
my $waitpoint_class = 0xCFD;

# Repeats a query until its output is as expected ('t' by default). False, with
# the last output as a diagnostic, if that takes longer than the timeout.
sub wait_until
{
	my ($node, $sql, $expected, $timeout) = @_;
	my $deadline = time()
	  + ($timeout // $PostgreSQL::Test::Utils::timeout_default);
	my ($stdout, $stderr);

	$expected //= 't';
	while (1)
	{
		# While the server starts psql may be gone before it was told the query.
		eval { $node->psql('postgres', $sql, stdout => \$stdout, stderr => \$stderr); 1 }
		  or ($stdout, $stderr) = ('', $@);
		return 1 if $stdout eq $expected && $stderr eq '';
		last if time() > $deadline;
		sleep 0.05;
	}
	diag("timed out waiting for: $sql\nexpected: $expected\n"
		  . "last output: $stdout\nstderr: $stderr");
	return 0;
}

# The same as a step of a test and not as its result: the test ends where it
# does not come.
sub await
{
	my ($node, $sql, $expected, $timeout) = @_;

	die "timed out waiting for: $sql" unless wait_until($node, $sql, $expected, $timeout);
	return;
}

# Until a function is true.
sub await_that
{
	my ($what, $condition) = @_;
	my $deadline = time() + $PostgreSQL::Test::Utils::timeout_default;

	until ($condition->())
	{
		die "timed out waiting: $what" if time() > $deadline;
		sleep 0.05;
	}
	return;
}

# Waits until so many sessions are held by a wait point.
sub wait_at_waitpoint
{
	my ($node, $sessions) = @_;

	return wait_until($node,
		"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
		  . " AND objsubid = $waitpoint_class AND NOT granted",
		$sessions // 1);
}

sub await_waitpoint
{
	my ($node, $sessions) = @_;

	die 'nobody comes to the wait point' unless wait_at_waitpoint($node, $sessions);
	return;
}

# The process of a server with such a title, as "cachefront publisher", also where nobody
# can connect; a small Debian has no ps.
sub worker_pid
{
	my ($node, $title) = @_;
	my $pid;

	await_that("for a process $title of " . $node->name,
		sub { ($pid) = grep { process_title($_) =~ /\b\Q$title\E\b/ } children($node) });
	return $pid;
}

sub children
{
	my ($node) = @_;
	my $file = $node->data_dir . '/postmaster.pid';
	my ($postmaster) = -e $file ? slurp_file($file) =~ /^(\d+)/ : ();

	return unless defined $postmaster;
	return grep { parent_of($_) == $postmaster } map { m{^/proc/(\d+)$} ? $1 : () } glob '/proc/[0-9]*';
}

# A process may end while it is looked at.
sub slurp_proc
{
	my ($path) = @_;

	open(my $file, '<', $path) or return '';
	local $/;
	return <$file> // '';
}

# The name in parentheses may hold anything.
sub parent_of
{
	my ($pid) = @_;

	return slurp_proc("/proc/$pid/stat") =~ /^.*\) \S (\d+) /s ? $1 : 0;
}

sub process_title
{
	my ($pid) = @_;

	return slurp_proc("/proc/$pid/cmdline");
}

1;
