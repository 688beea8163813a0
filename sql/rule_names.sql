--
-- The names of rules: one's own in the whole database, because a partition
-- gets its parent's triggers under their names
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cachefront;
CREATE SCHEMA rule_names;
SET search_path = rule_names, public;
-- without notices of what NOTIFY would show
SET cachefront.notify = off;
RESET client_min_messages;
-- rules, and what each table has of them
CREATE FUNCTION show(OUT rel regclass, OUT key text, OUT tags text[], OUT own int, OUT names int)
RETURNS SETOF record LANGUAGE sql AS $$
	SELECT r.rel, r.key, r.tags,
		(SELECT count(*) FROM pg_trigger WHERE tgrelid = r.rel)::int,
		(SELECT count(*) FROM pg_trigger WHERE tgname = r.rule)::int
	FROM cache_rules r ORDER BY r.rel::text COLLATE "C", r.key, r.tags
$$;
CREATE FUNCTION twins() RETURNS SETOF name LANGUAGE sql AS $$
	SELECT tgname FROM pg_trigger WHERE tgparentid = 0 AND tgname LIKE 'cache_rule%'
	GROUP BY tgname HAVING count(*) > 1
$$;

-- a table with rules of its own becomes a partition of one with the same
CREATE TABLE p (id int, v int) PARTITION BY RANGE (id);
CREATE TABLE p1 (id int, v int);
CREATE TABLE p2 (id int, v int);
SELECT count(cache_attach(t, key => 'p:{id}')) FROM unnest('{p,p1,p2}'::regclass[]) t;
SELECT count(cache_attach(t, rows => '{}')) FROM unnest('{p,p1,p2}'::regclass[]) t;
SELECT count(cache_attach(t, tags => ARRAY['v:{v}'])) FROM unnest('{p,p1,p2}'::regclass[]) t;
SELECT twins();
ALTER TABLE p ATTACH PARTITION p1 FOR VALUES FROM (0) TO (10);
ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (10) TO (20);
SELECT * FROM show();
INSERT INTO p VALUES (1, 1), (11, 1);
SELECT cache_fetch('p:1', 'SELECT v FROM p WHERE id = 1');
UPDATE p1 SET v = 2;
SELECT cache_fetch('p:1', 'SELECT v FROM p WHERE id = 1');
-- found by their templates: the partition's own, then the parent's
SELECT cache_detach('p1', key => 'p:{id}');
SELECT cache_detach('p1', key => 'p:{id}');
SELECT cache_detach('p');
SELECT * FROM show();
UPDATE p2 SET v = 2;
SELECT cache_detach('p1'), cache_detach('p2');
SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'cache_rule%';

-- a rule on a parent over partitions with the same
SELECT count(cache_attach(t, key => 'p:{id}')) FROM unnest('{p1,p2}'::regclass[]) t;
SELECT count(cache_attach('p', key => 'p:{id}'));
SELECT * FROM show();
-- a partition goes its own way again, and back
ALTER TABLE p DETACH PARTITION p1;
SELECT * FROM show();
ALTER TABLE p ATTACH PARTITION p1 FOR VALUES FROM (0) TO (10);
-- a partition of a partition, with a rule on each level
CREATE TABLE p3 (id int, v int) PARTITION BY RANGE (id);
CREATE TABLE p31 (id int, v int);
SELECT count(cache_attach(t, key => 'p:{id}')) FROM unnest('{p3,p31}'::regclass[]) t;
ALTER TABLE p3 ATTACH PARTITION p31 FOR VALUES FROM (20) TO (25);
ALTER TABLE p ATTACH PARTITION p3 FOR VALUES FROM (20) TO (30);
SELECT * FROM show();
SELECT twins();
DROP TABLE p;

-- a table that got another's name
CREATE TABLE t (id int, v int);
SELECT count(cache_attach('t', key => 't:{id}'));
ALTER TABLE t RENAME TO t_old;
CREATE TABLE t (id int, v int) PARTITION BY RANGE (id);
SELECT count(cache_attach('t', key => 't:{id}'));
ALTER TABLE t ATTACH PARTITION t_old DEFAULT;
SELECT twins();
-- what a rule's trigger is named by now does not matter
SELECT rule FROM cache_rules WHERE rel = 't_old'::regclass \gset
ALTER TRIGGER :rule ON t_old RENAME TO mine;
SELECT cache_detach('t_old', key => 't:{id}');
SELECT count(*) FROM pg_trigger WHERE tgrelid = 't_old'::regclass AND tgparentid = 0;
DROP TABLE t;
-- the same name in another schema; long names; inheritance
CREATE SCHEMA "rule names";
CREATE TABLE "rule names".t (id int);
CREATE TABLE t (id int);
SELECT repeat('n', 63) AS long \gset
CREATE TABLE :long (id int);
CREATE TABLE kid (w int) INHERITS (t);
SELECT count(cache_attach(r, tags => ARRAY['a:{id}', 'b:{id}']))
FROM unnest(ARRAY['"rule names".t', 't', :'long']::regclass[]) r;
SELECT twins();
SELECT cache_detach(r, tags => ARRAY['a:{id}', 'b:{id}'])
FROM unnest(ARRAY['"rule names".t', 't', :'long']::regclass[]) r;
SELECT count(*) FROM cache_rules;
-- somebody else's trigger has the name, or that of a trigger that stands by it
SELECT cache_attach('t', rows => '{}') AS rule \gset
SELECT cache_detach('t');
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
SELECT :'rule' || '_truncate' AS taken \gset
CREATE TRIGGER :taken AFTER INSERT ON kid FOR EACH ROW EXECUTE FUNCTION nothing();
SELECT cache_attach('t', rows => '{}') <> :'rule' AS another;
SELECT twins();
-- of a table dropped and made again it is the same: a dump finds it free
SELECT string_agg(rule, ' ' ORDER BY rule) AS before FROM cache_rules \gset
DROP TABLE t CASCADE;
CREATE TABLE t (id int);
CREATE TABLE kid (w int) INHERITS (t);
CREATE TRIGGER :taken AFTER INSERT ON kid FOR EACH ROW EXECUTE FUNCTION nothing();
SELECT count(cache_attach('t', rows => '{}'));
SELECT string_agg(rule, ' ' ORDER BY rule) = :'before' AS same FROM cache_rules;
SELECT cache_detach('t');

--
-- Templates that name no column
--
SELECT cache_attach('t', key => 'id');
SELECT cache_attach('t', key => 't:id');
SELECT cache_attach('t', key => 't:{{id}}');
SELECT cache_attach('t', key => 't:{id}', tags => ARRAY['all']);
SELECT cache_detach('t', tags => ARRAY['all']);
-- made by hand it does what it says
CREATE TRIGGER by_hand AFTER INSERT OR UPDATE OR DELETE ON t
	FOR EACH ROW EXECUTE FUNCTION cache_invalidate_row('tag', 'all');
SELECT rule, problem FROM cache_rules;

SET client_min_messages = warning;
DROP SCHEMA rule_names, "rule names" CASCADE;
