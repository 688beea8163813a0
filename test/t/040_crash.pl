# Crashes, restarts and everything around the server: kill -9, shutdown, a
# library that is not preloaded, wrong settings, a standby, dump and restore,
# prepared transactions, databases that go away.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use CfTest;

require_debug();

my $node;

sub query
{
	my ($sql, $database) = @_;

	return $node->safe_psql($database // 'postgres', $sql);
}

# SQLSTATE, message and hint of the error that a statement raises.
sub error_of
{
	my ($sql, %option) = @_;
	my $result =
	  finish_session(start_session($node, "\\set VERBOSITY verbose\n$sql", %option));

	return $result->{stderr} =~ /(?:ERROR|FATAL):  (.*?)(?:\nLOCATION|\z)/s ? $1 : '';
}

sub counters
{
	return query('SELECT ' . join(', ', @_) . " FROM cache_stats WHERE cache = '*'");
}

sub nothing_left
{
	my ($when) = @_;

	is( query(q{SELECT (SELECT count(*) FROM pg_locks
			WHERE locktype = 'advisory' AND objsubid = 207),
			(SELECT count(*) FROM cache_inflight), flights, waiters FROM cache_status}),
		'0|0|0|0',
		"$when: nothing is left");
	return;
}

my $gate = q{
	CREATE FUNCTION gate(n int) RETURNS int LANGUAGE plpgsql AS
	$$ BEGIN PERFORM pg_advisory_xact_lock_shared(n); RETURN n; END $$;
	CREATE TABLE item (id int PRIMARY KEY, val text);
	INSERT INTO item VALUES (1, 'old');
};
my $item = "SELECT cache_fetch('item:1', 'SELECT val FROM item WHERE id = 1')";
my $gated = "SELECT cache_fetch('g', 'SELECT gate(1)')";

# ---- kill -9 ----------------------------------------------------------------

$node = CfTest->node(
	'crash',
	'restart_after_crash' => 'on',
	'cachefront.track_changes' => 'on',
	'max_prepared_transactions' => 10,
	'cachefront.flight_timeout' => '10min',
	'cachefront.xfetch_beta' => 0,
	'deadlock_timeout' => '10min');
debug($node);
query($gate);

# The cache is empty, and works: it fills, hits and forgets.
sub works
{
	my ($when, $value) = @_;

	nothing_left($when);
	is(query('SELECT count(*) FROM cache_entries'), 0, "$when: the cache is empty");
	is(query('SELECT l1_bytes, l1_entries FROM cache_status'), '0|0', "$when: no memory in use");
	query('SELECT cache_stats_reset()');
	is(query($item), qq([{"val":"$value"}]), "$when: it loads");
	is(query($item), qq([{"val":"$value"}]), "$when: it hits");
	is(counters('loads', 'l1_hits', 'fills'), '1|1|1', "$when: one load, one hit");
	query(q{SELECT cache_invalidate('item:1')});
	query($item);
	is(counters('loads', 'l1_hits', 'fills'), '2|1|2', "$when: it invalidates");
	query(q{SELECT cache_set('k', '"v"')});
	is(query(q{SELECT cache_get('k')}), '"v"', "$when: it stores");
	return;
}

# Kills a session in the middle of its work and waits for the server to be back.
sub crash
{
	my ($pid) = @_;

	kill('KILL', $pid) == 1 or fail("could not kill $pid");
	await($node, "SELECT count(*) FROM pg_stat_activity WHERE pid = $pid", 0);
	return;
}

{
	my $when = 'killed in a load';

	query($item);
	query(q{SELECT cache_set('k', '1')});
	my $control = open_session($node, 'postgres', on_error_stop => 0);
	$control->query_safe('SELECT pg_advisory_lock(1)');
	my @sessions = map { start_session($node, $gated) } 1 .. 5;
	await($node, 'SELECT waiters FROM cache_inflight', 4);
	crash(query('SELECT leader FROM cache_inflight'));
	isnt(finish_session($_)->{status}, 'timeout', "$when: all sessions end")
	  foreach @sessions;
	eval { $control->quit };
	works($when, 'old');
}

foreach my $point ('commit-before-raise', 'commit-window', 'epoch-window',
	'load-after-snapshot', 'flight-before-landing')
{
	my $when = "killed at $point";
	my $sql =
	    $point =~ /^commit/ ? q{BEGIN; UPDATE item SET val = 'new' WHERE id = 1;
			SELECT cache_invalidate('item:1'); SELECT cache_set('k', '2'); COMMIT}
	  : $point =~ /^epoch/ ? 'ALTER TABLE item ADD COLUMN more int'
	  : q{SELECT cache_fetch('other', 'SELECT val FROM item')};

	my $control = open_session($node, 'postgres', on_error_stop => 0);
	$control->query_safe("SELECT cf_debug_waitpoint_enable('$point')");
	my $victim = start_session($node, $sql, name => 'victim');
	await_waitpoint($node);
	crash(query("SELECT pid FROM pg_stat_activity WHERE application_name = 'victim'"));
	finish_session($victim);
	eval { $control->quit };
	works($when, 'old');
}

# The commit is visible, but its invalidation is not settled yet.
{
	my $when = 'killed between the commit record and the settling';

	query($item);
	query(q{SELECT cf_debug_hold('commit-before-settle')});
	my $victim = start_session(
		$node, q{BEGIN; UPDATE item SET val = 'committed' WHERE id = 1;
		SELECT cache_invalidate('item:1'); COMMIT}, name => 'victim');
	await($node, 'SELECT cf_debug_held()', 1);
	is(query('SELECT val FROM item WHERE id = 1'), 'committed', "$when: it is visible");
	is(query($item), '[{"val":"committed"}]', "$when: no reader gets the old value");
	crash(query("SELECT pid FROM pg_stat_activity WHERE application_name = 'victim'"));
	finish_session($victim);
	works($when, 'committed');
	query(q{UPDATE item SET val = 'old' WHERE id = 1; SELECT cache_invalidate('item:1')});
}

# ---- shutdown ---------------------------------------------------------------

foreach my $mode ('immediate', 'fast')
{
	my $control = open_session($node, 'postgres', on_error_stop => 0);
	$control->query_safe('SELECT pg_advisory_lock(1)');
	my @sessions = map { start_session($node, $gated) } 1 .. 5;
	await($node, 'SELECT waiters FROM cache_inflight', 4);
	my $start = time();
	$node->stop($mode);
	# Nobody's timeout is shorter than ten minutes.
	cmp_ok(time() - $start, '<', 300, "$mode shutdown: waits for nobody");
	isnt(finish_session($_)->{status}, 'timeout', "$mode shutdown: all sessions end")
	  foreach @sessions;
	eval { $control->quit };
	$node->start;
	works("$mode shutdown", 'old');
}

# ---- sessions that come and go ----------------------------------------------

{
	my $when = '100 sessions';
	my $log_before = -s $node->logfile;

	query('SELECT cache_stats_reset()');
	my ($results) = run_sessions(
		$node,
		[
			map {
				my $k = $_ % 7;
				"SELECT cache_fetch('c$k', 'SELECT $k, pg_sleep(0.01)::text');"
				  . " SELECT cache_fetch('d$_', 'SELECT $_');"
				  . " BEGIN; SELECT cache_set('e$k', '$_'); COMMIT;"
			} 1 .. 100
		],
		barrier => 0);
	is(scalar(grep { $_->{status} eq '0' } @$results), 100, "$when: all answer");
	is(counters('loads', 'sets'), '107|100', "$when: 107 loads");
	nothing_left($when);

	# Clients that die while their session leads or waits.
	my $control = open_session($node, 'postgres');
	$control->query_safe('SELECT pg_advisory_lock(1)');
	my @sessions = map { start_session($node, $gated, name => 'dying') } 1 .. 20;
	await($node, 'SELECT waiters FROM cache_inflight', 19);
	kill 'KILL', map { $_->{pid} } @sessions;
	finish_session($_) foreach @sessions;
	$control->query_safe('SELECT pg_advisory_unlock(1)');
	await($node, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'dying'", 0);
	nothing_left('clients that die');
	$control->quit;
	unlike(slurp_file($node->logfile, $log_before),
		qr/PANIC:|TRAP:|WARNING:|terminated by signal/, "$when: nothing in the log");
}

# ---- prepared transactions --------------------------------------------------

foreach my $write (q{cache_set('p', '1')}, q{cache_touch('k', '1 s')})
{
	query($item);
	query('SELECT cache_stats_reset()');
	like(
		error_of("BEGIN; UPDATE item SET val = 'never'; SELECT $write;"
			  . " PREPARE TRANSACTION 'p'"),
		qr/^0A000: cannot PREPARE a transaction that has stored values in the cache/,
		"PREPARE with $write is refused");
	query($item);
	is(counters('l1_hits'), 1, "$write: the cache is as before");
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
		is(counters('l1_hits', 'loads'), '0|1', "prepared, $write counts");
		query("$end PREPARED 'p'");
		query($item) foreach 1 .. 2;
		# What is invalidated by its key has gone at PREPARE.
		is(counters('l1_hits', 'loads'),
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
is(counters('l1_hits', 'loads'), '0|2', 'COMMIT PREPARED drops the entries');
query("BEGIN; GRANT SELECT ON item TO app; PREPARE TRANSACTION 'grant'; COMMIT PREPARED 'grant'");
is($node->safe_psql('postgres', $item, connstr => $node->connstr('postgres') . ' user=app'),
	'[{"val":"old"}]', 'after a prepared GRANT');
query("BEGIN; REVOKE SELECT ON item FROM app; PREPARE TRANSACTION 'revoke'");
$node->stop('immediate');
$node->start;
is($node->safe_psql('postgres', $item, connstr => $node->connstr('postgres') . ' user=app'),
	'[{"val":"old"}]', 'a prepared REVOKE survives a crash, not in force yet');
query("COMMIT PREPARED 'revoke'");
like(error_of($item, user => 'app'), qr/^42501: permission denied/, 'then it is in force');

# One that fails drops nothing, whoever tries.
query('CREATE DATABASE elsewhere');
query($item);
query("BEGIN; CREATE TABLE more (a int); PREPARE TRANSACTION 'here'");
query("BEGIN; CREATE TABLE more (a int); PREPARE TRANSACTION 'there'", 'elsewhere');
query('SELECT cache_stats_reset()');
like(error_of("COMMIT PREPARED 'nothing'", user => 'app'),
	qr/^42704: prepared transaction with identifier "nothing" does not exist/,
	'COMMIT PREPARED of what there is not');
like(error_of("COMMIT PREPARED 'here'", user => 'app'), qr/^42501: permission denied to finish/,
	'of what is somebody else\'s');
like(error_of("COMMIT PREPARED 'there'"), qr/^0A000: prepared transaction belongs to another/,
	'of what is in another database');
like(error_of("BEGIN; COMMIT PREPARED 'here'"), qr/^25001: COMMIT PREPARED cannot run inside/,
	'in a transaction block');
like(error_of(q{DO 'BEGIN EXECUTE $x$COMMIT PREPARED $p$here$p$$x$; END'}), qr/^0A000/,
	'in a function');
like(error_of("ROLLBACK PREPARED 'nothing'", user => 'app'), qr/^42704/,
	'ROLLBACK PREPARED of what there is not');
query("ROLLBACK PREPARED 'here'");
query($item);
is(counters('l1_hits', 'loads'), '1|0', 'the entry is as before');
query("COMMIT PREPARED 'there'", 'elsewhere');
query($item);
is(counters('l1_hits', 'loads'), '2|0', 'one of another database drops that one\'s');

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
	like(error_of("SELECT $fetch", database => 'd'),
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

	like(error_of('SET cachefront.xyz = 1'),
		qr/^42602: invalid configuration parameter name "cachefront.xyz"/, 'an unknown setting');
	like(error_of("ALTER SYSTEM SET cachefront.xyz = '1'"),
		# As of 16 it is the prefix.
		qr/^(42704: unrecognized configuration parameter|42602: invalid configuration parameter name) "cachefront.xyz"/,
		'an unknown setting of the server');
	like(error_of('SHOW cachefront.xyz'), qr/^42704: unrecognized/, 'there is none');
	foreach my $setting (@settings)
	{
		my ($name, $type, $min, $max, $context, $now) = @$setting;

		like(error_of("SET $name = '$now'"),
			qr/^55P02: parameter "$name" cannot be changed without restarting/,
			"$name: only at start")
		  if $context eq 'postmaster';
		like(error_of("SET $name = '$now'", user => 'app'),
			qr/^42501: permission denied to set parameter "$name"/, "$name: superusers only")
		  if $context eq 'superuser';
		is(error_of("SET $name = '$now'", user => 'app'), '', "$name: anyone")
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

# ---- not preloaded ----------------------------------------------------------

$node = CfTest->node('plain', 'shared_preload_libraries' => '');
query(
	q{
	CREATE FUNCTION try(what text) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		state text;
		message text;
		hint text;
	BEGIN
		EXECUTE what;
		RETURN 'no error';
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE,
			message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
		RETURN state || ': ' || message || ' / ' || hint;
	END $$;

	-- A call of every function of the extension, with NULLs or with values.
	CREATE FUNCTION call_of(f oid, with_values bool) RETURNS text LANGUAGE sql AS $$
		SELECT format('SELECT * FROM %s(%s)%s', f::regproc,
			(SELECT string_agg(
				CASE WHEN p.provariadic <> 0 AND a.n = p.pronargs AND a.type <> '"any"'::regtype THEN 'VARIADIC ' ELSE '' END
				|| CASE WHEN NOT with_values THEN 'NULL'
					WHEN a.type = 'text[]'::regtype THEN '''{x}'''
					WHEN a.type = 'regtype[]'::regtype THEN '''{int}'''
					WHEN a.type = 'interval'::regtype THEN '''1 s'''
					WHEN a.type = 'regtype'::regtype THEN '''bigint'''
					WHEN a.type = 'name[]'::regtype THEN '''{}'''
					WHEN a.type = 'regclass'::regtype THEN '''pg_class'''
					WHEN a.type IN ('json'::regtype, 'float8'::regtype, 'numeric'::regtype, 'int'::regtype, 'bool'::regtype) THEN '''1'''
					ELSE '''SELECT 1''' END
				|| '::' || CASE a.type WHEN '"any"'::regtype THEN 'text'
					ELSE a.type::regtype::text END, ', ' ORDER BY a.n)
				FROM unnest(p.proargtypes) WITH ORDINALITY AS a(type, n)),
			CASE WHEN p.prorettype = 'record'::regtype AND p.proallargtypes IS NULL
				THEN ' AS t(a int)' ELSE '' END)
		FROM pg_proc p WHERE p.oid = f $$;
});
{
	my $functions = "pg_depend d JOIN pg_proc p ON d.classid = 'pg_proc'::regclass"
	  . " AND d.objid = p.oid WHERE d.refobjid ="
	  . " (SELECT oid FROM pg_extension WHERE extname = 'cachefront')"
	  . " AND p.prorettype <> 'trigger'::regtype";
	my $expected = '55000: cachefront is not loaded / Add "cachefront"'
	  . ' to shared_preload_libraries and restart the server.';

	# Reads are misses, and what they keep is not kept.
	my $misses = "p.proname ~ '^cache_(fetch|fetch_row|fetch_rows|get|set|touch|read|read_row|read_rows|key)\$'"
	  # A table is there without the library.
	  . " OR p.proname = 'cache_outbox_status_data'";

	cmp_ok(query("SELECT count(*) FROM $functions"), '>=', 19, 'functions');
	foreach my $values ('false', 'true')
	{
		is( query("SELECT call, try(call) FROM (SELECT call_of(p.oid, $values) AS call
				FROM $functions AND NOT ($misses)) AS calls WHERE try(call) <> \$\$$expected\$\$"),
			'',
			'every other function says that the library is not loaded'
			  . ($values eq 'true' ? ', with values' : ''));
	}
	is( query("SELECT viewname, try('SELECT * FROM ' || viewname) FROM pg_views
			WHERE viewname LIKE 'cache\\_%' AND viewname <> 'cache_outbox_status'
			AND try('SELECT * FROM ' || viewname) <> \$\$$expected\$\$"),
		'', 'every view does');
	cmp_ok(query("SELECT count(*) FROM pg_views WHERE viewname LIKE 'cache\\_%'"),
		'>=', 5, 'views');
	my ($rc, $out, $err) = $node->psql(
		'postgres', q{
		CREATE TABLE read AS SELECT 1 AS a, 'one' AS b;
		SELECT cache_fetch('k', 'SELECT * FROM read WHERE a = $1', '1');
		SELECT cache_fetch_row('k', 'SELECT * FROM read WHERE a = $1', ARRAY['1']);
		UPDATE read SET b = 'uno';
		SELECT * FROM cache_fetch_rows('k', 'SELECT * FROM read WHERE a = $1', (1::int8))
			AS t(a int, b text);
		SELECT cache_fetch_row('k', 'SELECT * FROM read WHERE a = 2') IS NULL;
		SELECT cache_set('k', '1'), cache_set('k', '1'::jsonb), cache_get('k') IS NULL;
		SELECT cache_touch('k');
		ALTER TABLE read ALTER a TYPE text;
		SELECT cache_fetch('k', 'SELECT b FROM read WHERE a = $1', '01');
		INSERT INTO cache_definitions (name, query, arg_types, version, search_path, owner)
			VALUES ('named', 'SELECT b FROM read WHERE a = $1', '{text}', 'none', 'public, pg_temp', current_user);
		SELECT cache_read('named', '1'), cache_read_row('named', '2') IS NULL, cache_key('named', 'x:y');});
	is( "$rc: $out",
		join("\n", '0: [{"a":1,"b":"one"}]', '{"a":1,"b":"one"}', '1|uno', 't', 'f|f|t', '', '[]', '[{"b":"uno"}]|t|named:x%3Ay'),
		'reads run their query');
	is(() = $err =~ /WARNING:  cachefront is not loaded: nothing is cached/g,
		1, 'with one warning in a session');
	like(error_of(q{SELECT cache_fetch('k', 'DELETE FROM read')}),
		qr/^0A000: only a SELECT can be cached/, 'a query that cannot be cached is an error');
	like(error_of(q{CREATE SEQUENCE s; SELECT cache_fetch('k', 'SELECT nextval(''s'')')}),
		qr/^25006: /, 'so is one that writes');
	is(query("CREATE TABLE t (a int); ALTER TABLE t ADD COLUMN b int; INSERT INTO t"
		  . " VALUES (1, 2); SELECT count(*) FROM t; DROP EXTENSION cachefront"),
		1, 'everything else works');
	is(error_of("LOAD 'cachefront'"), '', 'to load it by hand is no error');
	like(error_of("LOAD 'cachefront'; CREATE EXTENSION cachefront; SELECT cache_flush()"),
		qr/^55000: .*\nHINT:  Add/, 'and no help');
}
$node->stop;

# ---- a standby --------------------------------------------------------------

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'cachefront'
max_connections = 50
cachefront.ttl_jitter = 0
cachefront.xfetch_beta = 0
cachefront.flight_timeout = '10min'
CONF
$primary->start;
$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;

sub on_primary
{
	$primary->safe_psql('postgres', $_[0]);
	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
	return;
}

$node = $primary;
query('CREATE EXTENSION cachefront');
debug($node);
on_primary($gate);
on_primary('CREATE ROLE app LOGIN; GRANT SELECT ON item TO app');
$node = $standby;

sub ttl_of
{
	return query('SELECT round(extract(epoch FROM ttl_left + age), 3) FROM cache_entries'
		  . " WHERE key = '$_[0]'") + 0;
}

is(query('SELECT pg_is_in_recovery()'), 't', 'a standby');
is(query("$item; $item"), qq([{"val":"old"}]\n[{"val":"old"}]), 'standby: it answers');
is(counters('loads', 'l1_hits', 'fills'), '1|1|1', 'standby: one load, one hit');
query("SELECT cache_flush(); $item");
is(ttl_of('item:1'), 300, 'standby: the usual time to live');
query(q{SELECT cache_fetch('other', 'SELECT 1', ttl => '1 hour'),
		cache_fetch('short', 'SELECT 1', ttl => '1 s'),
		cache_fetch('none', 'SELECT 1 WHERE false', ttl => '1 hour')});
is(ttl_of('other'), 3600, 'standby: as long as the call wants it');
is(ttl_of('short'), 1, 'standby: or shorter');
is(ttl_of('none'), 30, 'standby: a negative entry');

# It sees what the primary commits.
query('SELECT cache_flush(); SELECT cache_stats_reset()');
query($item);
on_primary(q{BEGIN; UPDATE item SET val = 'new'; SELECT cache_invalidate('item:1'); COMMIT});
is(query($item), '[{"val":"new"}]', 'standby: what the primary has committed');
is(counters('loads'), 2, 'standby: by one more load');

# What may not be read back is not cached there: no subtransaction could catch it.
on_primary(q{CREATE DOMAIN code AS text; CREATE TABLE coded (c code, cs code[], b jsonb);
	INSERT INTO coded VALUES ('', '{""}', '{}');
	ALTER DOMAIN code ADD CHECK (VALUE <> '') NOT VALID});
query('SELECT cache_stats_reset()');
foreach my $column ('cs code[]', 'c code', 'b jsonb')
{
	my ($name) = split / /, $column;

	my $plain = query("SELECT $name FROM coded");
	my $cached = "SELECT * FROM cache_fetch_rows('coded', 'SELECT $name FROM coded')"
	  . " AS t($column)";

	is(query($cached), $plain, "standby: $column loaded");
	is(query($cached), $plain, "standby: $column again");
}
is(counters('loads', 'l1_hits'), '4|2', 'standby: the array of a domain is not cached');

# Its own cache can be written: that is no write of the database.
is(query(qq{SELECT cache_set('k', '"v"'); SELECT cache_get('k')}), "t\n\"v\"",
	'standby: cache_set');
query(q{SELECT cache_set('k', '"v"')});
is(ttl_of('k'), 300, 'standby: the usual time to live for it as well');
query(q{SELECT cache_invalidate('k')});
is(query(q{SELECT cache_get('k') IS NULL}), 't', 'standby: cache_invalidate');
like(error_of("SELECT cache_define('x', ttl => '1 s')"),
	qr/^25006: cannot execute cache_define\(\) in a read-only transaction/,
	'standby: a definition is a write');

# One load.
query('SELECT cache_flush(); SELECT cache_stats_reset()');
{
	my $sql = "SELECT cache_fetch('cold', 'SELECT random(), pg_sleep(0.2)::text')";
	my ($results) = run_sessions($node, [ ($sql) x 20 ]);
	my %seen = map { $_->{stdout} => 1 } @$results;

	is(scalar(keys %seen), 1, 'standby: 20 sessions, one answer');
	is(counters('loads'), 1, 'standby: one load');
	nothing_left('standby');
}

# A definition reaches the sessions of the standby.
{
	my $session = open_session($standby, 'postgres');

	$session->query_safe(q{SELECT cache_fetch('c:1', 'SELECT 1')});
	is(ttl_of('c:1'), 300, 'standby: the default');
	on_primary(q{SELECT cache_define('c', ttl => '20 s')});
	$session->query_safe(q{SELECT cache_fetch('c:2', 'SELECT 1')});
	is(ttl_of('c:2'), 20, 'standby: a definition made on the primary');
	$session->quit;
}

# Rights, and no stale values.
is($standby->safe_psql('postgres', $item, connstr => $standby->connstr('postgres') . ' user=app'),
	'[{"val":"new"}]', 'standby: a role with the right');
on_primary('REVOKE SELECT ON item FROM app');
like(error_of($item, user => 'app'),
	qr/^42501: permission denied/, 'standby: without it, no stale value either');
on_primary('GRANT SELECT ON item TO app');

# A primary that was a standby.
$standby->promote;
is(query('SELECT pg_is_in_recovery()'), 'f', 'promoted');
query('SELECT cache_flush(); SELECT cache_stats_reset()');
query($item);
is(ttl_of('item:1'), 300, 'promoted: the usual time to live');
query(q{BEGIN; UPDATE item SET val = 'newer'; SELECT cache_invalidate('item:1'); COMMIT});
is(query($item), '[{"val":"newer"}]', 'promoted: it invalidates');
query('REVOKE SELECT ON item FROM app');
like(error_of($item, user => 'app'), qr/^42501: permission denied/, 'promoted: rights');
$standby->stop;
$primary->stop;
unlike(slurp_file($_->logfile), qr/PANIC:|TRAP:|terminated by signal/,
	$_->name . ': no crash')
  foreach $primary, $standby;

done_testing();
