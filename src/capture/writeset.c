/*
 * writeset.c - the tables that a transaction has changed, from PostgreSQL's
 * statistics of it.
 *
 * pgstat_get_xact_stack_level(n) with another n than the current nest level would
 * push a level out of order, and what was counted there would be lost: so it is
 * called with the current one only, and the others are reached by ->prev.
 *
 * To which clocks a table belongs is remembered until any relation's definition
 * changes. An ancestor that a table has come to since is in no result that was
 * made before, and results made after name the table itself.
 *
 * PostgreSQL decides as a relation is opened whether it counts. So if track_counts
 * was off for a moment, the transaction is blind to its end: its commit moves the
 * clock of the database.
 *
 * src/capture/writeset.c
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/parallel.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/pgstat_internal.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#include "base/compat.h"
#include "base/debug_point.h"
#include "base/fault.h"
#include "base/guc.h"
#include "base/memo.h"
#include "base/position.h"
#include "base/relchange.h"
#include "base/shmem.h"
#include "capture/writeset.h"
#include "codec/key.h"
#include "rules/tracked.h"
#include "stats/counters.h"
#include "txn/clockset.h"

/* What this file takes PostgreSQL's structures to be. */
StaticAssertDecl(sizeof(((PgStat_TableXactStatus *) 0)->tuples_inserted) == sizeof(int64) &&
				 sizeof(((PgStat_TableXactStatus *) 0)->truncdropped) == sizeof(bool),
				 "a transaction's counts of a table are not what they were");

#define CF_FEW_TABLES 64		/* what is kept from transaction to transaction */

/* To which clocks a table belongs. */
typedef struct Family
{
	Oid			key;			/* its OID */
	int			n;				/* 0: temporary */
	CfClockRef *clocks;
} Family;

/* What a table's counts were when we had written all that we write. */
typedef struct Closed
{
	const PgStat_TableXactStatus *table;
	int64		rows;
	bool		truncated;
} Closed;

typedef struct WriteSet
{
	/* of the running transaction */
	CfClockSet	raised;
	CfClockSet	touched;		/* as of the last collect */
	LocalTransactionId blind_in;	/* one in which track_counts was off */
	bool		closed;
	bool		unseen_late;	/* the counts may not tell what came since */
	PgStat_SubXactStatus *stack;	/* of then; NULL: there was no transaction id */
	const PgStat_TableXactStatus *first;
	int			ntables;		/* of ours below, those that are tracked */
	int			tables_room;
	Closed	   *tables;			/* in TopMemoryContext */

	bool		breach;			/* to be logged */
} WriteSet;

static WriteSet own;
static CfMemo families = CF_MEMO("cachefront families of tables", Family, 8192);
static GucBoolAssignHook prev_assign_track_counts = NULL;

static void
relation_changed(Oid relid)
{
	cf_memo_forget(&families);
}

/* Is it named so, with or without a folder or an ending? */
static bool
is_this_library(const char *path)
{
	const char *slash = last_dir_separator(path);

	return strncmp(slash == NULL ? path : slash + 1, "cachefront", strlen("cachefront")) == 0;
}

/*
 * Commit callbacks run last registered first: so what the library that is loaded
 * first does in its own comes last of all.
 */
static void
check_order_of_libraries(void)
{
	char	   *names = pstrdup(shared_preload_libraries_string);
	List	   *paths;

	if (!SplitDirectoriesString(names, ',', &paths) || paths == NIL ||
		is_this_library(linitial(paths)))
		return;
	ereport(WARNING,
			(errmsg("cachefront is not the first of shared_preload_libraries"),
			 errdetail("What a library before it changes in a commit callback is noticed only after that has become visible."),
			 errhint("Put cachefront first into shared_preload_libraries.")));
}

/* Called for each assignment, also where a function's or a savepoint's setting ends. */
static void
assign_track_counts(bool on, void *extra)
{
	if (prev_assign_track_counts)
		prev_assign_track_counts(on, extra);
	if ((!on || !pgstat_track_counts) && MyProc != NULL)
	{
		own.blind_in = CF_MY_LXID;
		own.unseen_late |= own.closed;
	}
}

void
cf_writeset_install_hooks(void)
{
	struct config_bool *setting = (struct config_bool *) cf_find_setting("track_counts");

	cf_relchange_register(relation_changed);
	if (cf_guc_track_changes)
		check_order_of_libraries();
	if (setting == NULL || setting->gen.vartype != PGC_BOOL)
		elog(ERROR, "cachefront cannot find the setting track_counts");
	prev_assign_track_counts = setting->assign_hook;
	setting->assign_hook = assign_track_counts;
}

bool
cf_writeset_in_use(void)
{
	return cf_guc_track_changes && cf_shmem_ready();
}

bool
cf_writeset_is_blind(void)
{
	return !pgstat_track_counts ||
		(own.blind_in != InvalidLocalTransactionId && own.blind_in == CF_MY_LXID);
}

/* ---- which clocks a table belongs to ------------------------------------ */

/* All parents, partitioned or not, also one from which it is being detached. */
static List *
add_parents(Relation inherits, Oid relid, List *relids)
{
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_inherits_inhrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	scan = systable_beginscan(inherits, InheritsRelidSeqnoIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		relids = list_append_unique_oid(relids,
										((Form_pg_inherits) GETSTRUCT(tuple))->inhparent);
	systable_endscan(scan);
	return relids;
}

List *
cf_writeset_family(Oid relid)
{
	Relation	inherits = table_open(InheritsRelationId, AccessShareLock);
	List	   *relids = list_make1_oid(relid);

	for (int i = 0; i < list_length(relids) && !CF_PLANTED(NO_ANCESTORS); i++)
		relids = add_parents(inherits, list_nth_oid(relids, i), relids);
	table_close(inherits, AccessShareLock);
	return relids;
}

static CfClockRef
clock_of_table(Oid relid)
{
	CfTag		tag;

	cf_tag_of_table(&tag, MyDatabaseId, relid);
	return tag.hash;
}

/* What the transaction itself has dropped counts as if it were permanent. */
static bool
is_temporary(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	bool		temporary;

	if (!HeapTupleIsValid(tuple))
		return false;
	temporary = ((Form_pg_class) GETSTRUCT(tuple))->relpersistence == RELPERSISTENCE_TEMP;
	ReleaseSysCache(tuple);
	return temporary;
}

/* In CurrentMemoryContext. */
static void
make_family(Family *family, Oid relid)
{
	List	   *relids;

	family->n = 0;
	family->clocks = NULL;
	if (is_temporary(relid))
		return;
	relids = cf_writeset_family(relid);
	family->clocks = palloc(list_length(relids) * sizeof(CfClockRef));
	for (int i = 0; i < list_length(relids); i++)
		family->clocks[family->n++] = clock_of_table(list_nth_oid(relids, i));
	list_free(relids);
}

/* Valid until the next call. */
static const Family *
get_family(Oid relid)
{
	static Family made;
	CfMemoTicket ticket;
	Family	   *known = cf_memo_find(&families, &relid, &ticket);
	CfClockRef *clocks;

	if (likely(known != NULL))
		return known;
	/* To look it up may bring the news that some relation has changed. */
	make_family(&made, relid);
	clocks = cf_memo_alloc(&families, Max(made.n, 1) * sizeof(CfClockRef), ticket);
	known = clocks != NULL ? cf_memo_enter(&families, &relid, ticket) : NULL;
	if (known == NULL)
		return &made;
	if (made.n > 0)
		memcpy(clocks, made.clocks, made.n * sizeof(CfClockRef));
	known->n = made.n;
	known->clocks = clocks;
	return known;
}

/* ---- PostgreSQL's list -------------------------------------------------- */

static bool
is_of_interest(const PgStat_TableXactStatus *table)
{
	return !cf_is_system_relation(CF_PGSTAT_RELID(table->parent));
}

/* An UPDATE of no row is counted as well, as nothing. */
static int64
rows_of(const PgStat_TableXactStatus *table)
{
	return table->tuples_inserted + table->tuples_updated + table->tuples_deleted;
}

static bool
is_changed(const PgStat_TableXactStatus *table)
{
	return rows_of(table) != 0 || table->truncdropped;
}

/* The innermost level of the transaction; the others by ->prev. */
static PgStat_SubXactStatus *
current_stack(void)
{
	return pgstat_get_xact_stack_level(GetCurrentTransactionNestLevel());
}

typedef void (*TableVisitor) (const PgStat_TableXactStatus *table, const Family *family,
							  void *arg);

/* Temporary tables and catalogs are left out. */
static void
visit_tables(const PgStat_SubXactStatus *level, TableVisitor visit, void *arg)
{
	for (const PgStat_TableXactStatus *table = level->first; table != NULL;
		 table = table->next)
	{
		const Family *family;

		CHECK_FOR_INTERRUPTS();
		if (!is_of_interest(table))
			continue;
		family = get_family(CF_PGSTAT_RELID(table->parent));
		if (family->n > 0)
			visit(table, family, arg);
	}
}

static void
add_touched(const PgStat_TableXactStatus *table, const Family *family, void *arg)
{
	if (!is_changed(table))
		return;
	for (int i = 0; i < family->n; i++)
		cf_clockset_add(&own.touched, family->clocks[i]);
}

/* Who is to be told of each. */
typedef struct Listener
{
	void		(*callback) (const CfWrittenTable *table, void *arg);
	void	   *arg;
} Listener;

static void
tell(const PgStat_TableXactStatus *table, const Family *family, void *arg)
{
	const Listener *listener = arg;
	CfWrittenTable written = {
		.relid = CF_PGSTAT_RELID(table->parent),
		.rows = rows_of(table),
		.truncated = table->truncdropped,
	};

	if (is_changed(table))
		listener->callback(&written, listener->arg);
}

void
cf_writeset_each(void (*callback) (const CfWrittenTable *table, void *arg), void *arg)
{
	Listener	listener = {callback, arg};

	if (!FullTransactionIdIsValid(GetTopFullTransactionIdIfAny()) || IsParallelWorker())
		return;
	for (PgStat_SubXactStatus *level = current_stack(); level != NULL; level = level->prev)
		visit_tables(level, tell, &listener);
}

/* ---- the commit --------------------------------------------------------- */

static bool
is_writer(void)
{
	return cf_writeset_in_use() && !IsParallelWorker() &&
		FullTransactionIdIsValid(GetTopFullTransactionIdIfAny());
}

static void
log_breach(void)
{
	own.breach = false;
	ereport(LOG,
			(errmsg("cachefront noticed a change of tables or definitions after it had looked at the transaction's changes"),
			 errdetail("All entries of the database were dropped, but only after the change had become visible."),
			 errhint("Put cachefront first into shared_preload_libraries, so that other libraries' commit callbacks run before its own.")));
}

/* A session may end before it has another transaction. */
static void
writeset_exit(int code, Datum arg)
{
	if (own.breach)
		log_breach();
}

/* Before there can be anything to tell: in the COMMIT callback nothing may fail. */
static void
prepare_to_tell(void)
{
	static bool prepared = false;

	if (likely(prepared))
		return;
	before_shmem_exit(writeset_exit, (Datum) 0);
	prepared = true;
}

bool
cf_writeset_begin_commit(void)
{
	if (likely(!cf_writeset_is_blind()) || !is_writer())
		return true;
	cf_stats_count(CF_STATS_DEFAULT, CF_COUNT_BLIND_COMMITS);
	return false;
}

const CfClockRef *
cf_writeset_clocks(int *n)
{
	Assert(GetCurrentTransactionNestLevel() == 1);
	cf_writeset_collect();
	*n = own.touched.n;
	return own.touched.clock;
}

static void
note_closed(const PgStat_TableXactStatus *table)
{
	if (own.ntables == own.tables_room)
	{
		int			room = Max(2 * own.tables_room, CF_FEW_TABLES);
		Size		size = room * sizeof(Closed);

		own.tables = own.tables == NULL ? MemoryContextAlloc(TopMemoryContext, size) :
			repalloc_huge(own.tables, size);
		own.tables_room = room;
	}
	own.tables[own.ntables].table = table;
	own.tables[own.ntables].rows = rows_of(table);
	own.tables[own.ntables].truncated = table->truncdropped;
	own.ntables++;
}

/*
 * What is there now, to be compared with what is there in the end; but for
 * temporary tables, which ON COMMIT empties after this.
 */
static void
close_table(const PgStat_TableXactStatus *table, const Family *family, void *arg)
{
	note_closed(table);
	add_touched(table, family, arg);
}

static void
raise_touched(void)
{
	if (CF_PLANTED(NO_WRITE_SET))
		return;
	for (int i = 0; i < own.touched.n; i++)
	{
		/* The room for it first: what is raised must be known to be. */
		cf_clockset_add(&own.raised, own.touched.clock[i]);
		if (!CF_PLANTED(NO_TABLE_RAISE))
			cf_clock_raise_rows(own.touched.clock[i]);
	}
}

void
cf_writeset_raise(void)
{
	Assert(own.raised.n == 0);
	own.closed = cf_writeset_in_use() && !IsParallelWorker();
	own.unseen_late = false;
	own.ntables = 0;
	own.stack = NULL;
	own.first = NULL;
	prepare_to_tell();
	if (unlikely(own.breach))
		log_breach();
	if (!own.closed || !FullTransactionIdIsValid(GetTopFullTransactionIdIfAny()))
		return;
	Assert(GetCurrentTransactionNestLevel() == 1);
	own.stack = current_stack();
	own.first = own.stack->first;
	cf_clockset_reset(&own.touched);
	visit_tables(own.stack, close_table, NULL);
	cf_clockset_finish(&own.touched);
	if (!CF_FAULT_POINT("no-raise"))
		raise_touched();
	if (own.raised.n > 0)
		CF_WAIT_POINT("writeset-window");
}

const CfClockRef *
cf_writeset_raised(int *n)
{
	*n = own.raised.n;
	return own.raised.clock;
}

/*
 * PostgreSQL makes the level if there is none, and here nothing may fail: so let
 * it have a chunk that was just given back.
 */
static PgStat_SubXactStatus *
stack_at_commit(void)
{
	void	   *room;

	if (own.stack != NULL)
		return own.stack;
	room = MemoryContextAllocExtended(TopTransactionContext, sizeof(PgStat_SubXactStatus),
									  MCXT_ALLOC_NO_OOM);
	if (room == NULL)
		return NULL;
	pfree(room);
	return pgstat_get_xact_stack_level(1);
}

/* Has anything been written since? No catalog can be asked here. */
static bool
is_written_since(void)
{
	PgStat_SubXactStatus *stack = stack_at_commit();

	if (stack == NULL)
		return true;
	for (const PgStat_TableXactStatus *table = stack->first; table != own.first;
		 table = table->next)
	{
		if (is_of_interest(table) && is_changed(table))
			return true;
	}
	for (int i = 0; i < own.ntables; i++)
	{
		const Closed *closed = &own.tables[i];

		if (rows_of(closed->table) != closed->rows ||
			closed->table->truncdropped != closed->truncated)
			return true;
	}
	return own.unseen_late;
}

/*
 * The counts of a table that is truncated twice, and filled with as many rows
 * again, tell nothing.
 */
void
cf_writeset_note_truncate(void)
{
	own.unseen_late |= own.closed;
}

void
cf_writeset_note_breach(void)
{
	cf_stats_count(CF_STATS_DEFAULT, CF_COUNT_LATE_WRITES);
	own.breach = true;
}

static void
forget_database_late(void)
{
	cf_clock_move(cf_clock_of_epoch(MyDatabaseId), cf_position_commit_lsn());
	cf_writeset_note_breach();
}

static void
end(void)
{
	cf_clockset_reset(&own.raised);
	cf_clockset_reset(&own.touched);
	own.closed = own.unseen_late = false;
	own.ntables = 0;
	own.stack = NULL;
	own.first = NULL;
}

void
cf_writeset_settle(uint64 seq)
{
	FullTransactionId xid = GetTopFullTransactionIdIfAny();

	if (!own.closed)
		return;
	if (likely(!FullTransactionIdIsValid(xid)))
	{
		Assert(own.raised.n == 0);
		own.closed = own.unseen_late = false;
		return;
	}
	if (own.raised.n > 0)
		CF_HOLD_POINT("writeset-before-settle");
	/* As if it had lost its processor there. */
	if (CF_PLANTED(NO_TABLE_RAISE))
		pg_usleep(1000);
	for (int i = 0; i < own.raised.n; i++)
	{
		CfClockRef	clock = own.raised.clock[i];

		if (CF_PLANTED(NO_TABLE_RAISE))
			cf_clock_raise_rows(clock);
		if (!cf_clock_is_depended(clock))
		{
			cf_clock_pass_rows(clock, cf_position_commit_lsn());
			continue;
		}
		if (seq == 0)
			seq = cf_clock_next();
		cf_clock_settle_rows(clock, seq, xid, cf_position_commit_lsn());
	}
	own.raised.n = 0;
	if (is_written_since())
		forget_database_late();
	end();
}

void
cf_writeset_abandon(void)
{
	for (int i = 0; i < own.raised.n; i++)
		cf_clock_lower_rows(own.raised.clock[i]);
	end();
}

/* ---- own writes --------------------------------------------------------- */

void
cf_writeset_collect(void)
{
	cf_clockset_reset(&own.touched);
	if (!is_writer())
		return;
	if (CF_PLANTED(NO_OWN_TABLES))
		return;
	for (PgStat_SubXactStatus *level = current_stack(); level != NULL; level = level->prev)
		visit_tables(level, add_touched, NULL);
	cf_clockset_finish(&own.touched);
}

bool
cf_writeset_touches(CfClockRef clock)
{
	if (!cf_writeset_in_use())
		return false;
	if (IsParallelWorker() || cf_writeset_is_blind())
		return true;
	return cf_clockset_has(&own.touched, clock);
}
