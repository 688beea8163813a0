/*
 * columns.c - does a column definition list fit a query?
 *
 * PostgreSQL's own check of a SQL function follows; it knows more, but speaks
 * of a function that the user has not written.
 *
 * src/request/columns.c
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"

#include "request/columns.h"

#define CF_MAX_SHOWN 30			/* columns in a hint */

static List *
visible_columns(Query *query)
{
	List	   *columns = NIL;
	ListCell   *cell;

	foreach(cell, query->targetList)
	{
		if (!lfirst_node(TargetEntry, cell)->resjunk)
			columns = lappend(columns, lfirst(cell));
	}
	return columns;
}

static char *
type_of_expr(TargetEntry *column)
{
	return format_type_with_typemod(exprType((Node *) column->expr),
									exprTypmod((Node *) column->expr));
}

/* The list that fits: id integer, name text */
static char *
fitting_list(List *columns)
{
	StringInfoData list;
	ListCell   *cell;

	initStringInfo(&list);
	foreach(cell, columns)
	{
		TargetEntry *column = lfirst_node(TargetEntry, cell);
		int			i = foreach_current_index(cell);

		if (i == CF_MAX_SHOWN)
		{
			appendStringInfoString(&list, ", ...");
			break;
		}
		appendStringInfo(&list, "%s%s %s", i > 0 ? ", " : "",
						 quote_identifier(column->resname ? column->resname : "?column?"),
						 type_of_expr(column));
	}
	return list.data;
}

void
cf_columns_check(Query *query, TupleDesc desc)
{
	List	   *columns = visible_columns(query);
	ListCell   *cell;

	if (list_length(columns) != desc->natts)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the column definition list does not fit the query"),
				 errdetail("Columns in the list: %d. Columns of the query: %d.",
						   desc->natts, list_length(columns)),
				 columns == NIL ? 0 :
				 errhint("This would fit: AS t(%s).", fitting_list(columns))));
	foreach(cell, columns)
	{
		TargetEntry *column = lfirst_node(TargetEntry, cell);
		Form_pg_attribute att = TupleDescAttr(desc, foreach_current_index(cell));
		Oid			type = exprType((Node *) column->expr);

		if (!can_coerce_type(1, &type, &att->atttypid, COERCION_ASSIGNMENT))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("the column definition list does not fit the query"),
					 errdetail("Column \"%s\" of the list is of type %s, but column %d of the query is of type %s.",
							   NameStr(att->attname),
							   format_type_with_typemod(att->atttypid, att->atttypmod),
							   foreach_current_index(cell) + 1, type_of_expr(column)),
					 errhint("This would fit: AS t(%s).", fitting_list(columns))));
	}
}
