/*
 * mark.c - this session's copy of the table cache_query_marks, and what is like a mark.
 *
 * As with cache_definitions (rules/define.c) the table is the only record, and a change of it
 * reaches every session, standbys too, as a relation cache invalidation when it is
 * committed. Kept plans name the table among those that they depend on, so PostgreSQL
 * makes them anew.
 *
 * What a mark's text means, as a number, is found out when a statement comes that may be like it,
 * for tables may have been made anew since. That must not fail that statement, nor make
 * it wait. So a text is only looked at if all relations that it names are ones which the
 * statement reads, and has locked; in a subtransaction; and it waits for no other
 * lock. What was found is kept until a definition changes.
 *
 * Locking: none of its own; all memory is of this session.
 *
 * src/statement/mark.c
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"

#include "base/debug_point.h"
#include "base/memo.h"
#include "base/relchange.h"
#include "base/shmem.h"
#include "base/subxact.h"
#include "load/select.h"
#include "rules/define.h"
#include "rules/owntable.h"
#include "statement/known.h"
#include "statement/mark.h"
#include "statement/shape.h"

#define CF_MARK_LOCK_TIMEOUT 1	/* ms */

/* A mark, and what it means to this session. */
typedef struct Known
{
	CfMark		mark;
	List	   *schemas;		/* names, as the search path has them */
	bool		parsed;
	List	   *relations;		/* of RangeVars that its text has */
	uint64		looked;			/* at its text, in this round; 0: never */
	uint64		number;			/* of its shape; 0: it has none now */
	Oid			role;			/* for this one */
} Known;

/* What a statement was found to be like. */
typedef struct Found
{
	uint64		key;
	const Known *known;			/* or NULL */
} Found;

/* The session's copy of the table. */
static struct
{
	bool		valid;
	Oid			relid;
	MemoryContext context;		/* of all of it */
	Known	   *mark;
	int			n;
}			marks;

static CfMemo found = CF_MEMO("cachefront marked statements", Found, 1024);

/* A round, in which no text comes to mean anything else. */
static struct
{
	uint64		number;
	CfMoment	as_of;			/* no definition has changed since this one's began, */
	uint64		names_as_of;	/* nor has this session made anything */
}			round_now;

static const Oid types[CF_MARK_COLUMNS] = {TEXTOID, TEXTOID, INTERVALOID, INTERVALOID,
	TEXTARRAYOID, TEXTOID, NAMEOID};
static const CfOwnTable table = {CF_OWN_TABLE_MARKS, CF_MARK_COLUMNS, types};

static void
relation_changed(Oid relid)
{
	if (relid != InvalidOid && relid != marks.relid && OidIsValid(marks.relid))
		return;
	marks.valid = false;
	cf_memo_forget(&found);
}

void
cf_mark_register(void)
{
	cf_relchange_register(relation_changed);
}

Oid
cf_mark_relation(void)
{
	return cf_own_table_relid(table.name);
}

/* ---- the session's copy ------------------------------------------------- */

static char *
text_of(const Datum *values, const bool *nulls, int column)
{
	return nulls[column - 1] ? NULL : TextDatumGetCString(values[column - 1]);
}

static List *
read_tags(Datum array)
{
	Datum	   *tags;
	bool	   *null_tags;
	List	   *list = NIL;
	int			n;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT,
					  &tags, &null_tags, &n);
	for (int i = 0; i < n; i++)
	{
		/* Written by hand it may be anything. */
		if (!null_tags[i] && VARSIZE_ANY_EXHDR(DatumGetPointer(tags[i])) <= CF_MAX_TAG)
			list = lappend(list, makeString(TextDatumGetCString(tags[i])));
	}
	return list;
}

static void
read_mark(Known *known, const Datum *values, const bool *nulls)
{
	CfMark	   *mark = &known->mark;
	char	   *colon;

	strlcpy(mark->name, text_of(values, nulls, CF_MARK_NAME), sizeof(mark->name));
	strlcpy(mark->cache, mark->name, sizeof(mark->cache));
	colon = strrchr(mark->cache, ':');
	if (colon != NULL)
		*colon = '\0';
	mark->query = text_of(values, nulls, CF_MARK_QUERY);
	mark->search_path = text_of(values, nulls, CF_MARK_SEARCH_PATH);
	if (mark->search_path == NULL)
		mark->search_path = pstrdup("pg_catalog, pg_temp");
	if (!nulls[CF_MARK_OWNER - 1])
		mark->owner = pstrdup(NameStr(*DatumGetName(values[CF_MARK_OWNER - 1])));
	if (!nulls[CF_MARK_TTL - 1])
		mark->ttl = cf_ttl_bounded(DatumGetIntervalP(values[CF_MARK_TTL - 1]));
	mark->max_stale_defined = !nulls[CF_MARK_MAX_STALE - 1];
	if (mark->max_stale_defined)
		mark->max_stale = cf_ttl_bounded(DatumGetIntervalP(values[CF_MARK_MAX_STALE - 1]));
	if (!nulls[CF_MARK_TAGS - 1])
		mark->tags = read_tags(values[CF_MARK_TAGS - 1]);
	if (!SplitIdentifierString(pstrdup(mark->search_path), ',', &known->schemas))
		known->schemas = NIL;
}

/* Appends to a list of them. */
static List *
read_row(List *list, HeapTuple tuple, TupleDesc desc)
{
	Datum		values[CF_MARK_COLUMNS];
	bool		nulls[CF_MARK_COLUMNS];
	Known	   *known;

	for (int i = 0; i < CF_MARK_COLUMNS; i++)
		values[i] = heap_getattr(tuple, i + 1, desc, &nulls[i]);
	if (nulls[CF_MARK_NAME - 1] || nulls[CF_MARK_QUERY - 1])
		return list;
	known = palloc0(sizeof(Known));
	read_mark(known, values, nulls);
	return lappend(list, known);
}

static List *
read_rows(void)
{
	List	   *list = NIL;
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;

	marks.relid = cf_mark_relation();
	if (!OidIsValid(marks.relid))
		return NIL;
	if (!ConditionalLockRelationOid(marks.relid, AccessShareLock))
	{
		/* Somebody makes it anew or drops it: nothing waits for him. */
		marks.valid = false;
		return NIL;
	}
	rel = try_table_open(marks.relid, NoLock);
	if (rel == NULL)
	{
		UnlockRelationOid(marks.relid, AccessShareLock);
		return NIL;
	}
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (cf_own_table_fits(rel, &table) && HeapTupleIsValid(tuple = systable_getnext(scan)))
		list = read_row(list, tuple, RelationGetDescr(rel));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return list;
}

/* Where two are alike the first by name counts, in all sessions. */
static int
by_name(const void *a, const void *b)
{
	return strcmp(((const Known *) a)->mark.name, ((const Known *) b)->mark.name);
}

static void
read_marks(void)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "cachefront marks",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	List	   *list = NIL;
	Known	   *new = NULL;
	ListCell   *cell;

	/* An invalidation that arrives while we read makes us read again. */
	marks.valid = true;
	cf_memo_forget(&found);
	PG_TRY();
	{
		list = read_rows();
		new = palloc(Max(list_length(list), 1) * sizeof(Known));
	}
	PG_CATCH();
	{
		marks.valid = false;
		MemoryContextSwitchTo(old);
		MemoryContextDelete(context);
		PG_RE_THROW();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	foreach(cell, list)
		new[foreach_current_index(cell)] = *(Known *) lfirst(cell);
	qsort(new, list_length(list), sizeof(Known), by_name);
	if (marks.context != NULL)
		MemoryContextDelete(marks.context);
	marks.context = context;
	marks.mark = new;
	marks.n = list_length(list);
}

static void
require_marks(void)
{
	if (unlikely(!marks.valid))
		read_marks();
}

bool
cf_mark_any(void)
{
	require_marks();
	return marks.n > 0;
}

ArrayType *
cf_mark_tags(const List *tags)
{
	Datum	   *elements;
	ListCell   *cell;

	if (likely(tags == NIL))
		return NULL;
	elements = palloc(list_length(tags) * sizeof(Datum));
	foreach(cell, tags)
		elements[foreach_current_index(cell)] = CStringGetTextDatum(strVal(lfirst(cell)));
	return construct_array(elements, list_length(tags), TEXTOID, -1, false, TYPALIGN_INT);
}

List *
cf_mark_list(void)
{
	List	   *list = NIL;
	Oid			relid = cf_mark_relation();

	/* Reports wait for who changes the table, and statements do not. */
	if (OidIsValid(relid))
		LockRelationOid(relid, AccessShareLock);
	require_marks();
	if (OidIsValid(relid))
		UnlockRelationOid(relid, AccessShareLock);
	for (int i = 0; i < marks.n; i++)
	{
		CfMark	   *copy = palloc(sizeof(CfMark));

		*copy = marks.mark[i].mark;
		copy->query = pstrdup(copy->query);
		copy->search_path = pstrdup(copy->search_path);
		copy->owner = copy->owner == NULL ? NULL : pstrdup(copy->owner);
		copy->tags = copyObject(copy->tags);
		list = lappend(list, copy);
	}
	return list;
}

void
cf_mark_add_dependency(PlannedStmt *stmt)
{
	/* The plan inside has the same list. */
	if (OidIsValid(marks.relid))
		stmt->relationOids = lappend_oid(list_copy(stmt->relationOids), marks.relid);
}

/* ---- which relations a text names --------------------------------------- */

static bool
relations_walker(Node *node, void *context)
{
	List	  **relations = context;

	if (node == NULL)
		return false;
	if (IsA(node, RangeVar))
	{
		*relations = lappend(*relations, node);
		return false;
	}
	return raw_expression_tree_walker(node, relations_walker, context);
}

static List *
relations_of_text(const char *text)
{
	List	   *relations = NIL;

	(void) relations_walker(cf_select_parse(text)->stmt, &relations);
	return relations;
}

/* InvalidOid: it is of a WITH, or of what is not there. */
static Oid
resolve(const RangeVar *relation, const List *schemas)
{
	ListCell   *cell;
	Oid			relid;

	if (relation->schemaname != NULL)
		return get_relname_relid(relation->relname,
								 get_namespace_oid(relation->schemaname, true));
	relid = get_relname_relid(relation->relname, PG_CATALOG_NAMESPACE);
	foreach(cell, schemas)
	{
		if (OidIsValid(relid))
			break;
		relid = get_relname_relid(relation->relname, get_namespace_oid(lfirst(cell), true));
	}
	return relid;
}

/* Are all relations that it names among these, and is there one? */
static bool
names_only(const List *relations, const List *schemas, const List *relids)
{
	bool		any = false;
	ListCell   *cell;

	foreach(cell, relations)
	{
		Oid			relid = resolve(lfirst_node(RangeVar, cell), schemas);

		if (OidIsValid(relid) && !list_member_oid(relids, relid))
			return false;
		any |= OidIsValid(relid);
	}
	return any;
}

/* All relations of a rewritten query: tables, views, and what these are made of. */
static bool
relids_walker(Node *node, void *context)
{
	List	  **relids = context;
	ListCell   *cell;

	if (node == NULL)
		return false;
	if (!IsA(node, Query))
		return expression_tree_walker(node, relids_walker, context);
	foreach(cell, ((Query *) node)->rtable)
	{
		if (OidIsValid(lfirst_node(RangeTblEntry, cell)->relid))
			*relids = list_append_unique_oid(*relids, lfirst_node(RangeTblEntry, cell)->relid);
	}
	return query_tree_walker((Query *) node, relids_walker, context, 0);
}

static List *
relids_of(const Query *query)
{
	List	   *relids = NIL;

	(void) relids_walker((Node *) query, &relids);
	return relids;
}

/* ---- what a text means -------------------------------------------------- */

typedef struct Look
{
	const CfMark *mark;
	List	   *relations;		/* what its text names */
	uint64		number;
	CfEligibility verdict;
} Look;

static void
set(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
							 false);
}

static void
look_at_names(void *arg)
{
	Look	   *look = arg;

	look->relations = relations_of_text(look->mark->query);
}

static void
look_at_meaning(void *arg)
{
	Look	   *look = arg;
	const char *text = look->mark->query;
	int			level = NewGUCNestLevel();
	bool		pushed = !ActiveSnapshotSet();
	Oid		   *param_types = NULL;
	int			nparams = 0;
	List	   *queries;
	CfCalls		calls;
	Oid			relid;

	set("search_path", look->mark->search_path);
	if (pushed)
		PushActiveSnapshot(GetTransactionSnapshot());
	queries = pg_analyze_and_rewrite_varparams(cf_select_parse(text), text, &param_types,
											   &nparams, NULL);
	CF_HOLD_POINT("mark-looked");
	CHECK_FOR_INTERRUPTS();
	if (pushed)
		PopActiveSnapshot();
	if (list_length(queries) == 1)
	{
		look->number = cf_shape_number(linitial_node(Query, queries), &relid);
		look->verdict = cf_eligible_query(linitial_node(Query, queries), &calls);
	}
	AtEOXact_GUC(true, level);
}

/*
 * In a subtransaction, without a word to the client or to who counts statements, and without
 * waiting for a lock. Returns the error, if it fails by itself.
 */
static ErrorData *
look_at(Look *look, void (*at) (void *arg))
{
	post_parse_analyze_hook_type others = post_parse_analyze_hook;
	int			lock_timeout = LockTimeout;
	int			messages = client_min_messages;
	ErrorData  *volatile error = NULL;

	post_parse_analyze_hook = NULL;
	LockTimeout = CF_MARK_LOCK_TIMEOUT;
	client_min_messages = ERROR;
	PG_TRY();
	{
		error = cf_subxact_try_briefly(at, look);
	}
	PG_FINALLY();
	{
		post_parse_analyze_hook = others;
		LockTimeout = lock_timeout;
		client_min_messages = messages;
	}
	PG_END_TRY();
	if (error != NULL && cf_subxact_is_called_off(error->sqlerrcode))
		ReThrowError(error);
	return error;
}

/* What an earlier version could read this one may not. */
static void
parse(Known *known)
{
	Look		look = {.mark = &known->mark};
	MemoryContext old;

	(void) look_at(&look, look_at_names);
	old = MemoryContextSwitchTo(marks.context);
	known->relations = copyObject(look.relations);
	MemoryContextSwitchTo(old);
	known->parsed = true;
}

/* A number is the same for all roles; but one may lack rights on a schema. */
static bool
is_known(const Known *known)
{
	return known->looked == round_now.number && (known->number != 0 || known->role == GetUserId());
}

static uint64
number_of(Known *known)
{
	Look		look = {.mark = &known->mark};

	if (is_known(known))
		return known->number;
	(void) look_at(&look, look_at_meaning);
	known->number = look.number;
	known->role = GetUserId();
	known->looked = round_now.number;
	return known->number;
}

static const Known *
look_through(const Query *query, uint64 number)
{
	List	   *relids = relids_of(query);

	for (int i = 0; i < marks.n; i++)
	{
		Known	   *known = &marks.mark[i];

		if (!known->parsed)
			parse(known);
		if (names_only(known->relations, known->schemas, relids) && number_of(known) == number)
			return known;
	}
	return NULL;
}

/* What was found before a definition changed is not true any more. */
static void
begin_anew(void)
{
	if (round_now.number != 0 && round_now.names_as_of == cf_known_names() &&
		cf_known_definitions_unmoved(&round_now.as_of))
		return;
	cf_memo_forget(&found);
	round_now.names_as_of = cf_known_names();
	round_now.number++;
	round_now.as_of = cf_moment_now();
	/* The messages were sent before the clocks were settled. */
	AcceptInvalidationMessages();
}

const CfMark *
cf_mark_find(const Query *query, uint64 number)
{
	uint64		key = number ^ ((uint64) GetUserId() << 32);
	CfMemoTicket ticket;
	MemoryContext context;
	MemoryContext old;
	const Known *known;
	Found	   *entry;

	if (likely(!cf_mark_any()))
		return NULL;
	begin_anew();
	/* It may have heard of another table of marks. */
	require_marks();
	entry = cf_memo_find(&found, &key, &ticket);
	if (likely(entry != NULL))
		return entry->known == NULL ? NULL : &entry->known->mark;
	if (marks.n == 0 || IsInParallelMode())
		return NULL;
	context = AllocSetContextCreate(CurrentMemoryContext, "cachefront mark",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	known = look_through(query, number);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	entry = cf_memo_enter(&found, &key, ticket);
	if (entry != NULL)
		entry->known = known;
	return known == NULL ? NULL : &known->mark;
}

char *
cf_mark_problem(const CfMark *mark)
{
	Look		look = {.mark = mark};
	ErrorData  *error;

	if (IsInParallelMode())
		return NULL;
	error = look_at(&look, look_at_meaning);
	if (error != NULL)
		return pstrdup(error->message);
	return look.verdict == CF_ELIGIBLE ? NULL : pstrdup(cf_eligible_reason(look.verdict));
}

bool
cf_mark_is_found(const char *text, const char *search_path, const Query *query)
{
	List	   *schemas = NIL;

	return SplitIdentifierString(pstrdup(search_path), ',', &schemas) &&
		names_only(relations_of_text(text), schemas, relids_of(query));
}

/* ---- changes ------------------------------------------------------------ */

static Relation
open_table(const char *command)
{
	return cf_own_table_open(&table, cf_mark_relation(), command,
							 "Run CREATE EXTENSION cachefront, or ALTER EXTENSION cachefront UPDATE.");
}

void
cf_mark_store(const char *name, const Datum *values, const bool *nulls)
{
	Relation	rel = open_table("cache_query()");
	CatalogIndexState indexes = cf_own_table_open_indexes(rel, &table);
	HeapTuple	old = cf_own_table_find(rel, CF_MARK_NAME, name);
	Oid			owner = InvalidOid;

	if (old != NULL)
	{
		owner = cf_own_table_owner(rel, old, CF_MARK_OWNER);
		cf_own_table_require_owner("marked query", name, owner);
	}
	cf_own_table_put(rel, &table, indexes, old, owner, values, nulls);
}

bool
cf_mark_delete(const char *name)
{
	Relation	rel = open_table("cache_query_drop()");
	HeapTuple	row = cf_own_table_find(rel, CF_MARK_NAME, name);

	if (row == NULL)
	{
		table_close(rel, NoLock);
		return false;
	}
	cf_own_table_require_owner("marked query", name, cf_own_table_owner(rel, row, CF_MARK_OWNER));
	cf_own_table_delete(rel, row);
	return true;
}
