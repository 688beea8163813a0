/*
 * answer.h - one execution of a statement: what the cache has for it, and what it gives
 * to the cache.
 *
 * src/statement/answer.h
 */
#ifndef CF_STATEMENT_ANSWER_H
#define CF_STATEMENT_ANSWER_H

#include "postgres.h"

#include "executor/tuptable.h"
#include "lib/stringinfo.h"
#include "nodes/execnodes.h"
#include "portability/instr_time.h"

#include "engine/flight.h"
#include "load/loader.h"
#include "request/request.h"
#include "statement/shape.h"
#include "statement/statement.h"
#include "tier/tier.h"

/* What is done with the answer of an execution. */
typedef enum CfServing
{
	CF_SERVE_NOT,
	CF_SERVE,					/* looked for, and kept */
	CF_SERVE_IF_SEEN,			/* looked for, and kept if it was asked for before */
	CF_SERVE_OBSERVE			/* measured only */
} CfServing;

/* Why a statement runs though there is an answer for it. */
typedef enum CfAgain
{
	CF_AGAIN_NOT,
	CF_AGAIN_REFRESH,			/* it is about to get too old, and nobody else does */
	CF_AGAIN_VERIFY				/* to compare both */
} CfAgain;

/* Room for what is asked for where it is little, as it mostly is. */
#define CF_ANSWER_PARAMS 8

typedef struct CfAnswerRoom
{
	Oid			types[CF_ANSWER_PARAMS];
	int16		typlens[CF_ANSWER_PARAMS];
	bool		typbyvals[CF_ANSWER_PARAMS];
	bool		nulls[CF_ANSWER_PARAMS];
	Datum		values[CF_ANSWER_PARAMS];
	char		key[CF_MAX_CACHE_NAME + 32];
} CfAnswerRoom;

/* What it has to do with Redis. */
typedef struct CfAnswerRemote
{
	CfTier		tier;
	CfRequest	request;		/* as Redis knows it */
} CfAnswerRemote;

/* Its request points into it, so it stays where it is. */
typedef struct CfAnswer
{
	const CfStatement *statement;
	TupleDesc	desc;			/* of its rows */
	CfServing	serving;
	CfSharedShape *shape;		/* to be told of it, or NULL */
	CfSight		sight;			/* of a miss, for the shape */
	CfHash128	tree;			/* of the statement as it was planned */
	CfHash128	settings;		/* of now */
	CfAnswerRoom room;
	CfRequest	request;
	bool		asked;			/* the cache was */
	bool		own_snapshot;	/* nobody else uses it */
	TimestampTz message;		/* when the message of the protocol came in which it began */
	bool		hit;
	struct varlena *value;		/* with hit: all rows */

	/* instead of a hit: what there is, which is as good until it is decided that the query runs */
	CfAgain		again;
	bool		decided;
	struct varlena *old;
	TimestampTz old_filled_at;
	uint64		old_stamp;

	/* on a miss */
	bool		keeps;			/* rows are copied as they come, and kept at the end */
	bool		ghost;			/* but without the rows: only what they depend on */
	bool		reported;		/* the client was told something, which no hit would tell */
	uint64		run;			/* the run of the executor that gave the last row */
	int			messages;		/* client_min_messages when it began */
	StringInfoData rows;
	uint32		nrows;
	FullTransactionId xmin;		/* of the snapshot; invalid: the stamp precedes it */
	CfLoad		load;
	uint64		ns;				/* spent on the query so far */
	CfSharedFlight *flight;		/* led during a run of the executor, or NULL */
	CfAnswerRemote *remote;		/* of that flight, or NULL */
} CfAnswer;

/*
 * Is there an answer for a statement that would begin now? Its settings are those of now.
 * Raises errors as below.
 */
extern bool cf_answer_is_there(const CfStatement *statement, ParamListInfo params);

/* What its cache and its mark say of it: the request's def, by its cache, which is there. */
extern void cf_answer_define(const CfStatement *statement, CfRequest *request);

/*
 * For reports: what would be asked for, in answer->request, and what memory has of it, without
 * its rows. Counts nothing. False: a parameter's value is not there.
 */
extern bool cf_answer_examine(CfAnswer *answer, const CfStatement *statement,
							  ParamListInfo params, CfL1Status *status, CfL1Result *result);

/*
 * Looks. To be called when the executor makes the statement ready, in its memory, with an
 * answer that is all zeros. Raises errors only for lack of memory.
 */
extern void cf_answer_begin(CfAnswer *answer, const CfStatement *statement, TupleDesc desc,
							EState *estate);

/*
 * After a miss, before the plan is made ready: from here on its rows may be kept. With
 * "fresh" *snapshot is replaced by one of now, if nobody else uses it.
 */
extern void cf_answer_begin_load(CfAnswer *answer, EState *estate, bool fresh,
								 Snapshot *snapshot);

/*
 * Before all rows of a miss are run for at once: joins or leads the flight of its identity
 * (engine/flight.h). Afterwards it may be a hit. Waits, so it is interruptible. Whoever leads
 * lands the flight when the run is over, or when it fails.
 */
extern void cf_answer_board(CfAnswer *answer, Snapshot snapshot);
extern void cf_answer_land(CfAnswer *answer);

/*
 * As it is to give its first rows. all: it is asked for all of them at once. Afterwards it is a
 * hit, or runs, and then may be boarded.
 */
extern void cf_answer_decide(CfAnswer *answer, bool all);

/*
 * Its rows go to the client, who has asked for them himself: takes what changed rows have
 * outdated, if its cache says so, and for as long.
 */
extern void cf_answer_take_stale(CfAnswer *answer);

/* The query is asked for its first row. */
extern void cf_answer_loads(const CfAnswer *answer);

/* A row that the query gave; run: the run of the executor that is under way. */
extern void cf_answer_keep(CfAnswer *answer, TupleTableSlot *slot, uint64 run);

/* Is it to be measured what the query takes? */
extern bool cf_answer_is_timed(const CfAnswer *answer);

/* The query has given its last row: keeps the result, and tells the shape. */
extern void cf_answer_end(CfAnswer *answer, uint64 run);

/* Will not be whole. */
extern void cf_answer_drop(CfAnswer *answer);

/*
 * Rows of a value, in order: begin, then next until NULL, or back again. They point into it. What
 * is needed to go back goes with CurrentMemoryContext.
 */
typedef struct CfAnswerRows
{
	const char *first;
	const char *next;
	uint32		count;
	int64		at;				/* the row that was given last; -1, or count: none */
	MinimalTuple *places;		/* of each, as soon as somebody goes back */
} CfAnswerRows;

extern void cf_answer_rows(const CfAnswer *answer, CfAnswerRows *rows);
extern MinimalTuple cf_answer_next(CfAnswerRows *rows);
extern MinimalTuple cf_answer_back(CfAnswerRows *rows);

#endif							/* CF_STATEMENT_ANSWER_H */
