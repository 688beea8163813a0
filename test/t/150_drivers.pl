# The programs of docs/drivers.md, as they stand there, against the real drivers.
# Each is skipped where its driver is not there; node-postgres and pgjdbc are fetched
# once into the build folder.

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
my $npm = ($ENV{CF_NPM} // $folder) . '/node_modules';
my ($jar) = grep { -f } '/usr/share/java/postgresql.jar',
  ($ENV{CF_TOOLS} // '') . '/packages/libpostgresql-jdbc-java/usr/share/java/postgresql.jar';

# Name of a snippet => its text.
my %snippets = slurp_file("$FindBin::RealBin/../../docs/drivers.md") =~
  /^<!-- snippet: (\S+) -->\n```\w+\n(.*?)^```$/msg;

is( join(' ', sort keys %snippets),
	'Drivers.java claims.js claims.py node.js pgbouncer.ini pooled.py schema.sql with_psycopg2.py with_psycopg3.py',
	'the programs of the document');

my $node = CfTest->node('main', listen_addresses => '127.0.0.1', 'cachefront.track_changes' => 'on');

$node->safe_psql('postgres', $snippets{'schema.sql'});
append_to_file("$folder/$_", $snippets{$_}) foreach keys %snippets;

# What each program prints, but for the form of true.
my $expected = join("\n", 'product 42', 'product 42', 'none', ('product 42') x 3);

sub program
{
	my ($name, $has, $missing, @command) = @_;

	SKIP:
	{
		skip "$name: $missing is not here", 3 if !$has;
		$node->safe_psql('postgres', 'SELECT cache_flush()');

		my ($rc, $out, $err) = run_command_at($node->port, @command);

		is("$rc $err", '0 ', "$name runs");
		like($out, qr/\A\Q$expected\E\n(True|true|t)\n\z/, "$name gets its answers");
		# By id, as JSON and as rows, with NULL in one of them; by both.
		is( $node->safe_psql(
				'postgres', q{SELECT string_agg(form || ' ' || n, ', ' ORDER BY form)
				FROM (SELECT form, count(*) AS n FROM cache_entries
					WHERE key = 'product:42' AND state = 'fresh' AND NOT negative GROUP BY form) f}),
			'json 2, rows 1',
			"$name: each query has one entry, whatever the types of its arguments");
	}
}

program('psycopg 2', works('python3', '-c', 'import psycopg2'),
	'psycopg2', 'python3', "$folder/with_psycopg2.py");
program('psycopg 3', works('python3', '-c', 'import psycopg'),
	'psycopg', 'python3', "$folder/with_psycopg3.py");

# All of it or nothing, should the network be slow.
if (!-d "$npm/pg" && $ENV{CF_NPM} && works('npm', '--version'))
{
	my $new = "$ENV{CF_NPM}/new";

	rename("$new/node_modules", $npm) or diag("could not rename $new/node_modules: $!")
	  if works('timeout', '60', 'npm', 'install', '--prefix', $new,
		'--cache', "$ENV{CF_NPM}/cache", '--no-audit', '--no-fund', 'pg');
}
program('node-postgres', -d "$npm/pg" && works('node', '--version'),
	'node or its package pg', 'node', "$folder/node.js");
program('pgjdbc', defined $jar && works('javac', '-version'),
	'pgjdbc or a JDK', 'java', '-cp', $jar, "$folder/Drivers.java");

# ---- claims: 50 clients, of which one computes ----

my $psycopg = works('python3', '-c', 'import psycopg');
my $pg = -d "$npm/pg" && works('node', '--version');

sub claims
{
	my ($how, $port) = @_;

	foreach my $case ([ 'psycopg 3', $psycopg, 'python3', "$folder/claims.py" ],
		[ 'node-postgres', $pg, 'node', "$folder/claims.js" ])
	{
		my ($name, $has, @command) = @$case;

		SKIP:
		{
			skip "$name is not here", 2 if !$has;
			$node->safe_psql('postgres', 'SELECT cache_flush(), cache_stats_reset()');

			my ($rc, $out, $err) = run_command_at($port, @command);

			is("$rc $err$out", "0 50 clients, 1 computed, 42\n", "$how, $name: one of 50 clients computes");
			is(CfTest::stat($node, 'claims'), 1, "$how, $name: by the one claim");
		}
	}
	return;
}

claims('direct', $node->port);

# ---- pgbouncer ----

my ($bouncer) = grep { -x $_ } '/usr/sbin/pgbouncer', '/usr/bin/pgbouncer';

SKIP:
{
	skip 'pgbouncer or psycopg is not here', 8
	  if !defined $bouncer || !$psycopg;

	my $port = PostgreSQL::Test::Cluster::get_free_port();
	my $user = $node->safe_psql('postgres', 'SELECT current_user');
	my $ini = $snippets{'pgbouncer.ini'};
	my $output = '';

	# Where this server is, and few connections for many clients; nothing else differs.
	$ini =~ s/host=\S+ port=\d+/'host=' . $node->host . ' port=' . $node->port/e;
	$ini =~ s/(listen_port = )\d+/$1$port/;
	$ini =~ s/(auth_file = )\S+/$1$folder\/userlist.txt/;
	append_to_file("$folder/userlist.txt", qq{"$user" ""\n});
	append_to_file("$folder/bouncer.ini", "${ini}unix_socket_dir =\ndefault_pool_size = 5\n");

	my $pid = IPC::Run::start([ $bouncer, "$folder/bouncer.ini" ], '<', \'', '>&', \$output);
	await_that('for pgbouncer', sub {
		local $ENV{PGCONNECT_TIMEOUT} = 30;
		return works('psql', '-XAtc', 'SELECT 1', "host=127.0.0.1 port=$port");
	});
	pass('pgbouncer answers');
	$node->safe_psql('postgres', 'SELECT cache_flush()');

	my ($rc, $out, $err) = run_command_at($port, 'python3', "$folder/pooled.py");

	is("$rc $err", '0 ', 'pgbouncer: the program runs');
	is($out, "product 42\nrenamed\nrenamed\n", 'pgbouncer: and gets its answers');
	is( $node->safe_psql('postgres', q{SELECT count(*) FROM cache_entries
			WHERE key = 'product:42' AND state = 'fresh'}),
		1, 'pgbouncer: of one entry');
	claims('pgbouncer', $port);
	$pid->signal('INT');
	$pid->finish;
}

$node->stop;
done_testing();
