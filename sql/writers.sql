-- Write-behind: cache_define_writer, cache_add, cache_put, cache_pending, cache_flush_writes,
-- cache_writes, cache_dead_writes, cache_retry_writes, cache_drop_writer.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cachefront;
CREATE SCHEMA regress_cf_writers;
SET search_path = regress_cf_writers, public;
CREATE TABLE page (id int PRIMARY KEY, views bigint NOT NULL DEFAULT 0, best numeric, title text);
INSERT INTO page (id) SELECT generate_series(1, 10);

--
-- A counter
--
SELECT cache_define_writer('rwv', $$UPDATE page p SET views = p.views + b.value
	FROM unnest($1::int[], $2::bigint[]) AS b(id, value) WHERE p.id = b.id$$, '{int}', flush_interval => '1 hour');
SELECT name, arg_types, value_type, merge, buffer, flush_interval, flush_rows, missing, security, writers, search_path,
	owner = current_user AS mine FROM cache_writers WHERE name LIKE 'rw%';
SELECT cache_add('rwv', 1, 1);
SELECT cache_add('rwv', 2, 1), cache_add('rwv', 5, 2::bigint), cache_add('rwv', '7', '3'), cache_add('rwv', 1, VARIADIC ARRAY['3']);
SELECT count(cache_add('rwv', 1, n % 3 + 1)) FROM generate_series(1, 300) n;
SELECT id, views, cache_pending('rwv', id) FROM page WHERE id <= 4 ORDER BY id;
SELECT * FROM cache_pending('rwv') ORDER BY args;
SELECT name, state, buffered, oldest <= now() AS oldest, flushed, dead, last_error FROM cache_writes WHERE name LIKE 'rw%';
SELECT cache_flush_writes();
SELECT id, views, cache_pending('rwv', id) FROM page WHERE id <= 4 ORDER BY id;
SELECT * FROM cache_pending('rwv') ORDER BY args;
SELECT name, state, buffered, oldest, flushed, statements, dead FROM cache_writes WHERE name LIKE 'rw%';
PREPARE untyped AS SELECT cache_add('rwv', $1, $2);
EXECUTE untyped(1, 4);
DEALLOCATE untyped;

-- What is rolled back was never written.
BEGIN;
SELECT cache_add('rwv', 1000, 4);
SELECT cache_pending('rwv', 4);
ROLLBACK;
BEGIN;
SELECT cache_add('rwv', 10, 4);
SAVEPOINT s;
SELECT cache_add('rwv', 1000, 4);
ROLLBACK TO s;
SELECT cache_add('rwv', 100, 4);
COMMIT;
SELECT cache_pending('rwv', 4);
SELECT cache_flush_writes();
SELECT views FROM page WHERE id = 4;

--
-- last, max, min; values of several kinds; a null; keys of several columns
--
SELECT cache_define_writer('rwt', $$UPDATE page p SET title = b.value
	FROM unnest($1::int[], $2::text[]) AS b(id, value) WHERE p.id = b.id$$, '{int}', 'text', 'last', flush_interval => '1 hour');
SELECT cache_put('rwt', 'one', 1), cache_put('rwt', 'two', 2);
SELECT cache_put('rwt', 'uno', 1), cache_put('rwt', NULL::text, 2), cache_put('rwt', 'tre'::varchar, 3);
SELECT * FROM cache_pending('rwt') ORDER BY args;
SELECT cache_pending('rwt', 1);
SELECT cache_flush_writes();
SELECT id, title FROM page WHERE id <= 3 ORDER BY id;
SELECT cache_define_writer('rwmax', $$UPDATE page p SET best = greatest(p.best, b.value)
	FROM unnest($1::int[], $2::numeric[]) AS b(id, value) WHERE p.id = b.id$$, '{int}', 'numeric', 'max', flush_interval => '1 hour');
SELECT cache_put('rwmax', 3.5, 1), cache_put('rwmax', 12, 1), cache_put('rwmax', '7', '1');
SELECT cache_pending('rwmax', 1), cache_pending('rwmax', 2);
SELECT cache_define_writer('rwmin', $$INSERT INTO page (id, best) SELECT * FROM unnest($1::int[], $2::numeric[])
	ON CONFLICT (id) DO UPDATE SET best = least(page.best, excluded.best)$$, '{int}', 'numeric', 'min', flush_interval => '1 hour');
SELECT cache_put('rwmin', 3, 11), cache_put('rwmin', -2.50, 11), cache_put('rwmin', 9, 11);
SELECT * FROM cache_pending('rwmin');
SELECT cache_flush_writes();
SELECT id, best FROM page WHERE id IN (1, 11) ORDER BY id;
-- Applied once: what somebody has set back stays.
UPDATE page SET best = 0 WHERE id = 1;
SELECT cache_put('rwmax', 1, 2), cache_flush_writes() IS NULL;
SELECT cache_flush_writes();
SELECT id, best FROM page WHERE id <= 2 ORDER BY id;
-- No argument: a total.
CREATE TABLE total (n numeric);
INSERT INTO total VALUES (0.5);
SELECT cache_define_writer('rwn', 'UPDATE total SET n = n + b.value FROM unnest($1::numeric[]) AS b(value)', '{}', 'numeric', flush_interval => '1 hour');
SELECT cache_add('rwn', 1.25), cache_add('rwn', 2);
SELECT args, value FROM cache_pending('rwn');
SELECT cache_flush_writes();
SELECT n FROM total;

--
-- Keys are equal as their types say
--
CREATE TABLE price (id numeric PRIMARY KEY, day interval, n bigint DEFAULT 0);
INSERT INTO price VALUES (1.0, '1 day'), (3, '2 days');
SELECT cache_define_writer('rwk', $$UPDATE price p SET n = p.n + b.value
	FROM unnest($1::numeric[], $2::interval[], $3::bigint[]) AS b(id, day, value) WHERE p.id = b.id AND p.day = b.day$$,
	'{numeric,interval}', flush_interval => '1 hour');
SELECT cache_add('rwk', 10, 1.0, '1 day'), cache_add('rwk', 10, 1.00, '24:00:00'), cache_add('rwk', 10, 1, interval '1 day');
SELECT cache_add('rwk', 5, 3, '48:00');
SET intervalstyle = iso_8601;
SELECT cache_add('rwk', 1, 3, interval '2 days');
RESET intervalstyle;
SELECT * FROM cache_pending('rwk') ORDER BY args;
SELECT cache_flush_writes();
SELECT * FROM price ORDER BY id;
SELECT count(*) FROM cache_dead_writes WHERE writer LIKE 'rw%';

--
-- A sum that would overflow is of two statements
--
SELECT cache_add('rwk', 9223372036854775807, 1, '1 day'), cache_add('rwk', 9223372036854775807, 1, '1 day');
SELECT cache_pending('rwk', 1, '1 day');
UPDATE price SET n = -9223372036854775807 WHERE id = 1;
SELECT cache_flush_writes();
SELECT n FROM price WHERE id = 1;

--
-- Dead writes
--
ALTER TABLE page ADD CONSTRAINT few CHECK (views < 100000);
SELECT cache_add('rwv', 100000, 1), cache_add('rwv', 1, 2), cache_add('rwv', 3, 404), cache_add('rwv', 4, 404);
SELECT cache_flush_writes();
SELECT writer, args, value, sqlstate, error, at <= now() AS at FROM cache_dead_writes WHERE writer LIKE 'rw%' ORDER BY args;
SELECT id, views FROM page WHERE id <= 2 ORDER BY id;
SELECT state, buffered, dead FROM cache_writes WHERE name = 'rwv';
ALTER TABLE page DROP CONSTRAINT few;
INSERT INTO page (id) VALUES (404);
SELECT cache_retry_writes('rwv');
SELECT cache_flush_writes();
SELECT id, views FROM page WHERE id IN (1, 404) ORDER BY id;
SELECT count(*) FROM cache_dead_writes WHERE writer LIKE 'rw%';
SELECT cache_retry_writes('rwv');
-- Or nobody cares.
SELECT cache_define_writer('rwi', $$UPDATE page p SET views = p.views + b.value
	FROM unnest($1::int[], $2::bigint[]) AS b(id, value) WHERE p.id = b.id$$, '{int}', flush_interval => '1 hour', missing => 'ignore');
SELECT cache_add('rwi', 1, 405), cache_add('rwi', 1, 5);
SELECT cache_flush_writes();
SELECT flushed, unmatched, dead FROM cache_writes WHERE name = 'rwi';
SELECT views FROM page WHERE id = 5;

--
-- What is no row's fault pauses the writer
--
SELECT cache_add('rwv', 1, 6);
ALTER TABLE page RENAME TO pages;
SELECT cache_add('rwv', 1, 6);
SELECT cache_flush_writes('0.5 s');
SELECT state, buffered, dead, last_error, retry_at > now() AS retries FROM cache_writes WHERE name = 'rwv';
ALTER TABLE pages RENAME TO page;
SELECT cache_flush_writes();
SELECT state, buffered, dead, retry_at FROM cache_writes WHERE name = 'rwv';
SELECT views FROM page WHERE id = 6;

--
-- Refused
--
BEGIN;
SELECT cache_add('rwv', 1, 1);
SELECT cache_flush_writes();
ROLLBACK;
SELECT cache_add('none', 1, 1);
SELECT cache_add('rwv', 1);
SELECT cache_add('rwv', 1, 1, 2);
SELECT cache_add('rwv', 1, 'x');
SELECT cache_add('rwv', 1, NULL);
SELECT cache_add('rwv', NULL, 1);
SELECT cache_add('rwv', 1.5, 1);
SELECT cache_add('rwv', 1, 5000000000);
SELECT cache_add('rwv', 1, true);
SELECT cache_put('rwv', 1, 1);
SELECT cache_add('rwt', 1, 1);
SELECT cache_put('rwmax', NULL::numeric, 1);
SELECT cache_put('rwmax', true, 1);
BEGIN READ ONLY;
SELECT cache_add('rwv', 1, 1);
ROLLBACK;
SELECT cache_define_writer('rwx', 'SELECT 1', '{}');
SELECT cache_define_writer('rwx', 'UPDATE page SET id = 1; DELETE FROM page', '{}');
SELECT cache_define_writer('rwx', 'TRUNCATE page', '{}');
SELECT cache_define_writer('rwx', 'UPDATE nowhere SET id = 1', '{}');
SELECT cache_define_writer('rwx', 'UPDATE page SET views = $2[1]', '{int[]}');
SELECT cache_define_writer('rwx', 'UPDATE page SET views = $2[1]', '{page}');
SELECT cache_define_writer('rwx', 'UPDATE page SET views = $2[1]', '{json}');
SELECT cache_define_writer('rwx', 'UPDATE page SET views = $2[1]', '{anyelement}');
CREATE DOMAIN small AS int CHECK (VALUE < 10);
SELECT cache_define_writer('rwx', 'UPDATE page SET views = $2[1]', '{small}');
SELECT cache_define_writer('rwx', 'UPDATE page SET views = $1[1]', '{}', 'float8');
SELECT cache_define_writer('rwx', 'UPDATE page SET views = $1[1]', '{}', merge => 'avg');
SELECT cache_define_writer('rwx', 'UPDATE page SET title = $1[1]', '{}', 'json', 'max');
SELECT cache_define_writer('rwx', 'UPDATE page SET views = $1[1]', '{}', buffer => 'redis');
SELECT cache_define_writer('rwx', 'UPDATE page SET views = $1[1]', '{}', 'numeric', buffer => 'memory');
SELECT cache_define_writer('rwx', 'UPDATE page SET views = $1[1]', '{}', merge => 'last', buffer => 'memory');
SELECT cache_define_writer('rwx', 'UPDATE page SET title = $1[1]', '{}', 'text', 'max', buffer => 'memory');
SELECT cache_define_writer('rwx', 'UPDATE page SET views = $1[1]', '{}', flush_interval => '1 day');
SELECT cache_define_writer('rwx', 'UPDATE page SET views = $1[1]', '{}', flush_rows => 0);
SELECT cache_define_writer('rwx', 'UPDATE page SET views = $1[1]', '{}', missing => 'what');
SELECT cache_define_writer('rwx', 'UPDATE page SET views = $1[1]', '{}', writers => '{nobody_of_that_name}');
SELECT cache_define_writer('r x', 'UPDATE page SET views = $1[1]', '{}');
SELECT cache_define_writer(NULL, 'UPDATE page SET views = $1[1]', '{}');
SELECT cache_flush_writes('-1 s');

--
-- Nothing that is buffered is lost by the way
--
SELECT cache_add('rwv', 1, 7);
SELECT cache_drop_writer('rwv');
SELECT cache_define_writer('rwv', 'UPDATE page SET views = 0 WHERE id = any($1)', '{int}');
DROP EXTENSION cachefront;
DROP EXTENSION cachefront CASCADE;
SELECT cache_pending('rwv', 7);
SELECT cache_drop_writer('rwv', discard => true);
SELECT count(*) FROM cache_pending('rwn');
SELECT cache_drop_writer('rwv');
SELECT cache_add('rwv', 1, 7);
SELECT views FROM page WHERE id = 7;
SELECT cache_drop_writer(name) FROM cache_writers WHERE name LIKE 'rw%' ORDER BY name;
SELECT count(*) FROM cache_write_queue WHERE writer LIKE 'rw%';
DROP SCHEMA regress_cf_writers CASCADE;
