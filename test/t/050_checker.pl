# The randomized freshness checker (test/soak), for some seconds.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;

use CfTest;

my $source = "$FindBin::RealBin/../soak";
my $seconds = $ENV{CF_CHECKER_SECONDS} // 20;
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

my $node = CfTest->node('checker', deadlock_timeout => '20ms');
$node->command_ok(
	[
		'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-v', 'keys=120', '-v',
		'rows=16', '-v', 'groups=8', '-f', "$source/schema.sql", 'postgres'
	],
	'its schema');

my $user = $node->safe_psql('postgres', 'SELECT current_user');

# Runs the checker, and returns what it printed.
sub check
{
	my ($seconds, $what, @options) = @_;
	my ($stdout, $stderr);
	my $ok = IPC::Run::run(
		[
			$checker, '--host', $node->host, '--port', $node->port, '--user', $user,
			'--seconds', $seconds, '--seed', time(), @options
		],
		'>', \$stdout, '2>', \$stderr);

	note $stdout;
	ok($ok, "$what: nothing stale") or diag "$stdout\n$stderr";
	like($stdout, qr/^checked \d+ reads, -?\d+ hits, 0 stale, 0 errors$/m, "$what: its last line");
	return $stdout;
}

my ($reads, $hits) = check($seconds, 'all reads') =~ /^checked (\d+) reads, (\d+) hits/m;
cmp_ok($reads // 0, '>', 1000 * $seconds / 20, 'enough reads');
cmp_ok($hits // 0, '>', ($reads // 0) * 0.2, 'enough hits among them');

# The part that make bench compares with: through the cache, and as plain SELECTs, which
# cannot be stale and so show that the judge is right.
for my $by ('cachefront', 'plain')
{
	my $short = int($seconds / 5) || 1;
	my ($portable) = check($short, "portable, $by", '--portable', $by) =~
	  /^portable: checked (\d+) reads, 0 stale reads$/m;

	cmp_ok($portable // 0, '>', 50 * $short, "portable, $by: enough reads");
}

# Nothing is left behind by all those commits and rollbacks.
is($node->safe_psql('postgres', 'SELECT flights + waiters FROM cache_status'), 0,
	'no flight is in the air');

done_testing();
