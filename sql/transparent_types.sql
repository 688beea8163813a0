-- Plain SELECTs that are served from the cache, while what they are made of changes
-- between their executions: types, configurations, views, rights. Each answer is what
-- it is without.

SET client_min_messages = warning;
CREATE TABLE tx (id int PRIMARY KEY, v text);
INSERT INTO tx SELECT g, 'v' || g FROM generate_series(1, 10) g;
SET cachefront.transparent_min_saving = 0;
SET cachefront.transparent = auto;

-- An enum.
CREATE TYPE tx_enum AS ENUM ('a', 'b');
CREATE TABLE tx_e (id int, e tx_enum);
INSERT INTO tx_e VALUES (1, 'a'), (2, 'b');
SELECT e FROM tx_e WHERE id = 1;
SELECT e FROM tx_e WHERE id = 1;
SELECT e FROM tx_e WHERE id = 1;
ALTER TYPE tx_enum RENAME VALUE 'a' TO 'aa';
SELECT e FROM tx_e WHERE id = 1;
SELECT e FROM tx_e WHERE id = 1;
SELECT e, e < 'b' FROM tx_e ORDER BY e;
SELECT e, e < 'b' FROM tx_e ORDER BY e;
ALTER TYPE tx_enum ADD VALUE 'c' BEFORE 'aa';
INSERT INTO tx_e VALUES (3, 'c');
SELECT e, e < 'b' FROM tx_e ORDER BY e;

-- A composite type and a domain, by a plan that is kept, too.
CREATE TYPE tx_row AS (p int, q text);
CREATE DOMAIN tx_domain AS int;
CREATE TABLE tx_c (id int, c tx_row, d tx_domain);
INSERT INTO tx_c VALUES (1, (1, 'q'), 3);
PREPARE tx_cd AS SELECT c, d FROM tx_c WHERE id = 1;
EXECUTE tx_cd;
EXECUTE tx_cd;
EXECUTE tx_cd;
SELECT row_to_json(c) FROM tx_c;
SELECT row_to_json(c) FROM tx_c;
ALTER TYPE tx_row ADD ATTRIBUTE r int;
EXECUTE tx_cd;
EXECUTE tx_cd;
SELECT row_to_json(c) FROM tx_c;
ALTER TYPE tx_row RENAME ATTRIBUTE q TO w;
SELECT row_to_json(c) FROM tx_c;
EXECUTE tx_cd;
SELECT id::tx_domain FROM tx WHERE id = 4;
SELECT id::tx_domain FROM tx WHERE id = 4;
SELECT id::tx_domain FROM tx WHERE id = 4;
ALTER DOMAIN tx_domain ADD CONSTRAINT small CHECK (value < 4);
SELECT id::tx_domain FROM tx WHERE id = 4;
ALTER DOMAIN tx_domain DROP CONSTRAINT small;
SELECT id::tx_domain FROM tx WHERE id = 4;

-- What text search is configured by is folded into plans that are kept.
CREATE TEXT SEARCH DICTIONARY tx_dictionary (template = simple, stopwords = english);
CREATE TEXT SEARCH CONFIGURATION tx_config (copy = simple);
CREATE TABLE tx_t (t text);
INSERT INTO tx_t VALUES ('the cat'), ('a dog');
PREPARE tx_words AS SELECT to_tsvector('tx_config', t), to_tsquery('tx_config', 'the | cat') FROM tx_t ORDER BY t;
EXECUTE tx_words;
EXECUTE tx_words;
EXECUTE tx_words;
ALTER TEXT SEARCH CONFIGURATION tx_config ALTER MAPPING FOR asciiword WITH tx_dictionary;
EXECUTE tx_words;
SELECT to_tsvector('tx_config', t), to_tsquery('tx_config', 'the | cat') FROM tx_t ORDER BY t;
EXECUTE tx_words;
SELECT to_tsvector('tx_config', t), to_tsquery('tx_config', 'the | cat') FROM tx_t ORDER BY t;
ALTER TEXT SEARCH CONFIGURATION tx_config RENAME TO tx_other;
CREATE TEXT SEARCH CONFIGURATION tx_config (copy = english);
EXECUTE tx_words;
SELECT to_tsvector('tx_config', t), to_tsquery('tx_config', 'the | cat') FROM tx_t ORDER BY t;

-- A materialized view that is emptied.
CREATE MATERIALIZED VIEW tx_m AS SELECT count(*) FROM tx;
PREPARE tx_matview AS SELECT * FROM tx_m;
EXECUTE tx_matview;
EXECUTE tx_matview;
EXECUTE tx_matview;
SELECT count FROM tx_m;
SELECT count FROM tx_m;
REFRESH MATERIALIZED VIEW tx_m WITH NO DATA;
EXECUTE tx_matview;
SELECT count FROM tx_m;
REFRESH MATERIALIZED VIEW tx_m;
EXECUTE tx_matview;
SELECT count FROM tx_m;

-- A temporary table that comes in a function.
CREATE TABLE tx_s (a int);
INSERT INTO tx_s VALUES (1);
CREATE FUNCTION tx_sum() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT sum(a) FROM tx_s); END';
CREATE FUNCTION tx_sums() RETURNS SETOF bigint LANGUAGE plpgsql AS 'BEGIN RETURN QUERY SELECT sum(a) FROM tx_s; END';
SELECT tx_sum(), tx_sums();
SELECT tx_sum(), tx_sums();
SELECT tx_sum(), tx_sums();
CREATE TEMP TABLE tx_s (a int);
INSERT INTO pg_temp.tx_s VALUES (77);
SELECT tx_sum(), tx_sums();
DROP TABLE pg_temp.tx_s;
SELECT tx_sum(), tx_sums();

-- Whole rows, and columns that go.
SELECT tx FROM tx WHERE id = 2;
SELECT tx FROM tx WHERE id = 2;
SELECT tx.*::text FROM tx WHERE id = 2;
SELECT tx.*::text FROM tx WHERE id = 2;
ALTER TABLE tx ADD w int DEFAULT 9;
SELECT tx FROM tx WHERE id = 2;
SELECT tx.*::text FROM tx WHERE id = 2;
ALTER TABLE tx DROP w;
SELECT tx FROM tx WHERE id = 2;
SELECT tx.*::text FROM tx WHERE id = 2;

-- Rights of a view's caller and owner, of columns and of functions, in plans that are kept.
CREATE ROLE regress_tx_a;
CREATE ROLE regress_tx_b;
CREATE VIEW tx_owner AS SELECT id, v FROM tx;
CREATE VIEW tx_caller AS SELECT id, v FROM tx;
DO $$
BEGIN
	IF current_setting('server_version_num')::int >= 150000 THEN
		ALTER VIEW tx_caller SET (security_invoker);
	END IF;
END $$;
GRANT SELECT ON tx_owner, tx_caller TO regress_tx_a, regress_tx_b;
GRANT SELECT (id, v) ON tx TO regress_tx_a;
PREPARE tx_pc AS SELECT v FROM tx_caller WHERE id = 3;
PREPARE tx_po AS SELECT v FROM tx_owner WHERE id = 3;
PREPARE tx_pt AS SELECT v FROM tx WHERE id = 3;
PREPARE tx_pf AS SELECT length(v) FROM tx WHERE id = 3;
SET ROLE regress_tx_a;
EXECUTE tx_pc; EXECUTE tx_pc; EXECUTE tx_pc;
EXECUTE tx_po; EXECUTE tx_po; EXECUTE tx_po;
EXECUTE tx_pt; EXECUTE tx_pt; EXECUTE tx_pt;
EXECUTE tx_pf; EXECUTE tx_pf; EXECUTE tx_pf;
SET ROLE regress_tx_b;
EXECUTE tx_pc;
EXECUTE tx_po;
EXECUTE tx_pt;
RESET ROLE;
REVOKE EXECUTE ON FUNCTION length(text) FROM public;
SET ROLE regress_tx_a;
EXECUTE tx_pf;
SELECT length(v) FROM tx WHERE id = 3;
RESET ROLE;
GRANT EXECUTE ON FUNCTION length(text) TO public;
REVOKE SELECT (v) ON tx FROM regress_tx_a;
SET ROLE regress_tx_a;
EXECUTE tx_pc;
EXECUTE tx_po;
EXECUTE tx_pt;
SELECT id FROM tx WHERE id = 3;
RESET ROLE;
ALTER VIEW tx_caller RESET (security_invoker);
SET ROLE regress_tx_b;
EXECUTE tx_pc;
RESET ROLE;

-- Row security in a plan that is kept, of one role and another.
ALTER TABLE tx ENABLE ROW LEVEL SECURITY;
CREATE POLICY tx_policy_a ON tx TO regress_tx_a USING (id < 3);
CREATE POLICY tx_policy_b ON tx TO regress_tx_b USING (id > 8);
GRANT SELECT ON tx TO regress_tx_a, regress_tx_b;
PREPARE tx_rows AS SELECT count(*), min(id) FROM tx;
EXECUTE tx_rows; EXECUTE tx_rows; EXECUTE tx_rows;
SET ROLE regress_tx_a;
EXECUTE tx_rows; EXECUTE tx_rows;
SET ROLE regress_tx_b;
EXECUTE tx_rows; EXECUTE tx_rows;
RESET ROLE;
EXECUTE tx_rows;
SELECT cache_define('tx_shared', scope => 'shared');
SET ROLE regress_tx_a;
/* cache name=tx_shared */ SELECT count(*), min(id) FROM tx;
/* cache name=tx_shared */ SELECT count(*), min(id) FROM tx;
SET ROLE regress_tx_b;
/* cache name=tx_shared */ SELECT count(*), min(id) FROM tx;
/* cache name=tx_shared */ SELECT count(*), min(id) FROM tx;
RESET ROLE;
/* cache name=tx_shared */ SELECT count(*), min(id) FROM tx;

RESET cachefront.transparent;
DEALLOCATE ALL;
SELECT cache_drop('tx_shared');
DROP TABLE tx, tx_e, tx_c, tx_t, tx_s CASCADE;
DROP TYPE tx_enum, tx_row, tx_domain;
DROP TEXT SEARCH CONFIGURATION tx_config, tx_other;
DROP TEXT SEARCH DICTIONARY tx_dictionary;
DROP FUNCTION tx_sum, tx_sums;
DROP ROLE regress_tx_a, regress_tx_b;
