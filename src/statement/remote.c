/*
 * remote.c - answers of statements in Redis.
 *
 * A value in memory is rows as this server has them, which must not be made of bytes that come
 * from elsewhere. So in Redis it has the form of cache_fetch_rows (codec/rowcodec.h), under the
 * same name but for the form: what comes from there goes through the types' receive functions,
 * which check what they are given, and is put together here. Of types for which that may fail by
 * settings, roles or code that is not PostgreSQL's, values stay in memory.
 *
 * A statement is known by the numbers of its tables, columns and functions. They mean the same
 * on all servers that have the same history of the WAL, and only what one of these has stored
 * counts (tier/tier_value.c). A number that is given out again comes with DDL, which
 * outdates all that was stored before.
 *
 * Locking: none of its own.
 *
 * src/statement/remote.c
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "base/subxact.h"
#include "codec/rowcodec.h"
#include "statement/answer_internal.h"

/* Rows without columns take no bytes: how many there are nothing would bound. */
static bool
can_travel(TupleDesc desc)
{
	return desc->natts > 0 && cf_rows_trust(desc) != CF_ROWS_UNSAFE;
}

/* ---- there -------------------------------------------------------------- */

void
cf_answer_encode(TupleDesc desc, const char *rows, StringInfo buf)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	MemoryContext row = AllocSetContextCreate(CurrentMemoryContext, "cachefront row",
											  ALLOCSET_SMALL_SIZES);
	MemoryContext old;
	CfRowEncoder *encoder;
	CfAnswerRows all;
	uint64		nrows;
	MinimalTuple tuple;

	cf_answer_rows_begin(&all, rows);
	nrows = all.count;
	initStringInfo(buf);
	cf_row_encoding_begin(buf);
	encoder = cf_row_encoder_create(desc, buf);
	while ((tuple = cf_answer_next(&all)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		ExecStoreMinimalTuple(tuple, slot, false);
		old = MemoryContextSwitchTo(row);
		cf_row_encoder_add(encoder, slot);
		MemoryContextSwitchTo(old);
		MemoryContextReset(row);
	}
	cf_row_encoding_end(buf, nrows);
	ExecDropSingleTupleTableSlot(slot);
	MemoryContextDelete(row);
}

void
cf_answer_fill_remote(CfAnswer *answer, const CfL1Meta *meta)
{
	CfLoad		load = answer->load;
	StringInfoData buf;

	if (answer->remote == NULL || answer->remote->tier.state != CF_TIER_LEASED)
		return;
	if (FullTransactionIdIsValid(meta->basis.xmin))
	{
		cf_tier_release(&answer->remote->tier);
		return;
	}
	cf_answer_encode(answer->desc, answer->rows.data, &buf);
	load.value.bytes = buf.data;
	load.value.len = buf.len;
	cf_tier_fill(&answer->remote->tier, &load, meta);
	pfree(buf.data);
}

/* ---- and back ----------------------------------------------------------- */

typedef struct Decode
{
	const struct varlena *value;
	TupleDesc	desc;
	Tuplestorestate *store;
	bool		valid;
} Decode;

static void
decode(void *arg)
{
	Decode	   *call = arg;

	call->valid = cf_rows_decode(VARDATA(call->value), VARSIZE(call->value) - VARHDRSZ,
								 call->desc, call->store);
}

/* Nothing that comes from Redis may fail the statement; who wants to end it does. */
static bool
decode_safely(Decode *call)
{
	ErrorData  *error = cf_subxact_try_briefly(decode, call);

	if (error == NULL)
		return call->valid;
	if (cf_subxact_is_called_off(error->sqlerrcode))
		ReThrowError(error);
	FreeErrorData(error);
	return false;
}

/* The rows of a store as a value. False: they are too many. */
static bool
take_rows(Tuplestorestate *store, TupleDesc desc, StringInfo rows)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	uint32		nrows = 0;
	bool		fit = true;

	cf_answer_begin_rows(rows);
	while (fit && tuplestore_gettupleslot(store, true, false, slot))
	{
		bool		own;
		MinimalTuple tuple = ExecFetchSlotMinimalTuple(slot, &own);

		fit = rows->len + MAXALIGN(tuple->t_len) < MaxAllocSize;
		if (fit)
			cf_answer_append_row(rows, tuple);
		if (own)
			pfree(tuple);
		nrows++;
	}
	ExecDropSingleTupleTableSlot(slot);
	memcpy(rows->data, &nrows, sizeof(nrows));
	return fit;
}

static bool
read_value(CfAnswer *answer, const struct varlena *value, StringInfo rows)
{
	Decode		call = {value, answer->desc, tuplestore_begin_heap(false, false, work_mem), false};
	bool		good = decode_safely(&call) && take_rows(call.store, answer->desc, rows);

	tuplestore_end(call.store);
	if (!good)
		count(answer, CF_COUNT_L2_BAD_VALUES);
	return good;
}

bool
cf_answer_look_remote(CfAnswer *answer, TimestampTz newer_than, TimestampTz deadline,
					  CfValue *value, CfL1Meta *meta)
{
	CfRequest  *remote;
	CfTierHit	hit;
	StringInfoData rows;

	/* To which settings it is bound shows when its functions have run. */
	if (!cf_l2_configured() || answer->statement->watched || !can_travel(answer->desc))
		return false;
	answer->remote = palloc0(sizeof(CfAnswerRemote));
	remote = &answer->remote->request;
	*remote = answer->request;
	remote->form = remote->id.form = CF_FORM_ROWS;
	if (!cf_tier_look(&answer->remote->tier, remote, newer_than, deadline, &hit))
		return false;
	*meta = hit.meta;
	if (!hit.meta.covered || !read_value(answer, hit.datum, &rows))
		return false;
	*value = (CfValue) {rows.data, rows.len, .negative = hit.value.negative};
	return true;
}
