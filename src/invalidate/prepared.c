/*
 * prepared.c - which prepared transactions there are, and may the session commit one?
 *
 * With Redis COMMIT PREPARED makes every entry of the server a miss, so it must not begin
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

typedef struct Search
{
	const char *gid;
	Oid			owner;
	Oid			dboid;
} Search;

static bool
is_searched(HeapTupleHeader row, void *arg)
{
	Search	   *search = arg;

	if (strcmp(TextDatumGetCString(column(row, GID_COLUMN)), search->gid) != 0)
		return false;
	search->owner = DatumGetObjectId(column(row, OWNER_COLUMN));
	search->dboid = DatumGetObjectId(column(row, DATABASE_COLUMN));
	return true;
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

void
cf_prepared_check(const char *gid)
{
	Search		search = {.gid = gid};

	if (!for_each_row(is_searched, &search))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("prepared transaction with identifier \"%s\" does not exist",
						gid)));
	if (search.owner != GetUserId() && !superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to finish prepared transaction"),
				 errhint("Must be superuser or the user that prepared the transaction.")));
	if (search.dboid != MyDatabaseId)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("prepared transaction belongs to another database"),
				 errhint("Connect to the database where the transaction was prepared to finish it.")));
}
