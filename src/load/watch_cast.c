/*
 * watch_cast.c - the conversions between types that PL/pgSQL makes by itself.
 *
 * A value that goes into a variable of another type is converted by what no tree shows and
 * no hook is told of. What matters of it is whether text may be read as a date or a time: 'today'
 * means another one tomorrow. That shows in the two types: of the variable, and of what
 * the statement gives, which PL/pgSQL knows when it is over. What cannot be known counts as read
 * by the clock.
 *
 * An assignment is converted in its expression, which is looked at; so its types are the
 * same here.
 *
 * src/load/watch_cast.c
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "plpgsql.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/typcache.h"

#include "load/watch_internal.h"

/* The columns that a statement or an expression gives. */
typedef struct Source
{
	Oid			simple;			/* of one value, or InvalidOid: */
	TupleDesc	desc;			/* or NULL: it is not known */
} Source;

static Source
source_of(PLpgSQL_expr *expr)
{
	Source		source = {InvalidOid, NULL};
	List	   *plans;

	if (expr == NULL || expr->plan == NULL)
		return source;
	if (expr->expr_simple_expr != NULL)
	{
		source.simple = expr->expr_simple_type;
		return source;
	}
	plans = SPI_plan_get_plan_sources(expr->plan);
	if (list_length(plans) == 1)
		source.desc = ((CachedPlanSource *) linitial(plans))->resultDesc;
	return source;
}

static Oid
column_of(const Source *source, int i)
{
	if (i == 0 && OidIsValid(source->simple))
		return source->simple;
	return source->desc != NULL && i < source->desc->natts ?
		TupleDescAttr(source->desc, i)->atttypid : InvalidOid;
}

/* No text that is made of such a value is a word of time. */
static bool
holds_no_words(Oid type)
{
	switch (getBaseType(type))
	{
		case BOOLOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case FLOAT4OID:
		case FLOAT8OID:
		case NUMERICOID:
		case DATEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
		case INTERVALOID:
		case UUIDOID:
		case OIDOID:
			return true;
		default:
			return false;
	}
}

/* to: InvalidOid, if it is not known. */
static CfTraits
traits_of_cast(Oid from, Oid to)
{
	if (OidIsValid(to) && (from == to || to == VOIDOID || cf_function_reads_no_clock(to)))
		return 0;
	/* The zone of a time of day that has none is that of now. */
	if (!OidIsValid(from) || !holds_no_words(from) ||
		(OidIsValid(to) && getBaseType(to) == TIMETZOID))
		return CF_TRAIT_CLOCK;
	return 0;
}

static CfTraits traits_of_target(PLpgSQL_execstate *estate, PLpgSQL_datum *target,
								 const Source *source, int column);

static CfTraits
traits_of_row(PLpgSQL_execstate *estate, PLpgSQL_row *row, const Source *source)
{
	CfTraits	traits = 0;

	for (int i = 0; i < row->nfields; i++)
	{
		if (row->varnos[i] >= 0)
			traits |= traits_of_target(estate, estate->datums[row->varnos[i]], source, i);
	}
	return traits;
}

/* A variable of type record becomes whatever it is given. */
static CfTraits
traits_of_rec(const PLpgSQL_rec *rec, const Source *source)
{
	TupleDesc	desc;
	CfTraits	traits = 0;

	if (rec->rectypeid == RECORDOID || cf_function_reads_no_clock(rec->rectypeid))
		return 0;
	desc = lookup_rowtype_tupdesc_noerror(rec->rectypeid, -1, true);
	if (desc == NULL)
		return CF_TRAIT_CLOCK;
	for (int i = 0; i < desc->natts; i++)
		traits |= traits_of_cast(column_of(source, i), TupleDescAttr(desc, i)->atttypid);
	ReleaseTupleDesc(desc);
	return traits;
}

static CfTraits
traits_of_target(PLpgSQL_execstate *estate, PLpgSQL_datum *target, const Source *source,
				 int column)
{
	switch (target->dtype)
	{
		case PLPGSQL_DTYPE_VAR:
		case PLPGSQL_DTYPE_PROMISE:
			return traits_of_cast(column_of(source, column),
								  ((PLpgSQL_var *) target)->datatype->typoid);
		case PLPGSQL_DTYPE_ROW:
			return traits_of_row(estate, (PLpgSQL_row *) target, source);
		case PLPGSQL_DTYPE_REC:
			if (column_of(source, column) == ((PLpgSQL_rec *) target)->rectypeid)
				return 0;
			return traits_of_rec((PLpgSQL_rec *) target, source);
		case PLPGSQL_DTYPE_RECFIELD:
			return traits_of_cast(column_of(source, column), InvalidOid);
	}
	return CF_TRAIT_CLOCK;
}

static CfTraits
traits_of_into(PLpgSQL_execstate *estate, PLpgSQL_variable *target, PLpgSQL_expr *expr)
{
	Source		source = source_of(expr);

	return target == NULL ? 0 : traits_of_target(estate, (PLpgSQL_datum *) target, &source, 0);
}

/* Of a block's variables, what they begin with. */
static CfTraits
traits_of_block(PLpgSQL_execstate *estate, PLpgSQL_stmt_block *block)
{
	CfTraits	traits = 0;

	for (int i = 0; i < block->n_initvars; i++)
	{
		PLpgSQL_datum *datum = estate->datums[block->initvarnos[i]];

		if (datum->dtype == PLPGSQL_DTYPE_VAR || datum->dtype == PLPGSQL_DTYPE_PROMISE ||
			datum->dtype == PLPGSQL_DTYPE_REC)
		{
			PLpgSQL_expr *expr = ((PLpgSQL_variable *) datum)->default_val;

			if (expr != NULL)
				traits |= traits_of_into(estate, (PLpgSQL_variable *) datum, expr);
		}
	}
	return traits;
}

/* A row is not converted. */
static CfTraits
traits_of_return(PLpgSQL_execstate *estate, int varno, PLpgSQL_expr *expr)
{
	Oid			to = estate->func->fn_rettype;
	Source		source = source_of(expr);
	PLpgSQL_datum *datum;

	if (cf_function_reads_no_clock(to) || (varno < 0 && expr == NULL))
		return 0;
	if (estate->retistuple && !OidIsValid(source.simple) && varno < 0)
		return 0;
	if (varno < 0)
		return traits_of_cast(column_of(&source, 0), to);
	datum = estate->datums[varno];
	if (datum->dtype != PLPGSQL_DTYPE_VAR && datum->dtype != PLPGSQL_DTYPE_PROMISE)
		return 0;
	return traits_of_cast(((PLpgSQL_var *) datum)->datatype->typoid, to);
}

static CfTraits
traits_of_foreach(PLpgSQL_execstate *estate, PLpgSQL_stmt_foreach_a *stmt)
{
	Source		source = source_of(stmt->expr);
	Source		element = {get_element_type(column_of(&source, 0)), NULL};

	if (stmt->slice > 0)
		element.simple = column_of(&source, 0);
	return traits_of_target(estate, estate->datums[stmt->varno], &element, 0);
}

static CfTraits
traits_of_arguments(PLpgSQL_execstate *estate, int cursor, PLpgSQL_expr *argquery)
{
	PLpgSQL_var *variable = (PLpgSQL_var *) estate->datums[cursor];

	if (argquery == NULL || variable->cursor_explicit_argrow < 0)
		return 0;
	return traits_of_into(estate, (PLpgSQL_variable *)
						  estate->datums[variable->cursor_explicit_argrow], argquery);
}

/* What a bound cursor gives is known; of another it is not. */
static PLpgSQL_expr *
query_of_cursor(PLpgSQL_execstate *estate, int cursor)
{
	return ((PLpgSQL_var *) estate->datums[cursor])->cursor_explicit_expr;
}

CfTraits
cf_watch_traits_of_casts(PLpgSQL_execstate *estate, PLpgSQL_stmt *stmt)
{
	switch (stmt->cmd_type)
	{
		case PLPGSQL_STMT_BLOCK:
			return traits_of_block(estate, (PLpgSQL_stmt_block *) stmt);
		case PLPGSQL_STMT_ASSIGN:
			return traits_of_into(estate, (PLpgSQL_variable *)
								  estate->datums[((PLpgSQL_stmt_assign *) stmt)->varno],
								  ((PLpgSQL_stmt_assign *) stmt)->expr);
		case PLPGSQL_STMT_RETURN:
			return traits_of_return(estate, ((PLpgSQL_stmt_return *) stmt)->retvarno,
									((PLpgSQL_stmt_return *) stmt)->expr);
		case PLPGSQL_STMT_RETURN_NEXT:
			return traits_of_return(estate, ((PLpgSQL_stmt_return_next *) stmt)->retvarno,
									((PLpgSQL_stmt_return_next *) stmt)->expr);
		case PLPGSQL_STMT_EXECSQL:
			return traits_of_into(estate, ((PLpgSQL_stmt_execsql *) stmt)->target,
								  ((PLpgSQL_stmt_execsql *) stmt)->sqlstmt);
		case PLPGSQL_STMT_FORS:
			return traits_of_into(estate, ((PLpgSQL_stmt_fors *) stmt)->var,
								  ((PLpgSQL_stmt_fors *) stmt)->query);
		case PLPGSQL_STMT_FORC:
			return traits_of_into(estate, ((PLpgSQL_stmt_forc *) stmt)->var,
								  query_of_cursor(estate, ((PLpgSQL_stmt_forc *) stmt)->curvar)) |
				traits_of_arguments(estate, ((PLpgSQL_stmt_forc *) stmt)->curvar,
									((PLpgSQL_stmt_forc *) stmt)->argquery);
		case PLPGSQL_STMT_OPEN:
			return traits_of_arguments(estate, ((PLpgSQL_stmt_open *) stmt)->curvar,
									   ((PLpgSQL_stmt_open *) stmt)->argquery);
		case PLPGSQL_STMT_FETCH:
			return traits_of_into(estate, ((PLpgSQL_stmt_fetch *) stmt)->target,
								  query_of_cursor(estate, ((PLpgSQL_stmt_fetch *) stmt)->curvar));
		case PLPGSQL_STMT_DYNEXECUTE:
			return traits_of_into(estate, ((PLpgSQL_stmt_dynexecute *) stmt)->target, NULL);
		case PLPGSQL_STMT_DYNFORS:
			return traits_of_into(estate, ((PLpgSQL_stmt_dynfors *) stmt)->var, NULL);
		case PLPGSQL_STMT_CALL:
			return traits_of_into(estate, ((PLpgSQL_stmt_call *) stmt)->target, NULL);
		case PLPGSQL_STMT_FOREACH_A:
			return traits_of_foreach(estate, (PLpgSQL_stmt_foreach_a *) stmt);
		default:
			return 0;
	}
}
