-- Reads: cache_fetch*, section 2 "Read" of the design.
--
-- args is declared "any" and not record so that (42), which SQL reads as a
-- parenthesised scalar and not as a row, is accepted as well as (42, 'x') and
-- ROW(42). The form whose args are text is that of untyped literals and of
-- untyped parameters of a driver: PostgreSQL prefers text for what has no type.
-- Either way the query says of what type its parameters are (request/params.c).
--
-- PARALLEL UNSAFE: a load runs whatever its query calls, also what must not
-- run in parallel mode, such as PL/pgSQL with an EXCEPTION block.

CREATE FUNCTION cache_fetch(key text, query text, args "any" DEFAULT NULL,
                            ttl interval DEFAULT NULL, tags text[] DEFAULT NULL)
RETURNS json
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cachefront_fetch';
COMMENT ON FUNCTION cache_fetch(text, text, "any", interval, text[]) IS
'rows of a query as a JSON array, from the cache where it holds them';

CREATE FUNCTION cache_fetch(key text, query text, args text,
                            ttl interval DEFAULT NULL, tags text[] DEFAULT NULL)
RETURNS json
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cachefront_fetch';
COMMENT ON FUNCTION cache_fetch(text, text, text, interval, text[]) IS
'with untyped arguments: rows of a query as a JSON array, from the cache where it holds them';

CREATE FUNCTION cache_fetch_row(key text, query text, args "any" DEFAULT NULL,
                                ttl interval DEFAULT NULL, tags text[] DEFAULT NULL)
RETURNS json
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cachefront_fetch_row';
COMMENT ON FUNCTION cache_fetch_row(text, text, "any", interval, text[]) IS
'first row of a query as a JSON object, or NULL, from the cache where it holds it';

CREATE FUNCTION cache_fetch_row(key text, query text, args text,
                                ttl interval DEFAULT NULL, tags text[] DEFAULT NULL)
RETURNS json
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cachefront_fetch_row';
COMMENT ON FUNCTION cache_fetch_row(text, text, text, interval, text[]) IS
'with untyped arguments: first row of a query as a JSON object, or NULL, from the cache where it holds it';

CREATE FUNCTION cache_fetch_rows(key text, query text, args "any" DEFAULT NULL,
                                 ttl interval DEFAULT NULL, tags text[] DEFAULT NULL)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 100
AS 'MODULE_PATHNAME', 'cachefront_fetch_rows';
COMMENT ON FUNCTION cache_fetch_rows(text, text, "any", interval, text[]) IS
'typed rows of a query, for FROM with a column definition list, from the cache where it holds them';

CREATE FUNCTION cache_fetch_rows(key text, query text, args text,
                                 ttl interval DEFAULT NULL, tags text[] DEFAULT NULL)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 100
AS 'MODULE_PATHNAME', 'cachefront_fetch_rows';
COMMENT ON FUNCTION cache_fetch_rows(text, text, text, interval, text[]) IS
'with untyped arguments: typed rows of a query, for FROM with a column definition list, from the cache where it holds them';
