-- Rules: triggers that say what a change of a table invalidates. A trigger's
-- own arguments are the only record.

CREATE FUNCTION cache_invalidate_row()
RETURNS trigger
LANGUAGE C
AS 'MODULE_PATHNAME', 'cachefront_invalidate_row';
COMMENT ON FUNCTION cache_invalidate_row() IS
'row trigger: invalidates the old and the new row, and the keys and tags that its templates give for them, and refreshes its cache';

CREATE FUNCTION cache_invalidate_statement()
RETURNS trigger
LANGUAGE C
AS 'MODULE_PATHNAME', 'cachefront_invalidate_statement';
COMMENT ON FUNCTION cache_invalidate_statement() IS
'statement trigger: invalidates what was read from the table';

CREATE FUNCTION cache_attach(rel regclass, key text DEFAULT NULL, tags text[] DEFAULT NULL,
                             columns text[] DEFAULT NULL, mode text DEFAULT 'invalidate',
                             rows text[] DEFAULT NULL, cache text DEFAULT NULL,
                             arg_columns text[] DEFAULT NULL)
RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cachefront_attach';
COMMENT ON FUNCTION cache_attach(regclass, text, text[], text[], text, text[], text, text[]) IS
'create the triggers of a rule, which tells rows apart by its templates'' columns, those of rows, or else the primary key; returns its name';

CREATE FUNCTION cache_detach(rel regclass, key text DEFAULT NULL, tags text[] DEFAULT NULL,
                             columns text[] DEFAULT NULL, rows text[] DEFAULT NULL,
                             cache text DEFAULT NULL, arg_columns text[] DEFAULT NULL)
RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'cachefront_detach';
COMMENT ON FUNCTION cache_detach(regclass, text, text[], text[], text[], text, text[]) IS
'drop all rules of a table, or the one with these templates, rows and cache; returns how many';

CREATE FUNCTION cache_rules_data(
    OUT rel regclass, OUT rule name, OUT kind text, OUT key text, OUT tags text[],
    OUT rows text[], OUT columns text[], OUT cache text, OUT arg_columns text[], OUT enabled text,
    OUT missed bigint, OUT problem text)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 20
AS 'MODULE_PATHNAME', 'cachefront_rules';
COMMENT ON FUNCTION cache_rules_data() IS 'data of the view cache_rules';

CREATE VIEW cache_rules AS SELECT * FROM cache_rules_data();
COMMENT ON VIEW cache_rules IS
'the rules of this database, from the arguments of their triggers: of the tables that the reader owns, or for pg_monitor of all';

-- A rule concerns others, too: what it matches depends on it. So a trigger by
-- hand takes the same right as cache_attach, which makes it with its caller's.
REVOKE ALL ON FUNCTION cache_attach(regclass, text, text[], text[], text, text[], text, text[]),
    cache_detach(regclass, text, text[], text[], text[], text, text[]),
    cache_invalidate_row(), cache_invalidate_statement() FROM PUBLIC;
GRANT SELECT ON cache_rules TO PUBLIC;
-- The database's owner need not be a superuser to restore tables with rules.
GRANT EXECUTE ON FUNCTION cache_invalidate_row(), cache_invalidate_statement()
    TO pg_database_owner;
