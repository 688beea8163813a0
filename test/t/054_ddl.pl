# DDL leaves what it does not change: partitions are made in a loop while other tables
# are read, whose entries stay. Without statements, too; and not where nobody can tell.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use CfTest;

my $partitions = 60;
my $node = CfTest->node('ddl', 'cachefront.track_changes' => 'on', max_prepared_transactions => 5);

$node->safe_psql('postgres', q{
	SELECT cache_define('d', jitter => 0, xfetch_beta => 0);
	CREATE TABLE events (id int, v int) PARTITION BY LIST (id);
	CREATE TABLE items (id int PRIMARY KEY, v int);
	INSERT INTO items SELECT i, i FROM generate_series(1, 20) i;
	CREATE TABLE ruled (id int PRIMARY KEY, v int);
	INSERT INTO ruled SELECT i, i FROM generate_series(1, 20) i;
	SELECT cache_attach('ruled');
	CREATE FUNCTION read_all() RETURNS bigint LANGUAGE sql AS $$
		SELECT sum((cache_fetch_row('d:i' || i, 'SELECT v FROM items WHERE id = $1', ROW(i)) ->> 'v')::int
			+ (cache_fetch_row('d:r' || i, 'SELECT v, lower(''X'') AS x FROM ruled WHERE id = $1', ROW(i)) ->> 'v')::int)
		FROM generate_series(1, 20) i $$});

sub counts
{
	return split /\|/,
	  $node->safe_psql('postgres', q{SELECT l1_hits, misses FROM cache_stats WHERE cache = 'd'});
}

sub state
{
	my ($key) = @_;
	return $node->safe_psql('postgres', "SELECT coalesce(max(state), 'none') FROM cache_entries WHERE key = '$key'");
}

# ---- a loop ----

my $reader = open_session($node);
my $writer = open_session($node);

$reader->query_safe('SELECT read_all()') foreach 1 .. 2;
$node->safe_psql('postgres', q{SELECT cache_stats_reset()});
foreach my $i (1 .. $partitions)
{
	$writer->query_safe("CREATE TABLE event_$i PARTITION OF events FOR VALUES IN ($i)");
	$writer->query_safe("INSERT INTO events VALUES ($i, $i)");
	is($reader->query_safe(q{SELECT cache_fetch_row('d:e', 'SELECT count(*) AS n FROM events') ->> 'n'}),
		$i, "all of $i partitions are counted")
	  if $i % 10 == 0;
	is($reader->query_safe('SELECT read_all()'), 420, "after $i partitions") if $i % 20 == 0;
	$reader->query_safe('SELECT read_all()');
}
my ($hits, $misses) = counts();
cmp_ok($hits, '>', 2000, 'other tables were read');
cmp_ok($hits / ($hits + $misses), '>', 0.99, 'and nearly all of it came from memory');

# ---- the same by DETACH and DROP ----

$node->safe_psql('postgres', q{SELECT cache_stats_reset()});
foreach my $i (1 .. 20)
{
	$writer->query_safe("ALTER TABLE events DETACH PARTITION event_$i");
	$writer->query_safe("DROP TABLE event_$i");
	$reader->query_safe('SELECT read_all()');
}
($hits, $misses) = counts();
is($misses, 0, 'partitions that go take nothing else along');
is($reader->query_safe(q{SELECT cache_fetch_row('d:e', 'SELECT count(*) AS n FROM events') ->> 'n'}),
	$partitions - 20, 'what reads them is counted anew');

# ---- prepared transactions ----

$reader->query_safe('SELECT read_all()');
$writer->query_safe(q{BEGIN; CREATE TABLE later (id int); PREPARE TRANSACTION 'ddl'});
is(state('d:i1'), 'invalidated', 'while DDL is prepared nothing counts');
$writer->query_safe(q{COMMIT PREPARED 'ddl'});
is($reader->query_safe('SELECT read_all()'), 420, 'afterwards it is read anew');
is(state('d:i1'), 'fresh', 'and kept');
$writer->query_safe(q{BEGIN; TRUNCATE event_30; PREPARE TRANSACTION 'truncate'});
is(state('d:i1'), 'fresh', 'TRUNCATE is no DDL');
$writer->query_safe(q{COMMIT PREPARED 'truncate'});

# ---- what runs in transactions of its own ----

foreach my $statement (
	'VACUUM items', 'VACUUM ANALYZE items',
	'CREATE INDEX CONCURRENTLY items_v ON items (v)',
	'REINDEX INDEX CONCURRENTLY items_v',
	'DROP INDEX CONCURRENTLY items_v',
	'ANALYZE', 'REINDEX TABLE items')
{
	$writer->query_safe($statement);
	is(state('d:i1'), 'fresh', "$statement drops nothing");
}
$writer->query_safe('ALTER TABLE events DETACH PARTITION event_40 CONCURRENTLY');
is(state('d:i1'), 'fresh', 'DETACH CONCURRENTLY leaves other tables');
is($reader->query_safe(q{SELECT cache_fetch_row('d:e', 'SELECT count(*) AS n FROM events') ->> 'n'}),
	$partitions - 22, 'but not what it is detached from');

# ---- many at once ----

$writer->query_safe('DO $$ BEGIN FOR i IN 1 .. 600 LOOP EXECUTE format(\'CREATE TABLE many_%s (id int)\', i); END LOOP; END $$');
is($reader->query_safe('SELECT read_all()'), 420, 'who changes too much drops everything');

$_->quit foreach $reader, $writer;
$node->stop;
done_testing();
