--
-- Rules: own writes, owners, wrong use, and what a query hides
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
-- Own writes, by whatever means, and REPEATABLE READ
--
CREATE TABLE t (id int PRIMARY KEY, v int);
INSERT INTO t VALUES (1, 1), (2, 2), (3, 3);
SELECT cache_attach('t', key => 't:{id}');
CREATE FUNCTION get(i int) RETURNS text LANGUAGE sql AS $$
	SELECT cache_fetch_row('t:' || i, 'SELECT v FROM rules.t WHERE id = $1', (i))::text
$$;
CREATE TABLE seen (what text);
CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO rules.seen VALUES (NEW.id || ': ' || rules.get(NEW.id));
	RETURN NULL;
END $$;
CREATE TRIGGER before_ours AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION look();
SELECT get(1), get(2);
-- a trigger that runs before ours
UPDATE t SET v = v + 10;
SELECT * FROM seen ORDER BY what;
DROP TRIGGER before_ours ON t;
SELECT get(1), get(2);
BEGIN;
UPDATE t SET v = 100 WHERE id = 1;
SELECT get(1), get(2);
ROLLBACK;
SELECT get(1), get(2);
BEGIN;
ALTER TABLE t ALTER v TYPE int USING v + 1000;
SELECT get(1);
ROLLBACK;
SELECT rule FROM cache_rules WHERE rel = 't'::regclass \gset
BEGIN;
ALTER TABLE t DISABLE TRIGGER :rule;
UPDATE t SET v = 2000 WHERE id = 1;
SELECT get(1);
ROLLBACK;
BEGIN;
SELECT cache_detach('t');
UPDATE t SET v = 3000 WHERE id = 1;
SELECT get(1);
ROLLBACK;
BEGIN;
TRUNCATE t;
SELECT get(1);
ROLLBACK;
SELECT get(1), get(2);
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT get(1), get(3);
UPDATE t SET v = 4000 WHERE id = 1;
SELECT get(1), get(3);
ROLLBACK;
SELECT get(1), get(3);
DROP TABLE t;
DROP FUNCTION look();

--
-- An owner who is not superuser
--
CREATE ROLE regress_cf_owner;
GRANT ALL ON SCHEMA rules TO regress_cf_owner;
CREATE TABLE of_another (id int);
SET ROLE regress_cf_owner;
CREATE TABLE mine (id int PRIMARY KEY, v int);
SELECT cache_attach('mine', key => 'mine:{id}');
SELECT * FROM cache_rules;
RESET ROLE;
GRANT EXECUTE ON FUNCTION cache_attach, cache_detach, cache_invalidate_row, cache_invalidate_statement TO regress_cf_owner;
SET ROLE regress_cf_owner;
SELECT cache_attach('mine', key => 'mine:{id}');
INSERT INTO mine VALUES (1, 1);
SELECT cache_fetch_row('mine:1', 'SELECT v FROM mine WHERE id = 1');
UPDATE mine SET v = 2;
SELECT cache_fetch_row('mine:1', 'SELECT v FROM mine WHERE id = 1');
SELECT cache_attach('of_another', key => 'x:{id}');
SELECT cache_detach('of_another');
SELECT cache_detach('mine');
RESET ROLE;
REVOKE EXECUTE ON FUNCTION cache_attach, cache_detach, cache_invalidate_row, cache_invalidate_statement FROM regress_cf_owner;
DROP TABLE mine, of_another;
REVOKE ALL ON SCHEMA rules FROM regress_cf_owner;
DROP ROLE regress_cf_owner;

--
-- Wrong use
--
CREATE TABLE t (id int, v int);
CREATE VIEW v AS SELECT * FROM t;
CREATE MATERIALIZED VIEW mv AS SELECT * FROM t;
CREATE SEQUENCE seq;
CREATE TEMP TABLE tmp (id int);
CREATE FOREIGN DATA WRAPPER regress_cf_fdw;
CREATE SERVER regress_cf_server FOREIGN DATA WRAPPER regress_cf_fdw;
CREATE FOREIGN TABLE ft (id int) SERVER regress_cf_server;
SELECT cache_attach(NULL);
SELECT cache_attach('v', key => 'x:{id}');
SELECT cache_attach('mv', rows => '{}');
SELECT cache_attach('seq', rows => '{}');
SELECT cache_attach('tmp', rows => '{}');
SELECT cache_attach('ft', rows => '{}');
SELECT cache_attach('pg_class', key => 'x:{oid}');
SELECT cache_attach('t', key => 'x:{nothing}');
SELECT cache_attach('t', key => 'x:{ctid}');
SELECT cache_attach('t', tags => ARRAY['x:{nothing}']);
SELECT cache_attach('t', key => '');
SELECT cache_attach('t', key => 'x:{id');
SELECT cache_attach('t', key => 'x:id}');
SELECT cache_attach('t', key => 'x:{}');
SELECT cache_attach('t', tags => '{}');
SELECT cache_attach('t', tags => '{NULL}');
SELECT cache_attach('t', tags => array_fill('x:{id}'::text, ARRAY[17]));
SELECT cache_attach('t', columns => '{id}');
SELECT cache_attach('t', key => 'x:{id}', columns => '{nothing}');
SELECT cache_attach('t', key => 'x:{id}', mode => 'through');
SELECT cache_attach('t', key => 'x:{id}', mode => NULL);
SELECT cache_detach(NULL);
SELECT cache_invalidate_row();
SELECT cache_invalidate_statement();
CREATE TRIGGER b BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION cache_invalidate_row('key', 'x');
INSERT INTO t VALUES (1, 1);
DROP TRIGGER b ON t;
CREATE TRIGGER b AFTER INSERT ON t FOR EACH STATEMENT EXECUTE FUNCTION cache_invalidate_row('key', 'x');
INSERT INTO t VALUES (1, 1);
DROP TRIGGER b ON t;
CREATE TRIGGER b INSTEAD OF INSERT ON v FOR EACH ROW EXECUTE FUNCTION cache_invalidate_row('key', 'x');
INSERT INTO v VALUES (1, 1);
DROP TRIGGER b ON v;
-- arguments that cannot be read: the write goes on, the whole table is dropped
CREATE TRIGGER b AFTER INSERT OR UPDATE OR DELETE ON t
	FOR EACH ROW EXECUTE FUNCTION cache_invalidate_row('nonsense', 'x');
CREATE TRIGGER c AFTER INSERT OR UPDATE OR DELETE ON t
	FOR EACH ROW EXECUTE FUNCTION cache_invalidate_row('key');
CREATE TRIGGER d AFTER INSERT OR UPDATE OR DELETE ON t
	FOR EACH ROW EXECUTE FUNCTION cache_invalidate_row('key', 'x:{id', 'tag', 'y');
SELECT rule, problem FROM cache_rules ORDER BY rule;
INSERT INTO probes VALUES ('t', 'SELECT * FROM t');
SELECT warm();
INSERT INTO t VALUES (1, 1);
SELECT cold();
DROP TRIGGER b ON t; DROP TRIGGER c ON t; DROP TRIGGER d ON t;

--
-- What a query hides, and what cache_explain says of it
--
CREATE FUNCTION hidden() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM rules.t); END';
SELECT coverage('x', 'SELECT hidden()');
SELECT coverage('x', 'SELECT hidden(), * FROM t');
SELECT coverage('x', 'SELECT 1');
SELECT coverage('x', 'SELECT relname FROM pg_class');
SET client_min_messages = warning;
DROP FOREIGN DATA WRAPPER regress_cf_fdw CASCADE;
DROP SCHEMA rules CASCADE;
DROP TABLE tmp;
