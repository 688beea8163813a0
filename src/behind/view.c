/*
 * view.c - the view cache_writes.
 *
 * src/behind/view.c
 */
#include "postgres.h"

#include "access/table.h"
#include "fmgr.h"
#include "funcapi.h"
#include "nodes/pg_list.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/shmem.h"
#include "base/steady.h"
#include "behind/memory.h"
#include "behind/queue.h"
#include "behind/shared.h"
#include "behind/writer.h"

PG_FUNCTION_INFO_V1(cachefront_writes);

typedef struct Line
{
	char		name[CF_MAX_CACHE_NAME];
	int64		buffered;
	int64		dead;
	TimestampTz oldest;
} Line;

static Line *
find_line(HTAB *lines, const char *name)
{
	char		key[CF_MAX_CACHE_NAME];
	bool		found;
	Line	   *line;

	strlcpy(key, name, sizeof(key));
	line = hash_search(lines, key, HASH_ENTER, &found);
	if (!found)
	{
		line->buffered = line->dead = 0;
		line->oldest = DT_NOEND;
	}
	return line;
}

static bool
count_buffered(const CfQueueRow *row, void *arg)
{
	Line	   *line;

	if (FullTransactionIdIsValid(row->applied))
		return true;
	line = find_line(arg, row->writer);
	line->buffered++;
	line->oldest = Min(line->oldest, row->created);
	return true;
}

static void
count_buffered_item(const CfMemoryItem *item, void *arg)
{
	Line	   *line = find_line(arg, item->writer);

	line->buffered += item->writes;
	if (item->writes > 0)
		line->oldest = Min(line->oldest, item->since);
}

static bool
count_dead(const CfDeadRow *row, void *arg)
{
	find_line(arg, row->writer)->dead++;
	return true;
}

static const char *
state_of(const Line *line, const CfWriterState *state)
{
	if (cf_writer_find(line->name) == NULL)
		return "undefined";
	if (state->retry_at > 0)
		return "paused";
	return line->buffered > 0 ? "running" : "idle";
}

static void
put_line(ReturnSetInfo *rsinfo, const Line *line)
{
	CfWriterState state;
	Datum		values[11];
	bool		nulls[11] = {0};

	cf_behind_get_state(line->name, &state);
	values[0] = CStringGetTextDatum(line->name);
	values[1] = CStringGetTextDatum(state_of(line, &state));
	values[2] = Int64GetDatum(line->buffered);
	values[3] = TimestampTzGetDatum(line->oldest);
	nulls[3] = TIMESTAMP_IS_NOEND(line->oldest);
	values[4] = Int64GetDatum(state.flushed);
	values[5] = Int64GetDatum(state.statements);
	values[6] = Int64GetDatum(state.unmatched);
	values[7] = Int64GetDatum(state.retries);
	values[8] = Int64GetDatum(line->dead);
	values[9] = CStringGetTextDatum(state.error);
	nulls[9] = state.error[0] == '\0';
	values[10] = TimestampTzGetDatum(GetCurrentTimestamp() + state.retry_at - cf_steady_now());
	nulls[10] = state.retry_at == 0;
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

static HTAB *
make_lines(void)
{
	HASHCTL		control = {
		.keysize = CF_MAX_CACHE_NAME,
		.entrysize = sizeof(Line),
		.hcxt = CurrentMemoryContext,
	};
	HTAB	   *lines = hash_create("cachefront writers' lines", 16, &control,
									HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	ListCell   *cell;

	foreach(cell, cf_writer_list())
		(void) find_line(lines, ((const CfWriter *) lfirst(cell))->name);
	return lines;
}

Datum
cachefront_writes(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	HTAB	   *lines;
	Relation	rel;
	HASH_SEQ_STATUS scan;
	const Line *line;

	cf_shmem_require();
	InitMaterializedSRF(fcinfo, 0);
	AcceptInvalidationMessages();
	lines = make_lines();
	rel = cf_queue_open(AccessShareLock);
	if (rel != NULL)
	{
		cf_queue_scan(rel, GetActiveSnapshot(), NULL, count_buffered, lines);
		table_close(rel, AccessShareLock);
	}
	cf_memory_pending(NULL, NULL, GetActiveSnapshot(), count_buffered_item, lines);
	rel = cf_dead_open(AccessShareLock);
	if (rel != NULL)
	{
		cf_dead_scan(rel, GetActiveSnapshot(), NULL, count_dead, lines);
		table_close(rel, AccessShareLock);
	}
	hash_seq_init(&scan, lines);
	while ((line = hash_seq_search(&scan)) != NULL)
		put_line(rsinfo, line);
	return (Datum) 0;
}
