--
-- A table that gets a new file: the order of what has no ORDER BY is another.
--
CREATE EXTENSION IF NOT EXISTS cachefront;
SET client_min_messages = warning;
SELECT cache_define('rw', jitter => 0, xfetch_beta => 0);
CREATE TABLE rw_t (id int, kind int, v int);
CREATE INDEX rw_up ON rw_t (v);
CREATE INDEX rw_down ON rw_t (v DESC);
INSERT INTO rw_t VALUES (1, 1, 2), (2, 1, 3), (3, 1, 1);
CREATE TABLE rw_other (v int);
CREATE TABLE rw_p (id int, v int) PARTITION BY LIST (id);
CREATE TABLE rw_p1 PARTITION OF rw_p FOR VALUES IN (1);
CREATE INDEX rw_p1_v ON rw_p1 (v DESC);
INSERT INTO rw_p VALUES (1, 1), (1, 2);
SELECT count(cache_attach(t, key => k)) FROM (VALUES ('rw_t'::regclass, 'rw:kind{kind}'),
	('rw_other', 'rw:other{v}'), ('rw_p', 'rw:p{id}')) _ (t, k);
-- by a row rule, by the table, another table, a parent
\set look 'SELECT (SELECT string_agg(substring(key FROM 4) || '' '' || state, '', '' ORDER BY key) FROM cache_entries WHERE key LIKE ''rw:%'' AND database = current_database()) AS entries, cache_fetch_row(''rw:kind1'', ''SELECT array_agg(v) AS v FROM rw_t WHERE kind = 1'')->''v'' AS kind, cache_fetch_row(''rw:all'', ''SELECT array_agg(id) AS v FROM rw_t'')->''v'' AS all, cache_fetch_row(''rw:other'', ''SELECT count(*) AS v FROM rw_other'')->''v'' AS other, cache_fetch_row(''rw:p1'', ''SELECT array_agg(v) AS v FROM rw_p WHERE id = 1'')->''v'' AS p;'
:look
CLUSTER rw_t USING rw_up;
:look
CLUSTER rw_t USING rw_down;
:look
BEGIN;
CLUSTER rw_t USING rw_up;
ROLLBACK;
:look
BEGIN;
SAVEPOINT a;
CLUSTER rw_t USING rw_up;
ROLLBACK TO a;
CLUSTER rw_p1 USING rw_p1_v;
COMMIT;
:look
-- all that were clustered before
CLUSTER;
:look
VACUUM FULL rw_t;
:look
VACUUM (FULL) rw_t, rw_p;
:look
-- neither changes the order
VACUUM rw_t;
VACUUM ANALYZE rw_t;
REINDEX TABLE rw_t;
CREATE TEMP TABLE rw_temp (a int);
CREATE INDEX rw_temp_a ON rw_temp (a);
CLUSTER rw_temp USING rw_temp_a;
VACUUM FULL rw_temp;
:look
DROP TABLE rw_t, rw_other, rw_p, rw_temp;
SELECT cache_drop('rw');
