-- Named loaders: a cache whose definition has the query. The form whose arguments
-- are text is that of untyped literals and of untyped parameters of a driver. Either
-- way the definition says of what type they are (src/api/named.c).
--
-- PARALLEL UNSAFE: as cache_fetch.

CREATE FUNCTION cache_read(name text)
RETURNS json
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cachefront_read';
COMMENT ON FUNCTION cache_read(text) IS
'without arguments: rows of a cache''s query as a JSON array';

CREATE FUNCTION cache_read(name text, VARIADIC args "any")
RETURNS json
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cachefront_read';
COMMENT ON FUNCTION cache_read(text, VARIADIC "any") IS
'rows of a cache''s query as a JSON array';

CREATE FUNCTION cache_read(name text, VARIADIC args text[])
RETURNS json
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cachefront_read';
COMMENT ON FUNCTION cache_read(text, VARIADIC text[]) IS
'with untyped arguments: rows of a cache''s query as a JSON array';

CREATE FUNCTION cache_read_row(name text)
RETURNS json
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cachefront_read_row';
COMMENT ON FUNCTION cache_read_row(text) IS
'without arguments: first row of a cache''s query as a JSON object, or NULL';

CREATE FUNCTION cache_read_row(name text, VARIADIC args "any")
RETURNS json
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cachefront_read_row';
COMMENT ON FUNCTION cache_read_row(text, VARIADIC "any") IS
'first row of a cache''s query as a JSON object, or NULL';

CREATE FUNCTION cache_read_row(name text, VARIADIC args text[])
RETURNS json
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cachefront_read_row';
COMMENT ON FUNCTION cache_read_row(text, VARIADIC text[]) IS
'with untyped arguments: first row of a cache''s query as a JSON object, or NULL';

CREATE FUNCTION cache_read_rows(name text)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 100
AS 'MODULE_PATHNAME', 'cachefront_read_rows';
COMMENT ON FUNCTION cache_read_rows(text) IS
'without arguments: typed rows of a cache''s query, for FROM with a column definition list';

CREATE FUNCTION cache_read_rows(name text, VARIADIC args "any")
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 100
AS 'MODULE_PATHNAME', 'cachefront_read_rows';
COMMENT ON FUNCTION cache_read_rows(text, VARIADIC "any") IS
'typed rows of a cache''s query, for FROM with a column definition list';

CREATE FUNCTION cache_read_rows(name text, VARIADIC args text[])
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 100
AS 'MODULE_PATHNAME', 'cachefront_read_rows';
COMMENT ON FUNCTION cache_read_rows(text, VARIADIC text[]) IS
'with untyped arguments: typed rows of a cache''s query, for FROM with a column definition list';

CREATE FUNCTION cache_refresh(name text)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cachefront_refresh';
COMMENT ON FUNCTION cache_refresh(text) IS
'without arguments: loads a value anew, in a writing transaction at its commit';

CREATE FUNCTION cache_refresh(name text, VARIADIC args "any")
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cachefront_refresh';
COMMENT ON FUNCTION cache_refresh(text, VARIADIC "any") IS
'loads a value anew, in a writing transaction at its commit';

CREATE FUNCTION cache_refresh(name text, VARIADIC args text[])
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cachefront_refresh';
COMMENT ON FUNCTION cache_refresh(text, VARIADIC text[]) IS
'with untyped arguments: loads a value anew, in a writing transaction at its commit';

CREATE FUNCTION cache_key(name text)
RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cachefront_key';
COMMENT ON FUNCTION cache_key(text) IS
'without arguments: key of a value of a cache that has a query';

CREATE FUNCTION cache_key(name text, VARIADIC args "any")
RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cachefront_key';
COMMENT ON FUNCTION cache_key(text, VARIADIC "any") IS
'key of a value of a cache that has a query';

CREATE FUNCTION cache_key(name text, VARIADIC args text[])
RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cachefront_key';
COMMENT ON FUNCTION cache_key(text, VARIADIC text[]) IS
'with untyped arguments: key of a value of a cache that has a query';

CREATE FUNCTION cache_check(OUT cache text, OUT severity text, OUT problem text, OUT hint text)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cachefront_check';
COMMENT ON FUNCTION cache_check() IS
'what is wrong with cache definitions: queries that can no longer be planned, roles that are gone; no row when all is well';

REVOKE ALL ON FUNCTION cache_check() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cache_check() TO pg_database_owner;

-- PARALLEL UNSAFE: it begins subtransactions.
CREATE FUNCTION cache_warm(name text, keys text DEFAULT NULL, OUT done bigint, OUT errors bigint)
RETURNS record
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cachefront_warm';
COMMENT ON FUNCTION cache_warm(text, text) IS
'reads a cache for each row of a query, which has its arguments; how many reads came through, and how many failed';
