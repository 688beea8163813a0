-- Named loaders: cache_define with a query, cache_alter, cache_read and its family,
-- cache_key, cache_check, cache_warm.
-- server: without tracking
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cachefront;
CREATE SCHEMA regress_cf_loaders;
SET search_path = regress_cf_loaders, public;
CREATE TABLE product (id int PRIMARY KEY, name text, added timestamptz);
INSERT INTO product VALUES (1, 'one', '2024-01-01 12:00+00'), (2, NULL, NULL);
SELECT cache_attach('product', rows => '{}') IS NULL AS none;
CREATE FUNCTION hits(wanted text) RETURNS bigint LANGUAGE sql AS
$$ SELECT l1_hits FROM cache_stats WHERE cache = wanted $$;

--
-- From the definition to a hit
--
SELECT cache_define('rlp', query => 'SELECT id, name, added FROM product WHERE id = $1', arg_types => '{int}');
SELECT query, arg_types, version, search_path FROM cache_definitions WHERE name = 'rlp';
SELECT cache_key('rlp', 1) AS key \gset
SELECT :'key' ~ '^rlp:v[0-9a-f]{8}:1$' AS key;
SELECT cache_read('rlp', 1);
SELECT hits('rlp') AS before \gset
SELECT cache_read('rlp', 1);
SELECT hits('rlp') - :before AS hits;
SELECT key = :'key' AS key, cache FROM cache_entries WHERE cache = 'rlp';
UPDATE product SET name = 'uno' WHERE id = 1;
SELECT cache_read('rlp', 1);
SELECT cache_read_row('rlp', 2), cache_read_row('rlp', 3) IS NULL AS none, cache_read('rlp', 3);
SELECT * FROM cache_read_rows('rlp', 1) AS t(id int, name text, added timestamptz) WHERE added = '2024-01-01 12:00+00';

-- Loads in the background are of values that are the same for whoever loads them.
SELECT cache_define('rla', query => 'SELECT 1 AS n', refresh_after => '30 s');
SELECT cache_define('rla', scope => 'shared', refresh_after => '30 s');
SELECT cache_define('rla', query => 'SELECT 1 AS n', scope => 'shared', refresh_after => '-1 s');
SELECT cache_define('rla', query => 'SELECT 1 AS n', scope => 'shared', refresh_after => '30 s');
SELECT cache_alter('rla', scope => 'role');
SELECT refresh_after, scope FROM cache_definitions WHERE name = 'rla';

--
-- Whatever the driver sends
--
SELECT cache_read_row('rlp', '1') ->> 'name' AS literal, cache_read_row('rlp', 1::bigint) ->> 'name' AS "bigint",
	cache_read_row('rlp', '1'::varchar) ->> 'name' AS "varchar", cache_read_row('rlp', VARIADIC ARRAY['1']) ->> 'name' AS list;
PREPARE untyped AS SELECT cache_read_row('rlp', $1) ->> 'name' AS name;
EXECUTE untyped(1);
DEALLOCATE untyped;
SELECT count(*) FROM cache_entries WHERE key = :'key' AND form = 'json';
SELECT cache_define('rlc', query => 'SELECT count(*) AS n FROM product');
SELECT cache_read('rlc'), cache_read_row('rlc', VARIADIC '{}'::text[]), cache_key('rlc') ~ '^rlc:v[0-9a-f]{8}:$' AS key;
SELECT * FROM cache_read_rows('rlc') AS t(n bigint);

--
-- One entry and one key, whatever the session has set
--
SELECT hits('rlp') AS before \gset
SET timezone = 'Asia/Tokyo';
SET datestyle = 'German';
SET extra_float_digits = 0;
SET search_path = pg_catalog, public;
SELECT cache_read('rlp', 1), cache_key('rlp', 1) = :'key' AS key;
SHOW timezone;
SET search_path = regress_cf_loaders, public;
SELECT hits('rlp') - :before AS hits;
SELECT cache_define('rlt', query => 'SELECT $1 AS t, $2 AS i, $3 AS b', arg_types => '{timestamptz,interval,bytea}', version => 'none');
SELECT cache_key('rlt', '2024-01-01 12:00+00'::timestamptz, interval '1 day', '\x00ff'::bytea);
RESET timezone;
RESET datestyle;
SET intervalstyle = iso_8601;
SET bytea_output = escape;
SELECT cache_key('rlt', '2024-01-01 12:00+00'::timestamptz, interval '1 day', '\x00ff'::bytea);
SELECT cache_key('rlt', '2024-01-01 12:00', '1 day', '\x00ff');
RESET intervalstyle;
RESET bytea_output;
RESET extra_float_digits;

--
-- Keys are injective
--
SELECT cache_define('rlk', query => 'SELECT $1 AS a, $2 AS b', arg_types => '{text,text}', version => '2024-01.a_b');
SELECT cache_key('rlk', a, b) FROM (VALUES ('a:b', 'c'), ('a', 'b:c'), ('', NULL), (NULL, ''), ('%N', '%'), (E'a\nb', E'\x7f')) v(a, b);
SELECT cache_key('rlk', repeat('x', 512), '') = 'rlk:v2024-01.a_b:' || repeat('x', 512) || ':' AS whole;
SELECT cache_key('rlk', repeat('x', 513), 'y') ~ '^rlk:v2024-01.a_b:%H[0-9a-f]{32}:y$' AS hashed;
SELECT cache_key('rlk', repeat('x', 512), repeat('y', 512)) ~ '^rlk:v2024-01.a_b:%A[0-9a-f]{32}$' AS together;
SELECT length(cache_read_row('rlk', repeat('x', 100000), '') ->> 'a');
SELECT cache_read_row('rlk', NULL, '');

--
-- Versions
--
SELECT cache_define('rlw', query => 'SELECT p FROM product p WHERE id = $1', arg_types => '{int}'),
	cache_define('rlj', query => 'SELECT json_build_object(''x'', id) FROM product WHERE id = $1', arg_types => '{int}');
SELECT cache_key('rlp', 1) AS p, cache_key('rlw', 1) AS w, cache_key('rlj', 1) AS j \gset
SELECT cache_read('rlw', 1);
ALTER TABLE product ADD COLUMN price numeric(10, 2) DEFAULT 1;
SELECT cache_key('rlp', 1) = :'p' AS same, cache_key('rlw', 1) <> :'w' AS row_changed, cache_read('rlw', 1);
ALTER TABLE product ALTER COLUMN name TYPE varchar(20);
SELECT cache_key('rlp', 1) <> :'p' AS type_changed;
SELECT cache_alter('rlj', query => 'SELECT json_build_object(''y'', id) FROM product WHERE id = $1');
SELECT cache_key('rlj', 1) <> :'j' AS json_changed;
SELECT cache_alter('rlk', query => 'SELECT $2 AS a, $1 AS b');
SELECT cache_define('rlk', query => 'SELECT $1 AS a', arg_types => '{text}', version => '2024-01.a_b');
SELECT cache_alter('rlk', query => 'SELECT $2 AS a, $1 AS b', version => '2');
SELECT cache_key('rlk', 'a', 'b'), cache_read_row('rlk', 'a', 'b');
-- A value more of an enum, or another name for one, is the same shape.
CREATE TYPE mood AS ENUM ('good');
CREATE TABLE moods (id int PRIMARY KEY, m mood);
SELECT cache_define('rle', query => 'SELECT m FROM moods WHERE id = $1', arg_types => '{int}');
SELECT cache_key('rle', 1) AS e \gset
ALTER TYPE mood ADD VALUE 'bad';
INSERT INTO moods VALUES (1, 'bad');
SELECT cache_key('rle', 1) = :'e' AS same, cache_read('rle', 1);
ALTER TYPE mood RENAME VALUE 'bad' TO 'worse';
SELECT cache_key('rle', 1) = :'e' AS same, cache_read('rle', 1);

--
-- cache_alter: what is not named stays
--
SELECT cache_alter('rlk', ttl => '1 hour', jitter => 0.5);
SELECT cache_alter('rlk', ttl => '2 hours', scope => 'shared');
SELECT ttl, jitter, scope, query, arg_types, version FROM cache_definitions WHERE name = 'rlk';
SELECT cache_alter('rl_nobody', ttl => '1 hour');
SELECT cache_alter('rlk', ttl => '-1 s');

--
-- Settings are those of the cache, whatever its keys look like
--
SELECT cache_define('rla', query => 'SELECT $1 || $2 AS v', arg_types => '{text,text}', version => 'b');
SELECT cache_define('rla:vb', scope => 'shared', ttl => '1 day');
SELECT cache_read('rla', 'c', 'd');
SELECT cache, scope FROM (SELECT cache, CASE WHEN role IS NULL THEN 'shared' ELSE 'role' END AS scope
	FROM cache_entries WHERE key = 'rla:vb:c:d') e;
SELECT cache_drop('rla:vb');

--
-- Mistakes
--
SELECT cache_read('rl_nobody', 1);
SELECT cache_define('rls');
SELECT cache_read('rls', 1);
SELECT cache_read(NULL, 1);
SELECT cache_read('rlp');
SELECT cache_read('rlp', 1, 2);
SELECT cache_read('rlp', now());
SELECT cache_read('rlp', 'x');
SELECT cache_read('rlp', VARIADIC NULL::text[]);
SELECT cache_read('rlp', 3000000000);
SELECT cache_define('rl:x', query => 'SELECT 1');
SELECT cache_define('rlx', query => 'SELEC 1');
SELECT cache_define('rlx', query => 'SELECT 1; SELECT 2');
SELECT cache_define('rlx', query => 'DELETE FROM product');
SELECT cache_define('rlx', query => 'SELECT * FROM product FOR UPDATE');
SELECT cache_define('rlx', query => 'SELECT * FROM nothing');
SELECT cache_define('rlx', query => 'SELECT 1 / 0');
SELECT cache_define('rlx', query => 'SELECT $1::int, $2::int', arg_types => '{int}');
SELECT cache_define('rlx', query => 'SELECT $1::int', arg_types => '{int,text}');
SELECT cache_define('rlx', query => 'SELECT $1', arg_types => '{anyelement}');
SELECT cache_define('rlx', query => 'SELECT $1', arg_types => '{nothing}');
SELECT cache_define('rlx', query => 'SELECT $1', arg_types => '{NULL}');
SELECT cache_define('rlx', query => 'SELECT 1', version => 'a:b');
SELECT cache_define('rlx', query => 'SELECT 1', version => '');
SELECT cache_define('rlx', version => '1');
SELECT cache_read_rows('rlp', 1);
SELECT * FROM cache_read_rows('rlp', 1) AS t(id int);
SELECT count(*) FROM cache_definitions WHERE name = 'rlx';

--
-- Warming
--
SELECT cache_define('rlh', query => 'SELECT id, 6 / (id - 2) AS v FROM product WHERE id = $1', arg_types => '{int}');
SELECT cache_define('rlo', query => 'SELECT count(*) FROM product', scope => 'shared');
SELECT * FROM cache_warm('rlo');
SELECT * FROM cache_warm('rlh', 'SELECT i FROM generate_series(1, 250) i');
SELECT count(*) FROM cache_entries WHERE cache IN ('rlh', 'rlo');
SELECT hits('rlh') AS before \gset
SELECT cache_read('rlh', 1), cache_read('rlh', 200);
SELECT hits('rlh') - :before AS hits;
SET client_min_messages = notice;
SELECT * FROM cache_warm('rlh', 'SELECT 2');
SELECT * FROM cache_warm('rlh', 'SELECT ''many''');
SELECT * FROM cache_warm('rlh', 'SELECT 1, 2');
SELECT * FROM cache_warm('rlh', 'SELECT 1 WHERE false');
SELECT * FROM cache_warm('rlh', 'SELECT 1/0');
SELECT * FROM cache_warm('rlh', 'DELETE FROM product');
SELECT * FROM cache_warm('rlh', 'SELECT 1; SELECT 2');
SELECT * FROM cache_warm('nobody');
SELECT * FROM cache_warm(NULL);
SET client_min_messages = warning;

--
-- Rights: the caller's
--
CREATE ROLE regress_cf_reader;
GRANT USAGE ON SCHEMA regress_cf_loaders TO regress_cf_reader;
SELECT cache_alter('rlp', scope => 'shared');
SELECT cache_read('rlp', 1);
SET ROLE regress_cf_reader;
SELECT cache_read('rlp', 1);
SELECT cache_alter('rlp', ttl => '1 hour');
SELECT * FROM cache_check();
RESET ROLE;
GRANT EXECUTE ON FUNCTION cache_alter(text, text, interval, interval, interval, float8, float8, text, interval, text,
	regtype[], text) TO regress_cf_reader;
SET ROLE regress_cf_reader;
SELECT cache_alter('rlp', ttl => '1 hour');
RESET ROLE;
REVOKE EXECUTE ON FUNCTION cache_alter(text, text, interval, interval, interval, float8, float8, text, interval, text,
	regtype[], text) FROM regress_cf_reader;

--
-- cache_check
--
SELECT * FROM cache_check() WHERE cache LIKE 'rl%';
-- what the planner runs is run as the owner, not as who asks
CREATE FUNCTION who() RETURNS text IMMUTABLE LANGUAGE plpgsql AS
$$ BEGIN IF current_setting('cf.tell', true) = 'on' THEN RAISE 'run by %', current_user; END IF; RETURN 'x'; END $$;
SELECT cache_define('rlo', query => 'SELECT who() AS who, $1 AS v', arg_types => '{int}');
UPDATE cache_definitions SET owner = 'regress_cf_reader' WHERE name = 'rlo';
SET cf.tell = on;
SELECT * FROM cache_check() WHERE cache LIKE 'rl%';
SELECT cache_alter('rlo', ttl => '1 hour');
SELECT cache_alter('rlo', arg_types => '{bigint}');
SELECT cache_alter('rlo', query => 'SELECT who() AS who, $1 + 1 AS v');
RESET cf.tell;
SELECT cache_alter('rlo', arg_types => '{bigint}');
SELECT current_user = session_user AS myself, cache_drop('rlo');
ALTER TABLE product DROP COLUMN added;
SELECT * FROM cache_check() WHERE cache LIKE 'rl%';
SELECT cache_read('rlp', 1);
SELECT cache_alter('rlp', query => 'SELECT id FROM product WHERE id = $1');

--
-- A role that is gone pauses its caches; who takes them over names what he takes
--
CREATE ROLE regress_cf_gone;
UPDATE cache_definitions SET owner = 'regress_cf_gone' WHERE name = 'rlp';
SELECT cache_read('rlp', 1);
SELECT count(*) AS entries FROM cache_entries WHERE cache = 'rlp' \gset
DROP ROLE regress_cf_gone;
SELECT * FROM cache_check() WHERE cache LIKE 'rl%';
SELECT hits('rlp') AS before \gset
SELECT cache_read('rlp', 1), cache_read('rlp', 2), cache_read_row('rlp', 1);
SELECT id FROM cache_read_rows('rlp', 1) AS t(id int);
SELECT hits('rlp') - :before AS hits, count(*) - :entries AS new_entries FROM cache_entries WHERE cache = 'rlp';
SELECT cache_alter('rlp', ttl => '1 hour');
SELECT cache_alter('rlp', arg_types => '{bigint}');
CREATE ROLE regress_cf_gone;
SELECT cache_read('rlp', 1);
SELECT hits('rlp') - :before AS hits;
DROP ROLE regress_cf_gone;
SELECT cache_alter('rlp', query => 'SELECT id FROM product WHERE id = $1');
SELECT owner = current_user AS mine FROM cache_definitions WHERE name = 'rlp';

SELECT count(cache_drop(name)) FROM cache_definitions WHERE name LIKE 'rl%';
SET client_min_messages = error;
DROP SCHEMA regress_cf_loaders CASCADE;
DROP ROLE regress_cf_reader;
