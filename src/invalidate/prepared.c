/*
 * prepared.c - may the session commit a prepared transaction?
 *
 * COMMIT PREPARED makes every entry of the server a miss, so it must not begin
 * for a name that a role has made up. PostgreSQL judges in a function of its
 * own, between which and the commit there is no hook. So this judges before it,
 * by the list that pg_prepared_xacts shows, and in the same words: to let it
 * pass and fail there would be a race, for somebody may just prepare it.
 *
 * src/invalidate/prepared.c
 */
#include "postgres.h"

#include "executor/executor.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"

#include "invalidate/prepared.h"

/* Columns of pg_prepared_xact(). */
#define GID_COLUMN 2
#define OWNER_COLUMN 4
#define DATABASE_COLUMN 5

static Datum
column(HeapTupleHeader row, AttrNumber attnum)
{
	bool		isnull;

	return GetAttributeByNum(row, attnum, &isnull);
}

static bool
find(const char *gid, Oid *owner, Oid *dboid)
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
	bool		found = false;

	fmgr_info(F_PG_PREPARED_XACT, &function);
	InitFunctionCallInfoData(*fcinfo, &function, 0, InvalidOid, NULL, (Node *) &rows);
	while (!found)
	{
		Datum		datum;
		HeapTupleHeader row;

		rows.isDone = ExprSingleResult;
		fcinfo->isnull = false;
		datum = FunctionCallInvoke(fcinfo);
		if (rows.isDone == ExprEndResult)
			break;
		row = DatumGetHeapTupleHeader(datum);
		found = strcmp(TextDatumGetCString(column(row, GID_COLUMN)), gid) == 0;
		*owner = DatumGetObjectId(column(row, OWNER_COLUMN));
		*dboid = DatumGetObjectId(column(row, DATABASE_COLUMN));
	}
	FreeExprContext(econtext, true);
	return found;
}

void
cf_prepared_check(const char *gid)
{
	Oid			owner;
	Oid			dboid;

	if (!find(gid, &owner, &dboid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("prepared transaction with identifier \"%s\" does not exist",
						gid)));
	if (owner != GetUserId() && !superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to finish prepared transaction"),
				 errhint("Must be superuser or the user that prepared the transaction.")));
	if (dboid != MyDatabaseId)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("prepared transaction belongs to another database"),
				 errhint("Connect to the database where the transaction was prepared to finish it.")));
}
