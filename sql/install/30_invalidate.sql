-- Invalidation: takes effect at commit, is undone by ROLLBACK [TO SAVEPOINT].

CREATE FUNCTION cache_invalidate(VARIADIC keys text[])
RETURNS void
LANGUAGE C VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cachefront_invalidate';
COMMENT ON FUNCTION cache_invalidate(text[]) IS
'drop everything cached under the keys when this transaction commits';

CREATE FUNCTION cache_invalidate_tag(VARIADIC tags text[])
RETURNS void
LANGUAGE C VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cachefront_invalidate_tag';
COMMENT ON FUNCTION cache_invalidate_tag(text[]) IS
'drop everything cached with one of the tags when this transaction commits';

CREATE FUNCTION cache_invalidate_table(rel regclass)
RETURNS void
LANGUAGE C VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cachefront_invalidate_table';
COMMENT ON FUNCTION cache_invalidate_table(regclass) IS
'drop everything cached that was read from the table when this transaction commits';

CREATE FUNCTION cache_flush()
RETURNS void
LANGUAGE C VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'cachefront_flush';
COMMENT ON FUNCTION cache_flush() IS
'drop everything cached for this database when this transaction commits';

REVOKE ALL ON FUNCTION cache_invalidate_table(regclass), cache_flush() FROM PUBLIC;
