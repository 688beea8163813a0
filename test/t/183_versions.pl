# What newer versions of PostgreSQL have and 15 has not: statements that use it give what they give without
# the cache, are served only if they may be, and whatever changes their rows is noticed. On 15 there are few.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;

use CfTest;

my $node = CfTest->node('main', 'cachefront.track_changes' => 'on', 'cachefront.transparent_min_saving' => 0);
my $major = int($node->safe_psql('postgres', 'SHOW server_version_num') / 10000);
my $times = 5;
my @known;

sub sql
{
	my (@statements) = @_;

	return $node->safe_psql('postgres', join ";\n", @statements);
}

sub hits
{
	return sql('SELECT sum(l1_hits) FROM cache_stats');
}

# Each of some executions gives what it gives without the cache, and so does cache_fetch.
sub same
{
	my ($name, @queries) = @_;
	my @each = map { ($_) x $times } @queries;
	my @fetch = map { "SELECT cache_fetch('same', \$q\$$_\$q\$)" } @queries;

	is(sql('SET cachefront.transparent = auto', @each), sql('SET cachefront.transparent = off', @each), $name);
	is(sql(@fetch, @fetch), sql('SET cachefront.enabled = off', @fetch, @fetch), "$name: by cache_fetch");
	return;
}

# In the version and later; serves: it may be, or must not.
sub statement
{
	my ($since, $serves, $query) = @_;
	my $before;

	return if $major < $since;
	same($query, $query);
	$before = hits();
	sql('SET cachefront.transparent = auto', ($query) x $times);
	(cmp_ok(hits(), '>', $before, 'it is served'), push @known, $query) if $serves;
	is(hits(), $before, 'it is not served') if !$serves;
	return;
}

# All that are served give what the tables have now.
sub change
{
	my ($since, @statements) = @_;

	return if $major < $since;
	sql('SET cachefront.transparent = auto', map { ($_) x $times } @known);
	sql(@statements);
	same($statements[-1] =~ s/\s+/ /gr, @known);
	return;
}

sql(q{
	CREATE TABLE item (id int PRIMARY KEY, v int, name text, doc jsonb);
	INSERT INTO item SELECT g, g * 10, 'Item ' || g, jsonb_build_object('a', g, 'list', jsonb_build_array(g, g + 1))
		FROM generate_series(1, 5) g;
	CREATE TABLE part (id int, v int) PARTITION BY RANGE (id);
	CREATE TABLE part1 PARTITION OF part FOR VALUES FROM (0) TO (100);
	CREATE TABLE part2 PARTITION OF part FOR VALUES FROM (100) TO (200);
	INSERT INTO part SELECT g, g FROM generate_series(0, 190, 10) g});

# Plans that later versions make in another way.
statement(15, 1, 'SELECT a.v FROM item a JOIN item b ON a.id = b.id ORDER BY a.id');
statement(15, 1, 'SELECT v % 20, count(*), sum(id) FROM item GROUP BY GROUPING SETS ((v % 20), ()) ORDER BY 1');
statement(15, 1, 'SELECT DISTINCT v % 20, id % 2 FROM item ORDER BY 1, 2');
statement(15, 1, 'SELECT id FROM item EXCEPT SELECT id / 40 FROM part ORDER BY 1');
statement(15, 1, 'SELECT count(*) FROM item WHERE id = 2 OR id = 3 OR id = 4');
statement(15, 1, 'SELECT count(*) FROM item WHERE id IN (VALUES (1), (2))');
statement(15, 1, 'SELECT sum(p.v) FROM part p, item i WHERE p.id = i.v');
statement(15, 1, 'SELECT id, row_number() OVER (ORDER BY v DESC) FROM item ORDER BY id');

# 16
statement(16, 1, q{SELECT JSON_OBJECT('id': id, 'v': v) FROM item ORDER BY id});
statement(16, 1, 'SELECT JSON_ARRAYAGG(v ORDER BY id) FROM item');
statement(16, 1, 'SELECT count(*) FROM item WHERE doc::text IS JSON OBJECT');
statement(16, 1, 'SELECT any_value(v) FROM item WHERE id = 3');
statement(16, 0, 'SELECT count(random_normal()) FROM item');

# 17
statement(17, 0, q{SELECT JSON_VALUE(doc, '$.a' RETURNING int) FROM item ORDER BY id});
statement(17, 0, q{SELECT count(*) FROM item WHERE JSON_EXISTS(doc, '$.a')});
statement(17, 0, q{SELECT t.n FROM item, JSON_TABLE(doc, '$.list[*]' COLUMNS (n int PATH '$')) t ORDER BY 1});
statement(17, 1, 'SELECT JSON_SERIALIZE(JSON_SCALAR(v)) FROM item ORDER BY id');
statement(17, 0, 'SELECT v + random(0, 0) FROM item ORDER BY id');
statement(17, 1, 'SELECT to_hex(v) FROM item ORDER BY id');
statement(17, 1, 'SELECT name COLLATE pg_c_utf8 FROM item ORDER BY name COLLATE pg_c_utf8');

# 18
statement(18, 0, 'SELECT count(uuidv7()) FROM item');
statement(18, 0, 'SELECT count(uuidv4()) FROM item');
statement(18, 1, 'SELECT array_sort(array_agg(v)) FROM item');
statement(18, 1, 'SELECT casefold(name COLLATE pg_c_utf8) FROM item ORDER BY id');
statement(18, 1, 'SELECT crc32(name::bytea) FROM item ORDER BY id');
if ($major >= 18)
{
	sql(q{
		CREATE TABLE virtual (id int PRIMARY KEY, v int, twice int GENERATED ALWAYS AS (v * 2) VIRTUAL);
		INSERT INTO virtual SELECT g, g FROM generate_series(1, 3) g;
		CREATE TABLE room (id int4range, at daterange, PRIMARY KEY (id, at WITHOUT OVERLAPS));
		CREATE TABLE stay (id int4range, at daterange, room int4range, PRIMARY KEY (id, at WITHOUT OVERLAPS),
			FOREIGN KEY (room, PERIOD at) REFERENCES room (id, PERIOD at));
		INSERT INTO room VALUES ('[1,1]', '[2020-01-01,2030-01-01)');
		INSERT INTO stay VALUES ('[7,7]', '[2021-01-01,2021-02-01)', '[1,1]')});
}
statement(18, 1, 'SELECT id, twice FROM virtual ORDER BY id');
statement(18, 1, 'SELECT count(*) FROM virtual WHERE twice > 3');
statement(18, 1, 'SELECT count(*), min(lower(at)) FROM stay JOIN room USING (at) RIGHT JOIN item ON true');

# ---- what changes them ----

change(15, 'UPDATE item SET v = v + 1 WHERE id = 2');
change(17, q{MERGE INTO item i USING (VALUES (1, 7), (9, 90)) s(id, v) ON i.id = s.id
	WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT (id, v, name, doc) VALUES (s.id, s.v, 'new', '{"a":1}')
	WHEN NOT MATCHED BY SOURCE AND i.id = 5 THEN DELETE RETURNING merge_action(), i.id});
change(17, q{WITH m AS (MERGE INTO part p USING item i ON p.id = i.id * 10
	WHEN MATCHED THEN UPDATE SET v = 0 RETURNING p.v) SELECT count(*) FROM m});
change(17, q{CREATE VIEW small AS SELECT id, v FROM item},
	q{MERGE INTO small s USING (VALUES (3)) t(id) ON s.id = t.id WHEN MATCHED THEN UPDATE SET v = 333});
change(17, q{CREATE TABLE stored (id int, v int, w int GENERATED ALWAYS AS (v + 1) STORED)},
	'INSERT INTO stored VALUES (1, 1)');
statement(17, 1, 'SELECT id, w FROM stored');
change(17, 'ALTER TABLE stored ALTER w SET EXPRESSION AS (v + 100)');
change(17, q{COPY item (id, v) FROM PROGRAM 'printf "20\t200\nbad\t1\n21\t210\n"' WITH (ON_ERROR ignore)});
change(18, 'UPDATE virtual SET v = 50 WHERE id = 1');
change(18, 'ALTER TABLE virtual ALTER twice SET EXPRESSION AS (v * 3)');
change(18, 'ALTER TABLE virtual ADD thrice int GENERATED ALWAYS AS (v + 1) VIRTUAL');
change(18, 'WITH u AS (UPDATE item SET v = v + 1 WHERE id = 1 RETURNING old.v AS was, new.v AS now) SELECT was < now FROM u');
change(18, q{UPDATE stay SET at = '[2021-03-01,2021-04-01)'});
change(18, q{ALTER TABLE item ADD CONSTRAINT positive CHECK (v > 0) NOT ENFORCED}, 'INSERT INTO item VALUES (30, -1)');
change(18, 'ALTER TABLE part ADD CONSTRAINT v_is NOT NULL v NOT VALID', 'ALTER TABLE part VALIDATE CONSTRAINT v_is',
	'UPDATE part SET v = v + 1 WHERE id < 50');
change(15, 'TRUNCATE part1');

$node->stop;
done_testing();
