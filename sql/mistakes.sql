-- Thirty mistakes, and what is said about each: what was done, and what to do.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cachefront;
CREATE SCHEMA regress_cf_mistakes;
SET search_path = regress_cf_mistakes, public;
CREATE TABLE t (id int PRIMARY KEY, name text);
INSERT INTO t VALUES (1, 'one'), (2, 'two');
CREATE FUNCTION writes() RETURNS int LANGUAGE plpgsql AS $$ BEGIN INSERT INTO t VALUES (3, 'three'); RETURN 1; END $$;
\set SHOW_CONTEXT never

-- arguments in each other's place
SELECT cache_fetch('SELECT * FROM t', 'rm:1');
SELECT cache_fetch('with x AS (SELECT 1) SELECT * FROM x', 'rm:1', 7);
SELECT cache_fetch('rm:1', 'SELECT * FROM t', '5 minutes');
SELECT cache_fetch('rm:1', 'SELECT * FROM t', interval '5 minutes');
SELECT cache_fetch('rm:1', 'SELECT * FROM t', '{tag}');
SELECT cache_fetch('rm:1', 'SELECT * FROM t', ARRAY['tag']);
SELECT cache_fetch('rm:1', 'SELECT * FROM t WHERE id = $1', ttl => '1 min');
-- values that are too few, too many, or of another kind
SELECT cache_fetch('rm:1', 'SELECT * FROM t WHERE id = $1');
SELECT cache_fetch('rm:1', 'SELECT * FROM t WHERE id = $1 AND name = $2', 1);
SELECT cache_fetch('rm:1', 'SELECT * FROM t WHERE id = $1', (1, 2));
SELECT cache_fetch('rm:1', 'SELECT * FROM t WHERE id BETWEEN $1 AND $2', ARRAY[1, 2]);
SELECT cache_fetch('rm:1', 'SELECT * FROM t WHERE id = $1 AND name = $2', '{1,one}');
SELECT cache_fetch('rm:1', 'SELECT * FROM t WHERE name = ANY ($1)', ARRAY['one', 'two']);
SELECT cache_fetch('rm:1', 'SELECT * FROM t WHERE id = $1', 'one');
SELECT cache_fetch('rm:1', 'SELECT * FROM t WHERE id = $1', t) FROM t WHERE id = 1;
-- nothing where something must be
SELECT cache_fetch('rm:' || NULL, 'SELECT * FROM t');
SELECT cache_fetch('rm:1', NULL);
SELECT cache_fetch('rm:1', '');
SELECT cache_fetch(repeat('rm:', 1000), 'SELECT 1');
-- what is no query
SELECT cache_fetch('rm:1', 'SELECT 1; SELECT 2');
SELECT cache_fetch('rm:1', 'UPDATE t SET name = ''x''');
SELECT cache_fetch('rm:1', 'WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone');
SELECT cache_fetch('rm:1', 'SELECT * FROM t FOR UPDATE');
SELECT cache_fetch('rm:1', 'SELECT writes()');
SELECT cache_fetch('rm:1', 'SELECT cache_set(''rm:2'', ''1'')');
-- column lists
SELECT * FROM cache_fetch_rows('rm:1', 'SELECT * FROM t') AS t(id int);
SELECT * FROM cache_fetch_rows('rm:1', 'SELECT * FROM t') AS t(id int, name text, more text);
SELECT * FROM cache_fetch_rows('rm:1', 'SELECT * FROM t') AS t(name text, id int);
SELECT * FROM cache_fetch_rows('rm:1', 'SELECT id, name, 1.5::numeric(5,2), 2 AS "Two" FROM t') AS t(id int, name text, price date, two int);
SELECT * FROM cache_fetch_rows('rm:1', 'SELECT FROM t') AS t(id int);
SELECT cache_fetch_rows('rm:1', 'SELECT * FROM t');
SELECT * FROM cache_fetch_rows('rm:1', 'SELECT ev_action FROM pg_rewrite') AS t(a pg_node_tree);
-- values
SELECT cache_set('rm:1', 'hello');
SELECT cache_set('rm:1', NULL);
SELECT cache_set('rm:1', '1', ttl => '0');
SELECT cache_set('rm:1', '1', tags => ARRAY['a', NULL]);
SELECT cache_delete(NULL);

SELECT count(*) FROM cache_entries WHERE key LIKE 'rm:%' AND database = current_database() AND state = 'fresh';
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 207;
DROP SCHEMA regress_cf_mistakes CASCADE;
