# CfSession.pm - sessions beside the test's own, one or hundreds; CfTest has it, too.
#
# A session that stays open is open_session($node), with the methods query,
# query_safe, query_until and quit of background_psql.

package CfSession;

use strict;
use warnings;

use Exporter 'import';
use POSIX ();
use PostgreSQL::Test::Utils;
use Time::HiRes qw(sleep time);
use CfWait;

our @EXPORT = qw(finish_session is_over open_session run_sessions start_session);

# Advisory lock that holds back the sessions of run_sessions; the number has no
# meaning.
my $barrier = 715517;

# Where start_session keeps scripts and outputs.
my $session_dir;
my $nsessions = 0;

# A session that stays open. background_psql gives one no longer to live than a
# query may take, be it idle; this one lives as long as the test.
sub open_session
{
	my ($node, $database, %option) = @_;

	return $node->background_psql($database // 'postgres', timeout => 100000, %option);
}

# Runs each SQL text of a list in a psql session of its own, all at once: they
# connect first, wait for each other, and start together.
#
# Options: database, user, timeout, connstr (appended to the connection string,
# for options='-c ...'), barrier => 0 to start each as soon as it is connected.
#
# Returns a reference to a list of { status, stdout, stderr } in the order of
# the texts, and the seconds from the common start to the last end. A session
# that hangs is killed, and its status is 'timeout'. Each text runs statement by
# statement and stops at its first error (psql's status 3).
sub run_sessions
{
	my ($node, $texts, %option) = @_;
	my $database = $option{database} // 'postgres';
	my $deadline = time()
	  + ($option{timeout} // $PostgreSQL::Test::Utils::timeout_default);
	my $use_barrier = $option{barrier} // 1;
	my $dir = PostgreSQL::Test::Utils::tempdir();
	my $connstr = $node->connstr($database);
	my ($holder, @results, %running);

	$connstr .= " user='$option{user}'" if defined $option{user};
	$connstr .= " $option{connstr}" if defined $option{connstr};
	if ($use_barrier)
	{
		$holder = open_session($node, $database);
		$holder->query_safe("SELECT pg_advisory_lock($barrier)");
	}
	foreach my $i (0 .. $#$texts)
	{
		my $sql = $texts->[$i];

		$sql = "DO \$\$ BEGIN PERFORM pg_advisory_lock_shared($barrier);"
		  . " PERFORM pg_advisory_unlock_shared($barrier); END \$\$;\n$sql"
		  if $use_barrier;
		PostgreSQL::Test::Utils::append_to_file("$dir/$i.sql", "$sql\n");
		$running{ start_psql($node, $connstr, "$dir/$i") } = $i;
	}
	if ($use_barrier)
	{
		await($node,
			"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
			  . " AND objid = $barrier AND NOT granted",
			scalar @$texts);
	}
	my $start = time();
	$deadline = $start + ($option{timeout} // $PostgreSQL::Test::Utils::timeout_default);
	if ($use_barrier)
	{
		$holder->query_safe("SELECT pg_advisory_unlock($barrier)");
		$holder->quit;
	}
	while (%running)
	{
		foreach my $pid (keys %running)
		{
			my $i = $running{$pid};

			if (waitpid($pid, POSIX::WNOHANG()) == $pid)
			{
				$results[$i] = { status => $? >> 8 };
			}
			elsif (time() > $deadline)
			{
				kill 'KILL', $pid;
				waitpid($pid, 0);
				$results[$i] = { status => 'timeout' };
			}
			else
			{
				next;
			}
			$results[$i]->{stdout} = slurp_trimmed("$dir/$i.out");
			$results[$i]->{stderr} = slurp_trimmed("$dir/$i.err");
			delete $running{$pid};
		}
		sleep 0.005 if %running;
	}
	return (\@results, time() - $start);
}

# Starts one SQL text in a psql session of its own and does not wait for it.
# Options: database, user, connstr, as for run_sessions; name, shown as
# application_name; conf, a reference to a hash of settings.
sub start_session
{
	my ($node, $sql, %option) = @_;
	my $connstr = $node->connstr($option{database} // 'postgres');
	my $path = ($session_dir //= PostgreSQL::Test::Utils::tempdir()) . '/'
	  . $nsessions++;
	my %conf = %{ $option{conf} // {} };

	$connstr .= " user='$option{user}'" if defined $option{user};
	$connstr .= " application_name='$option{name}'" if defined $option{name};
	$connstr .= " options='"
	  . join(' ', map { "-c $_=$conf{$_}" } sort keys %conf) . "'"
	  if %conf;
	$connstr .= " $option{connstr}" if defined $option{connstr};
	PostgreSQL::Test::Utils::append_to_file("$path.sql", "$sql\n");
	return { pid => start_psql($node, $connstr, $path), path => $path };
}

# Has such a session ended?
sub is_over
{
	my ($session) = @_;

	$session->{status} = $? >> 8
	  if !defined $session->{status}
	  && waitpid($session->{pid}, POSIX::WNOHANG()) == $session->{pid};
	return defined $session->{status};
}

# Waits for such a session to end; returns { status, stdout, stderr } as
# run_sessions does.
sub finish_session
{
	my ($session) = @_;
	my $deadline = time() + $PostgreSQL::Test::Utils::timeout_default;

	until (is_over($session))
	{
		if (time() > $deadline)
		{
			kill 'KILL', $session->{pid};
			waitpid($session->{pid}, 0);
			$session->{status} = 'timeout';
		}
		else
		{
			sleep 0.005;
		}
	}
	return {
		status => $session->{status},
		stdout => slurp_trimmed("$session->{path}.out"),
		stderr => slurp_trimmed("$session->{path}.err")
	};
}

# Starts psql on a script, without IPC::Run: with hundreds of sessions its pipes
# are what takes the time.
sub start_psql
{
	my ($node, $connstr, $path) = @_;
	my $psql = $node->installed_command('psql');
	my $pid = fork();

	die "could not fork: $!" unless defined $pid;
	return $pid if $pid;
	open(STDIN, '<', '/dev/null') or POSIX::_exit(126);
	open(STDOUT, '>', "$path.out") or POSIX::_exit(126);
	open(STDERR, '>', "$path.err") or POSIX::_exit(126);
	{
		no warnings 'exec';
		exec $psql, '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $connstr,
		  '-f', "$path.sql";
	}
	POSIX::_exit(127);
}

sub slurp_trimmed
{
	my ($path) = @_;
	my $text = PostgreSQL::Test::Utils::slurp_file($path);

	chomp $text;
	return $text;
}

1;
