# The randomized freshness checker (test/soak) on a server and its standby, which
# share a Redis that is killed, stopped, emptied and starved all the time. The
# server crashes now and then.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use CfTest;

my $source = "$FindBin::RealBin/../soak";
my $seconds = $ENV{CF_CHECKER_SECONDS} // 30;
my $seed = $ENV{CF_CHECKER_SEED} // time();
my @faults = split /,/, $ENV{CF_REDIS_FAULTS} // '';
my $checker = PostgreSQL::Test::Utils::tempdir() . '/checker';
my $redis_dir = PostgreSQL::Test::Utils::tempdir_short();
my ($input, $events, $complaints) = ('', '', '');
my %common = (
	'shared_preload_libraries' => 'cachefront',
	'max_connections' => 100,
	'deadlock_timeout' => '20ms',
	'log_statement' => 'none',
	'cachefront.redis_url' => "unix://$redis_dir/s",
	'cachefront.redis_command_timeout' => '500ms',
	'cachefront.breaker_reset' => '200ms',
	# Out of the way of what Redis is to answer: see tier.c.
	'cachefront.l1_max_value' => '1kB');

# The pg_config of a private tree tells where its headers would be, not where
# the system's are.
my ($include) = grep { -e "$_/libpq-fe.h" } map { chomp(my $path = `$_ --includedir`); $path }
  grep { -x } map { "$_/pg_config" } split /:/, $ENV{PATH};

plan skip_all => "needs libpq's headers" unless defined $include;
command_ok(
	[
		'gcc', '-std=gnu11', '-O2', '-Wall', '-Wextra', '-Werror', "-I$include",
		'-o', $checker, glob("$source/*.c"), '-lpq', '-lpthread'
	],
	'the checker compiles');

my $redis = IPC::Run::start(
	[ $^X, "$source/redis_faults.pl", $redis_dir, $seed, @faults ],
	'<', \$input, '>', \$events, '2>', \$complaints,
	IPC::Run::timeout(20 * $seconds + 3600));
$redis->pump until $events =~ /^ready /m;

sub set
{
	my ($node, %conf) = @_;

	$node->append_conf('postgresql.conf', "$_ = '$conf{$_}'") foreach sort keys %conf;
	return;
}

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
set($primary, %common, 'restart_after_crash' => 'on');
$primary->start;
$primary->safe_psql('postgres', 'CREATE EXTENSION cachefront');
$primary->backup('base');

my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
set($standby,
	'max_standby_streaming_delay' => '-1',
	'cachefront.stale_ttl' => '0');
$standby->start;

$primary->command_ok(
	[
		'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-v', 'keys=120', '-v',
		'rows=16', '-v', 'groups=8', '-f', "$source/schema.sql", 'postgres'
	],
	'its schema');

# How much it gets done depends on the machine, how often it crashes on chance: so
# it runs until it has seen enough, which is mostly once.
my %enough = (reads => 1000, l2_hits => 50, standby_reads => 1000, standby_hits => 50, crashes => 1);
my %seen = (stale => 0, errors => 0, standby_stale => 0, map { $_ => 0 } keys %enough);

sub check
{
	my ($seed) = @_;
	my ($stdout, $stderr);
	my $ok = IPC::Run::run(
		[
			$checker, '--host', $primary->host, '--port', $primary->port,
			'--user', $primary->safe_psql('postgres', 'SELECT current_user'),
			'--standby-host', $standby->host, '--standby-port', $standby->port,
			'--seconds', $seconds, '--seed', $seed, '--crash-every', 8
		],
		'>', \$stdout, '2>', \$stderr);
	my %got;

	$redis->pump_nb;
	note "seed $seed\n$stdout$events";
	ok($ok, 'nothing stale, no errors') or diag "seed $seed\n$stdout$stderr$events$complaints";
	@got{qw(reads stale errors)} =
	  $stdout =~ /^checked (\d+) reads, -?\d+ hits, (\d+) stale, (\d+) errors$/m;
	($got{l2_hits}) = $stdout =~ /^redis: (\d+) hits$/m;
	@got{qw(standby_reads standby_hits standby_stale)} =
	  $stdout =~ /^standby: checked (\d+) reads, (\d+) redis hits, (\d+) stale$/m;
	($got{crashes}) = $stdout =~ /^crashes: (\d+)/m;
	foreach my $name (sort keys %got)
	{
		fail("$name is told") unless defined $got{$name};
		$seen{$name} += $got{$name} // 0;
	}
	return $ok;
}

foreach my $round (0 .. 19)
{
	last unless check($seed + $round);
	last unless grep { $seen{$_} < $enough{$_} } keys %enough;
}
is($seen{stale}, 0, 'nothing stale on the writing server');
is($seen{standby_stale}, 0, 'nothing stale from Redis on the standby');
is($seen{errors}, 0, 'no errors');
cmp_ok($seen{$_}, '>=', $enough{$_}, "enough: $_") foreach sort keys %enough;
is($primary->safe_psql('postgres', 'SELECT flights + waiters FROM cache_status'), 0,
	'no flight is in the air');

like($events, qr/^\d+\.\d+ \w/m, 'Redis had a hard life')
  unless grep { $_ eq 'none' } @faults;
foreach my $node ($primary, $standby)
{
	unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile),
		qr/PANIC:|TRAP:|terminated by signal (?!9:)|WARNING:.* leak/, $node->name . ': nothing bad in its log');
}

# Not by the end of its input: the servers have inherited that.
$redis->signal('TERM');
$redis->finish;
$standby->stop;
$primary->stop;
done_testing();
