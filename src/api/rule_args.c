/*
 * rule_args.c - from the arguments of cache_attach and cache_detach to those of a trigger.
 *
 * All is checked against the table; and of mode 'refresh', against the cache that is to be
 * refreshed.
 *
 * src/api/rule_args.c
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "catalog/catalog.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "api/args.h"
#include "api/named.h"
#include "api/refresh.h"
#include "api/rule_args.h"
#include "base/compat.h"
#include "rules/define.h"
#include "rules/rule.h"

void
cf_rule_require_table(Relation rel)
{
	const char *why = NULL;

	if (rel->rd_rel->relkind != RELKIND_RELATION &&
		rel->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
		why = "Rules are for tables and partitioned tables.";
	else if (IsCatalogRelation(rel))
		why = "It is a system table.";
	else if (RelationUsesLocalBuffers(rel))
		why = "It is a temporary table, and queries of those are not cached.";
	if (why != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("cannot attach a rule to \"%s\"", RelationGetRelationName(rel)),
				 errdetail("%s", why)));
}

static void
require_column(Relation rel, const char *name)
{
	int			attnum = SPI_fnumber(RelationGetDescr(rel), name);

	if (attnum <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation \"%s\" does not exist",
						name, RelationGetRelationName(rel))));
	if (CF_IS_VIRTUAL(TupleDescAttr(RelationGetDescr(rel), attnum - 1)->attgenerated))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot use virtual generated column \"%s\" of relation \"%s\" in a rule",
						name, RelationGetRelationName(rel)),
				 errhint("Name the columns that it is computed from, or make it STORED.")));
}

static void
require_template(Relation rel, const char *text)
{
	CfTemplate	template;
	CfTemplateError error = cf_template_parse(text, &template);

	if (error != CF_TEMPLATE_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid template \"%s\"", text),
				 errdetail("%s", cf_template_error(error))));
	if (!cf_template_has_column(&template))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("template \"%s\" names no column", text),
				 errdetail("Every row would give the same key or tag."),
				 errhint("Write a column's name in braces, as in 'product:{id}'. For what depends on the whole table, attach a rule with rows => '{}'.")));
	for (int i = 0; i < template.nparts; i++)
	{
		if (template.parts[i].is_column)
			require_column(rel, template.parts[i].text);
	}
}

/* What its literal beginning gives is known now; the trigger drops the rest. */
static void
require_tag_template(Relation rel, const char *text)
{
	CfTemplate	template;

	require_template(rel, text);
	(void) cf_template_parse(text, &template);
	if (!template.parts[0].is_column && template.parts[0].len > 1 &&
		cf_tag_is_reserved(template.parts[0].text, template.parts[0].len))
		ereport(ERROR,
				(errcode(ERRCODE_RESERVED_NAME),
				 errmsg("tag template \"%s\" is reserved", text),
				 errdetail("Tags that begin with \"table:\" or \"rule:\" are the cache's own."),
				 errhint("Choose another name.")));
}

static void
append_arg(CfTriggerArgs *args, const char *option, const char *value)
{
	appendStringInfo(&args->sql, "%s%s, %s", args->sql.len > 0 ? ", " : "",
					 quote_literal_cstr(option), quote_literal_cstr(value));
	appendBinaryStringInfo(&args->stored, option, strlen(option) + 1);
	appendBinaryStringInfo(&args->stored, value, strlen(value) + 1);
}

static void
append_row_column(CfTriggerArgs *args, Relation rel, const char *name)
{
	AttrNumber	attnum;
	CfHashing	hashing;

	require_column(rel, name);
	attnum = SPI_fnumber(RelationGetDescr(rel), name);
	if (!cf_hashing_of_type(TupleDescAttr(RelationGetDescr(rel), attnum - 1)->atttypid,
							&hashing))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot tell rows of \"%s\" apart by column \"%s\"",
						RelationGetRelationName(rel), name),
				 errdetail("Values of type %s cannot be hashed.",
						   format_type_be(TupleDescAttr(RelationGetDescr(rel),
														attnum - 1)->atttypid))));
	append_arg(args, "row", name);
}

/* The columns of rows => ...; an empty list says that all rows are one. */
static void
append_rows(CfTriggerArgs *args, Relation rel, text **names, int n)
{
	if (n > CF_RULE_MAX_ROWS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a rule cannot tell rows apart by more than %d columns",
						CF_RULE_MAX_ROWS)));
	for (int i = 0; i < n; i++)
		append_row_column(args, rel, text_to_cstring(names[i]));
}

static void
append_primary_key(CfTriggerArgs *args, Relation rel)
{
	Oid			constraint;
	Bitmapset  *columns = get_primary_key_attnos(RelationGetRelid(rel), true, &constraint);
	int			member = -1;

	if (columns == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("table \"%s\" has no primary key", RelationGetRelationName(rel)),
				 errdetail("A rule for which nothing else is named tells rows apart by it."),
				 errhint("Name the columns that queries find rows by, as in rows => '{order_id}'. For what depends on the whole table, use rows => '{}'.")));
	while ((member = bms_next_member(columns, member)) >= 0)
		append_row_column(args, rel,
						  get_attname(RelationGetRelid(rel),
									  member + FirstLowInvalidHeapAttributeNumber, false));
}

static void
append_columns(CfTriggerArgs *args, Relation rel, text **names, int n)
{
	if (args->sql.len == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("columns need a key or a tag template, or rows")));
	if (n > CF_RULE_MAX_COLUMNS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a rule cannot have more than %d columns", CF_RULE_MAX_COLUMNS)));
	for (int i = 0; i < n; i++)
	{
		require_column(rel, text_to_cstring(names[i]));
		append_arg(args, "column", text_to_cstring(names[i]));
	}
}

static void
append_tags(CfTriggerArgs *args, Relation rel, text **tags, int n)
{
	if (n > CF_RULE_MAX_TAGS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a rule cannot have more than %d tags", CF_RULE_MAX_TAGS)));
	for (int i = 0; i < n; i++)
	{
		require_tag_template(rel, text_to_cstring(tags[i]));
		append_arg(args, "tag", text_to_cstring(tags[i]));
	}
}

/* The cache that changed rows refresh, and the columns that its arguments come from. */
static void
append_cache(CfTriggerArgs *args, Relation rel, const char *cache, text **columns, int n)
{
	append_arg(args, "cache", cache);
	for (int i = 0; i < n; i++)
	{
		require_column(rel, text_to_cstring(columns[i]));
		append_arg(args, "arg", text_to_cstring(columns[i]));
	}
}

CfTriggerArgs
cf_rule_make_args(FunctionCallInfo fcinfo, Relation rel, int rows, int cache)
{
	CfTriggerArgs args;
	text	  **values;
	int			n;

	initStringInfo(&args.sql);
	initStringInfo(&args.stored);
	if (!PG_ARGISNULL(rows))
	{
		values = cf_arg_texts(fcinfo, rows, "column", &n);
		append_rows(&args, rel, values, n);
	}
	else if (PG_ARGISNULL(1) && PG_ARGISNULL(2))
		append_primary_key(&args, rel);
	if (!PG_ARGISNULL(1))
	{
		char	   *key = text_to_cstring(PG_GETARG_TEXT_PP(1));

		require_template(rel, key);
		append_arg(&args, "key", key);
	}
	if (!PG_ARGISNULL(2))
	{
		values = cf_arg_texts(fcinfo, 2, "tag template", &n);
		append_tags(&args, rel, values, n);
	}
	if (!PG_ARGISNULL(cache))
	{
		values = PG_ARGISNULL(cache + 1) ? NULL : cf_arg_texts(fcinfo, cache + 1, "column", &n);
		append_cache(&args, rel, text_to_cstring(PG_GETARG_TEXT_PP(cache)), values,
					 values == NULL ? 0 : n);
	}
	if (!PG_ARGISNULL(3))
	{
		values = cf_arg_texts(fcinfo, 3, "column", &n);
		append_columns(&args, rel, values, n);
	}
	return args;
}

/* ---- mode 'refresh' ----------------------------------------------------- */

static bool
is_string(Oid type)
{
	return type == TEXTOID || type == VARCHAROID;
}

/*
 * Is every value of the column one of the argument? Else its user's write would make a
 * key that cannot be: by the text of the value, which the argument's type reads.
 */
static bool
always_fits(Oid column, Oid argument)
{
	Oid			base = getBaseType(column);

	if (column == argument || base == argument)
		return true;
	if (cf_arg_is_integer(base))
		return argument == NUMERICOID || argument == FLOAT8OID ||
			(cf_arg_is_integer(argument) && get_typlen(base) <= get_typlen(argument));
	return (is_string(base) || base == NAMEOID) && is_string(argument);
}

static void
require_fit(Relation rel, const char *column, const char *cache, int number, Oid argument)
{
	TupleDesc	desc = RelationGetDescr(rel);
	Oid			type;

	require_column(rel, column);
	type = TupleDescAttr(desc, SPI_fnumber(desc, column) - 1)->atttypid;
	if (!always_fits(type, argument))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of type %s cannot be argument $%d of cache \"%s\", which is of type %s",
						column, format_type_be(type), number, cache, format_type_be(argument)),
				 errdetail("Not each of its values can become one of that type without an error."),
				 errhint("Define the cache with arg_types that are those of the columns.")));
}

static void
require_trust(Relation rel, const char *cache, const CfLoaderDefinition *loader)
{
	Oid			owner = loader->owner == NULL ? InvalidOid : get_role_oid(loader->owner, true);
	CfDefinition def;

	cf_define_find_named(cache, &def);
	if (cf_refresh_is_trusted(RelationGetRelid(rel), owner, def.scope))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("changes of table \"%s\" must not refresh cache \"%s\"",
					RelationGetRelationName(rel), cache),
			 def.scope == CF_SCOPE_SHARED ?
			 errdetail("Its query would run as the cache's owner, and the table's owner is not, nor is a member of, that role.") :
			 errdetail("Its query would run as whoever writes, and the cache's owner is not, nor is a member of, the table's owner.")));
}

void
cf_rule_require_cache(FunctionCallInfo fcinfo, Relation rel, int cache)
{
	CfLoaderDefinition loader;
	char	   *name;
	text	  **columns;
	int			n = 0;

	if (PG_ARGISNULL(cache) || PG_ARGISNULL(cache + 1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("mode \"refresh\" needs cache and arg_columns"),
				 errhint("Name the cache and the column of each of its arguments: cache => 'product', arg_columns => '{id}'.")));
	name = text_to_cstring(PG_GETARG_TEXT_PP(cache));
	columns = cf_arg_texts(fcinfo, cache + 1, "column", &n);
	cf_named_require(name, &loader);
	if (n != loader.nargs || n > CF_RULE_MAX_ARGS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("wrong number of columns for the arguments of cache \"%s\"", name),
				 n > CF_RULE_MAX_ARGS ?
				 errdetail("A rule can give %d at most.", CF_RULE_MAX_ARGS) :
				 errdetail("It takes %d, and arg_columns has %d.", loader.nargs, n)));
	for (int i = 0; i < n; i++)
		require_fit(rel, text_to_cstring(columns[i]), name, i + 1, loader.arg_types[i]);
	require_trust(rel, name, &loader);
}
