# What drivers get of plain SELECTs is the same with cachefront.transparent as without:
# rows, types, metadata, counts, tags, errors, by each of the protocol's ways; and where
# a hit is expected, it is one. Programs of test/drivers/, and those of docs/drivers.md.
# Drivers that are not there are left out, with a word.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;
use CfDrivers;
use CfTest;

my $folder = $PostgreSQL::Test::Utils::tmp_check;
my $programs = "$FindBin::RealBin/../drivers";
my $npm = ($ENV{CF_NPM} // $folder) . '/node_modules';
my $packages = ($ENV{CF_TOOLS} // '/nowhere') . '/packages';
my ($jar) = grep { -f } '/usr/share/java/postgresql.jar', "$packages/libpostgresql-jdbc-java/usr/share/java/postgresql.jar";
my $times = 8;
# A table that somebody depends on for the first time, and a text that is seen for the first time.
my $misses = 2;

my $node = CfTest->node('main', listen_addresses => '127.0.0.1', 'cachefront.track_changes' => 'on', 'cachefront.transparent_min_saving' => 0);
my $user = $node->safe_psql('postgres', 'SELECT current_user');

$node->safe_psql('postgres', slurp_file("$programs/schema.sql"));

# For all sessions that begin from now on.
sub transparent
{
	my ($value) = @_;

	$node->safe_psql('postgres', qq{ALTER ROLE "$user" SET cachefront.transparent = $value; SELECT cache_flush()});
	return;
}

# The first lines that differ: all of it would fill the screen.
sub difference
{
	my ($without, $with) = map { [ split /\n/, $_ ] } @_;

	foreach my $i (0 .. ($#$without > $#$with ? $#$without : $#$with))
	{
		my ($a, $b) = map { $_ // 'nothing' } $without->[$i], $with->[$i];

		return "line $i:\n$a\n$b" if $a ne $b;
	}
	return 'none';
}

# Of what a program says on stderr: section => hits, the sum of those of one name.
sub hits_of
{
	my %hits;

	$hits{$1} += $2 while $_[0] =~ /^(.*) (-?\d+)$/mg;
	return %hits;
}

# The last are the sections of which nothing is a hit: what moves over a plan, or fails, or
# is written each time.
sub program
{
	my ($name, $has, $missing, $never, @command) = @_;

	SKIP:
	{
		skip "$name: $missing is not here", 1 if !$has;
		transparent('off');
		my ($rc, $without, $err) = run_command_at($node->port, @command);
		my %none = hits_of($err);

		is($rc, 0, "$name runs") or diag($err);
		is(join(' ', grep { $none{$_} != 0 } sort keys %none), '', "$name: no hits while it is off");
		transparent('auto');
		my $with;
		($rc, $with, $err) = run_command_at($node->port, @command);
		is($rc, 0, "$name runs while it is on") or diag($err);
		is(difference($without, $with), 'none', "$name: the same");
		my %hits = hits_of($err);

		foreach my $section (sort keys %hits)
		{
			my $what = "$name: hits of '$section'";

			if (grep { $section =~ /(^| )$_$/ } @$never)
			{
				is($hits{$section}, 0, $what);
				next;
			}
			cmp_ok($hits{$section}, '>=', $times - $misses, $what);
		}
	}
	return;
}

my $psycopg = works('python3', '-c', 'import psycopg');

program('psycopg 2', works('python3', '-c', 'import psycopg2'), 'psycopg2',
	[ 'named', 'scroll', 'hold', 'error' ], 'python3', "$programs/reads_psycopg2.py");
program('psycopg 3', $psycopg, 'psycopg', [ 'named', 'scroll', 'hold', 'error' ],
	'python3', "$programs/reads_psycopg3.py");
program('node-postgres', -d "$npm/pg" && works('node', '--version'), 'node or its package pg',
	[ 'error' ], 'node', "$programs/reads_node.js");
program('pgjdbc', defined $jar && works('javac', '-version'), 'pgjdbc or a JDK',
	[ 'updatable', 'error' ], 'java', '-cp', $jar // '', "$programs/Reads.java");

# ---- the programs of the document ----

my %snippets = slurp_file("$FindBin::RealBin/../../docs/drivers.md") =~
  /^<!-- plain: (\S+) -->\n```\w+\n(.*?)^```$/msg;
my ($schema) = slurp_file("$FindBin::RealBin/../../docs/drivers.md") =~ /^<!-- snippet: schema.sql -->\n```sql\n(.*?)^```$/ms;

is(join(' ', sort keys %snippets), 'Plain.java node.js psycopg.py with_django.py with_sqlalchemy.py',
	'the programs of the document');
$node->safe_psql('postgres', $schema);
$snippets{'psycopg2.py'} = $snippets{'psycopg.py'} =~ s/psycopg/psycopg2/gr;
# A program must not have the name of what it imports.
append_to_file("$folder/plain_$_", $snippets{$_}) foreach grep { !/java/ } keys %snippets;
append_to_file("$folder/Plain.java", $snippets{'Plain.java'});
transparent('marked');

foreach my $case (
	[ 'psycopg2', works('python3', '-c', 'import psycopg2'), 'python3', 'plain_psycopg2.py' ],
	[ 'psycopg', $psycopg, 'python3', 'plain_psycopg.py' ],
	[ 'pg', -d "$npm/pg" && works('node', '--version'), 'node', 'plain_node.js' ],
	[ 'pgjdbc', defined $jar && works('javac', '-version'), 'java', '-cp', $jar // '', 'Plain.java' ],
	[ 'sqlalchemy', works('python3', '-c', 'import sqlalchemy'), 'python3', 'plain_with_sqlalchemy.py' ],
	[ 'django', works('python3', '-c', 'import django'), 'python3', 'plain_with_django.py' ])
{
	my ($name, $has, @command) = @$case;
	my $file = "$folder/" . pop @command;

	SKIP:
	{
		skip "document: $name is not here", 3 if !$has;
		$node->safe_psql('postgres', 'SELECT cache_flush()');
		my $before = CfTest::stat($node, 'l1_hits');
		my ($rc, $out, $err) = run_command_at($node->port, @command, $file);

		is($rc, 0, "document: $name runs") or diag($err);
		is($out, "product 42\n" x 10, "document: $name gets its rows");
		cmp_ok(CfTest::stat($node, 'l1_hits') - $before, '>=', 10 - $misses, "document: $name is served");
	}
}

# What the other document says of each statement, on an empty database.
my ($try) = slurp_file("$FindBin::RealBin/../../docs/transparent.md") =~ /^<!-- plain: try.sql -->\n```sql\n(.*?)^```$/ms;

$node->safe_psql('postgres', 'CREATE DATABASE empty');
$node->safe_psql('postgres', 'ALTER DATABASE empty SET cachefront.transparent_min_saving = 50');
is( $node->safe_psql('empty', $try),
	join("\n", '', ('500000500000') x 4, '499999500000', '5|2|3|2'), 'document: each statement does what it says');

# A database without the extension.
$node->safe_psql('postgres', 'CREATE DATABASE without');
my $here = CfTest::stat($node, 'l1_hits');
is( $node->safe_psql('without', q{SET cachefront.transparent = auto; CREATE TABLE t AS SELECT 1 AS a;}
		  . 'SELECT a FROM t;' x 4 . 'UPDATE t SET a = 2;' . 'SELECT a FROM t;' x 3), join("\n", (1) x 4, (2) x 3),
	'document: a database without the extension gets its rows');
cmp_ok(CfTest::stat($node, 'l1_hits') - $here, '>=', 4, 'document: it is served');

# ---- pgbouncer ----

my ($bouncer) = grep { -x $_ } '/usr/sbin/pgbouncer', '/usr/bin/pgbouncer';

# Runs a program behind a pgbouncer of its own; returns what it printed.
sub pooled
{
	my (@command) = @_;
	my $port = PostgreSQL::Test::Cluster::get_free_port();
	my $log = '';

	append_to_file("$folder/bouncer$port.ini", '[databases]' . "\n* = host=" . $node->host . ' port=' . $node->port . qq{
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $port
auth_type = trust
auth_file = $folder/userlist.txt
pool_mode = transaction
default_pool_size = 3
unix_socket_dir =
});
	my $pid = IPC::Run::start([ $bouncer, "$folder/bouncer$port.ini" ], '<', \'', '>&', \$log);

	await_that('for pgbouncer', sub {
		local $ENV{PGCONNECT_TIMEOUT} = 30;
		return works('psql', '-XAtc', 'SELECT 1', "host=127.0.0.1 port=$port");
	});
	my ($rc, $out, $err) = run_command_at($port, @command);

	$pid->signal('INT');
	$pid->finish;
	is("$rc $err", '0 ', 'pgbouncer: the program runs');
	return $out;
}

SKIP:
{
	skip 'pgbouncer or psycopg is not here', 1 if !defined $bouncer || !$psycopg;
	append_to_file("$folder/userlist.txt", qq{"$user" ""\n});
	transparent('off');
	my $without = pooled('python3', "$programs/reads_pooled.py");

	transparent('auto');
	my $before = CfTest::stat($node, 'l1_hits');

	is(difference($without, pooled('python3', "$programs/reads_pooled.py")), 'none', 'pgbouncer: the same');
	# Of 6 clients, by each of 4 statements; some of the last read what they have written.
	cmp_ok(CfTest::stat($node, 'l1_hits') - $before, '>=', 6 * 4 * $times - 4 * $misses - 6, 'pgbouncer: of hits');
	like($without, qr/^refused 42501/m, 'pgbouncer: who has no rights gets none');
}

$node->stop;
done_testing();
