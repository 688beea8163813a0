# What lives longer than a session, or less long than the server: prepared transactions,
# databases that go away, the extension, dumps, wrong settings.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CfTest qw(:DEFAULT full_error_of query stats under_test);

require_debug();

my $node = CfTest->node(
	'main',
	'cachefront.track_changes' => 'on',
	'max_prepared_transactions' => 10,
	'cachefront.xfetch_beta' => 0);
query(q{CREATE TABLE item (id int PRIMARY KEY, val text); INSERT INTO item VALUES (1, 'old')});
my $item = "SELECT cache_fetch('item:1', 'SELECT val FROM item WHERE id = 1')";

# ---- prepared transactions --------------------------------------------------

foreach my $write (q{cache_set('p', '1')}, q{cache_touch('k', '1 s')})
{
	query($item);
	query('SELECT cache_stats_reset()');
	like(
		full_error_of("BEGIN; UPDATE item SET val = 'never'; SELECT $write;"
			  . " PREPARE TRANSACTION 'p'"),
		qr/^0A000: cannot PREPARE a transaction that has stored values in the cache/,
		"PREPARE with $write is refused");
	query($item);
	is(stats('l1_hits'), 1, "$write: the cache is as before");
}
is(query('SELECT count(*) FROM pg_prepared_xacts'), 0, 'nothing is prepared');
foreach my $write (q{cache_invalidate('item:1')}, q{cache_delete('item:1')},
	q{cache_invalidate_table('item')}, 'cache_flush()')
{
	foreach my $end ('ROLLBACK', 'COMMIT')
	{
		query($item);
		query('SELECT cache_stats_reset()');
		query("BEGIN; SELECT $write; PREPARE TRANSACTION 'p'");
		query($item);
		is(stats('l1_hits', 'loads'), '0|1', "prepared, $write counts");
		query("$end PREPARED 'p'");
		query($item) foreach 1 .. 2;
		# What is invalidated by its key has gone at PREPARE.
		is(stats('l1_hits', 'loads'),
			$end eq 'COMMIT' || $write =~ /item:1/ ? '1|2' : '2|1', "$end of $write");
	}
}
is(query("BEGIN; SAVEPOINT s; SELECT cache_set('p', '1'); ROLLBACK TO s;"
	  . " PREPARE TRANSACTION 'p'; ROLLBACK PREPARED 'p'; SELECT 'done'"),
	"t\ndone", 'what was rolled back does not count');

query('CREATE ROLE app LOGIN; GRANT SELECT ON item TO app');
query('SELECT cache_stats_reset()');
query($item);
query("BEGIN; ALTER TABLE item ADD COLUMN more int;"
	  . " REVOKE SELECT ON item FROM app; PREPARE TRANSACTION 'ddl'");
query("COMMIT PREPARED 'ddl'");
query($item);
is(stats('l1_hits', 'loads'), '0|2', 'COMMIT PREPARED drops the entries');
query("BEGIN; GRANT SELECT ON item TO app; PREPARE TRANSACTION 'grant'; COMMIT PREPARED 'grant'");
is($node->safe_psql('postgres', $item, connstr => $node->connstr('postgres') . ' user=app'),
	'[{"val":"old"}]', 'after a prepared GRANT');
query("BEGIN; REVOKE SELECT ON item FROM app; PREPARE TRANSACTION 'revoke'");
$node->stop('immediate');
$node->start;
is($node->safe_psql('postgres', $item, connstr => $node->connstr('postgres') . ' user=app'),
	'[{"val":"old"}]', 'a prepared REVOKE survives a crash, not in force yet');
query("COMMIT PREPARED 'revoke'");
like(full_error_of($item, user => 'app'), qr/^42501: permission denied/, 'then it is in force');

# One that fails drops nothing, whoever tries.
query('CREATE DATABASE elsewhere');
query($item);
query("BEGIN; CREATE TABLE more (a int); PREPARE TRANSACTION 'here'");
query("BEGIN; CREATE TABLE more (a int); PREPARE TRANSACTION 'there'", 'elsewhere');
query('SELECT cache_stats_reset()');
like(full_error_of("COMMIT PREPARED 'nothing'", user => 'app'),
	qr/^42704: prepared transaction with identifier "nothing" does not exist/,
	'COMMIT PREPARED of what there is not');
like(full_error_of("COMMIT PREPARED 'here'", user => 'app'), qr/^42501: permission denied to finish/,
	'of what is somebody else\'s');
like(full_error_of("COMMIT PREPARED 'there'"), qr/^0A000: prepared transaction belongs to another/,
	'of what is in another database');
like(full_error_of("BEGIN; COMMIT PREPARED 'here'"), qr/^25001: COMMIT PREPARED cannot run inside/,
	'in a transaction block');
like(full_error_of(q{DO 'BEGIN EXECUTE $x$COMMIT PREPARED $p$here$p$$x$; END'}), qr/^0A000/,
	'in a function');
like(full_error_of("ROLLBACK PREPARED 'nothing'", user => 'app'), qr/^42704/,
	'ROLLBACK PREPARED of what there is not');
query("ROLLBACK PREPARED 'here'");
query($item);
is(stats('l1_hits', 'loads'), '1|0', 'the entry is as before');
query("COMMIT PREPARED 'there'", 'elsewhere');
query($item);
is(stats('l1_hits', 'loads'), '2|0', 'one of another database drops that one\'s');

# ---- databases --------------------------------------------------------------

query('CREATE DATABASE d');
my $oid = query("SELECT oid FROM pg_database WHERE datname = 'd'");
my $value = "SELECT cache_fetch('k', 'SELECT v FROM t'), cache_get('v')";
query(
	q{CREATE EXTENSION cachefront; CREATE TABLE t (v text); INSERT INTO t VALUES ('first');
	SELECT cache_set('v', '"first"')}, 'd');
is(query($value, 'd'), '[{"v":"first"}]|"first"', 'a database has entries');
is(query("SELECT count(*) FROM cache_entries WHERE database = 'd'"), 2, 'two');
is(query(q{SELECT cache_get('v') IS NULL}), 't', 'another database does not see them');
query('DROP DATABASE d');
is(query('SELECT count(*) FROM cache_entries WHERE database IS NULL'),
	0, 'dropped: they are gone, and so is their memory');
# The same OID, as pg_upgrade and careful administrators use it.
query("CREATE DATABASE d OID = $oid");
query('CREATE EXTENSION cachefront; CREATE TABLE t (v text)', 'd');
is(query($value, 'd'), '[]|', 'a database with the same name and OID shows none of them');
query('CREATE DATABASE e TEMPLATE d');
is(query($value, 'e'), '[]|', 'nor does a copy');

# ---- the extension goes and comes -------------------------------------------

{
	my $live = open_session($node, 'd');
	my $other = open_session($node, 'd');
	my $fetch = "cache_fetch('c:1', 'SELECT v FROM t')";
	my $ttl = 'SELECT round(extract(epoch FROM ttl_left + age)) FROM %s.cache_entries'
	  . " WHERE key = 'c:1' AND database = 'd' AND state = 'fresh'";

	query("SET cachefront.ttl_jitter = 0; INSERT INTO t VALUES ('second');"
		  . " SELECT cache_define('c', ttl => '20 s', jitter => 0)", 'd');
	is($live->query_safe("SELECT $fetch"), '[{"v":"second"}]', 'a live session');
	is($other->query_safe("SELECT $fetch"), '[{"v":"second"}]', 'and another');
	is($other->query_safe(sprintf $ttl, 'public'), 20, 'with a definition');
	$live->query_safe('DROP EXTENSION cachefront; CREATE SCHEMA caching');
	like(full_error_of("SELECT $fetch", database => 'd'),
		qr/^42883: function cache_fetch.* does not exist/, 'the extension is gone');
	$live->query_safe('CREATE EXTENSION cachefront SCHEMA caching');
	is($other->query_safe("SELECT caching.$fetch"), '[{"v":"second"}]', 'and is back');
	is($other->query_safe(sprintf $ttl, 'caching') > 200, 1, 'without the definition');
	$live->query_safe("SELECT caching.cache_define('c', ttl => '40 s', jitter => 0);"
		  . ' SELECT caching.cache_flush()');
	is($other->query_safe("SELECT caching.$fetch"), '[{"v":"second"}]', 'it works');
	is($other->query_safe(sprintf $ttl, 'caching'), 40, 'another session sees definitions');
	is($live->query_safe('SELECT caching.cache_drop($$c$$)'), 't', 'as does the first');
	$live->quit;
	$other->quit;
}

# ---- dump and restore -------------------------------------------------------

{
	my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump.sql';
	my $list = 'SELECT * FROM caching.cache_definitions ORDER BY name';

	query(
		q{SELECT caching.cache_define('one', ttl => '1 day', scope => 'setting:app.tenant'),
		caching.cache_define('two:b', stale_ttl => '0 s', jitter => 0.5, xfetch_beta => 2)},
		'd');
	my $before = query($list, 'd');
	$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('d') ], 'pg_dump');
	query('CREATE DATABASE restored');
	$node->command_ok(
		[ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $node->connstr('restored') ],
		'restore');
	is(query($list, 'restored'), $before, 'the definitions are there');
	is(scalar(split /\n/, $before), 2, 'two of them');
	query("SELECT caching.cache_fetch('two:b:1', 'SELECT v FROM t')", 'restored');
	is(query("SELECT cache FROM cache_entries WHERE database = 'restored'"),
		'two:b', 'and in force');

	# As pg_upgrade and pg_restore do it: into a server without the library.
	my $plain = CfTest->node('restored', 'shared_preload_libraries' => '');
	$plain->safe_psql('postgres', 'CREATE DATABASE restored');
	$plain->command_ok(
		[ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $plain->connstr('restored') ],
		'restore where the library is not preloaded');
	is($plain->safe_psql('restored', $list), $before, 'the definitions are there, too');
	$plain->stop;
	under_test($node);
}

# ---- settings ---------------------------------------------------------------

{
	my @settings = map { [ split /\|/ ] } split /\n/, query(
		"SELECT name, vartype, coalesce(min_val, ''), coalesce(max_val, ''), context,"
		  . " setting FROM pg_settings WHERE name LIKE 'cachefront.%' ORDER BY name");
	my @wrong;

	foreach my $setting (@settings)
	{
		my ($name, $type, $min, $max) = @$setting;

		# A file's name or a namespace may be almost anything.
		next if $type eq 'string';
		push @wrong, map { [ $name, $_ ] } 'nonsense', '';
		push @wrong, map { [ $name, $_ ] } $min - 1, $max + 1, "$max lightyears"
		  if $type ne 'bool';
	}
	cmp_ok(scalar @settings, '>=', 11, 'settings');
	push @wrong, map { [ 'cachefront.namespace', $_ ] } 'with blanks in it', 'x' x 101;
	push @wrong, map { [ 'cachefront.redis_url', $_ ] } 'http://localhost', 'redis://host:99999';
	my $script = "\\set ON_ERROR_STOP 0\n\\set VERBOSITY sqlstate\n"
	  . join('', map { "ALTER SYSTEM SET $_->[0] = '$_->[1]';\n" } @wrong);
	my $result = finish_session(start_session($node, $script));
	my @errors = map { /ERROR:  (\S+)/ ? $1 : () } split /\n/, $result->{stderr};
	is(join(' ', @errors), join(' ', ('22023') x @wrong),
		scalar(@wrong) . ' wrong values are refused');
	is( query("SELECT string_agg(name || '=' || setting, ' ' ORDER BY name)
			FROM pg_settings WHERE name LIKE 'cachefront.%'"),
		join(' ', map { "$_->[0]=$_->[5]" } @settings),
		'all settings are as before');

	like(full_error_of('SET cachefront.xyz = 1'),
		qr/^42602: invalid configuration parameter name "cachefront.xyz"/, 'an unknown setting');
	like(full_error_of("ALTER SYSTEM SET cachefront.xyz = '1'"),
		# As of 16 it is the prefix.
		qr/^(42704: unrecognized configuration parameter|42602: invalid configuration parameter name) "cachefront.xyz"/,
		'an unknown setting of the server');
	like(full_error_of('SHOW cachefront.xyz'), qr/^42704: unrecognized/, 'there is none');
	foreach my $setting (@settings)
	{
		my ($name, $type, $min, $max, $context, $now) = @$setting;

		like(full_error_of("SET $name = '$now'"),
			qr/^55P02: parameter "$name" cannot be changed without restarting/,
			"$name: only at start")
		  if $context eq 'postmaster';
		like(full_error_of("SET $name = '$now'", user => 'app'),
			qr/^42501: permission denied to set parameter "$name"/, "$name: superusers only")
		  if $context eq 'superuser';
		is(full_error_of("SET $name = '$now'", user => 'app'), '', "$name: anyone")
		  if $context eq 'user';
	}

	# The file is read before the library is there: PostgreSQL then warns.
	$node->stop;
	$node->append_conf('postgresql.conf', "cachefront.l1_size = '1kB'");
	$node->start;
	like(slurp_file($node->logfile),
		qr/WARNING:  1 kB is outside the valid range for parameter "cachefront.l1_size"/,
		'a wrong value in the file is named in the log');
	is(query('SELECT l1_size FROM cache_status'), 64 * 1024 * 1024, 'the default holds');
	$node->stop;
	$node->append_conf('postgresql.conf', "cachefront.l1_size = '4MB'\ncachefront.xyz = 7");
	$node->start;
	like(slurp_file($node->logfile),
		qr/WARNING:  invalid configuration parameter name "cachefront.xyz", removing it/,
		'an unknown setting in the file is named in the log');
	is(query('SELECT l1_size FROM cache_status'), 4 * 1024 * 1024, 'the last size counts');
	$node->stop;
	unlike(slurp_file($node->logfile), qr/PANIC:|TRAP:|terminated by signal [^9]/,
		'no crash but ours');
}

done_testing();
