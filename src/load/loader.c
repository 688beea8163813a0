/*
 * loader.c - parse, plan and execute the query; encode what it returns.
 *
 * One load: read the clocks, take the snapshot, analyse (one SELECT, nothing
 * that writes or locks), plan, execute into a receiver that encodes row by
 * row. While it runs, an executor hook looks at every statement that functions
 * in it start, so that tables, temporary tables and row security behind a
 * function count as well.
 *
 * src/load/loader.c
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/parallel.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "access/xlogrecovery.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "portability/instr_time.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "base/compat.h"
#include "base/debug_point.h"
#include "base/fault.h"
#include "base/position.h"
#include "codec/rowcodec.h"
#include "history/line.h"
#include "load/loader.h"
#include "load/reading.h"
#include "load/select.h"
#include "redis/command.h"
#include "request/deps.h"
#include "request/params.h"
#include "request/version.h"
#include "rules/determined.h"
#include "rules/pins.h"
#include "txn/twophase.h"

/* Encodes rows as they come. */
typedef struct Receiver
{
	DestReceiver pub;
	CfForm		form;
	TupleDesc	desc;			/* of the result; a slot may have another */
	StringInfoData buf;
	uint64		nrows;
	uint32		first_len;
	MemoryContext per_row;
	CfRowEncoder *encoder;		/* CF_FORM_ROWS */
	CfRowsSink *sink;			/* or NULL */
	uint64		schema;
	const CfRequest *request;
	uint32		shape;			/* with request->shape */
} Receiver;

static CfLoad *current_load = NULL;
static QueryDesc *own_query = NULL; /* its own, already looked at */
static ExecutorStart_hook_type prev_executor_start = NULL;

/* From here on what is planned is read for this load; NULL: for none. */
static void
set_current_load(CfLoad *load)
{
	current_load = load;
	cf_pins_note(load != NULL);
}

/* Why there is a plan: the load's query runs, or is explained; or a function in it runs another. */
typedef enum Planned
{
	PLANNED_TO_RUN,
	PLANNED_TO_EXPLAIN,
	PLANNED_INSIDE
} Planned;

static void
add_plan(CfLoad *load, PlannedStmt *stmt, ParamListInfo params, Planned planned)
{
	MemoryContext old = MemoryContextSwitchTo(load->context);

	cf_security_add_plan(&load->sources, stmt, planned == PLANNED_INSIDE);
	cf_proof_add_plan(&load->sources.proof, stmt, params, planned == PLANNED_TO_EXPLAIN);
	MemoryContextSwitchTo(old);
}

static bool
has_dep(const CfLoad *load, CfClockRef dep)
{
	for (int i = 0; i < load->ninner_deps; i++)
	{
		if (load->inner_deps[i] == dep)
			return true;
	}
	return false;
}

static void
add_clocks(CfLoad *load, const CfClockRef *deps, int ndeps)
{
	Size		size = (load->ninner_deps + ndeps) * sizeof(CfClockRef);

	if (ndeps == 0)
		return;
	load->inner_deps = load->inner_deps == NULL ?
		MemoryContextAlloc(load->context, size) : repalloc(load->inner_deps, size);
	/* The same again and again, if it is fetched for each row of a query. */
	for (int i = 0; i < ndeps; i++)
	{
		if (!has_dep(load, deps[i]))
			load->inner_deps[load->ninner_deps++] = deps[i];
	}
}

static void
add_light_names(CfLoad *load)
{
	CfClockRef	names[] = {cf_clock_of_light_names(InvalidOid),
		cf_clock_of_light_names(MyDatabaseId)
	};

	add_clocks(load, names, lengthof(names));
}

void
cf_load_add_entry(TimestampTz filled_at, bool covered, const CfClockRef *deps, int ndeps)
{
	if (current_load == NULL)
		return;
	current_load->sources.uncovered |= !covered;
	current_load->sources.defined.any = true;
	add_clocks(current_load, deps, ndeps);
	current_load->oldest = Min(current_load->oldest, filled_at);
}

void
cf_load_add_key(const CfKey *key)
{
	CfClockRef	clocks[] = {cf_clock_of_key(key->hash), cf_clock_of_value(key->hash)};

	if (current_load == NULL)
		return;
	current_load->sources.defined.any = true;
	add_clocks(current_load, clocks, lengthof(clocks));
}

/*
 * What an inner load read, its outer one has read too; and the tags of its
 * entry, were it a hit, would be the outer one's. Which rules cover the inner one
 * is a matter of its own key.
 */
static void
add_sources(CfLoad *load, const CfRequest *request, const CfLoad *inner)
{
	const CfSources *sources = &inner->sources;
	MemoryContext old = MemoryContextSwitchTo(load->context);
	CfDeps		deps;

	cf_deps_of_request(request, &deps);
	add_clocks(load, cf_deps_clocks(&deps, 0), deps.n);
	add_clocks(load, inner->inner_deps, inner->ninner_deps);
	load->oldest = Min(load->oldest, inner->oldest);
	load->sources.temporary |= sources->temporary;
	load->sources.row_security |= sources->row_security;
	load->sources.has_policies |= sources->has_policies;
	load->sources.uncovered |= sources->uncovered;
	load->sources.defined.any = true;
	load->sources.relids = list_concat_unique_oid(load->sources.relids,
												  sources->relids);
	load->sources.inner = list_concat_unique_oid(load->sources.inner, sources->relids);
	cf_proof_add(&load->sources.proof, &sources->proof);
	MemoryContextSwitchTo(old);
}

/* Looks at statements that functions start while a load runs. */
static void
loader_executor_start(QueryDesc *query, int eflags)
{
	void		(*start) (QueryDesc *query, int eflags) =
		prev_executor_start ? prev_executor_start : standard_ExecutorStart;

	if (query->plannedstmt->relationOids != NIL)
		cf_watch_read();
	if (likely(current_load == NULL))
	{
		start(query, eflags);
		return;
	}
	if (query != own_query)
		add_plan(current_load, query->plannedstmt, query->params, PLANNED_INSIDE);
	cf_watch_executor_start(query, eflags, query == own_query, start);
}

void
cf_loader_install_hooks(void)
{
	prev_executor_start = ExecutorStart_hook;
	ExecutorStart_hook = loader_executor_start;
	cf_watch_install_hooks();
	cf_reading_install_hook();
	cf_pins_install_hooks();
}

void
cf_load_enter(CfLoad *load)
{
	Assert(current_load == NULL);
	set_current_load(load);
	cf_watch_enter(&load->watch);
}

void
cf_load_leave(CfLoad *load)
{
	cf_watch_leave(&load->watch);
	set_current_load(NULL);
}

bool
cf_load_active(void)
{
	return current_load != NULL;
}

bool
cf_load_may_wait(void)
{
	CfLoad	   *load = current_load;

	while (load != NULL && !load->at_commit)
		load = load->outer;
	if (load == NULL)
		return true;
	load->bypass = CF_BYPASS_SESSION;
	return false;
}

void
cf_load_reset(void)
{
	set_current_load(NULL);
	own_query = NULL;
	cf_watch_reset();
}

/* May what the inner scope protects get into the outer one? */
static bool
scope_includes(const CfDefinition *outer, const CfDefinition *inner)
{
	switch (inner->scope)
	{
		case CF_SCOPE_SHARED:
			return true;
		case CF_SCOPE_ROLE:
			return outer->scope != CF_SCOPE_SHARED;
		case CF_SCOPE_SETTING:
			return outer->scope == CF_SCOPE_SETTING && !inner->more_settings &&
				pg_strcasecmp(outer->setting, inner->setting) == 0;
	}
	return false;
}

void
cf_load_check_scope(const CfDefinition *def)
{
	for (CfLoad *load = current_load; load != NULL; load = load->outer)
	{
		if (load->bypass == CF_BYPASS_NONE && !scope_includes(load->def, def))
			load->bypass = CF_BYPASS_SETTING;
	}
}

static uint64
hash_columns(TupleDesc desc)
{
	CfHash128	hash;

	cf_hash128_init(&hash, desc->natts);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		cf_hash128_add(&hash, NameStr(att->attname), strlen(NameStr(att->attname)));
		cf_hash128_add_u64(&hash, ((uint64) att->atttypid << 32) | (uint32) att->atttypmod);
	}
	return hash.h[0];
}

static void
receiver_startup(DestReceiver *self, int operation, TupleDesc desc)
{
	Receiver   *receiver = (Receiver *) self;

	receiver->schema = hash_columns(desc);
	if (receiver->request->shape != 0)
		receiver->shape = cf_version_of_shape(desc, receiver->request->query);
	if (receiver->form == CF_FORM_ROWS)
		receiver->encoder = cf_row_encoder_create(desc, &receiver->buf);
	else
		receiver->desc = BlessTupleDesc(CreateTupleDescCopy(desc));
}

/* As text, by PostgreSQL's own row_to_json. */
static text *
row_as_json(Receiver *receiver, TupleTableSlot *slot)
{
	HeapTuple	row;

	slot_getallattrs(slot);
	row = heap_form_tuple(receiver->desc, slot->tts_values, slot->tts_isnull);
	return DatumGetTextPP(DirectFunctionCall1(row_to_json, HeapTupleGetDatum(row)));
}

static bool
receiver_receive(TupleTableSlot *slot, DestReceiver *self)
{
	Receiver   *receiver = (Receiver *) self;
	MemoryContext old = MemoryContextSwitchTo(receiver->per_row);

	if (receiver->form == CF_FORM_ROWS)
	{
		cf_row_encoder_add(receiver->encoder, slot);
		if (receiver->sink != NULL)
			tuplestore_puttupleslot(receiver->sink->store, slot);
	}
	else
	{
		text	   *object = row_as_json(receiver, slot);

		appendStringInfoChar(&receiver->buf, receiver->nrows == 0 ? '[' : ',');
		appendBinaryStringInfo(&receiver->buf, VARDATA_ANY(object),
							   VARSIZE_ANY_EXHDR(object));
		if (receiver->nrows == 0)
			receiver->first_len = VARSIZE_ANY_EXHDR(object);
	}
	receiver->nrows++;
	MemoryContextSwitchTo(old);
	MemoryContextReset(receiver->per_row);
	return true;
}

static void
receiver_shutdown(DestReceiver *self)
{
}

static void
receiver_destroy(DestReceiver *self)
{
}

static void
init_receiver(Receiver *receiver, const CfRequest *request)
{
	CfForm		form = request->form;
	CfRowsSink *sink = request->rows_sink;

	MemSet(receiver, 0, sizeof(*receiver));
	receiver->pub.receiveSlot = receiver_receive;
	receiver->pub.rStartup = receiver_startup;
	receiver->pub.rShutdown = receiver_shutdown;
	receiver->pub.rDestroy = receiver_destroy;
	receiver->pub.mydest = DestNone;
	receiver->request = request;
	receiver->form = form;
	receiver->sink = sink;
	if (sink != NULL)
	{
		/* A load before this one may have failed in the middle. */
		tuplestore_clear(sink->store);
		sink->filled = false;
	}
	initStringInfo(&receiver->buf);
	receiver->per_row = AllocSetContextCreate(CurrentMemoryContext,
											  "cachefront row",
											  ALLOCSET_DEFAULT_SIZES);
	if (form == CF_FORM_ROWS)
		cf_row_encoding_begin(&receiver->buf);
}

/* Names may mean temporary objects of the session. */
static bool
has_temporary_schema(void)
{
	Oid			schema;
	Oid			toast_schema;

	GetTempNamespaceState(&schema, &toast_schema);
	return OidIsValid(schema);
}

/* Why the result must not be shared, from what was seen so far. */
static CfBypass
judge_sources(const CfRequest *request, const CfSources *sources)
{
	if (sources->temporary)
		return CF_BYPASS_TEMPORARY;
	if (request->def.scope == CF_SCOPE_SHARED && sources->has_policies)
		return CF_BYPASS_ROW_SECURITY;
	if (sources->row_security && request->def.scope != CF_SCOPE_SETTING)
		return CF_BYPASS_ROW_SECURITY;
	if ((sources->traits & CF_TRAIT_SESSION) != 0)
		return CF_BYPASS_SESSION;
	if ((sources->traits & CF_TRAIT_NAMES) != 0 && has_temporary_schema())
		return CF_BYPASS_TEMPORARY;
	if (request->def.scope == CF_SCOPE_SHARED &&
		(sources->callers_rights || (sources->traits & CF_TRAIT_RIGHTS) != 0))
		return CF_BYPASS_RIGHTS;
	return CF_BYPASS_NONE;
}

/* For cache_explain. The planner may leave nothing of 'today' but that it is past. */
static CfTraits
clock_of_words(Query *query, const char *text)
{
	CfTraitsFound found = {0};

	cf_traits_of_expr((Node *) query, &found);
	cf_traits_explain_dates(&found, text);
	return found.traits & CF_TRAIT_CLOCK;
}

/* For cache_explain: which functions bring which trait. */
static void
explain_plan(CfLoad *load, PlannedStmt *stmt, CfTraits clock)
{
	CfTraitsFound found = {.want_functions = true};

	cf_traits_of_plan(stmt, &found);
	load->sources.traits = found.traits | clock;
	load->sources.notable = found.functions;
	load->sources.others = found.others;
}

static PlannedStmt *
plan(const CfRequest *request, const char *text, ParamListInfo params, CfLoad *load,
	 bool explain)
{
	Query	   *query = cf_select_analyse(request, text);
	CfTraits	clock = explain ? clock_of_words(query, text) : 0;
	PlannedStmt *stmt;
	bool		parallel;

	cf_defined_add_query(&load->sources.defined, query);
	load->sources.temporary = cf_security_reads_temporary(query);
	if (explain)
		load->sources.opaque = cf_security_opaque_functions(query);
	load->sources.mutable = contain_mutable_functions((Node *) query);
	if (!explain && cf_traits_has_light_name(query))
		load->watch.traits |= CF_TRAIT_LIGHT_NAMES;
	/* The executor hook does not see what a user's function does in a worker. */
	parallel = !load->serial && !IsInParallelMode() && !cf_security_calls_user_function(query);
	stmt = cf_watch_plan(query, text, parallel ? CURSOR_OPT_PARALLEL_OK : 0, params);
	add_plan(load, stmt, params, explain ? PLANNED_TO_EXPLAIN : PLANNED_TO_RUN);
	cf_defined_add_plan(&load->sources.defined, stmt);
	cf_defined_add_names(&load->sources.defined, text);
	if (explain)
		explain_plan(load, stmt, clock);
	else
		cf_watch_own_plan(&load->watch, stmt);
	return stmt;
}

static void
execute(PlannedStmt *stmt, const char *text, ParamListInfo params, Receiver *receiver)
{
	QueryDesc  *desc = CreateQueryDesc(stmt, text, GetActiveSnapshot(),
									   InvalidSnapshot, &receiver->pub, params,
									   NULL, 0);

	own_query = desc;
	ExecutorStart(desc, 0);
	CF_EXECUTOR_RUN(desc);
	ExecutorFinish(desc);
	ExecutorEnd(desc);
	FreeQueryDesc(desc);
}

static void
take_value(Receiver *receiver, CfLoad *load)
{
	if (receiver->form == CF_FORM_ROWS)
		cf_row_encoding_end(&receiver->buf, receiver->nrows);
	else
		appendStringInfoString(&receiver->buf, receiver->nrows == 0 ? "[]" : "]");
	load->value = (CfValue) {
		receiver->buf.data, receiver->buf.len, receiver->first_len, receiver->nrows == 0
	};
	load->schema = receiver->schema;
	if (receiver->sink != NULL)
		receiver->sink->filled = true;
}

static void
begin_load(const CfRequest *request, CfLoad *load)
{
	MemSet(load, 0, sizeof(*load));
	load->def = &request->def;
	load->context = AllocSetContextCreate(CurrentMemoryContext, "cachefront load",
										  ALLOCSET_DEFAULT_SIZES);
	load->outer = current_load;
}

void
cf_load_begin_reading(CfLoad *load)
{
	cf_twophase_look();
	load->started = load->oldest = cf_now();
	load->stamp = cf_clock_stamp();
	load->replica = RecoveryInProgress();
	if (load->replica || cf_l2_configured())
		load->lsn = cf_position_lsn();
}

/* The clocks first, then the snapshot: rule 3 of docs/consistency.md. */
static void
read_clocks(CfLoad *load, const CfLoadHooks *hooks)
{
	cf_load_begin_reading(load);
	/* Waiters are told before definitions are read: test/model/epoch.pml. */
	if (hooks != NULL && hooks->begun != NULL)
		hooks->begun(hooks->arg);
	AcceptInvalidationMessages();
}

/*
 * What a standby's snapshot shows may be of the record that is being replayed. One that was
 * promoted meanwhile does not know what it has.
 */
void
cf_load_end_reading(CfLoad *load)
{
	if (load->lsn == 0 || load->replica != RecoveryInProgress())
		return;
	load->end = load->replica ? GetCurrentReplayRecPtr(NULL) : cf_position_lsn();
	load->incarnation = load->replica ? cf_line_at(load->end) : cf_line_mine();
}

/* A definition changed since the key was made: the rows are right, the key is not. */
static void
note_reshaped(const CfRequest *request, CfLoad *load)
{
	load->bypass = CF_BYPASS_RESHAPED;
	if (request->reshaped != NULL)
		*request->reshaped = true;
}

void
cf_load_run(const CfRequest *request, CfLoad *load, const CfLoadHooks *hooks)
{
	char	   *text = text_to_cstring(request->query);
	QueryDesc  *outer_query = own_query;
	bool		was_read_only = XactReadOnly;
	ErrorContextCallback callback;
	MemoryContext old;
	Receiver	receiver;
	instr_time	begin;
	instr_time	end;
	volatile bool complete = false;

	begin_load(request, load);
	load->serial = hooks != NULL && hooks->serial;
	load->at_commit = hooks != NULL && hooks->at_commit;
	init_receiver(&receiver, request);
	cf_request_begin_errors(&callback, request);

	cf_stats_count(request->def.stats_slot, CF_COUNT_LOADS);
	INSTR_TIME_SET_CURRENT(begin);

	PG_TRY();
	{
		ParamListInfo params;
		PlannedStmt *stmt;

		old = MemoryContextSwitchTo(load->context);
		set_current_load(load);
		own_query = NULL;
		cf_watch_begin(&load->watch, load->context);
		/* A function in the query that writes raises an error. */
		XactReadOnly = true;
		params = cf_params_list(&request->args);
		do
		{
			read_clocks(load, hooks);
			PushActiveSnapshot(GetTransactionSnapshot());
			stmt = plan(request, text, params, load, false);
			PopActiveSnapshot();
			/* Nobody has depended on a table before: what was read may be out of date. */
		} while (cf_deps_announce(request->key.dboid, load->sources.relids));

		/*
		 * Planning may have waited for the locks of a TRUNCATE, whose rows an
		 * older snapshot would not see and whose victims are gone: so, as for
		 * every statement, a new one to execute with.
		 */
		PushActiveSnapshot(GetTransactionSnapshot());
		CF_WAIT_POINT("load-after-snapshot");
		execute(stmt, text, params, &receiver);
		PopActiveSnapshot();
		cf_load_end_reading(load);
		if (CF_PLANTED(LATE_LSN))
			load->lsn = cf_position_lsn();
		if (CF_PLANTED(LATE_STAMP))
			load->stamp = cf_clock_stamp();
		MemoryContextSwitchTo(old);
		complete = true;
	}
	PG_FINALLY();
	{
		/*
		 * If its caller catches the error, nobody knows what it had read: the
		 * outer result is as little to be kept as of temporary tables.
		 */
		if (!complete && load->outer != NULL)
			load->outer->sources.temporary = true;
		XactReadOnly = was_read_only;
		cf_watch_end(&load->watch);
		set_current_load(load->outer);
		own_query = outer_query;
	}
	PG_END_TRY();

	error_context_stack = callback.previous;
	take_value(&receiver, load);
	load->sources.traits = load->watch.traits;
	load->sources.callers_rights = load->watch.callers_rights;
	/* Kept rows of a cursor are as private as a temporary table. */
	load->sources.temporary |= load->watch.may_read_held || load->watch.read_otherwise;
	if ((load->sources.traits & CF_TRAIT_LIGHT_NAMES) != 0)
		add_light_names(load);
	if (load->outer != NULL)
		add_sources(load->outer, request, load);
	if (request->shape != 0 && receiver.shape != request->shape)
		note_reshaped(request, load);
	if (load->bypass == CF_BYPASS_NONE)
		load->bypass = judge_sources(request, &load->sources);
	CF_WAIT_POINT("load-after-query");

	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, begin);
	load->load_us = (uint32) Min(INSTR_TIME_GET_MICROSEC(end), PG_UINT32_MAX);
	cf_stats_latency(CF_LATENCY_LOAD, (uint64) INSTR_TIME_GET_MICROSEC(end) * 1000);
}

void
cf_load_run_plain(const CfRequest *request, CfLoad *load)
{
	char	   *text = text_to_cstring(request->query);
	ParamListInfo params = cf_params_list(&request->args);
	bool		was_read_only = XactReadOnly;
	ErrorContextCallback callback;
	Receiver	receiver;

	begin_load(request, load);
	init_receiver(&receiver, request);
	cf_request_begin_errors(&callback, request);
	PG_TRY();
	{
		PlannedStmt *stmt;

		XactReadOnly = true;
		PushActiveSnapshot(GetTransactionSnapshot());
		stmt = pg_plan_query(cf_select_analyse(request, text), text,
							 IsInParallelMode() ? 0 : CURSOR_OPT_PARALLEL_OK, params);
		PopActiveSnapshot();
		PushActiveSnapshot(GetTransactionSnapshot());
		execute(stmt, text, params, &receiver);
		PopActiveSnapshot();
	}
	PG_FINALLY();
	{
		XactReadOnly = was_read_only;
	}
	PG_END_TRY();
	error_context_stack = callback.previous;
	take_value(&receiver, load);
}

bool
cf_load_may_read_temporary(const CfRequest *request)
{
	char	   *text = text_to_cstring(request->query);
	ErrorContextCallback callback;
	CfTraitsFound found = {0};
	Query	   *query;
	bool		may;

	cf_request_begin_errors(&callback, request);
	PushActiveSnapshot(GetTransactionSnapshot());
	query = cf_select_analyse(request, text);
	cf_traits_of_expr((Node *) query, &found);
	may = cf_security_reads_temporary(query) ||
		cf_security_opaque_functions(query) != NIL ||
		(found.traits & CF_TRAIT_NAMES) != 0;
	PopActiveSnapshot();
	error_context_stack = callback.previous;
	return may;
}

bool
cf_load_is_determined(const CfRequest *request)
{
	char	   *text = text_to_cstring(request->query);
	ErrorContextCallback callback;
	bool		determined;

	cf_request_begin_errors(&callback, request);
	PushActiveSnapshot(GetTransactionSnapshot());
	determined = cf_query_is_determined(cf_select_analyse(request, text));
	PopActiveSnapshot();
	error_context_stack = callback.previous;
	return determined;
}

/* As EXPLAIN does: everything is looked up and checked, nothing runs. */
bool
cf_load_check_rights(const CfRequest *request)
{
	char	   *text = text_to_cstring(request->query);
	ParamListInfo params = cf_params_list(&request->args);
	ErrorContextCallback callback;
	PlannedStmt *stmt;
	QueryDesc  *desc;
	CfLoad		load;

	begin_load(request, &load);
	cf_request_begin_errors(&callback, request);

	PushActiveSnapshot(GetTransactionSnapshot());
	/* What may be shared at all was found out by who loaded. */
	stmt = plan(request, text, params, &load, false);
	desc = CreateQueryDesc(stmt, text, GetActiveSnapshot(), InvalidSnapshot,
						   None_Receiver, params, NULL, 0);
	ExecutorStart(desc, EXEC_FLAG_EXPLAIN_ONLY);
	ExecutorEnd(desc);
	FreeQueryDesc(desc);
	PopActiveSnapshot();
	error_context_stack = callback.previous;
	return judge_sources(request, &load.sources) == CF_BYPASS_NONE;
}

void
cf_load_examine(const CfRequest *request, CfLoad *load)
{
	char	   *text = text_to_cstring(request->query);
	ErrorContextCallback callback;

	begin_load(request, load);
	cf_request_begin_errors(&callback, request);

	PushActiveSnapshot(GetTransactionSnapshot());
	cf_pins_note(true);
	(void) plan(request, text, cf_params_list(&request->args), load, true);
	cf_pins_note(current_load != NULL);
	PopActiveSnapshot();
	error_context_stack = callback.previous;
	load->bypass = judge_sources(request, &load->sources);
}
