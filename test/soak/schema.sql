-- What the checker (checker.c) reads and writes. Committed versions are even
-- and only grow; whoever will roll back writes odd ones.
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS soak CASCADE;
CREATE SCHEMA soak;
SET search_path = soak, public;

-- A row rule with a key; updated, deleted and inserted again, truncated.
CREATE TABLE t_key (id int PRIMARY KEY, grp int NOT NULL, version bigint NOT NULL);
-- A tag rule; rows move from tag to tag.
CREATE TABLE t_tag (id int PRIMARY KEY, grp int NOT NULL, version bigint NOT NULL);
CREATE INDEX ON t_tag (grp);
-- A table rule; the sum of amount is 0 in every committed state.
CREATE TABLE t_tab (id int PRIMARY KEY, version bigint NOT NULL, amount bigint NOT NULL);
-- Partitions, a key and a tag; rows move between partitions.
CREATE TABLE t_part (id int, grp int NOT NULL, version bigint NOT NULL, PRIMARY KEY (grp, id))
	PARTITION BY LIST (grp);
CREATE INDEX ON t_part (id);
-- Rows that come and go: it exists where half its version is even.
CREATE TABLE t_neg (id int PRIMARY KEY, version bigint NOT NULL);
CREATE TABLE neg_version (id int PRIMARY KEY, version bigint NOT NULL);

INSERT INTO t_key SELECT i, 0, 2 FROM generate_series(0, :keys - 1) i;
INSERT INTO t_tag SELECT i, i % :groups, 2 FROM generate_series(0, :keys - 1) i;
INSERT INTO t_tab SELECT i, 2, 0 FROM generate_series(0, :rows - 1) i;
SELECT format('CREATE TABLE t_part_%s PARTITION OF t_part FOR VALUES IN (%s)', i, i)
FROM generate_series(0, :groups - 1) i \gexec
INSERT INTO t_part SELECT i, i % :groups, 2 FROM generate_series(0, :keys - 1) i;
INSERT INTO neg_version SELECT i, 2 FROM generate_series(0, :keys - 1) i;

-- gen is a version as well: CREATE OR REPLACE VIEW raises it.
CREATE VIEW v_two AS
	SELECT k.id, k.version, t.version AS other, 2::bigint AS gen
	FROM t_key k JOIN t_tab t ON t.id = k.id % :rows;
-- A transaction that raises it raises it here, too; and nobody changes that table.
CREATE TABLE t_still AS SELECT 1 AS id;
CREATE VIEW v_still AS SELECT id, 2::bigint AS gen FROM t_still;

-- With -v without_rules=1 nothing is attached, and PostgreSQL's write set has to do.
\if :{?without_rules}
\else
SELECT cache_attach('t_key', key => 'k:{id}');
SELECT cache_attach('t_tag', tags => ARRAY['g:{grp}']);
SELECT cache_attach('t_tab', rows => '{}');
SELECT cache_attach('t_part', key => 'p:{id}', tags => ARRAY['r:{grp}']);
SELECT cache_attach('t_neg', key => 'n:{id}');

-- Values that the commits which change them load themselves; one of them is made of rows of two
-- tables, one of many rows.
SELECT cache_define('soak_key', query => 'SELECT version FROM t_key WHERE id = $1', arg_types => '{int}', scope => 'shared');
SELECT cache_define('soak_part', query => 'SELECT version FROM t_part WHERE id = $1', arg_types => '{int}', scope => 'shared');
SELECT cache_define('soak_neg', query => 'SELECT version FROM t_neg WHERE id = $1', arg_types => '{int}', scope => 'shared');
SELECT cache_define('soak_tag', query => 'SELECT id, version FROM t_tag WHERE grp = $1', arg_types => '{int}', scope => 'shared');
SELECT cache_define('soak_view', query => 'SELECT version, other, gen FROM v_two WHERE id = $1', arg_types => '{int}', scope => 'shared');
SELECT cache_attach('t_key', rows => '{id}', mode => 'refresh', cache => 'soak_key', arg_columns => '{id}');
SELECT cache_attach('t_part', rows => '{id}', mode => 'refresh', cache => 'soak_part', arg_columns => '{id}');
SELECT cache_attach('t_neg', rows => '{id}', mode => 'refresh', cache => 'soak_neg', arg_columns => '{id}');
SELECT cache_attach('t_tag', rows => '{grp}', mode => 'refresh', cache => 'soak_tag', arg_columns => '{grp}');
SELECT cache_attach('t_key', rows => '{id}', mode => 'refresh', cache => 'soak_view', arg_columns => '{id}');
SELECT cache_attach('t_tab', rows => '{id}', mode => 'refresh', cache => 'soak_view', arg_columns => '{id}');
\endif

CREATE FUNCTION next_version(version bigint, poison bool) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$ SELECT CASE WHEN poison THEN version | 1 ELSE version + 2 END $$;

-- Comes or goes.
CREATE FUNCTION flip(which int, poison bool) RETURNS bigint
LANGUAGE plpgsql SET search_path = soak, public AS $$
DECLARE
	v bigint;
BEGIN
	UPDATE neg_version SET version = next_version(version, poison)
		WHERE id = which RETURNING version INTO v;
	IF poison OR v / 2 % 2 = 0 THEN
		INSERT INTO t_neg VALUES (which, v)
			ON CONFLICT (id) DO UPDATE SET version = excluded.version;
	ELSE
		DELETE FROM t_neg WHERE id = which;
	END IF;
	RETURN v;
END $$;

-- TRUNCATE, and every row again with its next version.
CREATE FUNCTION refill(poison bool, tab text, cols text)
RETURNS TABLE (id int, version bigint, grp int)
LANGUAGE plpgsql SET search_path = soak, public AS $$
DECLARE
	saved jsonb;
BEGIN
	EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', tab);
	EXECUTE format('SELECT jsonb_agg(to_jsonb(t)) FROM %I t', tab) INTO saved;
	EXECUTE format('TRUNCATE %I', tab);
	PERFORM pg_sleep(random() * 0.002);
	EXECUTE format('INSERT INTO %1$I (id, version, %2$s)'
		' SELECT id, next_version(version, $2), %2$s'
		' FROM jsonb_populate_recordset(NULL::%1$I, $1)', tab, cols) USING saved, poison;
	RETURN QUERY EXECUTE format('SELECT id, version, %s::int FROM %I', cols, tab);
END $$;
