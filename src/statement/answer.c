/*
 * answer.c - looks for a statement's rows.
 *
 * A statement sees its own snapshot, whoever took it: so a hit must be what that shows.
 * The snapshot that only this statement uses was taken a moment ago, and whoever gets a
 * result of now instead can not tell. One that an enclosing statement uses as well, a
 * function's or a cursor's, is kept: then every change that the entry depends on must
 * precede it, as for REPEATABLE READ.
 *
 * Locking: none of its own.
 *
 * src/statement/answer.c
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "base/debug_point.h"
#include "base/guc.h"
#include "base/position.h"
#include "engine/marker.h"
#include "engine/policy.h"
#include "l1/table.h"
#include "request/identity.h"
#include "statement/answer_internal.h"
#include "statement/eligible.h"
#include "statement/mark.h"

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

	answer->tree = statement->tree;
	if (!cf_hash128_equal(&statement->settings, &answer->settings))
		cf_hash128_add(&answer->tree, &statement->settings, sizeof(statement->settings));
	/* A function that the planner has taken apart may not be called by everybody. */
	if (statement->watched && statement->planned_by != GetUserId())
		cf_hash128_add_u64(&answer->tree, statement->planned_by);
	/* Where nobody is told of a notice, nobody knows that there was one. */
	if (client_min_messages > NOTICE)
		cf_hash128_add_u64(&answer->tree, (uint64) client_min_messages);
}

void
cf_answer_define(const CfStatement *statement, CfRequest *request)
{
	CfDefinition *def = &request->def;

	cf_request_define(request);
	/* What fails, fails; what is past its time is loaded. */
	def->stale_ttl = 0;
	if (unlikely(statement->max_stale_defined))
		def->max_stale = statement->max_stale;
	/* The setting is not of plain statements. */
	else if (!def->max_stale_defined)
		def->max_stale = 0;
}

/* The answer's settings are there. False: a parameter is not. */
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
	request->tags = cf_mark_tags(statement->tags);
	if (!take_params(statement, params, &answer->room, &request->args))
		return false;
	cf_answer_define(statement, request);
	/* Rights on functions are asked for when they are made ready: of a hit, nobody's are. */
	if (statement->by_role && request->def.scope == CF_SCOPE_SHARED)
		return false;
	/* What names in functions mean shows only when they run. */
	if (statement->watched && cf_eligible_means_temporary())
		return false;
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

bool
cf_answer_is_same_snapshot(Snapshot a, Snapshot b)
{
	return a->xmin == b->xmin && a->xmax == b->xmax && a->xcnt == b->xcnt &&
		a->subxcnt == b->subxcnt && a->suboverflowed == b->suboverflowed &&
		a->takenDuringRecovery == b->takenDuringRecovery &&
		are_same_xids(a->xip, b->xip, a->xcnt) && are_same_xids(a->subxip, b->subxip, a->subxcnt);
}

/* See answer_internal.h. */
CfIdentity
cf_answer_ghost(const CfRequest *request)
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
needed_proof(const CfAnswer *answer, Snapshot snapshot, CfL1Proof *proof, bool *needed)
{
	bool		old = !answer->own_snapshot && cf_policy_can_prove(snapshot);

	MemSet(proof, 0, sizeof(*proof));
	*needed = cf_policy_has_written() || old;
	if (!cf_policy_prove_own(proof))
		return false;
	if (old)
		proof->xmin = cf_position_widen(snapshot->xmin);
	return true;
}

/*
 * Does a hit show what the snapshot does? By the proof, or if it is the statement's own. Else,
 * where clocks know nothing of what the snapshot shows: if one that is taken after the look
 * is the same, then what is shown now is what was shown then. Rule 62.
 */
static bool
fits_snapshot(const CfAnswer *answer, Snapshot snapshot)
{
	return answer->own_snapshot || cf_policy_can_prove(snapshot) ||
		cf_answer_is_same_snapshot(snapshot, GetLatestSnapshot());
}

static CfL1Status
get_once(const CfRequest *request, const CfIdentity *id, CfL1Part part,
		 const CfL1Proof *proof, CfL1Result *result)
{
	CfL1Ask		ask = {
		.part = part,
		.now = cf_now(),
		.limits = request->limits,
		.proof = proof,
	};
	CfL1Status	status = cf_l1_get_within(&request->key, id, &ask, result);

	if (unlikely(result->behind))
		cf_stats_count(request->def.stats_slot, CF_COUNT_STANDBY_BEHIND);
	return status;
}

bool
cf_answer_get(CfRequest *request, CfL1Part part, const CfL1Proof *proof, CfL1Result *result)
{
	CfL1Status	status;

	do
		status = get_once(request, &request->id, part, proof, result);
	while (unlikely(status == CF_L1_MARKED) && cf_marker_follow(request, result->marker));
	return status == CF_L1_HIT && !result->no_memory;
}

static bool
look(CfAnswer *answer, Snapshot snapshot)
{
	CfRequest  *request = &answer->request;
	CfL1Result	result;
	CfL1Proof	proof;
	bool		needed;

	if (!needed_proof(answer, snapshot, &proof, &needed))
	{
		cf_policy_count(request, CF_BYPASS_OWN_WRITES);
		return false;
	}
	if (!cf_answer_get(request, CF_L1_PART_ALL, needed ? &proof : NULL, &result))
		return false;
	if (!fits_snapshot(answer, snapshot))
	{
		cf_policy_count(request, CF_BYPASS_REPEATABLE_READ);
		pfree(result.value);
		return false;
	}
	count(answer, CF_COUNT_L1_HITS);
	if (result.negative)
		count(answer, CF_COUNT_NEGATIVE_HITS);
	cf_answer_choose(answer, &result);
	return true;
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
		!cf_load_active();
}

static bool
ask_under_settings_of_now(CfAnswer *answer, ParamListInfo params)
{
	answer->settings = cf_identity_of_settings();
	return make_request(answer, params);
}

bool
cf_answer_is_there(const CfStatement *statement, ParamListInfo params)
{
	CfAnswer	answer = {.statement = statement, .settings = statement->settings};
	CfL1Result	result;

	return may_look() && make_request(&answer, params) &&
		cf_answer_get(&answer.request, CF_L1_PART_NONE, NULL, &result);
}

bool
cf_answer_examine(CfAnswer *answer, const CfStatement *statement, ParamListInfo params,
				  CfL1Status *status, CfL1Result *result)
{
	CfRequest  *request = &answer->request;
	CfL1Ask		ask = {.part = CF_L1_PART_NONE};

	MemSet(answer, 0, sizeof(*answer));
	answer->statement = statement;
	if (!ask_under_settings_of_now(answer, params))
		return false;
	ask.now = cf_now();
	ask.limits = request->limits;
	*status = cf_l1_get_within(&request->key, &request->id, &ask, result);
	return true;
}

/* Was the answer asked for before, and is it what it was? */
static CfSight
sight_of(CfAnswer *answer)
{
	CfIdentity	id = cf_answer_ghost(&answer->request);
	CfL1Result	result;

	if (!cf_shape_saw(&id.hash))
		return CF_SIGHT_FIRST;
	return get_once(&answer->request, &id, CF_L1_PART_NONE, NULL, &result) == CF_L1_HIT ?
		CF_SIGHT_WOULD_HIT : CF_SIGHT_OUTDATED;
}

void
cf_answer_begin(CfAnswer *answer, const CfStatement *statement, TupleDesc desc, EState *estate)
{
	answer->statement = statement;
	answer->desc = desc;
	answer->serving = serving(answer);
	if (answer->serving == CF_SERVE_NOT || !may_look() ||
		!ask_under_settings_of_now(answer, estate->es_param_list_info))
	{
		answer->shape = NULL;
		return;
	}
	answer->asked = true;
	answer->own_snapshot = is_own_snapshot(estate->es_snapshot);
	CF_WAIT_POINT("statement-begins");
	answer->message = GetCurrentStatementStartTimestamp();
	answer->messages = client_min_messages;
	if (answer->serving != CF_SERVE_OBSERVE)
	{
		count(answer, CF_COUNT_FETCHES);
		if (look(answer, estate->es_snapshot))
		{
			if (answer->shape != NULL && answer->hit)
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
cf_answer_rows_begin(CfAnswerRows *rows, const char *value)
{
	memcpy(&rows->count, value, sizeof(uint32));
	rows->first = rows->next = value + sizeof(uint32);
	rows->at = -1;
	rows->places = NULL;
}

void
cf_answer_rows(const CfAnswer *answer, CfAnswerRows *rows)
{
	cf_answer_rows_begin(rows, VARDATA(answer->value));
}

MinimalTuple
cf_answer_next(CfAnswerRows *rows)
{
	MinimalTuple tuple = (MinimalTuple) rows->next;

	if (rows->at >= (int64) rows->count || ++rows->at == (int64) rows->count)
		return NULL;
	if (unlikely(rows->places != NULL))
		return rows->places[rows->at];
	rows->next += MAXALIGN(tuple->t_len);
	return tuple;
}

static void
find_places(CfAnswerRows *rows)
{
	const char *next = rows->first;

	rows->places = palloc(Max(rows->count, 1) * sizeof(MinimalTuple));
	for (uint32 i = 0; i < rows->count; i++)
	{
		rows->places[i] = (MinimalTuple) next;
		next += MAXALIGN(rows->places[i]->t_len);
	}
}

MinimalTuple
cf_answer_back(CfAnswerRows *rows)
{
	if (rows->places == NULL)
		find_places(rows);
	if (rows->at < 0 || --rows->at < 0)
		return NULL;
	return rows->places[rows->at];
}
