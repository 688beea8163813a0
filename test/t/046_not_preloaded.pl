# A server that does not preload the library: calls run the query, or say what is missing.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CfTest qw(:DEFAULT full_error_of query);

require_debug();

# ---- not preloaded ----------------------------------------------------------

my $node = CfTest->node('plain', 'shared_preload_libraries' => '');
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
	like(full_error_of(q{SELECT cache_fetch('k', 'DELETE FROM read')}),
		qr/^0A000: only a SELECT can be cached/, 'a query that cannot be cached is an error');
	like(full_error_of(q{CREATE SEQUENCE s; SELECT cache_fetch('k', 'SELECT nextval(''s'')')}),
		qr/^25006: /, 'so is one that writes');
	is(query("CREATE TABLE t (a int); ALTER TABLE t ADD COLUMN b int; INSERT INTO t"
		  . " VALUES (1, 2); SELECT count(*) FROM t; DROP EXTENSION cachefront"),
		1, 'everything else works');
	is(full_error_of("LOAD 'cachefront'"), '', 'to load it by hand is no error');
	like(full_error_of("LOAD 'cachefront'; CREATE EXTENSION cachefront; SELECT cache_flush()"),
		qr/^55000: .*\nHINT:  Add/, 'and no help');
}
$node->stop;

done_testing();
