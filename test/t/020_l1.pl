# The store in shared memory: filled to ten times its size by eight sessions at
# once, with values of 100 bytes to 1 MB, while keys are invalidated, touched
# and flushed. It never raises an error, never returns another key's value, and
# its books balance afterwards.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use CfTest qw(:DEFAULT query);

my $node;
my $evictions_at_reset;

# What every server needs for it.
sub start_node
{
	my ($name, %conf) = @_;

	$node = CfTest->node($name, 'autovacuum' => 'off', %conf);
	$node->safe_psql(
		'postgres', q{
		-- Number k's value has so many bytes: most are small, some are large.
		CREATE FUNCTION size_of(k int, largest int) RETURNS int
		LANGUAGE sql IMMUTABLE AS $$
			SELECT (100 * power(largest / 100.0,
				(hashint4(k) & 65535) / 65535.0))::int $$;

		-- A value tells whose it is in each of its bytes. As text, for it is
		-- compared as text: to take large JSON apart would be all the work.
		CREATE FUNCTION value_of(k int, n int) RETURNS text
		LANGUAGE sql IMMUTABLE AS $$
			SELECT format('{"k":%s,"n":%s,"x":"%s"}', k, n,
				repeat(chr(65 + (k * 7 + n) % 26), n)) $$;

		CREATE FUNCTION check_value(what text, k int, value text) RETURNS void
		LANGUAGE plpgsql AS $$
		DECLARE
			n text := substring(left(value, 60) FROM '"n":(\d+)');
		BEGIN
			IF value <> value_of(k, n::int) OR (value IS NOT NULL AND n IS NULL) THEN
				RAISE EXCEPTION '% % has a value that is not its own: %', what, k,
					left(value, 60);
			END IF;
		END $$;

		-- Works until it has stored so many bytes; returns what it did.
		CREATE PROCEDURE work(session int, target bigint, nkeys int, largest int,
			INOUT stored bigint)
		LANGUAGE plpgsql AS $$
		DECLARE
			what float8;
			k int;
			n int;
			x text;
		BEGIN
			stored := 0;
			PERFORM setseed(session / 100.0);
			WHILE stored < target LOOP
				what := random();
				k := (random() * nkeys)::int;
				-- Each key has values of four sizes.
				n := size_of(k * 4 + (random() * 3)::int, largest);
				IF what < 0.40 THEN
					PERFORM cache_set('s:' || k, value_of(k, n)::json,
						tags => ARRAY['t' || k % 10]);
					stored := stored + n;
				ELSIF what < 0.55 THEN
					PERFORM check_value('set', k, cache_get('s:' || k)::text);
				ELSIF what < 0.80 THEN
					PERFORM check_value('fetch', k, cache_fetch_row('f:' || k,
						'SELECT $1 AS k, $2 AS n,'
						' repeat(chr(65 + ($1 * 7 + $2) % 26), $2) AS x', (k, n),
						tags => ARRAY['t' || k % 10, 'u'])::text);
				ELSIF what < 0.88 THEN
					SELECT t.x INTO STRICT x FROM cache_fetch_rows('f:' || k,
						'SELECT value_of($1, $2)', (k, n)) AS t(x text);
					PERFORM check_value('rows', k, x);
				ELSIF what < 0.93 THEN
					PERFORM cache_invalidate('s:' || k, 'f:' || k);
				ELSIF what < 0.95 THEN
					PERFORM cache_invalidate_tag('t' || k % 10);
				ELSIF what < 0.97 THEN
					PERFORM cache_touch('s:' || k, '1 hour');
				ELSIF what < 0.99 THEN
					PERFORM cache_delete('s:' || k);
				ELSIF what < 0.992 THEN
					PERFORM cache_flush();
				ELSE
					-- Reports look at what others change.
					PERFORM count(*), sum(bytes) FROM cache_entries;
				END IF;
				COMMIT;
			END LOOP;
		END $$;
	});
	reset_stats();
	return;
}

sub reset_stats
{
	query('SELECT cache_flush(); SELECT cache_stats_reset()');
	$evictions_at_reset = query('SELECT l1_evictions FROM cache_status');
	return;
}

# What holds whenever nobody is at work.
sub check_books
{
	my ($when) = @_;

	is( query('SELECT count(*) - (SELECT l1_entries FROM cache_status),
			coalesce(sum(bytes), 0) - (SELECT l1_bytes FROM cache_status)
			FROM cache_entries'),
		'0|0',
		"$when: entries and bytes add up");
	# A value has one variant here, a result as many as it has arguments.
	is( query("SELECT key FROM cache_entries WHERE form = 'value'
			GROUP BY key HAVING count(*) > 1"),
		'', "$when: each value is there once");
	is( query("SELECT count(*) FROM (SELECT count(*) AS n FROM cache_entries
			WHERE form <> 'value' GROUP BY key, form) AS variants WHERE n > 4"),
		0, "$when: no variant is there twice");
	is( query('SELECT count(*) FROM cache_entries WHERE bytes - value_bytes
			- octet_length(key) - 8 * dependencies NOT BETWEEN 1 AND 128'),
		0, "$when: the overhead of an entry is at most 128 bytes");
	is( query("SELECT (SELECT l1_evictions FROM cache_status)
			- (SELECT evictions FROM cache_stats WHERE cache = '*')"),
		$evictions_at_reset, "$when: evictions are counted");
	is(query('SELECT l1_bytes <= l1_size FROM cache_status'),
		't', "$when: it keeps to its size");
	return;
}

sub check_log
{
	my $log = slurp_file($node->logfile);

	unlike($log, qr/ERROR:|FATAL:|PANIC:|TRAP:|WARNING:|terminated by signal/,
		$node->name . ': nothing in the log');
	return;
}

sub fill_by_eight
{
	my ($target, $nkeys, $largest) = @_;
	my $each = int($target / 8) + 1;
	my ($results, $seconds) = run_sessions($node,
		# Some values are too large to be kept, and each is said.
		[ map { "SET client_min_messages = warning; CALL work($_, $each, $nkeys, $largest, 0)" } 1 .. 8 ]);
	my $name = $node->name;
	my $stored = 0;

	foreach my $result (@$results)
	{
		is("$result->{status} $result->{stderr}", '0 ', "$name: a session has no error");
		$stored += (split /\n/, $result->{stdout})[-1] // 0;
	}
	cmp_ok($stored, '>=', $target, "$name: ten times its size was stored");
	note(sprintf '%d bytes in %.1f s', $stored, $seconds);
	note(query("SELECT to_json(s) FROM cache_stats s WHERE cache = '*'"));
	note(query('SELECT to_json(s) FROM cache_status s'));
	foreach my $counter ('evictions', 'get_hits', 'l1_hits', 'fills_refused', 'touches',
		'invalidated_keys', 'invalidated_tags')
	{
		cmp_ok(query("SELECT $counter FROM cache_stats WHERE cache = '*'"),
			'>', 0, "$name: $counter");
	}
	return;
}

# Sets values of one size, each in a transaction of its own, and reads them all:
# what is there must be its key's own. Returns how many L1 has at the end.
sub set_many
{
	my ($prefix, $n, $size) = @_;
	my $value = "to_json(i || repeat('x', $size))";

	query( "DO \$\$ BEGIN FOR i IN 1 .. $n LOOP PERFORM"
		  . " cache_set('$prefix:' || i, $value); COMMIT; END LOOP; END \$\$");
	is( query("SELECT count(*) FROM generate_series(1, $n) i,
			LATERAL cache_get('$prefix:' || i) AS g WHERE g::text <> $value\::text"),
		0,
		$node->name . ": $n values of $size bytes, each the key's own");
	return query("SELECT count(*) FROM cache_entries WHERE key LIKE '$prefix:%'");
}

# ---- a small one ------------------------------------------------------------

start_node('small', 'cachefront.l1_size' => '4MB', 'cachefront.l1_max_value' => '512kB');
my $small_before = set_many('a', 30_000, 100);
query('SELECT cache_flush()');
is(set_many('b', 10, 300_000), 10, 'ten large values have room');
check_books('small, filled by one');
reset_stats();
is(query('SELECT l1_bytes, l1_entries FROM cache_status'),
	'0|0', 'a flush leaves nothing');

fill_by_eight(40 * 1024 * 1024, 100, 1000_000);
cmp_ok(query("SELECT too_large FROM cache_stats WHERE cache = '*'"),
	'>', 0, 'small: too_large');
check_books('small');

query('SELECT cache_flush()');
check_books('small, flushed');
cmp_ok(set_many('a', 30_000, 100), '>=', 0.9 * $small_before,
	"small values find as much room as before ($small_before)");
query('SELECT cache_flush()');
cmp_ok(set_many('b', 10, 300_000), '>=', 7, 'and most of the large ones do');
check_books('small, at the end');

# ---- limits -----------------------------------------------------------------

sub counter
{
	return query("SELECT $_[0] FROM cache_stats WHERE cache = '*'");
}

reset_stats();
# A JSON string of n letters has n + 2 bytes.
my $limit = 512 * 1024;
my $fits = $limit - 2;
my $exceeds = $fits + 1;

query("SELECT cache_set('k', to_json(repeat('x', $fits)))");
is(query("SELECT value_bytes FROM cache_entries WHERE key = 'k'"),
	$limit, 'a value of l1_max_value bytes is kept');
is(counter('too_large'), 0, 'and is not counted as too large');
query("SELECT cache_set('k', to_json(repeat('y', $exceeds)))");
is(counter('too_large'), 1, 'one byte more is counted as too large');
is(query("SELECT cache_get('k') IS NULL"), 't', 'its predecessor does not stay');

my $fetch = "SELECT md5(cache_fetch('f', 'SELECT repeat(''x'', \$1) AS x', (%d))::text)";
my $frame = length '[{"x":""}]';
my $direct = "SELECT md5('[{\"x\":\"' || repeat('x', %d) || '\"}]')";

query(sprintf $fetch, $limit - $frame);
is(counter('fills'), 1, 'a result of l1_max_value bytes is kept');
is( query(sprintf $fetch, $limit - $frame + 1),
	query(sprintf $direct, $limit - $frame + 1),
	'one byte more: the answer is right');
is(counter('too_large'), 2, 'and it is counted as too large');
is(query("SELECT count(*) FROM cache_entries WHERE value_bytes > $limit"),
	0, 'nothing larger than the limit is kept');
query(sprintf $fetch, $limit - $frame + 1);
is(counter('loads'), 3, 'what is not kept is loaded again');

# The setting may change while the server runs.
query(q{ALTER SYSTEM SET cachefront.l1_max_value = '4kB'; SELECT pg_reload_conf()});
ok(wait_until($node, 'SELECT l1_max_value FROM cache_status', 4096), 'a smaller limit');
query("SELECT cache_set('s', to_json(repeat('x', 4095)))");
is(counter('too_large'), 4, 'holds for what comes next');
check_books('small, limits');
check_log();
$node->stop;

# ---- the smallest ------------------------------------------------------------

# Its memory must not stay with sizes that are no longer in use, in whatever
# partitions their entries are: a few old ones could hold most of it.
foreach my $seed (1, 3, 20)
{
	start_node("smallest$seed", 'cachefront.l1_size' => '1MB', 'cachefront.hash_seed' => $seed);
	query( "DO \$\$ BEGIN FOR i IN 1 .. 800 LOOP PERFORM"
		  . " cache_set('a:' || i, to_json(repeat('x', i * 10))); COMMIT;"
		  . ' END LOOP; END $$');
	cmp_ok(query('SELECT l1_entries FROM cache_status'),
		'>', 0, "smallest, $seed: values of many sizes");
	cmp_ok(set_many('b', 10, 100_000), '>', 0, "smallest, $seed: then large ones get in");
	cmp_ok(set_many('c', 2000, 50), '>', 700, "smallest, $seed: then small ones");
	check_books("smallest, $seed");
	check_log();
	$node->stop;
}

# ---- one of the default size ------------------------------------------------

start_node('large');
is(query('SELECT l1_size, l1_max_value FROM cache_status'),
	(64 * 1024 * 1024) . '|' . (1024 * 1024), 'the default sizes');
fill_by_eight(640 * 1024 * 1024, 1000, 1000_000);
check_books('large');
query('SELECT cache_flush()');

# Full of small values, large ones must find adjacent memory.
cmp_ok(set_many('s', 300_000, 200), '>', 150_000, 'large: many small values');
cmp_ok(query('SELECT l1_bytes / (l1_size / 100) FROM cache_status'),
	'>', 80, 'large: most of the memory holds values');
cmp_ok(set_many('l', 40, 1000_000), '>=', 20, 'large: large values get in');
check_books('large, at the end');
check_log();
$node->stop;

done_testing();
