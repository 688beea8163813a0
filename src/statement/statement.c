/*
 * statement.c - packs what goes with a plan into a list of PostgreSQL's own nodes.
 *
 * The plan cache copies plans (copyObject), so what they carry is made of nodes.
 *
 * src/statement/statement.c
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/value.h"

#include "base/compat.h"
#include "statement/statement.h"

/* Places in the list. */
enum
{
	PACKED_CHILD,				/* or the query */
	PACKED_NUMBERS,				/* a constant with the bytes of a Numbers */
	PACKED_CACHE,
	PACKED_TEXT,
	PACKED_PARAMS,
	PACKED_PARAM_TYPES,
	PACKED_DEFINED,
	PACKED_ROWTYPES,
	PACKED_TYPES,
	PACKED_TAGS,
	PACKED_REFUSAL
};

const char *
cf_statement_source(const Query *query, const char *text, int *len)
{
	const char *begin = text != NULL ? text + Max(query->stmt_location, 0) : "";

	*len = text != NULL && query->stmt_len > 0 ? query->stmt_len : (int) strlen(begin);
	return begin;
}

/* All that is of fixed size. A plan is copied for each execution that is planned for itself. */
typedef struct Numbers
{
	CfHash128	tree;
	CfHash128	settings;
	uint64		number;
	CfMoment	moment;
	int64		ttl;
	int64		max_stale;
	uint64		shape;
	uint64		plan_us;
	CfBinding	binding;
	bool		folds_names;
	bool		mutable;
	bool		determined;
	bool		defined_any;
	bool		marked;
	bool		max_stale_defined;
	bool		functions;
	bool		by_role;
	bool		watched;
	Oid			planned_by;
} Numbers;

/* A constant, for such a node PostgreSQL copies and compares with its value. */
static Const *
pack_numbers(const CfStatement *statement)
{
	Size		size = VARHDRSZ + sizeof(Numbers);
	struct varlena *bytes = palloc0(size);
	Numbers		numbers = {
		.tree = statement->tree,
		.settings = statement->settings,
		.number = statement->number,
		.moment = statement->moment,
		.ttl = statement->ttl,
		.max_stale = statement->max_stale,
		.shape = statement->shape,
		.plan_us = statement->plan_us,
		.binding = statement->binding,
		.folds_names = statement->folds_names,
		.mutable = statement->mutable,
		.determined = statement->determined,
		.defined_any = statement->defined_any,
		.marked = statement->marked,
		.max_stale_defined = statement->max_stale_defined,
		.functions = statement->functions,
		.by_role = statement->by_role,
		.watched = statement->watched,
		.planned_by = statement->planned_by,
	};

	SET_VARSIZE(bytes, size);
	memcpy(VARDATA(bytes), &numbers, sizeof(numbers));
	return makeConst(BYTEAOID, -1, InvalidOid, -1, PointerGetDatum(bytes), false, false);
}

static void
unpack_numbers(CfStatement *statement, const Const *constant)
{
	Numbers		numbers;

	memcpy(&numbers, VARDATA(DatumGetPointer(constant->constvalue)), sizeof(numbers));
	statement->tree = numbers.tree;
	statement->settings = numbers.settings;
	statement->number = numbers.number;
	statement->moment = numbers.moment;
	statement->ttl = numbers.ttl;
	statement->max_stale = numbers.max_stale;
	statement->shape = numbers.shape;
	statement->plan_us = numbers.plan_us;
	statement->binding = numbers.binding;
	statement->folds_names = numbers.folds_names;
	statement->mutable = numbers.mutable;
	statement->determined = numbers.determined;
	statement->defined_any = numbers.defined_any;
	statement->marked = numbers.marked;
	statement->max_stale_defined = numbers.max_stale_defined;
	statement->functions = numbers.functions;
	statement->by_role = numbers.by_role;
	statement->watched = numbers.watched;
	statement->planned_by = numbers.planned_by;
}

List *
cf_statement_pack(const CfStatement *statement)
{
	List	   *packed;

	if (statement->child != NULL)
		packed = list_make1(statement->child);
	else
		packed = list_make1(statement->query);
	packed = lappend(packed, pack_numbers(statement));
	packed = lappend(packed, makeString(pstrdup(statement->cache)));
	packed = lappend(packed, makeString(pstrdup(statement->text)));
	packed = lappend(packed, statement->params);
	packed = lappend(packed, statement->param_types);
	packed = lappend(packed, statement->defined);
	packed = lappend(packed, statement->rowtypes);
	packed = lappend(packed, statement->types);
	packed = lappend(packed, statement->tags);
	return lappend(packed, statement->refusal == NULL ? NULL :
				   makeString(pstrdup(statement->refusal)));
}

bool
cf_statement_is_refused(const List *packed)
{
	return list_nth(packed, PACKED_REFUSAL) != NULL;
}

CfStatement *
cf_statement_unpack(const List *packed)
{
	CfStatement *statement = palloc0(sizeof(CfStatement));
	Node	   *inside = list_nth(packed, PACKED_CHILD);

	if (inside != NULL && IsA(inside, PlannedStmt))
		statement->child = (PlannedStmt *) inside;
	else
		statement->query = (Query *) inside;
	unpack_numbers(statement, list_nth_node(Const, packed, PACKED_NUMBERS));
	statement->cache = strVal(list_nth(packed, PACKED_CACHE));
	statement->text = strVal(list_nth(packed, PACKED_TEXT));
	statement->params = list_nth(packed, PACKED_PARAMS);
	statement->param_types = list_nth(packed, PACKED_PARAM_TYPES);
	statement->defined = list_nth(packed, PACKED_DEFINED);
	statement->rowtypes = list_nth(packed, PACKED_ROWTYPES);
	statement->types = list_nth(packed, PACKED_TYPES);
	statement->tags = list_nth(packed, PACKED_TAGS);
	if (cf_statement_is_refused(packed))
		statement->refusal = strVal(list_nth(packed, PACKED_REFUSAL));
	return statement;
}
