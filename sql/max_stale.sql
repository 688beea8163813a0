-- Old values for those who ask for them: what changed rows have outdated may be
-- served for max_stale after it was filled; what anything else drops may not.
SET client_min_messages = warning;
CREATE SCHEMA regress_cf_max_stale;
SET search_path = regress_cf_max_stale, public;
SET cachefront.ttl_jitter = 0;
SET cachefront.xfetch_beta = 0;

CREATE TABLE item (id int PRIMARY KEY, v int);
INSERT INTO item VALUES (1, 0), (2, 0);
SELECT cache_attach('item', key => 'rs:key:{id}', tags => ARRAY['rs-tag:{id}']) IS NOT NULL, cache_attach('item', rows => '{}') IS NOT NULL;

-- Three ways to depend on the rows: by key, by tag, by the table.
CREATE FUNCTION by_key(tags text[] DEFAULT NULL) RETURNS json LANGUAGE sql AS
$$ SELECT cache_fetch('rs:key:1', 'SELECT v FROM item WHERE id = 1', tags => tags) $$;
CREATE FUNCTION by_tag() RETURNS json LANGUAGE sql AS
$$ SELECT cache_fetch('rs:other:1', 'SELECT v FROM item WHERE id = 1', tags => ARRAY['rs-tag:1']) $$;
CREATE FUNCTION by_table() RETURNS json LANGUAGE sql AS
$$ SELECT cache_fetch('rs:sum', 'SELECT sum(v) FROM item') $$;
CREATE VIEW all_three AS SELECT by_key(), by_tag(), by_table();
CREATE FUNCTION state_of(wanted text) RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(state, ',' ORDER BY state) FROM cache_entries WHERE key = wanted AND database = current_database() $$;
CREATE FUNCTION stale_hits() RETURNS bigint LANGUAGE sql AS
$$ SELECT sum(max_stale_hits)::bigint FROM cache_stats WHERE cache IN ('rs', 'rs:key', 'rs:sum', '(default)') $$;
CREATE PROCEDURE fill() LANGUAGE plpgsql AS $$
BEGIN
	PERFORM cache_flush();
	COMMIT;
	UPDATE item SET v = 0;
	COMMIT;
	PERFORM * FROM all_three;
END $$;

--
-- The setting
--
SHOW cachefront.max_stale;
CALL fill();
UPDATE item SET v = 1 WHERE id = 1;
SELECT * FROM all_three;
SET cachefront.max_stale = '1 h';
CALL fill();
UPDATE item SET v = 2 WHERE id = 1;
SELECT stale_hits() AS hits \gset before_
SELECT * FROM all_three;
SELECT * FROM all_three;
SELECT stale_hits() - :before_hits AS hits, state_of('rs:key:1') AS by_key, state_of('rs:other:1') AS by_tag, state_of('rs:sum') AS by_table;
SELECT item, value FROM cache_explain('rs:key:1', 'SELECT v FROM item WHERE id = 1') WHERE item IN ('max stale', 'L1');
-- who did not ask gets what there is, and fills it for all
SET cachefront.max_stale = 0;
SELECT * FROM all_three;
SELECT state_of('rs:key:1') AS by_key, state_of('rs:other:1') AS by_tag, state_of('rs:sum') AS by_table;
SELECT item, value FROM cache_explain('rs:key:1', 'SELECT v FROM item WHERE id = 1') WHERE item IN ('max stale', 'L1');
-- what a session without it has filled stays for a tag, but not for a key
UPDATE item SET v = 3 WHERE id = 1;
SET cachefront.max_stale = '1 h';
SELECT * FROM all_three;
-- it is old enough
SELECT cache_define('rs', max_stale => '1 microsecond');
CALL fill();
UPDATE item SET v = 4 WHERE id = 1;
SELECT * FROM all_three;
SELECT cache_drop('rs');
-- a time to live, and the age that a caller takes, hold as well
SELECT cache_fetch('rs:ttl', 'SELECT v FROM item WHERE id = 2', ttl => '1 microsecond');
UPDATE item SET v = 5 WHERE id = 2;
SELECT cache_fetch('rs:ttl', 'SELECT v FROM item WHERE id = 2', ttl => '1 hour');
UPDATE item SET v = 6 WHERE id = 2;
SELECT cache_fetch('rs:ttl', 'SELECT v FROM item WHERE id = 2', ttl => '1 microsecond');
SELECT cache_fetch('rs:ttl', 'SELECT v FROM item WHERE id = 2', ttl => '1 hour');

--
-- Other ways to change rows
--
CALL fill();
TRUNCATE item;
SELECT * FROM all_three;
INSERT INTO item VALUES (1, 0), (2, 0);
SELECT * FROM all_three;
BEGIN;
SET LOCAL cachefront.max_keys_per_commit = 1;
UPDATE item SET v = 7;
COMMIT;
SELECT * FROM all_three;
-- undone
CALL fill();
BEGIN;
UPDATE item SET v = 8;
ROLLBACK;
SELECT * FROM all_three;
SELECT state_of('rs:key:1') AS by_key, state_of('rs:other:1') AS by_tag, state_of('rs:sum') AS by_table;
-- a table without any rule
CREATE TABLE bare (v int);
INSERT INTO bare VALUES (0);
SELECT cache_fetch('rs:bare', 'SELECT v FROM bare');
UPDATE bare SET v = 1;
SELECT cache_fetch('rs:bare', 'SELECT v FROM bare'), state_of('rs:bare');
SELECT cache_invalidate_table('bare');
SELECT cache_fetch('rs:bare', 'SELECT v FROM bare'), state_of('rs:bare');
-- without rows: a rule may go
CALL fill();
UPDATE item SET v = 9 WHERE id = 1;
SELECT cache_fetch('rs:none', 'SELECT v FROM item WHERE v = 10');
UPDATE item SET v = 10 WHERE id = 1;
SELECT cache_fetch('rs:none', 'SELECT v FROM item WHERE v = 10');

--
-- By hand: at once
--
CALL fill();
UPDATE item SET v = 11 WHERE id = 1;
SELECT cache_invalidate('rs:key:1');
SELECT * FROM all_three;
CALL fill();
UPDATE item SET v = 12 WHERE id = 1;
SELECT cache_delete('rs:key:1', 'rs:sum');
SELECT * FROM all_three;
CALL fill();
UPDATE item SET v = 13 WHERE id = 1;
SELECT cache_invalidate_tag('rs-tag:1');
SELECT * FROM all_three;
CALL fill();
UPDATE item SET v = 14 WHERE id = 1;
SELECT cache_invalidate_table('item');
SELECT * FROM all_three;
CALL fill();
UPDATE item SET v = 15 WHERE id = 1;
SELECT cache_flush();
SELECT * FROM all_three;
-- in the transaction that has changed the rows, before and after
CALL fill();
BEGIN;
SELECT cache_invalidate('rs:key:1'), cache_invalidate_tag('rs-tag:1');
UPDATE item SET v = 16 WHERE id = 1;
COMMIT;
SELECT * FROM all_three;
CALL fill();
BEGIN;
UPDATE item SET v = 17 WHERE id = 1;
SELECT cache_invalidate_tag('rs-tag:1'), cache_invalidate('rs:key:1');
COMMIT;
SELECT * FROM all_three;
-- undone by a savepoint it need not be dropped, and may be
CALL fill();
BEGIN;
SAVEPOINT a;
SELECT cache_invalidate_tag('rs-tag:1');
ROLLBACK TO a;
UPDATE item SET v = 18 WHERE id = 1;
COMMIT;
SELECT by_tag();
-- a tag of the caller, of an entry that is outdated already
CALL fill();
SELECT by_key(ARRAY['rs-own']);
UPDATE item SET v = 19 WHERE id = 1;
SELECT by_key(ARRAY['rs-own']), by_key(ARRAY['rs-another']);
SELECT cache_invalidate_tag('rs-own');
SELECT by_key(ARRAY['rs-own']);
-- many keys and tags
CALL fill();
BEGIN;
UPDATE item SET v = 20 WHERE id = 1;
SELECT cache_invalidate('rs:x:' || g) FROM generate_series(1, 40) g \g /dev/null
COMMIT;
SELECT * FROM all_three;
BEGIN;
SELECT cache_invalidate('rs:x:' || g), cache_invalidate_tag('rs-tag:' || g) FROM generate_series(1, 40) g \g /dev/null
COMMIT;
SELECT * FROM all_three;

--
-- Definitions and rights: at once
--
CALL fill();
UPDATE item SET v = 21 WHERE id = 1;
ALTER TABLE item ADD COLUMN w int;
SELECT * FROM all_three;
CALL fill();
UPDATE item SET v = 22 WHERE id = 1;
GRANT SELECT ON item TO PUBLIC;
SELECT * FROM all_three;

--
-- Values that are not loaded
--
SELECT cache_set('rs:key:1', '"set"');
SELECT cache_get('rs:key:1');
UPDATE item SET v = 23 WHERE id = 1;
SELECT cache_get('rs:key:1');
SELECT cache_set('rs:value', '"set"', tags => ARRAY['rs-tag:1']);
SELECT cache_get('rs:value');
UPDATE item SET v = 24 WHERE id = 1;
SELECT cache_get('rs:value');

--
-- Who sees only what is current
--
CALL fill();
UPDATE item SET v = 25 WHERE id = 1;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT * FROM all_three;
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT * FROM all_three;
COMMIT;
BEGIN;
CREATE TEMP TABLE written (v int) ON COMMIT DROP;
SELECT * FROM all_three;
ROLLBACK;
BEGIN;
SELECT cache_invalidate('rs:nobody');
SELECT * FROM all_three;
ROLLBACK;
SELECT * FROM all_three;
-- inside of a load; outside of it, it is the outer entry that is old
CREATE FUNCTION nested() RETURNS json LANGUAGE sql AS 'SELECT by_table()';
SELECT cache_fetch('rs:outer', 'SELECT nested()');
CALL fill();
UPDATE item SET v = 26 WHERE id = 1;
SELECT by_table();
SELECT cache_fetch('rs:outer', 'SELECT nested()');
SELECT by_table();

--
-- Results that are bound to settings, and the other forms
--
SET cachefront.max_stale = '1 h';
CREATE FUNCTION scaled() RETURNS int LANGUAGE plpgsql STABLE AS
$$ BEGIN RETURN v * current_setting('regress.factor')::int FROM item WHERE id = 1; END $$;
SET regress.factor = 1000;
UPDATE item SET v = 27 WHERE id = 1;
SELECT cache_fetch('rs:bound', 'SELECT scaled() FROM item WHERE id = 1');
UPDATE item SET v = 28 WHERE id = 1;
SELECT cache_fetch('rs:bound', 'SELECT scaled() FROM item WHERE id = 1');
SET regress.factor = 1;
SELECT cache_fetch('rs:bound', 'SELECT scaled() FROM item WHERE id = 1');
SET regress.factor = 1000;
SELECT cache_fetch('rs:bound', 'SELECT scaled() FROM item WHERE id = 1');
SELECT * FROM cache_fetch_rows('rs:key:2', 'SELECT id, v FROM item WHERE id = 2') AS t(id int, v int);
SELECT cache_fetch_row('rs:key:2', 'SELECT id, v FROM item WHERE id = 2');
UPDATE item SET v = 29 WHERE id = 2;
SELECT * FROM cache_fetch_rows('rs:key:2', 'SELECT id, v FROM item WHERE id = 2') AS t(id int, v int);
SELECT cache_fetch_row('rs:key:2', 'SELECT id, v FROM item WHERE id = 2');
SELECT state_of('rs:key:2');

--
-- The definition comes before the setting
--
SELECT cache_define('rs', max_stale => '1 hour'), cache_define('rs:key', max_stale => '0'), cache_define('rs:sum');
SELECT name, max_stale FROM cache_definitions WHERE name LIKE 'rs%' ORDER BY name COLLATE "C";
SET cachefront.max_stale = 0;
CALL fill();
UPDATE item SET v = 30 WHERE id = 1;
SELECT * FROM all_three;
SET cachefront.max_stale = '1 h';
CALL fill();
UPDATE item SET v = 31 WHERE id = 1;
SELECT * FROM all_three;
SELECT item, value FROM cache_explain('rs:other:1', 'SELECT v FROM item WHERE id = 1', tags => ARRAY['rs-tag:1']) WHERE item IN ('cache', 'max stale', 'L1');
SELECT cache, max_stale_hits > 0 AS hits FROM cache_stats WHERE cache IN ('rs', 'rs:key', 'rs:sum') ORDER BY cache COLLATE "C";
-- the limits
SELECT cache_define('rs', max_stale => '366 days');
SELECT cache_define('rs', max_stale => '-1 s');
SELECT cache_define('rs', max_stale => '367 days');
\set VERBOSITY sqlstate
SET cachefront.max_stale = -1;
\set VERBOSITY default
-- by hand into the table; anything below zero is none
UPDATE cache_definitions SET max_stale = '-1 day' WHERE name = 'rs';
SET cachefront.max_stale = 0;
SELECT item, value FROM cache_explain('rs:other:1', 'SELECT 1') WHERE item IN ('cache', 'max stale');
SELECT cache_drop('rs'), cache_drop('rs:key'), cache_drop('rs:sum');

DROP SCHEMA regress_cf_max_stale CASCADE;
