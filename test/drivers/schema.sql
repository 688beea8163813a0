-- What the programs beside it read: each type that drivers read in a way of its own.
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN small AS int CHECK (VALUE < 1000);
CREATE TABLE things (
	id int PRIMARY KEY, i2 smallint, i8 bigint, f float8, n numeric, n2 numeric(10, 2), t text, vc varchar(20),
	ch char(5), bo boolean, d date, ti time, ts timestamp, tz timestamptz, iv interval, b bytea, u uuid, j json,
	jb jsonb, ia int[], ta text[], na numeric[], m mood, ma mood[], p pair, pa pair[], r int4range, ip inet,
	sm small, x xml, nothing text);
INSERT INTO things VALUES
	(1, -2, 9007199254740993, 0.1, 123456789012345678901234567890.123456789, 1.50, E'it''s \u00e9\n', 'vc', 'ch', true,
	'2024-02-29', '12:34:56.789', '2024-02-29 12:34:56.789012', '2024-02-29 12:34:56.789012+00', '1 mon 2 days 03:04:05',
	'\x00ff5c27', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"a" : [1, null]}', '{"b": 1.10}', '{1,NULL,3}',
	'{a,"b,c",NULL,"\"q\""}', '{1.10,NaN}', 'happy', '{sad,ok}', '(7,"x, y")', '{"(1,a)","(,)"}', '[1,5)',
	'192.168.0.1/24', 42, '<a>b</a>', NULL),
	(2, 0, 0, 'NaN', 'NaN', -0.01, '', '', '', false, '1999-12-31', '00:00', '1900-01-01', '0001-01-01 12:00+00', '0', '',
	'00000000-0000-0000-0000-000000000000', 'null', 'null', '{}', '{}', '{{1,2},{3,4}}', 'sad', '{}', '(,)', '{}', 'empty', '::1',
	0, '', NULL);
INSERT INTO things (id) VALUES (3);
-- Wide values are kept compressed or elsewhere.
INSERT INTO things (id, t, b) SELECT 4, string_agg(md5(g::text), ''), decode(string_agg(md5(g::text), ''), 'hex')
	FROM generate_series(1, 400) g;
INSERT INTO things (id, n, t) SELECT g, g / 10.0, 'thing ' || g FROM generate_series(5, 40) g;
CREATE TABLE secrets AS SELECT 1 AS id, text 'a secret' AS name;
CREATE VIEW cheap AS SELECT id, t AS name FROM things WHERE n < 2;
ANALYZE things, secrets;
CREATE ROLE reader;
GRANT SELECT ON things, cheap TO reader;
