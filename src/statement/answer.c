/*
 * answer.c - looks for a statement's rows, and keeps them.
 *
 * A statement sees its own snapshot, whoever took it: so a hit must be what that shows.
 * The snapshot that only this statement uses was taken a moment ago, and whoever gets a
 * result of now instead can not tell. One that an enclosing statement uses as well, a
 * function's or a cursor's, is kept: then every change that the entry depends on must
 * precede it, as for REPEATABLE READ. And a miss may be kept under a stamp only if the
 * stamp precedes the snapshot (rule 3 of docs/consistency.md): it was taken before us, so
 * another is taken after the stamp; if both are the same, nothing came between.
 *
 * A value is a count of rows, then each as a MinimalTuple without pointers to elsewhere,
 * at a multiple of MAXALIGN from the first. No function of a type runs on a hit.
 *
 * Locking: none of its own.
 *
 * src/statement/answer.c
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "access/parallel.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "base/compat.h"
#include "base/debug_point.h"
#include "base/guc.h"
#include "base/position.h"
#include "capture/writing.h"
#include "commit/commit.h"
#include "engine/fill.h"
#include "engine/policy.h"
#include "l1/table.h"
#include "request/deps.h"
#include "request/identity.h"
#include "statement/answer.h"
#include "statement/validity.h"
#include "txn/twophase.h"

#define count(answer, counter) cf_stats_count((answer)->request.def.stats_slot, (counter))

/* ---- what is asked for -------------------------------------------------- */

static void
make_room(CfAnswerRoom *room, int n, CfArgs *args)
{
	bool		fits = n <= CF_ANSWER_PARAMS;

	args->types = fits ? room->types : palloc(n * sizeof(Oid));
	args->typlens = fits ? room->typlens : palloc(n * sizeof(int16));
	args->typbyvals = fits ? room->typbyvals : palloc(n * sizeof(bool));
	args->values = fits ? room->values : palloc(n * sizeof(Datum));
	args->nulls = fits ? room->nulls : palloc(n * sizeof(bool));
}

/* Those that PostgreSQL came with are what they are. */
static void
get_length(Oid type, int16 *typlen, bool *typbyval)
{
	static struct
	{
		Oid			type;
		int16		typlen;
		bool		typbyval;
	}			last[16];
	int			i = type % lengthof(last);

	if (likely(type != InvalidOid && last[i].type == type))
	{
		*typlen = last[i].typlen;
		*typbyval = last[i].typbyval;
		return;
	}
	get_typlenbyval(type, typlen, typbyval);
	if (type >= FirstNormalObjectId)
		return;
	last[i].type = type;
	last[i].typlen = *typlen;
	last[i].typbyval = *typbyval;
}

/* The values of $1, $2, ...; false: one is not there. */
static bool
take_params(const CfStatement *statement, ParamListInfo params, CfAnswerRoom *room, CfArgs *args)
{
	ListCell   *number;
	ListCell   *type;

	args->resolved = true;
	args->n = 0;
	if (statement->params == NIL)
		return true;
	if (params == NULL)
		return false;
	make_room(room, list_length(statement->params), args);
	forboth(number, statement->params, type, statement->param_types)
	{
		int			id = lfirst_int(number);
		ParamExternData *param;
		ParamExternData space;

		if (id > params->numParams)
			return false;
		/* PL/pgSQL may have no value yet, which is no error of ours. */
		param = params->paramFetch != NULL ? params->paramFetch(params, id, true, &space) :
			&params->params[id - 1];
		if (param->ptype != lfirst_oid(type))
			return false;
		args->types[args->n] = param->ptype;
		get_length(param->ptype, &args->typlens[args->n], &args->typbyvals[args->n]);
		args->values[args->n] = param->value;
		args->nulls[args->n] = param->isnull;
		args->n++;
	}
	return true;
}

/* Eight digits: each half byte is spread to a byte, and all are made digits at once. */
static void
put_hex(uint32 value, char *to)
{
	uint64		x = value;
	uint64		letters;

	x = (x | x << 16) & UINT64CONST(0x0000ffff0000ffff);
	x = (x | x << 8) & UINT64CONST(0x00ff00ff00ff00ff);
	x = (x | x << 4) & UINT64CONST(0x0f0f0f0f0f0f0f0f);
	letters = (x + UINT64CONST(0x0606060606060606)) >> 4 & UINT64CONST(0x0101010101010101);
	x = pg_hton64(x + UINT64CONST(0x3030303030303030) + letters * ('a' - '9' - 1));
	memcpy(to, &x, sizeof(x));
}

/* The cache's name, a colon, and the identity in 32 digits. */
static void
make_key(const CfStatement *statement, const CfHash128 *hash, char *text, CfKey *key)
{
	int			len = strlen(statement->cache);

	Assert(len < CF_MAX_CACHE_NAME);
	memcpy(text, statement->cache, len);
	text[len++] = ':';
	for (int i = 0; i < 4; i++, len += 8)
		put_hex((uint32) (hash->h[i / 2] >> (i % 2 == 0 ? 32 : 0)), text + len);
	cf_key_init(key, MyDatabaseId, text, len);
}

/*
 * A plan that is kept may hold what was computed under other settings: functions that print
 * bytea, interval and float values are IMMUTABLE. So it is another statement then.
 */
static void
set_tree(CfAnswer *answer)
{
	const CfStatement *statement = answer->statement;

	answer->settings = cf_identity_of_settings();
	answer->tree = statement->tree;
	if (!cf_hash128_equal(&statement->settings, &answer->settings))
		cf_hash128_add(&answer->tree, &statement->settings, sizeof(statement->settings));
	/* Where nobody is told of a notice, nobody knows that there was one. */
	if (client_min_messages > NOTICE)
		cf_hash128_add_u64(&answer->tree, (uint64) client_min_messages);
}

/* As cache_fetch has them; NULL: none. */
static ArrayType *
tags_of(const CfStatement *statement)
{
	Datum	   *tags;
	ListCell   *cell;

	if (likely(statement->tags == NIL))
		return NULL;
	tags = palloc(list_length(statement->tags) * sizeof(Datum));
	foreach(cell, statement->tags)
		tags[foreach_current_index(cell)] = CStringGetTextDatum(strVal(lfirst(cell)));
	return construct_array(tags, list_length(statement->tags), TEXTOID, -1, false, TYPALIGN_INT);
}

static bool
make_request(CfAnswer *answer, ParamListInfo params)
{
	CfRequest  *request = &answer->request;
	const CfStatement *statement = answer->statement;

	request->cache = statement->cache;
	set_tree(answer);
	request->tree = &answer->tree;
	request->settings = &answer->settings;
	request->form = CF_FORM_TUPLES;
	request->part = CF_L1_PART_ALL;
	request->binding = statement->binding;
	request->ttl = statement->ttl;
	request->tags = tags_of(statement);
	if (!take_params(statement, params, &answer->room, &request->args))
		return false;
	cf_request_define(request);
	/* What fails, fails; what is past its time is loaded. */
	request->def.stale_ttl = 0;
	cf_identity_of_request(request);
	make_key(statement, &request->id.hash, answer->room.key, &request->key);
	cf_request_set_limits(request);
	return true;
}

/* ---- the snapshot ------------------------------------------------------- */

/*
 * Does nobody but this statement use the snapshot? One that an enclosing statement has
 * is registered by that as well: by its QueryDesc and its EState, as by ours.
 */
static bool
is_own_snapshot(Snapshot snapshot)
{
	return !IsolationUsesXactSnapshot() && snapshot->active_count == 1 &&
		snapshot->regd_count == 2;
}

/* A copied snapshot without any has no array of them. */
static bool
are_same_xids(const TransactionId *a, const TransactionId *b, int n)
{
	return n == 0 || memcmp(a, b, n * sizeof(TransactionId)) == 0;
}

static bool
is_same_snapshot(Snapshot a, Snapshot b)
{
	return a->xmin == b->xmin && a->xmax == b->xmax && a->xcnt == b->xcnt &&
		a->subxcnt == b->subxcnt && a->suboverflowed == b->suboverflowed &&
		a->takenDuringRecovery == b->takenDuringRecovery &&
		are_same_xids(a->xip, b->xip, a->xcnt) && are_same_xids(a->subxip, b->subxip, a->subxcnt);
}

/* The variant without rows, which tells whether those would still be there. */
static CfIdentity
ghost_of(const CfRequest *request)
{
	CfIdentity	id = request->id;

	id.hash.h[0] ^= UINT64CONST(0x67686f7374);
	return id;
}

/* ---- a hit -------------------------------------------------------------- */

/*
 * Where the snapshot is not its own, or the transaction has written: what an entry must
 * satisfy. False: none may be used.
 */
static bool
needed_proof(Snapshot snapshot, CfL1Proof *proof, bool *needed)
{
	bool		written = cf_policy_has_written();

	MemSet(proof, 0, sizeof(*proof));
	*needed = written || !is_own_snapshot(snapshot);
	if (written)
	{
		if (cf_writing_now() ||
			DatumGetInt32(DirectFunctionCall1(pg_trigger_depth, (Datum) 0)) > 0)
			return false;
		/* Looked up under a lock, so what it needs is read before. */
		cf_commit_collect();
		proof->own = cf_commit_touches;
	}
	if (!is_own_snapshot(snapshot))
		proof->xmin = cf_position_widen(snapshot->xmin);
	return true;
}

static bool
get(const CfRequest *request, const CfIdentity *id, CfL1Part part, const CfL1Proof *proof,
	CfL1Result *result)
{
	return cf_l1_get_within(&request->key, id, part, cf_now(), 0, request->limits,
							proof, 0, result) == CF_L1_HIT && !result->no_memory;
}

static bool
look(CfAnswer *answer, Snapshot snapshot)
{
	CfRequest  *request = &answer->request;
	CfL1Result	result;
	CfL1Proof	proof;
	bool		needed;

	if (!needed_proof(snapshot, &proof, &needed))
	{
		cf_policy_count(request, CF_BYPASS_OWN_WRITES);
		return false;
	}
	if (!get(request, &request->id, CF_L1_PART_ALL, needed ? &proof : NULL, &result))
		return false;
	count(answer, CF_COUNT_L1_HITS);
	if (result.negative)
		count(answer, CF_COUNT_NEGATIVE_HITS);
	answer->value = result.value;
	return true;
}

/* ---- a miss ------------------------------------------------------------- */

/* What its plan reads, under the rights of whom it runs as. False: not to be shared. */
static bool
collect_sources(CfAnswer *answer, ParamListInfo params)
{
	CfSources  *sources = &answer->load.sources;
	const CfStatement *statement = answer->statement;
	CfBypass	bypass = CF_BYPASS_NONE;

	cf_security_add_plan(sources, statement->child, false);
	cf_proof_add_plan(&sources->proof, statement->child, params, false);
	sources->defined.any = statement->defined_any;
	sources->defined.relids = statement->defined;
	sources->defined.rowtypes = statement->rowtypes;
	sources->mutable = statement->mutable;
	if (sources->temporary)
		bypass = CF_BYPASS_TEMPORARY;
	else if (sources->row_security && answer->request.def.scope != CF_SCOPE_SETTING)
		bypass = CF_BYPASS_ROW_SECURITY;
	else if (sources->has_policies && answer->request.def.scope == CF_SCOPE_SHARED)
		bypass = CF_BYPASS_ROW_SECURITY;
	cf_policy_count(&answer->request, bypass);
	return bypass == CF_BYPASS_NONE;
}

/* Rule 3: was the stamp read before the snapshot, or as if it had been? */
static void
compare_snapshot(CfAnswer *answer, bool fresh, Snapshot *snapshot)
{
	if (fresh && answer->own_snapshot)
		*snapshot = GetTransactionSnapshot();
	else if (IsolationUsesXactSnapshot() || !is_same_snapshot(*snapshot, GetLatestSnapshot()))
		answer->xmin = cf_position_widen((*snapshot)->xmin);
}

/* Nothing of the plan may be older than the stamp, hence the messages. */
void
cf_answer_begin_load(CfAnswer *answer, EState *estate, bool fresh, Snapshot *snapshot)
{
	CfLoad	   *load = &answer->load;

	if (!answer->asked || cf_policy_has_written() || cf_guc_l1_max_value == 0)
		return;
	/* Of a shape that pays what is asked for once leaves no trace but that. */
	if (answer->ghost && answer->serving == CF_SERVE_IF_SEEN &&
		!cf_shape_is_on_trial(answer->shape))
		return;
	load->def = &answer->request.def;
	load->context = CurrentMemoryContext;
	CF_WAIT_POINT("statement-before-stamp");
	cf_twophase_look();
	load->started = load->oldest = cf_now();
	load->stamp = cf_clock_stamp();
	AcceptInvalidationMessages();
	if (!collect_sources(answer, estate->es_param_list_info))
		return;
	/* Nobody has depended on a table before: what the snapshot shows may be out of date. */
	if (cf_deps_announce(MyDatabaseId, load->sources.relids) ||
		!cf_validity_holds(answer->statement, load->stamp))
		return;
	compare_snapshot(answer, fresh, snapshot);
	initStringInfo(&answer->rows);
	/* The count, which ends at a multiple of MAXALIGN where the value is varlena. */
	appendStringInfoSpaces(&answer->rows, sizeof(uint32));
	answer->keeps = true;
}

void
cf_answer_drop(CfAnswer *answer)
{
	if (answer->keeps)
		pfree(answer->rows.data);
	answer->keeps = false;
}

/*
 * Is the row larger than what may be kept, as it would be copied? Rows that PostgreSQL never
 * puts together need not fit into one piece of memory.
 */
static bool
is_too_large(TupleTableSlot *slot)
{
	TupleDesc	desc = slot->tts_tupleDescriptor;
	Size		size = 0;

	slot_getallattrs(slot);
	for (int i = 0; i < desc->natts; i++)
	{
		if (slot->tts_isnull[i] || TupleDescAttr(desc, i)->attlen != -1)
			continue;
		size += toast_datum_size(slot->tts_values[i]);
		if (size > (Size) cf_guc_l1_max_value)
			return true;
	}
	return false;
}

/* A copy of the row that points to nothing outside of itself. */
static MinimalTuple
flatten(TupleTableSlot *slot)
{
	TupleDesc	desc = slot->tts_tupleDescriptor;
	Datum	   *values = palloc(desc->natts * sizeof(Datum));

	slot_getallattrs(slot);
	for (int i = 0; i < desc->natts; i++)
	{
		values[i] = slot->tts_values[i];
		if (!slot->tts_isnull[i] && TupleDescAttr(desc, i)->attlen == -1 &&
			VARATT_IS_EXTERNAL(DatumGetPointer(values[i])))
			values[i] = PointerGetDatum(detoast_external_attr((struct varlena *)
															  DatumGetPointer(values[i])));
	}
	return CF_FORM_MINIMAL_TUPLE(desc, values, slot->tts_isnull);
}

static void
land(CfAnswer *answer, CfFlightOutcome outcome)
{
	CfSharedFlight *flight = answer->flight;

	answer->flight = NULL;
	if (flight != NULL)
		cf_flight_abort(flight, outcome);
}

/* Nobody will have it from here: who waits runs it, all at once rather than one by one. */
static void
give_up(CfAnswer *answer)
{
	count(answer, CF_COUNT_TOO_LARGE);
	cf_answer_drop(answer);
	land(answer, CF_FLIGHT_PRIVATE);
}

static void
append_row(CfAnswer *answer, TupleTableSlot *slot)
{
	MinimalTuple tuple;
	Size		room;

	if (is_too_large(slot))
	{
		give_up(answer);
		return;
	}
	tuple = flatten(slot);
	room = MAXALIGN(tuple->t_len);
	if (answer->rows.len + room > (Size) cf_guc_l1_max_value)
	{
		give_up(answer);
		return;
	}
	enlargeStringInfo(&answer->rows, room);
	memcpy(answer->rows.data + answer->rows.len, tuple, tuple->t_len);
	memset(answer->rows.data + answer->rows.len + tuple->t_len, 0, room - tuple->t_len);
	answer->rows.len += room;
	answer->nrows++;
}

void
cf_answer_loads(const CfAnswer *answer)
{
	if (answer->asked)
		count(answer, CF_COUNT_LOADS);
}

void
cf_answer_keep(CfAnswer *answer, TupleTableSlot *slot, uint64 run)
{
	MemoryContext row;
	MemoryContext old;

	if (!answer->keeps)
		return;
	if (answer->nrows == 0)
		answer->run = run;
	else if (answer->run != run)
	{
		/* Between two runs settings may change. */
		cf_answer_drop(answer);
		return;
	}
	row = AllocSetContextCreate(CurrentMemoryContext, "cachefront row", ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(row);
	append_row(answer, slot);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(row);
}

/* What others may have is put where they find it. */
static void
publish(CfAnswer *answer)
{
	CfRequest  *request = &answer->request;
	CfLoad	   *load = &answer->load;
	CfDeps		deps;
	CfL1Meta	meta;

	load->value = answer->rows.data;
	load->len = answer->rows.len;
	load->negative = answer->nrows == 0;
	load->load_us = (uint32) Min(answer->ns / 1000, PG_UINT32_MAX);
	memcpy(load->value, &answer->nrows, sizeof(answer->nrows));
	cf_fill_describe(request, load, NULL, &deps, &meta);
	meta.xmin = answer->xmin;
	if ((FullTransactionIdIsValid(meta.xmin) && !meta.provable) || !meta.covered ||
		!cf_deps_fit(meta.ndeps))
	{
		land(answer, CF_FLIGHT_PRIVATE);
		return;
	}
	if (answer->ghost)
	{
		CfIdentity	id = ghost_of(request);

		(void) cf_l1_put(&request->key, &id, "", 0, &meta);
		return;
	}
	if (cf_fill_put(request, load->value, load->len, &meta) != CF_L1_STORED)
		return;
	/* It was current when it was put: so it is as new as whoever waits for it. */
	if (answer->flight != NULL)
	{
		CfSharedFlight *flight = answer->flight;

		answer->flight = NULL;
		cf_flight_finish(flight, load->value, load->len, &meta);
	}
}

bool
cf_answer_is_timed(const CfAnswer *answer)
{
	return answer->keeps || answer->shape != NULL;
}

void
cf_answer_end(CfAnswer *answer, uint64 run)
{
	if (answer->shape != NULL)
		cf_shape_note(answer->shape, answer->sight,
					  answer->ns / 1000 + answer->statement->plan_us, answer->nrows,
					  answer->keeps ? answer->rows.len : 0);
	if (!answer->keeps)
		return;
	cf_stats_latency(CF_LATENCY_LOAD, answer->ns);
	if (answer->reported)
		land(answer, CF_FLIGHT_PRIVATE);
	if ((answer->nrows == 0 || answer->run == run) && !answer->reported &&
		!cf_policy_has_written() && cf_identity_still_holds(&answer->request))
		publish(answer);
	cf_answer_drop(answer);
}

/* ---- one load ----------------------------------------------------------- */

/* Somebody else has had the answer meanwhile. */
static void
take(CfAnswer *answer, struct varlena *value)
{
	cf_answer_drop(answer);
	answer->value = value;
	answer->hit = true;
	count(answer, CF_COUNT_HANDOVERS);
}

static bool
take_from_l1(CfAnswer *answer)
{
	CfL1Result	result;

	if (!get(&answer->request, &answer->request.id, CF_L1_PART_ALL, NULL, &result))
		return false;
	take(answer, result.value);
	return true;
}

static void
lead(CfAnswer *answer, CfSharedFlight *flight)
{
	answer->flight = flight;
	PG_TRY();
	{
		cf_flight_begin_snapshot(flight);
		cf_flight_lock(flight);
		CF_WAIT_POINT("statement-leads");
		/* It may have landed between our look and now. */
		if (take_from_l1(answer))
			cf_answer_land(answer);
	}
	PG_CATCH();
	{
		cf_answer_land(answer);
		PG_RE_THROW();
	}
	PG_END_TRY();
}

/*
 * A client may bind a portal and learn of a commit before it executes it: its rows must not
 * be newer than the snapshot then. Within one message nobody can.
 */
static bool
is_of_now(const CfAnswer *answer, Snapshot snapshot)
{
	return answer->message == GetCurrentStatementStartTimestamp() ||
		is_same_snapshot(snapshot, GetLatestSnapshot());
}

void
cf_answer_board(CfAnswer *answer, Snapshot snapshot)
{
	TimestampTz deadline = cf_steady_now() + cf_guc_flight_timeout * INT64CONST(1000);
	CfRequest  *request = &answer->request;
	CfSharedFlight *flight;
	CfL1Result	result;

	/* What others load may be newer than a snapshot that is used elsewhere, too. */
	if (!answer->keeps || answer->ghost || answer->nrows > 0 || !answer->own_snapshot ||
		!is_of_now(answer, snapshot))
		return;
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		switch (cf_flight_join(&request->key, &request->id, true, &flight))
		{
			case CF_FLIGHT_LEAD:
				lead(answer, flight);
				return;
			case CF_FLIGHT_ALONE:
				return;
			case CF_FLIGHT_FOLLOW:
				break;
		}
		switch (cf_flight_wait(flight, deadline, CF_L1_PART_ALL, request->limits, &result))
		{
			case CF_FLIGHT_VALUE:
				take(answer, result.value);
				return;
			case CF_FLIGHT_RETRY:
				if (take_from_l1(answer))
					return;
				break;
			case CF_FLIGHT_PRIVATE:
				return;
			case CF_FLIGHT_TIMEOUT:
				count(answer, CF_COUNT_FLIGHT_TIMEOUTS);
				return;
		}
	}
}

void
cf_answer_land(CfAnswer *answer)
{
	land(answer, CF_FLIGHT_RETRY);
}

/* ---- a statement begins ------------------------------------------------- */

/* By whom it is asked for, and what its shape has saved: now, for a plan may be older. */
static CfServing
serving(CfAnswer *answer)
{
	const CfStatement *statement = answer->statement;

	if (cf_guc_transparent == CF_TRANSPARENT_OFF)
		return CF_SERVE_NOT;
	if (cf_guc_transparent != CF_TRANSPARENT_OBSERVE && statement->marked)
		return CF_SERVE;
	if (cf_guc_transparent == CF_TRANSPARENT_MARKED || statement->shape == 0)
		return CF_SERVE_NOT;
	/* Since it was planned others may have taken its place. */
	answer->shape = cf_shape_see(statement->shape, statement->defined == NIL ? InvalidOid :
								 linitial_oid(statement->defined),
								 statement->text, strlen(statement->text));
	if (cf_guc_transparent == CF_TRANSPARENT_OBSERVE)
		return CF_SERVE_OBSERVE;
	if (!cf_shape_is_served(answer->shape))
	{
		answer->shape = NULL;
		return CF_SERVE_NOT;
	}
	return cf_guc_transparent_min_saving == 0 ? CF_SERVE : CF_SERVE_IF_SEEN;
}

static bool
may_look(void)
{
	return cf_guc_enabled && !IsolationIsSerializable() && !IsInParallelMode() &&
		!cf_load_active() && !RecoveryInProgress();
}

bool
cf_answer_is_there(const CfStatement *statement, ParamListInfo params)
{
	CfAnswer	answer = {.statement = statement};
	CfL1Result	result;

	return may_look() && make_request(&answer, params) &&
		get(&answer.request, &answer.request.id, CF_L1_PART_NONE, NULL, &result);
}

/* Was the answer asked for before, and is it what it was? */
static CfSight
sight_of(CfAnswer *answer)
{
	CfIdentity	id = ghost_of(&answer->request);
	CfL1Result	result;

	if (!cf_shape_saw(&id.hash))
		return CF_SIGHT_FIRST;
	return get(&answer->request, &id, CF_L1_PART_NONE, NULL, &result) ?
		CF_SIGHT_WOULD_HIT : CF_SIGHT_OUTDATED;
}

void
cf_answer_begin(CfAnswer *answer, const CfStatement *statement, EState *estate)
{
	answer->statement = statement;
	answer->serving = serving(answer);
	if (answer->serving == CF_SERVE_NOT || !may_look() ||
		!make_request(answer, estate->es_param_list_info))
	{
		answer->shape = NULL;
		return;
	}
	answer->asked = true;
	answer->own_snapshot = is_own_snapshot(estate->es_snapshot);
	answer->message = GetCurrentStatementStartTimestamp();
	if (answer->serving != CF_SERVE_OBSERVE)
	{
		count(answer, CF_COUNT_FETCHES);
		answer->hit = look(answer, estate->es_snapshot);
		if (answer->hit)
		{
			if (answer->shape != NULL)
				cf_shape_note(answer->shape, CF_SIGHT_HIT, 0, 0, 0);
			return;
		}
		count(answer, CF_COUNT_MISSES);
	}
	if (answer->shape != NULL)
		answer->sight = sight_of(answer);
	answer->ghost = answer->serving == CF_SERVE_OBSERVE ||
		(answer->serving == CF_SERVE_IF_SEEN && answer->sight == CF_SIGHT_FIRST);
}

void
cf_answer_rows(const CfAnswer *answer, CfAnswerRows *rows)
{
	memcpy(&rows->left, VARDATA(answer->value), sizeof(uint32));
	rows->next = VARDATA(answer->value) + sizeof(uint32);
}

MinimalTuple
cf_answer_next(CfAnswerRows *rows)
{
	MinimalTuple tuple = (MinimalTuple) rows->next;

	if (rows->left == 0)
		return NULL;
	rows->left--;
	rows->next += MAXALIGN(tuple->t_len);
	return tuple;
}
