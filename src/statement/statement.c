/*
 * statement.c - packs what goes with a plan into a list of PostgreSQL's own nodes.
 *
 * The plan cache copies plans (copyObject), so what they carry is made of nodes.
 *
 * src/statement/statement.c
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "nodes/value.h"

#include "statement/statement.h"

/* Places in the list. */
enum
{
	PACKED_CHILD,				/* or the query */
	PACKED_NUMBERS,				/* 64 bits each, as two integers */
	PACKED_CACHE,
	PACKED_TEXT,
	PACKED_PARAMS,
	PACKED_PARAM_TYPES,
	PACKED_DEFINED,
	PACKED_ROWTYPES
};

const char *
cf_statement_source(const Query *query, const char *text, int *len)
{
	const char *begin = text != NULL ? text + Max(query->stmt_location, 0) : "";

	*len = text != NULL && query->stmt_len > 0 ? query->stmt_len : (int) strlen(begin);
	return begin;
}

static List *
pack_number(List *numbers, uint64 number)
{
	numbers = lappend_int(numbers, (int) (uint32) (number >> 32));
	return lappend_int(numbers, (int) (uint32) number);
}

static uint64
unpack_number(const List *numbers, int place)
{
	return ((uint64) (uint32) list_nth_int(numbers, 2 * place) << 32) |
		(uint32) list_nth_int(numbers, 2 * place + 1);
}

List *
cf_statement_pack(const CfStatement *statement)
{
	List	   *numbers = NIL;
	List	   *packed;

	numbers = pack_number(numbers, statement->tree.h[0]);
	numbers = pack_number(numbers, statement->tree.h[1]);
	numbers = pack_number(numbers, statement->number);
	numbers = pack_number(numbers, statement->stamp);
	numbers = pack_number(numbers, (uint64) statement->ttl);
	numbers = pack_number(numbers, (uint64) statement->binding << 32 |
						  (statement->folds_names ? 1 : 0) | (statement->mutable ? 2 : 0) |
						  (statement->defined_any ? 4 : 0) | (statement->marked ? 8 : 0));
	numbers = pack_number(numbers, statement->shape);
	numbers = pack_number(numbers, statement->plan_us);
	numbers = pack_number(numbers, statement->settings.h[0]);
	numbers = pack_number(numbers, statement->settings.h[1]);
	if (statement->child != NULL)
		packed = list_make1(statement->child);
	else
		packed = list_make1(statement->query);
	packed = lappend(packed, numbers);
	packed = lappend(packed, makeString(pstrdup(statement->cache)));
	packed = lappend(packed, makeString(pstrdup(statement->text)));
	packed = lappend(packed, statement->params);
	packed = lappend(packed, statement->param_types);
	packed = lappend(packed, statement->defined);
	return lappend(packed, statement->rowtypes);
}

CfStatement *
cf_statement_unpack(const List *packed)
{
	CfStatement *statement = palloc0(sizeof(CfStatement));
	const List *numbers = list_nth(packed, PACKED_NUMBERS);
	Node	   *inside = list_nth(packed, PACKED_CHILD);
	uint64		flags = unpack_number(numbers, 5);

	if (inside != NULL && IsA(inside, PlannedStmt))
		statement->child = (PlannedStmt *) inside;
	else
		statement->query = (Query *) inside;
	statement->tree.h[0] = unpack_number(numbers, 0);
	statement->tree.h[1] = unpack_number(numbers, 1);
	statement->number = (uint32) unpack_number(numbers, 2);
	statement->stamp = unpack_number(numbers, 3);
	statement->ttl = (int64) unpack_number(numbers, 4);
	statement->binding = (CfBinding) (flags >> 32);
	statement->folds_names = (flags & 1) != 0;
	statement->mutable = (flags & 2) != 0;
	statement->defined_any = (flags & 4) != 0;
	statement->marked = (flags & 8) != 0;
	statement->shape = unpack_number(numbers, 6);
	statement->plan_us = unpack_number(numbers, 7);
	statement->settings.h[0] = unpack_number(numbers, 8);
	statement->settings.h[1] = unpack_number(numbers, 9);
	statement->cache = strVal(list_nth(packed, PACKED_CACHE));
	statement->text = strVal(list_nth(packed, PACKED_TEXT));
	statement->params = list_nth(packed, PACKED_PARAMS);
	statement->param_types = list_nth(packed, PACKED_PARAM_TYPES);
	statement->defined = list_nth(packed, PACKED_DEFINED);
	statement->rowtypes = list_nth(packed, PACKED_ROWTYPES);
	return statement;
}
