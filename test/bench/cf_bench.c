/*
 * cf_bench.c - measures a call or a statement inside the server.
 *
 * cf_bench_loop calls a function N times through its FmgrInfo, always with the
 * same arguments, and returns nanoseconds a call: the function alone, without
 * the executor. cf_bench_times tells percentiles of such calls, for those that
 * take microseconds, and cf_bench_beside_hget those of calls and of bare HGETs in
 * turn. cf_bench_statement runs a prepared statement N times, and so
 * includes what each execution sets up and tears down. cf_bench_empty and
 * cf_bench_copy have cache_fetch's signature and are what its figure is held
 * against: the first does nothing, the second copies a value of 200 bytes,
 * which any function that returns one has to do.
 *
 * Not part of the product: bench.sh builds it and installs it nowhere.
 *
 * test/bench/cf_bench.c
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "portability/instr_time.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/regproc.h"

#include "hget.h"

#define CF_BENCH_VALUE 200		/* bytes that cf_bench_copy returns */
#define CF_BENCH_MAX_ARGS 8

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(cf_bench_empty);
PG_FUNCTION_INFO_V1(cf_bench_copy);
PG_FUNCTION_INFO_V1(cf_bench_trigger);
PG_FUNCTION_INFO_V1(cf_bench_loop);
PG_FUNCTION_INFO_V1(cf_bench_times);
PG_FUNCTION_INFO_V1(cf_bench_beside_hget);
PG_FUNCTION_INFO_V1(cf_bench_statement);

Datum
cf_bench_empty(PG_FUNCTION_ARGS)
{
	PG_RETURN_NULL();
}

Datum
cf_bench_copy(PG_FUNCTION_ARGS)
{
	static char value[CF_BENCH_VALUE];
	text	   *copy;

	if (value[0] == '\0')
	{
		memset(value, 'x', sizeof(value));
		value[0] = value[sizeof(value) - 1] = '"';
	}
	copy = palloc(VARHDRSZ + sizeof(value));
	SET_VARSIZE(copy, VARHDRSZ + sizeof(value));
	memcpy(VARDATA(copy), value, sizeof(value));
	PG_RETURN_TEXT_P(copy);
}

/* An AFTER trigger that does nothing: what PostgreSQL's own part of one costs. */
Datum
cf_bench_trigger(PG_FUNCTION_ARGS)
{
	return PointerGetDatum(NULL);
}

/* The first arguments, by position; the rest are NULL. */
static Const *
make_argument(int position, Oid declared, FunctionCallInfo fcinfo)
{
	if (position < 2)
		return makeConst(TEXTOID, -1, DEFAULT_COLLATION_OID, -1,
						 PG_GETARG_DATUM(position + 1), false, false);
	if (declared == ANYOID && !PG_ARGISNULL(3))
		return makeConst(INT4OID, -1, InvalidOid, sizeof(int32),
						 PG_GETARG_DATUM(3), false, true);
	if (declared == ANYOID)
		declared = UNKNOWNOID;	/* what a bare NULL is */
	return makeNullConst(declared, -1, get_typcollation(declared));
}

/* A function, ready to be called again and again. */
typedef struct BenchCall
{
	FmgrInfo	flinfo;
	int			nargs;
	NullableDatum values[CF_BENCH_MAX_ARGS];
} BenchCall;

static void
check_arguments(FunctionCallInfo fcinfo)
{
	for (int i = 0; i < PG_NARGS(); i++)
	{
		if (PG_ARGISNULL(i) && i != 3)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument %d must not be null", i + 1)));
	}
	if (PG_GETARG_INT32(4) < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number of calls must be positive")));
}

/*
 * From the arguments (fn regprocedure, key text, query text, args int, n int).
 * Those of the called function are Const nodes, as they are in a statement that
 * names them literally: a function with an "any" argument reads its type from
 * there.
 */
static void
prepare_call(BenchCall *bench, FunctionCallInfo fcinfo)
{
	Oid			fn = PG_GETARG_OID(0);
	Oid			rettype;
	Oid		   *argtypes;
	List	   *args = NIL;

	rettype = get_func_signature(fn, &argtypes, &bench->nargs);
	if (bench->nargs < 1 || bench->nargs > CF_BENCH_MAX_ARGS || argtypes[0] != TEXTOID)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("function %s has the wrong arguments",
						format_procedure(fn))));
	for (int i = 0; i < bench->nargs; i++)
	{
		Const	   *arg = make_argument(i, argtypes[i], fcinfo);

		args = lappend(args, arg);
		bench->values[i].value = arg->constvalue;
		bench->values[i].isnull = arg->constisnull;
	}

	fmgr_info(fn, &bench->flinfo);
	fmgr_info_set_expr((Node *) makeFuncExpr(fn, rettype, args, InvalidOid,
											 DEFAULT_COLLATION_OID,
											 COERCE_EXPLICIT_CALL),
					   &bench->flinfo);
}

static inline void
call_once(BenchCall *bench)
{
	LOCAL_FCINFO(call, CF_BENCH_MAX_ARGS);

	InitFunctionCallInfoData(*call, &bench->flinfo, bench->nargs,
							 DEFAULT_COLLATION_OID, NULL, NULL);
	memcpy(call->args, bench->values, bench->nargs * sizeof(NullableDatum));
	(void) FunctionCallInvoke(call);
}

static MemoryContext
make_call_context(void)
{
	return AllocSetContextCreate(CurrentMemoryContext, "cf_bench call",
								 ALLOCSET_DEFAULT_SIZES);
}

/* cf_bench_loop(fn, key, query, args, n): nanoseconds a call */
Datum
cf_bench_loop(PG_FUNCTION_ARGS)
{
	BenchCall	bench;
	int			ncalls;
	MemoryContext percall;
	MemoryContext caller;
	instr_time	start;
	instr_time	end;

	check_arguments(fcinfo);
	prepare_call(&bench, fcinfo);
	ncalls = PG_GETARG_INT32(4);
	percall = make_call_context();
	caller = MemoryContextSwitchTo(percall);
	INSTR_TIME_SET_CURRENT(start);
	for (int i = 0; i < ncalls; i++)
	{
		call_once(&bench);
		MemoryContextReset(percall);
		CHECK_FOR_INTERRUPTS();
	}
	INSTR_TIME_SET_CURRENT(end);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(percall);

	INSTR_TIME_SUBTRACT(end, start);
	PG_RETURN_FLOAT8(INSTR_TIME_GET_DOUBLE(end) * 1e9 / ncalls);
}

/* Nanoseconds of one. */
static double
time_call(BenchCall *bench)
{
	instr_time	start;
	instr_time	end;

	INSTR_TIME_SET_CURRENT(start);
	call_once(bench);
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, start);
	return INSTR_TIME_GET_DOUBLE(end) * 1e9;
}

static int
compare_times(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return (x > y) - (x < y);
}

/* p50 and p99. */
static void
put_percentiles(Datum *elements, double *times, int n)
{
	qsort(times, n, sizeof(double), compare_times);
	elements[0] = Float8GetDatum(times[n / 2]);
	elements[1] = Float8GetDatum(times[(int) (n * 0.99)]);
}

static ArrayType *
make_array(Datum *elements, int n)
{
	return construct_array(elements, n, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL,
						   TYPALIGN_DOUBLE);
}

/*
 * cf_bench_times(fn, key, query, args, n, distinct bool): p50 and p99 of the
 * calls, in nanoseconds, each timed alone. With distinct, each call has a key of
 * its own, the call's number behind the key that was given: so each misses.
 */
Datum
cf_bench_times(PG_FUNCTION_ARGS)
{
	BenchCall	bench;
	char	   *key;
	int			ncalls;
	bool		distinct;
	double	   *times;
	Datum		percentiles[2];
	MemoryContext percall;
	MemoryContext caller;

	check_arguments(fcinfo);
	prepare_call(&bench, fcinfo);
	key = text_to_cstring(PG_GETARG_TEXT_PP(1));
	ncalls = PG_GETARG_INT32(4);
	distinct = PG_GETARG_BOOL(5);
	times = palloc(ncalls * sizeof(double));
	percall = make_call_context();
	caller = MemoryContextSwitchTo(percall);
	for (int i = 0; i < ncalls; i++)
	{
		if (distinct)
			bench.values[0].value = CStringGetTextDatum(psprintf("%s:%d", key, i));
		times[i] = time_call(&bench);
		MemoryContextReset(percall);
		CHECK_FOR_INTERRUPTS();
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(percall);
	put_percentiles(percentiles, times, ncalls);
	PG_RETURN_ARRAYTYPE_P(make_array(percentiles, 2));
}

static void
check_hget(const char *problem)
{
	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CONNECTION_FAILURE),
				 errmsg("could not read from Redis: %s", problem)));
}

static double
time_hget(void)
{
	instr_time	start;
	instr_time	end;

	INSTR_TIME_SET_CURRENT(start);
	check_hget(hget_call());
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, start);
	return INSTR_TIME_GET_DOUBLE(end) * 1e9;
}

/*
 * cf_bench_beside_hget(fn, key, query, args, n, where, size): p50 and p99 of bare
 * HGETs of so many bytes from Redis there, and of calls, in nanoseconds. They are
 * made in turn, in this one process: where the kernel lets it and Redis run,
 * and what else the machine does, is the same for both.
 */
Datum
cf_bench_beside_hget(PG_FUNCTION_ARGS)
{
	BenchCall	bench;
	int			ncalls;
	double	   *bare;
	double	   *ours;
	Datum		percentiles[4];
	MemoryContext percall;
	MemoryContext caller;

	check_arguments(fcinfo);
	prepare_call(&bench, fcinfo);
	ncalls = PG_GETARG_INT32(4);
	bare = palloc(ncalls * sizeof(double));
	ours = palloc(ncalls * sizeof(double));
	check_hget(hget_open(text_to_cstring(PG_GETARG_TEXT_PP(5)), PG_GETARG_INT32(6)));
	percall = make_call_context();
	caller = MemoryContextSwitchTo(percall);
	for (int i = 0; i < ncalls; i++)
	{
		bare[i] = time_hget();
		ours[i] = time_call(&bench);
		MemoryContextReset(percall);
		CHECK_FOR_INTERRUPTS();
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(percall);
	hget_close();
	put_percentiles(percentiles, bare, ncalls);
	put_percentiles(percentiles + 2, ours, ncalls);
	PG_RETURN_ARRAYTYPE_P(make_array(percentiles, 4));
}

/* cf_bench_statement(statement text, n int): nanoseconds an execution */
Datum
cf_bench_statement(PG_FUNCTION_ARGS)
{
	char	   *statement = text_to_cstring(PG_GETARG_TEXT_PP(0));
	int			ncalls = PG_GETARG_INT32(1);
	SPIPlanPtr	plan;
	instr_time	start;
	instr_time	end;

	if (ncalls < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number of executions must be positive")));
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	plan = SPI_prepare(statement, 0, NULL);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s",
			 SPI_result_code_string(SPI_result));

	INSTR_TIME_SET_CURRENT(start);
	for (int i = 0; i < ncalls; i++)
	{
		if (SPI_execute_plan(plan, NULL, NULL, false, 0) != SPI_OK_SELECT)
			elog(ERROR, "SPI_execute_plan failed");
		SPI_freetuptable(SPI_tuptable);
		CHECK_FOR_INTERRUPTS();
	}
	INSTR_TIME_SET_CURRENT(end);
	SPI_finish();

	INSTR_TIME_SUBTRACT(end, start);
	PG_RETURN_FLOAT8(INSTR_TIME_GET_DOUBLE(end) * 1e9 / ncalls);
}
