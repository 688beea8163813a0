--
-- cache_set among other operations of its transaction: the last word on a value
-- holds, and nothing that it replaced comes back.
--
CREATE EXTENSION IF NOT EXISTS cachefront;
SET client_min_messages = warning;
SELECT cache_define('lw', jitter => 0);
-- the values that are there before each transaction: one without a tag, one with
\set old 'SELECT cache_set(''lw:a'', ''"old a"''), cache_set(''lw:b'', ''"old b"'', tags => ARRAY[''t'']);'
\set look 'SELECT cache_get(''lw:a'') AS a, cache_get(''lw:b'') AS b;'
-- overtaken by a tag of its own: there is none, not the one before
:old
BEGIN;
SELECT cache_set('lw:a', '"new a"', tags => ARRAY['t']), cache_set('lw:b', '"new b"', tags => ARRAY['t']);
SELECT cache_invalidate_tag('t');
:look
COMMIT;
:look
-- the tag before it
:old
BEGIN;
SELECT cache_invalidate_tag('t');
SELECT cache_set('lw:a', '"new a"', tags => ARRAY['t']), cache_set('lw:b', '"new b"', tags => ARRAY['t']);
COMMIT;
:look
-- both, and a set after them; the tag of another value
:old
BEGIN;
SELECT cache_set('lw:a', '"lost"', tags => ARRAY['t']), cache_set('lw:b', '"kept"', tags => ARRAY['u']);
SELECT cache_invalidate_tag('t');
SELECT cache_set('lw:a', '"new a"', tags => ARRAY['t']);
COMMIT;
:look
-- a tag that is undone
:old
BEGIN;
SELECT cache_set('lw:a', '"new a"', tags => ARRAY['t']);
SAVEPOINT s;
SELECT cache_invalidate_tag('t');
ROLLBACK TO s;
COMMIT;
:look
-- a set that is undone: what was before it stays
:old
BEGIN;
SAVEPOINT s;
SELECT cache_set('lw:a', '"new a"', tags => ARRAY['v']);
ROLLBACK TO s;
SELECT cache_invalidate_tag('v');
COMMIT;
:look
-- a touch does not bring it back either
:old
BEGIN;
SELECT cache_set('lw:a', '"new a"', tags => ARRAY['t']);
SELECT cache_invalidate_tag('t');
SELECT cache_touch('lw:a', '1 hour');
COMMIT;
:look
-- a key, a deletion, all
:old
BEGIN;
SELECT cache_set('lw:a', '"new a"'), cache_set('lw:b', '"new b"');
SELECT cache_invalidate('lw:a'), cache_delete('lw:b');
COMMIT;
:look
:old
BEGIN;
SELECT cache_flush();
SELECT cache_set('lw:a', '"new a"');
COMMIT;
:look
-- with definitions in the same transaction, in either order
:old
BEGIN;
CREATE TABLE lw_t (id int);
SELECT cache_set('lw:a', '"new a"');
COMMIT;
:look
:old
BEGIN;
SELECT cache_set('lw:a', '"newer a"', tags => ARRAY['t']);
ALTER TABLE lw_t ADD COLUMN v int;
COMMIT;
:look
:old
BEGIN;
SELECT cache_get('lw:c');
GRANT SELECT ON lw_t TO PUBLIC;
SELECT cache_set('lw:c', '"a fill"', tags => ARRAY['t']);
COMMIT;
SELECT cache_get('lw:c');
BEGIN;
CREATE ROLE regress_cf_lw;
CREATE ROLE regress_cf_lw2 ROLE regress_cf_lw;
SELECT cache_set('lw:a', '"with a role"');
COMMIT;
:look
BEGIN;
SELECT cache_set('lw:a', '"lost"', tags => ARRAY['t']);
DROP TABLE lw_t;
SELECT cache_invalidate_tag('t');
COMMIT;
:look
BEGIN;
SELECT cache_set('lw:a', '"undone"');
CREATE TABLE lw_t (id int);
ROLLBACK;
:look
-- a large log: more operations than are searched one by one, and some undone
:old
BEGIN;
SELECT count(cache_set('lw:' || i, to_json(i), tags => ARRAY['t' || i, 'all'])) FROM generate_series(1, 100) i;
SELECT cache_invalidate_tag('t50');
SAVEPOINT s;
SELECT cache_invalidate_tag('all');
ROLLBACK TO s;
SELECT cache_invalidate_tag('t51');
SELECT cache_set('lw:51', '"again"', tags => ARRAY['t51']);
COMMIT;
SELECT cache_get('lw:' || i) AS v FROM generate_series(49, 52) i;
-- a tag once more: after it was undone, after a set, and in the next transaction
:old
BEGIN;
SAVEPOINT s;
SELECT cache_invalidate_tag('t');
ROLLBACK TO s;
SELECT cache_invalidate_tag('t');
COMMIT;
:look
:old
BEGIN;
SELECT cache_invalidate_tag('t');
SELECT cache_set('lw:b', '"lost"', tags => ARRAY['t']);
SELECT cache_invalidate_tag('t');
COMMIT;
:look
:old
BEGIN;
SELECT cache_invalidate_tag('u'), cache_invalidate_tag('t'), cache_invalidate_tag('t');
COMMIT;
:look
DROP ROLE regress_cf_lw2, regress_cf_lw;
SELECT cache_drop('lw');
