# A standby without Redis, and a primary that was one.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CfTest qw(:DEFAULT full_error_of nothing_left query stats ttl_of under_test);

require_debug();

my $item = "SELECT cache_fetch('item:1', 'SELECT val FROM item WHERE id = 1')";

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

under_test($primary);
query('CREATE EXTENSION cachefront');
debug($primary);
on_primary(q{CREATE TABLE item (id int PRIMARY KEY, val text); INSERT INTO item VALUES (1, 'old')});
on_primary('CREATE ROLE app LOGIN; GRANT SELECT ON item TO app');
under_test($standby);

is(query('SELECT pg_is_in_recovery()'), 't', 'a standby');
is(query("$item; $item"), qq([{"val":"old"}]\n[{"val":"old"}]), 'standby: it answers');
is(stats('loads', 'l1_hits', 'fills'), '1|1|1', 'standby: one load, one hit');
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
is(stats('loads'), 2, 'standby: by one more load');

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
is(stats('loads', 'l1_hits'), '4|2', 'standby: the array of a domain is not cached');

# Its own cache can be written: that is no write of the database.
is(query(qq{SELECT cache_set('k', '"v"'); SELECT cache_get('k')}), "t\n\"v\"",
	'standby: cache_set');
query(q{SELECT cache_set('k', '"v"')});
is(ttl_of('k'), 300, 'standby: the usual time to live for it as well');
query(q{SELECT cache_invalidate('k')});
is(query(q{SELECT cache_get('k') IS NULL}), 't', 'standby: cache_invalidate');
like(full_error_of("SELECT cache_define('x', ttl => '1 s')"),
	qr/^25006: cannot execute cache_define\(\) in a read-only transaction/,
	'standby: a definition is a write');

# One load.
query('SELECT cache_flush(); SELECT cache_stats_reset()');
{
	my $sql = "SELECT cache_fetch('cold', 'SELECT random(), pg_sleep(0.2)::text')";
	my ($results) = run_sessions($standby, [ ($sql) x 20 ]);
	my %seen = map { $_->{stdout} => 1 } @$results;

	is(scalar(keys %seen), 1, 'standby: 20 sessions, one answer');
	is(stats('loads'), 1, 'standby: one load');
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
like(full_error_of($item, user => 'app'),
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
like(full_error_of($item, user => 'app'), qr/^42501: permission denied/, 'promoted: rights');
$standby->stop;
$primary->stop;
unlike(slurp_file($_->logfile), qr/PANIC:|TRAP:|terminated by signal/,
	$_->name . ': no crash')
  foreach $primary, $standby;

done_testing();

