--
-- Rules of partitions and inheritance, of what is renamed, and made by hand
--
-- server: without tracking
CREATE SCHEMA rules;
SET search_path = rules, public;
-- without notices of what NOTIFY would show
SET cachefront.notify = off;

-- Each probe is a cached query. warm() fetches them all; cold() names those
-- that are not valid any more, and so shows what was invalidated, no less and
-- no more.
CREATE TABLE probes (key text, query text, tags text[]);
CREATE FUNCTION warm() RETURNS bigint LANGUAGE sql AS $$
	SELECT count(cache_fetch(key, query, tags => tags)) FROM rules.probes
$$;
CREATE FUNCTION cold() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(p.key, ' ' ORDER BY p.key COLLATE "C")
	FROM rules.probes p, cache_explain(p.key, p.query, tags => p.tags) e
	WHERE e.item = 'L1' AND e.value <> 'fresh'
$$;
CREATE FUNCTION coverage(key text, query text, tags text[] DEFAULT NULL)
RETURNS SETOF text LANGUAGE sql AS $$
	SELECT e.item || ': ' || e.value FROM cache_explain(key, query, tags => tags) e
	WHERE e.item IN ('table', 'function', 'covered')
$$;

--
-- Partitions
--
CREATE TABLE part (region text, id int, v int) PARTITION BY LIST (region);
CREATE TABLE part_eu PARTITION OF part FOR VALUES IN ('eu');
CREATE TABLE part_us (v int, extra int, region text, id int);
ALTER TABLE part_us DROP COLUMN extra;
ALTER TABLE part ATTACH PARTITION part_us FOR VALUES IN ('us');
INSERT INTO part VALUES ('eu', 1, 1), ('us', 2, 2);
SELECT cache_attach('part', key => 'part:{id}', tags => ARRAY['region:{region}']);
SELECT rel, rule, kind FROM cache_rules;
INSERT INTO probes VALUES ('part:1', 'SELECT v FROM part WHERE id = 1'),
	('part:2', 'SELECT v FROM part WHERE id = 2'), ('part:3', 'SELECT v FROM part WHERE id = 3');
INSERT INTO probes VALUES ('eu', 'SELECT id FROM part WHERE region = ''eu''', '{region:eu}'),
	('us', 'SELECT id FROM part_us', '{region:us}');
SELECT coverage('part:1', 'SELECT v FROM part WHERE id = 1');
SELECT coverage('us', 'SELECT id FROM part_us', '{region:us}');
SELECT coverage('other', 'SELECT id FROM part_us');
SELECT warm();
UPDATE part SET v = 10 WHERE id = 1;
SELECT cold(), warm();
UPDATE part_us SET v = 20;
SELECT cold(), warm();
UPDATE part SET region = 'us' WHERE id = 1;
SELECT cold(), warm();
-- attached later: the rule is cloned
CREATE TABLE part_asia (region text, id int, v int);
INSERT INTO part_asia VALUES ('asia', 3, 3);
ALTER TABLE part ATTACH PARTITION part_asia FOR VALUES IN ('asia');
SELECT cold(), warm();
INSERT INTO part VALUES ('asia', 3, 4);
SELECT cold(), warm();
-- one partition's TRUNCATE has no trigger of its own
TRUNCATE part_us;
SELECT cold(), warm();
SELECT cache_fetch_row('part:2', 'SELECT v FROM part WHERE id = 2');
TRUNCATE part;
SELECT cold(), warm();
ALTER TABLE part DETACH PARTITION part_us;
SELECT coverage('part:2', 'SELECT v FROM part_us WHERE id = 2');
-- columns have the names of the query, whatever the partition has
INSERT INTO part VALUES ('eu', 1, 1), ('asia', 2, 2);
SELECT cache_fetch('names', 'SELECT id AS a, v AS b FROM part');
SELECT cache_fetch('names', 'SELECT v FROM part');
DROP TABLE part, part_us;
TRUNCATE probes;
-- a table rule on a partitioned table is a row trigger: only that fires in
-- every partition
CREATE TABLE part (region text, id int, v int) PARTITION BY LIST (region);
CREATE TABLE part_eu PARTITION OF part FOR VALUES IN ('eu');
CREATE TABLE part_us PARTITION OF part FOR VALUES IN ('us');
SELECT cache_attach('part', rows => '{}');
SELECT rel, rule, kind FROM cache_rules;
SELECT coverage('any', 'SELECT * FROM part');
INSERT INTO probes VALUES ('all', 'SELECT id FROM part'), ('only eu', 'SELECT id FROM part_eu'),
	('only us', 'SELECT id FROM part_us');
SELECT warm();
INSERT INTO part VALUES ('eu', 1, 1);
SELECT cold(), warm();
INSERT INTO part_us VALUES ('us', 1, 1);
SELECT cold(), warm();
TRUNCATE part_us;
SELECT cold(), warm();
TRUNCATE part;
SELECT cold(), warm();
DROP TABLE part;
TRUNCATE probes;

--
-- Inheritance: each child has triggers of its own
--
CREATE TABLE animals (id int, name text);
CREATE TABLE dogs (breed text) INHERITS (animals);
SELECT cache_attach('animals', key => 'animal:{id}');
CREATE TABLE cats () INHERITS (animals);
SELECT rel, rule, kind, key FROM cache_rules ORDER BY rel::text;
INSERT INTO probes VALUES ('animal:1', 'SELECT name FROM animals WHERE id = 1'),
	('animal:2', 'SELECT name FROM animals WHERE id = 2');
SELECT warm();
INSERT INTO dogs VALUES (1, 'Rex', 'pug');
SELECT cold(), warm();
UPDATE animals SET name = 'Max' WHERE id = 1;
SELECT cold(), warm();
TRUNCATE dogs;
SELECT cold(), warm();
-- made later: has no rule, and cache_explain says so
SELECT coverage('animal:1', 'SELECT name FROM animals WHERE id = 1');
SELECT cache_detach('animals');
SELECT count(*) FROM cache_rules;
SET client_min_messages = warning;
DROP TABLE animals CASCADE;
RESET client_min_messages;
TRUNCATE probes;

--
-- Replication apply fires rules as well
--
CREATE TABLE t (id int PRIMARY KEY, v int);
INSERT INTO t VALUES (1, 1), (2, 2);
SELECT cache_attach('t', key => 't:{id}');
INSERT INTO probes VALUES ('t:1', 'SELECT v FROM t WHERE id = 1'), ('t:2', 'SELECT v FROM t WHERE id = 2');
INSERT INTO probes VALUES ('list', 'SELECT v FROM t', NULL);
SELECT warm();
SET session_replication_role = replica;
UPDATE t SET v = 2 WHERE id = 1;
RESET session_replication_role;
SELECT cold(), warm();

--
-- Renames
--
ALTER TABLE t RENAME TO t2;
UPDATE probes SET query = replace(query, 'FROM t', 'FROM t2');
SELECT rel, key, problem FROM cache_rules;
SELECT warm();
UPDATE t2 SET v = 3 WHERE id = 1;
SELECT cold(), warm();
-- a template that names a column that is gone: the write does not fail, and
-- everything that the rule covers or that reads the table goes
ALTER TABLE t2 RENAME id TO number;
UPDATE probes SET query = replace(query, 'WHERE id', 'WHERE number');
SELECT rel, key, problem FROM cache_rules;
SELECT coverage('t:1', 'SELECT v FROM t2 WHERE number = 1');
SELECT coverage('list', 'SELECT v FROM t2');
SELECT warm();
UPDATE t2 SET v = 4 WHERE number = 1;
SELECT cold(), warm();
ALTER TABLE t2 RENAME number TO id;
UPDATE probes SET query = replace(query, 'WHERE number', 'WHERE id');
SELECT problem FROM cache_rules;
SELECT warm();
UPDATE t2 SET v = 5 WHERE id = 1;
SELECT cold();
DROP TABLE t2;
TRUNCATE probes;

--
-- Triggers made by hand are rules as well
--
CREATE TABLE t (id int PRIMARY KEY, cat int, v int);
INSERT INTO t VALUES (1, 1, 1), (2, 2, 2);
CREATE TRIGGER mine AFTER INSERT OR UPDATE OR DELETE ON t
	FOR EACH ROW EXECUTE FUNCTION cache_invalidate_row('key', 't:{id}', 'tag', 'cat:{cat}');
SELECT rel, rule, kind, key, tags, enabled, problem FROM cache_rules;
INSERT INTO probes VALUES ('t:1', 'SELECT v FROM t WHERE id = 1'), ('t:2', 'SELECT v FROM t WHERE id = 2');
INSERT INTO probes VALUES ('cat 1', 'SELECT v FROM t WHERE cat = 1', '{cat:1}');
SELECT coverage('t:1', 'SELECT v FROM t WHERE id = 1');
SELECT warm();
UPDATE t SET v = 10 WHERE id = 1;
SELECT cold(), warm();
-- TRUNCATE is seen without a trigger for it
TRUNCATE t;
SELECT cold(), warm();
SELECT cache_detach('t');
-- those that do not fire for all changes, or not at once, cover nothing
CREATE TRIGGER part AFTER INSERT OR DELETE ON t
	FOR EACH ROW EXECUTE FUNCTION cache_invalidate_row('key', 't:{id}');
CREATE TRIGGER narrow AFTER INSERT OR UPDATE OF cat OR DELETE ON t
	FOR EACH ROW EXECUTE FUNCTION cache_invalidate_row('key', 't:{id}');
CREATE TRIGGER sometimes AFTER INSERT OR UPDATE OR DELETE ON t
	FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION cache_invalidate_row('key', 't:{id}');
CREATE CONSTRAINT TRIGGER late AFTER INSERT OR UPDATE OR DELETE ON t DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION cache_invalidate_row('key', 't:{id}');
SELECT rule, problem FROM cache_rules ORDER BY rule;
SELECT coverage('t:1', 'SELECT v FROM t WHERE id = 1');
DROP TABLE t;
TRUNCATE probes;

SET client_min_messages = warning;
DROP SCHEMA rules CASCADE;
