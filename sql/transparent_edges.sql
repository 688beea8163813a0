-- Plain SELECTs that are served from the cache: what happens around a plan that was kept.

SET client_min_messages = warning;
CREATE TABLE te (id int PRIMARY KEY, v text);
INSERT INTO te SELECT g, 'v' || g FROM generate_series(1, 10) g;
CREATE FUNCTION te_hits() RETURNS bigint LANGUAGE sql AS $$SELECT l1_hits FROM cache_stats WHERE cache = '*'$$;

-- Turned off, what was prepared before is not served, either.
SET cachefront.transparent = auto;
PREPARE te_one AS SELECT v FROM te WHERE id = 1;
EXECUTE te_one;
EXECUTE te_one;
SELECT te_hits() AS before \gset
EXECUTE te_one;
SELECT te_hits() - :before AS hits;
SET cachefront.transparent = off;
EXECUTE te_one;
SELECT te_hits() - :before AS hits;
SET cachefront.transparent = auto;

-- What a plan that is kept holds was computed under the settings of then.
PREPARE te_bytes AS SELECT '\x41'::bytea::text AS b, '1 day'::interval::text AS i, id FROM te WHERE id = 1;
EXECUTE te_bytes;
EXECUTE te_bytes;
SET bytea_output = escape;
SET intervalstyle = iso_8601;
EXECUTE te_bytes;
EXECUTE te_bytes;
SELECT '\x41'::bytea::text AS b, '1 day'::interval::text AS i, id FROM te WHERE id = 1;
SELECT '\x41'::bytea::text AS b, '1 day'::interval::text AS i, id FROM te WHERE id = 1;
EXECUTE te_bytes;
SELECT '\x41'::bytea::text AS b, '1 day'::interval::text AS i, id FROM te WHERE id = 1;
RESET bytea_output;
RESET intervalstyle;
DEALLOCATE ALL;
DROP FUNCTION te_hits;
DROP TABLE te;
