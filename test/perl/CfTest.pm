# CfTest.pm - what our TAP tests share, on top of PostgreSQL::Test::Cluster.
#
#	use strict;
#	use warnings;
#	use FindBin;
#	use lib "$FindBin::RealBin/../perl";
#	use PostgreSQL::Test::Utils;
#	use Test::More;
#	use CfTest;
#
#	require_debug();			# only where the test needs wait points or the clock
#	my $node = CfTest->node('main', 'cachefront.l1_size' => '8MB');
#	debug($node);
#	my ($results, $seconds) = run_sessions($node, [ ("SELECT ...") x 200 ]);
#	is(stat($node, 'loads'), 1, 'one load');
#	done_testing();
#
# A session that stays open is open_session($node), with the methods query,
# query_safe, query_until and quit of background_psql.
#
# Waiting: wait_until is a question, whose answer somebody has to look at: as
# ok(wait_until(...), 'name'). await is a step on the way, and the file ends where
# it does not come. Nothing sleeps for what may not happen: await what shows that
# it would have happened by now (another event, a number of rounds).

package CfTest;

use strict;
use warnings;

use Exporter 'import';
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(await await_that await_waitpoint debug finish_session is_over open_session
  reconfigure require_debug run_sessions start_session stat wait_at_waitpoint wait_event
  wait_until worker_pid);

# Named by who uses them: use CfTest qw(:DEFAULT query stats).
our @EXPORT_OK = qw(ask_redis await_hit await_up error_of full_error_of hold let_go nothing_left on put_file query query_as
  redis_report stats ttl_of under_test);

# Advisory lock that holds back the sessions of run_sessions; the number has no
# meaning.
my $barrier = 715517;

# Where start_session keeps scripts and outputs.
my $session_dir;
my $nsessions = 0;

# The lock class of the extension's wait points (src/base/debug_point.c), as pg_locks
# shows it in objsubid.
my $waitpoint_class = 0xCFD;

# A started server with the library preloaded and the extension in database
# "postgres". Further arguments are settings; shared_preload_libraries => ''
# gives a server without the library.
sub node
{
	my ($class, $name, %conf) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init;
	%conf = (
		'shared_preload_libraries' => 'cachefront',
		'max_connections' => 300,
		%conf);
	# Which tags share a clock is the same in each run.
	$conf{'cachefront.hash_seed'} //= 1 if $conf{'shared_preload_libraries'};
	# Most tests are of what rules, calls and times do, and see by old values that
	# nothing else does it.
	$conf{'cachefront.track_changes'} //= 'off' if $conf{'shared_preload_libraries'};
	# And a restart is how most begin with an empty memory.
	%conf = ('cachefront.l1_save' => 'off', 'cachefront.hot_keys' => 0, %conf)
	  if $conf{'shared_preload_libraries'};
	$node->append_conf('postgresql.conf', "$_ = '$conf{$_}'")
	  foreach sort keys %conf;
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION cachefront');
	return under_test($node);
}

# ---- one line of SQL ----

# The server that query and what is made of it ask: the one that node has made last, or that
# a test has said.
my $under_test;

sub under_test
{
	($under_test) = @_ if @_;
	return $under_test;
}

sub query
{
	my ($sql, $database) = @_;

	return $under_test->safe_psql($database // 'postgres', $sql);
}

# Statements in one session of any server.
sub on
{
	my ($node, @sql) = @_;

	return $node->safe_psql('postgres', join(";\n", @sql));
}

# The same as another user; dies of an error.
sub query_as
{
	my ($node, $user, $database, $sql) = @_;
	my $result = finish_session(start_session($node, $sql, database => $database, user => $user));

	die "$user: $sql\n$result->{stderr}" if $result->{status} != 0;
	return $result->{stdout};
}

# The message of the error that a statement raises, without quotes, or ''; options as of
# start_session.
sub error_of
{
	my ($sql, %option) = @_;
	my $result = finish_session(start_session($under_test, $sql, %option));

	return $result->{stderr} =~ /(ERROR|FATAL):  (.*)/ ? $2 =~ s/"//gr : '';
}

# SQLSTATE, message and hint.
sub full_error_of
{
	my ($sql, %option) = @_;
	my $result = finish_session(start_session($under_test, "\\set VERBOSITY verbose\n$sql", %option));

	return $result->{stderr} =~ /(?:ERROR|FATAL):  (.*?)(?:\nLOCATION|\z)/s ? $1 : '';
}

# Counters of cache_stats over the whole server, as psql prints them: "1|200".
sub stats
{
	return query('SELECT ' . join(', ', @_) . " FROM cache_stats WHERE cache = '*'");
}

# The whole time to live of an entry, in seconds.
sub ttl_of
{
	return query('SELECT round(extract(epoch FROM ttl_left + age), 3) FROM cache_entries'
		  . " WHERE key = '$_[0]'") + 0;
}

# No lock, no flight and no waiter is left.
sub nothing_left
{
	my ($title) = @_;

	is( query(q{SELECT (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 207),
			(SELECT count(*) FROM cache_inflight), flights, waiters FROM cache_status}),
		'0|0|0|0', "$title: nothing is left");
	return;
}

# Holds each session that comes by a wait point, from one that stays open; lets them go.
sub hold
{
	my ($control, $point) = @_;

	$control->query_safe("SELECT cf_debug_waitpoint_enable('$point')");
	return;
}

sub let_go
{
	my ($control, $point) = @_;

	$control->query_safe("SELECT cf_debug_waitpoint_release('$point')");
	return;
}

# Until a server uses Redis.
sub await_up
{
	my ($node) = @_;

	await($node, "SELECT l2 FROM cache_status, cache_fetch('up', 'SELECT 1')", 'up');
	return;
}

# Reads until it is a hit in the server's memory.
sub await_hit
{
	my ($node, $sql) = @_;

	await_that("for a hit on " . $node->name . ": $sql", sub {
		my $before = CfTest::stat($node, 'l1_hits');

		$node->safe_psql('postgres', $sql);
		return CfTest::stat($node, 'l1_hits') > $before;
	});
	return;
}

# One command by the Redis client itself: 'SET,k,v'.
sub ask_redis
{
	my ($command, $timeout) = @_;

	$timeout //= -1;
	return query("SELECT cf_debug_redis('{$command}', $timeout)");
}

# What that says of itself; of the process of a session that is open, if one is given.
sub redis_report
{
	my ($session) = @_;
	my $sql = 'SELECT cf_debug_redis_report()';
	my $text = $session ? $session->query_safe($sql) : query($sql);

	return { map { /^(\w+)=(.*)$/ } split /\n/, $text };
}

sub put_file
{
	my ($file, $bytes) = @_;

	open my $out, '>:raw', $file or die "$file: $!";
	print $out $bytes;
	close $out;
	return;
}

# A condition on pg_stat_activity: a session waits for "Flight" or "Redis". Before
# 17 extensions cannot name what they wait for.
sub wait_event
{
	my ($what) = @_;

	die 'what is waited for is one word' if @_ != 1;

	return "wait_event_type = 'Extension' AND wait_event ="
	  . " CASE WHEN current_setting('server_version_num')::int < 170000"
	  . " THEN 'Extension' ELSE 'Cachefront$what' END";
}

# Changes settings of a running server by its configuration file; sessions that
# are started afterwards have them.
sub reconfigure
{
	my ($node, %conf) = @_;
	my $before = $node->safe_psql('postgres', 'SELECT pg_conf_load_time()');

	$node->append_conf('postgresql.conf', "$_ = '$conf{$_}'") foreach sort keys %conf;
	$node->reload;
	await($node, "SELECT pg_conf_load_time() > '$before'");
	return;
}

# The same for tests of the Redis client alone, with the functions of debug: no
# database has the extension, so no worker asks Redis for anything meanwhile.
sub client_node
{
	my ($class, $name, %conf) = @_;
	my $node = $class->node($name);

	debug($node);
	$node->safe_psql('postgres', 'DROP EXTENSION cachefront');
	$node->append_conf('postgresql.conf', "$_ = '$conf{$_}'") foreach sort keys %conf;
	$node->restart;
	return $node;
}

# Skips the test file where the build has neither wait points nor test clock.
sub require_debug
{
	my $flavour = $ENV{CF_FLAVOUR} // '';

	plan skip_all => 'needs a debug build (CF_FLAVOUR=debug or ubsan)'
	  unless $flavour =~ /^(debug|ubsan)/;
	return;
}

# Creates the SQL functions that only a debug build has.
sub debug
{
	my ($node, $database) = @_;

	$node->safe_psql(
		$database // 'postgres', q{
		CREATE FUNCTION cf_debug_advance_clock(by interval) RETURNS void
		LANGUAGE C AS '$libdir/cachefront', 'cachefront_debug_advance_clock';
		CREATE FUNCTION cf_debug_forget_l1(database oid) RETURNS void
		LANGUAGE C AS '$libdir/cachefront', 'cachefront_debug_forget_l1';
		CREATE FUNCTION cf_debug_pid() RETURNS int
		LANGUAGE C AS '$libdir/cachefront', 'cachefront_debug_pid';
		CREATE FUNCTION cf_debug_set_wall_clock(by interval) RETURNS void
		LANGUAGE C AS '$libdir/cachefront', 'cachefront_debug_set_wall_clock';
		CREATE FUNCTION cf_debug_waitpoint_enable(name text) RETURNS void
		LANGUAGE C AS '$libdir/cachefront', 'cachefront_debug_waitpoint_enable';
		CREATE FUNCTION cf_debug_waitpoint_release(name text) RETURNS void
		LANGUAGE C AS '$libdir/cachefront', 'cachefront_debug_waitpoint_release';
		CREATE FUNCTION cf_debug_hold(name text) RETURNS void
		LANGUAGE C AS '$libdir/cachefront', 'cachefront_debug_hold';
		CREATE FUNCTION cf_debug_fault(name text) RETURNS void
		LANGUAGE C AS '$libdir/cachefront', 'cachefront_debug_fault';
		CREATE FUNCTION cf_debug_history(tag text) RETURNS bigint
		LANGUAGE C AS '$libdir/cachefront', 'cachefront_debug_history';
		CREATE FUNCTION cf_debug_floor() RETURNS bigint
		LANGUAGE C AS '$libdir/cachefront', 'cachefront_debug_floor';
		CREATE FUNCTION cf_debug_held() RETURNS int
		LANGUAGE C AS '$libdir/cachefront', 'cachefront_debug_held';
		CREATE FUNCTION cf_debug_xfetch(age_us bigint, load_us bigint,
			ttl_us bigint, beta float8, n int) RETURNS int
		LANGUAGE C AS '$libdir/cachefront', 'cachefront_debug_xfetch';
		CREATE FUNCTION cf_debug_redis(args text[], timeout_ms int DEFAULT -1,
			interruptible boolean DEFAULT true, generation bigint DEFAULT 0)
		RETURNS text STRICT
		LANGUAGE C AS '$libdir/cachefront', 'cachefront_debug_redis';
		CREATE FUNCTION cf_debug_redis_bytes(args bytea[]) RETURNS bytea STRICT
		LANGUAGE C AS '$libdir/cachefront', 'cachefront_debug_redis_bytes';
		CREATE FUNCTION cf_debug_redis_drop() RETURNS void
		LANGUAGE C AS '$libdir/cachefront', 'cachefront_debug_redis_drop';
		CREATE FUNCTION cf_debug_redis_max_reply(bytes bigint) RETURNS void STRICT
		LANGUAGE C AS '$libdir/cachefront', 'cachefront_debug_redis_max_reply';
		CREATE FUNCTION cf_debug_redis_pipeline(commands text[],
			timeout_ms int DEFAULT -1, interruptible boolean DEFAULT true)
		RETURNS text[] STRICT
		LANGUAGE C AS '$libdir/cachefront', 'cachefront_debug_redis_pipeline';
		CREATE FUNCTION cf_debug_refusals(with_user boolean, OUT obstacle text)
		LANGUAGE C AS '$libdir/cachefront', 'cachefront_debug_redis_refusals';
		CREATE FUNCTION cf_debug_redis_report() RETURNS text
		LANGUAGE C AS '$libdir/cachefront', 'cachefront_debug_redis_report';
	});
	return;
}

# A counter of cache_stats, over the whole server.
sub stat
{
	my ($node, $counter) = @_;

	return $node->safe_psql('postgres',
		"SELECT $counter FROM cache_stats WHERE cache = '*'");
}

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
	my ($postmaster) = -e $file ? slurp_trimmed($file) =~ /^(\d+)/ : ();

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
