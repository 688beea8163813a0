-- PL/pgSQL reads a literal once a session. What a session that has other settings by now makes of it
-- is nobody else's.

SET client_min_messages = warning;
CREATE TABLE fl (id int PRIMARY KEY, at timestamptz, day date, note text);
INSERT INTO fl SELECT g, timestamptz '2020-01-01 00:00+00' + g * interval '1 hour', date '2020-01-01' + g, 'a\\b'
	FROM generate_series(1, 40) g;
CREATE FUNCTION fl_zone() RETURNS bigint STABLE LANGUAGE plpgsql AS $$
BEGIN RETURN (SELECT count(*) FROM fl WHERE at < '2020-01-01 12:00'); END $$;
CREATE FUNCTION fl_order() RETURNS bigint STABLE LANGUAGE plpgsql AS $$
DECLARE n bigint; BEGIN SELECT count(*) INTO n FROM fl WHERE day < '01/02/2020'; RETURN n; END $$;
CREATE FUNCTION fl_simple() RETURNS int STABLE LANGUAGE plpgsql AS $$
BEGIN PERFORM FROM fl; RETURN extract(month FROM date '01/02/2020'); END $$;
CREATE FUNCTION fl_null() RETURNS bigint STABLE LANGUAGE plpgsql AS $$
BEGIN RETURN (SELECT count(*) FROM fl WHERE (id = NULL) IS NULL); END $$;
CREATE FUNCTION fl_array() RETURNS bigint STABLE LANGUAGE plpgsql AS $$
BEGIN RETURN (SELECT count(*) FROM fl WHERE '{null}'::text[] = ARRAY['null']); END $$;
CREATE FUNCTION fl_backslash() RETURNS bigint STABLE LANGUAGE plpgsql AS $$
BEGIN RETURN (SELECT count(*) FROM fl WHERE note = 'a\\b'); END $$;
-- without a literal: kept whatever the settings were
CREATE FUNCTION fl_none() RETURNS bigint STABLE LANGUAGE plpgsql AS $$
BEGIN RETURN (SELECT sum(id) FROM fl); END $$;
-- what it gives without the cache, with it, and as a plain SELECT that is served
CREATE PROCEDURE fl_ask(f text) LANGUAGE plpgsql AS $$
DECLARE plain text; fetched text; served text;
BEGIN
	FOR i IN 1 .. 3 LOOP
		fetched := cache_fetch('fl:' || f, 'SELECT ' || f || '() AS r FROM fl WHERE id = 1')::json -> 0 ->> 'r';
		EXECUTE '/* cache */ SELECT ' || f || '() FROM fl WHERE id = 1' INTO served;
	END LOOP;
	PERFORM set_config('cachefront.enabled', 'off', false);
	EXECUTE 'SELECT ' || f || '() FROM fl WHERE id = 1' INTO plain;
	PERFORM set_config('cachefront.enabled', 'on', false);
	RAISE WARNING '%: plain %, fetched %, served %', f, plain, fetched, served;
END $$;
-- zone: a session that has called it under other settings, and one that has not
\c
SET client_min_messages = warning;
SET cachefront.transparent = marked;
SET escape_string_warning = off;
SET timezone = 'UTC';
SELECT fl_zone();
SET timezone = '-9';
CALL fl_ask('fl_zone');
\c
SET client_min_messages = warning;
SET cachefront.transparent = marked;
SET escape_string_warning = off;
SET timezone = '-9';
CALL fl_ask('fl_zone');
-- order: a session that has called it under other settings, and one that has not
\c
SET client_min_messages = warning;
SET cachefront.transparent = marked;
SET escape_string_warning = off;
SET datestyle = 'MDY';
SELECT fl_order();
SET datestyle = 'DMY';
CALL fl_ask('fl_order');
\c
SET client_min_messages = warning;
SET cachefront.transparent = marked;
SET escape_string_warning = off;
SET datestyle = 'DMY';
CALL fl_ask('fl_order');
-- simple: a session that has called it under other settings, and one that has not
\c
SET client_min_messages = warning;
SET cachefront.transparent = marked;
SET escape_string_warning = off;
SET datestyle = 'MDY';
SELECT fl_simple();
SET datestyle = 'DMY';
CALL fl_ask('fl_simple');
\c
SET client_min_messages = warning;
SET cachefront.transparent = marked;
SET escape_string_warning = off;
SET datestyle = 'DMY';
CALL fl_ask('fl_simple');
-- null: a session that has called it under other settings, and one that has not
\c
SET client_min_messages = warning;
SET cachefront.transparent = marked;
SET escape_string_warning = off;
SET transform_null_equals = off;
SELECT fl_null();
SET transform_null_equals = on;
CALL fl_ask('fl_null');
\c
SET client_min_messages = warning;
SET cachefront.transparent = marked;
SET escape_string_warning = off;
SET transform_null_equals = on;
CALL fl_ask('fl_null');
-- array: a session that has called it under other settings, and one that has not
\c
SET client_min_messages = warning;
SET cachefront.transparent = marked;
SET escape_string_warning = off;
SET array_nulls = on;
SELECT fl_array();
SET array_nulls = off;
CALL fl_ask('fl_array');
\c
SET client_min_messages = warning;
SET cachefront.transparent = marked;
SET escape_string_warning = off;
SET array_nulls = off;
CALL fl_ask('fl_array');
-- backslash: a session that has called it under other settings, and one that has not
\c
SET client_min_messages = warning;
SET cachefront.transparent = marked;
SET escape_string_warning = off;
SET standard_conforming_strings = on;
SELECT fl_backslash();
SET standard_conforming_strings = off;
CALL fl_ask('fl_backslash');
\c
SET client_min_messages = warning;
SET cachefront.transparent = marked;
SET escape_string_warning = off;
SET standard_conforming_strings = off;
CALL fl_ask('fl_backslash');
-- none: a session that has called it under other settings, and one that has not
\c
SET client_min_messages = warning;
SET cachefront.transparent = marked;
SET escape_string_warning = off;
SET datestyle = 'MDY';
SELECT fl_none();
SET datestyle = 'DMY';
CALL fl_ask('fl_none');
\c
SET client_min_messages = warning;
SET cachefront.transparent = marked;
SET escape_string_warning = off;
SET datestyle = 'DMY';
CALL fl_ask('fl_none');

SELECT key, count(*) FROM cache_entries WHERE key LIKE 'fl:%' GROUP BY key ORDER BY key;
DROP PROCEDURE fl_ask;
DROP FUNCTION fl_zone, fl_order, fl_simple, fl_null, fl_array, fl_backslash, fl_none;
DROP TABLE fl;
