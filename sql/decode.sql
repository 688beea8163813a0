-- What a query returns, a hit returns, though the types' own functions would
-- refuse to read it back.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cachefront;
DROP ROLE IF EXISTS regress_cf_gone;
CREATE SCHEMA regress_cf_decode;
SET search_path = regress_cf_decode, public;
SELECT cache_define('rd', jitter => 0, xfetch_beta => 0);

-- Loads and hits of a cache.
CREATE FUNCTION counts(OUT hits bigint, OUT loads bigint) LANGUAGE sql AS
$$ SELECT l1_hits, loads FROM cache_stats WHERE cache = 'rd' $$;

-- Domains that old values do not fit: of text, of an array, of a composite; nested
CREATE DOMAIN code AS text;
CREATE DOMAIN codes AS text[];
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN good_pair AS pair;
CREATE TYPE holder AS (c code, n int);
CREATE TABLE d (id int, c code, cs codes, p good_pair, h holder, ca code[]);
INSERT INTO d VALUES (1, '', '{}', '(,)', '("",1)', '{""}'), (2, 'ok', '{a}', '(1,x)', '(ok,2)', '{ok}');
ALTER DOMAIN code ADD CONSTRAINT filled CHECK (VALUE <> '') NOT VALID;
ALTER DOMAIN codes ADD CONSTRAINT filled CHECK (cardinality(VALUE) > 0) NOT VALID;
ALTER DOMAIN good_pair ADD CONSTRAINT filled CHECK ((VALUE).a IS NOT NULL) NOT VALID;
SELECT * FROM cache_fetch_rows('rd:domain', 'SELECT c, cs, p FROM d ORDER BY id') AS t(c code, cs codes, p good_pair);
SELECT * FROM cache_fetch_rows('rd:domain', 'SELECT c, cs, p FROM d ORDER BY id') AS t(c code, cs codes, p good_pair);
SELECT * FROM counts();
-- nested, the check is PostgreSQL's: each time the query answers
SELECT * FROM cache_fetch_rows('rd:nested', 'SELECT h, ca FROM d ORDER BY id') AS t(h holder, ca code[]);
SELECT * FROM cache_fetch_rows('rd:nested', 'SELECT h, ca FROM d ORDER BY id') AS t(h holder, ca code[]);
SELECT * FROM cache_fetch_rows('rd:nested', 'SELECT h, ca FROM d WHERE id = 2') AS t(h holder, ca code[]);
SELECT * FROM cache_fetch_rows('rd:nested', 'SELECT h, ca FROM d WHERE id = 2') AS t(h holder, ca code[]);
SELECT * FROM counts();
-- NOT NULL, too
CREATE DOMAIN few AS int NOT NULL;
CREATE TABLE n (v few);
INSERT INTO n VALUES (1);

SELECT * FROM cache_fetch_rows('rd:outer', 'SELECT n.v FROM d LEFT JOIN n ON n.v = d.id + 7 ORDER BY 1') AS t(v few);
SELECT * FROM cache_fetch_rows('rd:outer', 'SELECT n.v FROM d LEFT JOIN n ON n.v = d.id + 7 ORDER BY 1') AS t(v few);

-- XML content, wherever it stands, under xmloption = document
SELECT xml_is_well_formed('<a/>') AS has_xml \gset
CREATE TABLE x (v xml, a xml[]);
INSERT INTO x VALUES ('text <b/> and <c/>', ARRAY['one <b/>', 'two']::xml[]);
SET xmloption = document;
SELECT * FROM cache_fetch_rows('rd:xml', 'SELECT v FROM x') AS t(v xml);
SELECT * FROM cache_fetch_rows('rd:xml', 'SELECT v FROM x') AS t(v xml);
SELECT * FROM counts();
SELECT * FROM cache_fetch_rows('rd:xmls', 'SELECT a FROM x') AS t(a xml[]);
SELECT * FROM cache_fetch_rows('rd:xmls', 'SELECT a FROM x') AS t(a xml[]);
SELECT * FROM counts();
RESET xmloption;

-- An ACL that names a role which is gone
CREATE TABLE acl (v aclitem, a aclitem[]);
CREATE ROLE regress_cf_gone;
INSERT INTO acl SELECT makeaclitem(r.oid, r.oid, 'SELECT', false), ARRAY[makeaclitem(r.oid, r.oid, 'SELECT', false)]
	FROM pg_roles r WHERE rolname = 'regress_cf_gone';
DROP ROLE regress_cf_gone;
SELECT v::text ~ '^[0-9]+=r/[0-9]+$' AS shown, a[1] = v AS same FROM
	cache_fetch_rows('rd:acl', 'SELECT v, a FROM acl') AS t(v aclitem, a aclitem[]);
SELECT v::text ~ '^[0-9]+=r/[0-9]+$' AS shown, a[1] = v AS same FROM
	cache_fetch_rows('rd:acl', 'SELECT v, a FROM acl') AS t(v aclitem, a aclitem[]);
SELECT * FROM counts();

-- JSON deeper than the stack of who reads it
CREATE TABLE deep AS SELECT (repeat('[', 2000) || repeat(']', 2000))::json AS j, (repeat('[', 2000) || repeat(']', 2000))::jsonb AS b;
SELECT length(j::text) FROM cache_fetch_rows('rd:deep', 'SELECT j FROM deep') AS t(j json);
SET max_stack_depth = '200kB';
SELECT length(j::text) FROM cache_fetch_rows('rd:deep', 'SELECT j FROM deep') AS t(j json);
RESET max_stack_depth;
SELECT * FROM counts();

-- A range whose canonical function has changed its mind
CREATE TYPE odd;
CREATE FUNCTION odd_canonical(odd) RETURNS odd LANGUAGE internal IMMUTABLE STRICT AS 'int4range_canonical';
CREATE TYPE odd AS RANGE (subtype = int4, canonical = odd_canonical);
CREATE TABLE ranges AS SELECT odd(1, 5) AS r;
SELECT * FROM cache_fetch_rows('rd:range', 'SELECT r FROM ranges') AS t(r odd);
SELECT * FROM cache_fetch_rows('rd:range', 'SELECT r FROM ranges') AS t(r odd);

-- Enums: by label, alone and in arrays
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE moods AS SELECT 'sad'::mood AS m, '{happy,sad}'::mood[] AS ms;
SELECT * FROM cache_fetch_rows('rd:enum', 'SELECT m, ms FROM moods') AS t(m mood, ms mood[]);
SELECT * FROM cache_fetch_rows('rd:enum', 'SELECT m, ms FROM moods') AS t(m mood, ms mood[]);
ALTER TYPE mood RENAME VALUE 'sad' TO 'blue';
SELECT * FROM cache_fetch_rows('rd:enum', 'SELECT m, ms FROM moods') AS t(m mood, ms mood[]);
SELECT * FROM counts();

-- The typmod is the query's business
SELECT * FROM cache_fetch_rows('rd:typmod', 'SELECT 1.255, ''abcdef'', B''101''') AS t(n numeric(3,1), v varchar(10), b bit(3));
SELECT * FROM cache_fetch_rows('rd:typmod', 'SELECT 1.255, ''abcdef'', B''101''') AS t(n numeric(3,1), v varchar(10), b bit(3));
-- a failing decode in a transaction, and in a function that catches errors, leaves it as it was
BEGIN;
SELECT h FROM cache_fetch_rows('rd:nested', 'SELECT h, ca FROM d ORDER BY id') AS t(h holder, ca code[]);
SAVEPOINT a;
SELECT h FROM cache_fetch_rows('rd:nested', 'SELECT h, ca FROM d ORDER BY id') AS t(h holder, ca code[]);
COMMIT;
-- many rows, beyond work_mem, as loaded and as found
SET work_mem = '64kB';
SELECT count(*), sum(length(v)) FROM cache_fetch_rows('rd:many', 'SELECT g, repeat(''x'', 100) FROM generate_series(1, 3000) g') AS t(g int, v text);
SELECT count(*), sum(length(v)) FROM cache_fetch_rows('rd:many', 'SELECT g, repeat(''x'', 100) FROM generate_series(1, 3000) g') AS t(g int, v text);
SELECT count(*), sum(length(v)) FROM cache_fetch_rows('rd:many2', 'SELECT g, repeat(''x'', 100)::regress_cf_decode.code FROM generate_series(1, 3000) g') AS t(g int, v code);
RESET work_mem;
-- large values, out of line in their table
CREATE TABLE large AS SELECT string_agg(md5(g::text), '') AS v FROM generate_series(1, 2000) g;
SELECT length(v), md5(v) FROM cache_fetch_rows('rd:large', 'SELECT v FROM large') AS t(v text);
SELECT length(v), md5(v) FROM cache_fetch_rows('rd:large', 'SELECT v FROM large') AS t(v text);
SELECT * FROM counts();
-- and jsonb, where the query answers if the stack is too small
SELECT length(b::text) FROM cache_fetch_rows('rd:deeper', 'SELECT b FROM deep') AS t(b jsonb);
SET max_stack_depth = '200kB';
SELECT length(b::text) FROM cache_fetch_rows('rd:deeper', 'SELECT b FROM deep') AS t(b jsonb);
RESET max_stack_depth;
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 207;

SELECT cache_flush();
SELECT cache_drop('rd');
DROP SCHEMA regress_cf_decode CASCADE;
