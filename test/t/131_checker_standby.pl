# The randomized freshness checker (test/soak) on a server and its standby without any
# Redis: what the standby has in memory is judged by its own tables. Replay
# stands still now and then, and so does what reads the WAL; the server crashes.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use CfTest;

my $source = "$FindBin::RealBin/../soak";
my $seconds = $ENV{CF_CHECKER_SECONDS} // 20;
my $seed = $ENV{CF_CHECKER_SEED} // time();
my $checker = PostgreSQL::Test::Utils::tempdir() . '/checker';

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

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', q{
shared_preload_libraries = 'cachefront'
max_connections = 100
deadlock_timeout = '20ms'
log_statement = 'none'
restart_after_crash = on
max_standby_streaming_delay = -1
cachefront.verify_rate = 0.05});
$primary->start;
$primary->safe_psql('postgres', 'CREATE EXTENSION cachefront');
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

my $user = $primary->safe_psql('postgres', 'SELECT current_user');
my %enough = (reads => 2000, hits => 400);

sub check
{
	my ($database, $schema, @options) = @_;
	my %seen = (reads => 0, hits => 0);

	$primary->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-v', 'keys=120', '-v',
			'rows=16', '-v', 'groups=8', @$schema, '-f', "$source/schema.sql", $database ],
		"$database: schema");
	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('write'));
	foreach my $round (0 .. 19)
	{
		my $before = CfTest::stat($standby, 'l1_hits');
		my ($stdout, $stderr);
		my $ok = IPC::Run::run(
			[
				$checker, '--host', $primary->host, '--port', $primary->port, '--user', $user,
				'--dbname', $database, '--standby-host', $standby->host, '--standby-port', $standby->port,
				'--seconds', $seconds, '--seed', $seed + $round, '--crash-every', 8, @options
			],
			'>', \$stdout, '2>', \$stderr);

		note "seed " . ($seed + $round) . "\n$stdout";
		ok($ok, "$database: nothing stale, no errors") or diag "seed $seed + $round\n$stdout$stderr";
		my ($reads) = $stdout =~ /^standby: checked (\d+) reads, 0 redis hits, 0 stale$/m;

		ok(defined $reads, "$database: the standby's line");
		$seen{reads} += $reads // 0;
		$seen{hits} += CfTest::stat($standby, 'l1_hits') - $before;
		last unless $ok && grep { $seen{$_} < $enough{$_} } keys %enough;
	}
	cmp_ok($seen{$_}, '>=', $enough{$_}, "$database: enough $_ on the standby") foreach sort keys %enough;
	return;
}

check('postgres', []);
$primary->safe_psql('postgres', 'CREATE DATABASE bare');
$primary->safe_psql('bare', 'CREATE EXTENSION cachefront');
check('bare', [ '-v', 'without_rules=1' ], '--without-rules');

is(CfTest::stat($standby, 'verify_failures'), 0, 'the self-check has found nothing on the standby');
note 'verified there: ' . CfTest::stat($standby, 'verified') . ', behind: ' . CfTest::stat($standby, 'standby_behind');
unlike(PostgreSQL::Test::Utils::slurp_file($_->logfile),
	qr/PANIC:|TRAP:|terminated by signal (?!9:)|WARNING:.* leak/, $_->name . ': nothing bad in its log')
  foreach $primary, $standby;
$standby->stop;
$primary->stop;
done_testing();
