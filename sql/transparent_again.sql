-- Plain SELECTs that run though there is an answer (early refresh, the self-check), and old
-- answers for who asks for them.
SET client_min_messages = warning;
CREATE TABLE ta_item (id int PRIMARY KEY, v int);
INSERT INTO ta_item SELECT g, 0 FROM generate_series(1, 300) g;
SELECT FROM cache_define('ta', max_stale => '1 h', jitter => 0, xfetch_beta => 0);
SELECT FROM cache_define('tb', jitter => 0, xfetch_beta => 0);
SELECT FROM cache_define('tc', jitter => 0, xfetch_beta => 1000, ttl => '20 s');
SET cachefront.transparent = marked;
SET cachefront.verify_rate = 0;

--
-- max_stale
--
/* cache name=ta */ SELECT v FROM ta_item WHERE id = 1;
/* cache name=ta */ SELECT v FROM ta_item WHERE id = 1;
UPDATE ta_item SET v = v + 1 WHERE id = 1;
/* cache name=ta */ SELECT v FROM ta_item WHERE id = 1;
/* cache name=ta */ SELECT v FROM ta_item WHERE id = 1;
SELECT max_stale_hits FROM cache_stats WHERE cache = 'ta';
-- who does not ask for it: another cache, whatever the setting says
/* cache name=tb */ SELECT v FROM ta_item WHERE id = 1;
/* cache name=tb */ SELECT v FROM ta_item WHERE id = 1;
SET cachefront.max_stale = '1 h';
UPDATE ta_item SET v = v + 1 WHERE id = 1;
/* cache name=tb */ SELECT v FROM ta_item WHERE id = 1;
RESET cachefront.max_stale;
-- a mark says so itself, or forbids it; the comment goes before the mark
SELECT FROM cache_query('SELECT v + 0 FROM ta_item WHERE id = 1', name => 'tb:old', max_stale => '1 h');
SELECT FROM cache_query('SELECT v * 1 FROM ta_item WHERE id = 1', name => 'ta:exact', max_stale => '0');
SELECT FROM cache_query('SELECT v - 0 FROM ta_item WHERE id = 1', name => 'ta:as_ta');
SELECT name, max_stale FROM cache_queries ORDER BY name;
SELECT v + 0 FROM ta_item WHERE id = 1;
SELECT v * 1 FROM ta_item WHERE id = 1;
SELECT v - 0 FROM ta_item WHERE id = 1;
UPDATE ta_item SET v = v + 1 WHERE id = 1;
SELECT v + 0 FROM ta_item WHERE id = 1;
SELECT v * 1 FROM ta_item WHERE id = 1;
SELECT v - 0 FROM ta_item WHERE id = 1;
/* cache name=tb */ SELECT v + 0 FROM ta_item WHERE id = 1;
SELECT item, value FROM cache_explain('SELECT v + 0 FROM ta_item WHERE id = 1') WHERE item IN ('max stale', 'L1');
SELECT item, value FROM cache_explain('SELECT v * 1 FROM ta_item WHERE id = 1') WHERE item = 'max stale';
SELECT max_stale_hits FROM cache_stats WHERE cache IN ('ta', 'tb') ORDER BY cache;
SELECT count(cache_query_drop(name)) FROM cache_queries;
-- what does not go to the client, or not as it is
CREATE TABLE ta_made AS SELECT /* cache name=ta */ v FROM ta_item WHERE id = 1;
SELECT v FROM ta_made;
UPDATE ta_item SET v = v + 1 WHERE id = 1;
SELECT /* cache name=ta */ v INTO ta_into FROM ta_item WHERE id = 1;
SELECT v FROM ta_into;
UPDATE ta_item SET v = v + 1 WHERE id = 1;
COPY (SELECT /* cache name=ta */ v FROM ta_item WHERE id = 1) TO STDOUT;
UPDATE ta_item SET v = v + 1 WHERE id = 1;
CREATE FUNCTION ta_inside() RETURNS int LANGUAGE plpgsql AS $$
DECLARE r int; BEGIN SELECT /* cache name=ta */ v INTO r FROM ta_item WHERE id = 1; RETURN r; END $$;
SELECT ta_inside();
UPDATE ta_item SET v = v + 1 WHERE id = 1;
CREATE FUNCTION ta_definer() RETURNS SETOF int LANGUAGE sql SECURITY DEFINER AS
$$ SELECT /* cache name=ta */ v FROM ta_item WHERE id = 1 $$;
SELECT * FROM ta_definer();
UPDATE ta_item SET v = v + 1 WHERE id = 1;
CREATE MATERIALIZED VIEW ta_view AS SELECT /* cache name=ta */ v FROM ta_item WHERE id = 1;
UPDATE ta_item SET v = v + 1 WHERE id = 1;
REFRESH MATERIALIZED VIEW ta_view;
SELECT v FROM ta_view;
UPDATE ta_item SET v = v + 1 WHERE id = 1;
PREPARE ta_one AS SELECT /* cache name=ta */ v FROM ta_item WHERE id = 1;
EXECUTE ta_one;
-- a transaction that has written, and an old snapshot
UPDATE ta_item SET v = v + 1 WHERE id = 1;
BEGIN;
UPDATE ta_item SET v = v + 100 WHERE id = 2;
/* cache name=ta */ SELECT v FROM ta_item WHERE id = 1;
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
/* cache name=ta */ SELECT v FROM ta_item WHERE id = 1;
COMMIT;
SELECT max_stale_hits FROM cache_stats WHERE cache = 'ta';
-- what anything else than rows has outdated is gone
/* cache name=ta */ SELECT v FROM ta_item WHERE id = 1;
UPDATE ta_item SET v = v + 1 WHERE id = 1;
SELECT FROM cache_invalidate_table('ta_item');
/* cache name=ta */ SELECT v FROM ta_item WHERE id = 1;
UPDATE ta_item SET v = v + 1 WHERE id = 1;
ALTER TABLE ta_item ADD w int;
/* cache name=ta */ SELECT v FROM ta_item WHERE id = 1;

--
-- The self-check
--
SET cachefront.verify_rate = 1;
CREATE VIEW ta_verified AS SELECT verified, verify_failures FROM cache_stats WHERE cache = 'tb';
SELECT verified AS n FROM ta_verified \gset
/* cache name=tb */ SELECT id, v FROM ta_item WHERE id < 4 ORDER BY id;
/* cache name=tb */ SELECT id, v FROM ta_item WHERE id < 4 ORDER BY id;
/* cache name=tb */ SELECT id, v FROM ta_item WHERE id < 4 ORDER BY id;
/* cache name=tb */ SELECT id, v FROM ta_item WHERE id < 4 ORDER BY id;
/* cache name=tb */ SELECT count(*), sum(v) > 0 FROM ta_item;
/* cache name=tb */ SELECT count(*), sum(v) > 0 FROM ta_item;
SELECT verified - :n AS verified, verify_failures FROM ta_verified;
-- of these rows do not decide what they give
SELECT verified AS n FROM ta_verified \gset
/* cache name=tb */ SELECT v FROM ta_item WHERE id > 1 LIMIT 1;
/* cache name=tb */ SELECT v FROM ta_item WHERE id > 1 LIMIT 1;
SELECT verified - :n AS verified, verify_failures FROM ta_verified;
RESET cachefront.verify_rate;

--
-- Early refresh: a load takes more than a thousandth of its life
--
/* cache name=tc */ SELECT count(*) FROM ta_item a, ta_item b, ta_item c WHERE a.id + b.id < c.id AND a.id < 40;
/* cache name=tc */ SELECT count(*) FROM ta_item a, ta_item b, ta_item c WHERE a.id + b.id < c.id AND a.id < 40;
/* cache name=tc */ SELECT count(*) FROM ta_item a, ta_item b, ta_item c WHERE a.id + b.id < c.id AND a.id < 40;
/* cache name=tc */ SELECT count(*) FROM ta_item a, ta_item b, ta_item c WHERE a.id + b.id < c.id AND a.id < 40;
/* cache name=tc */ SELECT count(*) FROM ta_item a, ta_item b, ta_item c WHERE a.id + b.id < c.id AND a.id < 40;
/* cache name=tc */ SELECT count(*) FROM ta_item a, ta_item b, ta_item c WHERE a.id + b.id < c.id AND a.id < 40;
SELECT early_refreshes > 0 AS refreshed FROM cache_stats WHERE cache = 'tc';

SELECT cache_drop('ta'), cache_drop('tb'), cache_drop('tc');
DROP VIEW ta_verified;
DROP MATERIALIZED VIEW ta_view;
DROP FUNCTION ta_inside(), ta_definer();
DROP TABLE ta_item, ta_made, ta_into;
