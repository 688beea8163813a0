/*
 * defined.c - by which definitions is a result what it is?
 *
 * Lists of what is known; all else makes a result depend on any definition. So do
 * functions that are not PostgreSQL's own, and in no language whose functions DDL
 * of the fine kind leaves alone (capture/catalog.c): what they call is looked up
 * when they run.
 *
 * A name without a schema means the first of that name on the search path: so a
 * result depends on that name in each schema before. Of functions all candidates of
 * all schemas count. Which schemas there are is in the identity, as of each read; of one
 * that the text names, its name counts. The name may have been looked up before another came to be
 * that is found now: hence only what the plan has read ends the search.
 *
 * src/rules/defined.c
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "base/compat.h"
#include "rules/defined.h"
#include "rules/security.h"
#include "rules/traits.h"

/* Time, settings and what is done by the way are no definitions. */
#define CF_TRAITS_DEFINED \
	(CF_TRAIT_SETTINGS | CF_TRAIT_ALL_SETTINGS | CF_TRAIT_NAMED_SETTING | CF_TRAIT_CHANCE | \
	 CF_TRAIT_CLOCK | CF_TRAIT_EFFECT)

/* ---- types -------------------------------------------------------------- */

static void add_type(CfDefined *defined, Oid type);

/* Its columns are the relation's, which DDL can change. */
static void
add_rowtype(CfDefined *defined, Oid relid)
{
	TupleDesc	desc;

	if (list_member_oid(defined->rowtypes, relid))
		return;
	defined->rowtypes = lappend_oid(defined->rowtypes, relid);
	desc = lookup_rowtype_tupdesc_noerror(get_rel_type_id(relid), -1, true);
	if (desc == NULL)
	{
		defined->any = true;
		return;
	}
	for (int i = 0; i < desc->natts; i++)
	{
		if (!TupleDescAttr(desc, i)->attisdropped)
			add_type(defined, TupleDescAttr(desc, i)->atttypid);
	}
	ReleaseTupleDesc(desc);
}

static void
add_user_type(CfDefined *defined, Oid type)
{
	if (type >= FirstNormalObjectId)
		defined->types = list_append_unique_oid(defined->types, type);
}

/* What the domain is of; or the type itself. */
static Oid
one_level_below(Oid type)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	Oid			below = type;

	if (!HeapTupleIsValid(tuple))
		return type;
	if (((Form_pg_type) GETSTRUCT(tuple))->typtype == TYPTYPE_DOMAIN)
		below = ((Form_pg_type) GETSTRUCT(tuple))->typbasetype;
	ReleaseSysCache(tuple);
	return below;
}

/*
 * Each type on the way to what its values are made of: labels, checks and casts of any
 * of them may change.
 */
static void
add_type(CfDefined *defined, Oid type)
{
	Oid			base = getBaseType(type);
	Oid			element = get_element_type(base);
	Oid			relid;

	check_stack_depth();
	for (Oid level = type; level >= FirstNormalObjectId;)
	{
		Oid			below = one_level_below(level);

		add_user_type(defined, level);
		if (below == level)
			break;
		level = below;
	}
	/* Values that are names. */
	if ((cf_function_traits_of_value(type) & CF_TRAIT_UNTRACKED) != 0)
		defined->any = true;
	if (base < FirstNormalObjectId)
		return;
	if (OidIsValid(element))
	{
		add_type(defined, element);
		return;
	}
	switch (get_typtype(base))
	{
		case TYPTYPE_BASE:
		case TYPTYPE_ENUM:
			break;
		case TYPTYPE_RANGE:
			add_type(defined, get_range_subtype(base));
			break;
		case TYPTYPE_MULTIRANGE:
			add_type(defined, get_multirange_range(base));
			break;
		case TYPTYPE_COMPOSITE:
			relid = get_typ_typrelid(base);
			add_rowtype(defined, relid);
			break;
		default:
			defined->any = true;
			break;
	}
}

static void
add_types(CfDefined *defined, const List *types)
{
	ListCell   *cell;

	foreach(cell, types)
		add_type(defined, lfirst_oid(cell));
}

/* What json_to_record(...) AS t(a type), XMLTABLE and the like define. */
static void
add_range_table(CfDefined *defined, const List *rtable)
{
	ListCell   *cell;
	ListCell   *function;

	foreach(cell, rtable)
	{
		const RangeTblEntry *rte = lfirst_node(RangeTblEntry, cell);

		foreach(function, rte->functions)
			add_types(defined, lfirst_node(RangeTblFunction, function)->funccoltypes);
		if (rte->tablefunc != NULL)
			add_types(defined, rte->tablefunc->coltypes);
		if (rte->tablesample != NULL)
			defined->any = true;
	}
}

static void
add_operator(CfDefined *defined, Oid operator)
{
	defined->operators = list_append_unique_oid(defined->operators, operator);
}

/* "t.f", or f(t), where t is a row: the text need not show that it is a call. */
static void
add_if_attribute(CfDefined *defined, const FuncExpr *call)
{
	if (call->funcformat == COERCE_EXPLICIT_CALL && list_length(call->args) == 1 &&
		type_is_rowtype(exprType(linitial(call->args))))
		defined->attributes = list_append_unique_oid(defined->attributes, call->funcid);
}

/* What is looked up by a name that need not stand in the text. */
static void
add_lookup(CfDefined *defined, Node *node)
{
	ListCell   *cell;

	switch (nodeTag(node))
	{
		case T_OpExpr:
		case T_DistinctExpr:
		case T_NullIfExpr:
			add_operator(defined, ((OpExpr *) node)->opno);
			break;
		case T_ScalarArrayOpExpr:
			add_operator(defined, ((ScalarArrayOpExpr *) node)->opno);
			break;
		case T_RowCompareExpr:
			foreach(cell, ((RowCompareExpr *) node)->opnos)
				add_operator(defined, lfirst_oid(cell));
			break;
		case T_FuncExpr:
			add_if_attribute(defined, (FuncExpr *) node);
			if (((FuncExpr *) node)->funcid == F_CURRENT_SCHEMA ||
				((FuncExpr *) node)->funcid == F_CURRENT_SCHEMAS)
				defined->any = true;
			break;
		case T_SQLValueFunction:
			if (((SQLValueFunction *) node)->op == SVFOP_CURRENT_SCHEMA)
				defined->any = true;
			break;
		default:
			break;
	}
}

static bool
query_walker(Node *node, void *context)
{
	CfDefined  *defined = context;

	if (node == NULL)
		return false;
	add_lookup(defined, node);
	if (IsA(node, Query))
	{
		add_range_table(defined, ((Query *) node)->rtable);
		return query_tree_walker((Query *) node, query_walker, context, 0);
	}
	if (CF_IS_JSON_EXPR(node))
		add_type(defined, exprType(node));
	switch (nodeTag(node))
	{
		case T_Var:
		case T_Const:
		case T_Param:
		case T_Aggref:
		case T_WindowFunc:
		case T_FuncExpr:
		case T_OpExpr:
		case T_FieldSelect:
		case T_FieldStore:
		case T_RelabelType:
		case T_CoerceViaIO:
		case T_ArrayCoerceExpr:
		case T_ConvertRowtypeExpr:
		case T_RowExpr:
		case T_ArrayExpr:
		case T_CoerceToDomain:
		case T_SubscriptingRef:
			add_type(defined, exprType(node));
			break;
		default:
			break;
	}
	return expression_tree_walker(node, query_walker, context);
}

void
cf_defined_add_query(CfDefined *defined, Query *query)
{
	if (cf_security_opaque_functions(query) != NIL)
		defined->any = true;
	else
		(void) query_walker((Node *) query, defined);
}

/* ---- relations ---------------------------------------------------------- */

static bool
is_known_kind(char relkind)
{
	return relkind == RELKIND_RELATION || relkind == RELKIND_PARTITIONED_TABLE ||
		relkind == RELKIND_VIEW || relkind == RELKIND_MATVIEW;
}

void
cf_defined_add_plan(CfDefined *defined, PlannedStmt *plan)
{
	ListCell   *cell;

	foreach(cell, plan->relationOids)
	{
		Oid			relid = lfirst_oid(cell);

		/* Of the catalog much changes that is no definition of a relation. */
		if (relid < FirstNormalObjectId || !is_known_kind(get_rel_relkind(relid)))
			defined->any = true;
		defined->relids = list_append_unique_oid(defined->relids, relid);
	}
	if (defined->relids == NIL)
		defined->any = true;
	foreach(cell, defined->rowtypes)
	{
		if (!list_member_oid(defined->relids, lfirst_oid(cell)))
			defined->any = true;
	}
}

/* ---- names -------------------------------------------------------------- */

typedef struct Names
{
	CfDefined  *defined;
	List	   *path;			/* as it is searched, implied schemas too */
} Names;

static void
add_name(CfDefined *defined, Oid schema, const char *name)
{
	CfClockRef	clock = cf_clock_of_name(MyDatabaseId, schema, name);

	for (int i = 0; i < defined->nnames; i++)
	{
		if (defined->names[i] == clock)
			return;
	}
	if (defined->nnames == CF_DEFINED_MAX_NAMES)
		defined->any = true;
	else
		defined->names[defined->nnames++] = clock;
}

/*
 * What comes to be in pg_catalog drops everything; temporary objects are of no
 * session that shares results.
 */
static bool
is_plain_schema(Oid schema)
{
	return schema != PG_CATALOG_NAMESPACE && !isAnyTempNamespace(schema);
}

static void
add_everywhere(Names *names, const char *name)
{
	ListCell   *cell;

	foreach(cell, names->path)
	{
		if (is_plain_schema(lfirst_oid(cell)))
			add_name(names->defined, lfirst_oid(cell), name);
	}
}

/* Who may look into it, and whether there is one of this name. */
static void
add_schema(Names *names, const char *schema)
{
	if (strcmp(schema, "pg_catalog") != 0)
		add_name(names->defined, InvalidOid, schema);
}

static void
add_qualified(Names *names, const char *schema, const char *name)
{
	Oid			schema_id = get_namespace_oid(schema, true);

	add_schema(names, schema);
	if (!OidIsValid(schema_id))
		names->defined->any = true;
	else if (is_plain_schema(schema_id))
		add_name(names->defined, schema_id, name);
}

static void
add_relation(Names *names, const RangeVar *relation)
{
	ListCell   *cell;

	if (relation->schemaname != NULL)
	{
		add_schema(names, relation->schemaname);
		return;
	}
	foreach(cell, names->path)
	{
		Oid			schema = lfirst_oid(cell);
		Oid			relid = get_relname_relid(relation->relname, schema);

		if (OidIsValid(relid) && list_member_oid(names->defined->relids, relid))
			return;
		if (is_plain_schema(schema))
			add_name(names->defined, schema, relation->relname);
	}
}

/* Of a call, which may also mean a cast or the column of a row; of an operator, a collation. */
static void
add_written(Names *names, List *written)
{
	char	   *schema;
	char	   *name;

	DeconstructQualifiedName(written, &schema, &name);
	if (schema != NULL)
		add_qualified(names, schema, name);
	else
		add_everywhere(names, name);
}

/*
 * A relation brings a type of its name, and one of arrays whose name begins with
 * "_", which is even changed where another is to have it.
 */
static void
add_type_name(Names *names, const TypeName *type)
{
	char	   *schema;
	char	   *name;

	/* Of what a function in FROM gives back, by the grammar. */
	if (type->names == NIL)
		return;
	DeconstructQualifiedName(type->names, &schema, &name);
	if (name[0] == '_')
		names->defined->any = true;
	if (schema != NULL)
	{
		add_qualified(names, schema, name);
		return;
	}
	if (names->path != NIL && linitial_oid(names->path) == PG_CATALOG_NAMESPACE &&
		SearchSysCacheExists2(TYPENAMENSP, CStringGetDatum(name),
							  ObjectIdGetDatum(PG_CATALOG_NAMESPACE)))
		return;
	add_everywhere(names, name);
}

/*
 * Of IN, BETWEEN, LIKE, CASE, USING ... too, and as the text was understood. One that it names
 * with its schema is in one that may not be on the path.
 */
static void
add_operators(Names *names)
{
	ListCell   *cell;

	foreach(cell, names->defined->operators)
	{
		HeapTuple	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(lfirst_oid(cell)));
		FormData_pg_operator form;

		if (!HeapTupleIsValid(tuple))
		{
			names->defined->any = true;
			continue;
		}
		form = *(Form_pg_operator) GETSTRUCT(tuple);
		ReleaseSysCache(tuple);
		add_everywhere(names, NameStr(form.oprname));
		if (is_plain_schema(form.oprnamespace))
		{
			char	   *schema = get_namespace_name(form.oprnamespace);

			if (schema != NULL)
				add_qualified(names, schema, NameStr(form.oprname));
		}
	}
	foreach(cell, names->defined->attributes)
	{
		char	   *name = get_func_name(lfirst_oid(cell));

		if (name == NULL)
			names->defined->any = true;
		else
			add_everywhere(names, name);
	}
}

static bool
names_walker(Node *node, void *context)
{
	Names	   *names = context;

	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_RangeVar:
			add_relation(names, (RangeVar *) node);
			return false;
		case T_FuncCall:
			add_written(names, ((FuncCall *) node)->funcname);
			break;
		case T_TypeName:
			add_type_name(names, (TypeName *) node);
			break;
			/* Its type the walker leaves out. */
		case T_RangeTableFuncCol:
			if (((RangeTableFuncCol *) node)->typeName != NULL)
				add_type_name(names, ((RangeTableFuncCol *) node)->typeName);
			break;
		case T_SortBy:
			if (((SortBy *) node)->useOp != NIL)
				add_written(names, ((SortBy *) node)->useOp);
			break;
		case T_CollateClause:
			add_written(names, ((CollateClause *) node)->collname);
			break;
		case T_RangeTableSample:
			names->defined->any = true;
			return false;
		default:
			break;
	}
	return raw_expression_tree_walker(node, names_walker, context);
}

void
cf_defined_add_names(CfDefined *defined, const char *text)
{
	Names		names = {.defined = defined};
	RawStmt    *raw;

	if (defined->any)
		return;
	raw = linitial_node(RawStmt, pg_parse_query(text));
	names.path = fetch_search_path(true);
	/* The identity has such a path as it is set, not which schemas of it there are. */
	if (list_length(names.path) > CF_DEFINED_MAX_NAMES)
		defined->any = true;
	(void) names_walker(raw->stmt, &names);
	add_operators(&names);
}

/* ---- clocks ------------------------------------------------------------- */

static bool
is_known(CfClockRef clock, const CfClockRef *known, int nknown)
{
	for (int i = 0; i < nknown; i++)
	{
		if (known[i] == clock)
			return true;
	}
	return false;
}

/* DDL moves the clock of a table, too: most results have that anyway. */
static CfClockRef
clock_of_relation(Oid relid, const CfClockRef *known, int nknown)
{
	CfTag		table;

	cf_tag_of_table(&table, MyDatabaseId, relid);
	return is_known(table.hash, known, nknown) ? table.hash :
		cf_clock_of_definition(MyDatabaseId, relid);
}

int
cf_defined_clocks(const CfDefined *defined, CfTraits traits, const CfProof *proof,
				  const CfClockRef *known, int nknown, CfClockRef *clocks)
{
	ListCell   *cell;
	int			n = 0;

	clocks[0] = cf_clock_of_any_definition(MyDatabaseId);
	if (defined->any || defined->relids == NIL || (traits & ~CF_TRAITS_DEFINED) != 0)
		return 1;
	foreach(cell, defined->relids)
	{
		CfClockRef	clock;

		/* What changes it changes the table that it is part of. */
		if (cf_proof_is_part(proof, lfirst_oid(cell)))
			continue;
		clock = clock_of_relation(lfirst_oid(cell), known, nknown);
		if (is_known(clock, known, nknown))
			continue;
		if (n == CF_DEFINED_MAX_RELATIONS)
		{
			clocks[0] = cf_clock_of_any_definition(MyDatabaseId);
			return 1;
		}
		clocks[n++] = clock;
	}
	if (n + list_length(defined->types) > CF_DEFINED_MAX_RELATIONS)
	{
		clocks[0] = cf_clock_of_any_definition(MyDatabaseId);
		return 1;
	}
	foreach(cell, defined->types)
		clocks[n++] = cf_clock_of_definition(MyDatabaseId, lfirst_oid(cell));
	memcpy(clocks + n, defined->names, defined->nnames * sizeof(CfClockRef));
	return n + defined->nnames;
}
