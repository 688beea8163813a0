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
# It gives what CfWait (waiting, processes) and CfSession (sessions) have, too.

package CfTest;

use strict;
use warnings;

use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CfSession;
use CfWait;

our @EXPORT = (@CfWait::EXPORT, @CfSession::EXPORT,
	qw(debug reconfigure require_debug stat wait_event));

# Named by who uses them: use CfTest qw(:DEFAULT query stats).
our @EXPORT_OK = qw(ask_redis await_hit await_up error_of full_error_of hold let_go nothing_left on put_file query query_as
  redis_report stats ttl_of under_test);

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

1;
