/*
 * statement.c - a writer's statement: what it may be, who may use it, and its run.
 *
 * It is run by the worker, whose session is a superuser's. So all that is deferred is made
 * immediate before the role changes: at COMMIT, when the role has changed back, there is nothing
 * of the owner's left to run. The restricted operation sees to that: what his functions
 * defer again is an error, as are held cursors, temporary tables and SET ROLE.
 *
 * Types are PostgreSQL's own kind, base types and enums, whose functions only a superuser
 * can have made: so nothing of a writer's owner runs where a caller's values are
 * read, compared and printed.
 *
 * src/behind/statement.c
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "api/named.h"
#include "base/compat.h"
#include "base/relchange.h"
#include "behind/statement.h"

/* ---- what it may be ---- */

/* What the memory does with values of a type. */
typedef enum TypeUse
{
	TYPE_IS_HASHED,
	TYPE_IS_ORDERED,
	TYPE_IS_KEPT
} TypeUse;

static void
check_type(Oid type, const char *what, TypeUse use)
{
	TypeCacheEntry *entry;

	if (!OidIsValid(type) || !SearchSysCacheExists1(TYPEOID, ObjectIdGetDatum(type)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("type of %s does not exist", what)));
	if ((get_typtype(type) != TYPTYPE_BASE && get_typtype(type) != TYPTYPE_ENUM) ||
		OidIsValid(get_element_type(type)) || !OidIsValid(get_array_type(type)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s of a writer cannot be of type %s", what, format_type_be(type)),
				 errdetail("It must be a base type or an enum, and no array, domain, range or row.")));
	entry = lookup_type_cache(type, TYPECACHE_EQ_OPR_FINFO | TYPECACHE_HASH_PROC_FINFO |
							  TYPECACHE_CMP_PROC_FINFO);
	if (use == TYPE_IS_HASHED && (!OidIsValid(entry->eq_opr) || !OidIsValid(entry->hash_proc)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("%s of a writer cannot be of type %s", what, format_type_be(type)),
				 errdetail("Its values cannot be hashed.")));
	if (use == TYPE_IS_ORDERED && !OidIsValid(entry->cmp_proc))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("%s of a writer cannot be of type %s", what, format_type_be(type)),
				 errdetail("Its values have no order.")));
}

static void
check_types(const CfWriter *writer)
{
	for (int i = 0; i < writer->nargs; i++)
		check_type(writer->arg_types[i], psprintf("argument $%d", i + 1), TYPE_IS_HASHED);
	check_type(writer->value_type, "the value",
			   writer->merge == CF_MERGE_MAX || writer->merge == CF_MERGE_MIN ?
			   TYPE_IS_ORDERED : TYPE_IS_KEPT);
	if (writer->merge == CF_MERGE_SUM && writer->value_type != INT8OID &&
		writer->value_type != NUMERICOID)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a sum cannot be of type %s", format_type_be(writer->value_type)),
				 errhint("It is bigint or numeric.")));
}

/* An array of each argument, and one of the values. */
static Oid *
parameter_types(const CfWriter *writer)
{
	Oid		   *types = palloc((writer->nargs + 1) * sizeof(Oid));

	for (int i = 0; i < writer->nargs; i++)
		types[i] = get_array_type(writer->arg_types[i]);
	types[writer->nargs] = get_array_type(writer->value_type);
	return types;
}

static void
error_callback(void *arg)
{
	const CfWriter *writer = arg;
	int			position = geterrposition();

	/* Of the writer's text, not of the caller's. */
	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery(writer->write);
	}
	errcontext("statement of writer \"%s\"", writer->name);
}

static RawStmt *
parse(const CfWriter *writer)
{
	List	   *statements = pg_parse_query(writer->write);

	if (list_length(statements) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("a writer has one statement")));
	return linitial_node(RawStmt, statements);
}

static bool
changes_table(const Query *query)
{
	return query->commandType == CMD_INSERT || query->commandType == CMD_UPDATE ||
		query->commandType == CMD_DELETE || query->commandType == CMD_MERGE;
}

/* Under the writer's settings; rewritten. No function of it runs. */
static List *
analyse(const CfWriter *writer)
{
	ErrorContextCallback callback = {error_context_stack, error_callback, (void *) writer};
	RawStmt    *raw;
	List	   *queries;
	ListCell   *cell;
	bool		changes = false;

	error_context_stack = &callback;
	raw = parse(writer);
	queries = pg_analyze_and_rewrite_fixedparams(raw, writer->write, parameter_types(writer),
												 writer->nargs + 1, NULL);
	foreach(cell, queries)
	{
		const Query *query = lfirst_node(Query, cell);

		changes |= query->canSetTag && changes_table(query);
	}
	if (!changes)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the statement of a writer must be INSERT, UPDATE, DELETE or MERGE"),
				 errdetail("How many rows it has processed tells whether each key had one.")));
	error_context_stack = callback.previous;
	return queries;
}

/* ---- who may use it ---- */

typedef struct Rights
{
	const CfWriter *writer;
	bool		granted;		/* no need to look at the statement's own */
} Rights;

static bool
may_execute_not(Oid function, void *context)
{
	return !CF_MAY_EXECUTE(function, GetUserId());
}

static void
require_no_policies(const Rights *rights, const Query *query)
{
	ListCell   *cell;

	foreach(cell, query->rtable)
	{
		const RangeTblEntry *rte = lfirst_node(RangeTblEntry, cell);

		if (rte->rtekind == RTE_RELATION &&
			check_enable_rls(rte->relid, GetUserId(), true) == RLS_ENABLED)
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("row security of table \"%s\" is not checked by writer \"%s\"",
							get_rel_name(rte->relid), rights->writer->name),
					 errhint("Its owner may define it with security => 'definer'.")));
	}
}

static bool
rights_walker(Node *node, void *context)
{
	Rights	   *rights = context;

	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;

		if (!rights->granted)
			(void) CF_CHECK_RIGHTS(query);
		if (!rights->writer->definer)
			require_no_policies(rights, query);
		return query_tree_walker(query, rights_walker, context, 0);
	}
	if (!rights->granted && check_functions_in_node(node, may_execute_not, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for a function of writer \"%s\"",
						rights->writer->name)));
	return expression_tree_walker(node, rights_walker, context);
}

void
cf_statement_check(const CfWriter *writer)
{
	Rights		rights = {writer, true};
	ErrorContextCallback callback = {NULL, error_callback, (void *) writer};
	int			level;
	List	   *queries;
	ListCell   *cell;

	check_types(writer);
	level = cf_named_begin_settings(writer->search_path);
	PushActiveSnapshot(GetTransactionSnapshot());
	queries = analyse(writer);
	foreach(cell, queries)
	{
		Query	   *query = lfirst_node(Query, cell);

		if (!writer->definer && query->resultRelation > 0)
		{
			const RangeTblEntry *rte = rt_fetch(query->resultRelation, query->rtable);
			HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(rte->relid));
			bool		has = HeapTupleIsValid(tuple) &&
				((Form_pg_class) GETSTRUCT(tuple))->relrowsecurity;

			if (HeapTupleIsValid(tuple))
				ReleaseSysCache(tuple);
			if (has)
				ereport(ERROR,
						(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						 errmsg("table \"%s\" has row security", get_rel_name(rte->relid)),
						 errdetail("The statement runs as the writer's owner, whoever writes."),
						 errhint("If that is meant: security => 'definer'.")));
		}
		(void) rights_walker((Node *) query, &rights);
	}
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	foreach(cell, queries)
		(void) pg_plan_query(lfirst_node(Query, cell), writer->write, CURSOR_OPT_PARALLEL_OK,
							 NULL);
	error_context_stack = callback.previous;
	PopActiveSnapshot();
	cf_named_end(level);
}

Oid
cf_statement_owner(const CfWriter *writer)
{
	return writer->owner == NULL ? InvalidOid : get_role_oid(writer->owner, true);
}

static bool
is_among_writers(const CfWriter *writer)
{
	ListCell   *cell;

	foreach(cell, writer->writers)
	{
		Oid			role = get_role_oid(lfirst(cell), true);

		if (OidIsValid(role) && has_privs_of_role(GetUserId(), role))
			return true;
	}
	return false;
}

/* Names mean what they mean to the owner, with whom it will run; rights are the caller's. */
static void
check_rights(const CfWriter *writer)
{
	Rights		rights = {writer, is_among_writers(writer)};
	Oid			owner = cf_statement_owner(writer);
	Oid			user;
	int			context;
	int			level;
	List	   *queries;
	ListCell   *cell;

	if (!OidIsValid(owner))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the role that writer \"%s\" belonged to does not exist", writer->name),
				 errhint("The database's owner may define it again.")));
	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(owner, context | SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_RESTRICTED_OPERATION);
	level = cf_named_begin_settings(writer->search_path);
	PushActiveSnapshot(GetTransactionSnapshot());
	queries = analyse(writer);
	PopActiveSnapshot();
	cf_named_end(level);
	SetUserIdAndSecContext(user, context);
	foreach(cell, queries)
		(void) rights_walker(lfirst(cell), &rights);
}

/* Who was found to have them, until some definition or role changes. */
typedef struct Known
{
	char		writer[CF_MAX_CACHE_NAME];
	Oid			role;
} Known;

static struct
{
	HTAB	   *table;			/* of Known */
	uint64		generation;		/* that it is of */
	uint64		now;
}			known = {.now = 1};

static void
definition_changed(Oid relid)
{
	known.now++;
}

static void
role_changed(Datum arg, int cache, uint32 hash)
{
	known.now++;
}

void
cf_statement_register(void)
{
	cf_relchange_register_any(definition_changed);
	CacheRegisterSyscacheCallback(AUTHOID, role_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, role_changed, (Datum) 0);
}

static void
make_known(void)
{
	HASHCTL		control = {
		.keysize = sizeof(Known),
		.entrysize = sizeof(Known),
	};

	if (known.table != NULL && known.generation == known.now &&
		hash_get_num_entries(known.table) < 1000)
		return;
	if (known.table != NULL)
		hash_destroy(known.table);
	known.table = hash_create("cachefront writers' rights", 16, &control, HASH_ELEM | HASH_BLOBS);
	known.generation = known.now;
}

void
cf_statement_require_rights(const CfWriter *writer)
{
	Known		key;
	uint64		before;
	CfWriter   *copy;

	MemSet(&key, 0, sizeof(key));
	strlcpy(key.writer, writer->name, sizeof(key.writer));
	key.role = GetUserId();
	make_known();
	if (likely(hash_search(known.table, &key, HASH_FIND, NULL) != NULL))
		return;
	before = known.now;
	/* What it looks up may make the session read the writers again. */
	copy = cf_writer_copy(writer);
	check_rights(copy);
	if (before == known.now)
		(void) hash_search(known.table, &key, HASH_ENTER, NULL);
}

/* ---- its run ---- */

/* All triggers fire with their statement, not at COMMIT. */
static void
make_immediate(void)
{
	ConstraintsSetStmt *statement = makeNode(ConstraintsSetStmt);

	statement->constraints = NIL;
	statement->deferred = false;
	AfterTriggerSetState(statement);
}

static uint64
execute(const CfWriter *writer, Datum *arrays)
{
	uint64		processed;
	int			result;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	result = SPI_execute_with_args(writer->write, writer->nargs + 1, parameter_types(writer),
								   arrays, NULL, false, 0);
	if (result < 0 || result == SPI_OK_SELECT || result == SPI_OK_UTILITY ||
		result == SPI_OK_REWRITTEN)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the statement of writer \"%s\" has changed no table", writer->name)));
	processed = SPI_processed;
	SPI_finish();
	return processed;
}

uint64
cf_statement_run(const CfWriter *writer, Datum *arrays)
{
	Oid			owner = cf_statement_owner(writer);
	Oid			user;
	int			context;
	int			level;
	uint64		processed;

	if (!OidIsValid(owner))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the role that writer \"%s\" belonged to does not exist", writer->name)));
	make_immediate();
	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(owner, context | SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_RESTRICTED_OPERATION);
	level = cf_named_begin_settings(writer->search_path);
	processed = execute(writer, arrays);
	/* What its functions have set for the session goes, too. */
	AtEOXact_GUC(false, level);
	SetUserIdAndSecContext(user, context);
	return processed;
}
