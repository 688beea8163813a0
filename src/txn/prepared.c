/*
 * prepared.c - which prepared transactions there are.
 *
 * By the function behind pg_prepared_xacts.
 *
 * src/txn/prepared.c
 */
#include "postgres.h"

#include "executor/executor.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"

#include "txn/prepared.h"

/* Columns of pg_prepared_xact(). */
#define XID_COLUMN 1
#define GID_COLUMN 2
#define OWNER_COLUMN 4
#define DATABASE_COLUMN 5

static Datum
column(HeapTupleHeader row, AttrNumber attnum)
{
	bool		isnull;

	return GetAttributeByNum(row, attnum, &isnull);
}

/* A row of what pg_prepared_xacts shows. True: enough. */
typedef bool (*RowCallback) (HeapTupleHeader row, void *arg);

static bool
for_each_row(RowCallback callback, void *arg)
{
	LOCAL_FCINFO(fcinfo, 0);
	ExprContext *econtext = CreateStandaloneExprContext();
	ReturnSetInfo rows = {
		.type = T_ReturnSetInfo,
		.econtext = econtext,
		.allowedModes = SFRM_ValuePerCall,
		.returnMode = SFRM_ValuePerCall,
	};
	FmgrInfo	function;
	bool		enough = false;

	fmgr_info(F_PG_PREPARED_XACT, &function);
	InitFunctionCallInfoData(*fcinfo, &function, 0, InvalidOid, NULL, (Node *) &rows);
	while (!enough)
	{
		Datum		datum;

		rows.isDone = ExprSingleResult;
		fcinfo->isnull = false;
		datum = FunctionCallInvoke(fcinfo);
		if (rows.isDone == ExprEndResult)
			break;
		enough = callback(DatumGetHeapTupleHeader(datum), arg);
	}
	FreeExprContext(econtext, true);
	return enough;
}

typedef struct Visit
{
	void		(*callback) (TransactionId xid, Oid dboid, void *arg);
	void	   *arg;
} Visit;

static bool
visit(HeapTupleHeader row, void *arg)
{
	Visit	   *each = arg;

	each->callback(DatumGetTransactionId(column(row, XID_COLUMN)),
				   DatumGetObjectId(column(row, DATABASE_COLUMN)), each->arg);
	return false;
}

void
cf_prepared_each(void (*callback) (TransactionId xid, Oid dboid, void *arg), void *arg)
{
	Visit		each = {callback, arg};

	(void) for_each_row(visit, &each);
}
