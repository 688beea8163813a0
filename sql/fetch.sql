-- cache_fetch, cache_fetch_row and cache_fetch_rows: what they return and when
-- they run their query.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cachefront;
CREATE SCHEMA regress_cf_fetch;
SET search_path = regress_cf_fetch, public;
SELECT cache_define('rf', jitter => 0, xfetch_beta => 0);

-- The counters of a cache that moved since the last call. It keeps what it saw
-- in a setting, as a write would change what is tested.
CREATE FUNCTION counted(name text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	seen json;
	before json;
	moved text;
BEGIN
	SELECT row_to_json(s) INTO seen FROM cache_stats s WHERE s.cache = name;
	before := coalesce(nullif(current_setting('cf_test.' || name, true), ''), '{}');
	SELECT string_agg(format('%s %s', key, value::bigint - coalesce(before ->> key, '0')::bigint),
					  ', ' ORDER BY ord)
	INTO moved
	FROM json_each_text(seen) WITH ORDINALITY AS e(key, value, ord)
	WHERE key <> 'cache' AND value <> coalesce(before ->> key, '0');
	PERFORM set_config('cf_test.' || name, seen::text, false);
	RETURN coalesce(moved, 'nothing');
END $$;
DO $$ BEGIN PERFORM counted('rf'); END $$;

CREATE TABLE products (id int PRIMARY KEY, category int, name text, price numeric(10,2));
INSERT INTO products VALUES
	(1, 1, 'apple', 0.50), (2, 1, 'pear', 0.75), (3, 2, 'hammer', 12.00),
	(42, 2, 'saw', 19.99), (43, 3, NULL, NULL);

--
-- The three functions, on a miss and on a hit
--
SELECT cache_fetch('rf:42', 'SELECT * FROM products WHERE id = $1', (42));
SELECT cache_fetch('rf:42', 'SELECT * FROM products WHERE id = $1', (42));
SELECT counted('rf');
-- the first row is a part of the same entry
SELECT cache_fetch_row('rf:42', 'SELECT * FROM products WHERE id = $1', (42));
SELECT counted('rf');
-- rows are an entry of their own
SELECT * FROM cache_fetch_rows('rf:42', 'SELECT * FROM products WHERE id = $1', (42))
	AS t(id int, category int, name text, price numeric);
SELECT * FROM cache_fetch_rows('rf:42', 'SELECT * FROM products WHERE id = $1', (42))
	AS t(id int, category int, name text, price numeric);
SELECT counted('rf');
SELECT key, cache, form, state, negative FROM cache_entries
	WHERE key = 'rf:42' ORDER BY form;

-- a change of the table is seen at once, with no rule attached; or it is invalidated by hand
UPDATE products SET name = 'fretsaw' WHERE id = 42;
SELECT cache_fetch_row('rf:42', 'SELECT * FROM products WHERE id = $1', (42)) ->> 'name';
SELECT cache_invalidate('rf:42');
SELECT cache_fetch_row('rf:42', 'SELECT * FROM products WHERE id = $1', (42)) ->> 'name';
SELECT name FROM cache_fetch_rows('rf:42', 'SELECT * FROM products WHERE id = $1', (42))
	AS t(id int, category int, name text, price numeric);
SELECT counted('rf');

-- first asked for by cache_fetch_row, the entry has all rows; the first is the query's
SELECT cache_fetch_row('rf:all', 'SELECT id, name FROM products ORDER BY id DESC');
SELECT cache_fetch('rf:all', 'SELECT id, name FROM products ORDER BY id DESC');
SELECT cache_fetch_row('rf:all', 'SELECT id, name FROM products ORDER BY id DESC');
SELECT counted('rf');
SELECT cache_fetch('rf:limit', 'SELECT id FROM products ORDER BY id LIMIT 2 OFFSET 1');
SELECT cache_fetch('rf:limit', 'SELECT id FROM products ORDER BY id LIMIT 2 OFFSET 1');
SELECT string_agg(id::text, ' ') FROM
	cache_fetch_rows('rf:order', 'SELECT id FROM products ORDER BY id DESC') AS t(id int);
SELECT string_agg(id::text, ' ') FROM
	cache_fetch_rows('rf:order', 'SELECT id FROM products ORDER BY id DESC') AS t(id int);
SELECT counted('rf');

-- no rows: an empty array, NULL, no rows; cached as negative
SELECT cache_fetch('rf:none', 'SELECT * FROM products WHERE id = $1', (-1)) AS all_rows,
	cache_fetch_row('rf:none', 'SELECT * FROM products WHERE id = $1', (-1)) IS NULL AS no_row;
SELECT cache_fetch('rf:none', 'SELECT * FROM products WHERE id = $1', (-1)) AS all_rows,
	cache_fetch_row('rf:none', 'SELECT * FROM products WHERE id = $1', (-1)) IS NULL AS no_row;
SELECT * FROM cache_fetch_rows('rf:none', 'SELECT id FROM products WHERE id = -1') AS t(id int);
SELECT * FROM cache_fetch_rows('rf:none', 'SELECT id FROM products WHERE id = -1') AS t(id int);
SELECT counted('rf');
SELECT form, negative FROM cache_entries WHERE key = 'rf:none' ORDER BY form;
-- one row of NULLs is a row, and so is a row without columns
SELECT cache_fetch_row('rf:null', 'SELECT NULL::int AS a, NULL::text AS b');
SELECT cache_fetch_row('rf:null', 'SELECT NULL::int AS a, NULL::text AS b');
SELECT a IS NULL AS a, b IS NULL AS b
	FROM cache_fetch_rows('rf:null', 'SELECT NULL::int AS a, NULL::text AS b') AS t(a int, b text);
SELECT cache_fetch('rf:nocolumns', 'SELECT FROM products WHERE id < 3');
SELECT cache_fetch('rf:nocolumns', 'SELECT FROM products WHERE id < 3');
SELECT counted('rf');

--
-- args in all forms
--
SELECT cache_fetch('rf:args', 'SELECT $1 AS a, pg_typeof($1) AS type', (42));
SELECT cache_fetch('rf:args', 'SELECT $1 AS a, pg_typeof($1) AS type', 42);
SELECT cache_fetch('rf:args', 'SELECT $1 AS a, pg_typeof($1) AS type', ROW(42));
SELECT counted('rf');
SELECT cache_fetch('rf:args', 'SELECT $1 AS a, pg_typeof($1) AS type', 42::bigint);
SELECT cache_fetch('rf:args', 'SELECT $1 AS a, pg_typeof($1) AS type', '42');
SELECT cache_fetch('rf:args', 'SELECT $1 AS a, pg_typeof($1) AS type', '42'::text);
SELECT cache_fetch('rf:args', 'SELECT $1 AS a, pg_typeof($1) AS type', ARRAY[4, 2]);
SELECT cache_fetch('rf:args', 'SELECT $1 AS a, pg_typeof($1) AS type', ROW(ARRAY[4, 2]));
SELECT cache_fetch('rf:args', 'SELECT $1 AS a, pg_typeof($1) AS type', NULL::int);
SELECT cache_fetch('rf:args', 'SELECT $1 AS a, pg_typeof($1) AS type', ROW(NULL::int));
SELECT cache_fetch('rf:args', 'SELECT $1 AS a, pg_typeof($1) AS type', ROW(NULL));
SELECT counted('rf');
SELECT cache_fetch('rf:args', 'SELECT $1 AS a, $2 AS b, pg_typeof($2) AS type', (42, 'x'));
SELECT cache_fetch('rf:args', 'SELECT $1 AS a, $2 AS b, pg_typeof($2) AS type', (42, 'x'::text));
SELECT cache_fetch('rf:args', 'SELECT $1 AS a, $2 AS b, pg_typeof($2) AS type', ROW(42, 'x'::varchar));
SELECT counted('rf');
-- none
SELECT cache_fetch('rf:args', 'SELECT 1 AS a');
SELECT cache_fetch('rf:args', 'SELECT 1 AS a', NULL);
SELECT cache_fetch('rf:args', 'SELECT 1 AS a', ROW());
SELECT cache_fetch('rf:args', 'SELECT 1 AS a', NULL::record);
SELECT counted('rf');
-- by name, in any order
SELECT cache_fetch(query => 'SELECT $1 AS a', key => 'rf:named', args => (7));
SELECT cache_fetch('rf:named', 'SELECT $1 AS a', args => ROW(7), tags => '{red}', ttl => '5 min');
SELECT cache_fetch('rf:named', query => 'SELECT 8 AS a', ttl => '1 hour');
-- a row of a table or of a composite type: its columns are the parameters
SELECT p.id, cache_fetch_row('rf:row', 'SELECT $1 AS id, $3 || $2 AS name, $4 AS price', p) AS row
	FROM products p ORDER BY id LIMIT 2;
CREATE TYPE pair AS (a int, b text);
SELECT cache_fetch_row('rf:row', 'SELECT $1 AS a, $2 AS b', (5, 'five')::pair);
SELECT cache_fetch_row('rf:row', 'SELECT ($1).b AS b', ROW((5, 'five')::pair));
-- dropped columns are none of them
CREATE TABLE dropped (a int, b int, c int);
INSERT INTO dropped VALUES (1, 2, 3);
ALTER TABLE dropped DROP COLUMN b;
SELECT cache_fetch_row('rf:row', 'SELECT $1 AS a, $2 AS c', d) FROM dropped d;
-- parameters need not come in order, and may be used often
SELECT cache_fetch_row('rf:row', 'SELECT $2 || $1 AS ba, $1 AS a', ('a'::text, 'b'::text));
-- in a prepared statement and from variables
PREPARE fetch_it(int, text) AS
	SELECT cache_fetch_row('rf:prep:' || $1, 'SELECT $1 AS a, $2 AS b', ($1, $2));
EXECUTE fetch_it(1, 'x');
EXECUTE fetch_it(1, 'y');
EXECUTE fetch_it(1, 'x');
DEALLOCATE fetch_it;
CREATE FUNCTION by_plpgsql(wanted int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result json;
	product record;
	names text := '';
BEGIN
	result := cache_fetch_row('rf:pl:' || wanted, 'SELECT name FROM products WHERE id = $1', (wanted));
	FOR product IN SELECT * FROM cache_fetch_rows('rf:pl', 'SELECT id, name FROM products WHERE id < $1', wanted)
			AS t(id int, name text)
	LOOP
		names := names || product.name || ' ';
	END LOOP;
	RETURN names || (result ->> 'name');
END $$;
SELECT by_plpgsql(3);
SELECT counted('rf');
SELECT by_plpgsql(3);
SELECT by_plpgsql(2);
SELECT counted('rf');
CREATE FUNCTION by_sql(wanted int) RETURNS SETOF products LANGUAGE sql AS $$
	SELECT * FROM cache_fetch_rows('rf:sql:' || wanted, 'SELECT * FROM products WHERE category = $1', (wanted))
		AS t(id int, category int, name text, price numeric(10,2));
$$;
SELECT * FROM by_sql(1) ORDER BY id;
SELECT * FROM by_sql(1) ORDER BY id;
SELECT counted('rf');

--
-- Kinds of queries
--
SELECT cache_fetch('rf:kind', 'VALUES (1, ''a''), (2, ''b'')');
SELECT cache_fetch('rf:kind', 'TABLE products ORDER BY id LIMIT 1');
SELECT cache_fetch('rf:kind', 'WITH c AS (SELECT max(id) AS m FROM products) SELECT m FROM c');
SELECT cache_fetch('rf:kind', 'WITH RECURSIVE c(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM c WHERE n < 3) SELECT n FROM c');
SELECT cache_fetch('rf:kind', 'SELECT 1 AS a UNION ALL SELECT 2');
SELECT cache_fetch('rf:kind', '(SELECT 1 AS a)');
SELECT cache_fetch('rf:kind', 'SELECT 1 AS a;');
SELECT cache_fetch('rf:kind', 'SELECT 1 AS a -- the end');
SELECT cache_fetch('rf:kind', E'-- it begins\n/* with ; */ SELECT ''a;b'' AS a /* and ends */ ;  ');
SELECT cache_fetch('rf:kind', 'SELECT 1 AS "A b", 2 AS "A b"');
SELECT cache_fetch('rf:kind', 'SELECT c.oid = 0 AS o FROM pg_class c WHERE relname = $1', 'pg_class'::name);
SELECT * FROM cache_fetch_rows('rf:kind', 'VALUES (1, ''a''), (2, NULL)') AS t(a int, b text);
SELECT * FROM cache_fetch_rows('rf:kind', 'TABLE products ORDER BY id LIMIT 1') AS t(a int, b int, c text, d numeric);
SELECT counted('rf');
-- what the query's text says in another way is another entry
SELECT cache_fetch('rf:kind', 'SELECT  1 AS a;');
SELECT counted('rf');
-- volatile functions run once
SELECT cache_fetch('rf:random', 'SELECT random(), clock_timestamp()')::text =
	cache_fetch('rf:random', 'SELECT random(), clock_timestamp()')::text AS same;
SELECT counted('rf');

--
-- cache_fetch_rows where a function in FROM may stand
--
CREATE VIEW cheap AS
	SELECT t.id, t.name FROM cache_fetch_rows('rf:cheap', 'SELECT id, name FROM products WHERE price < $1', (1))
		AS t(id int, name text);
SELECT * FROM cheap ORDER BY id;
SELECT * FROM cheap WHERE name LIKE 'p%';
SELECT counted('rf');
SELECT c.category, t.* FROM (SELECT DISTINCT category FROM products) c
	LEFT JOIN LATERAL cache_fetch_rows('rf:lateral:' || c.category,
		'SELECT id, name FROM products WHERE category = $1 AND name IS NOT NULL', (c.category)) AS t(id int, name text)
	ON true ORDER BY c.category, t.id;
SELECT counted('rf');
SELECT c.category, t.* FROM (SELECT DISTINCT category FROM products) c,
	LATERAL cache_fetch_rows('rf:lateral:' || c.category,
		'SELECT id, name FROM products WHERE category = $1 AND name IS NOT NULL', (c.category)) AS t(id int, name text)
	ORDER BY c.category, t.id;
SELECT counted('rf');
SELECT p.name, t.n FROM products p
	JOIN cache_fetch_rows('rf:count', 'SELECT category, count(*) FROM products GROUP BY 1') AS t(category int, n bigint)
	USING (category) WHERE p.id = 1;
SELECT * FROM ROWS FROM (
		cache_fetch_rows('rf:order', 'SELECT id FROM products ORDER BY id DESC') AS (id int),
		generate_series(1, 2)) WITH ORDINALITY AS t(id, g, o) LIMIT 3;
SELECT t FROM cache_fetch_rows('rf:whole', 'SELECT 1, ''x''') AS t(a int, b text);
SELECT (SELECT max(id) FROM cache_fetch_rows('rf:order', 'SELECT id FROM products ORDER BY id DESC') AS t(id int)) AS scalar;
SELECT id FROM products WHERE id IN
	(SELECT id FROM cache_fetch_rows('rf:cheap', 'SELECT id, name FROM products WHERE price < $1', (1)) AS t(id int, name text))
	ORDER BY id;
BEGIN;
DECLARE c SCROLL CURSOR FOR
	SELECT * FROM cache_fetch_rows('rf:order', 'SELECT id FROM products ORDER BY id DESC') AS t(id int);
FETCH 2 FROM c;
FETCH BACKWARD 1 FROM c;
FETCH ABSOLUTE 5 FROM c;
COMMIT;
SELECT counted('rf');
-- wider columns, by assignment: each list of columns is an entry of its own
SELECT pg_typeof(a), pg_typeof(b), pg_typeof(c), a, b, c
	FROM cache_fetch_rows('rf:wider', 'SELECT 1, ''x''::varchar, 2::int2') AS t(a bigint, b text, c numeric);
SELECT pg_typeof(a), pg_typeof(b), pg_typeof(c), a, b, c
	FROM cache_fetch_rows('rf:wider', 'SELECT 1, ''x''::varchar, 2::int2') AS t(a bigint, b text, c numeric);
SELECT pg_typeof(a), pg_typeof(b), pg_typeof(c), a, b, c
	FROM cache_fetch_rows('rf:wider', 'SELECT 1, ''x''::varchar, 2::int2') AS t(a text, b varchar, c float8);
SELECT * FROM cache_fetch_rows('rf:wider', 'SELECT 1.235, ''abc ''::text') AS t(a numeric(5,2), b char(6));
SELECT * FROM cache_fetch_rows('rf:wider', 'SELECT 1.235, ''abc ''::text') AS t(a numeric(5,1), b char(6));
SELECT counted('rf');

--
-- Every type comes back as the query gives it
--
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE nested AS (p pair, ps pair[], m mood);
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN tags AS text[] CHECK (array_length(VALUE, 1) < 5);
CREATE TYPE floatrange AS RANGE (subtype = float8);
CREATE TABLE types (
	n int, b bool, i2 int2, i4 int4, i8 int8, num numeric, num2 numeric(12,3),
	f4 float4, f8 float8, m money, c "char", t text, v varchar(10), bp char(6), nm name, bin bytea,
	d date, tm time(3), tmz timetz, ts timestamp, tz timestamptz, iv interval, u uuid,
	ip inet, net cidr, mac macaddr, bits bit(4), vbits bit varying, pt point, bx box, pg polygon,
	j json, jb jsonb, jp jsonpath, ints int[], texts text[], dates date[],
	e mood, es mood[], p pair, ne nested, po positive, ta tags,
	ir int4range, tr tstzrange, fr floatrange, im int4multirange,
	ve tsvector, q tsquery, rc regclass, rt regtype, o oid, lsn pg_lsn, x xid8, acl aclitem);
INSERT INTO types VALUES
	(1, true, 32767, -2147483648, 9223372036854775807, 12345678901234567890.01234567890, 1.5,
	 0.1, 0.1, 12.34, 'x', E'quote " back\\slash \n tab \t end', 'ab', 'ab', 'nm', '\x00ff5c27',
	 '2024-02-29', '12:34:56.789', '12:34:56+02', '2024-02-29 12:00', '2024-02-29 12:00+00', '1 year 2 mons -3 days 04:05:06.7',
	 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '10.0.0.1/8', '10.0.0.0/8', '08:00:2b:01:02:03', '1010', '10101',
	 '(1,2)', '(1,1,0,0)', '((0,0),(1,1),(1,0))',
	 '{"b": 1,  "a": [ 9007199254740993 ] , "a":2}', '{"b": 1, "a": [9007199254740993, 1.50]}', '$.a[*] ? (@ > 1)',
	 '[2:3]={1,2}', '{a,NULL,"c,d","",NULL}', '{infinity,2024-01-01}',
	 'happy', '{sad,happy}', '(1,"x,y")', ROW(ROW(1, 'x'), ARRAY[ROW(2, NULL)::pair], 'ok'), 5, '{x,y}',
	 '[1,10)', '[2024-01-01 00:00+00,)', '(0.1,0.3]', '{[1,3),[5,7)}',
	 'fat:2 cat:3A', 'fat & !rat', 'pg_class', 'int4', 4294967295, '16/B374D848', '18446744073709551615', NULL),
	(2, false, -32768, 2147483647, -9223372036854775808, 'NaN', -0.001,
	 'NaN', '-Infinity', -0.01, '', '', '', '', '', '',
	 '-infinity', '24:00:00', '00:00:00-15:59', 'infinity', '0044-03-15 12:00:00+00 BC', '-00:00:00.000001',
	 '00000000-0000-0000-0000-000000000000', '::1', '::/0', '00:00:00:00:00:00', '0000', '',
	 '(-0,1e-300)', '(0,0,0,0)', '((0,0))',
	 'null', 'null', '$', '{}', '{}', '{{infinity},{-infinity}}',
	 'sad', '{}', '(,)', ROW(NULL, '{}', NULL), 1, '{}',
	 'empty', 'empty', '(,)', '{}', '', '', 0, 0, 0, '0/0', '0', NULL),
	(3, true, 0, 0, 0, '-Infinity', 999999999.999, '-0', '-0', 0, 'z',
	 'Grüße, 世界 🐘', 'Grüße', 'é', 'ß', 'é'::bytea,
	 '0044-03-15 BC', '00:00', '00:00+00', '4713-01-01 00:00 BC', 'infinity', '0',
	 NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
	 '"\u00e9 \ud83d\udc18"', '"é 🐘"', 'strict $."é"', '{{1,2},{3,4}}', '{Grüße,世界}', '{}',
	 NULL, '{NULL}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
	 'Grüße', 'Grüße:*', 'regress_cf_fetch.types', 'regress_cf_fetch.mood', 1, 'FFFFFFFF/FFFFFFFF', '3', NULL);
INSERT INTO types (n) VALUES (4);
UPDATE types SET acl = (SELECT makeaclitem(relowner, relowner, 'SELECT', false)
	FROM pg_class WHERE oid = 'types'::regclass) WHERE n < 3;

-- Compares a fetch with its query, both ways, row for row as text: on a miss,
-- then on a hit.
CREATE FUNCTION same(key text, query text, columns text,
					 OUT form text, OUT looked text, OUT direct bigint, OUT missing bigint, OUT extra bigint)
RETURNS SETOF record LANGUAGE plpgsql AS $$
DECLARE
	plain text;
	cached text;
BEGIN
	FOREACH form IN ARRAY '{json,rows}'::text[]
	LOOP
		IF form = 'json' THEN
			plain := format('SELECT row_to_json(direct)::text FROM (%s) direct', query);
			cached := format('SELECT cached::text FROM json_array_elements(cache_fetch(%L, %L)) cached', key, query);
		ELSE
			plain := format('SELECT direct::text FROM (%s) direct', query);
			cached := format('SELECT cached::text FROM cache_fetch_rows(%L, %L) AS cached(%s)', key, query, columns);
		END IF;
		FOREACH looked IN ARRAY '{miss,hit}'::text[]
		LOOP
			EXECUTE format('SELECT count(*) FROM (%s) a', plain) INTO direct;
			EXECUTE format('SELECT count(*) FROM (%s EXCEPT ALL %s) a', plain, cached) INTO missing;
			EXECUTE format('SELECT count(*) FROM (%s EXCEPT ALL %s) a', cached, plain) INTO extra;
			RETURN NEXT;
		END LOOP;
	END LOOP;
END $$;
SELECT string_agg(format('%I %s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum) AS columns
	FROM pg_attribute WHERE attrelid = 'types'::regclass AND attnum > 0 \gset
SELECT * FROM same('rf:types', 'SELECT * FROM regress_cf_fetch.types', :'columns');
SELECT counted('rf');
-- as a composite, in an array, and back as parameters
SELECT * FROM same('rf:types', 'SELECT w, array_agg(w) OVER () AS a FROM regress_cf_fetch.types w', 'w types, a types[]');
SELECT bool_and(cache_fetch_row('rf:param:' || n, 'SELECT $1 AS w', ROW(w)) ->> 'w' = row_to_json(w)::text) AS same
	FROM types w;
SELECT bool_and(cache_fetch_row('rf:param:' || n, 'SELECT $1 AS w', ROW(w)) ->> 'w' = row_to_json(w)::text) AS same
	FROM types w;
-- types without a binary form go as text: exactly, whatever the settings
CREATE TYPE texts AS (a aclitem, tz timestamptz, iv interval, f8 float8, c regclass);
SET TimeZone = 'Asia/Kolkata';
SET IntervalStyle = 'sql_standard';
SET extra_float_digits = 0;
CREATE FUNCTION texts() RETURNS texts LANGUAGE sql AS
$$ SELECT NULL::aclitem, '2024-01-01 00:00+00'::timestamptz, '-1 day 2 hours'::interval, 0.1::float8 + 0.2::float8, 'regress_cf_fetch.types'::regclass $$;
SELECT (t).tz = (d).tz AS tz, (t).iv = (d).iv AS iv, (t).f8 = (d).f8 AS f8, (t).c = (d).c AS c, t = d AS same
	FROM cache_fetch_rows('rf:texts', 'SELECT texts()') AS t(t texts), texts() d;
SELECT t[1] = d AS same FROM cache_fetch_rows('rf:texts', 'SELECT ARRAY[texts()]') AS t(t texts[]), texts() d;
RESET TimeZone;
RESET IntervalStyle;
RESET extra_float_digits;
-- a session that has read literals under one zone only: see function_literals.sql
\c
SET client_min_messages = warning;
SET search_path = regress_cf_fetch, public;
DO $$ BEGIN PERFORM counted('rf'); END $$;
-- an aggregate, a join, a large result and one wide value
SELECT * FROM same('rf:agg', 'SELECT category, count(*) AS n, sum(price) AS s FROM products GROUP BY ROLLUP (category)',
	'category int, n bigint, s numeric');
SELECT * FROM same('rf:many', 'SELECT g AS a, g / 7.0 AS b, repeat(chr(65 + g % 26), g % 50) AS c FROM generate_series(1, 5000) g',
	'a int, b numeric, c text');
SELECT * FROM same('rf:wide', 'SELECT repeat(''wide value '', 40000) AS w', 'w text');
SELECT counted('rf');
-- int8 and numeric keep all digits, json its own text
SELECT cache_fetch_row('rf:digits', 'SELECT i8, num, j FROM types WHERE n = 1');
SELECT cache_fetch_row('rf:digits', 'SELECT i8, num, j FROM types WHERE n = 1');

--
-- UTF-8 in key, query, args, tags and results
--
SELECT length(cache_fetch_row('rf:Grüße:世界', 'SELECT $1 || ''é'' AS "ключ"', '🐘'::text) ->> 'ключ');
SELECT length(cache_fetch_row('rf:Grüße:世界', 'SELECT $1 || ''é'' AS "ключ"', '🐘'::text) ->> 'ключ');
SELECT counted('rf');
SELECT count(*) FROM cache_entries WHERE key = 'rf:Grüße:世界';
SELECT cache_invalidate('rf:Grüße:世界');
SELECT count(*) FROM cache_entries WHERE key = 'rf:Grüße:世界';

--
-- Variants of one key: several queries, forms and column lists; they go together
--
SELECT cache_fetch('rf:v', 'SELECT 1 AS a');
SELECT cache_fetch('rf:v', 'SELECT 2 AS a');
SELECT cache_fetch('rf:v', 'SELECT $1 AS a', (3));
SELECT cache_fetch('rf:v', 'SELECT $1 AS a', (4));
SELECT * FROM cache_fetch_rows('rf:v', 'SELECT 1 AS a') AS t(a int);
SELECT * FROM cache_fetch_rows('rf:v', 'SELECT 1 AS a') AS t(a bigint);
SELECT cache_fetch('rf:v2', 'SELECT 1 AS a');
SELECT counted('rf');
SELECT cache_fetch('rf:v', 'SELECT $1 AS a', (3));
SELECT counted('rf');
SELECT key, count(*) FROM cache_entries WHERE key LIKE 'rf:v%' GROUP BY 1 ORDER BY 1;
SELECT cache_invalidate('rf:v');
SELECT key, count(*) FROM cache_entries WHERE key LIKE 'rf:v%' GROUP BY 1 ORDER BY 1;
SELECT cache_fetch('rf:v', 'SELECT 2 AS a');
SELECT cache_fetch('rf:v2', 'SELECT 1 AS a');
SELECT counted('rf');
-- one key of many variants
SELECT count(DISTINCT cache_fetch('rf:many', 'SELECT $1 AS a', (g))::text) FROM generate_series(1, 500) g;
SELECT count(DISTINCT cache_fetch('rf:many', 'SELECT $1 AS a', (g))::text) FROM generate_series(1, 500) g;
SELECT counted('rf');
SELECT cache_invalidate('rf:many', 'rf:nobody', 'rf:v');
SELECT count(*) FROM cache_entries WHERE key IN ('rf:many', 'rf:v');

--
-- tags
--
SELECT cache_fetch('rf:t1', 'SELECT 1 AS a', tags => '{red,blue}');
SELECT cache_fetch('rf:t2', 'SELECT 2 AS a', tags => ARRAY['blue', 'blue']);
SELECT cache_fetch('rf:t3', 'SELECT 3 AS a', tags => '{}');
SELECT * FROM cache_fetch_rows('rf:t4', 'SELECT 4 AS a', tags => '{red}') AS t(a int);
SELECT counted('rf');
SELECT cache_invalidate_tag('green');
SELECT key, state, dependencies FROM cache_entries WHERE key LIKE 'rf:t_' ORDER BY key;
SELECT cache_invalidate_tag('red');
SELECT key, state FROM cache_entries WHERE key LIKE 'rf:t_' ORDER BY key;
SELECT cache_fetch('rf:t1', 'SELECT 1 AS a', tags => '{red,blue}');
SELECT cache_fetch('rf:t2', 'SELECT 2 AS a', tags => ARRAY['blue', 'blue']);
SELECT * FROM cache_fetch_rows('rf:t4', 'SELECT 4 AS a', tags => '{red}') AS t(a int);
SELECT counted('rf');
SELECT cache_invalidate_tag('red', 'blue');
SELECT key, state FROM cache_entries WHERE key LIKE 'rf:t_' ORDER BY key;
-- a table is a tag of its own, whatever the query calls it; behind a view as well
CREATE VIEW named AS SELECT id, name FROM products WHERE name IS NOT NULL;
SELECT cache_fetch_row('rf:t5', 'SELECT count(*) AS n FROM products');
SELECT cache_fetch_row('rf:t6', 'SELECT count(*) AS n FROM named');
SELECT cache_fetch_row('rf:t7', 'SELECT (SELECT count(*) FROM named) AS n');
SELECT cache_fetch_row('rf:t8', 'SELECT count(*) AS n FROM types');
SELECT cache_invalidate_table('products');
SELECT key, state FROM cache_entries WHERE key ~ '^rf:t[5-8]' ORDER BY key;
-- partitions and children are read by who reads the parent; not so the other way round
CREATE TABLE parted (a int) PARTITION BY LIST (a);
CREATE TABLE parted1 PARTITION OF parted FOR VALUES IN (1);
CREATE TABLE parted2 PARTITION OF parted FOR VALUES IN (2);
CREATE TABLE parent (a int);
CREATE TABLE child () INHERITS (parent);
SELECT cache_fetch_row('rf:p:all', 'SELECT count(*) AS n FROM parted'),
	cache_fetch_row('rf:p:one', 'SELECT count(*) AS n FROM parted1'),
	cache_fetch_row('rf:p:two', 'SELECT count(*) AS n FROM parted2'),
	cache_fetch_row('rf:p:pruned', 'SELECT count(*) AS n FROM parted WHERE a = 2'),
	cache_fetch_row('rf:p:parent', 'SELECT count(*) AS n FROM parent'),
	cache_fetch_row('rf:p:only', 'SELECT count(*) AS n FROM ONLY parent'),
	cache_fetch_row('rf:p:child', 'SELECT count(*) AS n FROM child');
SELECT cache_invalidate_table('parted2'), cache_invalidate_table('child');
SELECT key, state FROM cache_entries WHERE key LIKE 'rf:p:%' AND key NOT LIKE 'rf:p:pruned' ORDER BY key;
SELECT cache_invalidate_table('parted');
SELECT key, state FROM cache_entries WHERE key IN ('rf:p:all', 'rf:p:pruned') ORDER BY key;

--
-- ttl
--
SELECT cache_fetch('rf:ttl1', 'SELECT 1 AS a', ttl => '1 hour');
SELECT cache_fetch('rf:ttl2', 'SELECT 1 AS a', ttl => '1 day 1 second');
SELECT cache_fetch('rf:ttl3', 'SELECT 1 AS a', ttl => '1 year');
SELECT cache_fetch('rf:ttl4', 'SELECT 1 AS a', ttl => '1 microsecond');
SELECT cache_fetch('rf:ttl4', 'SELECT 1 AS a', ttl => '1 microsecond');
SELECT key, age + ttl_left AS ttl, state FROM cache_entries WHERE key LIKE 'rf:ttl%' ORDER BY key;
-- the ttl of the call that filled it holds
SELECT cache_fetch('rf:ttl1', 'SELECT 1 AS a', ttl => '1 second');
SELECT age + ttl_left AS ttl FROM cache_entries WHERE key = 'rf:ttl1';

--
-- Fetches inside of fetches
--
CREATE FUNCTION inner_names(wanted int) RETURNS json LANGUAGE plpgsql STABLE AS $$
BEGIN
	RETURN cache_fetch('rf:inner:' || wanted, 'SELECT name FROM products WHERE category = $1 ORDER BY id', (wanted));
END $$;
SELECT cache_fetch('rf:outer', 'SELECT inner_names(1) AS names');
SELECT cache_fetch('rf:outer', 'SELECT inner_names(1) AS names');
SELECT counted('rf');
SELECT cache_fetch('rf:outer2', 'SELECT inner_names(1) AS names, 2 AS n');
SELECT counted('rf');
-- what the inner one depends on, the outer one does: loaded, or found
SELECT cache_invalidate_table('products');
SELECT key, state FROM cache_entries WHERE key ~ '^rf:(inner|outer)' ORDER BY key;
-- also its tags
CREATE FUNCTION inner_tagged() RETURNS json LANGUAGE plpgsql AS $$
BEGIN
	RETURN cache_fetch('rf:inner', 'SELECT 1 AS a', tags => '{rf}');
END $$;
SELECT cache_fetch('rf:loaded', 'SELECT inner_tagged() AS t'), cache_fetch('rf:found', 'SELECT inner_tagged() AS t');
SELECT key FROM cache_entries WHERE key IN ('rf:inner', 'rf:loaded', 'rf:found') AND state = 'fresh' ORDER BY key;
SELECT cache_invalidate_tag('rf');
SELECT key FROM cache_entries WHERE key IN ('rf:inner', 'rf:loaded', 'rf:found') AND state = 'fresh' ORDER BY key;
-- the same key and query inside of itself
CREATE FUNCTION countdown(n int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF n = 0 THEN
		RETURN 0;
	END IF;
	RETURN 1 + (cache_fetch_row('rf:self', 'SELECT countdown($1) AS n', (n - 1)) ->> 'n')::int;
END $$;
SELECT countdown(10);
SELECT cache_invalidate('rf:self');
CREATE FUNCTION again() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF current_setting('cf_test.depth')::int >= 3 THEN
		RETURN 3;
	END IF;
	PERFORM set_config('cf_test.depth', (current_setting('cf_test.depth')::int + 1)::text, false);
	RETURN cache_fetch_row('rf:self', 'SELECT again() AS n') ->> 'n';
END $$;
SET cf_test.depth = 0;
SELECT cache_fetch_row('rf:self', 'SELECT again() AS n');
SELECT cache_fetch_row('rf:self', 'SELECT again() AS n');

-- an inner error that its caller catches: nobody knows what it had read
CREATE FUNCTION caught() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN cache_fetch('rf:fails', 'SELECT 1 / a FROM parent WHERE a = 0');
EXCEPTION WHEN division_by_zero THEN
	RETURN 'caught';
END $$;
INSERT INTO parent VALUES (0);
SELECT cache_fetch('rf:catches', 'SELECT caught()');
SELECT count(*) FROM cache_entries WHERE key = 'rf:catches' AND state = 'fresh';
DELETE FROM parent WHERE a = 0;

-- nothing is left behind
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 207;
SELECT count(*) FROM cache_inflight;

SELECT cache_flush();
SELECT count(*) FROM cache_entries WHERE database = current_database();
SELECT cache_drop('rf');
DROP SCHEMA regress_cf_fetch CASCADE;
