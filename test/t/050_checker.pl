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

# The self-check looks at some of the hits meanwhile, and must not be mistaken either.
my $node = CfTest->node(
	'checker',
	deadlock_timeout => '20ms',
	'cachefront.track_changes' => 'on',
	'cachefront.verify_rate' => '0.1');
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

# How much it gets done depends on the machine: it runs until that is enough.
my ($reads, $hits) = (0, 0);
foreach (1 .. 20)
{
	my ($more, $more_hits) = check($seconds, 'all reads') =~ /^checked (\d+) reads, (\d+) hits/m;

	$reads += $more // 0;
	$hits += $more_hits // 0;
	last if $reads >= 1000;
}
cmp_ok($reads, '>=', 1000, 'enough reads');
cmp_ok($hits, '>', $reads * 0.2, 'enough hits among them');
cmp_ok(CfTest::stat($node, 'refreshes'), '>', 0, 'commits have published values');
cmp_ok(CfTest::stat($node, 'verified'), '>', 0, 'the self-check has compared some');
is(CfTest::stat($node, 'verify_failures'), 0, 'and found nothing');

# With nothing attached. Each write to a table outdates all that was read from it, so
# there are fewer hits.
$node->safe_psql('postgres', 'CREATE DATABASE bare');
$node->safe_psql('bare', 'CREATE EXTENSION cachefront');
$node->command_ok(
	[
		'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-v', 'keys=120', '-v', 'rows=16', '-v',
		'groups=8', '-v', 'without_rules=1', '-f', "$source/schema.sql", 'bare'
	],
	'a schema without rules');
($reads, $hits) = (0, 0);
foreach (1 .. 20)
{
	my ($more, $more_hits) =
	  check($seconds, 'without rules', '--without-rules', '--dbname', 'bare') =~
	  /^checked (\d+) reads, (\d+) hits/m;

	$reads += $more // 0;
	$hits += $more_hits // 0;
	last if $reads >= 1000;
}
cmp_ok($reads, '>=', 1000, 'without rules: enough reads');
cmp_ok($hits, '>', 0, 'without rules: hits among them');

# The part that make bench compares with: through the cache, and as plain SELECTs, which
# cannot be stale and so show that the judge is right.
for my $by ('cachefront', 'plain')
{
	my $short = int($seconds / 5) || 1;
	my $portable = 0;

	foreach (1 .. 20)
	{
		my ($more) = check($short, "portable, $by", '--portable', $by) =~
		  /^portable: checked (\d+) reads, 0 stale reads$/m;

		$portable += $more // 0;
		last if $portable >= 200;
	}
	cmp_ok($portable, '>=', 200, "portable, $by: enough reads");
}

# Nothing is left behind by all those commits and rollbacks.
is($node->safe_psql('postgres', 'SELECT flights + waiters FROM cache_status'), 0,
	'no flight is in the air');

done_testing();
