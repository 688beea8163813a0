/*
 * shape.c - measures shapes of statements, and decides which are served.
 *
 * A shape begins with a trial: it is served like any that pays, and what that saves is
 * counted. After so many executions it is known what an execution saves: the share of
 * those that were, or could have been, answered from the cache, times what a run
 * costs. If that is below cachefront.transparent_min_saving the shape is left alone, and
 * tried again later: after a minute, then after twice as long each time. One that pays is
 * judged again and again in the same way.
 *
 * src/statement/shape.c
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_class.h"
#include "common/hashfn.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "port/atomics.h"
#include "utils/lsyscache.h"

#include "base/debug_point.h"
#include "base/guc.h"
#include "base/shmem.h"
#include "statement/shape.h"

#define CF_SHAPES 1024
#define CF_SHAPE_WAYS 8			/* places for one number */
#define CF_SHAPE_SIGHTS 65536	/* answers that were asked for lately */
#define CF_TRIAL 64				/* executions */
#define CF_WINDOW 1024			/* executions of one that pays, until it is judged again */
#define CF_FIRST_RETRY (60 * USECS_PER_SEC)
#define CF_LAST_RETRY (3600 * USECS_PER_SEC)
#define CF_HITS_SAMPLED 8		/* one hit in so many is counted, for so many */

struct CfSharedShape
{
	pg_atomic_uint64 number;	/* with the database's mixed in; 0: free */
	pg_atomic_uint32 verdict;
	pg_atomic_uint64 last_seen;
	pg_atomic_uint64 retry_at;
	pg_atomic_uint64 sights[CF_SIGHT_HIT + 1];
	pg_atomic_uint64 runs;
	pg_atomic_uint64 us;
	pg_atomic_uint64 rows;
	pg_atomic_uint64 bytes;
	pg_atomic_uint64 largest;

	/* since it was judged last */
	pg_atomic_uint32 window;	/* executions */
	pg_atomic_uint32 window_hits;
	pg_atomic_uint32 window_runs;
	pg_atomic_uint64 window_us;

	/* Protected by the lock */
	Oid			dboid;
	Oid			relid;			/* the first table that it reads */
	CfEligibility reason;
	int64		retry;			/* us until the next trial but one */
	TimestampTz since;
	int			text_len;
	char		text[CF_SHAPE_TEXT];
};

typedef struct Shared
{
	pg_atomic_uint32 sight[CF_SHAPE_SIGHTS];
	CfSharedShape shape[CF_SHAPES];
} Shared;

static Shared *shared = NULL;
static LWLock *shapes_lock = NULL;

/* ---- numbers ------------------------------------------------------------ */

typedef struct Mixer
{
	uint64		hash;
	Oid			relid;
} Mixer;

static void
mix(Mixer *mixer, uint64 value)
{
	mixer->hash = (mixer->hash ^ value) * UINT64CONST(0x9e3779b97f4a7c15);
	mixer->hash ^= mixer->hash >> 29;
}

/*
 * By its name, for that is the same whether a value is a smallint or an integer, as drivers
 * say it now and then. Those that came with PostgreSQL keep their names.
 */
static uint64
operator_number(Oid operator)
{
	static struct
	{
		Oid			operator;
		uint32		name;
	}			known[256];
	int			place = operator % lengthof(known);
	char	   *name;

	if (operator >= FirstNormalObjectId)
		return operator;
	if (known[place].operator == operator)
		return known[place].name;
	name = get_opname(operator);
	if (name == NULL)
		return operator;
	known[place].name = string_hash(name, NAMEDATALEN);
	known[place].operator = operator;
	pfree(name);
	return known[place].name;
}

/* What tells statements apart beside the kind of each node. */
static uint64
essence(const Node *node)
{
	switch (nodeTag(node))
	{
		case T_Var:
			return ((uint64) ((const Var *) node)->varno << 32) |
				(uint16) ((const Var *) node)->varattno;
		case T_OpExpr:
		case T_DistinctExpr:
		case T_NullIfExpr:
			return operator_number(((const OpExpr *) node)->opno);
		case T_ScalarArrayOpExpr:
			return operator_number(((const ScalarArrayOpExpr *) node)->opno) << 1 |
				((const ScalarArrayOpExpr *) node)->useOr;
		case T_FuncExpr:
			return ((const FuncExpr *) node)->funcid;
		case T_Aggref:
			return ((const Aggref *) node)->aggfnoid;
		case T_WindowFunc:
			return ((const WindowFunc *) node)->winfnoid;
		case T_BoolExpr:
			return ((const BoolExpr *) node)->boolop;
		case T_NullTest:
			return ((const NullTest *) node)->nulltesttype;
		case T_BooleanTest:
			return ((const BooleanTest *) node)->booltesttype;
		case T_SubLink:
			return ((const SubLink *) node)->subLinkType;
		case T_RelabelType:
			return ((const RelabelType *) node)->resulttype;
		case T_CoerceViaIO:
			return ((const CoerceViaIO *) node)->resulttype;
		case T_MinMaxExpr:
			return ((const MinMaxExpr *) node)->op;
		case T_SQLValueFunction:
			return ((const SQLValueFunction *) node)->op;
		case T_JoinExpr:
			return ((const JoinExpr *) node)->jointype;
		case T_SetOperationStmt:
			return ((uint64) ((const SetOperationStmt *) node)->op << 1) |
				((const SetOperationStmt *) node)->all;
		case T_GroupingSet:
			return ((const GroupingSet *) node)->kind;
		case T_SortGroupClause:
			return ((uint64) ((const SortGroupClause *) node)->sortop << 1) |
				((const SortGroupClause *) node)->nulls_first;
		case T_Query:
			return ((uint64) ((const Query *) node)->limitOption << 2) |
				(((const Query *) node)->distinctClause != NIL ? 2 : 0) |
				((const Query *) node)->hasDistinctOn;
		default:
			return 0;
	}
}

static bool is_constant(const Node *node);

static bool
are_constant(const List *nodes)
{
	ListCell   *cell;

	foreach(cell, nodes)
	{
		if (!is_constant(lfirst(cell)))
			return false;
	}
	return true;
}

/*
 * A constant and a parameter are the same, with or without a cast, for what a driver says of a
 * value's type is its own matter; and so are lists of them, of whatever length.
 */
static bool
is_constant(const Node *node)
{
	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_Const:
			return true;
		case T_Param:
			return ((const Param *) node)->paramkind == PARAM_EXTERN;
		case T_RelabelType:
			return is_constant((Node *) ((const RelabelType *) node)->arg);
		case T_CoerceViaIO:
			return is_constant((Node *) ((const CoerceViaIO *) node)->arg);
		case T_ArrayCoerceExpr:
			return is_constant((Node *) ((const ArrayCoerceExpr *) node)->arg);
		case T_CoerceToDomain:
			return is_constant((Node *) ((const CoerceToDomain *) node)->arg);
		case T_ArrayExpr:
			return ((const ArrayExpr *) node)->elements != NIL &&
				are_constant(((const ArrayExpr *) node)->elements);
		case T_FuncExpr:
			return (((const FuncExpr *) node)->funcformat == COERCE_EXPLICIT_CAST ||
					((const FuncExpr *) node)->funcformat == COERCE_IMPLICIT_CAST) &&
				are_constant(((const FuncExpr *) node)->args);
		default:
			return false;
	}
}

static bool number_walker(Node *node, void *context);

/* Without policies, which depend on who asks. */
static void
add_range(const RangeTblEntry *rte, Mixer *mixer)
{
	if (!OidIsValid(mixer->relid) && rte->relkind != RELKIND_VIEW)
		mixer->relid = rte->relid;
	mix(mixer, ((uint64) rte->rtekind << 32) | rte->relid);
	mix(mixer, rte->ctelevelsup);
	(void) number_walker((Node *) rte->tablesample, mixer);
	(void) number_walker((Node *) rte->subquery, mixer);
	(void) number_walker((Node *) rte->functions, mixer);
	(void) number_walker((Node *) rte->tablefunc, mixer);
	(void) number_walker((Node *) rte->values_lists, mixer);
}

static bool
number_walker(Node *node, void *context)
{
	Mixer	   *mixer = context;
	ListCell   *cell;

	if (node == NULL)
		return false;
	if (is_constant(node))
	{
		mix(mixer, T_Const);
		return false;
	}
	mix(mixer, ((uint64) essence(node) << 16) ^ nodeTag(node));
	if (!IsA(node, Query))
		return expression_tree_walker(node, number_walker, context);
	foreach(cell, ((Query *) node)->rtable)
		add_range(lfirst_node(RangeTblEntry, cell), mixer);
	return query_tree_walker((Query *) node, number_walker, context,
							 QTW_IGNORE_RANGE_TABLE | QTW_EXAMINE_SORTGROUP);
}

uint64
cf_shape_number(const Query *query, Oid *relid)
{
	Mixer		mixer = {.hash = MyDatabaseId};

	(void) number_walker((Node *) query, &mixer);
	*relid = mixer.relid;
	return Max(mixer.hash, 1);
}

/* ---- places ------------------------------------------------------------- */

static CfSharedShape *
ways_of(uint64 number)
{
	return &shared->shape[(number >> 7) % (CF_SHAPES / CF_SHAPE_WAYS) * CF_SHAPE_WAYS];
}

CfSharedShape *
cf_shape_find(uint64 number)
{
	CfSharedShape *ways = ways_of(number);

	for (int i = 0; i < CF_SHAPE_WAYS; i++)
	{
		if (pg_atomic_read_u64(&ways[i].number) == number)
			return &ways[i];
	}
	return NULL;
}

static void
begin_window(CfSharedShape *shape)
{
	pg_atomic_write_u32(&shape->window, 0);
	pg_atomic_write_u32(&shape->window_hits, 0);
	pg_atomic_write_u32(&shape->window_runs, 0);
	pg_atomic_write_u64(&shape->window_us, 0);
}

static void
clear(CfSharedShape *shape)
{
	for (int i = 0; i < lengthof(shape->sights); i++)
		pg_atomic_write_u64(&shape->sights[i], 0);
	pg_atomic_write_u64(&shape->runs, 0);
	pg_atomic_write_u64(&shape->us, 0);
	pg_atomic_write_u64(&shape->rows, 0);
	pg_atomic_write_u64(&shape->bytes, 0);
	pg_atomic_write_u64(&shape->largest, 0);
	pg_atomic_write_u64(&shape->retry_at, 0);
	pg_atomic_write_u32(&shape->verdict, CF_VERDICT_TRIAL);
	begin_window(shape);
}

static CfSharedShape *
take_place(uint64 number, Oid relid, const char *text, int len)
{
	CfSharedShape *ways = ways_of(number);
	CfSharedShape *place = &ways[0];

	for (int i = 1; i < CF_SHAPE_WAYS; i++)
	{
		if (pg_atomic_read_u64(&ways[i].last_seen) < pg_atomic_read_u64(&place->last_seen))
			place = &ways[i];
	}
	pg_atomic_write_u64(&place->number, 0);
	clear(place);
	place->dboid = MyDatabaseId;
	place->relid = relid;
	place->reason = CF_ELIGIBLE;
	place->retry = CF_FIRST_RETRY;
	place->since = GetCurrentTimestamp();
	place->text_len = pg_mbcliplen(text, len, sizeof(place->text));
	memcpy(place->text, text, place->text_len);
	pg_atomic_write_u64(&place->number, number);
	return place;
}

CfSharedShape *
cf_shape_see(uint64 number, Oid relid, const char *text, int len)
{
	CfSharedShape *shape = cf_shape_find(number);

	if (shape == NULL)
	{
		LWLockAcquire(shapes_lock, LW_EXCLUSIVE);
		shape = cf_shape_find(number);
		if (shape == NULL)
			shape = take_place(number, relid, text, len);
		LWLockRelease(shapes_lock);
	}
	pg_atomic_write_u64(&shape->last_seen, (uint64) cf_now());
	return shape;
}

bool
cf_shape_saw(const CfHash128 *identity)
{
	pg_atomic_uint32 *slot = &shared->sight[identity->h[0] % CF_SHAPE_SIGHTS];
	uint32		print = (uint32) (identity->h[1] >> 32) | 1;

	return pg_atomic_exchange_u32(slot, print) == print;
}

/* ---- verdicts ----------------------------------------------------------- */

bool
cf_shape_is_served(CfSharedShape *shape)
{
	uint64		retry_at;

	switch ((CfVerdict) pg_atomic_read_u32(&shape->verdict))
	{
		case CF_VERDICT_TRIAL:
		case CF_VERDICT_PAYS:
			return true;
		case CF_VERDICT_PAYS_NOT:
		case CF_VERDICT_INELIGIBLE:
			break;
	}
	retry_at = pg_atomic_read_u64(&shape->retry_at);
	if (cf_guc_transparent_min_saving > 0 && (uint64) cf_now() < retry_at)
		return false;
	begin_window(shape);
	pg_atomic_write_u32(&shape->verdict, CF_VERDICT_TRIAL);
	return true;
}

bool
cf_shape_is_on_trial(CfSharedShape *shape)
{
	return pg_atomic_read_u32(&shape->verdict) == CF_VERDICT_TRIAL;
}

CfVerdict
cf_shape_verdict(const CfSharedShape *shape, CfEligibility *why)
{
	LWLockAcquire(shapes_lock, LW_SHARED);
	*why = shape->reason;
	LWLockRelease(shapes_lock);
	return (CfVerdict) pg_atomic_read_u32(unconstify(pg_atomic_uint32 *, &shape->verdict));
}

/* For longer each time. */
static void
leave_alone(CfSharedShape *shape, CfVerdict verdict, CfEligibility reason)
{
	LWLockAcquire(shapes_lock, LW_EXCLUSIVE);
	shape->reason = reason;
	pg_atomic_write_u64(&shape->retry_at, (uint64) (cf_now() + shape->retry));
	shape->retry = Min(2 * shape->retry, CF_LAST_RETRY);
	pg_atomic_write_u32(&shape->verdict, verdict);
	LWLockRelease(shapes_lock);
}

void
cf_shape_refuse(CfSharedShape *shape, CfEligibility why)
{
	if (pg_atomic_read_u32(&shape->verdict) != CF_VERDICT_INELIGIBLE)
		leave_alone(shape, CF_VERDICT_INELIGIBLE, why);
}

/* What an execution saves, in microseconds, as far as the window shows. */
static double
saving(CfSharedShape *shape, uint32 window)
{
	uint32		runs = pg_atomic_read_u32(&shape->window_runs);
	double		cost;

	/* Where all were hits, what runs took before counts. */
	if (runs > 0)
		cost = (double) pg_atomic_read_u64(&shape->window_us) / runs;
	else
		cost = (double) pg_atomic_read_u64(&shape->us) / Max(pg_atomic_read_u64(&shape->runs), 1);
	return cost * pg_atomic_read_u32(&shape->window_hits) / window;
}

static void
judge(CfSharedShape *shape, uint32 window)
{
	bool		pays = saving(shape, window) >= cf_guc_transparent_min_saving;

	begin_window(shape);
	if (pays)
		pg_atomic_write_u32(&shape->verdict, CF_VERDICT_PAYS);
	else
		leave_alone(shape, CF_VERDICT_PAYS_NOT, CF_ELIGIBLE);
}

static void
note_run(CfSharedShape *shape, uint64 us, uint64 rows, uint64 bytes)
{
	pg_atomic_fetch_add_u64(&shape->runs, 1);
	pg_atomic_fetch_add_u64(&shape->us, us);
	pg_atomic_fetch_add_u64(&shape->rows, rows);
	pg_atomic_fetch_add_u64(&shape->bytes, bytes);
	if (bytes > pg_atomic_read_u64(&shape->largest))
		pg_atomic_write_u64(&shape->largest, bytes);
	pg_atomic_fetch_add_u64(&shape->window_us, us);
	pg_atomic_fetch_add_u32(&shape->window_runs, 1);
}

void
cf_shape_note(CfSharedShape *shape, CfSight sight, uint64 us, uint64 rows, uint64 bytes)
{
	static uint32 hits = 0;
	uint32		weight = 1;
	uint32		window;
	bool		trial = pg_atomic_read_u32(&shape->verdict) == CF_VERDICT_TRIAL;

	if (sight == CF_SIGHT_HIT && !trial)
	{
		if (++hits % CF_HITS_SAMPLED != 0)
			return;
		weight = CF_HITS_SAMPLED;
	}
	pg_atomic_fetch_add_u64(&shape->sights[sight], weight);
	if (sight != CF_SIGHT_HIT)
		note_run(shape, us, rows, bytes);
	if (sight >= CF_SIGHT_WOULD_HIT)
		pg_atomic_fetch_add_u32(&shape->window_hits, weight);
	window = pg_atomic_add_fetch_u32(&shape->window, weight);
	if (cf_guc_transparent_min_saving > 0 && window >= (trial ? CF_TRIAL : CF_WINDOW))
		judge(shape, window);
}

/* ---- shared memory and reports ------------------------------------------ */

int
cf_shape_max(void)
{
	return CF_SHAPES;
}

bool
cf_shape_info(int i, CfShapeInfo *info)
{
	CfSharedShape *shape = &shared->shape[i];

	LWLockAcquire(shapes_lock, LW_SHARED);
	info->number = pg_atomic_read_u64(&shape->number);
	info->dboid = shape->dboid;
	info->relid = shape->relid;
	info->verdict = (CfVerdict) pg_atomic_read_u32(&shape->verdict);
	info->reason = shape->reason;
	info->since = shape->since;
	info->text_len = shape->text_len;
	memcpy(info->text, shape->text, shape->text_len);
	LWLockRelease(shapes_lock);
	for (int k = 0; k < lengthof(info->sights); k++)
		info->sights[k] = pg_atomic_read_u64(&shape->sights[k]);
	info->runs = pg_atomic_read_u64(&shape->runs);
	info->us = pg_atomic_read_u64(&shape->us);
	info->rows = pg_atomic_read_u64(&shape->rows);
	info->bytes = pg_atomic_read_u64(&shape->bytes);
	info->largest = pg_atomic_read_u64(&shape->largest);
	return info->number != 0;
}

void
cf_shape_reset(void)
{
	LWLockAcquire(shapes_lock, LW_EXCLUSIVE);
	for (int i = 0; i < CF_SHAPES; i++)
	{
		pg_atomic_write_u64(&shared->shape[i].number, 0);
		pg_atomic_write_u64(&shared->shape[i].last_seen, 0);
	}
	LWLockRelease(shapes_lock);
}

static Size
shape_shmem_size(void)
{
	return sizeof(Shared);
}

static void
shape_shmem_init(void *memory, LWLockPadded *locks)
{
	Shared	   *new = memory;

	for (int i = 0; i < CF_SHAPE_SIGHTS; i++)
		pg_atomic_init_u32(&new->sight[i], 0);
	for (int i = 0; i < CF_SHAPES; i++)
	{
		CfSharedShape *shape = &new->shape[i];

		pg_atomic_init_u64(&shape->number, 0);
		pg_atomic_init_u32(&shape->verdict, CF_VERDICT_TRIAL);
		pg_atomic_init_u64(&shape->last_seen, 0);
		pg_atomic_init_u64(&shape->retry_at, 0);
		for (int k = 0; k < lengthof(shape->sights); k++)
			pg_atomic_init_u64(&shape->sights[k], 0);
		pg_atomic_init_u64(&shape->runs, 0);
		pg_atomic_init_u64(&shape->us, 0);
		pg_atomic_init_u64(&shape->rows, 0);
		pg_atomic_init_u64(&shape->bytes, 0);
		pg_atomic_init_u64(&shape->largest, 0);
		pg_atomic_init_u32(&shape->window, 0);
		pg_atomic_init_u32(&shape->window_hits, 0);
		pg_atomic_init_u32(&shape->window_runs, 0);
		pg_atomic_init_u64(&shape->window_us, 0);
	}
}

static void
shape_shmem_attach(void *memory, LWLockPadded *locks)
{
	shared = memory;
	shapes_lock = &locks[0].lock;
}

void
cf_shape_register(void)
{
	static const CfShmemSegment segment = {
		.name = "cachefront_shapes",
		.nlocks = 1,
		.size = shape_shmem_size,
		.init = shape_shmem_init,
		.attach = shape_shmem_attach,
	};

	cf_shmem_register(&segment);
}
