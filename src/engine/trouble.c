/*
 * trouble.c - which errors of a query are trouble that an old value may hide.
 *
 * A list of what may be hidden, not of what may not: whoever guards data raises
 * an error of his own choice. A SQLSTATE alone does not tell, for RAISE takes
 * any, and XX000 is what a library's plain elog has. So it also counts who
 * raised it. Of a procedural language, which knows itself by the domain of its
 * messages, nothing is trouble. What a foreign server was asked for comes by a
 * library: there the classes that speak of the connection count. All other
 * classes must come from those parts of the server that look after memory,
 * files, locks and catalogs.
 *
 * src/engine/trouble.c
 */
#include "postgres.h"

#include "engine/trouble.h"

#define CF_CLASS(sqlerrcode) ERRCODE_TO_CATEGORY(sqlerrcode)

/* Source files of PostgreSQL 15 to 18; one that is missing hides less. */
static const char *const parts_of_server[] = {
	/* memory */
	"aset.c", "bump.c", "generation.c", "slab.c", "mcxt.c", "dsa.c", "dsm.c", "dsm_impl.c",
	"dynahash.c", "shmem.c",
	/* files and pages */
	"fd.c", "file_utils.c", "buffile.c", "sharedfileset.c", "fileset.c", "logtape.c",
	"tuplestore.c", "md.c", "smgr.c", "bufmgr.c", "bufpage.c", "localbuf.c", "aio.c",
	"aio_callback.c", "slru.c", "detoast.c", "toast_internals.c", "heaptoast.c", "heapam.c",
	"nbtpage.c", "nbtsearch.c", "indexam.c", "genam.c",
	/* locks, transactions, other processes */
	"lock.c", "lmgr.c", "proc.c", "procarray.c", "deadlock.c", "predicate.c", "snapmgr.c",
	"parallel.c", "execParallel.c", "shm_mq.c", "latch.c", "waiteventset.c",
	/* lock_timeout and recovery conflicts; a full stack */
	"postgres.c", "stack_depth.c",
	/* catalogs */
	"relation.c", "relcache.c", "syscache.c", "catcache.c", "lsyscache.c", "typcache.c"
};

/* Procedural languages have messages of their own; extensions have the server's. */
static bool
is_of_language(const ErrorData *error)
{
	return error->domain == NULL || strcmp(error->domain, PG_TEXTDOMAIN("postgres")) != 0;
}

static bool
is_of_server(const ErrorData *error)
{
	for (int i = 0; error->filename != NULL && i < lengthof(parts_of_server); i++)
	{
		if (strcmp(error->filename, parts_of_server[i]) == 0)
			return true;
	}
	return false;
}

static bool
is_trouble_of_server(int sqlerrcode)
{
	switch (CF_CLASS(sqlerrcode))
	{
		case CF_CLASS(ERRCODE_TRANSACTION_ROLLBACK):
		case CF_CLASS(ERRCODE_INSUFFICIENT_RESOURCES):
		case CF_CLASS(ERRCODE_SYSTEM_ERROR):
		case CF_CLASS(ERRCODE_INTERNAL_ERROR):
			return true;
	}
	return sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ||
		sqlerrcode == ERRCODE_STATEMENT_TOO_COMPLEX;	/* the stack is full */
}

/* Shutdowns are of the foreign server: one's own is FATAL, and never caught. */
static bool
is_trouble_of_connection(int sqlerrcode)
{
	return CF_CLASS(sqlerrcode) == CF_CLASS(ERRCODE_CONNECTION_EXCEPTION) ||
		sqlerrcode == ERRCODE_FDW_UNABLE_TO_ESTABLISH_CONNECTION ||
		sqlerrcode == ERRCODE_ADMIN_SHUTDOWN ||
		sqlerrcode == ERRCODE_CRASH_SHUTDOWN ||
		sqlerrcode == ERRCODE_CANNOT_CONNECT_NOW;
}

bool
cf_error_is_trouble(const ErrorData *error)
{
	if (is_of_language(error))
		return false;
	return is_trouble_of_connection(error->sqlerrcode) ||
		(is_trouble_of_server(error->sqlerrcode) && is_of_server(error));
}
