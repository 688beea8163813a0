/*
 * rules.c - cache_attach, cache_detach, cache_rules and the trigger functions.
 *
 * cache_attach makes triggers, with the caller's rights, by plain SQL: what it
 * does can be done by hand, and pg_dump sees nothing but triggers.
 *
 * src/api/rules.c
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/skey.h"
#include "access/table.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/value.h"
#include "port/pg_crc32c.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "api/args.h"
#include "api/refresh.h"
#include "api/rule_args.h"
#include "base/compat.h"
#include "base/guc.h"
#include "base/shmem.h"
#include "capture/trigger.h"
#include "rules/define.h"
#include "rules/owntable.h"
#include "rules/missed.h"
#include "rules/rule.h"
#include "txn/pending.h"

PG_FUNCTION_INFO_V1(cachefront_invalidate_row);
PG_FUNCTION_INFO_V1(cachefront_invalidate_statement);
PG_FUNCTION_INFO_V1(cachefront_attach);
PG_FUNCTION_INFO_V1(cachefront_detach);
PG_FUNCTION_INFO_V1(cachefront_rules);

/* The triggers that stand by a rule's first are named after it. */
#define CF_RULE_TRUNCATE "_truncate"
#define CF_RULE_REPLICA "_replica"

static TriggerData *
require_trigger(FunctionCallInfo fcinfo, const char *function)
{
	TriggerData *data = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" was not called by trigger manager", function)));
	if (!TRIGGER_FIRED_AFTER(data->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" must be fired AFTER", function)));
	return data;
}

/*
 * Without shared memory there is nothing to invalidate, and a user's write is
 * not to fail because a library was not loaded.
 */
Datum
cachefront_invalidate_row(PG_FUNCTION_ARGS)
{
	TriggerData *data = require_trigger(fcinfo, "cache_invalidate_row");

	if (!TRIGGER_FIRED_FOR_ROW(data->tg_event) && !TRIGGER_FIRED_BY_TRUNCATE(data->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" must be fired FOR EACH ROW", "cache_invalidate_row"),
				 errhint("Use cache_invalidate_statement in a trigger FOR EACH STATEMENT.")));
	if (!cf_shmem_ready())
		return PointerGetDatum(NULL);
	if (TRIGGER_FIRED_BY_TRUNCATE(data->tg_event))
		cf_trigger_whole_table(RelationGetRelid(data->tg_relation), cf_pending_add_tag_of_rows);
	else
		cf_trigger_row(data);
	return PointerGetDatum(NULL);
}

Datum
cachefront_invalidate_statement(PG_FUNCTION_ARGS)
{
	TriggerData *data = require_trigger(fcinfo, "cache_invalidate_statement");

	if (!cf_shmem_ready())
		return PointerGetDatum(NULL);
	if (TRIGGER_FIRED_BY_TRUNCATE(data->tg_event))
		cf_trigger_whole_table(RelationGetRelid(data->tg_relation), cf_pending_add_tag_of_rows);
	else
		cf_trigger_table(RelationGetRelid(data->tg_relation));
	return PointerGetDatum(NULL);
}

static void
run(const char *statement)
{
	if (SPI_execute(statement, false, 0) < 0)
		elog(ERROR, "could not run \"%s\"", statement);
}

static char *
our_function(const char *name)
{
	Oid			relid = cf_own_table_definitions();

	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)), name);
}

static char *
table_name(Oid relid)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
									  get_rel_name(relid));
}

/* Has any table of the database a trigger of this name? */
static bool
is_taken(const char *name)
{
	Relation	rel = table_open(TriggerRelationId, AccessShareLock);
	NameData	wanted;
	ScanKeyData key;
	SysScanDesc scan;
	bool		taken;

	namestrcpy(&wanted, name);
	ScanKeyInit(&key, Anum_pg_trigger_tgname, BTEqualStrategyNumber, F_NAMEEQ,
				NameGetDatum(&wanted));
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 1, &key);
	taken = HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return taken;
}

/*
 * A partition gets its parent's triggers under their names, so no two tables
 * may have rules of one name. The name comes from what pg_dump writes as well,
 * the table's name and the arguments, so that it is one's own in the database
 * that a dump goes to, too. Of several tables that had a name one after the
 * other, the later ones get another number.
 */
static char *
free_name(Oid relid, const char *args)
{
	for (int i = 0;; i++)
	{
		char	   *seed = psprintf("%s %d %s", table_name(relid), i, args);
		char	   *name;
		pg_crc32c	crc;

		INIT_CRC32C(crc);
		COMP_CRC32C(crc, seed, strlen(seed));
		FIN_CRC32C(crc);
		name = psprintf("cache_rule_%08x", crc);
		if (!is_taken(name) && !is_taken(psprintf("%s" CF_RULE_TRUNCATE, name)) &&
			!is_taken(psprintf("%s" CF_RULE_REPLICA, name)))
			return name;
	}
}

static void
make_trigger(Oid relid, const char *name, const char *events, bool row,
			 const char *function, const char *args, const char *when)
{
	const char *table = table_name(relid);

	run(psprintf("CREATE TRIGGER %s AFTER %s ON %s FOR EACH %s EXECUTE FUNCTION %s(%s)",
				 quote_identifier(name), events, table, row ? "ROW" : "STATEMENT",
				 our_function(function), args));
	run(psprintf("ALTER TABLE %s ENABLE %s TRIGGER %s", table, when, quote_identifier(name)));
}

/*
 * A table rule is a statement trigger, but for tables whose rows change
 * through other tables as well: there only row triggers fire for certain. Nor
 * does logical replication fire statement triggers for rows that it applies:
 * a row trigger of its own, ENABLE REPLICA, stands in there.
 */
static void
make_rule(Oid relid, const char *name, const char *args)
{
	bool		hierarchy = get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE ||
		has_subclass(relid) || has_superclass(relid);

	if (args[0] != '\0' || hierarchy)
	{
		make_trigger(relid, name, "INSERT OR UPDATE OR DELETE", true,
					 "cache_invalidate_row", args, "ALWAYS");
		make_trigger(relid, psprintf("%s" CF_RULE_TRUNCATE, name), "TRUNCATE", false,
					 "cache_invalidate_row", args, "ALWAYS");
	}
	else
	{
		make_trigger(relid, name, "INSERT OR UPDATE OR DELETE OR TRUNCATE", false,
					 "cache_invalidate_statement", "", "ALWAYS");
		make_trigger(relid, psprintf("%s" CF_RULE_REPLICA, name), "INSERT OR UPDATE OR DELETE",
					 true, "cache_invalidate_row", "", "REPLICA");
	}
}

/*
 * Our triggers on a table, but for clones; with args, those with the same
 * arguments. In SPI's result: the name, and whether it is a rule's first, not
 * one that stands by it (see make_rule).
 */
static uint64
find_triggers(Oid relid, const CfTriggerArgs *args)
{
	Oid			types[] = {OIDOID, REGPROCOID, REGPROCOID, BYTEAOID};
	Datum		values[4];
	char		nulls[] = "    ";

	values[0] = ObjectIdGetDatum(relid);
	values[1] = DirectFunctionCall1(regprocin,
									CStringGetDatum(our_function("cache_invalidate_row")));
	values[2] = DirectFunctionCall1(regprocin,
									CStringGetDatum(our_function("cache_invalidate_statement")));
	nulls[3] = args == NULL ? 'n' : ' ';
	values[3] = args == NULL ? (Datum) 0 :
		PointerGetDatum(cstring_to_text_with_len(args->stored.data, args->stored.len));
	if (SPI_execute_with_args("SELECT tgname::pg_catalog.text,"
							  " (tgtype OPERATOR(pg_catalog.&) 28) OPERATOR(pg_catalog.<>) 0"
							  " AND tgenabled OPERATOR(pg_catalog.<>) 'R'"
							  " FROM pg_catalog.pg_trigger"
							  " WHERE tgrelid OPERATOR(pg_catalog.=) $1"
							  " AND tgfoid::pg_catalog.oid OPERATOR(pg_catalog.=) ANY (ARRAY[$2, $3]::pg_catalog.oid[])"
							  " AND tgparentid OPERATOR(pg_catalog.=) 0"
							  " AND ($4 IS NULL OR tgargs OPERATOR(pg_catalog.=) $4)",
							  4, types, values, nulls, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not look for rules");
	return SPI_processed;
}

static bool
is_first(const SPITupleTable *table, uint64 i)
{
	bool		isnull;

	return DatumGetBool(SPI_getbinval(table->vals[i], table->tupdesc, 2, &isnull));
}

static bool
has_rule(Oid relid, const CfTriggerArgs *args)
{
	uint64		n = find_triggers(relid, args);

	for (uint64 i = 0; i < n; i++)
	{
		if (is_first(SPI_tuptable, i))
			return true;
	}
	return false;
}

/* Plain inheritance makes no clones, so each child gets a trigger of its own. */
static List *
tables_of_rule(Oid relid)
{
	if (get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE)
		return list_make1_oid(relid);
	return find_all_inheritors(relid, ShareRowExclusiveLock, NULL);
}

static Oid
get_table(FunctionCallInfo fcinfo)
{
	Oid			relid;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("table must not be null")));
	relid = PG_GETARG_OID(0);
	/* Before any lock on it. */
	if (get_rel_name(relid) != NULL && !CF_OWNS_TABLE(relid, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER,
					   get_relkind_objtype(get_rel_relkind(relid)), get_rel_name(relid));
	return relid;
}

static bool
may_public_read(Oid relid, const char *column)
{
	AttrNumber	attnum = get_attnum(relid, column);

	return pg_class_aclcheck(relid, ACL_ID_PUBLIC, ACL_SELECT) == ACLCHECK_OK ||
		pg_attribute_aclcheck(relid, attnum, ACL_ID_PUBLIC, ACL_SELECT) == ACLCHECK_OK;
}

/* Adds a column that PUBLIC may not read, once. */
static List *
add_private_column(List *columns, Oid relid, char *column)
{
	return may_public_read(relid, column) ? columns :
		list_append_unique(columns, makeString(column));
}

/* The same of those of a template. */
static List *
add_private_columns(List *columns, Oid relid, const char *text)
{
	CfTemplate	template;

	(void) cf_template_parse(text, &template);
	for (int i = 0; i < template.nparts; i++)
	{
		const CfTemplatePart *part = &template.parts[i];

		if (part->is_column)
			columns = add_private_column(columns, relid, part->text);
	}
	return columns;
}

/* NOTIFY has no rights: who knows a channel can listen. */
static void
say_what_is_published(FunctionCallInfo fcinfo, Oid relid)
{
	List	   *columns = NIL;
	ListCell   *cell;
	StringInfoData names;
	int			n = 0;
	text	  **tags = PG_ARGISNULL(2) ? NULL : cf_arg_texts(fcinfo, 2, "tag template", &n);
	text	  **args;
	int			nargs = 0;

	if (cf_guc_notify == CF_NOTIFY_OFF ||
		strcmp(cf_guc_notify_channel, CF_NOTIFY_CHANNEL) != 0)
		return;
	if (!PG_ARGISNULL(1))
		columns = add_private_columns(columns, relid,
									  text_to_cstring(PG_GETARG_TEXT_PP(1)));
	for (int i = 0; i < n; i++)
		columns = add_private_columns(columns, relid, text_to_cstring(tags[i]));
	args = PG_ARGISNULL(7) ? NULL : cf_arg_texts(fcinfo, 7, "column", &nargs);
	for (int i = 0; i < nargs; i++)
		columns = add_private_column(columns, relid, text_to_cstring(args[i]));
	if (columns == NIL)
		return;
	initStringInfo(&names);
	foreach(cell, columns)
		appendStringInfo(&names, "%s\"%s\"", names.len > 0 ? ", " : "", strVal(lfirst(cell)));
	ereport(NOTICE,
			(errmsg("every role can see values of %s of \"%s\" by LISTEN %s",
					names.data, get_rel_name(relid), CF_NOTIFY_CHANNEL),
			 errdetail("Keys and tags of changed rows are published there, and PUBLIC may not read what they are made of."),
			 errhint("Set cachefront.notify_channel to a name that only some know, or cachefront.notify to off.")));
}

/* True: it is 'refresh'. */
static bool
is_refresh(FunctionCallInfo fcinfo)
{
	const char *mode = PG_ARGISNULL(4) ? "" : text_to_cstring(PG_GETARG_TEXT_PP(4));

	if (strcmp(mode, "refresh") == 0)
		return true;
	if (strcmp(mode, "invalidate") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid mode"),
				 errhint("Modes are 'invalidate' and 'refresh'.")));
	if (!PG_ARGISNULL(6) || !PG_ARGISNULL(7))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cache and arg_columns need mode \"refresh\"")));
	return false;
}

Datum
cachefront_attach(PG_FUNCTION_ARGS)
{
	Oid			relid;
	Relation	rel;
	List	   *relids;
	ListCell   *cell;
	CfTriggerArgs args;
	char	   *name;
	bool		refresh;

	cf_shmem_require();
	relid = get_table(fcinfo);
	refresh = is_refresh(fcinfo);
	rel = table_open(relid, ShareRowExclusiveLock);
	cf_rule_require_table(rel);
	if (refresh)
		cf_rule_require_cache(fcinfo, rel, 6);
	args = cf_rule_make_args(fcinfo, rel, 5, 6);
	table_close(rel, NoLock);
	relids = tables_of_rule(relid);
	name = free_name(relid, args.sql.data);

	SPI_connect();
	if (has_rule(relid, &args))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("table \"%s\" has this rule already", get_rel_name(relid))));
	foreach(cell, relids)
	{
		Oid			child = lfirst_oid(cell);

		if (child == relid)
			make_rule(child, name, args.sql.data);
		else if (!has_rule(child, &args))
			make_rule(child, free_name(child, args.sql.data), args.sql.data);
	}
	SPI_finish();
	say_what_is_published(fcinfo, relid);
	PG_RETURN_TEXT_P(cstring_to_text(name));
}

/* By their arguments, whatever they are named by now; how many rules. */
static int
drop_rules(Oid relid, const CfTriggerArgs *args)
{
	uint64		n = find_triggers(relid, args);
	SPITupleTable *table = SPI_tuptable;
	int			dropped = 0;

	for (uint64 i = 0; i < n; i++)
	{
		dropped += is_first(table, i);
		run(psprintf("DROP TRIGGER %s ON %s",
					 quote_identifier(SPI_getvalue(table->vals[i], table->tupdesc, 1)),
					 table_name(relid)));
	}
	return dropped;
}

/* All rules of a table, or the one with these templates and rows. */
Datum
cachefront_detach(PG_FUNCTION_ARGS)
{
	Oid			relid;
	Relation	rel;
	ListCell   *cell;
	CfTriggerArgs args;
	bool		all = PG_ARGISNULL(1) && PG_ARGISNULL(2) && PG_ARGISNULL(4) && PG_ARGISNULL(5);
	int32		dropped = 0;

	cf_shmem_require();
	relid = get_table(fcinfo);
	rel = table_open(relid, ShareRowExclusiveLock);
	if (!all)
		args = cf_rule_make_args(fcinfo, rel, 4, 5);
	table_close(rel, NoLock);

	SPI_connect();
	foreach(cell, tables_of_rule(relid))
	{
		int			n = drop_rules(lfirst_oid(cell), all ? NULL : &args);

		if (lfirst_oid(cell) == relid)
			dropped = n;
	}
	SPI_finish();
	PG_RETURN_INT32(dropped);
}

static Datum
text_array(int n, const char *(*get) (const CfRuleArgs *args, int i), const CfRuleArgs *args)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(n, 1));

	for (int i = 0; i < n; i++)
		elements[i] = CStringGetTextDatum(get(args, i));
	return PointerGetDatum(construct_array(elements, n, TEXTOID, -1, false, TYPALIGN_INT));
}

static const char *
get_tag(const CfRuleArgs *args, int i)
{
	return args->tags[i].source;
}

static const char *
get_row(const CfRuleArgs *args, int i)
{
	return args->rows[i];
}

static const char *
get_column(const CfRuleArgs *args, int i)
{
	return args->columns[i];
}

static const char *
get_arg(const CfRuleArgs *args, int i)
{
	return args->cache_args[i];
}

static const char *
enabled_name(char enabled)
{
	switch (enabled)
	{
		case TRIGGER_FIRES_ALWAYS:
			return "always";
		case TRIGGER_FIRES_ON_ORIGIN:
			return "origin";
		case TRIGGER_FIRES_ON_REPLICA:
			return "replica";
		default:
			return "disabled";
	}
}

/* NULL, or why triggers cannot tell the column's value (any more). */
static const char *
column_problem(const char *column, Oid relid)
{
	AttrNumber	attnum = get_attnum(relid, column);

	if (attnum == InvalidAttrNumber)
		return psprintf("column \"%s\" does not exist; it invalidates the whole table",
						column);
	if (attnum > 0 && CF_IS_VIRTUAL(get_attgenerated(relid, attnum)))
		return psprintf("column \"%s\" is computed when it is read; it invalidates the whole table",
						column);
	return NULL;
}

static const char *
template_problem(const CfTemplate *template, Oid relid)
{
	const char *problem = NULL;

	if (!cf_template_has_column(template))
		return psprintf("template \"%s\" names no column; every row gives the same key or tag",
						template->source);
	for (int i = 0; i < template->nparts && problem == NULL; i++)
	{
		if (template->parts[i].is_column)
			problem = column_problem(template->parts[i].text, relid);
	}
	return problem;
}

/* Why changes refresh nothing, whatever was so when the rule was made; they invalidate. */
static const char *
cache_problem(const CfRule *rule)
{
	const char *cache = rule->args.cache;
	CfLoaderDefinition loader;
	CfDefinition def;

	if (!cf_define_find_loader(cache, &loader) || loader.query == NULL)
		return psprintf("cache \"%s\" does not exist, or has no query; it refreshes nothing", cache);
	if (loader.nargs != rule->args.ncache_args)
		return psprintf("cache \"%s\" takes %d arguments; it refreshes nothing", cache,
						loader.nargs);
	cf_define_find_named(cache, &def);
	if (!cf_refresh_is_trusted(rule->relid, loader.owner == NULL ? InvalidOid :
							   get_role_oid(loader.owner, true), def.scope))
		return psprintf("the owners of the table and of cache \"%s\" do not trust each other; it refreshes nothing",
						cache);
	return NULL;
}

static const char *
find_problem(const CfRule *rule)
{
	const char *problem = NULL;

	if (!rule->valid)
		return "its arguments cannot be read; it invalidates the whole table";
	if (rule->args.has_key)
		problem = template_problem(&rule->args.key, rule->relid);
	for (int i = 0; i < rule->args.ntags && problem == NULL; i++)
		problem = template_problem(&rule->args.tags[i], rule->relid);
	for (int i = 0; i < rule->args.nrows && problem == NULL; i++)
		problem = column_problem(rule->args.rows[i], rule->relid);
	for (int i = 0; i < rule->args.ncolumns && problem == NULL; i++)
		problem = column_problem(rule->args.columns[i], rule->relid);
	for (int i = 0; i < rule->args.ncache_args && problem == NULL; i++)
		problem = column_problem(rule->args.cache_args[i], rule->relid);
	if (problem == NULL && rule->args.cache != NULL)
		problem = cache_problem(rule);
	if (problem != NULL)
		return problem;
	if (!rule->all_events)
		return "it does not fire at once for every INSERT, UPDATE and DELETE; it covers nothing";
	if (cf_missed_count(rule->trigger) > 0)
		return "its trigger did not see every change; all that it covers was invalidated instead";
	return NULL;
}

/* Keys have values of columns in them: what they are of is not for everybody. */
static bool
may_see(const CfRule *rule)
{
	return has_privs_of_role(GetUserId(), ROLE_PG_MONITOR) ||
		(get_rel_name(rule->relid) != NULL && CF_OWNS_TABLE(rule->relid, GetUserId()));
}

Datum
cachefront_rules(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	const CfRule *rules;
	int			n;

	cf_shmem_require();
	InitMaterializedSRF(fcinfo, 0);
	n = cf_rules(&rules);
	for (int i = 0; i < n; i++)
	{
		const CfRule *rule = &rules[i];
		const char *problem;
		Datum		values[12];
		bool		nulls[12] = {0};

		if (!may_see(rule))
			continue;
		problem = find_problem(rule);
		values[0] = ObjectIdGetDatum(rule->relid);
		values[1] = DirectFunctionCall1(namein, CStringGetDatum(rule->name));
		values[2] = CStringGetTextDatum(cf_rule_args_tell_rows(&rule->args) ? "row" : "table");
		nulls[3] = !rule->args.has_key;
		values[3] = rule->args.has_key ?
			CStringGetTextDatum(rule->args.key.source) : (Datum) 0;
		values[4] = text_array(rule->args.ntags, get_tag, &rule->args);
		values[5] = text_array(rule->args.nrows, get_row, &rule->args);
		values[6] = text_array(rule->args.ncolumns, get_column, &rule->args);
		nulls[7] = nulls[8] = rule->args.cache == NULL;
		values[7] = rule->args.cache != NULL ?
			CStringGetTextDatum(rule->args.cache) : (Datum) 0;
		values[8] = text_array(rule->args.ncache_args, get_arg, &rule->args);
		values[9] = CStringGetTextDatum(enabled_name(rule->enabled));
		values[10] = Int64GetDatum(cf_missed_count(rule->trigger));
		nulls[11] = problem == NULL;
		values[11] = problem != NULL ? CStringGetTextDatum(problem) : (Datum) 0;
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
