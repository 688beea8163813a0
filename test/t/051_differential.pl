# The differential tester (test/differential), for some seconds: CF_DIFFERENTIAL_SECONDS,
# from seed CF_DIFFERENTIAL_SEED. CF_DIFFERENTIAL_OPTIONS has more options for it.
#
# The first seed is always the same, so that a commit which has passed passes again, and
# what fails is of the change that is being tested. 'make soak' takes seeds of chance.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;

use CfTest;

my $source = "$FindBin::RealBin/../differential";
my $seconds = $ENV{CF_DIFFERENTIAL_SECONDS} // 60;
my $seed = $ENV{CF_DIFFERENTIAL_SEED} // 1;

# Features whose faults are known and not mended yet, if any.
my $unmended = slurp_file("$source/unmended") =~ s/\s+//gr;
my @without = $unmended eq '' ? () : ('--without', $unmended);
my $tester = PostgreSQL::Test::Utils::tempdir() . '/differential';

# The pg_config of a private tree tells where its headers would be, not where
# the system's are.
my ($include) = grep { -e "$_/libpq-fe.h" } map { chomp(my $path = `$_ --includedir`); $path }
  grep { -x } map { "$_/pg_config" } split /:/, $ENV{PATH};

plan skip_all => "needs libpq's headers" unless defined $include;
command_ok(
	[
		'gcc', '-std=gnu11', '-O2', '-Wall', '-Wextra', '-Werror', "-I$include",
		'-o', $tester, glob("$source/*.c"), '-lpq'
	],
	'the tester compiles');

my $tracking = ($ENV{CF_DIFFERENTIAL_OPTIONS} // '') =~ m{--tracking|--transparent};
my $node = CfTest->node(
	'differential',
	autovacuum => 'off',
	max_prepared_transactions => 40,
	'cachefront.track_changes' => $tracking ? 'on' : 'off');
my $user = $node->safe_psql('postgres', 'SELECT current_user');

# Runs the tester; returns whether it found nothing, and what it printed.
sub run_tester
{
	my (@options) = @_;
	my $stdout;
	my $ok = IPC::Run::run(
		[
			$tester, '--host', $node->host, '--port', $node->port, '--user', $user,
			'--out', $ENV{TESTDIR}, @options
		],
		'>', \$stdout, '2>&1');

	note $stdout;
	return ($ok, $stdout);
}

# A tester that finds nothing is of use only if it finds something: with rules
# that do nothing, the tables' changes must show, unless they are tracked.
if (!$tracking)
{
	my ($blind, $differences) = run_tester('--seed', 1, '--seconds', 0, '--only', 'core', '--without-rules');
	ok(!$blind, 'it notices rules that do nothing');
	like($differences, qr/^DIFFERENT: seed 1, step \d+, core$/m, 'and says where');
	like($differences, qr/^-- cached: .*^-- plain: /ms, 'and what');
}

# How much it gets done depends on the machine: it runs until that is enough.
my ($compared, $hits) = (0, 0);
foreach (1 .. 10)
{
	my ($ok, $stdout) =
	  run_tester('--seed', $seed, '--seconds', $seconds, @without, split(' ', $ENV{CF_DIFFERENTIAL_OPTIONS} // ''));
	my ($last, $more, $more_hits) = $stdout =~ /^seeds \d+ to (\d+): .*, compared (\d+), (\d+) hits, 0 different$/m;

	ok($ok, "nothing differs from seed $seed on") or diag $stdout;
	last unless defined $last;
	$compared += $more;
	$hits += $more_hits;
	last if $compared > 100 && $hits > 20;
	$seed = $last + 1;
}
cmp_ok($compared, '>', 100, 'enough was compared');
cmp_ok($hits, '>', 20, 'enough came from the cache');

# Plain SELECTs, of which a third must be served from the cache.
if (!$tracking)
{
	$node->append_conf('postgresql.conf', 'cachefront.track_changes = on');
	$node->restart;
	my ($ok, $stdout) =
	  run_tester('--seed', $seed, '--seconds', int($seconds / 3), '--transparent', @without);
	my ($asked) = $stdout =~ /^\d+ reads by plain SELECTs; the cache was asked (\d+) times/m;
	my ($plain_hits) = $stdout =~ /, (\d+) hits, 0 different$/m;

	ok($ok, "no plain SELECT differs from seed $seed on") or diag $stdout;
	cmp_ok($plain_hits // 0, '>', ($asked // 0) / 3, 'a third of what was asked for came from the cache');
}

done_testing();
