# Plain SELECTs from the cache beside extensions that hook into the same places, and beside
# PostGIS: the same rows, the same statistics, the same audit trail as without, whichever
# library comes first. What is not installed is left out, with a word.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use CfTest qw(:DEFAULT query);

my $libdir = `pg_config --pkglibdir`;
my $packages = ($ENV{CF_TOOLS} // '/nowhere') . '/packages';
my @documented = qw(cachefront auto_explain pg_stat_statements pg_stat_kcache pgaudit pg_qualstats set_user);
my (%has, $node, $log_read);

chomp $libdir;
$has{$_} = -e "$libdir/$_.so" foreach @documented, 'postgis-3';
note("$_ is not here") foreach grep { !$has{$_} } sort keys %has;

# The libraries of PostGIS, where it was fetched and not installed.
my @libraries = glob "$packages/lib*/usr/lib/*-linux-gnu";
local $ENV{LD_LIBRARY_PATH} = join(':', @libraries, $ENV{LD_LIBRARY_PATH} // ()) if @libraries;
local $ENV{PROJ_LIB} = "$packages/proj-data/usr/share/proj" if -d "$packages/proj-data";

# All are served; some of them by way of a function.
my @statements = (
	'SELECT name FROM shop WHERE id = 7',
	'SELECT s.name, sum(o.amount) FROM shop s JOIN orders o ON o.shop = s.id GROUP BY 1 ORDER BY 1 LIMIT 3',
	'SELECT count(*) FROM orders WHERE amount > 10 AND id IN (SELECT id FROM shop)',
	'SELECT * FROM totals WHERE shop = 3',
	'SELECT name FROM shop WHERE id = -1',
	'SELECT shop, max(amount) FROM orders GROUP BY shop HAVING max(amount) > 990 ORDER BY 1',
	'EXECUTE one(9)',
	'SELECT revenue(4)');
my $times = 4;

# Runs each of the statements some times, one by one; returns what they print.
sub run_all
{
	my ($transparent, @settings) = @_;
	my @before = ("SET cachefront.transparent = $transparent", @settings,
		'PREPARE one(int) AS SELECT name FROM shop WHERE id = $1');

	return query(join(";\n", @before, map { ($_) x $times } @statements) . ';');
}

# What the server has written into its log since the last call.
sub new_log
{
	my $text = slurp_file($node->logfile);
	my $new = substr($text, $log_read // 0);

	$log_read = length $text;
	return $new;
}

sub hits
{
	return CfTest::stat($node, 'l1_hits');
}

# Of one kind of line in the log, all that do not differ from run to run.
sub audit_lines
{
	return join("\n", map { /AUDIT: (\w+),\d+,(\d+,\w+,.*)$/ ? "$1 $2" : () } split /\n/, new_log());
}

# ---- each of them --------------------------------------------------------------

sub statistics_are_the_same
{
	my $rows = sub {
		return query(q{SELECT queryid, calls, rows, query FROM pg_stat_statements
			WHERE query ~ 'shop|orders|totals|revenue' AND query !~ 'pg_stat|cache_' ORDER BY 1, toplevel});
	};

	query('SELECT pg_stat_statements_reset()');
	run_all('off', 'SET pg_stat_statements.track = \'all\'');
	my $without = $rows->();
	query('SELECT pg_stat_statements_reset()');
	run_all('auto', 'SET pg_stat_statements.track = \'all\'');
	is($rows->(), $without, 'pg_stat_statements: the same statements, calls and rows');
	like($without, qr/\|${\ (2 * $times)}\|$times\|SELECT name FROM shop WHERE id = \$1$/m, 'pg_stat_statements: they are there');
	query('SELECT pg_stat_statements_reset()');
	run_all('auto', 'SET pg_stat_statements.track_planning = on');
	is( query(q{SELECT count(*), sum(calls) FROM pg_stat_statements
			WHERE query ~ '^SELECT s.name, sum'}), "1|$times", 'pg_stat_statements: also if plans are counted');
	return;
}

sub audit_is_the_same
{
	my ($what, @settings) = @_;

	new_log();
	run_all('off', @settings);
	my $without = audit_lines();
	my $before = hits();
	# So the first of each is a miss.
	query('SELECT cache_flush()');
	new_log();
	run_all('auto', @settings);
	is(audit_lines(), $without, "pgaudit: the same lines, $what");
	like($without, qr/READ,SELECT/, "pgaudit: they are there, $what");
	cmp_ok(hits() - $before, '>', $times, "pgaudit: of hits, $what");
	return;
}

sub plans_are_logged
{
	my ($format) = @_;
	my @settings = map { "SET auto_explain.$_" } 'log_min_duration = 0', 'log_analyze = on', 'log_buffers = on',
	  'log_verbose = on', 'log_wal = on', 'log_triggers = on', 'log_settings = on', 'log_nested_statements = on',
	  "log_format = $format";
	my $without = run_all('off');

	query('SELECT cache_flush()');
	new_log();
	is(run_all('auto', 'LOAD \'auto_explain\'', @settings), $without, "auto_explain, $format: the same rows");
	my $log = new_log();
	my ($hit, $inside) = $format eq 'text' ? ('State: hit', 'Index Scan using shop_pkey') :
	  ('"State": "hit"', '"Index Name": "shop_pkey"');

	like($log, qr/\Q$hit\E/, "auto_explain, $format: hits are plans like others");
	# Of a miss that took long, one wants to know why.
	like($log, qr/Cachefront.*?\Q$inside\E/s, "auto_explain, $format: a miss shows the plan that ran");
	like($log, qr/SELECT sum\(amount\) FROM orders/, "auto_explain, $format: statements of functions");
	return;
}

sub roles_are_kept_apart
{
	my $read = "SELECT name FROM shop WHERE id = 7;\n";

	query(q{CREATE EXTENSION IF NOT EXISTS set_user; SELECT cache_flush()});
	my ($rc, $out, $err) = $node->psql('postgres', "SET cachefront.transparent = auto;\n" . $read x 3
		  . "SELECT set_user('beside_reader');\n" . $read x 3 . "SELECT name FROM secret;\nSELECT reset_user();\n"
		  . "SELECT name FROM secret;\n" x 2, on_error_stop => 0);

	is($out, join("\n", ('shop 7') x 3, 'OK', ('shop 7') x 3, 'OK', ('a secret') x 2),
		'set_user: the same rows for both');
	like($err, qr/permission denied for table secret/, 'set_user: and rights of each');
	is(query(q{SELECT count(*) FROM cache_entries WHERE key LIKE 'query:%' AND state = 'fresh'}), 3,
		'set_user: an entry for each role and statement');
	return;
}

sub geometries_come_back
{
	# The libraries that it takes have other names elsewhere.
	if ($node->psql('postgres', "LOAD 'postgis-3'") != 0)
	{
		note('the libraries of PostGIS are not here');
		return;
	}
	query(q{
		CREATE EXTENSION postgis;
		CREATE TABLE places (id int PRIMARY KEY, at geometry(Point, 4326), area geography, box box3d);
		INSERT INTO places SELECT g, ST_SetSRID(ST_MakePoint(g, g), 4326), ST_MakePoint(g, 1)::geography,
			ST_3DExtent(ST_MakePoint(g, g, g)) FROM generate_series(1, 50) g GROUP BY g;
		CREATE INDEX ON places USING gist (at);
		ANALYZE places});
	my @spatial = ('SELECT id, at, area, box FROM places WHERE id < 4 ORDER BY id',
		'SELECT ST_AsText(at) FROM places WHERE id = 3',
		'SELECT id FROM places WHERE at && ST_MakeEnvelope(2, 2, 5, 5, 4326) ORDER BY id',
		'SELECT count(*) FROM places a JOIN places b ON ST_DWithin(a.at, b.at, 2)',
		'SELECT ST_Extent(at) FROM places',
		'SELECT id, ST_Distance(area, ST_MakePoint(0, 0)::geography)::int FROM places ORDER BY 2 LIMIT 2',
		'SELECT id FROM places ORDER BY at <-> ST_SetSRID(ST_MakePoint(9, 9), 4326) LIMIT 2');
	my $without = query(join(";\n", map { ($_) x $times } @spatial));
	my $before = hits();

	is(query("SET cachefront.transparent = auto;\n" . join(";\n", map { ($_) x $times } @spatial)), $without,
		'PostGIS: the same rows');
	# The first; for the others functions are called that did not come with PostgreSQL.
	is(hits() - $before, $times - 1, 'PostGIS: what calls none of its functions is served');
	query('UPDATE places SET at = NULL WHERE id = 2');
	is( query("SET cachefront.transparent = auto;\n" . "SELECT at IS NULL FROM places WHERE id = 2;\n" x 3),
		join("\n", ('t') x 3), 'PostGIS: its changes are seen');
	query('DROP TABLE places; DROP EXTENSION postgis');
	return;
}

# ---- in both orders ------------------------------------------------------------

sub beside
{
	my ($name, @order) = @_;
	my @libraries = grep { $has{$_} } @order;

	$node = CfTest->node($name =~ s/\W/_/gr, 'cachefront.track_changes' => 'on', 'cachefront.transparent_min_saving' => 0, 'compute_query_id' => 'on',
		'shared_preload_libraries' => join(', ', @libraries),
		# Every statement, not a sample.
		($has{pg_qualstats} ? ('pg_qualstats.sample_rate' => 1) : ()));
	$log_read = 0;
	query(q{
		CREATE TABLE shop (id int PRIMARY KEY, name text);
		CREATE TABLE orders (id int PRIMARY KEY, shop int, amount numeric);
		CREATE TABLE secret AS SELECT text 'a secret' AS name;
		CREATE VIEW totals AS SELECT shop, sum(amount) FROM orders GROUP BY shop;
		CREATE FUNCTION revenue(int) RETURNS numeric LANGUAGE plpgsql STABLE AS
			'BEGIN RETURN (SELECT sum(amount) FROM orders WHERE shop = $1); END';
		INSERT INTO shop SELECT g, 'shop ' || g FROM generate_series(1, 1000) g;
		INSERT INTO orders SELECT g, 1 + g % 100, g FROM generate_series(1, 1000) g;
		ANALYZE shop, orders;
		CREATE ROLE beside_reader;
		GRANT SELECT ON shop, orders TO beside_reader});
	query("CREATE EXTENSION $_")
	  foreach grep { /^pg/ && -e "$libdir/$_.so" && $_ ne 'pgaudit' } @libraries;
	query('CREATE EXTENSION pgaudit') if $has{pgaudit};
	my $without = run_all('off');

	foreach my $round (1 .. 2)
	{
		my $before = hits();

		is(run_all('auto'), $without, "$name: the same rows, round $round");
		cmp_ok(hits() - $before, '>=', (@statements - 1) * ($times - 1), "$name: of hits, round $round");
	}
	statistics_are_the_same() if $has{pg_stat_statements};
	foreach my $format ($has{auto_explain} ? qw(text json xml yaml) : ())
	{
		# JSON and text are read here; the others must not fail.
		if ($format =~ /text|json/)
		{
			plans_are_logged($format);
		}
		else
		{
			is(run_all('auto', "LOAD 'auto_explain'", 'SET auto_explain.log_min_duration = 0',
				"SET auto_explain.log_format = $format"), $without, "$name: the same rows with plans in $format");
		}
	}
	if ($has{pgaudit})
	{
		audit_is_the_same('by session', "SET pgaudit.log = 'read'");
		audit_is_the_same('by relation', "SET pgaudit.log = 'read'", 'SET pgaudit.log_relation = on',
			'SET pgaudit.log_parameter = on', 'SET pgaudit.log_rows = on');
		query("GRANT SELECT ON shop TO beside_auditor") if query('CREATE ROLE beside_auditor') eq '';
		audit_is_the_same('by object', "SET pgaudit.role = 'beside_auditor'");
	}
	if ($has{pg_qualstats})
	{
		query('SELECT pg_qualstats_reset()');
		run_all('auto');
		is( query(q{SELECT count(*) FROM pg_qualstats_by_query q JOIN pg_stat_statements USING (queryid)
				WHERE query ~ '^SELECT shop, max'}), 0, "$name: pg_qualstats has nothing of what is served");
		run_all('off');
		cmp_ok(query('SELECT count(*) FROM pg_qualstats'), '>', 1, "$name: pg_qualstats has the others");
	}
	if ($has{pg_stat_kcache})
	{
		query('SELECT pg_stat_kcache_reset()');
		run_all('auto');
		is(query(q{SELECT count(*) FROM pg_stat_kcache() k JOIN pg_stat_statements s USING (queryid)
			WHERE s.query ~ '^SELECT name FROM shop WHERE id = \$1'}) > 0 ? 1 : 0, 1,
			"$name: pg_stat_kcache counts them");
	}
	roles_are_kept_apart() if $has{set_user};
	geometries_come_back() if $has{'postgis-3'};
	$node->stop;
	unlike(slurp_file($node->logfile), qr/PANIC|terminated by signal|server process .* exited/, "$name: nothing has crashed");
	return;
}

beside('as documented', @documented);
# pg_stat_kcache wants pg_stat_statements before it.
beside('cachefront last', @documented[1 .. $#documented], 'cachefront');
done_testing();
