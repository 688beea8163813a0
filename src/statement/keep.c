/*
 * keep.c - keeps the rows of a statement that the cache had no answer for.
 *
 * A miss may be kept under a stamp only if the stamp precedes the snapshot (rule 3 of
 * docs/consistency.md): it was taken before us, so another is taken after the stamp; if both
 * are the same, nothing came between.
 *
 * Locking: none of its own.
 *
 * src/statement/keep.c
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "base/compat.h"
#include "base/debug_point.h"
#include "base/guc.h"
#include "base/position.h"
#include "engine/fill.h"
#include "engine/marker.h"
#include "engine/policy.h"
#include "history/follow.h"
#include "load/follow.h"
#include "request/deps.h"
#include "request/identity.h"
#include "statement/answer_internal.h"
#include "statement/eligible.h"
#include "statement/validity.h"

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
	sources->defined.types = statement->types;
	sources->mutable = statement->mutable;
	if (sources->temporary)
		bypass = CF_BYPASS_TEMPORARY;
	/* For a role policies are conditions as others: the plan has them, and was looked at. */
	else if (sources->has_policies && answer->request.def.scope == CF_SCOPE_SHARED)
		bypass = CF_BYPASS_ROW_SECURITY;
	cf_policy_count(&answer->request, bypass);
	return bypass == CF_BYPASS_NONE;
}

/*
 * Rules 3 and 61: was the stamp, on a standby the LSN, read before the snapshot, or as if it had
 * been? If not, what was there before may tell that nothing came between. False: nothing does.
 */
static bool
compare_snapshot(CfAnswer *answer, bool fresh, Snapshot *snapshot)
{
	if (fresh && answer->own_snapshot)
	{
		*snapshot = GetTransactionSnapshot();
		return true;
	}
	if (!IsolationUsesXactSnapshot() &&
		cf_answer_is_same_snapshot(*snapshot, GetLatestSnapshot()))
		return true;
	answer->xmin = cf_position_widen((*snapshot)->xmin);
	return cf_policy_can_prove(*snapshot);
}

/* Nothing of the plan may be older than the stamp, hence the messages. */
void
cf_answer_begin_load(CfAnswer *answer, EState *estate, bool fresh, Snapshot *snapshot)
{
	CfLoad	   *load = &answer->load;
	CfMoment	moment;

	if (!answer->asked || cf_policy_has_written() ||
		(cf_guc_l1_max_value == 0 && !cf_l2_configured()))
		return;
	/* Of a shape that pays what is asked for once leaves no trace but that. */
	if (answer->ghost && answer->serving == CF_SERVE_IF_SEEN &&
		!cf_shape_is_on_trial(answer->shape))
		return;
	load->def = &answer->request.def;
	load->context = CurrentMemoryContext;
	CF_WAIT_POINT("statement-before-stamp");
	cf_load_begin_reading(load);
	moment = (CfMoment) {load->stamp, load->replica ? load->lsn : 0};
	AcceptInvalidationMessages();
	if (!collect_sources(answer, estate->es_param_list_info))
		return;
	/* Nobody has depended on a table before: what the snapshot shows may be out of date. */
	if (cf_deps_announce(MyDatabaseId, load->sources.relids) ||
		!cf_validity_holds(answer->statement, &moment) ||
		!compare_snapshot(answer, fresh, snapshot))
		return;
	if (answer->statement->watched)
		cf_follow_begin(load, &answer->request.def);
	cf_answer_begin_rows(&answer->rows);
	answer->keeps = true;
}

/* The count ends at a multiple of MAXALIGN where the value is varlena. */
void
cf_answer_begin_rows(StringInfo rows)
{
	initStringInfo(rows);
	appendStringInfoSpaces(rows, sizeof(uint32));
}

void
cf_answer_append_row(StringInfo rows, MinimalTuple tuple)
{
	Size		room = MAXALIGN(tuple->t_len);

	enlargeStringInfo(rows, room);
	memcpy(rows->data + rows->len, tuple, tuple->t_len);
	memset(rows->data + rows->len + tuple->t_len, 0, room - tuple->t_len);
	rows->len += room;
}

void
cf_answer_drop(CfAnswer *answer)
{
	if (answer->keeps)
		pfree(answer->rows.data);
	answer->keeps = false;
}

/* Bytes that a value may have: more than memory takes, if Redis is to have it. */
static Size
max_value(const CfAnswer *answer)
{
	Size		max = (Size) cf_guc_l1_max_value;

	return answer->remote != NULL && answer->remote->tier.state == CF_TIER_LEASED ?
		Max(max, CF_TIER_MAX_VALUE) : max;
}

/*
 * Is the row larger than what may be kept, as it would be copied? Rows that PostgreSQL never
 * puts together need not fit into one piece of memory.
 */
static bool
is_too_large(TupleTableSlot *slot, Size max)
{
	TupleDesc	desc = slot->tts_tupleDescriptor;
	Size		size = 0;

	slot_getallattrs(slot);
	for (int i = 0; i < desc->natts; i++)
	{
		if (slot->tts_isnull[i] || TupleDescAttr(desc, i)->attlen != -1)
			continue;
		size += toast_datum_size(slot->tts_values[i]);
		if (size > max)
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

void
cf_answer_land_as(CfAnswer *answer, CfFlightOutcome outcome)
{
	CfSharedFlight *flight = answer->flight;

	answer->flight = NULL;
	if (flight != NULL)
		cf_flight_abort(flight, outcome);
	if (answer->remote != NULL)
		cf_tier_release(&answer->remote->tier);
}

/* Nobody will have it from here: who waits runs it, all at once rather than one by one. */
static void
give_up(CfAnswer *answer)
{
	count(answer, CF_COUNT_TOO_LARGE);
	cf_answer_drop(answer);
	cf_answer_land_as(answer, CF_FLIGHT_PRIVATE);
}

static void
append_row(CfAnswer *answer, TupleTableSlot *slot)
{
	MinimalTuple tuple;
	Size		max = max_value(answer);

	if (is_too_large(slot, max))
	{
		give_up(answer);
		return;
	}
	tuple = flatten(slot);
	if (answer->rows.len + MAXALIGN(tuple->t_len) > max)
	{
		give_up(answer);
		return;
	}
	cf_answer_append_row(&answer->rows, tuple);
	answer->nrows++;
}

void
cf_answer_loads(const CfAnswer *answer)
{
	if (answer->asked)
		count(answer, CF_COUNT_LOADS);
}

/*
 * Between two runs settings may change. What functions depend on shows only at the end; of all
 * else it is in the identity.
 */
static bool
goes_on(const CfAnswer *answer)
{
	return !answer->statement->watched && client_min_messages == answer->messages &&
		cf_identity_still_holds(&answer->request);
}

void
cf_answer_keep(CfAnswer *answer, TupleTableSlot *slot, uint64 run)
{
	MemoryContext row;
	MemoryContext old;

	if (!answer->keeps)
		return;
	if (answer->nrows > 0 && answer->run != run && !goes_on(answer))
	{
		cf_answer_drop(answer);
		return;
	}
	answer->run = run;
	row = AllocSetContextCreate(CurrentMemoryContext, "cachefront row", ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(row);
	append_row(answer, slot);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(row);
}

/* True: it was current. Memory need not have room for what others wait for. */
static bool
put(CfAnswer *answer, const CfL1Meta *meta)
{
	CfRequest  *request = &answer->request;
	CfL1PutStatus status = cf_fill_put(request, &answer->load.value, meta);

	return status == CF_L1_STORED ||
		(status != CF_L1_REFUSED && cf_basis_is_current(&request->key, &meta->basis));
}

/*
 * It was current when it was put, on a standby by a history that knew what who waits for it
 * may have seen: so it is as new as he.
 */
static void
pass_on(CfAnswer *answer, const CfL1Meta *meta)
{
	CfSharedFlight *flight = answer->flight;

	answer->flight = NULL;
	if (flight != NULL)
		cf_flight_finish(flight, &answer->load.value, meta);
}

/* What its functions have read that must not be shared only shows when they have run. */
static bool
may_be_kept(CfAnswer *answer)
{
	if (answer->statement->watched)
		cf_follow_end(&answer->load);
	return !answer->reported && !cf_policy_has_written() &&
		cf_identity_still_holds(&answer->request) && cf_eligible_run(&answer->load);
}

/* Where others with the same settings find it; they are led there. */
static bool
bind_to_settings(CfAnswer *answer, const CfL1Meta *meta)
{
	CfBinding	binding = cf_watch_binding(answer->load.sources.traits);
	CfRequest	bound;

	if (binding <= answer->request.binding)
		return true;
	/* Who waits looks again, and is led there. */
	cf_answer_land_as(answer, CF_FLIGHT_RETRY);
	if (!cf_marker_put_bound(&answer->request, binding, meta, &bound))
		return false;
	answer->request = bound;
	return true;
}

/* What others may have is put where they find it. */
static void
publish(CfAnswer *answer)
{
	CfRequest  *request = &answer->request;
	CfLoad	   *load = &answer->load;
	bool		followed = cf_follow_catch_up();
	CfDeps		deps;
	CfL1Meta	meta;

	load->value = (CfValue) {
		answer->rows.data, answer->rows.len, .negative = answer->nrows == 0
	};
	load->load_us = (uint32) Min(answer->ns / 1000, PG_UINT32_MAX);
	cf_fill_describe(request, load, NULL, &deps, &meta);
	meta.basis.xmin = answer->xmin;
	if ((FullTransactionIdIsValid(meta.basis.xmin) && !meta.provable) || !meta.covered ||
		!cf_deps_fit(meta.basis.ndeps - meta.ndefined))
	{
		cf_answer_land_as(answer, CF_FLIGHT_PRIVATE);
		return;
	}
	if (!bind_to_settings(answer, &meta))
		return;
	if (answer->ghost)
	{
		CfIdentity	id = cf_answer_ghost(request);

		(void) cf_l1_put(&request->key, &id, CF_NO_VALUE, &meta);
		return;
	}
	if (put(answer, &meta) && followed)
		pass_on(answer, &meta);
	cf_answer_fill_remote(answer, &meta);
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
	cf_load_end_reading(&answer->load);
	cf_stats_latency(CF_LATENCY_LOAD, answer->ns);
	if ((answer->nrows == 0 || answer->run == run || goes_on(answer)) && may_be_kept(answer))
	{
		memcpy(answer->rows.data, &answer->nrows, sizeof(answer->nrows));
		if (answer->again == CF_AGAIN_VERIFY)
			cf_answer_verify(answer);
		else
			publish(answer);
	}
	else
		cf_answer_land_as(answer, CF_FLIGHT_PRIVATE);
	cf_answer_drop(answer);
}
